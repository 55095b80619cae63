//! What was found, and where it came from.

use crate::card::{RemoteType, ServerCard};
use crate::fetch::{FetchError, Url};
use crate::finding::{Finding, Findings};
use crate::trust::Trust;

/// What a discovery found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Listing {
    /// The servers, in the order of their catalogs.
    pub servers: Vec<FoundServer>,
    /// The catalogs that were read, in the order in which they were.
    pub catalogs: Vec<FoundCatalog>,
    /// What was named and could not be used.
    pub troubles: Vec<Trouble>,
}

/// A step on the way to something.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A document that was fetched.
    Fetched {
        /// What was asked for.
        asked: Url,
        /// Where it was in the end.
        url: Url,
    },
    /// An entry of the catalog before, by its `identifier`, cut after 256 characters. Whatever text the catalog has there.
    Entry(String),
    /// The entry's own `data`.
    Inline,
}

/// A server that has a card.
#[derive(Debug)]
#[non_exhaustive]
pub struct FoundServer {
    /// Its card. What it says has not been checked against the server: see [`crate::check`].
    pub card: ServerCard,
    /// What its card's specification does not allow; empty for a valid card.
    pub findings: Vec<Finding>,
    /// How it was found: addresses and entries, from the target to the card.
    pub trail: Vec<Step>,
    /// What is odd about it.
    pub notes: Vec<Note>,
    /// What stands behind the card.
    pub trust: Trust,
    /// Whether the card came from this machine.
    pub is_local: bool,
}

impl FoundServer {
    /// Where the server is reached over Streamable HTTP without anything that a person would have to fill in, in
    /// the card's order.
    pub fn endpoints(&self) -> impl Iterator<Item = &str> {
        endpoints(&self.card)
    }
}

/// See [`FoundServer::endpoints`].
pub(crate) fn endpoints(card: &ServerCard) -> impl Iterator<Item = &str> {
    let remotes = card.remotes.iter().flatten();
    let usable = remotes.filter(|remote| {
        let headers = remote.headers.iter().flatten();
        remote.kind == RemoteType::StreamableHttp
            && !remote.url.contains(['{', '}'])
            && headers.filter(|header| header.is_required == Some(true)).count() == 0
    });
    usable.map(|remote| remote.url.as_str())
}

/// A catalog that was read.
#[derive(Debug)]
#[non_exhaustive]
pub struct FoundCatalog {
    /// How it was found.
    pub trail: Vec<Step>,
    /// How many entries it has, of every kind.
    pub entries: usize,
    /// What its specification does not allow; empty for a valid catalog.
    pub findings: Vec<Finding>,
}

/// Something odd about a server, which does not keep it from being used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Note {
    /// The entry's identifier is no `urn:air` name, so it says nothing about who publishes the server.
    #[error("its identifier is no urn:air name")]
    NoUrn,
    /// The entry's identifier names another domain than the catalog's host belongs to: the catalog lists somebody
    /// else's server, or says so.
    #[error("its identifier is of {publisher}, the catalog of another domain")]
    PublisherElsewhere {
        /// The domain in the identifier.
        publisher: String,
    },
    /// The card's name stands for another identifier than the entry's.
    #[error("its identifier does not fit the card's name, which stands for {expected}")]
    NameDiffers {
        /// The identifier that the card's name stands for.
        expected: String,
    },
    /// The card's name is no domain written backwards, so it stands for no identifier.
    #[error("the card's name is no domain backwards")]
    NameForm,
    /// Another entry before has the same identifier and version.
    #[error("an entry before has the same identifier and version")]
    Duplicate,
    /// The card comes from another host than the catalog that names it.
    #[error("the card comes from another host than its catalog")]
    CardElsewhere,
    /// The card comes from the network and names an address of this machine or of a private network.
    #[error("the card names a server at {0}, which is not on the public network")]
    EndpointInside(String),
    /// The entry's version is not the card's.
    #[error("the entry says another version than the card")]
    VersionDiffers,
}

impl Note {
    /// Its name for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoUrn => "no-urn",
            Self::PublisherElsewhere { .. } => "publisher-elsewhere",
            Self::NameDiffers { .. } => "name-differs",
            Self::NameForm => "name-form",
            Self::Duplicate => "duplicate",
            Self::CardElsewhere => "card-elsewhere",
            Self::EndpointInside(_) => "endpoint-inside",
            Self::VersionDiffers => "version-differs",
        }
    }
}

/// Something that was named and could not be used.
#[derive(Debug)]
#[non_exhaustive]
pub struct Trouble {
    /// The way to it.
    pub trail: Vec<Step>,
    /// Why not.
    pub reason: TroubleReason,
}

/// Why something could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TroubleReason {
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An entry's address is none.
    #[error("its address cannot be used: {0}")]
    Url(#[from] crate::fetch::UrlError),
    /// It is no catalog.
    #[error("it is no catalog: {0}")]
    Catalog(Findings),
    /// It is no card.
    #[error("it is no server card: {0}")]
    Card(Findings),
    /// An entry has neither `url` nor `data`, or both.
    #[error("the entry has not exactly one of url and data")]
    Entry,
    /// A catalog leads back to one that led to it.
    #[error("the catalog leads in a circle")]
    Cycle,
    /// Catalogs are nested deeper than is followed.
    #[error("catalogs are nested deeper than {limit}")]
    TooDeep {
        /// How deep is followed.
        limit: usize,
    },
    /// There are more documents than are fetched.
    #[error("there are more than {limit} documents")]
    TooManyDocuments {
        /// How many are fetched.
        limit: usize,
    },
    /// Catalogs have more entries than are looked at.
    #[error("there are more than {limit} entries")]
    TooManyEntries {
        /// How many are looked at.
        limit: usize,
    },
    /// The documents are larger, together, than is read.
    #[error("the documents are larger than {limit} bytes together")]
    TooManyBytes {
        /// How many bytes are read.
        limit: usize,
    },
    /// The time for the whole discovery passed.
    #[error("no more time")]
    Deadline,
    /// The card is not what its entry's digest says.
    #[error("the card is not what the entry's digest says")]
    Digest,
}

impl TroubleReason {
    /// Its name for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.refusal.name(),
            Self::Url(error) => crate::fetch::Refusal::Url(*error).name(),
            Self::Catalog(_) => "catalog-invalid",
            Self::Card(_) => "card-invalid",
            Self::Entry => "entry-content",
            Self::Cycle => "catalog-cycle",
            Self::TooDeep { .. } => "too-deep",
            Self::TooManyDocuments { .. } => "too-many-documents",
            Self::TooManyEntries { .. } => "too-many-entries",
            Self::TooManyBytes { .. } => "too-many-bytes",
            Self::Deadline => "deadline",
            Self::Digest => "digest-mismatch",
        }
    }
}
