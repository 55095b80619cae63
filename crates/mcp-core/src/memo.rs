//! A small memory of values parsed from text that clients repeat with every request.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Text longer than this is parsed anew each time, so that a client cannot fill the memory.
const MAX_KEY: usize = 8 * 1024;
/// As many different texts are remembered.
const MAX_ENTRIES: usize = 256;

/// Parsed values by their raw text.
///
/// A stateless client repeats its capabilities and its name with each request, byte for byte; they
/// are parsed once. At most 256 texts of at most 8 KiB are kept; when full, all are forgotten,
/// which costs one more parse each.
pub(crate) struct Memo<T: ?Sized> {
    entries: RwLock<HashMap<Box<str>, Arc<T>>>,
}

impl<T> Memo<T> {
    pub(crate) fn new() -> Self {
        Self { entries: RwLock::new(HashMap::new()) }
    }

    /// The value for `text`, parsed by `parse` unless remembered. Failures are not remembered.
    pub(crate) fn get_or_parse<E>(
        &self,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(found) = self.entries.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(Arc::clone(found));
        }
        let value = Arc::new(parse(text)?);
        if text.len() <= MAX_KEY {
            let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
            if entries.len() >= MAX_ENTRIES {
                entries.clear();
            }
            entries.insert(text.into(), Arc::clone(&value));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_text_is_parsed_once() {
        let memo = Memo::new();
        let first = memo.get_or_parse("7", str::parse::<u8>).unwrap();
        let second = memo.get_or_parse("7", |_| Err(())).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn failures_and_long_texts_are_not_kept() {
        let memo: Memo<usize> = Memo::new();
        assert!(memo.get_or_parse("x", |_| Err::<usize, _>(())).is_err());
        assert_eq!(*memo.get_or_parse("x", |t| Ok::<_, ()>(t.len())).unwrap(), 1);
        let long = "y".repeat(MAX_KEY + 1);
        memo.get_or_parse(&long, |t| Ok::<_, ()>(t.len())).unwrap();
        assert!(memo.get_or_parse(&long, |_| Err(())).is_err());
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let memo: Memo<usize> = Memo::new();
        for i in 0..10 * MAX_ENTRIES {
            memo.get_or_parse(&i.to_string(), |t| Ok::<_, ()>(t.len())).unwrap();
        }
        assert!(memo.entries.read().unwrap().len() <= MAX_ENTRIES);
    }
}
