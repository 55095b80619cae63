//! The server fixture.

mod content;
mod input;
mod prompts;
mod resources;
mod stateless;
pub mod tasks;
mod tools;

use std::sync::Arc;

use mcp_core::server::{BuildErrors, CacheHints, Server, ServerBuilder};
use mcp_tasks::store::TaskStore;

/// The fixture, complete, with its tasks in `store`.
///
/// # Errors
/// If the fixture contradicts itself.
pub fn build(store: Arc<dyn TaskStore>) -> Result<Server, BuildErrors> {
    let builder = Server::builder("conformance-server", env!("CARGO_PKG_VERSION"))
        .title("Conformance fixture")
        .instructions("Serves the fixtures of the official conformance suite.")
        .cache_lists(CacheHints::public(1_000))
        .logging();
    let builder = [tools::add, input::add, stateless::add, resources::add, prompts::add]
        .into_iter()
        .fold(builder, |builder, add: fn(ServerBuilder) -> ServerBuilder| add(builder));
    tasks::add(builder, store).build()
}
