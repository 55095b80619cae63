//! A server of a site, and what only its operator knows.

use mcp_core::protocol::{Icon, Meta};
use mcp_core::server::Server;

use crate::card::{KeyValueInput, Remote, Repository};

/// A server whose card is served, and what its definition does not say.
///
/// The card's name is the namespace, a slash and the server's own name; if that has a slash already, it is the whole name. Version,
/// title, description, website and icons are the server's own unless said otherwise here.
///
/// ```
/// use mcp_core::server::Server;
/// use mcp_identity::card::{KeyValueInput, Repository};
/// use mcp_identity::serve::ServedServer;
///
/// let server = Server::builder("weather", "1.2.0").build()?;
/// let served = ServedServer::new(&server, "com.example", "/mcp")
///     .description("Forecasts for places.")
///     .repository(Repository::new("https://github.com/example/weather", "github"))
///     .header(KeyValueInput::new("Authorization").with_is_required(true).with_is_secret(true));
/// assert_eq!(served.card("https://example.com").name, "com.example/weather");
/// # Ok::<(), mcp_core::server::BuildErrors>(())
/// ```
#[derive(Clone)]
pub struct ServedServer {
    pub(super) server: Server,
    pub(super) namespace: String,
    pub(super) path: String,
    pub(super) public_url: Option<String>,
    pub(super) description: Option<String>,
    pub(super) website_url: Option<String>,
    pub(super) repository: Option<Repository>,
    pub(super) icons: Option<Vec<Icon>>,
    pub(super) headers: Vec<KeyValueInput>,
    pub(super) remotes: Vec<Remote>,
    pub(super) meta: Option<Meta>,
}

impl ServedServer {
    /// A server whose endpoint is at this path of the site, under a namespace in reverse-DNS form.
    #[must_use]
    pub fn new(server: &Server, namespace: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            server: server.clone(),
            namespace: namespace.into(),
            path: path.into(),
            public_url: None,
            description: None,
            website_url: None,
            repository: None,
            icons: None,
            headers: Vec::new(),
            remotes: Vec::new(),
            meta: None,
        }
    }

    /// Where clients reach the endpoint, if it is not the site's origin and the path: behind a proxy that changes paths.
    #[must_use]
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// What the server can do, for people: 1 to 100 characters. The server's own description may be longer than a card allows.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// The server's website.
    #[must_use]
    pub fn website_url(mut self, url: impl Into<String>) -> Self {
        self.website_url = Some(url.into());
        self
    }

    /// Where the server's source is.
    #[must_use]
    pub fn repository(mut self, repository: Repository) -> Self {
        self.repository = Some(repository);
        self
    }

    /// Pictures that stand for the server.
    #[must_use]
    pub fn icons(mut self, icons: impl IntoIterator<Item = Icon>) -> Self {
        self.icons = Some(icons.into_iter().collect());
        self
    }

    /// Adds a header that clients must or may send. Never put a secret in it: cards are public.
    #[must_use]
    pub fn header(mut self, header: KeyValueInput) -> Self {
        self.headers.push(header);
        self
    }

    /// Adds another place where the server is reached.
    #[must_use]
    pub fn remote(mut self, remote: Remote) -> Self {
        self.remotes.push(remote);
        self
    }

    /// What is added to the card under keys of one's own.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.meta = Some(meta);
        self
    }

    /// Where clients reach the endpoint.
    pub(super) fn url(&self, origin: &str) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("{origin}{}", self.path))
    }

    /// The URL of its card, and the path at which it is served.
    pub(super) fn card_url(&self, origin: &str) -> String {
        with_suffix(&self.url(origin))
    }

    pub(super) fn card_path(&self) -> String {
        with_suffix(&self.path)
    }
}

fn with_suffix(endpoint: &str) -> String {
    format!("{}{}", endpoint.trim_end_matches('/'), crate::card::SUFFIX)
}

impl std::fmt::Debug for ServedServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServedServer")
            .field("server", &self.server.info().name)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
