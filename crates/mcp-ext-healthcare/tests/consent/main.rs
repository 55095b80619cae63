//! What patients consented to: SPEC.md, section 9.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod cases;
mod clinic;
#[path = "../fhir/corpus.rs"]
mod corpus;
mod enforcing;
mod evaluating;
mod examples;
mod properties;
mod world;
