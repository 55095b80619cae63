//! The walk through catalogs, breadth first, within its limits.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::SystemTime;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::{CARD, CATALOG, DiscoverOptions, Document, Listing, Step, Trouble, TroubleReason};
use super::{FoundCatalog, FoundServer, Note, card_of, catalog_of, did_document, notes};
use crate::Finding;
use crate::card::ServerCard;
use crate::catalog::{Catalog, CatalogEntry};
use crate::did::DidDocument;
use crate::fetch::{Fetched, Fetcher, Url};
use crate::media_type;
use crate::trust::Trust;

/// As many documents are waited for at the same time.
const AT_ONCE: usize = 8;
/// As many characters of an entry's name are kept in a trail.
const LONGEST_NAME: usize = 256;
/// As many manifests of an entry are looked at.
const MANIFESTS: usize = 8;

pub(super) struct Walk<'a> {
    fetcher: &'a Fetcher,
    options: &'a DiscoverOptions,
    listing: Listing,
    deadline: Instant,
    documents: usize,
    entries: usize,
    bytes: usize,
    /// Catalogs that were fetched, wherever.
    seen: HashSet<Url>,
    names: HashSet<(String, Option<String>)>,
    /// Keys of signers, or why there are none.
    documents_of: HashMap<String, Result<DidDocument, String>>,
    waiting: VecDeque<Waiting>,
    /// A limit is named once.
    exhausted: bool,
}

/// A catalog whose entries have not been looked at.
struct Waiting {
    catalog: Catalog,
    findings: Vec<Finding>,
    /// The document that it is, or is in.
    within: Fetched,
    trail: Vec<Step>,
    depth: usize,
    /// The documents on the way, this one included.
    path: Vec<Url>,
}

/// What an entry leads to.
enum Content {
    At(Url),
    Inline(Vec<u8>),
}

impl<'a> Walk<'a> {
    pub(super) fn new(fetcher: &'a Fetcher, options: &'a DiscoverOptions) -> Self {
        let now = Instant::now();
        Self {
            fetcher,
            options,
            listing: Listing::default(),
            deadline: now.checked_add(options.limits.total).unwrap_or(now),
            documents: 1,
            entries: 0,
            bytes: 0,
            seen: HashSet::new(),
            names: HashSet::new(),
            documents_of: HashMap::new(),
            waiting: VecDeque::new(),
            exhausted: false,
        }
    }

    pub(super) fn into_listing(self) -> Listing {
        self.listing
    }

    /// Begins with the first document.
    pub(super) async fn begin(&mut self, fetched: Fetched, document: Document) {
        let trail = vec![step(&fetched)];
        self.bytes = fetched.body.len();
        match document {
            Document::Card(card, findings) => {
                let notes = notes::of_card(&card, fetched.is_local());
                let is_local = fetched.is_local();
                let trust = Trust::default();
                let card = *card;
                self.listing.servers.push(FoundServer {
                    card,
                    findings,
                    trail,
                    notes,
                    trust,
                    is_local,
                });
            }
            Document::Catalog(catalog, findings) => {
                let path = addresses(&fetched);
                self.seen.extend(path.iter().cloned());
                self.waiting.push_back(Waiting {
                    catalog: *catalog,
                    findings,
                    within: fetched,
                    trail,
                    depth: 1,
                    path,
                });
                while let Some(next) = self.waiting.pop_front() {
                    self.catalog(next).await;
                }
            }
        }
    }

    async fn catalog(&mut self, waiting: Waiting) {
        let Waiting { catalog, findings, within, trail, depth, path } = waiting;
        let entries = catalog.entries.len();
        let is_valid = findings.is_empty();
        self.listing.catalogs.push(FoundCatalog { trail: trail.clone(), entries, findings });
        let mut cards = Vec::new();
        for entry in catalog.entries {
            self.entries += 1;
            let limit = self.options.limits.entries;
            if self.entries > limit {
                self.stop(&trail, TroubleReason::TooManyEntries { limit });
                break;
            }
            let mut trail = trail.clone();
            trail.push(Step::Entry(cut(&entry.identifier)));
            match entry.kind() {
                Some(media_type::SERVER_CARD) => match content(&entry, &within.url) {
                    Ok(content) => cards.push((entry, content, trail)),
                    Err(reason) => self.trouble(trail, reason),
                },
                Some(media_type::AI_CATALOG) => match content(&entry, &within.url) {
                    Ok(content) => self.nested(content, &within, trail, depth, &path).await,
                    Err(reason) => self.trouble(trail, reason),
                },
                // Agents, skills, data: not ours to look at.
                _ => {}
            }
        }
        self.cards(cards, &within, is_valid).await;
    }

    /// Reads a nested catalog and puts it behind those that wait.
    async fn nested(
        &mut self,
        content: Content,
        within: &Fetched,
        mut trail: Vec<Step>,
        depth: usize,
        path: &[Url],
    ) {
        let limit = self.options.limits.depth;
        if depth >= limit {
            return self.trouble(trail, TroubleReason::TooDeep { limit });
        }
        let mut path = path.to_vec();
        let (within, text) = match content {
            Content::Inline(text) => {
                trail.push(Step::Inline);
                (within.clone(), text)
            }
            Content::At(url) => {
                if path.contains(&url) {
                    return self.trouble(trail, TroubleReason::Cycle);
                }
                // Read by another way already: what it has is in the listing.
                if !self.seen.insert(url.clone()) {
                    return;
                }
                if let Err(reason) = self.spend(1) {
                    return self.stop(&trail, reason);
                }
                let fetched =
                    within_time(self.deadline, self.fetcher.follow(within, &url, CATALOG));
                let fetched = match fetched.await {
                    Ok(fetched) => fetched,
                    Err(reason) => return self.trouble(trail, reason),
                };
                trail.push(step(&fetched));
                // A redirect may lead back as well.
                let all = addresses(&fetched);
                if all.iter().any(|url| path.contains(url)) {
                    return self.trouble(trail, TroubleReason::Cycle);
                }
                self.seen.extend(all.iter().cloned());
                path.extend(all);
                let text = fetched.body.to_vec();
                (fetched, text)
            }
        };
        if let Err(reason) = self.take(text.len()) {
            return self.stop(&trail, reason);
        }
        match catalog_of(&text) {
            Err(findings) => self.trouble(trail, TroubleReason::Catalog(findings)),
            Ok((catalog, findings)) => self.waiting.push_back(Waiting {
                catalog,
                findings,
                within,
                trail,
                depth: depth + 1,
                path,
            }),
        }
    }

    /// Reads the cards of a catalog, several at a time, and lists them in their order.
    async fn cards(
        &mut self,
        cards: Vec<(CatalogEntry, Content, Vec<Step>)>,
        within: &Fetched,
        is_valid: bool,
    ) {
        let fetches = cards.iter().filter(|(_, content, _)| matches!(content, Content::At(_)));
        let (wanted, left) = (fetches.count(), self.left());
        let (fetcher, deadline) = (self.fetcher, self.deadline);
        let mut number = 0;
        let reads = cards.into_iter().map(|(entry, content, mut trail)| {
            number += usize::from(matches!(content, Content::At(_)));
            let may = number <= left;
            let limit = self.options.limits.documents;
            async move {
                let read = match content {
                    Content::Inline(text) => {
                        trail.push(Step::Inline);
                        Ok((text.into(), within.is_local(), within.url.clone()))
                    }
                    Content::At(_) if !may => Err(TroubleReason::TooManyDocuments { limit }),
                    Content::At(url) => {
                        let fetched = fetcher.follow(within, &url, CARD);
                        within_time(deadline, fetched).await.map(|fetched| {
                            trail.push(step(&fetched));
                            (fetched.body.clone(), fetched.is_local(), fetched.url)
                        })
                    }
                };
                (entry, trail, read)
            }
        });
        // The futures are made before any of them runs, so that none borrows `self`.
        let reads: Vec<_> = reads.collect();
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        let mut found = Vec::new();
        while let Some(read) = reads.next().await {
            found.push(read);
        }
        drop(reads);
        self.documents += wanted.min(left);
        for (entry, trail, read) in found {
            let read = read.and_then(|(text, is_local, url)| {
                self.take(text.len())?;
                let (card, findings) = card_of(&text).map_err(TroubleReason::Card)?;
                let trust = Trust::of_digest(&entry, &text).ok_or(TroubleReason::Digest)?;
                Ok((text, card, findings, trust, is_local, url))
            });
            match read {
                Err(reason @ TroubleReason::TooManyDocuments { .. }) => self.stop(&trail, reason),
                Err(reason @ TroubleReason::TooManyBytes { .. }) => self.stop(&trail, reason),
                Err(reason) => self.trouble(trail, reason),
                Ok((text, card, findings, mut trust, is_local, url)) => {
                    self.manifests(&entry, &text, &mut trust, is_valid).await;
                    let notes = self.notes(&entry, &card, &within.url, &url, is_local);
                    let found = FoundServer { card, findings, trail, notes, trust, is_local };
                    self.listing.servers.push(found);
                }
            }
        }
    }

    /// Verifies what others say of an entry.
    async fn manifests(
        &mut self,
        entry: &CatalogEntry,
        text: &[u8],
        trust: &mut Trust,
        is_valid: bool,
    ) {
        for manifest in entry.trust_manifests.iter().flatten().take(MANIFESTS) {
            if manifest.signature.is_none() {
                continue;
            }
            let signer = &manifest.contributor;
            let document = match is_valid {
                true => self.document_of(signer).await,
                // What was signed is only sure where the catalog can be read in one way.
                false => Err("its catalog is not valid".to_owned()),
            };
            let added = document.and_then(|document| {
                let (pinned, now) = (&self.options.pinned, SystemTime::now());
                let added = trust.add(entry, manifest, &document, text, pinned, now);
                added.map_err(|error| error.to_string())
            });
            if let Err(why) = added {
                trust.failed.push((signer.clone(), why));
            }
        }
    }

    /// The keys of a signer, fetched once.
    async fn document_of(&mut self, signer: &str) -> Result<DidDocument, String> {
        if let Some(known) = self.documents_of.get(signer) {
            return known.clone();
        }
        let document = match self.spend(1) {
            Ok(()) => {
                let fetched = timeout_at(self.deadline, did_document(self.fetcher, signer)).await;
                match fetched {
                    Ok(fetched) => fetched.map_err(|error| error.to_string()),
                    Err(_) => Err(TroubleReason::Deadline.to_string()),
                }
            }
            Err(reason) => Err(reason.to_string()),
        };
        self.documents_of.insert(signer.to_owned(), document.clone());
        document
    }

    fn notes(
        &mut self,
        entry: &CatalogEntry,
        card: &ServerCard,
        catalog: &Url,
        url: &Url,
        is_local: bool,
    ) -> Vec<Note> {
        let mut notes = notes::of_entry(entry, card, catalog);
        if catalog.host() != url.host() {
            notes.push(Note::CardElsewhere);
        }
        if !self.names.insert((entry.identifier.clone(), entry.version.clone())) {
            notes.push(Note::Duplicate);
        }
        notes.extend(notes::of_card(card, is_local));
        notes
    }

    /// How many documents may still be fetched.
    fn left(&self) -> usize {
        self.options.limits.documents.saturating_sub(self.documents)
    }

    fn spend(&mut self, documents: usize) -> Result<(), TroubleReason> {
        if documents > self.left() {
            return Err(TroubleReason::TooManyDocuments { limit: self.options.limits.documents });
        }
        self.documents += documents;
        Ok(())
    }

    fn take(&mut self, bytes: usize) -> Result<(), TroubleReason> {
        let limit = self.options.limits.bytes;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > limit { Err(TroubleReason::TooManyBytes { limit }) } else { Ok(()) }
    }

    fn trouble(&mut self, trail: Vec<Step>, reason: TroubleReason) {
        self.listing.troubles.push(Trouble { trail, reason });
    }

    /// Names a limit once, where it was met first: everything after it meets it too.
    fn stop(&mut self, trail: &[Step], reason: TroubleReason) {
        if !std::mem::replace(&mut self.exhausted, true) {
            self.trouble(trail.to_vec(), reason);
        }
    }
}

/// A name for a trail. Every entry below has it in its own, so one without end would be kept a thousand times.
fn cut(identifier: &str) -> String {
    let mut cut: String = identifier.chars().take(LONGEST_NAME).collect();
    if cut.len() < identifier.len() {
        cut.push('…');
    }
    cut
}

/// What an entry leads to; an address may be relative to its catalog's.
fn content(entry: &CatalogEntry, catalog: &Url) -> Result<Content, TroubleReason> {
    match (&entry.url, &entry.data) {
        (Some(url), None) => Ok(Content::At(catalog.join(url)?)),
        (None, Some(data)) => Ok(Content::Inline(data.get().as_bytes().to_vec())),
        _ => Err(TroubleReason::Entry),
    }
}

async fn within_time(
    deadline: Instant,
    fetched: impl Future<Output = Result<Fetched, crate::fetch::FetchError>>,
) -> Result<Fetched, TroubleReason> {
    match timeout_at(deadline, fetched).await {
        Ok(fetched) => Ok(fetched?),
        Err(_) => Err(TroubleReason::Deadline),
    }
}

fn step(fetched: &Fetched) -> Step {
    let asked = fetched.redirects.first().unwrap_or(&fetched.url).clone();
    Step::Fetched { asked, url: fetched.url.clone() }
}

/// All addresses of a document: what was asked for, and where redirects led.
fn addresses(fetched: &Fetched) -> Vec<Url> {
    let mut all = fetched.redirects.clone();
    all.push(fetched.url.clone());
    all
}
