//! `resources/list`, `resources/templates/list` and `resources/read`.
//!
//! Source: specification, *Server features → Resources*.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::extension::ExtensionId;
use crate::protocol::{ListResourcesResult, ReadResourceResult, Resource};
use crate::server::handler::ErasedCall;
use crate::server::listing::Listed;
use crate::server::{Cx, HandlerError, Outcome, protocol_error};
use crate::uri_template::UriTemplate;
use crate::{Error, RawJson};

/// Resources that are not known when the server is built: files of a folder, rows of a table.
///
/// Added with [`ServerBuilder::resource_provider`](crate::server::ServerBuilder::resource_provider).
/// Fixed resources and templates are asked first, then the providers in their order.
#[async_trait]
pub trait ResourceProvider: Send + Sync + 'static {
    /// A page of resources. `cursor` is `None` for the first, else what the page before gave.
    ///
    /// # Errors
    /// [`HandlerError::tell`] for a cursor that is not valid (any more).
    async fn list(&self, cx: &Cx, cursor: Option<&str>) -> Result<ResourcePage, HandlerError>;

    /// Reads a resource; `None` if it has no such resource.
    ///
    /// # Errors
    /// If it has it and cannot read it.
    async fn read(&self, cx: &Cx, uri: &str) -> Result<Option<ReadResourceResult>, HandlerError>;
}

/// A page of a [`ResourceProvider`]'s list.
#[derive(Debug, Clone, Default)]
pub struct ResourcePage {
    /// The page's resources, in an order that is the same each time.
    pub resources: Vec<Resource>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// A resource, checked.
pub(crate) struct CompiledResource {
    pub(crate) definition: Resource,
    pub(crate) rendered: RawJson,
    pub(crate) call: ErasedCall,
    pub(crate) gate: Option<(usize, ExtensionId)>,
}

impl Listed for CompiledResource {
    const MEMBER: &'static str = "resources";

    fn key(&self) -> &str {
        &self.definition.uri
    }

    fn rendered(&self) -> &RawJson {
        &self.rendered
    }

    fn gate(&self) -> u64 {
        self.gate.map_or(0, |(index, _)| 1 << index)
    }
}

/// A template, checked and compiled.
pub(crate) struct CompiledTemplate {
    pub(crate) definition: crate::protocol::ResourceTemplate,
    pub(crate) rendered: RawJson,
    pub(crate) matcher: UriTemplate,
    pub(crate) call: ErasedCall,
    pub(crate) completions: BTreeMap<String, ErasedCall>,
    pub(crate) gate: Option<(usize, ExtensionId)>,
}

impl Listed for CompiledTemplate {
    const MEMBER: &'static str = "resourceTemplates";

    fn key(&self) -> &str {
        &self.definition.uri_template
    }

    fn rendered(&self) -> &RawJson {
        &self.rendered
    }

    fn gate(&self) -> u64 {
        self.gate.map_or(0, |(index, _)| 1 << index)
    }
}

/// The first page of the provider `at`.
fn provider_cursor(at: usize, inner: &str) -> String {
    format!("p.{at}.{inner}")
}

pub(crate) async fn list(cx: &Cx) -> Result<Outcome, Error> {
    let server = &cx.call.server;
    let cursor = cx.request.cursor()?;
    let table = server.resources.table();
    let of_provider = cursor.as_deref().and_then(|cursor| cursor.strip_prefix("p."));
    let (at, inner) = match of_provider {
        Some(rest) => {
            let (at, inner) = rest.split_once('.').ok_or_else(bad_cursor)?;
            (at.parse().map_err(|_| bad_cursor())?, (!inner.is_empty()).then_some(inner))
        }
        None if cursor.is_none() && table.items().is_empty() && !server.providers.is_empty() => {
            (0_usize, None)
        }
        None => {
            let more = (!server.providers.is_empty()).then(|| provider_cursor(0, ""));
            let page = table.page(
                cx.call.profile.agreed,
                cursor.as_deref(),
                &server.list_settings.resources,
                more.as_deref(),
            )?;
            return Ok(Outcome::rendered(page));
        }
    };
    let provider = server.providers.get(at).ok_or_else(bad_cursor)?;
    let page = provider.list(cx, inner).await.map_err(|error| protocol_error(server, error))?;
    let cache = server.list_settings.resources.cache;
    let mut result = ListResourcesResult::new(page.resources)
        .with_ttl_ms(cache.ttl_ms)
        .with_cache_scope(cache.scope);
    result.next_cursor = match page.next {
        Some(next) => Some(provider_cursor(at, &next)),
        None if at + 1 < server.providers.len() => Some(provider_cursor(at + 1, "")),
        None => None,
    };
    Outcome::complete(result)
}

fn bad_cursor() -> Error {
    Error::invalid_params("the cursor is not valid (any more)")
}

pub(crate) fn list_templates(cx: &Cx) -> Result<Outcome, Error> {
    let server = &cx.call.server;
    let cursor = cx.request.cursor()?;
    let page = server.templates.table().page(
        cx.call.profile.agreed,
        cursor.as_deref(),
        &server.list_settings.templates,
        None,
    )?;
    Ok(Outcome::rendered(page))
}

pub(crate) async fn read(cx: Cx) -> Result<Outcome, Error> {
    let server = Arc::clone(&cx.call.server);
    let request = Arc::clone(&cx.request);
    let uri = request.uri()?;
    server.open_round(&cx)?;
    let allowed = |gate: Option<(usize, ExtensionId)>| match gate {
        Some((index, owner)) => cx.call.profile.require(index, owner),
        None => Ok(()),
    };
    if let Some(resource) = server.resources.get(&uri) {
        allowed(resource.gate)?;
        let running = (resource.call)(cx, "{}");
        return server.limited(running).await?.map_err(|error| protocol_error(&server, error));
    }
    for template in server.templates.table().items() {
        let Some(variables) = template.matcher.matches(&uri) else { continue };
        allowed(template.gate)?;
        let arguments = serde_json::to_string(&variables).map_err(|_| Error::Internal)?;
        let running = (template.call)(cx, &arguments);
        return server.limited(running).await?.map_err(|error| protocol_error(&server, error));
    }
    for provider in &server.providers {
        let found = server.limited(provider.read(&cx, &uri)).await?;
        if let Some(result) = found.map_err(|error| protocol_error(&server, error))? {
            return Outcome::complete(result);
        }
    }
    Err(not_found(&uri))
}

/// The error for a resource that does not exist; handlers of templates use it too.
///
/// ```
/// assert_eq!(mcp_core::server::resource_not_found("docs:///x").code(), -32602);
/// ```
#[must_use]
pub fn not_found(uri: &str) -> Error {
    match RawJson::from_serialize(&serde_json::json!({ "uri": uri })) {
        Ok(data) => Error::invalid_params_with("resource not found", data),
        Err(_) => Error::invalid_params("resource not found"),
    }
}
