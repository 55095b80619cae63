//! The fixtures that the official conformance suite drives: a server with the tools, prompts and
//! resources that its scenarios name, and a client that does what they ask.
//!
//! Not published. What is here is what the suite prescribes; the protocol is all in the libraries.
#![forbid(unsafe_code)]

pub mod client;
pub mod server;
