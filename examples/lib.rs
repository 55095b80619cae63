//! The examples are programs of their own: `cargo run --example docs-server -- <folder>`.
#![forbid(unsafe_code)]
