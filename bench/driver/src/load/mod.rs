//! The load: small clients that ask a counted number of requests and verify every answer.
//!
//! They run in the driver's process, and the servers report their own CPU time, so that what the
//! clients cost is not measured.

mod answers;
mod connection;
mod http;
mod sse;
mod stdio;
pub(crate) mod tasks;

pub(crate) use connection::Connection;
pub(crate) use http::HttpLoad;
pub(crate) use sse::Listener;
pub(crate) use stdio::StdioLoad;

/// A server that keeps silent this long has failed.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// The first request id. All ids have as many digits, so that a request is made by writing its id
/// over the last one's.
const FIRST_ID: u64 = 1_000_000;
const ID_DIGITS: usize = 7;
