//! Who a server is: cards, catalogs, and how to check them.
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod fetch;
