//! Defining a server.

mod build;
mod claims;
mod joined;

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::extension::{Contributed, Contributions, ExtensionId, ExtensionSlot, ServerExtension};
use crate::protocol::{Icon, Implementation};
use crate::sealed::KeyRing;
use crate::server::{
    CacheHints, Layer, Limits, Middleware, ResourceProvider, ServedPrompt, ServedResource,
    ServedTemplate, ServedTool, dispatch,
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
}
