//! Caching hints.
//!
//! Source: specification, *Server utilities → Caching*.

use super::wire::{results, strings, wire};
use crate::protocol::{Meta, ResultType};

strings! {
    /// Who may reuse a result.
    pub enum CacheScope {
        /// Anyone: it holds nothing user-specific.
        Public = "public",
        /// The same authorization only.
        Private = "private",
    }
}

wire! {
    /// A result that may be kept.
    pub struct CacheableResult {
        required {
            /// For how many milliseconds the result may be considered fresh.
            "ttlMs" ttl_ms: u64,
            /// Who may reuse it.
            "cacheScope" cache_scope: CacheScope,
        }
        optional {
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(CacheableResult);
