//! What the server says of itself before anybody connects.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

use mcp_core::server::Server;
use mcp_identity::DidWeb;
use mcp_identity::card::Repository;
use mcp_identity::catalog::HostInfo;
use mcp_identity::serve::{ServedServer, Site};
use mcp_trust::keys::{Keychain, SigningKey};

/// What the command line says of it.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The public address, if it is not the one that is listened on.
    pub(crate) origin: Option<String>,
    /// The file of the key that signs.
    pub(crate) key: Option<PathBuf>,
}

impl Options {
    /// The host and port of the public address.
    pub(crate) fn host(&self) -> Option<&str> {
        let (_, authority) = self.origin.as_deref()?.split_once("://")?;
        Some(authority.trim_end_matches('/'))
    }
}

/// The site of a server that listens on `address`.
pub(crate) fn site(
    server: &Server,
    address: SocketAddr,
    options: &Options,
) -> Result<Site, Box<dyn Error>> {
    let origin = options.origin.clone().unwrap_or_else(|| format!("http://{address}"));
    let served = ServedServer::new(server, "com.example", "/mcp")
        .repository(Repository::new("https://github.com/example/docs-server", "github"));
    let mut site = Site::builder(&origin).server(served).host(HostInfo::new("Documents"));
    if let Some(file) = &options.key {
        let (host, port) = match options.host().unwrap_or_default().split_once(':') {
            Some((host, port)) => (host, Some(port.parse()?)),
            None => (options.host().unwrap_or_default(), None),
        };
        let did = DidWeb::new(host, port)
            .map_err(|error| format!("--key needs an --origin that is a domain: {error}"))?;
        let key = SigningKey::from_jwk(&std::fs::read(file)?)?;
        let name = did.key_id(&key.verifying_key().thumbprint());
        site = site.keys(did, Keychain::single(key.with_key_id(name)));
    }
    Ok(site.build()?)
}
