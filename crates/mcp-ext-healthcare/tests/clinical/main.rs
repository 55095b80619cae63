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
#[cfg(feature = "upstream")]
#[path = "../upstream/fake.rs"]
#[allow(dead_code, reason = "other test programs use the rest")]
mod fake;
mod summaries;
mod terminology;
mod valid;
mod world;

/// A text that must not be seen.
#[cfg(feature = "upstream")]
pub(crate) const PLANTED: &str = "Zanzibar-Planted";
