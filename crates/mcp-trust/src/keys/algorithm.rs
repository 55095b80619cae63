//! Signature algorithms.

use std::fmt;

/// A signature algorithm, by its name in JOSE (RFC 7518, section 3.1; RFC 8037, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519 (RFC 8032).
    EdDsa,
    /// ECDSA with P-256 and SHA-256 (FIPS 186-5).
    Es256,
}

impl Algorithm {
    /// All that this crate knows.
    pub const ALL: [Self; 2] = [Self::EdDsa, Self::Es256];

    /// Its name in JOSE headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    /// The algorithm of a name. `Ed25519`, the name that RFC 9864 gives to what keys of ours do as `EdDSA`, is
    /// understood too.
    ///
    /// ```
    /// use mcp_trust::keys::Algorithm;
    ///
    /// assert_eq!(Algorithm::from_name("ES256"), Some(Algorithm::Es256));
    /// assert_eq!(Algorithm::from_name("none"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
