//! Public keys of one party, each with its time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::jwk::{JwkError, PublicJwk};
use super::{Algorithm, Signature, VerifyingKey};
use crate::strict;

/// Why a key does not verify a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The signature does not say which key made it, and there are several.
    #[error("the signature names no key")]
    KeyIdMissing,
    /// No key has that name.
    #[error("the signature's key is unknown")]
    UnknownKey,
    /// The key is for another algorithm than the one that is claimed.
    #[error("the signature's key is for another algorithm")]
    AlgorithmMismatch,
    /// The key's time has not begun.
    #[error("the signature's key is not good yet")]
    NotYetValid,
    /// The key's time is over.
    #[error("the signature's key is no longer good")]
    Expired,
    /// The signature is not the key's for this message.
    #[error("the signature does not hold")]
    Signature,
}

/// When a key is good. Whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Validity {
    from: Option<u64>,
    until: Option<u64>,
}

impl Validity {
    /// At any time.
    #[must_use]
    pub const fn always() -> Self {
        Self { from: None, until: None }
    }

    /// From this time on.
    #[must_use]
    pub fn from(mut self, time: SystemTime) -> Self {
        self.from = Some(seconds(time));
        self
    }

    /// Until before this time.
    #[must_use]
    pub fn until(mut self, time: SystemTime) -> Self {
        self.until = Some(seconds(time));
        self
    }

    /// When it begins.
    #[must_use]
    pub fn not_before(&self) -> Option<SystemTime> {
        self.from.and_then(|from| UNIX_EPOCH.checked_add(Duration::from_secs(from)))
    }

    /// When it is over.
    #[must_use]
    pub fn not_after(&self) -> Option<SystemTime> {
        self.until.and_then(|until| UNIX_EPOCH.checked_add(Duration::from_secs(until)))
    }

    /// Whether it is over at this time.
    #[must_use]
    pub fn is_over(&self, at: SystemTime) -> bool {
        self.until.is_some_and(|until| seconds(at) >= until)
    }

    /// Whether the time lies within.
    ///
    /// # Errors
    /// [`KeyError::NotYetValid`] or [`KeyError::Expired`].
    pub fn check(&self, at: SystemTime) -> Result<(), KeyError> {
        if self.is_over(at) {
            return Err(KeyError::Expired);
        }
        match self.from {
            Some(from) if seconds(at) < from => Err(KeyError::NotYetValid),
            _ => Ok(()),
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// What a signature claims of itself.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The key's name.
    pub key_id: Option<&'a str>,
    /// When the key has to be good. Not claimed by the signature: the verifier's own clock, or the time of a
    /// record that is trusted for it.
    pub at: SystemTime,
}

/// Something that knows keys and verifies with them.
pub trait Verifier: Send + Sync {
    /// Whether the signature is that of the claimed key for this message, with the claimed algorithm.
    ///
    /// # Errors
    /// If it is not, with the reason.
    fn verify(
        &self,
        claim: &Claim<'_>,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), KeyError>;
}

/// One key that is known in advance. The claim's name and time do not matter, its algorithm does.
impl Verifier for VerifyingKey {
    fn verify(
        &self,
        claim: &Claim<'_>,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), KeyError> {
        if claim.algorithm != self.algorithm() {
            return Err(KeyError::AlgorithmMismatch);
        }
        Self::verify(self, message, signature).map_err(|_| KeyError::Signature)
    }
}

/// A key of a [`KeySet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedKey {
    key_id: String,
    key: VerifyingKey,
    validity: Validity,
}

impl PublishedKey {
    /// A key under a name, good at these times.
    #[must_use]
    pub fn new(key_id: impl Into<String>, key: VerifyingKey, validity: Validity) -> Self {
        Self { key_id: key_id.into(), key, validity }
    }

    /// Its name.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// When it is good.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// As a JSON Web Key.
    #[must_use]
    pub fn to_jwk(&self) -> PublicJwk {
        let mut jwk = self.key.to_jwk();
        jwk.kid = Some(self.key_id.clone());
        (jwk.nbf, jwk.exp) = (self.validity.from, self.validity.until);
        jwk
    }

    fn from_jwk(jwk: &PublicJwk) -> Result<Self, JwkError> {
        let key = jwk.verifying_key()?;
        if !jwk.allows("verify") {
            return Err(JwkError::Purpose("key_ops"));
        }
        let key_id = jwk.kid.clone().unwrap_or_else(|| key.thumbprint());
        Ok(Self { key_id, key, validity: Validity { from: jwk.nbf, until: jwk.exp } })
    }
}

/// What a party publishes: its public keys, each under a name of its own.
///
/// ```
/// use mcp_trust::keys::{Algorithm, KeySet, PublishedKey, SigningKey, Validity};
///
/// let secret = SigningKey::generate(Algorithm::Es256)?;
/// let set = KeySet::new([PublishedKey::new("2026", secret.verifying_key().clone(), Validity::always())])?;
/// let again = KeySet::from_slice(set.to_json().as_bytes())?;
/// assert_eq!(again, set);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeySet {
    keys: Vec<PublishedKey>,
}

impl KeySet {
    /// A set of these keys.
    ///
    /// # Errors
    /// If two have one name, or a name is empty.
    pub fn new(keys: impl IntoIterator<Item = PublishedKey>) -> Result<Self, JwkError> {
        let mut set = Self::default();
        for key in keys {
            if key.key_id.is_empty() {
                return Err(JwkError::EmptyKeyId);
            }
            if set.get(&key.key_id).is_some() {
                return Err(JwkError::DuplicateKeyId);
            }
            set.keys.push(key);
        }
        Ok(set)
    }

    pub(super) fn of_distinct(keys: Vec<PublishedKey>) -> Self {
        Self { keys }
    }

    /// Reads a JSON Web Key Set. As RFC 7517, section 5, has it, keys that are not for us are left out: of other
    /// kinds, for other purposes, malformed.
    ///
    /// # Errors
    /// If the text is not strict JSON or no key set, if two keys have one name, and if a key is secret: it is
    /// public now, and must not be trusted.
    pub fn from_slice(text: &[u8]) -> Result<Self, JwkError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Box<RawValue>>,
        }

        let set: Set =
            strict::from_slice(text).map_err(|error| JwkError::Json(error.to_string()))?;
        let mut keys = Vec::with_capacity(set.keys.len());
        for key in set.keys {
            let jwk = PublicJwk::from_slice(key.get().as_bytes());
            match jwk.and_then(|jwk| PublishedKey::from_jwk(&jwk)) {
                Ok(key) => keys.push(key),
                Err(error @ (JwkError::Secret | JwkError::Random)) => return Err(error),
                Err(_) => {}
            }
        }
        Self::new(keys)
    }

    /// The set as JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Set {
            keys: Vec<PublicJwk>,
        }

        let set = Set { keys: self.keys.iter().map(PublishedKey::to_jwk).collect() };
        // Strings and integers alone: nothing can fail.
        serde_json::to_string(&set).unwrap_or_default()
    }

    /// The keys, in their order.
    #[must_use]
    pub fn keys(&self) -> &[PublishedKey] {
        &self.keys
    }

    /// The key of a name.
    #[must_use]
    pub fn get(&self, key_id: &str) -> Option<&PublishedKey> {
        self.keys.iter().find(|key| key.key_id == key_id)
    }
}

/// By the claimed name alone: keys are not tried one after the other.
impl Verifier for KeySet {
    fn verify(
        &self,
        claim: &Claim<'_>,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), KeyError> {
        let key_id = claim.key_id.ok_or(KeyError::KeyIdMissing)?;
        let key = self.get(key_id).ok_or(KeyError::UnknownKey)?;
        key.validity.check(claim.at)?;
        Verifier::verify(&key.key, claim, message, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_set_verifies_by_name_algorithm_and_time() {
        let (one, two) = (
            SigningKey::generate(Algorithm::EdDsa).unwrap(),
            SigningKey::generate(Algorithm::Es256).unwrap(),
        );
        let set = KeySet::new([
            PublishedKey::new(
                "one",
                one.verifying_key().clone(),
                Validity::always().from(at(10)).until(at(20)),
            ),
            PublishedKey::new("two", two.verifying_key().clone(), Validity::always()),
        ])
        .unwrap();
        let set = KeySet::from_slice(set.to_json().as_bytes()).unwrap();
        let signature = one.sign_now(b"message").unwrap();
        let claim = Claim { algorithm: Algorithm::EdDsa, key_id: Some("one"), at: at(10) };
        let verify = |claim: Claim<'_>| set.verify(&claim, b"message", &signature);
        assert_eq!(verify(claim), Ok(()));
        assert_eq!(verify(Claim { at: at(19), ..claim }), Ok(()));
        assert_eq!(verify(Claim { at: at(9), ..claim }), Err(KeyError::NotYetValid));
        assert_eq!(verify(Claim { at: at(20), ..claim }), Err(KeyError::Expired));
        assert_eq!(verify(Claim { key_id: None, ..claim }), Err(KeyError::KeyIdMissing));
        assert_eq!(verify(Claim { key_id: Some("three"), ..claim }), Err(KeyError::UnknownKey));
        assert_eq!(
            verify(Claim { key_id: Some("two"), ..claim }),
            Err(KeyError::AlgorithmMismatch)
        );
        let es256 = Claim { algorithm: Algorithm::Es256, ..claim };
        assert_eq!(verify(es256), Err(KeyError::AlgorithmMismatch));
        assert_eq!(verify(Claim { key_id: Some("two"), ..es256 }), Err(KeyError::Signature));
        assert_eq!(set.verify(&claim, b"another", &signature), Err(KeyError::Signature));
    }

    #[test]
    fn foreign_keys_are_left_out_and_secret_ones_refused() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let jwk = key.verifying_key().to_jwk().to_json();
        let set = format!(
            r#"{{"keys":[{{"kty":"RSA","n":"AQAB","e":"AQAB"}},{{"kty":"new","x":{{"y":1}}}},7,{{}},
                {{"kty":"OKP","crv":"Ed25519","x":"short"}},{jwk}],"more":1}}"#
        );
        let set = KeySet::from_slice(set.as_bytes()).unwrap();
        assert_eq!(set.keys().len(), 1);
        assert_eq!(set.keys()[0].key_id(), key.verifying_key().thumbprint());

        let twice = format!(r#"{{"keys":[{jwk},{jwk}]}}"#);
        assert_eq!(KeySet::from_slice(twice.as_bytes()), Err(JwkError::DuplicateKeyId));
        let leaked = format!(r#"{{"keys":[{}]}}"#, key.to_secret_jwk().as_str());
        assert_eq!(KeySet::from_slice(leaked.as_bytes()), Err(JwkError::Secret));
        for broken in ["{}", "[]", r#"{"keys":1}"#, r#"{"keys":[],"keys":[]}"#] {
            assert!(matches!(KeySet::from_slice(broken.as_bytes()), Err(JwkError::Json(_))));
        }
    }
}
