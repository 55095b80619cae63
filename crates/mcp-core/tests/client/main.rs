//! The client, against servers that are hand-written bytes and against our own server.

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
