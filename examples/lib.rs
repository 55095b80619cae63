//! The examples are programs of their own: `cargo run --example docs-server -- <folder>`. What several of them share is here.
#![forbid(unsafe_code)]

pub mod clinic;
