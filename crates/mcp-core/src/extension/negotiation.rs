//! What a client declared, and the proof that both sides agreed.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use serde::Deserialize;

use crate::Error;
use crate::extension::refusal::undeclared;
use crate::extension::{Extension, ExtensionId, Refusal, ServerExtension};
use crate::message::without_values;
use crate::protocol::{ClientCapabilities, JsonObject};
use crate::server::ServerHandle;

/// Proof that the client of this request declared extension `E` and the server agreed.
///
/// Only the core makes one. A function that takes it cannot be reached by a client that did not
/// declare the extension: the compiler sees to it.
///
/// It gives access to the client's settings:
///
/// ```
/// use mcp_core::extension::{Extension, Negotiated};
///
/// fn settings_of<E: Extension>(proof: &Negotiated<E>) -> &E::ClientSettings {
///     proof
/// }
/// ```
#[derive(Debug)]
pub struct Negotiated<E: Extension> {
    settings: Arc<E::ClientSettings>,
}

impl<E: Extension> Clone for Negotiated<E> {
    fn clone(&self) -> Self {
        Self { settings: Arc::clone(&self.settings) }
    }
}

impl<E: Extension> Deref for Negotiated<E> {
    type Target = E::ClientSettings;

    fn deref(&self) -> &E::ClientSettings {
        &self.settings
    }
}

/// The outcome of negotiating one extension with one client.
enum Negotiation {
    Undeclared,
    Refused(Refusal),
    Agreed(Arc<dyn Any + Send + Sync>),
}

/// What one text of `clientCapabilities` means to this server; computed once for each text.
pub(crate) struct ClientProfile {
    pub(crate) capabilities: ClientCapabilities,
    /// In the order of the server's extensions.
    negotiations: Box<[Negotiation]>,
    /// Bit `i`: the `i`-th extension was agreed on.
    pub(crate) agreed: u64,
}

impl ClientProfile {
    pub(crate) fn parse(text: &str, extensions: &[ExtensionSlot]) -> Result<Self, Error> {
        let capabilities: ClientCapabilities = serde_json::from_str(text).map_err(|error| {
            Error::invalid_params(format!(
                "`_meta` field `clientCapabilities`: {}",
                without_values(&error)
            ))
        })?;
        let mut agreed = 0;
        let negotiations = extensions
            .iter()
            .enumerate()
            .map(|(i, slot)| {
                let declared =
                    capabilities.extensions.as_ref().and_then(|map| map.get(slot.id.as_str()));
                match declared {
                    None => Negotiation::Undeclared,
                    Some(settings) => match slot.erased.negotiate(settings) {
                        Ok(settings) => {
                            agreed |= 1 << i;
                            Negotiation::Agreed(settings)
                        }
                        Err(refusal) => Negotiation::Refused(refusal),
                    },
                }
            })
            .collect();
        Ok(Self { capabilities, negotiations, agreed })
    }

    /// The proof for `E`, the `index`-th extension of the server.
    pub(crate) fn negotiated<E: Extension>(&self, index: usize) -> Result<Negotiated<E>, Error> {
        match self.negotiations.get(index) {
            Some(Negotiation::Agreed(settings)) => Arc::clone(settings)
                .downcast::<E::ClientSettings>()
                .map(|settings| Negotiated { settings })
                .map_err(|_| Error::Internal),
            Some(Negotiation::Refused(refusal)) => Err(refusal.to_error(E::ID)),
            Some(Negotiation::Undeclared) | None => Err(undeclared(E::ID)),
        }
    }

    /// Whether the `index`-th extension was agreed on; if not, the error that says what is missing.
    pub(crate) fn require(&self, index: usize, id: ExtensionId) -> Result<(), Error> {
        match self.negotiations.get(index) {
            Some(Negotiation::Agreed(_)) => Ok(()),
            Some(Negotiation::Refused(refusal)) => Err(refusal.to_error(id)),
            Some(Negotiation::Undeclared) | None => Err(undeclared(id)),
        }
    }
}

/// An extension of a server, its types forgotten.
pub(crate) struct ExtensionSlot {
    pub(crate) id: ExtensionId,
    /// Its server settings, as `server/discover` shows them.
    pub(crate) settings: JsonObject,
    pub(crate) erased: Arc<dyn ErasedExtension>,
}

#[async_trait::async_trait]
pub(crate) trait ErasedExtension: Send + Sync {
    fn negotiate(&self, declared: &JsonObject) -> Result<Arc<dyn Any + Send + Sync>, Refusal>;
    async fn run(
        &self,
        server: ServerHandle,
        shutdown: crate::Shutdown,
    ) -> Result<(), super::ExtensionError>;
}

/// Forgets the types of an extension; `E`'s settings stay behind `Any`, found again by `E`.
pub(crate) struct Erased<E>(pub(crate) Arc<E>);

#[async_trait::async_trait]
impl<E: ServerExtension> ErasedExtension for Erased<E> {
    fn negotiate(&self, declared: &JsonObject) -> Result<Arc<dyn Any + Send + Sync>, Refusal> {
        let settings =
            E::ClientSettings::deserialize(&mut serde_json::Deserializer::from_str(declared.get()))
                .map_err(|error| {
                    Refusal::new(format!("its settings: {}", without_values(&error)))
                })?;
        self.0.negotiate(&settings)?;
        Ok(Arc::new(settings))
    }

    async fn run(
        &self,
        server: ServerHandle,
        shutdown: crate::Shutdown,
    ) -> Result<(), super::ExtensionError> {
        self.0.run(server, shutdown).await
    }
}

impl ExtensionSlot {
    pub(crate) fn new<E: ServerExtension>(extension: Arc<E>) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: E::ID,
            settings: JsonObject::from_serialize(&extension.settings())?,
            erased: Arc::new(Erased(extension)),
        })
    }
}
