//! From a definition to a server.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;

use crate::extension::ExtensionSlot;
use crate::memo::Memo;
use crate::protocol::{
    DiscoverResult, JsonObject, PromptsCapability, ResourcesCapability, SUPPORTED_VERSIONS,
    ServerCapabilities, ToolsCapability,
};
use crate::sealed::{KeyRing, Sealer};
use crate::server::builder::joined::{Joined, placed};
use crate::server::compile::{
    Gate, Known, compile_prompt, compile_resource, compile_template, compile_tool,
};
use crate::server::listeners::Listeners;
use crate::server::listing::{List, ListSettings, Listed};
use crate::server::prompts::CompiledPrompt;
use crate::server::resources::{CompiledResource, CompiledTemplate};
use crate::server::tools::CompiledTool;
use crate::server::{
    AllListSettings, BuildError, BuildErrors, Fragments, Inner, Server, ServerBuilder,
};

impl ServerBuilder {
    /// Makes the server.
    ///
    /// # Errors
    /// All mistakes in its definition at once.
    pub fn build(mut self) -> Result<Server, BuildErrors> {
        let mut errors = Vec::new();
        let (slots, contributed) = placed(std::mem::take(&mut self.extensions), &mut errors);
        let mut joined = Joined::default();
        joined.tools.extend(std::mem::take(&mut self.tools).into_iter().map(open));
        joined.prompts.extend(std::mem::take(&mut self.prompts).into_iter().map(open));
        joined.resources.extend(std::mem::take(&mut self.resources).into_iter().map(open));
        joined.templates.extend(std::mem::take(&mut self.templates).into_iter().map(open));
        for (index, contributed) in contributed.into_iter().enumerate() {
            joined.add(index, contributed, &mut errors);
        }

        let known =
            Known { states: &self.states, extensions: slots.iter().map(|slot| slot.id).collect() };
        let served = Compiled {
            tools: compile("tool", joined.tools, &mut errors, |tool, gate| {
                compile_tool(tool, gate, &known)
            }),
            prompts: compile("prompt", joined.prompts, &mut errors, |prompt, gate| {
                compile_prompt(prompt, gate, &known)
            }),
            resources: compile("resource", joined.resources, &mut errors, |resource, gate| {
                compile_resource(resource, gate, &known)
            }),
            templates: compile(
                "resource template",
                joined.templates,
                &mut errors,
                |template, gate| compile_template(template, gate, &known),
            ),
        };
        let capabilities = self.capabilities(&served, &slots);

        let discover = self
            .discover(&capabilities)
            .map_err(|_| errors.push(BuildError::Serialize("server/discover".to_owned())))
            .ok();
        let fragments = Fragments::new((!self.anonymous).then_some(&self.info))
            .map_err(|_| errors.push(BuildError::Serialize("the server's name".to_owned())))
            .ok();
        let keys = match self.keys {
            Some(keys) => Some(keys),
            None => KeyRing::random().map_err(|_| errors.push(BuildError::Random)).ok(),
        };
        let (Some(discover), Some(fragments), Some(keys), true) =
            (discover, fragments, keys, errors.is_empty())
        else {
            return Err(BuildErrors(errors));
        };

        self.layers.sort_by_key(|layer| layer.info.order);
        let settings = |cache| ListSettings { page_size: self.page_size, cache };
        Ok(Server {
            inner: Arc::new(Inner {
                list_settings: AllListSettings {
                    tools: settings(self.cache.tools),
                    prompts: settings(self.cache.prompts),
                    resources: settings(self.cache.resources),
                    templates: settings(self.cache.templates),
                },
                info: self.info,
                instructions: self.instructions,
                capabilities,
                fragments,
                discover,
                tools: List::new(served.tools),
                prompts: List::new(served.prompts),
                resources: List::new(served.resources),
                templates: List::new(served.templates),
                providers: self.providers,
                states: self.states,
                layers: self.layers,
                extensions: slots,
                methods: joined.methods,
                notifications: joined.notifications,
                result_types: joined.result_types,
                topics: joined.topics,
                request_meta: joined.request_meta,
                documents: joined.documents,
                listeners: Listeners::default(),
                sealer: Sealer::new(keys),
                limits: self.limits,
                logs: self.logs,
                show_errors: self.show_errors,
                in_flight: AtomicUsize::new(0),
                profiles: Memo::new(),
                client_infos: Memo::new(),
            }),
        })
    }

    /// What is served, or may be later, is a capability.
    fn capabilities(&self, served: &Compiled, slots: &[ExtensionSlot]) -> ServerCapabilities {
        let mut capabilities = ServerCapabilities::default();
        if self.offers_tools || !served.tools.is_empty() {
            capabilities.tools = Some(ToolsCapability::new().with_list_changed(true));
        }
        if self.offers_prompts || !served.prompts.is_empty() {
            capabilities.prompts = Some(PromptsCapability::new().with_list_changed(true));
        }
        let has_resources = !(served.resources.is_empty()
            && served.templates.is_empty()
            && self.providers.is_empty());
        if self.offers_resources || has_resources {
            capabilities.resources =
                Some(ResourcesCapability::new().with_list_changed(true).with_subscribe(true));
        }
        let completes = served.prompts.iter().any(|prompt| !prompt.completions.is_empty())
            || served.templates.iter().any(|template| !template.completions.is_empty());
        if self.offers_completions || completes {
            capabilities.completions = Some(JsonObject::new());
        }
        if self.logs {
            capabilities.logging = Some(JsonObject::new());
        }
        if !slots.is_empty() {
            capabilities.extensions =
                Some(slots.iter().map(|slot| (slot.id.as_str(), slot.settings.clone())).collect());
        }
        capabilities
    }

    /// The answer to `server/discover`.
    fn discover(&self, capabilities: &ServerCapabilities) -> Result<Bytes, serde_json::Error> {
        let versions = SUPPORTED_VERSIONS.map(str::to_owned).to_vec();
        let mut discover = DiscoverResult::new(versions, capabilities.clone())
            .with_ttl_ms(self.cache.discover.ttl_ms)
            .with_cache_scope(self.cache.discover.scope);
        discover.instructions.clone_from(&self.instructions);
        serde_json::to_vec(&discover).map(Bytes::from)
    }
}

/// What clients list, ready to be served.
struct Compiled {
    tools: Vec<Arc<CompiledTool>>,
    prompts: Vec<Arc<CompiledPrompt>>,
    resources: Vec<Arc<CompiledResource>>,
    templates: Vec<Arc<CompiledTemplate>>,
}

/// What the application itself serves is for everyone.
fn open<T>(item: T) -> (T, Gate) {
    (item, None)
}

/// Compiles all, gathering all mistakes; a key that occurs twice is one.
fn compile<S, T: Listed>(
    what: &'static str,
    items: Vec<(S, Gate)>,
    errors: &mut Vec<BuildError>,
    compile: impl Fn(S, Gate) -> Result<T, Vec<BuildError>>,
) -> Vec<Arc<T>> {
    let mut seen = HashSet::new();
    let mut compiled = Vec::with_capacity(items.len());
    for (item, gate) in items {
        match compile(item, gate) {
            Ok(item) => {
                if seen.insert(item.key().to_owned()) {
                    compiled.push(Arc::new(item));
                } else {
                    errors.push(BuildError::Duplicate { what, name: item.key().to_owned() });
                }
            }
            Err(mut found) => errors.append(&mut found),
        }
    }
    compiled
}
