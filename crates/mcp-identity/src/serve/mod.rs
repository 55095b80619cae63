//! The documents of a site, served over HTTP.
//!
//! A [`Site`] is what one origin says of itself: the cards of its servers, a catalog of them, an agent card, and with
//! keys a DID document and signatures. Everything that a [`Server`](mcp_core::server::Server) knows is taken from it as it is, so no second
//! description can differ; the operator adds what only the operator knows, such as the public address.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use mcp_core::server::{ServedTool, Server};
//! use mcp_http::HttpService;
//! use mcp_identity::serve::{ServedServer, ServerCards, Site};
//! use tower_layer::Layer;
//!
//! let server = Server::builder("weather", "1.2.0")
//!     .description("Forecasts for places.")
//!     .tool(ServedTool::new("forecast", async || "Rain."))
//!     .extension(ServerCards)
//!     .build()?;
//! let site = Site::builder("https://example.com")
//!     .server(ServedServer::new(&server, "com.example", "/mcp"))
//!     .build()?;
//! site.prepare().await?;
//!
//! let endpoint = HttpService::builder(server).path("/mcp").allow_host("example.com").build();
//! let app = axum::Router::new().fallback_service(site.layer().layer(endpoint));
//! # let _: axum::Router = app;
//! # Ok(())
//! # }
//! # use std::task::{Context, Poll, Waker};
//! # let mut future = Box::pin(example());
//! # assert!(matches!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(()))));
//! ```
//!
//! # What is where
//!
//! | path | document |
//! |---|---|
//! | `<endpoint>/server-card` | the card of the server at that endpoint |
//! | `/.well-known/ai-catalog.json` | the catalog of all servers, and what [`SiteBuilder::entry`] adds |
//! | `/.well-known/agent-card.json` | the agent card of the first server, from its tools and prompts |
//! | `/.well-known/did.json` | the keys, if there are any |
//! | `/.well-known/mcp.json`, `/.well-known/mcp/server-card.json` | the first server's card once more, if [`SiteBuilder::older_paths`] says so |
//!
//! # How they are served
//!
//! Documents are rendered when they are asked for first, and again when a server's lists change, a key begins or ends, or
//! signatures grow old. A request in between costs a look-up. Each has a strong `ETag`, is answered 304 to who has it, and
//! may be read by every web page. An answer leaves no trace of who asked: nothing depends on the request but its method and
//! `If-None-Match`.
//!
//! If documents cannot be rendered anew, because a key management service does not answer, the last ones go on being served.

mod answer;
mod error;
mod extension;
mod project;
mod render;
mod server;
mod service;
mod site;

pub use error::{RenderError, SiteError};
pub use extension::ServerCards;
pub use project::MCP_BINDING;
pub use server::ServedServer;
pub use service::{NoBody, NotFound, SiteBody, SiteFuture, SiteLayer, SiteService};
pub use site::{Site, SiteBuilder};

/// An older place of a server's card, still asked for.
pub const OLDER_MCP: &str = "/.well-known/mcp.json";
/// Another older place of a server's card.
pub const OLDER_SERVER_CARD: &str = "/.well-known/mcp/server-card.json";
