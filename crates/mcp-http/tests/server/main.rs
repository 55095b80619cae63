//! The service as clients see it: bytes in, bytes out.
#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[cfg(feature = "compression")]
mod compression;
mod disconnects;
mod documents;
mod extensions;
mod framing;
mod lists;
mod mirrored_headers;
mod mounting;
mod rounds;
mod same_messages;
mod shutdown;
mod statuses;
mod streams;
mod support;
