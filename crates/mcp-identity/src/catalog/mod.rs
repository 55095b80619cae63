//! AI catalogs: what a domain offers, and who vouches for it.
//!
//! A catalog lists things by a name and a type, with the place where each is or the thing itself. Whoever has
//! something to say about an entry adds a [`TrustManifest`], signed by a key that its `did:web` document lists; who
//! publishes the catalog can sign all of it.
//!
//! The specification is a draft that has changed while it was in use. This crate writes its present form and reads
//! the earlier ones that are out there: see [`CatalogEntry`].
//!
//! Source: AI Catalog 1.0 (draft of October 2026); server card extension, "Discovery".

mod judge;
mod manifest;

use mcp_core::RawJson;
use mcp_core::protocol::JsonObject;

pub use manifest::{
    Attestation, ProvenanceLink, SignatureObject, Subject, TrustManifest, TrustSchema,
};

use crate::finding::{self, Findings};
use crate::urn::AirUrn;

/// Where a domain's catalog is (AI Catalog, "Well-Known URI").
pub const WELL_KNOWN: &str = "/.well-known/ai-catalog.json";
/// The link relation by which a page names its catalog.
pub const LINK_RELATION: &str = "ai-catalog";
/// The version of the specification that this crate writes.
pub const SPEC_VERSION: &str = "1.0";

mcp_core::wire! {
    /// A catalog.
    ///
    /// ```
    /// use mcp_identity::catalog::{Catalog, CatalogEntry};
    /// use mcp_identity::media_type;
    ///
    /// let entry = CatalogEntry::typed("urn:air:example.com:mcp:weather", media_type::SERVER_CARD)
    ///     .with_url("https://example.com/mcp/server-card");
    /// let catalog = Catalog::of([entry]);
    /// catalog.validate()?;
    /// assert_eq!(catalog.server_cards().count(), 1);
    /// # Ok::<(), mcp_identity::Findings>(())
    /// ```
    pub struct Catalog {
        required {
            /// The version of the specification, `major.minor`.
            spec_version: String = "specVersion",
            /// What is offered.
            entries: Vec<CatalogEntry> = "entries",
        }
        optional {
            /// Who operates the catalog.
            host: HostInfo = "host" => with_host,
            /// What vendors add, under URLs or names in reverse-DNS form.
            extensions: JsonObject = "extensions" => with_extensions,
            /// A signature of the whole catalog.
            signature: SignatureObject = "signature" => with_signature,
        }
    }
}

impl Catalog {
    /// A catalog of these entries, in the version that this crate writes.
    #[must_use]
    pub fn of(entries: impl IntoIterator<Item = CatalogEntry>) -> Self {
        Self::new(SPEC_VERSION, entries.into_iter().collect::<Vec<_>>())
    }

    /// Reads a catalog that is everything the specification asks for.
    ///
    /// # Errors
    /// Everything that it is not; [`Problem::Version`](crate::finding::Problem::Version) if its major version is another.
    pub fn judge(text: &[u8]) -> Result<Self, Findings> {
        finding::judge(text, judge::catalog)
    }

    /// Judges a catalog that this program made.
    ///
    /// # Errors
    /// As [`judge`](Self::judge).
    pub fn validate(&self) -> Result<(), Findings> {
        finding::validate(self, judge::catalog)
    }

    /// The entries that are servers' cards.
    pub fn server_cards(&self) -> impl Iterator<Item = &CatalogEntry> {
        self.entries.iter().filter(|entry| entry.kind() == Some(crate::media_type::SERVER_CARD))
    }

    /// The entries that are catalogs.
    pub fn catalogs(&self) -> impl Iterator<Item = &CatalogEntry> {
        self.entries.iter().filter(|entry| entry.kind() == Some(crate::media_type::AI_CATALOG))
    }
}

mcp_core::wire! {
    /// Who operates a catalog.
    pub struct HostInfo {
        required {
            /// The name for people.
            display_name: String = "displayName",
        }
        optional {
            /// A name that can be checked: a domain, or a DID.
            identifier: String = "identifier" => with_identifier,
            /// Documentation for people.
            documentation_url: String = "documentationUrl" => with_documentation_url,
            /// A picture.
            logo_url: String = "logoUrl" => with_logo_url,
        }
    }
}

mcp_core::wire! {
    /// Something that a catalog offers: exactly one of [`url`](Self#structfield.url) and
    /// [`data`](Self#structfield.data) says what.
    ///
    /// Until the spring of 2026 the type's member was called `mediaType`. [`kind`](Self::kind) finds both; writing
    /// knows `type` alone.
    ///
    /// ```
    /// use mcp_identity::catalog::CatalogEntry;
    ///
    /// let text = r#"{"identifier": "urn:air:example.com:mcp:weather",
    ///     "mediaType": "application/mcp-server-card+json", "url": "https://example.com/mcp/server-card"}"#;
    /// let entry: CatalogEntry = serde_json::from_str(text)?;
    /// assert_eq!(entry.kind(), Some(mcp_identity::media_type::SERVER_CARD));
    /// assert_eq!(entry.air().unwrap().publisher(), "example.com");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct CatalogEntry {
        required {
            /// The thing's name: any text, preferably an [`AirUrn`].
            identifier: String = "identifier",
        }
        optional {
            /// What kind of thing it is, mostly a media type. [`kind`](Self::kind) finds it in documents of the
            /// earlier form too.
            media_type: String = "type" => with_type,
            /// Where the thing is.
            url: String = "url" => with_url,
            /// The thing itself.
            data: RawJson = "data" => with_data,
            /// A name for people, where the thing has none or is to be shown under another.
            display_name: String = "displayName" => with_display_name,
            /// A description for people, likewise.
            description: String = "description" => with_description,
            /// Words to find it by.
            tags: Vec<String> = "tags" => with_tags,
            /// The thing's version. Must be there if other entries have the same name.
            version: String = "version" => with_version,
            /// When the entry changed last, RFC 3339.
            updated_at: String = "updatedAt" => with_updated_at,
            /// Who publishes the thing, as far as the catalog says.
            publisher: Publisher = "publisher" => with_publisher,
            /// The digest of the thing: of the bytes at `url`, or of the canonical form of `data`.
            digest: String = "digest" => with_digest,
            /// What others say of the thing.
            trust_manifests: Vec<TrustManifest> = "trustManifests" => with_trust_manifests,
            /// What vendors add.
            extensions: JsonObject = "extensions" => with_extensions,
        }
    }
}

impl CatalogEntry {
    /// An entry of this name and type.
    #[must_use]
    pub fn typed(identifier: impl Into<String>, media_type: impl Into<String>) -> Self {
        Self::new(identifier).with_type(media_type)
    }

    /// What kind of thing it is: `type`, or `mediaType` in documents of the earlier form.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        let earlier = || self.extra.get("mediaType")?.get().strip_prefix('"')?.strip_suffix('"');
        self.media_type.as_deref().or_else(earlier)
    }

    /// The name, taken apart; `None` if it is of another form, which tells nothing then.
    #[must_use]
    pub fn air(&self) -> Option<AirUrn> {
        self.identifier.parse().ok()
    }

    /// What to call it where nothing of the thing itself is known: its `displayName`, or what follows the last colon
    /// or slash of its name.
    #[must_use]
    pub fn label(&self) -> &str {
        let last = || self.identifier.rsplit([':', '/']).next().unwrap_or_default();
        self.display_name.as_deref().unwrap_or_else(last)
    }
}

mcp_core::wire! {
    /// Who publishes a thing, as far as a catalog says.
    pub struct Publisher {
        required {
            /// A name that can be checked: a domain, or a DID.
            identifier: String = "identifier",
            /// The name for people.
            display_name: String = "displayName",
        }
        optional {
            /// What kind of name it is, such as `did` or `dns`.
            identity_type: String = "identityType" => with_identity_type,
        }
    }
}
