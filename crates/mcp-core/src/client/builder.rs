//! Defining a client.

use std::future::Future;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::RawJson;
use crate::client::cache::{Cache, CacheLimits};
use crate::client::core::{Core, Limits, LogFn, TraceFn, stray};
use crate::client::elicitation::{ElicitAnswer, FormRequest, UrlRequest};
use crate::client::extension::{Contributed, Extensions, gather};
use crate::client::input::Handlers;
use crate::client::tool_book::ToolBook;
use crate::client::transport::ClientTransport;
use crate::client::{
    AskedBy, Client, ClientBuildError, ClientBuildErrors, ClientExtension, LogMessage,
    SampleRequest, roots,
};
use crate::memo::Memo;
use crate::protocol::{
    CreateMessageResult, Icon, Implementation, LATEST_PROTOCOL_VERSION, LoggingLevel, Root,
};
use crate::trace_context::TraceContext;

/// A client that is being defined; see [`Client::builder`].
///
/// What is declared to servers follows from the handlers that are set: a client without a handler
/// for forms does not say that it shows forms.
///
/// ```
/// use mcp_core::client::{Client, ElicitAnswer};
///
/// let builder = Client::builder("example", "1.0.0")
///     .on_elicit_form(async |form| {
///         println!("{} asks: {}", form.asked_by.method, form.message);
///         ElicitAnswer::Decline
///     })
///     .timeout(std::time::Duration::from_secs(20));
/// # let _ = builder;
/// ```
#[must_use = "a builder does nothing until it is connected"]
pub struct ClientBuilder {
    info: Implementation,
    anonymous: bool,
    handlers: Handlers,
    roots: Vec<Root>,
    extensions: Vec<Contributed>,
    log: Option<(LoggingLevel, LogFn)>,
    trace: Option<TraceFn>,
    limits: Limits,
    cache: CacheLimits,
    check_results: bool,
}

impl ClientBuilder {
    pub(crate) fn new(info: Implementation) -> Self {
        Self {
            info,
            anonymous: false,
            handlers: Handlers::default(),
            roots: Vec::new(),
            extensions: Vec::new(),
            log: None,
            trace: None,
            limits: Limits {
                idle: Duration::from_secs(60),
                maximum: Duration::from_secs(15 * 60),
                rounds: 16,
                pages: 10_000,
            },
            cache: CacheLimits::default(),
            check_results: true,
        }
    }

    /// Sets the name for people.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.info.title = Some(title.into());
        self
    }

    /// Sets the icons.
    pub fn icons(mut self, icons: Vec<Icon>) -> Self {
        self.info.icons = Some(icons);
        self
    }

    /// Does not tell servers who calls.
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Shows forms; declares `elicitation.form`.
    pub fn on_elicit_form<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(FormRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ElicitAnswer> + Send + 'static,
    {
        self.handlers.set_form(handler);
        self
    }

    /// Opens pages; declares `elicitation.url`.
    pub fn on_elicit_url<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(UrlRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ElicitAnswer> + Send + 'static,
    {
        self.handlers.set_url(handler);
        self
    }

    /// Asks a model; declares `sampling`. Deprecated by the protocol.
    pub fn on_sample<F, Fut, E>(mut self, handler: F) -> Self
    where
        F: Fn(SampleRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<CreateMessageResult, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.handlers.set_sample(handler);
        self
    }

    /// The model can use tools; declares `sampling.tools`, if there is a handler for sampling.
    pub fn sampling_tools(mut self) -> Self {
        self.handlers.sampling_tools = true;
        self
    }

    /// The model gets context of servers, if asked for; declares `sampling.context`, if there is a
    /// handler for sampling. Deprecated by the protocol.
    pub fn sampling_context(mut self) -> Self {
        self.handlers.sampling_context = true;
        self
    }

    /// Lists these folders; declares `roots`. Deprecated by the protocol.
    pub fn roots(mut self, roots: Vec<Root>) -> Self {
        self.roots.clone_from(&roots);
        self.on_roots(move |_| {
            let roots = roots.clone();
            async move { Ok::<_, std::convert::Infallible>(roots) }
        })
    }

    /// Lists the folders that `handler` finds; declares `roots`. Deprecated by the protocol.
    pub fn on_roots<F, Fut, E>(mut self, handler: F) -> Self
    where
        F: Fn(AskedBy) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Root>, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.handlers.set_roots(handler);
        self
    }

    /// Takes log messages of at least `level`, which servers send only when asked to. The handler
    /// must be quick; have it send to a channel if it is not. Deprecated by the protocol.
    pub fn on_log(
        mut self,
        level: LoggingLevel,
        handler: impl Fn(LogMessage) + Send + Sync + 'static,
    ) -> Self {
        self.log = Some((level, Arc::new(handler)));
        self
    }

    /// Asks `current` for the trace that each request belongs to; servers get a child of it. A
    /// request's own [`trace`](crate::client::Request::trace) comes first.
    pub fn trace_from(
        mut self,
        current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        self.trace = Some(Arc::new(current));
        self
    }

    /// Enables an extension; it is declared with every request.
    pub fn extension<E: ClientExtension>(mut self, extension: E) -> Self {
        self.extensions.push(gather(extension));
        self
    }

    /// How long a request may wait without an answer or progress. Default 60 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limits.idle = limit;
        self
    }

    /// How long a request may wait at most, whatever progress there is. Default 15 min. A request
    /// that takes several rounds may wait as long in each; the time that people need to answer does
    /// not count.
    pub fn max_total_timeout(mut self, limit: Duration) -> Self {
        self.limits.maximum = limit;
        self
    }

    /// As many rounds a request may take. Default 16.
    pub fn max_rounds(mut self, rounds: u32) -> Self {
        self.limits.rounds = rounds;
        self
    }

    /// As many pages a list may have. Default 10,000.
    pub fn max_pages(mut self, pages: usize) -> Self {
        self.limits.pages = pages;
        self
    }

    /// The bounds of the cache.
    pub fn cache(mut self, limits: CacheLimits) -> Self {
        self.cache = limits;
        self
    }

    /// Whether structured results are checked against their tool's output schema, where it is known
    /// from a list. Default: they are.
    pub fn check_results(mut self, check: bool) -> Self {
        self.check_results = check;
        self
    }

    /// The client, with its way to the server. Nothing is sent yet.
    ///
    /// # Errors
    /// All mistakes in the definition at once.
    pub fn connect(self, transport: impl ClientTransport) -> Result<Client, ClientBuildErrors> {
        let mut errors = Vec::new();
        for root in &self.roots {
            if let Err(reason) = roots::check(root) {
                errors.push(ClientBuildError::Root { uri: root.uri.clone(), reason });
            }
        }
        let extensions = Extensions::compile(self.extensions, &mut errors);
        let mut capabilities = self.handlers.capabilities();
        if !extensions.settings.is_empty() {
            capabilities.extensions = Some(extensions.settings.clone());
        }
        let capabilities = RawJson::from_serialize(&capabilities)
            .map_err(|_| errors.push(ClientBuildError::Serialize("the capabilities")))
            .ok();
        let info = (!self.anonymous).then(|| RawJson::from_serialize(&self.info)).transpose();
        let info =
            info.map_err(|_| errors.push(ClientBuildError::Serialize("the client's name"))).ok();
        let (Some(capabilities), Some(info), true) = (capabilities, info, errors.is_empty()) else {
            return Err(ClientBuildErrors(errors));
        };
        let core = Arc::new(Core {
            transport: Box::new(transport),
            capabilities,
            info,
            handlers: self.handlers,
            extensions: Arc::new(extensions),
            log: self.log,
            trace: self.trace,
            limits: self.limits,
            check_results: self.check_results,
            cache: Cache::new(self.cache),
            tools: ToolBook::default(),
            version: Mutex::new(LATEST_PROTOCOL_VERSION),
            next_id: AtomicI64::new(1),
            server: Mutex::new(None),
            servers: Memo::new(),
        });
        let weak = Arc::downgrade(&core);
        core.transport.set_stray_handler(Arc::new(move |bytes| {
            if let Some(core) = weak.upgrade() {
                stray(&core, &bytes);
            }
        }));
        Ok(Client { core })
    }
}
