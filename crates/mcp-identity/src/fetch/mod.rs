//! Fetching documents that somebody else points at, safely.
//!
//! Whoever fetches what a catalog names does what a stranger says: a catalog can name the address of a
//! cloud's secrets, of a printer, of a database on this machine; and a host can answer with a body
//! without end. A [`Fetcher`] does none of it:
//!
//! - `https:` alone, with the certificates of the system; no credentials, cookies, `Referer` or proxies.
//! - Addresses are read in [one way only](Url). Names are looked up once for each request; every address that
//!   comes back is [checked](AddressKind); the connection goes to one of exactly these. A name that
//!   answers something else the next time gains nothing.
//! - Redirects are followed here, each one checked like the first; never to `http:`, never in a circle.
//! - Time, bytes, redirects, the head's size: everything has a [limit](FetchLimits). Nothing is decompressed.
//! - What was fetched is kept, within bounds, as the host's `Cache-Control` and `ETag` say.
//!
//! For tests and development, [`allow_loopback`](FetcherBuilder::allow_loopback) lets it reach this
//! machine, also over `http:`. Even then no document from elsewhere can lead here.
//!
//! ```no_run
//! use mcp_identity::fetch::{Fetcher, Url};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fetcher = Fetcher::new()?;
//! let url: Url = "https://example.com/.well-known/ai-catalog.json".parse()?;
//! let fetched = fetcher.get(&url, &["application/ai-catalog+json"]).await?;
//! println!("{} bytes from {}", fetched.body.len(), fetched.url);
//! # Ok(())
//! # }
//! ```
//!
//! Each refusal has a [name](Refusal::name).

mod address;
mod builder;
mod cache;
mod error;
mod exchange;
mod meter;
mod network;
mod policy;

pub use crate::url::{Host, Url, UrlError};
pub use address::AddressKind;
pub use builder::{FetchLimits, FetcherBuildError, FetcherBuilder};
pub use cache::CacheLimits;
pub use error::{FetchError, Refusal, Waited};
pub use network::{Connection, Network, SystemNetwork};
pub use policy::PortPolicy;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use cache::{Cache, Kept, Key};
use exchange::Answer;
use policy::{Policy, Reach};

/// Fetches documents. Cheap to clone; all clones share what they keep.
#[derive(Clone)]
pub struct Fetcher {
    inner: Arc<Inner>,
}

struct Inner {
    network: Box<dyn Network>,
    tls: TlsConnector,
    limits: FetchLimits,
    policy: Policy,
    user_agent: String,
    cache: Mutex<Cache>,
}

/// Where a document's bytes came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// From the host, just now.
    Host,
    /// Kept from before; the host said just now that it has not changed.
    Revalidated,
    /// Kept from before, and by what the host said then still fresh.
    Kept,
}

/// A document.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fetched {
    /// Where it is, at the end of all redirects.
    pub url: Url,
    /// What redirected there: first what was asked for, then each further one; empty without redirects.
    pub redirects: Vec<Url>,
    /// Its bytes.
    pub body: Bytes,
    /// Its media type, in small letters, without parameters.
    pub media_type: String,
    /// Its entity tag, as it came.
    pub etag: Option<String>,
    /// Where the bytes came from.
    pub source: Source,
    reach: Reach,
}

impl Fetched {
    /// Whether it comes from this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.reach == Reach::Local
    }
}

impl Fetcher {
    /// A fetcher with the defaults.
    ///
    /// # Errors
    /// If the system has no certificates.
    pub fn new() -> Result<Self, FetcherBuildError> {
        Self::builder().build()
    }

    /// Begins to set a fetcher up.
    pub fn builder() -> FetcherBuilder {
        FetcherBuilder::new()
    }

    /// Fetches a document of one of these media types.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn get(&self, url: &Url, accept: &[&str]) -> Result<Fetched, FetchError> {
        self.within(url, accept, Reach::Anywhere).await
    }

    /// Fetches a document whose address another document gave. One from elsewhere cannot lead to this
    /// machine, even where that is allowed.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn follow(
        &self,
        from: &Fetched,
        url: &Url,
        accept: &[&str],
    ) -> Result<Fetched, FetchError> {
        let reach = if from.is_local() { Reach::Anywhere } else { Reach::Global };
        self.within(url, accept, reach).await
    }

    /// The addresses at which the host of a URL may be asked, by what its name answers now; an error if any of them may not be. For
    /// those who connect by other means, such as to the server that a card names: they connect to one of these and look nothing up
    /// again, or a name that changes its answer would lead them elsewhere.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, FetchError> {
        let addresses = self.inner.addresses(url, Reach::Anywhere).await;
        addresses
            .map(|addresses| addresses.all)
            .map_err(|refusal| FetchError { at: url.to_string(), refusal })
    }

    /// Forgets what it has kept.
    pub fn forget(&self) {
        self.cache(Cache::clear);
    }

    async fn within(
        &self,
        url: &Url,
        accept: &[&str],
        reach: Reach,
    ) -> Result<Fetched, FetchError> {
        let mut walk = Walk { at: url.clone(), before: Vec::new(), reach };
        let after = self.inner.limits.total;
        let walked = match timeout(after, self.walk(&mut walk, &accept.join(", "), accept)).await {
            Ok(walked) => walked,
            Err(_) => Err(Refusal::Timeout { waited: Waited::Total, after }),
        };
        walked.map_err(|refusal| FetchError { at: walk.at.to_string(), refusal })
    }

    /// Follows redirects to a document. `walk` says where it is, also when it is dropped on the way.
    async fn walk(
        &self,
        walk: &mut Walk,
        header: &str,
        accept: &[&str],
    ) -> Result<Fetched, Refusal> {
        loop {
            let key = Key { url: walk.at.to_string(), accept: header.to_owned() };
            let kept = self.cache(|cache| cache.get(&key));
            let fetched = |kept: Kept, source, walk: &mut Walk| Fetched {
                url: walk.at.clone(),
                redirects: std::mem::take(&mut walk.before),
                body: kept.body,
                media_type: kept.media_type,
                etag: kept.etag,
                source,
                reach: walk.reach,
            };
            // Who may be asked is decided anew each time: an answer that is kept may have been for another
            // reach.
            let addresses = self.inner.addresses(&walk.at, walk.reach).await?;
            walk.reach = addresses.reach;
            if let Some(kept) = &kept
                && Instant::now() < kept.fresh_until
            {
                return Ok(fetched(kept.clone(), Source::Kept, walk));
            }
            let etag = kept.as_ref().and_then(|kept| kept.etag.as_deref());
            match self.inner.ask(&walk.at, &addresses, header, accept, etag).await? {
                Answer::Document { document, keep } => {
                    self.cache(|cache| match keep {
                        true => cache.put(key, document.clone()),
                        false => cache.remove(&key),
                    });
                    return Ok(fetched(document, Source::Host, walk));
                }
                Answer::Unchanged { fresh_until } => {
                    let Some(mut kept) = kept else { return Err(Refusal::Status(304)) };
                    kept.fresh_until = fresh_until;
                    self.cache(|cache| cache.put(key, kept.clone()));
                    return Ok(fetched(kept, Source::Revalidated, walk));
                }
                Answer::Redirect(location) => walk.on(&location, self.inner.limits.redirects)?,
            }
        }
    }

    fn cache<T>(&self, act: impl FnOnce(&mut Cache) -> T) -> T {
        // A panic elsewhere leaves a cache that is at worst incomplete.
        act(&mut self.inner.cache.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where a fetch is.
struct Walk {
    at: Url,
    before: Vec<Url>,
    reach: Reach,
}

impl Walk {
    fn on(&mut self, location: &str, limit: usize) -> Result<(), Refusal> {
        if self.before.len() >= limit {
            return Err(Refusal::TooManyRedirects { limit });
        }
        let next = self.at.join(location)?;
        if self.at.is_secure() && !next.is_secure() {
            return Err(Refusal::Downgrade);
        }
        if next == self.at || self.before.contains(&next) {
            return Err(Refusal::RedirectLoop);
        }
        self.reach = if self.reach == Reach::Local { Reach::Anywhere } else { Reach::Global };
        self.before.push(std::mem::replace(&mut self.at, next));
        Ok(())
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher")
            .field("policy", &self.inner.policy)
            .field("limits", &self.inner.limits)
            .finish_non_exhaustive()
    }
}
