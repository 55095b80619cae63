//! Lists that are rendered once and sent often.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use crate::server::CacheHints;
use crate::{Error, RawJson};

/// As many rendered pages are kept for one state of a list.
const MAX_PAGES: usize = 256;

/// An entry of a list.
pub(crate) trait Listed: Send + Sync + 'static {
    /// The list's member in the result: `tools`, say.
    const MEMBER: &'static str;
    /// What identifies the entry in its list.
    fn key(&self) -> &str;
    /// Its definition, rendered.
    fn rendered(&self) -> &RawJson;
    /// The extension (as a bit) that a client must have agreed on to see it; 0 for none.
    fn gate(&self) -> u64;
}

/// A list in one state. Changing it makes a new one, so readers are never in its way.
pub(crate) struct Table<T> {
    items: Vec<Arc<T>>,
    by_key: HashMap<String, usize>,
    /// All gates that occur; other extensions do not change what a client sees.
    gates: u64,
    pages: RwLock<HashMap<(u64, usize), Bytes>>,
}

impl<T: Listed> Table<T> {
    pub(crate) fn new(items: Vec<Arc<T>>) -> Self {
        let by_key =
            items.iter().enumerate().map(|(at, item)| (item.key().to_owned(), at)).collect();
        let gates = items.iter().fold(0, |gates, item| gates | item.gate());
        Self { items, by_key, gates, pages: RwLock::new(HashMap::new()) }
    }

    pub(crate) fn items(&self) -> &[Arc<T>] {
        &self.items
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Arc<T>> {
        self.items.get(*self.by_key.get(key)?)
    }

    /// The page after `cursor` as the members of a result; `more` is the cursor that continues
    /// another list after the last page of this one.
    pub(crate) fn page(
        &self,
        agreed: u64,
        cursor: Option<&str>,
        settings: &ListSettings,
        more: Option<&str>,
    ) -> Result<Bytes, Error> {
        let start = match cursor {
            None => 0,
            Some(cursor) => self.position_after(cursor)?,
        };
        let view = agreed & self.gates;
        if let Some(page) =
            self.pages.read().unwrap_or_else(PoisonError::into_inner).get(&(view, start))
        {
            return Ok(page.clone());
        }
        let page = self.render(view, start, settings, more)?;
        let mut pages = self.pages.write().unwrap_or_else(PoisonError::into_inner);
        if pages.len() >= MAX_PAGES {
            pages.clear();
        }
        pages.insert((view, start), page.clone());
        Ok(page)
    }

    fn render(
        &self,
        view: u64,
        start: usize,
        settings: &ListSettings,
        more: Option<&str>,
    ) -> Result<Bytes, Error> {
        let mut visible = self
            .items
            .iter()
            .skip(start)
            .filter(|item| item.gate() == 0 || item.gate() & view != 0)
            .peekable();
        let mut out = format!(r#"{{"{}":["#, T::MEMBER).into_bytes();
        let mut last = None;
        for count in 0.. {
            if count == settings.page_size {
                break;
            }
            let Some(item) = visible.next() else { break };
            if count > 0 {
                out.push(b',');
            }
            out.extend_from_slice(item.rendered().get().as_bytes());
            last = Some(item);
        }
        out.push(b']');
        let next = match (visible.peek(), last) {
            (Some(_), Some(last)) => Some(cursor_after(last.key())),
            _ => more.map(str::to_owned),
        };
        if let Some(next) = next {
            out.extend_from_slice(br#","nextCursor":"#);
            serde_json::to_writer(&mut out, &next).map_err(|_| Error::Internal)?;
        }
        settings.cache.write_members(&mut out);
        out.push(b'}');
        Ok(Bytes::from(out))
    }

    fn position_after(&self, cursor: &str) -> Result<usize, Error> {
        let unknown = || Error::invalid_params("the cursor is not valid (any more)");
        let key = cursor
            .strip_prefix("k.")
            .and_then(|key| URL_SAFE_NO_PAD.decode(key).ok())
            .and_then(|key| String::from_utf8(key).ok())
            .ok_or_else(unknown)?;
        self.by_key.get(&key).map(|at| at + 1).ok_or_else(unknown)
    }
}

/// The cursor of the page that begins after the entry `key`. It stays valid while that entry is in
/// the list, whatever else changes.
fn cursor_after(key: &str) -> String {
    format!("k.{}", URL_SAFE_NO_PAD.encode(key))
}

/// How a list is cut into pages and how long clients may keep them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListSettings {
    pub(crate) page_size: usize,
    pub(crate) cache: CacheHints,
}

/// A list that changes.
pub(crate) struct List<T> {
    table: RwLock<Arc<Table<T>>>,
}

impl<T: Listed> List<T> {
    pub(crate) fn new(items: Vec<Arc<T>>) -> Self {
        Self { table: RwLock::new(Arc::new(Table::new(items))) }
    }

    pub(crate) fn table(&self) -> Arc<Table<T>> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn get(&self, key: &str) -> Option<Arc<T>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Adds an entry at the end, or replaces the one with the same key in its place.
    pub(crate) fn insert(&self, item: Arc<T>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut items = table.items.clone();
        match table.by_key.get(item.key()).and_then(|at| items.get_mut(*at)) {
            Some(old) => *old = item,
            None => items.push(item),
        }
        *table = Arc::new(Table::new(items));
    }

    /// Removes an entry; says whether there was one.
    pub(crate) fn remove(&self, key: &str) -> bool {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = table.by_key.get(key).copied() else { return false };
        let mut items = table.items.clone();
        items.remove(at);
        *table = Arc::new(Table::new(items));
        true
    }
}
