//! The safe fetcher against a network that means harm.
#![allow(clippy::unwrap_used)]

mod support;

mod addresses;
mod answers;
mod caching;
mod limits;
mod redirects;
mod sockets;
