//! The client, against servers that are hand-written bytes and against our own server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod cache;
#[cfg(all(feature = "process", feature = "stdio"))]
mod child;
mod elicitation;
mod extensions;
mod freshness;
mod hostile;
mod lines;
mod lists;
mod logs;
mod memory;
mod outgoing;
mod pages;
mod prompts;
mod requests;
mod roots;
mod rounds;
mod sampling;
mod schemas;
mod subscriptions;
mod support;
mod time;
mod tools;
