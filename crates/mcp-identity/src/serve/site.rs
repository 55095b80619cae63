//! A site: what is served, and in which state it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use http::Uri;
use mcp_trust::keys::Keychain;

use super::answer::Ready;
use super::error::{RenderError, SiteError};
use super::render::{Rendered, Version, bytes_of};
use super::server::ServedServer;
use super::service::{NotFound, SiteLayer, SiteService};
use super::{OLDER_MCP, OLDER_SERVER_CARD};
use crate::agent_card::AgentCard;
use crate::catalog::{CatalogEntry, HostInfo};
use crate::did::DidWeb;

/// What tells the time.
type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;
/// What the operator changes of the agent card.
type Adjust = Arc<dyn Fn(AgentCard) -> AgentCard + Send + Sync>;

/// After a failure, so long passes before the documents are tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What one origin says of itself. Cheap to clone; see the [module](super).
#[derive(Clone)]
pub struct Site {
    inner: Arc<Inner>,
}

struct Inner {
    plan: Plan,
    /// Sorted by path.
    places: Vec<(Box<str>, Place)>,
    keys: RwLock<Option<Arc<Keychain>>>,
    /// How often the keys were replaced.
    replaced: AtomicU64,
    current: RwLock<Option<Arc<Rendered>>>,
    /// Held while documents are made; when they could not be made last.
    making: tokio::sync::Mutex<Option<SystemTime>>,
    clock: Clock,
}

/// What the documents are made of.
pub(super) struct Plan {
    pub(super) origin: String,
    pub(super) servers: Vec<ServedServer>,
    pub(super) entries: Vec<CatalogEntry>,
    pub(super) host: Option<HostInfo>,
    pub(super) did: Option<DidWeb>,
    /// `None` if there is to be no agent card.
    pub(super) agent: Option<Adjust>,
    pub(super) max_age: Duration,
    pub(super) did_max_age: Duration,
    pub(super) signature_lifetime: Duration,
}

/// A document of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Card(usize),
    Catalog,
    Agent,
    Did,
}

impl Rendered {
    pub(super) fn at(&self, place: Place) -> Option<&Ready> {
        match place {
            Place::Card(index) => self.cards.get(index),
            Place::Catalog => Some(&self.catalog),
            Place::Agent => self.agent.as_ref(),
            Place::Did => self.did.as_ref(),
        }
    }
}

impl Site {
    /// Begins a site at an origin: `https://` and a host, perhaps with a port. For local development `http://` and a loopback host
    /// will do.
    pub fn builder(origin: impl Into<String>) -> SiteBuilder {
        SiteBuilder {
            plan: Plan {
                origin: origin.into(),
                servers: Vec::new(),
                entries: Vec::new(),
                host: None,
                did: None,
                agent: Some(Arc::new(|card| card)),
                max_age: Duration::from_secs(3600),
                did_max_age: Duration::from_secs(300),
                signature_lifetime: Duration::from_secs(30 * 86_400),
            },
            keys: None,
            older_paths: false,
            clock: Arc::new(SystemTime::now),
        }
    }

    /// Makes the documents, so that the first who asks need not wait, and whoever starts the site learns what is wrong with it.
    ///
    /// # Errors
    /// If a document cannot be made or signed.
    pub async fn prepare(&self) -> Result<(), RenderError> {
        self.renewed().await.map(drop)
    }

    /// Signs with other keys from now on, and publishes them. Keys that still verify must be among them. Rotation that is known
    /// in advance needs none of this: put both keys into one [`Keychain`] with their times.
    ///
    /// # Errors
    /// If a key is not named as one of the site's, or none is good now. The keys before stay then.
    pub fn replace_keys(&self, keys: Keychain) -> Result<(), SiteError> {
        check_keys(self.inner.plan.did.as_ref(), &keys, (self.inner.clock)())?;
        *self.inner.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
        self.inner.replaced.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Serves the documents before another service. See [`tower_layer::Layer`].
    #[must_use]
    pub fn layer(&self) -> SiteLayer {
        SiteLayer::new(self.clone())
    }

    /// Serves the documents alone; every other path is answered 404.
    #[must_use]
    pub fn service(&self) -> SiteService<NotFound> {
        SiteService::new(self.clone(), NotFound)
    }

    /// The paths at which there are documents.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.inner.places.iter().map(|(path, _)| path.as_ref())
    }

    /// The catalog's address.
    #[must_use]
    pub fn catalog_url(&self) -> String {
        format!("{}{}", self.inner.plan.origin, crate::catalog::WELL_KNOWN)
    }

    pub(super) fn place(&self, path: &str) -> Option<Place> {
        let places = &self.inner.places;
        let at = places.binary_search_by(|(other, _)| other.as_ref().cmp(path)).ok()?;
        places.get(at).map(|(_, place)| *place)
    }

    /// Looks at the documents if they are as they should be now. Allocates nothing.
    pub(super) fn look<R>(&self, look: impl FnOnce(&Rendered) -> R) -> Option<R> {
        let current = self.inner.current.read().unwrap_or_else(PoisonError::into_inner);
        let rendered = current.as_deref()?;
        self.is_current(rendered).then(|| look(rendered))
    }

    fn is_current(&self, rendered: &Rendered) -> bool {
        let servers = &self.inner.plan.servers;
        rendered.version.keys == self.inner.replaced.load(Ordering::Acquire)
            && rendered
                .version
                .servers
                .iter()
                .zip(servers)
                .all(|(revision, one)| *revision == one.server.revision())
            && rendered.good_until.is_none_or(|until| (self.inner.clock)() < until)
    }

    /// The documents, made anew if they have to be.
    pub(super) async fn renewed(&self) -> Result<Arc<Rendered>, RenderError> {
        let inner = &self.inner;
        let mut failed = inner.making.lock().await;
        let now = (inner.clock)();
        let before = inner.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(before) = &before {
            let waits = failed
                .and_then(|at| now.duration_since(at).ok())
                .is_some_and(|since| since < RETRY);
            if waits || self.is_current(before) {
                return Ok(Arc::clone(before));
            }
        }
        // The version is read before the documents: what changes meanwhile makes them anew once more.
        let version = Version {
            keys: inner.replaced.load(Ordering::Acquire),
            servers: inner.plan.servers.iter().map(|one| one.server.revision()).collect(),
        };
        let keys = inner.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        match inner.plan.render(keys.as_deref(), version, now).await {
            Ok(rendered) => {
                let rendered = Arc::new(rendered);
                let mut current = inner.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Some(Arc::clone(&rendered));
                *failed = None;
                Ok(rendered)
            }
            Err(error) => {
                tracing::error!(%error, "the documents of this site could not be made");
                *failed = Some(now);
                before.ok_or(error)
            }
        }
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site")
            .field("origin", &self.inner.plan.origin)
            .field("paths", &self.paths().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Sets a [`Site`] up.
pub struct SiteBuilder {
    plan: Plan,
    keys: Option<Keychain>,
    older_paths: bool,
    clock: Clock,
}

impl SiteBuilder {
    /// Adds a server. The agent card and the older paths are the first one's.
    #[must_use]
    pub fn server(mut self, server: ServedServer) -> Self {
        self.plan.servers.push(server);
        self
    }

    /// Says who operates the site. Without it the catalog is not signed as a whole.
    #[must_use]
    pub fn host(mut self, host: HostInfo) -> Self {
        self.plan.host = Some(host);
        self
    }

    /// Adds an entry to the catalog: something that is elsewhere, or another catalog.
    #[must_use]
    pub fn entry(mut self, entry: CatalogEntry) -> Self {
        self.plan.entries.push(entry);
        self
    }

    /// Signs with these keys, and publishes them as the document of this name. Each must be named `did`, `#` and a fragment:
    /// [`DidWeb::key_id`].
    ///
    /// Agent cards are signed by keys of either kind. Catalogs and their entries are if `did` is a domain alone and the key is one for
    /// ES256: the profile `did-web-v1` has no other.
    #[must_use]
    pub fn keys(mut self, did: DidWeb, keys: Keychain) -> Self {
        self.plan.did = Some(did);
        self.keys = Some(keys);
        self
    }

    /// Changes the agent card before it is signed: other interfaces, who may call, fewer skills. Tools that are shown to some
    /// clients alone are skills like the others unless they are taken out here.
    ///
    /// ```
    /// # use mcp_identity::serve::Site;
    /// let site = Site::builder("https://example.com").adjust_agent_card(|mut card| {
    ///     card.skills.retain(|skill| skill.id != "tools/restart");
    ///     card
    /// });
    /// # let _ = site;
    /// ```
    #[must_use]
    pub fn adjust_agent_card(
        mut self,
        adjust: impl Fn(AgentCard) -> AgentCard + Send + Sync + 'static,
    ) -> Self {
        self.plan.agent = Some(Arc::new(adjust));
        self
    }

    /// Serves no agent card.
    #[must_use]
    pub fn without_agent_card(mut self) -> Self {
        self.plan.agent = None;
        self
    }

    /// Serves the first server's card at the [older](super::OLDER_MCP) [places](super::OLDER_SERVER_CARD) too. Default `false`.
    #[must_use]
    pub fn older_paths(mut self, older_paths: bool) -> Self {
        self.older_paths = older_paths;
        self
    }

    /// For how long clients may use a document without asking again. Default one hour. For that long, a client can have a
    /// catalog whose digest is not the card's any more.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.plan.max_age = max_age;
        self
    }

    /// The same for the DID document. Default five minutes. A new key has to be published for longer than that before it signs.
    #[must_use]
    pub fn did_max_age(mut self, max_age: Duration) -> Self {
        self.plan.did_max_age = max_age;
        self
    }

    /// For how long signatures of catalogs hold. Default 30 days; they are renewed after half of it.
    #[must_use]
    pub fn signature_lifetime(mut self, lifetime: Duration) -> Self {
        self.plan.signature_lifetime = lifetime.max(Duration::from_secs(2));
        self
    }

    /// Tells the time in place of the system's clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the site. Nothing is rendered or signed yet: see [`Site::prepare`].
    ///
    /// # Errors
    /// If something of it is not in order.
    pub fn build(mut self) -> Result<Site, SiteError> {
        self.plan.origin = origin(&self.plan.origin).ok_or(SiteError::Origin)?;
        let places = self.places()?;
        let plan = &self.plan;
        if plan.servers.is_empty() {
            return Err(SiteError::NoServer);
        }
        if let Some(keys) = &self.keys {
            check_keys(plan.did.as_ref(), keys, (self.clock)())?;
        }
        let mut cards = Vec::new();
        for server in &plan.servers {
            let card = server.card(&plan.origin);
            let name = &server.server.info().name;
            card.validate()
                .map_err(|findings| SiteError::Card { server: name.clone(), findings })?;
            cards.push(bytes_of(&card));
        }
        let catalog = plan.catalog(cards.iter().map(Vec::as_slice), None);
        catalog.validate().map_err(SiteError::Catalog)?;
        Ok(Site {
            inner: Arc::new(Inner {
                plan: self.plan,
                places,
                keys: RwLock::new(self.keys.map(Arc::new)),
                replaced: AtomicU64::new(0),
                current: RwLock::new(None),
                making: tokio::sync::Mutex::new(None),
                clock: self.clock,
            }),
        })
    }

    fn places(&self) -> Result<Vec<(Box<str>, Place)>, SiteError> {
        let mut places: Vec<(Box<str>, Place)> = Vec::new();
        for (index, server) in self.plan.servers.iter().enumerate() {
            let is_path = server.path.starts_with('/')
                && !server.path.contains(['?', '#'])
                && server.path.parse::<Uri>().is_ok();
            if !is_path {
                return Err(SiteError::Path(server.path.clone()));
            }
            places.push((server.card_path().into(), Place::Card(index)));
        }
        places.push((crate::catalog::WELL_KNOWN.into(), Place::Catalog));
        if self.plan.agent.is_some() {
            places.push((crate::agent_card::WELL_KNOWN.into(), Place::Agent));
        }
        if let Some(did) = &self.plan.did {
            let url = did.document_url();
            // What follows the host: everything from the third slash on.
            let path = url.splitn(4, '/').nth(3).unwrap_or_default();
            places.push((format!("/{path}").into(), Place::Did));
        }
        if self.older_paths {
            places.push((OLDER_MCP.into(), Place::Card(0)));
            places.push((OLDER_SERVER_CARD.into(), Place::Card(0)));
        }
        places.sort_by(|(one, _), (other, _)| one.cmp(other));
        let same = places.windows(2).find_map(|pair| match pair {
            [(one, _), (other, _)] if one == other => Some(one.to_string()),
            _ => None,
        });
        same.map_or(Ok(places), |path| Err(SiteError::SamePath(path)))
    }
}

impl std::fmt::Debug for SiteBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SiteBuilder").field("origin", &self.plan.origin).finish_non_exhaustive()
    }
}

fn check_keys(did: Option<&DidWeb>, keys: &Keychain, now: SystemTime) -> Result<(), SiteError> {
    for key in keys.key_set(now).keys() {
        if did.is_none_or(|did| did.fragment_of(key.key_id()).is_none()) {
            return Err(SiteError::KeyName(key.key_id().to_owned()));
        }
    }
    keys.current(now).map(drop).map_err(|_| SiteError::NoKey)
}

/// The origin without a slash at its end, if it is one.
fn origin(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let host = uri.host()?;
    let is_loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let is_safe = match uri.scheme_str()? {
        "https" => true,
        "http" => is_loopback,
        _ => false,
    };
    let authority = uri.authority()?.as_str();
    let is_bare =
        matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.contains('@');
    (is_safe && is_bare).then(|| text.trim_end_matches('/').to_owned())
}
