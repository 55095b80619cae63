//! What stands behind a card.

use std::fmt;
use std::time::SystemTime;

use mcp_trust::canonical::Canonical;
use mcp_trust::digest::Digest;

use crate::DidDocument;
use crate::catalog::{CatalogEntry, TrustManifest};
use crate::sign::{TrustError, verify_manifest};

/// How much stands behind a card, from nothing up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum TrustLevel {
    /// Nothing but the connection over which it came.
    #[default]
    Unsigned,
    /// It is what the catalog's entry says by digest. Whoever can change the catalog can change both.
    DigestMatched,
    /// The publisher signed the entry, with the card's digest or address, by the keys that the publisher's domain lists.
    /// The publisher is whose domain the entry's `urn:air` name bears: anybody can sign in a name of their own.
    Signed,
    /// Somebody signed it so who was known before.
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
    /// Whose signatures hold.
    pub signers: Vec<SignedBy>,
    /// Statements that do not hold or could not be looked at: who is said to make them, and why not. Text of the other
    /// side's may be in here.
    pub failed: Vec<(String, String)>,
}

/// Somebody whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedBy {
    /// Who: a name such as `did:web:example.com`.
    pub signer: String,
    /// The whole name of the key.
    pub key_id: String,
    /// Whether it is the publisher, whose domain the entry's name bears.
    pub is_publisher: bool,
    /// Whether it is somebody who was known before.
    pub is_pinned: bool,
}

impl Trust {
    /// Holds the text of a card against its entry's digest: `None` if it is another's. A digest of an algorithm that this
    /// crate does not compute says nothing, and the trust says so.
    ///
    /// ```
    /// use mcp_identity::catalog::CatalogEntry;
    /// use mcp_identity::sign::artifact_digest;
    /// use mcp_identity::trust::{Trust, TrustLevel};
    ///
    /// let entry = CatalogEntry::new("urn:air:example.com:mcp:weather")
    ///     .with_url("https://example.com/mcp/server-card")
    ///     .with_digest(artifact_digest(b"{}"));
    /// let level = |text: &[u8]| Trust::of_digest(&entry, text).map(|trust| trust.level);
    /// assert_eq!(level(b"{}"), Some(TrustLevel::DigestMatched));
    /// assert_eq!(level(b"{ }"), None);
    /// ```
    #[must_use]
    pub fn of_digest(entry: &CatalogEntry, card: &[u8]) -> Option<Self> {
        let Some(expected) = &entry.digest else { return Some(Self::default()) };
        let Ok(expected) = expected.parse::<Digest>() else {
            let why = "a digest of another algorithm than sha256".to_owned();
            return Some(Self { failed: vec![(entry.identifier.clone(), why)], ..Self::default() });
        };
        let matches = match entry.data {
            // Of a document by its bytes, of an inline one by its canonical form.
            None => Digest::of(card) == expected,
            Some(_) => {
                Canonical::from_slice(card).is_ok_and(|c| Digest::of(c.as_bytes()) == expected)
            }
        };
        matches.then(|| Self { level: TrustLevel::DigestMatched, ..Self::default() })
    }

    /// Adds what a manifest of an entry says, verified by its contributor's DID document and the card's text.
    ///
    /// # Errors
    /// If the contributor does not stand for it; nothing is added then.
    pub fn add(
        &mut self,
        entry: &CatalogEntry,
        manifest: &TrustManifest,
        document: &DidDocument,
        card: &[u8],
        pinned: &[String],
        at: SystemTime,
    ) -> Result<(), TrustError> {
        let endorsement = verify_manifest(entry, manifest, document, at)?;
        if entry.data.is_none() {
            endorsement.check_artifact(card)?;
        }
        let signer = endorsement.signer.to_string();
        let signed = SignedBy {
            is_publisher: endorsement.is_publisher,
            is_pinned: pinned.contains(&signer),
            key_id: endorsement.key_id,
            signer,
        };
        let level = match (signed.is_pinned, signed.is_publisher) {
            (true, _) => TrustLevel::Pinned,
            (false, true) => TrustLevel::Signed,
            (false, false) => self.level,
        };
        self.level = self.level.max(level);
        self.signers.push(signed);
        Ok(())
    }
}
