//! How long clients may keep an answer, and for whom.

use crate::protocol::CacheScope;

/// The caching hints of a result: freshness in milliseconds, and who may share it.
///
/// The default says nothing may be kept and nothing shared, which is always safe. Source:
/// specification, *Server utilities → Caching*.
///
/// ```
/// use mcp_core::server::CacheHints;
///
/// let hints = CacheHints::public(300_000);
/// assert_eq!(hints.ttl_ms, 300_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheHints {
    /// For how many milliseconds the result may be considered fresh.
    pub ttl_ms: u64,
    /// Who may reuse it.
    pub scope: CacheScope,
}

impl Default for CacheHints {
    fn default() -> Self {
        Self { ttl_ms: 0, scope: CacheScope::Private }
    }
}

impl CacheHints {
    /// Fresh for `ttl_ms` milliseconds, for the same authorization only.
    #[must_use]
    pub fn private(ttl_ms: u64) -> Self {
        Self { ttl_ms, scope: CacheScope::Private }
    }

    /// Fresh for `ttl_ms` milliseconds, for anyone: the result holds nothing user-specific.
    #[must_use]
    pub fn public(ttl_ms: u64) -> Self {
        Self { ttl_ms, scope: CacheScope::Public }
    }

    /// Appends them to the members of an object.
    pub(crate) fn write_members(self, out: &mut Vec<u8>) {
        let scope = match self.scope {
            CacheScope::Public => "public",
            CacheScope::Private => "private",
        };
        let members = format!(r#","ttlMs":{},"cacheScope":"{scope}""#, self.ttl_ms);
        out.extend_from_slice(members.as_bytes());
    }
}
