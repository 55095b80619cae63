//! A client.
pub mod transport;
