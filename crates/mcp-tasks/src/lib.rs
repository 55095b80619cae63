//! Long-running tool calls that survive: the extension `io.modelcontextprotocol/tasks` of the Model
//! Context Protocol (SEP-2663).
//!
//! A tool that takes long is answered at once with a *task*; its client asks for the task, listens to
//! it, answers its questions, and gets the result from it. Here a task survives whatever happens to
//! the process that runs it:
//!
//! - its row is durable before its client knows its id ([`store`]);
//! - a worker has it for a lease, and every write of a worker carries the number of its claim, so
//!   that one which slept too long changes nothing;
//! - what a handler wraps in [`Cx::once`](mcp_core::server::Cx::once) is not done again by the next
//!   worker; a handler that asks its client holds no worker while a person thinks;
//! - a task that kills its workers is given up after some attempts.
//!
//! What may happen twice is the code of a handler *outside* `once`, when a worker dies in the middle:
//! a handler of a task is code that may be run again.
//!
//! [`Tasks`] is the extension for servers, [`TasksClient`] the one for clients. They use nothing of `mcp-core` that other extensions could
//! not use.
#![forbid(unsafe_code)]

pub mod client;
pub mod protocol;
pub mod server;
pub mod store;

pub use client::TasksClient;
pub use server::{IdempotencyKey, TaskMode, TaskPolicy, TaskTool, Tasks};

use mcp_core::extension::ExtensionId;

/// The identifier of the extension.
pub const ID: ExtensionId = ExtensionId::new("io.modelcontextprotocol/tasks");

/// The README's code has to compile, too.
#[cfg(all(doctest, feature = "embedded"))]
#[doc = include_str!("../README.md")]
struct Readme;
