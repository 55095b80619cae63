//! What is measured on every official example of R4 and R5.
//!
//! `cargo xtask test` downloads them (`cargo xtask peers` does so alone). Without them these tests say so and end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

mod corpus;
mod definitions;
mod pass_through;
