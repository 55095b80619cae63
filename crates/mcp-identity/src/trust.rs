//! What stands behind a card.

use std::fmt;

/// How much stands behind a card. Each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum TrustLevel {
    /// Nothing but the connection over which it came.
    #[default]
    Unsigned,
    /// It is what the catalog's entry says by digest. Whoever can change the catalog can change both.
    DigestMatched,
    /// Somebody signed the entry with its digest or address, by the keys that their domain publishes.
    Signed,
    /// The same, and the signer is one that was known before.
    Pinned,
}

impl TrustLevel {
    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::DigestMatched => "digest-matched",
            Self::Signed => "signed",
            Self::Pinned => "pinned",
        }
    }
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What stands behind a card, and what was said but does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Trust {
    /// How much.
    pub level: TrustLevel,
    /// Who signed, as far as that holds: names such as `did:web:example.com`.
    pub signers: Vec<String>,
    /// Signatures that do not hold or could not be looked at: who is said to have signed, and why not. Text of the other
    /// side's may be in here.
    pub failed: Vec<(String, String)>,
}

/// Holds the text of a card against its entry's digest: `None` if it is another's. A digest of an algorithm that this crate
/// does not compute says nothing, and the trust says so.
#[cfg(feature = "client")]
pub(crate) fn digest(entry: &crate::catalog::CatalogEntry, text: &[u8]) -> Option<Trust> {
    use mcp_trust::canonical::Canonical;
    use mcp_trust::digest::Digest;

    let Some(expected) = &entry.digest else { return Some(Trust::default()) };
    let Ok(expected) = expected.parse::<Digest>() else {
        let why = "a digest of another algorithm than sha256".to_owned();
        return Some(Trust { failed: vec![(entry.identifier.clone(), why)], ..Trust::default() });
    };
    let matches = match entry.data {
        // Of a document by its bytes, of an inline one by its canonical form.
        None => Digest::of(text) == expected,
        Some(_) => Canonical::from_slice(text).is_ok_and(|c| Digest::of(c.as_bytes()) == expected),
    };
    matches.then(|| Trust { level: TrustLevel::DigestMatched, ..Trust::default() })
}
