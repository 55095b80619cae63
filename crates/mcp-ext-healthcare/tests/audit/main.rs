//! What each access leaves: SPEC.md, section 8.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod getting;
mod killed;
mod properties;
mod shape;
mod world;
