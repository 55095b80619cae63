//! Extensions: what they are, and how both sides agree on one.
//!
//! An extension is a *closed, declarative* addition to the protocol. It has an [identifier], typed
//! settings on each side, and a set of [contributions] that is fixed when the server is built. It
//! never gets hold of the server, so two extensions cannot interfere other than through what both
//! declare, and conflicts are found before the first request.
//!
//! The way to agreement, on every request (the protocol is stateless):
//!
//! 1. the client declares its settings in `clientCapabilities.extensions`;
//! 2. the core parses them into [`Extension::ClientSettings`] and asks
//!    [`ServerExtension::negotiate`];
//! 3. only then does a value of type [`Negotiated<E>`] exist, and only with it can the extension's
//!    methods, result types and gated tools be reached.
//!
//! Source: specification, *Versioning → Extension negotiation*; SEP-2133.
//!
//! [identifier]: ExtensionId
//! [contributions]: Contributions

mod catalogue;
mod contributions;
mod id;
mod meta_key;
mod negotiation;
mod refusal;

pub use catalogue::{ExtensionDescriptor, MessageDescriptor, NamedSchema, catalogue, schema_of};
pub(crate) use contributions::{
    Contributed, ErasedMethod, ErasedMethodFn, ErasedNotificationFn, ErasedTopicFn, MetaCheck,
};
pub use contributions::{
    Contributions, Document, DocumentBody, MethodOptions, ResultType, Topic, TopicMessage,
};
pub use id::ExtensionId;
pub use meta_key::MetaKey;
pub use negotiation::Negotiated;
pub(crate) use negotiation::{ClientProfile, ExtensionSlot};
pub use refusal::Refusal;
pub(crate) use refusal::undeclared;

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::server::ServerHandle;
use crate::shutdown::Shutdown;

/// What an extension's settings must be: JSON with a schema.
///
/// Implemented for every fitting type; [`NoSettings`] is the empty object.
pub trait Settings: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> Settings for T {}

/// The settings of an extension that has none: `{}` on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
pub struct NoSettings {}

/// An extension's identity and the settings that each side declares.
///
/// ```
/// use mcp_core::extension::{Extension, ExtensionId, NoSettings};
///
/// struct Weather;
///
/// impl Extension for Weather {
///     const ID: ExtensionId = ExtensionId::new("com.example/weather");
///     type ClientSettings = NoSettings;
///     type ServerSettings = NoSettings;
/// }
/// ```
pub trait Extension: Send + Sync + 'static {
    /// Its identifier, unique among the extensions of a server.
    const ID: ExtensionId;
    /// What a client declares with each request.
    type ClientSettings: Settings;
    /// What `server/discover` shows.
    type ServerSettings: Settings;
}

/// The server's side of an extension.
#[async_trait]
pub trait ServerExtension: Extension {
    /// The settings that `server/discover` shows.
    fn settings(&self) -> Self::ServerSettings;

    /// Agrees to a client's terms, or refuses with a reason.
    ///
    /// Called once for each distinct text of settings, not for each request.
    ///
    /// # Errors
    /// A [`Refusal`] answers every request that needs the extension; other requests go on as if the
    /// client had not declared it.
    fn negotiate(&self, client: &Self::ClientSettings) -> Result<(), Refusal> {
        let _ = client;
        Ok(())
    }

    /// Declares everything that the extension adds; called once, when the server is built.
    fn contribute(self: Arc<Self>, to: &mut Contributions<Self>)
    where
        Self: Sized;

    /// Work that goes on while the server serves, until `shutdown`. `server` is the server, to change
    /// its lists or to run calls of its own.
    ///
    /// # Errors
    /// An error is logged and ends this extension's background work, not the server.
    async fn run(&self, server: ServerHandle, shutdown: Shutdown) -> Result<(), ExtensionError> {
        let _ = (server, shutdown);
        Ok(())
    }
}

/// Why an extension's background work ended.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ExtensionError(Box<dyn std::error::Error + Send + Sync>);

impl ExtensionError {
    /// Wraps a reason.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}
