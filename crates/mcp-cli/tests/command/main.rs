//! The command as people and scripts run it: a process, against servers that are processes or sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod calls;
mod hostile;
mod identity;
mod keys;
mod receipts;
mod support;
#[cfg(unix)]
mod terminal;
