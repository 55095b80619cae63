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
};
/// The version that [`HttpTransportBuilder::tls_config`] takes.
#[cfg(feature = "tls")]
pub use rustls;

#[cfg(feature = "server")]
pub use server::{
    AuthenticateError, HttpBody, HttpService, HttpServiceBuilder, ServeOptions, serve, serve_with,
};
