//! `server/discover`: what a server is and can do (specification, "Discovery").

use super::methods::{SERVER_DISCOVER, request_method};
use super::result::result_body;
use super::wire::wire;
use super::{
    CacheScope, JsonRpcRequest, JsonRpcResultResponse, Meta, RequestParams, ResultMetaObject,
    ServerCapabilities, Tagged, TtlMs,
};

request_method! {
    /// Asks what the server is and can do. Every server answers it; no client has to ask.
    Discover = SERVER_DISCOVER, RequestParams => DiscoverResult
}

/// A `server/discover` request.
pub type DiscoverRequest = JsonRpcRequest<Discover>;
/// The answer to a `server/discover` request.
pub type DiscoverResultResponse = JsonRpcResultResponse<Tagged<DiscoverResult>>;

wire! {
    /// What the server is and can do.
    ///
    /// ```
    /// use mcp_core::protocol::{DiscoverResult, LATEST_PROTOCOL_VERSION, ServerCapabilities};
    ///
    /// let result = DiscoverResult::new([LATEST_PROTOCOL_VERSION.to_owned()], ServerCapabilities::new())
    ///     .with_instructions("Search before you read.");
    /// # let _ = result;
    /// ```
    pub struct DiscoverResult
    [result "complete"]
    {
        required {
            /// The protocol versions the server serves. The client picks one.
            supported_versions: Vec<String> = "supportedVersions",
            /// What the server can do.
            capabilities: ServerCapabilities = "capabilities",
        }
        lenient {
            /// For how long this stays fresh, in milliseconds. Absent means not at all.
            ttl_ms: TtlMs = "ttlMs" => with_ttl_ms,
            /// Who may use a cached copy. Absent means whoever may have asked for it.
            cache_scope: CacheScope = "cacheScope" => with_cache_scope,
        }
        optional {
            /// How to use the server well, in words for a model.
            instructions: String = "instructions" => with_instructions,
            /// Metadata of the result; the server names itself here.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

result_body!(DiscoverResult);
