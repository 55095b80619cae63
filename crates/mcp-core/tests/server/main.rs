//! What a server offers, by the pages of the specification: text in, text out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod capabilities;
mod completion;
mod lists;
mod prompts;
mod resources;
mod sampling;
mod tools;
