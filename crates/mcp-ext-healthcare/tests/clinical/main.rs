//! Terminology, summaries, drafts and decision support, on the official examples.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

#[path = "../fhir/corpus.rs"]
mod corpus;
#[cfg(feature = "upstream")]
mod decisions;
mod drafting;
mod summaries;
mod terminology;
mod valid;
mod world;
