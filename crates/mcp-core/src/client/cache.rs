//! Answers that may be used again for a while.
//!
//! One client has one cache and one authorization context, so results of either scope may be kept;
//! see [`Client::forget_cached`](crate::client::Client::forget_cached) for when that changes.
//!
//! Source: specification, *Server utilities → Caching*.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::RawJson;
use crate::client::outgoing::Fields;
use crate::protocol::{Meta, methods};

/// The bounds of a client's cache.
///
/// ```
/// use mcp_core::client::CacheLimits;
///
/// assert_eq!(CacheLimits::default().entries, 256);
/// assert_eq!(CacheLimits::disabled().entries, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// As many answers are kept. Default 256.
    pub entries: usize,
    /// As many bytes of them. Default 8 MiB.
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
    pub fn disabled() -> Self {
        Self { entries: 0, bytes: 0 }
    }
}

/// Methods whose results carry hints on how long they may be kept.
pub(crate) fn is_cacheable(method: &str) -> bool {
    matches!(
        method,
        methods::SERVER_DISCOVER
            | methods::TOOLS_LIST
            | methods::PROMPTS_LIST
            | methods::RESOURCES_LIST
            | methods::RESOURCES_TEMPLATES_LIST
            | methods::RESOURCES_READ
    )
}

/// A hint longer than this is taken for this: clocks are not made for more.
const MAX_TTL: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a request is known by: its method and everything in it that may change its answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    method: String,
    /// A resource's URI, by which it is invalidated.
    uri: Option<String>,
    rest: String,
}

impl CacheKey {
    /// The key of a request, or `None` for one that is not to be cached. `meta` is the caller's and
    /// the extensions' part of `_meta`: the answer may depend on it.
    pub(crate) fn of(method: &str, fields: &Fields, meta: &Meta) -> Option<Self> {
        #[derive(Serialize)]
        struct Rest<'a>(&'a Fields, &'a Meta);
        let retried = fields.contains_key("inputResponses") || fields.contains_key("requestState");
        if !is_cacheable(method) || retried {
            return None;
        }
        let uri = match method {
            methods::RESOURCES_READ => fields.get("uri").and_then(|uri| uri.parse().ok()),
            _ => None,
        };
        let rest = serde_json::to_string(&Rest(fields, meta)).ok()?;
        Some(Self { method: method.to_owned(), uri, rest })
    }

    fn len(&self) -> usize {
        self.method.len() + self.uri.as_ref().map_or(0, String::len) + self.rest.len()
    }
}

/// What has changed at the server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stale<'a> {
    Tools,
    Prompts,
    Resources,
    Resource(&'a str),
    Everything,
}

impl Stale<'_> {
    fn covers(self, key: &CacheKey) -> bool {
        match self {
            Self::Tools => key.method == methods::TOOLS_LIST,
            Self::Prompts => key.method == methods::PROMPTS_LIST,
            Self::Resources => matches!(
                key.method.as_str(),
                methods::RESOURCES_LIST | methods::RESOURCES_TEMPLATES_LIST
            ),
            Self::Resource(uri) => key.uri.as_deref() == Some(uri),
            Self::Everything => true,
        }
    }
}

pub(crate) struct Cache {
    limits: CacheLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<CacheKey, Entry>,
    /// Keys by the order in which they were stored.
    order: BTreeMap<u64, CacheKey>,
    bytes: usize,
    next: u64,
    /// Counts invalidations, so that an answer that was on its way during one is not kept.
    invalidations: u64,
}

struct Entry {
    result: RawJson,
    until: Instant,
    order: u64,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh answer.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<RawJson> {
        let mut state = self.lock();
        let entry = state.entries.get(key)?;
        if Instant::now() < entry.until {
            return Some(entry.result.clone());
        }
        state.remove(key);
        None
    }

    /// To be called before a request is sent, for [`put`](Self::put) of its answer.
    pub(crate) fn invalidations(&self) -> u64 {
        self.lock().invalidations
    }

    /// Keeps an answer for `ttl`, unless something was invalidated since `invalidations` was read.
    pub(crate) fn put(&self, key: CacheKey, result: &RawJson, ttl: Duration, invalidations: u64) {
        let bytes = key.len() + result.get().len();
        if ttl.is_zero() || self.limits.entries == 0 || bytes > self.limits.bytes {
            return;
        }
        let mut state = self.lock();
        if state.invalidations != invalidations {
            return;
        }
        state.remove(&key);
        let now = Instant::now();
        let over = |state: &State| {
            state.entries.len() >= self.limits.entries || state.bytes + bytes > self.limits.bytes
        };
        if over(&state) {
            let expired: Vec<_> = state
                .entries
                .iter()
                .filter(|(_, entry)| entry.until <= now)
                .map(|(key, _)| key.clone())
                .collect();
            for key in expired {
                state.remove(&key);
            }
        }
        while over(&state) {
            let Some((_, oldest)) = state.order.pop_first() else { break };
            state.remove(&oldest);
        }
        let order = state.next;
        state.next += 1;
        state.bytes += bytes;
        state.order.insert(order, key.clone());
        let until = now + ttl.min(MAX_TTL);
        state.entries.insert(key, Entry { result: result.clone(), until, order, bytes });
    }

    /// Forgets what is stale.
    pub(crate) fn invalidate(&self, stale: Stale<'_>) {
        let mut state = self.lock();
        state.invalidations += 1;
        let covered: Vec<_> =
            state.entries.keys().filter(|key| stale.covers(key)).cloned().collect();
        for key in covered {
            state.remove(&key);
        }
    }
}

impl State {
    fn remove(&mut self, key: &CacheKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
            self.order.remove(&entry.order);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn key(method: &str, uri: &str) -> CacheKey {
        let uri = RawJson::from_serialize(uri).unwrap();
        CacheKey::of(method, &Fields::from([(Cow::Borrowed("uri"), uri)]), &Meta::new()).unwrap()
    }

    fn value(text: &str) -> RawJson {
        RawJson::from_serialize(text).unwrap()
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn answers_are_fresh_for_their_time() {
        let cache = Cache::new(CacheLimits::default());
        let key = key(methods::RESOURCES_READ, "a:b");
        cache.put(key.clone(), &value("x"), MINUTE, 0);
        tokio::time::advance(MINUTE - Duration::from_millis(1)).await;
        assert_eq!(cache.get(&key), Some(value("x")));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(cache.get(&key), None);
        assert_eq!(cache.lock().bytes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hint_may_be_any_number() {
        let cache = Cache::new(CacheLimits::default());
        let key = key(methods::RESOURCES_READ, "a:b");
        cache.put(key.clone(), &value("x"), Duration::from_millis(u64::MAX), 0);
        assert!(cache.get(&key).is_some());
        cache.put(key.clone(), &value("y"), Duration::ZERO, 0);
        assert_eq!(cache.get(&key), Some(value("x")), "nothing to keep replaces nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn what_changed_is_forgotten() {
        let cache = Cache::new(CacheLimits::default());
        let (a, b) = (key(methods::RESOURCES_READ, "a:a"), key(methods::RESOURCES_READ, "b:b"));
        let lists = [
            (key(methods::TOOLS_LIST, ""), Stale::Tools),
            (key(methods::PROMPTS_LIST, ""), Stale::Prompts),
            (key(methods::RESOURCES_LIST, ""), Stale::Resources),
            (key(methods::RESOURCES_TEMPLATES_LIST, ""), Stale::Resources),
        ];
        let fill = || {
            for key in [&a, &b].into_iter().chain(lists.iter().map(|(key, _)| key)) {
                cache.put(key.clone(), &value("x"), MINUTE, cache.invalidations());
            }
        };
        fill();
        cache.invalidate(Stale::Resource("a:a"));
        assert!(cache.get(&a).is_none() && cache.get(&b).is_some());
        for (list, stale) in &lists {
            fill();
            cache.invalidate(*stale);
            assert!(cache.get(list).is_none());
            assert!(cache.get(&a).is_some());
        }
        cache.invalidate(Stale::Everything);
        assert!(cache.get(&b).is_none());
        assert_eq!(cache.lock().bytes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_a_change_overtook_is_not_kept() {
        let cache = Cache::new(CacheLimits::default());
        let key = key(methods::TOOLS_LIST, "");
        let sent = cache.invalidations();
        cache.invalidate(Stale::Tools);
        cache.put(key.clone(), &value("old"), MINUTE, sent);
        assert!(cache.get(&key).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_cache_is_bounded() {
        let cache = Cache::new(CacheLimits { entries: 4, bytes: 1000 });
        for i in 0..100 {
            let key = key(methods::RESOURCES_READ, &format!("a:{i}"));
            cache.put(key.clone(), &value(&"x".repeat(i * 5)), MINUTE, 0);
            let state = cache.lock();
            assert!(state.entries.len() <= 4 && state.bytes <= 1000);
            assert_eq!(state.entries.len(), state.order.len());
        }
        let huge = key(methods::RESOURCES_READ, "huge");
        cache.put(huge.clone(), &value(&"x".repeat(2000)), MINUTE, 0);
        assert!(cache.get(&huge).is_none());
        assert!(cache.get(&key(methods::RESOURCES_READ, "a:99")).is_some(), "the newest stay");
        let none = Cache::new(CacheLimits::disabled());
        let tools = key(methods::TOOLS_LIST, "");
        none.put(tools.clone(), &value("x"), MINUTE, 0);
        assert!(none.get(&tools).is_none());
    }

    #[test]
    fn keys_tell_requests_apart() {
        let fields = |name: &'static str| Fields::from([(Cow::Borrowed(name), value("x"))]);
        let none = Meta::new();
        let mut labelled = Meta::new();
        labelled.insert("com.example/purpose", "care").unwrap();
        let of = |method: &str, fields: &Fields, meta: &Meta| CacheKey::of(method, fields, meta);
        assert_ne!(
            of(methods::TOOLS_LIST, &fields("cursor"), &none),
            of(methods::TOOLS_LIST, &Fields::new(), &none)
        );
        assert_ne!(
            of(methods::TOOLS_LIST, &Fields::new(), &none),
            of(methods::PROMPTS_LIST, &Fields::new(), &none)
        );
        assert_ne!(
            of(methods::RESOURCES_READ, &fields("uri"), &none),
            of(methods::RESOURCES_READ, &fields("uri"), &labelled)
        );
        assert!(of(methods::TOOLS_CALL, &Fields::new(), &none).is_none());
        assert!(of(methods::RESOURCES_READ, &fields("requestState"), &none).is_none());
        assert!(of(methods::RESOURCES_READ, &fields("inputResponses"), &none).is_none());
    }
}
