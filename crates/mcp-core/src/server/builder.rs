//! Defining a server.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use bytes::Bytes;

use crate::extension::{Contributed, Contributions, ExtensionId, ExtensionSlot, ServerExtension};
use crate::memo::Memo;
use crate::protocol::{
    DiscoverResult, Icon, Implementation, JsonObject, MetaKey, PromptsCapability,
    ResourcesCapability, SUPPORTED_VERSIONS, ServerCapabilities, ToolsCapability, methods,
};
use crate::sealed::{KeyRing, Sealer};
use crate::server::compile::{
    Gate, Known, compile_prompt, compile_resource, compile_template, compile_tool,
};
use crate::server::listeners::Listeners;
use crate::server::listing::{List, ListSettings, Listed};
use crate::server::{
    AllListSettings, BuildError, BuildErrors, CacheHints, Fragments, Inner, Layer, Limits,
    Middleware, OwnedMetaCheck, OwnedMethod, OwnedResultType, OwnedTopic, ResourceProvider,
    ServedPrompt, ServedResource, ServedTemplate, ServedTool, Server, dispatch,
};

/// Defines a server; [`build`](Self::build) reports all mistakes at once.
///
/// ```
/// use mcp_core::server::{CacheHints, ServedTool, Server};
///
/// let server = Server::builder("greeter", "1.0.0")
///     .instructions("Call `greet` to be greeted.")
///     .cache_lists(CacheHints::public(60_000))
///     .tool(ServedTool::new("greet", async || "Hello!").description("Greets."))
///     .build()?;
/// assert!(server.capabilities().tools.is_some());
/// # Ok::<(), mcp_core::server::BuildErrors>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct ServerBuilder {
    info: Implementation,
    anonymous: bool,
    instructions: Option<String>,
    tools: Vec<ServedTool>,
    prompts: Vec<ServedPrompt>,
    resources: Vec<ServedResource>,
    templates: Vec<ServedTemplate>,
    providers: Vec<Arc<dyn ResourceProvider>>,
    offers_tools: bool,
    offers_prompts: bool,
    offers_resources: bool,
    offers_completions: bool,
    states: dispatch::States,
    layers: Vec<Layer>,
    extensions: Vec<(Result<ExtensionSlot, ExtensionId>, Contributed)>,
    keys: Option<KeyRing>,
    limits: Limits,
    page_size: usize,
    cache: AllCache,
    logs: bool,
    show_errors: bool,
}

#[derive(Default, Clone, Copy)]
struct AllCache {
    discover: CacheHints,
    tools: CacheHints,
    prompts: CacheHints,
    resources: CacheHints,
    templates: CacheHints,
}

/// Entries of a list in one answer, unless said otherwise.
const PAGE_SIZE: usize = 250;

impl ServerBuilder {
    pub(crate) fn new(info: Implementation) -> Self {
        Self {
            info,
            anonymous: false,
            instructions: None,
            tools: Vec::new(),
            prompts: Vec::new(),
            resources: Vec::new(),
            templates: Vec::new(),
            providers: Vec::new(),
            offers_tools: false,
            offers_prompts: false,
            offers_resources: false,
            offers_completions: false,
            states: HashMap::new(),
            layers: Vec::new(),
            extensions: Vec::new(),
            keys: None,
            limits: Limits::default(),
            page_size: PAGE_SIZE,
            cache: AllCache::default(),
            logs: false,
            show_errors: false,
        }
    }

    /// Sets the server's name for people.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.info.title = Some(title.into());
        self
    }

    /// Sets what the server says of itself in a sentence.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.info.description = Some(description.into());
        self
    }

    /// Sets the server's web page.
    pub fn website_url(mut self, url: impl Into<String>) -> Self {
        self.info.website_url = Some(url.into());
        self
    }

    /// Sets the server's icons.
    pub fn icons(mut self, icons: Vec<Icon>) -> Self {
        self.info.icons = Some(icons);
        self
    }

    /// Sets the guidance for models that use the server.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Leaves name and version out of the answers.
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Adds a tool.
    pub fn tool(mut self, tool: impl Into<ServedTool>) -> Self {
        self.tools.push(tool.into());
        self
    }

    /// Offers tools even though there is none yet; they may come by
    /// [`ServerHandle`](crate::server::ServerHandle).
    pub fn tools(mut self) -> Self {
        self.offers_tools = true;
        self
    }

    /// Adds a prompt.
    pub fn prompt(mut self, prompt: impl Into<ServedPrompt>) -> Self {
        self.prompts.push(prompt.into());
        self
    }

    /// Offers prompts even though there is none yet.
    pub fn prompts(mut self) -> Self {
        self.offers_prompts = true;
        self
    }

    /// Adds a resource.
    pub fn resource(mut self, resource: impl Into<ServedResource>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds a resource template.
    pub fn template(mut self, template: impl Into<ServedTemplate>) -> Self {
        self.templates.push(template.into());
        self
    }

    /// Adds a source of resources that change on their own.
    pub fn resource_provider(mut self, provider: impl ResourceProvider) -> Self {
        self.providers.push(Arc::new(provider));
        self
    }

    /// Offers resources even though there is none yet.
    pub fn resources(mut self) -> Self {
        self.offers_resources = true;
        self
    }

    /// Declares completion even if nothing is completed yet; see
    /// [`ServerHandle::add_prompt`](crate::server::ServerHandle::add_prompt).
    pub fn completions(mut self) -> Self {
        self.offers_completions = true;
        self
    }

    /// Adds a value that handlers take by its type as [`State<T>`](crate::server::State).
    pub fn state<T: Send + Sync + 'static>(self, state: T) -> Self {
        self.shared_state(Arc::new(state))
    }

    /// As [`state`](Self::state), for a value that is shared already.
    pub fn shared_state<T: Send + Sync + 'static>(mut self, state: Arc<T>) -> Self {
        self.states.insert(TypeId::of::<T>(), state);
        self
    }

    /// Adds middleware around everything. Lower `order` is further out; equal ones keep their order,
    /// together with those of extensions.
    pub fn layer(mut self, name: &'static str, order: i32, middleware: impl Middleware) -> Self {
        self.layers.push(Layer::new(name, order, Arc::new(middleware)));
        self
    }

    /// Enables an extension.
    pub fn extension<E: ServerExtension>(mut self, extension: E) -> Self {
        let extension = Arc::new(extension);
        let mut contributions = Contributions::<E>::new();
        Arc::clone(&extension).contribute(&mut contributions);
        let mut gathered = contributions.gathered;
        self.layers.append(&mut gathered.layers);
        let slot = ExtensionSlot::new(extension).map_err(|_| E::ID);
        self.extensions.push((slot, gathered));
        self
    }

    /// Sets the keys that seal request state. Without it the server makes a random one: enough for
    /// one process, not for several that answer the same clients.
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Sets the bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the time limit of handlers; see [`Limits::handler_timeout`].
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limits.handler_timeout = Some(limit);
        self
    }

    /// Sets how many entries a list answer has at most (at least one; 250 unless set).
    pub fn page_size(mut self, entries: usize) -> Self {
        self.page_size = entries.max(1);
        self
    }

    /// Sets the caching hints of `server/discover` and of all lists.
    pub fn cache_lists(mut self, hints: CacheHints) -> Self {
        self.cache = AllCache {
            discover: hints,
            tools: hints,
            prompts: hints,
            resources: hints,
            templates: hints,
        };
        self
    }

    /// Sets the caching hints of `server/discover`.
    pub fn cache_discover(mut self, hints: CacheHints) -> Self {
        self.cache.discover = hints;
        self
    }

    /// Sets the caching hints of `tools/list`.
    pub fn cache_tools(mut self, hints: CacheHints) -> Self {
        self.cache.tools = hints;
        self
    }

    /// Sets the caching hints of `prompts/list`.
    pub fn cache_prompts(mut self, hints: CacheHints) -> Self {
        self.cache.prompts = hints;
        self
    }

    /// Sets the caching hints of `resources/list`.
    pub fn cache_resources(mut self, hints: CacheHints) -> Self {
        self.cache.resources = hints;
        self
    }

    /// Sets the caching hints of `resources/templates/list`.
    pub fn cache_templates(mut self, hints: CacheHints) -> Self {
        self.cache.templates = hints;
        self
    }

    /// Declares that handlers send log messages to clients that ask for them
    /// ([`Cx::log`](crate::server::Cx::log)). Deprecated by the protocol.
    pub fn logging(mut self) -> Self {
        self.logs = true;
        self
    }

    /// Shows callers the text of every error. For development: it may hold secrets and personal data.
    pub fn show_errors(mut self, show: bool) -> Self {
        self.show_errors = show;
        self
    }

    /// Makes the server.
    ///
    /// # Errors
    /// All mistakes in its definition at once.
    pub fn build(mut self) -> Result<Server, BuildErrors> {
        let mut errors = Vec::new();
        let mut claims = Claims::default();
        let mut slots = Vec::new();
        let mut gathered = Vec::new();
        for (slot, contributed) in std::mem::take(&mut self.extensions) {
            let owner = contributed.owner;
            if gathered.iter().any(|(known, _): &(ExtensionId, _)| *known == owner) {
                errors.push(BuildError::DuplicateExtension(owner));
                continue;
            }
            match slot {
                Ok(slot) => slots.push(slot),
                Err(_) => {
                    errors.push(BuildError::Settings { id: owner });
                    continue;
                }
            }
            gathered.push((owner, contributed));
        }
        if slots.len() > 64 {
            errors.push(BuildError::TooManyExtensions);
        }

        let known =
            Known { states: &self.states, extensions: slots.iter().map(|slot| slot.id).collect() };
        let mut methods_of = HashMap::new();
        let mut notifications = HashMap::new();
        let mut result_types = HashMap::new();
        let mut topics = HashMap::new();
        let mut request_meta = Vec::new();
        let mut documents = Vec::new();
        let mut tools: Vec<(ServedTool, Gate)> =
            std::mem::take(&mut self.tools).into_iter().map(|tool| (tool, None)).collect();
        let mut prompts: Vec<(ServedPrompt, Gate)> =
            std::mem::take(&mut self.prompts).into_iter().map(|prompt| (prompt, None)).collect();
        let mut resources: Vec<(ServedResource, Gate)> =
            std::mem::take(&mut self.resources).into_iter().map(|item| (item, None)).collect();
        let mut templates: Vec<(ServedTemplate, Gate)> =
            std::mem::take(&mut self.templates).into_iter().map(|item| (item, None)).collect();

        for (index, (owner, contributed)) in gathered.into_iter().enumerate() {
            let gate = |everyone: bool| (!everyone).then_some((index, owner));
            for method in contributed.methods {
                if claims.claim("method", method.name, owner, &mut errors) {
                    methods_of.insert(method.name, OwnedMethod::new(index, owner, method));
                }
            }
            for notification in contributed.notifications {
                if claims.claim("notification", notification.name, owner, &mut errors) {
                    notifications.insert(notification.name, notification.call);
                }
            }
            for (tag, methods) in contributed.result_types {
                if claims.claim("result type", tag, owner, &mut errors) {
                    let result_type = OwnedResultType { extension: index, owner, methods };
                    result_types.insert(tag, result_type);
                }
            }
            for topic in contributed.topics {
                if claims.claim("filter field", topic.field, owner, &mut errors) {
                    let (strict, subscribe) = (topic.strict, topic.subscribe);
                    let owned = OwnedTopic { extension: index, owner, strict, subscribe };
                    topics.insert(topic.field, owned);
                }
            }
            for check in contributed.request_meta {
                check_meta_key(check.key, owner, &mut errors);
                if claims.claim("request `_meta` key", check.key, owner, &mut errors) {
                    request_meta.push(OwnedMetaCheck { extension: index, check });
                }
            }
            for (key, _) in contributed.result_meta {
                check_meta_key(key, owner, &mut errors);
                claims.claim("result `_meta` key", key, owner, &mut errors);
            }
            for document in contributed.documents {
                if claims.claim("document", document.path(), owner, &mut errors) {
                    documents.push(document);
                }
            }
            tools.extend(contributed.tools.into_iter().map(|(item, all)| (item, gate(all))));
            prompts.extend(contributed.prompts.into_iter().map(|(item, all)| (item, gate(all))));
            resources
                .extend(contributed.resources.into_iter().map(|(item, all)| (item, gate(all))));
            templates
                .extend(contributed.templates.into_iter().map(|(item, all)| (item, gate(all))));
        }

        let tools =
            compile("tool", tools, &mut errors, |tool, gate| compile_tool(tool, gate, &known));
        let prompts = compile("prompt", prompts, &mut errors, |prompt, gate| {
            compile_prompt(prompt, gate, &known)
        });
        let resources = compile("resource", resources, &mut errors, |resource, gate| {
            compile_resource(resource, gate, &known)
        });
        let templates = compile("resource template", templates, &mut errors, |template, gate| {
            compile_template(template, gate, &known)
        });

        let mut capabilities = ServerCapabilities::default();
        if self.offers_tools || !tools.is_empty() {
            capabilities.tools = Some(ToolsCapability::new().with_list_changed(true));
        }
        if self.offers_prompts || !prompts.is_empty() {
            capabilities.prompts = Some(PromptsCapability::new().with_list_changed(true));
        }
        let has_resources =
            !(resources.is_empty() && templates.is_empty() && self.providers.is_empty());
        if self.offers_resources || has_resources {
            capabilities.resources =
                Some(ResourcesCapability::new().with_list_changed(true).with_subscribe(true));
        }
        let completes = prompts.iter().any(|prompt| !prompt.completions.is_empty())
            || templates.iter().any(|template| !template.completions.is_empty());
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

        let mut discover = DiscoverResult::new(
            SUPPORTED_VERSIONS.map(str::to_owned).to_vec(),
            capabilities.clone(),
        )
        .with_ttl_ms(self.cache.discover.ttl_ms)
        .with_cache_scope(self.cache.discover.scope);
        discover.instructions.clone_from(&self.instructions);
        let discover = serde_json::to_vec(&discover)
            .map(Bytes::from)
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
                tools: List::new(tools),
                prompts: List::new(prompts),
                resources: List::new(resources),
                templates: List::new(templates),
                providers: self.providers,
                states: self.states,
                layers: self.layers,
                extensions: slots,
                methods: methods_of,
                notifications,
                result_types,
                topics,
                request_meta,
                documents,
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

/// Who claimed which name.
#[derive(Default)]
struct Claims(HashMap<(&'static str, String), ExtensionId>);

impl Claims {
    /// Says whether `owner` gets the name.
    fn claim(
        &mut self,
        what: &'static str,
        name: &str,
        owner: ExtensionId,
        errors: &mut Vec<BuildError>,
    ) -> bool {
        let core = match what {
            "method" | "notification" => methods::ALL.contains(&name),
            "result type" => matches!(name, "complete" | "input_required"),
            "filter field" => matches!(
                name,
                "toolsListChanged"
                    | "promptsListChanged"
                    | "resourcesListChanged"
                    | "resourceSubscriptions"
            ),
            _ => false,
        };
        if core {
            errors.push(BuildError::CoreName { owner, what, name: name.to_owned() });
            return false;
        }
        match self.0.insert((what, name.to_owned()), owner) {
            None => true,
            Some(first) => {
                errors.push(BuildError::Claimed {
                    what,
                    name: name.to_owned(),
                    first,
                    second: owner,
                });
                false
            }
        }
    }
}

/// An extension's key has a prefix, and one that is reserved for MCP only if the extension is MCP's.
fn check_meta_key(key: &str, owner: ExtensionId, errors: &mut Vec<BuildError>) {
    let fits =
        MetaKey::parse_prefixed(key).is_ok_and(|key| !key.is_reserved() || owner.is_reserved());
    if !fits {
        errors.push(BuildError::MetaKey { owner, key: key.to_owned() });
    }
}
