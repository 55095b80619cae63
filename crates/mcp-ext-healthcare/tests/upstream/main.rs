//! Records of FHIR servers: honest ones, and those that are not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

#[path = "../fhir/corpus.rs"]
mod corpus;
mod facade;
mod fake;
mod honest;
#[allow(dead_code, reason = "shared with the tests of records")]
#[path = "../records/hospital.rs"]
mod hospital;
mod hostile;
mod isolation;
#[path = "../records/loaded.rs"]
mod loaded;
#[path = "../records/random.rs"]
mod random;
mod served;

/// Stands in what servers say, and must not stand in what is said of it.
const PLANTED: &str = "Plantagenet";
