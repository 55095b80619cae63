//! The bounds of a server.

use std::time::Duration;

/// How much a server takes on; each bound answers with a named error.
///
/// ```
/// use mcp_core::server::Limits;
///
/// let limits = Limits { listeners: 100, ..Limits::default() };
/// assert_eq!(limits.in_flight, 10_000);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests being answered at once, subscriptions included; more answer `-32603` (reason
    /// `overloaded`, HTTP 503). Default 10,000.
    pub in_flight: usize,
    /// Open subscriptions; more answer `-32603`. Default 8,000.
    pub listeners: usize,
    /// Resources in one subscription; more answer `-32602`. Default 1,000.
    pub subscribed_resources: usize,
    /// Time for a handler, unless its tool says otherwise; then `-32603` (reason `timeout`). Default:
    /// none.
    pub handler_timeout: Option<Duration>,
    /// For how long an answer to a question is awaited: the life of sealed request state. Default 10
    /// minutes.
    pub request_state_ttl: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 10_000,
            listeners: 8_000,
            subscribed_resources: 1_000,
            handler_timeout: None,
            request_state_ttl: Duration::from_secs(600),
        }
    }
}
