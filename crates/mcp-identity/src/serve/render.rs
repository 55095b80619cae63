//! All documents of a site, made together, so that they agree with each other.

use std::time::SystemTime;

use http::header::HeaderValue;
use mcp_trust::keys::{Algorithm, KeySet, Keychain};
use serde::Serialize;

use super::answer::Ready;
use super::error::RenderError;
use super::site::Plan;
use crate::catalog::{Catalog, CatalogEntry, Subject, TrustManifest};
use crate::did::{DidDocument, DidWeb};
use crate::finding::Findings;
use crate::sign::{Lifetime, artifact_digest, sign_agent_card, sign_catalog, sign_manifest};
use crate::urn::AirUrn;
use crate::{AgentCard, media_type};

/// The documents of a site as they are at some time.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) cards: Vec<Ready>,
    pub(super) catalog: Ready,
    pub(super) agent: Option<Ready>,
    pub(super) did: Option<Ready>,
    /// What they were made from.
    pub(super) version: Version,
    /// When they have to be made anew, whatever else changes or not.
    pub(super) good_until: Option<SystemTime>,
}

/// What documents are made from, apart from time: the revisions of the servers, and how often keys were replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) servers: Box<[u64]>,
    pub(super) keys: u64,
}

impl Plan {
    /// Makes the documents anew.
    pub(super) async fn render(
        &self,
        keys: Option<&Keychain>,
        version: Version,
        now: SystemTime,
    ) -> Result<Rendered, RenderError> {
        let identity = self.did.as_ref().zip(keys);
        let link = format!("<{}{}>; rel=\"ai-catalog\"", self.origin, crate::catalog::WELL_KNOWN);
        let link = HeaderValue::from_str(&link).map_err(|_| RenderError::Header)?;
        let ready = |bytes, media_type| Ready::new(bytes, media_type, self.max_age, &link);

        let mut cards = Vec::with_capacity(self.servers.len());
        for server in &self.servers {
            let bytes = serde_json::to_vec(&server.card(&self.origin))?;
            cards.push(ready(bytes, media_type::SERVER_CARD)?);
        }
        let agent = match self.agent_card() {
            Some(mut card) => {
                if let Some((_, keys)) = identity {
                    sign_agent_card(&mut card, keys.current(now)?).await?;
                }
                card.validate().map_err(refused("agent card"))?;
                Some(ready(serde_json::to_vec(&card)?, media_type::JSON)?)
            }
            None => None,
        };
        let cards_bytes = cards.iter().map(|card| card.bytes().as_ref());
        let mut catalog =
            self.catalog(cards_bytes, agent.as_ref().map(|card| card.bytes().as_ref()));
        let mut good_until = None;
        if let Some((did, keys)) = identity {
            good_until = boundary(&keys.key_set(now), now);
            let is_es256 = keys.current(now)?.verifying_key().algorithm() == Algorithm::Es256;
            if did.is_root() && is_es256 {
                let lifetime = self.lifetime(now);
                self.sign(&mut catalog, did, keys, lifetime).await?;
                // Half of the time is left for those who keep a copy.
                let renewal = now.checked_add(self.signature_lifetime / 2);
                good_until = good_until.into_iter().chain(renewal).min();
            }
        }
        catalog.validate().map_err(refused("catalog"))?;
        let catalog = ready(serde_json::to_vec(&catalog)?, media_type::AI_CATALOG)?;
        let did = match identity {
            Some((did, keys)) => {
                let document = DidDocument::of(did, &keys.key_set(now));
                let bytes = serde_json::to_vec(&document)?;
                Some(Ready::new(bytes, media_type::DID_DOCUMENT, self.did_max_age, &link)?)
            }
            None => None,
        };
        Ok(Rendered { cards, catalog, agent, did, version, good_until })
    }

    fn agent_card(&self) -> Option<AgentCard> {
        let adjust = self.agent.as_ref()?;
        let card = self.servers.first()?.agent_card(&self.origin)?;
        Some(adjust(card))
    }

    /// The catalog without signatures. `cards` and `agent` are the bytes that are served.
    pub(super) fn catalog<'a>(
        &self,
        cards: impl Iterator<Item = &'a [u8]>,
        agent: Option<&[u8]>,
    ) -> Catalog {
        let of_server = self.servers.iter().zip(cards).map(|(server, bytes)| {
            let url = server.card_url(&self.origin);
            let name = server.card(&self.origin).name;
            self.entry("mcp", &name, media_type::SERVER_CARD, url, bytes)
        });
        let mut entries: Vec<CatalogEntry> = of_server.collect();
        if let (Some(bytes), Some(server)) = (agent, self.servers.first()) {
            let url = format!("{}{}", self.origin, crate::agent_card::WELL_KNOWN);
            let name = server.card(&self.origin).name;
            entries.push(self.entry("a2a", &name, media_type::AGENT_CARD, url, bytes));
        }
        entries.extend(self.entries.iter().cloned());
        let mut catalog = Catalog::of(entries);
        catalog.host = self.host.clone();
        catalog
    }

    fn entry(
        &self,
        space: &str,
        name: &str,
        media_type: &str,
        url: String,
        bytes: &[u8],
    ) -> CatalogEntry {
        // Whoever signs is the publisher, so the name bears the signer's domain.
        let short = name.split_once('/').map_or(name, |(_, short)| short);
        let signed = self.did.as_ref().filter(|did| did.is_root());
        let urn = match signed {
            Some(did) => AirUrn::new(did.host(), space, short).ok(),
            None => AirUrn::for_server(name)
                .and_then(|urn| AirUrn::new(urn.publisher(), space, urn.name()).ok()),
        };
        let identifier = urn.map_or_else(|| url.clone(), String::from);
        CatalogEntry::typed(identifier, media_type)
            .with_url(url)
            .with_digest(artifact_digest(bytes))
    }

    fn lifetime(&self, now: SystemTime) -> Lifetime {
        Lifetime { issued_at: now, expires_at: now.checked_add(self.signature_lifetime) }
    }

    /// Signs the site's own entries, those that have a digest and were not signed by somebody else, and then the catalog.
    async fn sign(
        &self,
        catalog: &mut Catalog,
        did: &DidWeb,
        keys: &Keychain,
        lifetime: Lifetime,
    ) -> Result<(), RenderError> {
        let key = keys.current(lifetime.issued_at)?;
        let own = catalog.entries.len().saturating_sub(self.entries.len());
        for entry in catalog.entries.iter_mut().take(own) {
            let (Some(kind), Some(digest)) = (entry.media_type.clone(), entry.digest.clone())
            else {
                continue;
            };
            let subject = Subject::new(entry.identifier.as_str(), kind).with_digest(digest);
            let mut manifest = TrustManifest::new(did.as_str()).with_subject(subject);
            sign_manifest(&mut manifest, did, key, lifetime).await?;
            entry.trust_manifests.get_or_insert_default().push(manifest);
        }
        if catalog.host.is_some() {
            sign_catalog(catalog, did, key, lifetime).await?;
        }
        Ok(())
    }
}

fn refused(document: &'static str) -> impl FnOnce(Findings) -> RenderError {
    move |findings| RenderError::Refused { document, findings }
}

/// When a key begins or ends next.
fn boundary(keys: &KeySet, now: SystemTime) -> Option<SystemTime> {
    let times = keys.keys().iter().flat_map(|key| {
        let validity = key.validity();
        [validity.not_before(), validity.not_after()]
    });
    times.flatten().filter(|time| *time > now).min()
}

/// Writes a document for a first look at it.
pub(super) fn bytes_of<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}
