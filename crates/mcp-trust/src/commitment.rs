//! Salted commitments: digests that say nothing until they are opened.
//!
//! A receipt should prove what a call's arguments were without holding them. A bare digest of them does not do: there
//! are few enough amounts and account numbers to try them all. A commitment is a digest of the value *and* a random
//! salt. The log keeps the commitment, the data's owner keeps value and salt; whoever is shown both can
//! check them, and once they are deleted, nobody can go back.
//!
//! ```
//! use mcp_trust::canonical::Canonical;
//! use mcp_trust::commitment::{Commitment, Salt};
//!
//! let arguments = Canonical::from_slice(br#"{"amount": "12.50", "payee": "DE89"}"#)?;
//! let salt = Salt::random()?;
//! let commitment = Commitment::new(&arguments, &salt);
//! assert!(commitment.is_of(&arguments, &salt));
//! assert!(!commitment.is_of(&Canonical::of("something else")?, &salt));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: the construction of salted disclosures in RFC 9901 (SD-JWT), section 4.2, with the lengths of the parts in
//! place of JSON around them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::RandomError;
use crate::canonical::Canonical;
use crate::digest::{Digest, DigestError, DigestHasher};

/// What is digested first, so that no other digest is a commitment.
const DOMAIN: &[u8] = b"mcp-trust commitment 1";

/// 128 random bits. One for each commitment: two values under one salt can be tried together.
///
/// `Debug` does not show it. Its text, to be stored with the value, is base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 16]);

impl Salt {
    /// Makes a salt.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn random() -> Result<Self, RandomError> {
        let mut salt = [0; 16];
        SystemRandom::new().fill(&mut salt).map_err(|_| RandomError)?;
        Ok(Self(salt))
    }

    /// The salt's text.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads a salt's text.
    ///
    /// # Errors
    /// If it is none.
    pub fn from_base64url(text: &str) -> Result<Self, DigestError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| DigestError)?;
        bytes.try_into().map(Self).map_err(|_| DigestError)
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// A digest of a value and a salt. Written as a [`Digest`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment(Digest);

impl Commitment {
    /// Commits to a value.
    #[must_use]
    pub fn new(value: &Canonical, salt: &Salt) -> Self {
        let mut hasher = DigestHasher::new();
        for part in [DOMAIN, &salt.0, value.as_bytes()] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finish())
    }

    /// Whether it was made of this value and salt.
    #[must_use]
    pub fn is_of(&self, value: &Canonical, salt: &Salt) -> bool {
        *self == Self::new(value, salt)
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Commitment {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

impl Serialize for Commitment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Commitment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Digest::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_and_the_salt_both_count() {
        let (one, two) = (Canonical::of(&1).unwrap(), Canonical::of(&2).unwrap());
        let salt = Salt::random().unwrap();
        let commitment = Commitment::new(&one, &salt);
        assert!(commitment.is_of(&one, &salt));
        assert!(!commitment.is_of(&two, &salt));
        assert!(!commitment.is_of(&one, &Salt::random().unwrap()));
        assert_ne!(commitment.to_string(), one.digest().to_string());
    }

    #[test]
    fn texts_lead_back() {
        let salt = Salt::random().unwrap();
        assert_eq!(Salt::from_base64url(&salt.to_base64url()), Ok(salt.clone()));
        assert!(Salt::from_base64url("AAAA").is_err());
        assert_eq!(format!("{salt:?}"), "Salt(..)");
        let commitment = Commitment::new(&Canonical::of(&1).unwrap(), &salt);
        assert_eq!(commitment.to_string().parse(), Ok(commitment));
        let json = serde_json::to_string(&commitment).unwrap();
        assert_eq!(serde_json::from_str::<Commitment>(&json).unwrap(), commitment);
    }

    /// Python: sha256 of each part after its length, eight bytes, highest first.
    #[test]
    fn the_same_in_another_language() {
        let commitment = Commitment::new(&Canonical::of(&1).unwrap(), &Salt([7; 16]));
        assert_eq!(
            commitment.to_string(),
            "sha256:33c3bedc8177cfd55107899bc28abaf216d7759eecc268d92a1d3e3994d66f76"
        );
    }
}
