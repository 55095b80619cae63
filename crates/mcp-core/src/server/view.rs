//! A server as others may look at it.

use std::sync::Arc;

use crate::RawJson;
use crate::extension::ExtensionId;
use crate::protocol::{
    Implementation, Prompt, Resource, ResourceTemplate, ServerCapabilities, Tool,
};
use crate::server::Inner;
use crate::server::prompts::CompiledPrompt;
use crate::server::resources::{CompiledResource, CompiledTemplate};
use crate::server::tools::CompiledTool;

/// Reads what a server is: for documents that describe it, and for inspection.
///
/// It shows everything, gated or not; whoever publishes it decides what to publish.
#[derive(Clone, Copy)]
pub struct ServerView<'a> {
    inner: &'a Inner,
}

impl<'a> ServerView<'a> {
    pub(crate) fn new(inner: &'a Inner) -> Self {
        Self { inner }
    }

    /// Name and version.
    #[must_use]
    pub fn info(&self) -> &'a Implementation {
        &self.inner.info
    }

    /// The guidance for models.
    #[must_use]
    pub fn instructions(&self) -> Option<&'a str> {
        self.inner.instructions.as_deref()
    }

    /// What the server offers.
    #[must_use]
    pub fn capabilities(&self) -> &'a ServerCapabilities {
        &self.inner.capabilities
    }

    /// The extensions and their settings.
    pub fn extensions(&self) -> impl Iterator<Item = (ExtensionId, &'a RawJson)> {
        self.inner.extensions.iter().map(|slot| (slot.id, &slot.settings))
    }

    /// The tools, in their order.
    #[must_use]
    pub fn tools(&self) -> Vec<Tool> {
        definitions(self.inner.tools.table().items(), |item: &CompiledTool| &item.definition)
    }

    /// The prompts, in their order.
    #[must_use]
    pub fn prompts(&self) -> Vec<Prompt> {
        definitions(self.inner.prompts.table().items(), |item: &CompiledPrompt| &item.definition)
    }

    /// The fixed resources, in their order.
    #[must_use]
    pub fn resources(&self) -> Vec<Resource> {
        definitions(self.inner.resources.table().items(), |item: &CompiledResource| {
            &item.definition
        })
    }

    /// The resource templates, in their order.
    #[must_use]
    pub fn templates(&self) -> Vec<ResourceTemplate> {
        definitions(self.inner.templates.table().items(), |item: &CompiledTemplate| {
            &item.definition
        })
    }
}

fn definitions<T, D: Clone>(items: &[Arc<T>], definition: impl Fn(&T) -> &D) -> Vec<D> {
    items.iter().map(|item| definition(item).clone()).collect()
}
