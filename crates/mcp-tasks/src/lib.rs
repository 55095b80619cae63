//! Long-running tool calls that survive.
#![forbid(unsafe_code)]

pub mod protocol;
pub mod store;
