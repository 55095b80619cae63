//! What an author of MCP servers and extensions tests with.
//!
//! | to test | there is |
//! |---|---|
//! | a server, without a transport | [`RawClient`]: sends any bytes, gives everything that comes back, checks it against the published schema |
//! | an extension's server half | [`ExtensionSuite`]: gating, refusals, shadowing, invisibility, routing, bad input |
//! | an extension's client half | [`ClientExtensionSuite`]: declaration, settings, results, notifications, `_meta`, servers without it |
//! | a client and a server together | [`Pair`]: both in memory, and the [`Wire`] between them |
//! | a client against any server | [`FakeServer`]: says what the test wants |
//! | a server on standard input and output | [`LineClient`]: speaks raw lines with a child process, or over any streams |
//! | a server on HTTP | [`HttpRequest`], [`HttpConnection`]: every header and byte in the test's hands |
//! | a task store | `check_task_store` (feature `tasks`): the contract of `mcp_tasks::store::TaskStore`, faults included |
//! | what needs PostgreSQL | `TestPostgres` (feature `postgres`): a server of the test's own, which it can crash and start again |
//! | what happens when streams fail | [`Faulty`]: stalls, cuts, resets, drips |
//!
//! Messages are built with [`request`], [`call_tool`] and [`notification`]: complete unless told
//! otherwise.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use mcp_core::server::{ServedTool, Server};
//! use mcp_testkit::{RawClient, call_tool, request};
//! use serde_json::json;
//!
//! let server = Server::builder("greeter", "1.0.0")
//!     .tool(ServedTool::new("greet", async || "Hello!"))
//!     .build()
//!     .unwrap();
//! let client = RawClient::new(&server);
//!
//! let answer = client.send(call_tool("greet", json!({}))).await;
//! assert_eq!(answer.assert_text(), "Hello!");
//!
//! let answer = client.send(request("tools/call").param("name", 7)).await;
//! answer.assert_error(-32602);
//! # }
//! ```
//!
//! Functions named `assert_…` and `expect_…`, and those whose documentation says so, panic: that is how
//! a test fails. Everything else reports errors as values. It needs a tokio runtime with its clock
//! and its I/O on, as `#[tokio::test]` has.
//!
//! How to write an extension, and test it: `docs/extension-guide.md`.
#![forbid(unsafe_code)]

mod answer;
mod client_suite;
mod eventually;
mod fail;
mod fake_server;
mod faults;
mod http;
mod lines;
#[cfg(feature = "postgres")]
mod postgres;
mod published;
mod raw;
mod request;
mod suite;
#[cfg(feature = "tasks")]
mod task_store;
mod wire;

pub use answer::Answer;
pub use client_suite::ClientExtensionSuite;
pub use eventually::eventually;
pub use fake_server::FakeServer;
pub use faults::{Fault, FaultHandle, Faulty};
pub use http::{HttpConnection, HttpError, HttpHead, HttpRequest, HttpResponse, SseEvent};
pub use lines::{LineClient, LineClientError};
#[cfg(feature = "postgres")]
pub use postgres::{TestPostgres, TestPostgresError};
pub use published::{PublishedSchema, SchemaFileError, SchemaMismatch};
pub use raw::{RawClient, RawError, RawExchange};
pub use request::{Message, call_tool, notification, request};
pub use suite::{ExtensionSuite, Finding, Report, Rule};
#[cfg(feature = "tasks")]
pub use task_store::{TaskStoreFinding, TaskStoreHarness, TaskStoreReport, check_task_store};
pub use wire::{Pair, Recorded, Sender, Wire};
