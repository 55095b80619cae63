//! De-identification, on cases, on every official example of R4 and R5, and on resources that have every element.
//!
//! `cargo xtask test` downloads the examples (`cargo xtask peers` does so alone). Without them those tests say so and end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

mod cases;
#[path = "../fhir/corpus.rs"]
mod corpus;
mod examples;
mod known;
mod planting;
mod pseudonyms;
mod served;
mod whole;
#[path = "../wire/world.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod world;
