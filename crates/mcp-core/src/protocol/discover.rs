//! `server/discover`.
//!
//! Source: specification, *Server features → Discovery*.

use super::wire::{results, wire};
use crate::protocol::{CacheScope, Meta, ResultType, ServerCapabilities};

wire! {
    /// What a server is and offers.
    pub struct DiscoverResult {
        required {
            /// The revisions that the server speaks.
            "supportedVersions" supported_versions: Vec<String>,
            /// What it offers.
            "capabilities" capabilities: ServerCapabilities,
            /// For how many milliseconds the result may be considered fresh.
            "ttlMs" ttl_ms: u64,
            /// Who may reuse it.
            "cacheScope" cache_scope: CacheScope,
        }
        optional {
            /// Guidance for models.
            "instructions" instructions: String,
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(DiscoverResult);
