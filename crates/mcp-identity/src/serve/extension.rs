//! The extension, as servers declare it.

use std::sync::Arc;

use mcp_core::extension::{
    Contributions, Extension, ExtensionDescriptor, ExtensionId, NoSettings, ServerExtension,
};

/// Says in `server/discover` that the server has a card. It has no settings and adds nothing else: cards are read before
/// anybody connects, and are served by a [`Site`](super::Site).
///
/// ```
/// use mcp_core::server::Server;
/// use mcp_identity::serve::ServerCards;
///
/// let server = Server::builder("weather", "1.2.0").extension(ServerCards).build()?;
/// assert!(server.extensions().any(|id| id == mcp_identity::ID));
/// # Ok::<(), mcp_core::server::BuildErrors>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerCards;

impl Extension for ServerCards {
    const ID: ExtensionId = crate::ID;
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

impl ServerExtension for ServerCards {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: Arc<Self>, _: &mut Contributions<Self>) {}
}

mcp_core::register_extension!(ExtensionDescriptor::of::<ServerCards>("SEP-2127"));
