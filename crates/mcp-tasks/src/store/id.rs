//! Identifiers of tasks.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Identifies a task: 160 random bits, as 27 characters that need no escaping anywhere.
///
/// ```
/// use mcp_tasks::store::TaskId;
///
/// let id = TaskId::generate()?;
/// assert_eq!(TaskId::parse(id.as_str()), Some(id));
/// assert_eq!(TaskId::parse("1"), None);
/// # Ok::<(), mcp_tasks::store::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(Box<str>);

const BYTES: usize = 20;
const CHARACTERS: usize = 27;

impl TaskId {
    /// A new one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](super::StoreError::Unavailable) if the system has no random
    /// numbers.
    pub fn generate() -> Result<Self, super::StoreError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|error| super::StoreError::unavailable(error.to_string()))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// An identifier that a client sent; `None` if no task can have it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == CHARACTERS
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        fits.then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_bit_is_random() {
        const IDS: usize = 4096;
        let mut ones = [0_usize; BYTES * 8];
        let mut seen = BTreeSet::new();
        for _ in 0..IDS {
            let id = TaskId::generate().unwrap();
            let bytes = URL_SAFE_NO_PAD.decode(id.as_str()).unwrap();
            assert_eq!(bytes.len(), BYTES);
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += usize::from((bytes[bit / 8] >> (bit % 8)) & 1);
            }
            assert!(seen.insert(id), "an id came twice");
        }
        // Twelve standard deviations around the middle.
        let odd: Vec<_> =
            ones.iter().enumerate().filter(|(_, ones)| ones.abs_diff(IDS / 2) > 384).collect();
        assert!(odd.is_empty(), "bits that are not random: {odd:?}");
    }
}
