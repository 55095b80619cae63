//! Streamable HTTP for [`mcp_core`]: a [`tower_service::Service`] that any hyper or axum program
//! mounts, and a client transport.
//!
//! ```no_run
//! use mcp_core::Shutdown;
//! use mcp_core::server::{ServedTool, Server};
//! use mcp_http::HttpService;
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder("greeter", "1.0.0")
//!     .tool(ServedTool::new("greet", async || "Hello!"))
//!     .build()?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let (_trigger, shutdown) = Shutdown::new();
//! mcp_http::serve(listener, HttpService::new(server), shutdown).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # How it answers
//!
//! Each message of a client is a POST of its own, answered with one JSON body, or with a stream of
//! events if the handler says something before it is done. There are no sessions: any process that
//! has the server can answer.
//!
//! # In an application
//!
//! `HttpService` is a `tower` service over any body, so it stands where the application wants it:
//! behind its own layers, beside its other routes.
//!
//! ```
//! use axum::Router;
//! use mcp_core::server::Server;
//! use mcp_http::HttpService;
//!
//! let server = Server::builder("greeter", "1.0.0").build()?;
//! let service = HttpService::builder(server)
//!     // Requests for other hosts and from other web pages are refused.
//!     .allow_host("mcp.example.com")
//!     .allow_origin("https://app.example.com")
//!     .build();
//! let app: Router = Router::new().route_service("/mcp", service);
//! # let _ = app;
//! # Ok::<(), mcp_core::server::BuildErrors>(())
//! ```
//!
//! What is checked without being asked, and which error each refusal is: `Host` and `Origin` (403),
//! content types (406, 415), size (413), the headers that repeat parts of the message (400).
//! `docs/security.md` in the repository says why.
//!
//! # A client
//!
//! ```no_run
//! use mcp_core::client::Client;
//! use mcp_http::HttpTransport;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let transport = HttpTransport::new("http://127.0.0.1:8080/mcp")?;
//! let client = Client::builder("example", "1.0.0").connect(transport)?;
//! println!("{}", client.call("greet").send().await?.all_text());
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | brings |
//! |---|---|
//! | `server` (default) | `HttpService` and `serve` |
//! | `client` (default) | `HttpTransport` |
//! | `tls` | HTTPS for the client, with the certificates of the system |
//! | `compression` | gzip for answers above a size, where the client takes it |
//!
//! Source: specification, *Transports → Streamable HTTP*.
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
mod client;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "client")]
pub mod sse;

#[cfg(feature = "client")]
pub use client::{
    Credentials, CredentialsError, HttpTransport, HttpTransportBuilder, HttpTransportError,
    Resolve, Resolving,
};
/// The version that [`HttpTransportBuilder::tls_config`] takes.
#[cfg(feature = "tls")]
pub use rustls;

#[cfg(feature = "server")]
pub use server::{
    AuthenticateError, HttpBody, HttpService, HttpServiceBuilder, ServeOptions, serve,
    serve_layered, serve_with,
};
