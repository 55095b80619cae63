//! What a server says, message by message, whatever carries it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod cancellation;
mod codes;
mod custom_transport;
mod every_method;
mod framing;
mod messages;
mod metadata;
mod progress;
mod questions;
#[cfg(feature = "validation")]
mod schemas;
mod states;
#[cfg(feature = "stdio")]
mod stdout;
mod subscriptions;
mod support;
