//! Documents that were fetched before, within bounds.
//!
//! Source: RFC 9111; server-card extension, *Caching*.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use tokio::time::Instant;

/// However long a host says that a document stays fresh, it is asked again after this.
const FRESH_AT_MOST: Duration = Duration::from_secs(24 * 3600);

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheLimits {
    /// Documents. Default 256.
    pub entries: usize,
    /// Bytes of documents. Default 8 MiB.
    pub bytes: usize,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { entries: 256, bytes: 8 * 1024 * 1024 }
    }
}

impl CacheLimits {
    /// Keeps nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self { entries: 0, bytes: 0 }
    }
}

/// A document as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) body: Bytes,
    pub(super) media_type: String,
    pub(super) etag: Option<String>,
    /// Until when it need not be asked for again.
    pub(super) fresh_until: Instant,
}

/// What makes two requests the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) url: String,
    pub(super) accept: String,
}

#[derive(Debug)]
pub(super) struct Cache {
    limits: CacheLimits,
    kept: HashMap<Key, (Kept, u64)>,
    bytes: usize,
    /// Counts uses; what was used longest ago goes first.
    clock: u64,
}

impl Cache {
    pub(super) fn new(limits: CacheLimits) -> Self {
        Self { limits, kept: HashMap::new(), bytes: 0, clock: 0 }
    }

    pub(super) fn get(&mut self, key: &Key) -> Option<Kept> {
        self.clock += 1;
        let (kept, used) = self.kept.get_mut(key)?;
        *used = self.clock;
        Some(kept.clone())
    }

    pub(super) fn remove(&mut self, key: &Key) {
        if let Some((kept, _)) = self.kept.remove(key) {
            self.bytes -= size(key, &kept);
        }
    }

    pub(super) fn put(&mut self, key: Key, kept: Kept) {
        self.remove(&key);
        let size = size(&key, &kept);
        if self.limits.entries == 0 || size > self.limits.bytes {
            return;
        }
        while self.kept.len() >= self.limits.entries || self.bytes + size > self.limits.bytes {
            let oldest = self.kept.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.bytes += size;
        self.kept.insert(key, (kept, self.clock));
    }

    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }
}

fn size(key: &Key, kept: &Kept) -> usize {
    key.url.len()
        + key.accept.len()
        + kept.body.len()
        + kept.media_type.len()
        + kept.etag.as_ref().map_or(0, String::len)
}

/// For how long an answer says that it stays fresh; `None` if it must not be kept at all.
pub(super) fn freshness(headers: &HeaderMap) -> Option<Duration> {
    let mut fresh = Duration::ZERO;
    let mut ask_always = false;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => return None,
                "no-cache" => ask_always = true,
                "max-age" => {
                    let seconds = value.trim().trim_matches('"').parse().unwrap_or(0);
                    fresh = Duration::from_secs(seconds).min(FRESH_AT_MOST);
                }
                _ => {}
            }
        }
    }
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    let fresh = fresh.saturating_sub(Duration::from_secs(age.unwrap_or(0)));
    Some(if ask_always { Duration::ZERO } else { fresh })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { url: name.to_owned(), accept: String::new() }
    }

    fn kept(bytes: usize) -> Kept {
        let body = Bytes::from(vec![0; bytes]);
        Kept { body, media_type: String::new(), etag: None, fresh_until: Instant::now() }
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let mut cache = Cache::new(CacheLimits { entries: 2, bytes: 100 });
        cache.put(key("a"), kept(10));
        cache.put(key("b"), kept(10));
        assert!(cache.get(&key("a")).is_some());
        cache.put(key("c"), kept(10));
        assert!(cache.get(&key("b")).is_none());
        assert!(cache.get(&key("a")).is_some() && cache.get(&key("c")).is_some());
    }

    #[test]
    fn bytes_are_bounded() {
        let mut cache = Cache::new(CacheLimits { entries: 100, bytes: 100 });
        cache.put(key("a"), kept(60));
        cache.put(key("b"), kept(60));
        assert!(cache.get(&key("a")).is_none() && cache.get(&key("b")).is_some());
        // One that does not fit at all does not drive the others out, but its older self goes.
        cache.put(key("b"), kept(100));
        assert!(cache.get(&key("b")).is_none());
        assert_eq!(cache.bytes, 0);
        let mut none = Cache::new(CacheLimits::none());
        none.put(key("a"), kept(0));
        assert!(none.get(&key("a")).is_none());
    }

    #[test]
    fn freshness_is_as_the_host_says_within_a_day() {
        let fresh = |fields: &[(&'static str, &'static str)]| {
            let headers = fields.iter().map(|(name, value)| {
                (name.parse().unwrap(), http::HeaderValue::from_static(value))
            });
            freshness(&headers.collect::<HeaderMap<_>>()).map(|fresh| fresh.as_secs())
        };
        assert_eq!(fresh(&[]), Some(0));
        assert_eq!(fresh(&[("cache-control", "public, max-age=3600")]), Some(3600));
        assert_eq!(fresh(&[("cache-control", "max-age=3600"), ("age", "3500")]), Some(100));
        assert_eq!(fresh(&[("cache-control", "max-age=3600"), ("age", "4000")]), Some(0));
        assert_eq!(fresh(&[("cache-control", "Max-Age=60, No-Cache")]), Some(0));
        assert_eq!(fresh(&[("cache-control", "max-age=60"), ("cache-control", "no-store")]), None);
        assert_eq!(fresh(&[("cache-control", "max-age=99999999999")]), Some(24 * 3600));
        assert_eq!(fresh(&[("cache-control", "max-age=-1")]), Some(0));
        assert_eq!(fresh(&[("cache-control", "max-age=184467440737095516160")]), Some(0));
    }
}
