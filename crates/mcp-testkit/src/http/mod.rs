//! HTTP/1.1 written by hand: every byte of a request is the test's own.
//!
//! It shares no code with `mcp-http`, so that a mistake there cannot hide itself.

mod connection;
mod request;
mod response;
mod sse;

pub use connection::HttpConnection;
pub use request::HttpRequest;
pub use response::{HttpHead, HttpResponse};
pub use sse::SseEvent;

use std::time::Duration;

/// Why there is no usable HTTP response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Connecting, reading or writing failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Nothing came in time.
    #[error("nothing came within {0:?}")]
    Deadline(Duration),
    /// The connection ended in the middle of a response, or before one.
    #[error("the connection ended {0}")]
    Ended(&'static str),
    /// The response is no HTTP/1.1.
    #[error("no HTTP/1.1 response: {0}")]
    Malformed(String),
    /// The body is no JSON.
    #[error("the body is no JSON: {0:?}")]
    NotJson(String),
}
