//! The client, against servers that are hand-written bytes and against our own server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod cache;
#[cfg(feature = "process")]
mod child;
mod extensions;
mod hostile;
mod lines;
mod lists;
mod memory;
mod requests;
mod rounds;
mod subscriptions;
mod support;
mod time;
mod tools;
