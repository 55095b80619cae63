//! The server fixture.

mod content;
mod input;
mod prompts;
mod resources;
mod stateless;
mod tools;

use mcp_core::server::{BuildErrors, CacheHints, Server, ServerBuilder};

/// The fixture, complete.
///
/// # Errors
/// If the fixture contradicts itself.
pub fn build() -> Result<Server, BuildErrors> {
    let builder = Server::builder("conformance-server", env!("CARGO_PKG_VERSION"))
        .title("Conformance fixture")
        .instructions("Serves the fixtures of the official conformance suite.")
        .cache_lists(CacheHints::public(1_000))
        .logging();
    [tools::add, input::add, stateless::add, resources::add, prompts::add]
        .into_iter()
        .fold(builder, |builder, add: fn(ServerBuilder) -> ServerBuilder| add(builder))
        .build()
}
