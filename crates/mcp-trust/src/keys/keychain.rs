//! Secret keys of one party over time.

use std::time::SystemTime;

use super::{KeySet, PublishedKey, SignError, Signer, SigningKey, Validity};
use crate::keys::jwk::JwkError;

/// The secret side of a [`KeySet`]: the keys with which a party signs, one after the other.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use mcp_trust::keys::{Algorithm, Keychain, Signer, SigningKey, Validity};
///
/// let now = SystemTime::now();
/// let hour = Duration::from_secs(3600);
/// let (old, new) =
///     (SigningKey::generate(Algorithm::EdDsa)?, SigningKey::generate(Algorithm::EdDsa)?);
/// let (old_id, new_id) = (old.key_id().to_owned(), new.key_id().to_owned());
/// // The old key verifies for two more hours; the new one signs from an hour on.
/// let keys = Keychain::new()
///     .with(old, Validity::always().until(now + 2 * hour))?
///     .with(new, Validity::always().from(now + hour))?;
///
/// assert_eq!(keys.current(now)?.key_id(), old_id);
/// assert_eq!(keys.current(now + hour)?.key_id(), new_id);
/// assert_eq!(keys.key_set(now).keys().len(), 2);
/// assert_eq!(keys.key_set(now + 2 * hour).keys().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Keychain {
    keys: Vec<(Box<dyn Signer>, Validity)>,
}

impl Keychain {
    /// No key yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A single key without end.
    #[must_use]
    pub fn single(key: SigningKey) -> Self {
        Self { keys: vec![(Box::new(key), Validity::always())] }
    }

    /// Adds a key that signs within this time, unless one that begins later does, and verifies within it.
    ///
    /// # Errors
    /// If another key has its name, or its name is empty.
    pub fn with(
        mut self,
        key: impl Signer + 'static,
        validity: Validity,
    ) -> Result<Self, JwkError> {
        if key.key_id().is_empty() {
            return Err(JwkError::EmptyKeyId);
        }
        if self.keys.iter().any(|(other, _)| other.key_id() == key.key_id()) {
            return Err(JwkError::DuplicateKeyId);
        }
        self.keys.push((Box::new(key), validity));
        Ok(self)
    }

    /// The key that signs at this time: of those that are good then, the one that began last; of those that
    /// began together, the one that was added last.
    ///
    /// # Errors
    /// If no key is good at this time.
    pub fn current(&self, at: SystemTime) -> Result<&dyn Signer, SignError> {
        let good = self.keys.iter().filter(|(_, validity)| validity.check(at).is_ok());
        let last = good.max_by_key(|(_, validity)| validity.not_before());
        last.map(|(key, _)| key.as_ref()).ok_or(SignError::NoCurrentKey)
    }

    /// What to publish at this time: every key whose time is not over, those included that do not sign yet.
    #[must_use]
    pub fn key_set(&self, at: SystemTime) -> KeySet {
        let left = self.keys.iter().filter(|(_, validity)| !validity.is_over(at));
        KeySet::of_distinct(
            left.map(|(key, validity)| {
                PublishedKey::new(key.key_id(), key.verifying_key().clone(), *validity)
            })
            .collect(),
        )
    }
}

impl std::fmt::Debug for Keychain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.keys.iter().map(|(key, validity)| (key.key_id(), validity));
        f.debug_map().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::keys::Algorithm;

    #[test]
    fn names_are_distinct_and_gaps_are_named() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let key = |id: &str| SigningKey::generate(Algorithm::EdDsa).unwrap().with_key_id(id);
        let chain =
            Keychain::new().with(key("a"), Validity::always().from(at(10)).until(at(20))).unwrap();
        assert!(matches!(chain.current(at(9)), Err(SignError::NoCurrentKey)));
        assert_eq!(chain.current(at(10)).unwrap().key_id(), "a");
        assert!(matches!(chain.current(at(20)), Err(SignError::NoCurrentKey)));
        let refused = chain.with(key("a"), Validity::always());
        assert_eq!(refused.unwrap_err(), JwkError::DuplicateKeyId);
        let refused = Keychain::new().with(key(""), Validity::always());
        assert_eq!(refused.unwrap_err(), JwkError::EmptyKeyId);
        assert!(Keychain::single(key("x")).current(at(0)).is_ok());
    }
}
