//! SMART's scopes, and whose compartments records are in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

mod against_store;
mod clinic;
mod compartment;
#[path = "../fhir/corpus.rs"]
mod corpus;
mod matching;
mod policy;
mod properties;
mod scopes;
