//! The Model Context Protocol, revision 2026-07-28: types, extensions, server and client.
//!
//! [MCP](https://modelcontextprotocol.io) connects programs that host a language model with programs
//! that offer it tools, prompts and resources. This crate is the core of it: the protocol's types, a
//! [`server::Server`] that answers, a [`client::Client`] that asks, and the surface on which
//! [extensions](extension) stand. Messages travel over standard streams and in memory; Streamable
//! HTTP is the crate `mcp-http`.
//!
//! The protocol is stateless: each request says which revision it is written in and what its client
//! can do, and may be answered by any process. So there are no sessions here either. A [`Server`] is
//! a value that takes a request and gives its answer; whoever has a way to carry messages can serve
//! it.
//!
//! [`Server`]: server::Server
//!
//! # A server
//!
//! Handlers are plain async functions. What a function takes says what it needs: [`Args`] are the
//! call's arguments, whose JSON Schema clients see; [`State`] is something that the server was built
//! with; [`Cx`] is the call itself. What it returns says what it answers: text, [`Json`] with a
//! schema, or a `Result`.
//!
#![cfg_attr(feature = "stdio", doc = "```no_run")]
#![cfg_attr(not(feature = "stdio"), doc = "```ignore")]
//! use mcp_core::Shutdown;
//! use mcp_core::server::{Args, HandlerError, Json, OrTell, ServedTool, Server, State};
//! use mcp_core::transport::{StdioOptions, serve_stdio};
//!
//! struct Rates(std::collections::BTreeMap<String, f64>);
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Convert {
//!     /// How much.
//!     amount: f64,
//!     /// The currency's code, such as `NOK`.
//!     to: String,
//! }
//!
//! #[derive(serde::Serialize, schemars::JsonSchema)]
//! struct Converted {
//!     amount: f64,
//! }
//!
//! async fn convert(
//!     rates: State<Rates>,
//!     Args(Convert { amount, to }): Args<Convert>,
//! ) -> Result<Json<Converted>, HandlerError> {
//!     // What the model can mend is told to it; what it cannot is an error of the protocol.
//!     let rate = rates.0.get(&to).or_tell("there is no rate for this currency")?;
//!     Ok(Json(Converted { amount: amount * rate }))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder("currencies", "1.0.0")
//!     .state(Rates([("NOK".to_owned(), 11.7)].into()))
//!     .tool(ServedTool::new("convert", convert).description("Converts euros."))
//!     // Everything that is wrong with the definition is an error here, all at once.
//!     .build()?;
//! let (_trigger, shutdown) = Shutdown::new();
//! serve_stdio(server, StdioOptions::default(), shutdown).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A handler may ask the person at the other end, with [`Cx::elicit`]: the answer that the client gets is
//! the question, and the handler goes on when the client calls again. The macros of the crate
//! `mcp-macros` write the same things shorter.
//!
//! # A client
//!
//! A client has a transport to one server. Here it is a server in the same program; a
//! `ChildProcess` starts one, and `mcp-http` reaches those elsewhere.
//!
//! ```
//! use mcp_core::client::{Client, ElicitAnswer};
//! use mcp_core::server::{ServedTool, Server};
//! use mcp_core::transport::MemoryTransport;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder("greeter", "1.0.0")
//!     .tool(ServedTool::new("greet", async || "Hello!"))
//!     .build()?;
//!
//! let client = Client::builder("example", "1.0.0")
//!     // Having a handler declares that this client shows forms.
//!     .on_elicit_form(async |_form| ElicitAnswer::Decline)
//!     .connect(MemoryTransport::new(server))?;
//! for tool in client.list_tools().await? {
//!     let result = client.call(&tool.name).send().await?;
//!     assert_eq!(result.all_text(), "Hello!");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # An extension
//!
//! An extension has an identifier and settings, which both sides declare. What it adds, it contributes
//! through one closed surface: methods, notifications, tools, result types, typed `_meta`, code
//! around calls. Its handlers get a [`Negotiated`] proof that the client declared it, and nobody else
//! can make one.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mcp_core::extension::{
//!     Contributions, Extension, ExtensionId, MethodOptions, NoSettings, ServerExtension,
//! };
//! use mcp_core::protocol::EmptyResult;
//! use mcp_core::server::Server;
//!
//! struct Lamps;
//!
//! impl Extension for Lamps {
//!     const ID: ExtensionId = ExtensionId::new("com.example/lamps");
//!     type ClientSettings = NoSettings;
//!     type ServerSettings = NoSettings;
//! }
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Switch {
//!     room: String,
//! }
//!
//! impl ServerExtension for Lamps {
//!     fn settings(&self) -> NoSettings {
//!         NoSettings {}
//!     }
//!
//!     fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
//!         // HTTP proxies may route by the room.
//!         let options = MethodOptions::new().routed_by("room");
//!         to.method("lamps/switch", options, async |_cx, _proof, switch: Switch| {
//!             println!("the lamp of {} is switched", switch.room);
//!             Ok(EmptyResult::new())
//!         });
//!     }
//! }
//!
//! let server = Server::builder("home", "1.0.0").extension(Lamps).build()?;
//! assert!(server.extensions().eq([Lamps::ID]));
//! # Ok::<(), mcp_core::server::BuildErrors>(())
//! ```
//!
//! The author's guide, `docs/extension-guide.md`, builds one from nothing, both halves, with its tests.
//!
//! # Where things are
//!
//! | module | has |
//! |---|---|
//! | [`server`] | the builder, handlers and what they take, middleware, the exchange |
//! | [`client`] | typed calls, rounds of questions, subscriptions, the transport trait |
//! | [`extension`] | both halves' traits, contributions, negotiation, the catalogue |
//! | [`protocol`] | the types of the wire, one module for each page of the specification |
//! | [`transport`] | standard streams, child processes, memory |
//! | [`sealed`] | state that travels through the client, encrypted |
//! | [`trace_context`] | the caller's place in a distributed trace |
//! | [`param_headers`], [`header_value`], [`uri_template`] | what transports and servers share |
//!
//! Errors of the protocol are [`Error`], with a variant for each code. Dynamic values are [`RawJson`]:
//! kept byte for byte, parsed where somebody wants to look. Members that nobody knows survive in
//! every type.
//!
//! # Features
//!
//! | feature | default | brings |
//! |---|---|---|
//! | `stdio` | yes | `serve_stdio`, serving on standard input and output |
//! | `process` | yes | `ChildProcess`, a server that the client starts |
//! | `validation` | yes | arguments and structured results are checked against JSON Schema 2020-12; without it, by their Rust types alone |
//! | `otel` | no | OpenTelemetry: spans become parts of distributed traces |
//!
//! # Further
//!
//! The specification is at [modelcontextprotocol.io](https://modelcontextprotocol.io/specification/).
//! In the repository, `docs/architecture.md` follows a request through this crate, `docs/security.md`
//! says what is safe by default and what is left to applications, and the crate `mcp-testkit` has
//! what tests need.
//!
//! [`Args`]: server::Args
//! [`State`]: server::State
//! [`Cx`]: server::Cx
//! [`Cx::elicit`]: server::Cx::elicit
//! [`Json`]: server::Json
//! [`Negotiated`]: extension::Negotiated
#![forbid(unsafe_code)]

pub mod client;
mod error;
pub mod extension;
pub mod header_value;
mod log_text;
mod memo;
mod message;
#[cfg(feature = "otel")]
pub mod otel;
pub mod param_headers;
mod principal;
pub mod protocol;
mod raw_json;
#[cfg(feature = "validation")]
pub mod schema;
pub mod sealed;
pub mod server;
mod shutdown;
pub mod trace_context;
pub mod transport;
pub mod uri_template;

pub use error::{ApplicationCode, Error, StoredError};
pub use message::{ClientMessage, IncomingNotification, IncomingRequest, Rejection};
pub use principal::Principal;
pub use raw_json::RawJson;
pub use shutdown::{Shutdown, ShutdownTrigger};

#[doc(hidden)]
pub mod __private {
    pub use {inventory, schemars, serde, serde_json};
}
