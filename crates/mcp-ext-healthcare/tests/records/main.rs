//! Records in memory, and what tools give of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

#[path = "../fhir/corpus.rs"]
mod corpus;
mod examples;
mod giving;
mod hospital;
mod isolation;
mod loaded;
mod loading;
mod random;
mod searching;
