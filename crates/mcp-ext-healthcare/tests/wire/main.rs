//! The extension over the wire: JSON in, JSON out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

mod audit;
mod breaking;
mod calls;
mod client;
mod disclosing;
mod negotiation;
mod privacy;
mod properties;
mod suite;
mod world;
