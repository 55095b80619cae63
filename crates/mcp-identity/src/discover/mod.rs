//! From a domain to the servers that it offers.
//!
//! A domain has a catalog, a catalog has entries, an entry names a card or another catalog, a card says where its
//! server is. [`discover`] walks that way with a [`Fetcher`] and lists what it finds: each server with the
//! [trail](FoundServer::trail) that led to it, what is [odd](Note) about it, and what [stands
//! behind](crate::trust::Trust) its card; and each thing that was named but could not be used, by its
//! [reason](TroubleReason).
//!
//! Catalogs come from strangers, so the walk is bounded: in depth, documents, entries, bytes and time
//! ([`DiscoverLimits`]); a catalog that leads back to itself is named and left out.
//!
//! ```no_run
//! use mcp_identity::discover::{DiscoverOptions, discover};
//! use mcp_identity::fetch::Fetcher;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fetcher = Fetcher::new()?;
//! let listing = discover(&fetcher, &"example.com".parse()?, &DiscoverOptions::default()).await?;
//! for server in &listing.servers {
//!     println!("{} {} ({})", server.card.name, server.card.version, server.trust.level);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Source: server-card extension, *Discovery*; AI Catalog, *Discovery* and *Nested Catalog Depth*.

mod keys;
mod listing;
mod notes;
mod target;
mod walk;

pub use keys::{DidDocumentError, did_document};
pub use listing::{FoundCatalog, FoundServer, Listing, Note, Step, Trouble, TroubleReason};
pub use target::Target;

pub(crate) use listing::endpoints;

use std::time::Duration;

use crate::card::{self, ServerCard};
use crate::catalog::{self, Catalog};
use crate::fetch::{Fetched, Fetcher, Refusal, Url};
use crate::finding::Findings;
use crate::media_type;

use walk::Walk;

/// What is accepted as a catalog.
const CATALOG: &[&str] = &[media_type::AI_CATALOG, media_type::JSON];
/// What is accepted as a card.
const CARD: &[&str] = &[media_type::SERVER_CARD, media_type::JSON];
/// What is accepted where it is not known which.
const EITHER: &[&str] = &[media_type::SERVER_CARD, media_type::AI_CATALOG, media_type::JSON];

/// How a discovery goes about it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DiscoverOptions {
    /// What it may cost.
    pub limits: DiscoverLimits,
    /// Who is trusted to sign: names such as `did:web:example.com`. Their signatures make a card
    /// [`Pinned`](crate::trust::TrustLevel::Pinned).
    pub pinned: Vec<String>,
}

/// What a discovery may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiscoverLimits {
    /// How deep catalogs may be nested; the first one counts. Default 4, as the specification recommends.
    pub depth: usize,
    /// Documents that are fetched, keys included. Default 64.
    pub documents: usize,
    /// Entries that are looked at, in all catalogs together. Default 1,000.
    pub entries: usize,
    /// Bytes of all documents together. Default 16 MiB.
    pub bytes: usize,
    /// Time in all. Default 60 s.
    pub total: Duration,
}

impl Default for DiscoverLimits {
    fn default() -> Self {
        Self {
            depth: 4,
            documents: 64,
            entries: 1000,
            bytes: 16 * 1024 * 1024,
            total: Duration::from_secs(60),
        }
    }
}

/// Why nothing was discovered: every place that was tried, with the reason.
#[derive(Debug, thiserror::Error)]
#[error("nothing was found")]
#[non_exhaustive]
pub struct DiscoverError {
    /// What was tried, in order.
    pub tried: Vec<Trouble>,
}

/// Finds the servers of a domain, of a catalog, or the one at an address.
///
/// A domain's catalog is at `/.well-known/ai-catalog.json`; if there is none, `/server-card` is tried. At any other
/// address, what is there is looked at first; if it is neither card nor catalog, the address is taken for a server's,
/// whose card is at the address and `/server-card`.
///
/// # Errors
/// If neither catalog nor card was found. What else goes wrong is in the listing.
pub async fn discover(
    fetcher: &Fetcher,
    target: &Target,
    options: &DiscoverOptions,
) -> Result<Listing, DiscoverError> {
    let mut tried = Vec::new();
    let found = match target.is_domain() {
        true => domain(fetcher, target.url(), &mut tried).await,
        false => address(fetcher, target.url(), &mut tried).await,
    };
    let Some((fetched, document)) = found else { return Err(DiscoverError { tried }) };
    let mut walk = Walk::new(fetcher, options);
    walk.begin(fetched, document).await;
    Ok(walk.into_listing())
}

/// A card, and the document that it is.
#[derive(Debug)]
#[non_exhaustive]
pub struct CardAt {
    /// The document.
    pub fetched: Fetched,
    /// The card.
    pub card: ServerCard,
    /// What its specification does not allow; empty for a valid card.
    pub findings: Vec<crate::Finding>,
}

/// Fetches the card at an address, or of the server at it.
///
/// # Errors
/// If there is none; with both places that were tried.
pub async fn card_at(fetcher: &Fetcher, url: &Url) -> Result<CardAt, DiscoverError> {
    let mut tried = Vec::new();
    let mut found = attempt(fetcher, Ok(url.clone()), CARD, read_card, &mut tried).await;
    if found.is_none() {
        found = fall_back(fetcher, url, &mut tried).await;
    }
    match found {
        Some((fetched, Document::Card(card, findings))) => {
            Ok(CardAt { fetched, card: *card, findings })
        }
        _ => Err(DiscoverError { tried }),
    }
}

/// What a document turned out to be.
enum Document {
    Catalog(Box<Catalog>, Vec<crate::Finding>),
    Card(Box<ServerCard>, Vec<crate::Finding>),
}

type Found = Option<(Fetched, Document)>;

async fn domain(fetcher: &Fetcher, root: &Url, tried: &mut Vec<Trouble>) -> Found {
    if let Some(found) =
        attempt(fetcher, root.join(catalog::WELL_KNOWN), CATALOG, read_catalog, tried).await
    {
        return Some(found);
    }
    fall_back(fetcher, root, tried).await
}

async fn address(fetcher: &Fetcher, url: &Url, tried: &mut Vec<Trouble>) -> Found {
    if let Some(found) = attempt(fetcher, Ok(url.clone()), EITHER, read_either, tried).await {
        return Some(found);
    }
    fall_back(fetcher, url, tried).await
}

/// Tries the card of the server at an address, unless the attempt before shows that nothing there may be asked.
async fn fall_back(fetcher: &Fetcher, url: &Url, tried: &mut Vec<Trouble>) -> Found {
    let worthwhile = tried.last().is_none_or(|trouble| match &trouble.reason {
        TroubleReason::Fetch(error) => {
            matches!(error.refusal, Refusal::Status(_) | Refusal::MediaType(_))
        }
        _ => false,
    });
    if !worthwhile {
        return None;
    }
    let url = url.below(card::SUFFIX.trim_start_matches('/'));
    attempt(fetcher, url, CARD, read_card, tried).await
}

async fn attempt(
    fetcher: &Fetcher,
    url: Result<Url, crate::fetch::UrlError>,
    accept: &[&str],
    read: fn(&Fetched) -> Result<Document, TroubleReason>,
    tried: &mut Vec<Trouble>,
) -> Found {
    let (trail, reason) = match url {
        Err(error) => (Vec::new(), error.into()),
        Ok(url) => match fetcher.get(&url, accept).await {
            Err(error) => (vec![Step::Fetched { asked: url.clone(), url }], error.into()),
            Ok(fetched) => match read(&fetched) {
                Ok(document) => return Some((fetched, document)),
                Err(reason) => (vec![Step::Fetched { asked: url, url: fetched.url }], reason),
            },
        },
    };
    tried.push(Trouble { trail, reason });
    None
}

fn read_either(fetched: &Fetched) -> Result<Document, TroubleReason> {
    match fetched.media_type.as_str() {
        media_type::AI_CATALOG => read_catalog(fetched),
        media_type::SERVER_CARD => read_card(fetched),
        // Plain JSON says what it is by its members.
        _ => read_catalog(fetched).or_else(|_| read_card(fetched)),
    }
}

fn read_catalog(fetched: &Fetched) -> Result<Document, TroubleReason> {
    let (catalog, findings) = catalog_of(&fetched.body).map_err(TroubleReason::Catalog)?;
    Ok(Document::Catalog(Box::new(catalog), findings))
}

fn read_card(fetched: &Fetched) -> Result<Document, TroubleReason> {
    let (card, findings) = card_of(&fetched.body).map_err(TroubleReason::Card)?;
    Ok(Document::Card(Box::new(card), findings))
}

/// Reads a catalog generously: one that is not valid in all its entries still lists the others. Another major version
/// is refused.
fn catalog_of(text: &[u8]) -> Result<(Catalog, Vec<crate::Finding>), Findings> {
    let findings = match Catalog::judge(text) {
        Ok(catalog) => return Ok((catalog, Vec::new())),
        Err(findings) => findings,
    };
    let other = findings.iter().any(|f| f.problem == crate::finding::Problem::Version);
    match mcp_trust::strict::from_slice(text) {
        Ok(catalog) if !other => Ok((catalog, findings.into_vec())),
        _ => Err(findings),
    }
}

/// Reads a card generously: what is not valid about it is told with it.
fn card_of(text: &[u8]) -> Result<(ServerCard, Vec<crate::Finding>), Findings> {
    let findings = match ServerCard::judge(text) {
        Ok(card) => return Ok((card, Vec::new())),
        Err(findings) => findings,
    };
    match mcp_trust::strict::from_slice(text) {
        Ok(card) => Ok((card, findings.into_vec())),
        Err(_) => Err(findings),
    }
}
