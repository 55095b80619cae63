//! The client transport as servers see it, and answers as servers may give them.
#![cfg(feature = "client")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod annotations;
mod answers;
mod names;
mod parameters;
mod recorder;
mod requests;
mod resolver;
