//! A server: its definition, and the way of a request through it.
//!
//! The way reads top to bottom in these files: `dispatch` (checks, then which method), `middleware`,
//! `tools` / `prompts` / `resources` / `completion` / `listeners`, `handler` (a function's
//! parameters), `results` (its return value), `outcome` (into bytes), `exchange` (what the transport
//! polls).

mod build_error;
mod builder;
mod cache;
mod compile;
mod completion;
mod cx;
mod detached;
mod dispatch;
mod exchange;
mod form;
mod fragments;
mod handle;
pub mod handler;
mod handler_error;
mod input;
mod interaction;
mod limits;
mod listeners;
mod listing;
mod middleware;
mod outbox;
mod outcome;
mod prompts;
mod resources;
mod results;
mod served;
mod span;
mod tools;
mod view;

pub use build_error::{BuildError, BuildErrors};
pub use builder::ServerBuilder;
pub use cache::CacheHints;
pub use completion::CompletionInput;
pub use cx::{Cx, IntoProgress, IntoTotal, NotificationCx, RequestContext};
pub use detached::DetachedCall;
pub use exchange::{Exchange, Response, ResponseKind, ServerMessage};
pub(crate) use fragments::Fragments;
pub use handle::ServerHandle;
pub use handler::{Args, FromCall, Handler, IntoResult, Needs, RawArgs, State, kind};
pub use handler_error::{HandlerError, OrTell};
pub use input::InputError;
pub use interaction::Interaction;
pub use limits::Limits;
pub(crate) use middleware::Layer;
pub use middleware::{LayerInfo, Middleware, Next, NextNotification};
pub use outcome::Outcome;
pub use resources::{ResourcePage, ResourceProvider, not_found as resource_not_found};
pub use results::Json;
pub use served::{ServedPrompt, ServedResource, ServedTemplate, ServedTool};
pub use view::ServerView;

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;

use crate::extension::{
    ClientProfile, Document, ErasedMethod, ExtensionId, ExtensionSlot, MetaCheck,
};
use crate::memo::Memo;
use crate::message::{IncomingNotification, IncomingRequest};
use crate::param_headers::ParamHeaders;
use crate::protocol::{Implementation, InputRequiredResult, ServerCapabilities, methods};
use crate::sealed::Sealer;
use crate::server::listing::{List, ListSettings};
use crate::{Error, Shutdown};

/// A server, ready to answer. Cheap to clone; all clones are the same server.
///
/// It has no transport of its own and does nothing until a message is handed to it:
/// [`serve_stdio`](crate::transport::serve_stdio), the in-memory pair and `mcp-http` do so.
///
/// ```
/// use mcp_core::server::{Args, ServedTool, Server};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Add {
///     a: i64,
///     b: i64,
/// }
///
/// let server = Server::builder("calculator", "1.0.0")
///     .tool(ServedTool::new("add", async |Args(Add { a, b })| (a + b).to_string()))
///     .build()?;
/// assert_eq!(server.info().name, "calculator");
/// # Ok::<(), mcp_core::server::BuildErrors>(())
/// ```
#[derive(Clone)]
pub struct Server {
    pub(crate) inner: Arc<Inner>,
}

/// Everything a server is.
pub(crate) struct Inner {
    pub(crate) info: Implementation,
    pub(crate) instructions: Option<String>,
    pub(crate) capabilities: ServerCapabilities,
    pub(crate) fragments: Fragments,
    pub(crate) discover: Bytes,
    pub(crate) tools: List<tools::CompiledTool>,
    pub(crate) prompts: List<prompts::CompiledPrompt>,
    pub(crate) resources: List<resources::CompiledResource>,
    pub(crate) templates: List<resources::CompiledTemplate>,
    pub(crate) providers: Vec<Arc<dyn ResourceProvider>>,
    pub(crate) list_settings: AllListSettings,
    pub(crate) states: dispatch::States,
    pub(crate) layers: Vec<Layer>,
    pub(crate) extensions: Vec<ExtensionSlot>,
    pub(crate) methods: HashMap<&'static str, OwnedMethod>,
    pub(crate) notifications: HashMap<&'static str, crate::extension::ErasedNotificationFn>,
    pub(crate) result_types: HashMap<&'static str, OwnedResultType>,
    pub(crate) topics: HashMap<&'static str, OwnedTopic>,
    pub(crate) request_meta: Vec<OwnedMetaCheck>,
    pub(crate) documents: Vec<Document>,
    pub(crate) listeners: listeners::Listeners,
    pub(crate) sealer: Sealer,
    pub(crate) limits: Limits,
    pub(crate) logs: bool,
    pub(crate) show_errors: bool,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) profiles: Memo<ClientProfile>,
    pub(crate) client_infos: Memo<Implementation>,
}

/// The settings of each list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AllListSettings {
    pub(crate) tools: ListSettings,
    pub(crate) prompts: ListSettings,
    pub(crate) resources: ListSettings,
    pub(crate) templates: ListSettings,
}

/// A method and the extension that owns it.
pub(crate) struct OwnedMethod {
    pub(crate) extension: usize,
    pub(crate) owner: ExtensionId,
    pub(crate) routing_field: Option<&'static str>,
    pub(crate) call: crate::extension::ErasedMethodFn,
}

impl OwnedMethod {
    pub(crate) fn new(extension: usize, owner: ExtensionId, method: ErasedMethod) -> Self {
        let routing_field = method.options.routing_field;
        Self { extension, owner, routing_field, call: method.call }
    }
}

pub(crate) struct OwnedResultType {
    pub(crate) extension: usize,
    pub(crate) owner: ExtensionId,
    pub(crate) methods: &'static [&'static str],
}

pub(crate) struct OwnedTopic {
    pub(crate) extension: usize,
    pub(crate) owner: ExtensionId,
    pub(crate) strict: bool,
    pub(crate) subscribe: crate::extension::ErasedTopicFn,
}

pub(crate) struct OwnedMetaCheck {
    pub(crate) extension: usize,
    pub(crate) check: MetaCheck,
}

impl Server {
    /// Begins the definition of a server with the *application's* name and version.
    pub fn builder(name: impl Into<String>, version: impl Into<String>) -> ServerBuilder {
        ServerBuilder::new(Implementation::new(name, version))
    }

    /// Begins the definition of a server with all that it says of itself.
    pub fn builder_for(info: Implementation) -> ServerBuilder {
        ServerBuilder::new(info)
    }

    /// Starts the answer to a request. Nothing runs until the exchange is polled.
    #[must_use]
    pub fn dispatch(&self, request: IncomingRequest, context: RequestContext) -> Exchange {
        dispatch::start(&self.inner, request, context)
    }

    /// Handles a notification.
    ///
    /// # Errors
    /// If it was refused; transports that can say so do, the others drop the error. Unknown
    /// notifications are ignored.
    pub async fn notify(
        &self,
        notification: IncomingNotification,
        context: RequestContext,
    ) -> Result<(), Error> {
        dispatch::notified(&self.inner, notification, context).await
    }

    /// What the server says of itself.
    #[must_use]
    pub fn info(&self) -> &Implementation {
        &self.inner.info
    }

    /// What `server/discover` shows.
    #[must_use]
    pub fn capabilities(&self) -> &ServerCapabilities {
        &self.inner.capabilities
    }

    /// The middleware, outermost first.
    pub fn layers(&self) -> impl Iterator<Item = &LayerInfo> {
        self.inner.layers.iter().map(|layer| &layer.info)
    }

    /// The enabled extensions.
    pub fn extensions(&self) -> impl Iterator<Item = ExtensionId> {
        self.inner.extensions.iter().map(|slot| slot.id)
    }

    /// Documents that the HTTP transport serves.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        &self.inner.documents
    }

    /// The server as documents and other readers see it.
    #[must_use]
    pub fn view(&self) -> ServerView<'_> {
        ServerView::new(&self.inner)
    }

    /// A handle that changes lists and tells listeners of changes.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(Arc::clone(&self.inner))
    }

    /// Checks a request's protocol revision, as [`dispatch`](Self::dispatch) does: for transports
    /// that must answer this before something else.
    ///
    /// # Errors
    /// `-32022` for a revision that is not served.
    pub fn check_version(&self, version: &str) -> Result<(), Error> {
        self.inner.check_version(version)
    }

    /// The value that HTTP clients mirror into `Mcp-Name`: `None` if the request's method has none.
    #[must_use]
    pub fn routing_name<'a>(&self, request: &'a IncomingRequest) -> Option<Option<Cow<'a, str>>> {
        let field = match request.method() {
            methods::TOOLS_CALL | methods::PROMPTS_GET => "name",
            methods::RESOURCES_READ => "uri",
            method => self.inner.methods.get(method)?.routing_field?,
        };
        Some(request.string_param(field))
    }

    /// Looks at the parameters that HTTP clients mirror into `Mcp-Param-*` for this request.
    pub fn with_param_headers<R>(
        &self,
        request: &IncomingRequest,
        look: impl FnOnce(&ParamHeaders) -> R,
    ) -> Option<R> {
        if request.method() != methods::TOOLS_CALL {
            return None;
        }
        let tool = self.inner.tools.get(&request.name().ok()?)?;
        tool.param_headers.as_ref().map(look)
    }

    /// Counts the changes of the server's lists, so that what was rendered from them can be renewed.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.inner.listeners.changes()
    }

    /// The number of open subscriptions.
    #[must_use]
    pub fn listener_count(&self) -> usize {
        self.inner.listeners.count()
    }

    /// Ends all subscriptions, each with its final answer. Transports call it when they shut down.
    pub fn end_subscriptions(&self) {
        self.inner.listeners.end();
    }

    /// Runs the background work of the extensions until `shutdown`.
    pub async fn run_extensions(&self, shutdown: Shutdown) {
        let mut running = tokio::task::JoinSet::new();
        for slot in &self.inner.extensions {
            let (id, erased, shutdown) = (slot.id, Arc::clone(&slot.erased), shutdown.clone());
            let server = self.handle();
            running.spawn(async move {
                if let Err(error) = erased.run(server, shutdown).await {
                    tracing::error!(extension = %id, %error, "an extension's background work ended");
                }
            });
        }
        while running.join_next().await.is_some() {}
    }
}

impl Inner {
    pub(crate) fn extension_index(&self, id: ExtensionId) -> Option<usize> {
        self.extensions.iter().position(|slot| slot.id == id)
    }

    /// Takes the answers and the state that a request brings from earlier rounds.
    pub(crate) fn open_round(&self, cx: &Cx) -> Result<(), Error> {
        cx.call.rounds.open(&cx.request, cx.principal(), &self.sealer)
    }

    pub(crate) fn close_round(
        &self,
        request: &IncomingRequest,
        call: &cx::CallShared,
    ) -> Result<Outcome, Error> {
        let asked: InputRequiredResult = call.rounds.close(
            request,
            call.context.principal(),
            &self.sealer,
            self.limits.request_state_ttl,
        )?;
        Outcome::input_required(asked)
    }

    /// Runs a handler within the server's time limit.
    pub(crate) async fn limited<F: Future>(&self, running: F) -> Result<F::Output, Error> {
        match self.limits.handler_timeout {
            None => Ok(running.await),
            Some(limit) => tokio::time::timeout(limit, running).await.map_err(|_| Error::Timeout),
        }
    }
}

/// A handler's error where there is no `isError` result to put it in.
fn protocol_error(server: &Inner, error: HandlerError) -> Error {
    match error {
        HandlerError::Protocol(error) => error,
        HandlerError::Tell(text) => Error::invalid_params(text),
        HandlerError::Hidden(error) => {
            tracing::error!(%error, "a handler failed");
            if server.show_errors {
                Error::invalid_params(error.to_string())
            } else {
                Error::Internal
            }
        }
    }
}
