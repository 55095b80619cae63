//! A client: calls to one server, over any transport.
//!
//! The way of a call reads in these files: `request` (put together), `rounds` (cache, tools, rounds
//! of questions), `exchange` (one message and its answer), `outgoing` and `envelope` (into bytes and
//! out of them), [`transport`] (what carries them).

mod build_error;
mod builder;
mod cache;
mod claims;
mod core;
mod elicitation;
mod envelope;
mod exchange;
mod extension;
mod hints;
mod input;
mod lists;
mod outgoing;
mod request;
mod roots;
mod rounds;
mod span;
mod subscription;
mod tool_book;
pub mod transport;
mod unfold;

mod error;

pub use build_error::{ClientBuildError, ClientBuildErrors};
pub use builder::ClientBuilder;
pub use cache::CacheLimits;
pub use claims::ClaimedResult;
pub use elicitation::{AskedBy, ElicitAnswer, FormRequest, UrlRequest};
pub(crate) use envelope::{ServerEnvelope, id_of_broken, read as read_envelope};
pub use error::ClientError;
pub use extension::{ClientContributions, ClientExtension, RequestInfo};
pub use input::SampleRequest;
pub use lists::Entries;
pub use request::{Request, Round};
pub use subscription::{ListenOptions, Subscription, SubscriptionEvent};
pub use transport::ClientTransport;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;

use crate::RawJson;
use crate::client::cache::Stale;
use crate::client::core::{Call, Core};
use crate::client::outgoing::{Fields, MetaOut, message, split};
use crate::client::transport::{OutgoingNotification, TransportError};
use crate::extension::{Extension, ExtensionId};
use crate::protocol::{CallTool, Complete, Discover, GetPrompt, ReadResource, RequestMethod};
use crate::protocol::{
    CallToolResult, CompleteResult, CompletionArgument, CompletionContext, CompletionReference,
    DiscoverResult, GetPromptResult, Implementation, InputRequests, InputResponses,
    LoggingMessageNotificationParams, ReadResourceResult, SubscriptionFilter,
};

/// A client of one server. Cheap to clone; all clones are the same client.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_core::client::Client;
/// use mcp_core::server::{ServedTool, Server};
/// use mcp_core::transport::MemoryTransport;
///
/// let server = Server::builder("greeter", "1.0.0")
///     .tool(ServedTool::new("greet", async || "hello"))
///     .build()?;
/// let client = Client::builder("example", "1.0.0").connect(MemoryTransport::new(server))?;
/// let result = client.call_tool("greet", &serde_json::json!({})).await?;
/// assert_eq!(result.all_text(), "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) core: Arc<Core>,
}

/// A log message of the server's.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LogMessage {
    /// The message.
    pub message: LoggingMessageNotificationParams,
    /// The method of the request that it belongs to; `None` where a shared channel does not tell.
    pub method: Option<String>,
    /// The tool, prompt or resource of that request.
    pub name: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.core.server()).finish_non_exhaustive()
    }
}

impl Client {
    /// Begins the definition of a client with the *application's* name and version.
    pub fn builder(name: impl Into<String>, version: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(Implementation::new(name, version))
    }

    /// Begins the definition of a client with all that it says of itself.
    pub fn builder_for(info: Implementation) -> ClientBuilder {
        ClientBuilder::new(info)
    }

    /// What the server is and offers.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn discover(&self) -> Result<DiscoverResult, ClientError> {
        self.prepare::<Discover>().send().await
    }

    /// Asks the server what it is, before anything else, so that a server of an earlier revision is
    /// found out at once. Recommended on stdio, where such servers may take later requests for
    /// something else.
    ///
    /// # Errors
    /// [`ClientError::NotModern`] if the server answers like one of an earlier revision or not at
    /// all; [`ClientError::UnsupportedVersion`] if it is one of another modern revision.
    ///
    /// Source: specification, *stdio → Backward compatibility*.
    pub async fn probe(&self) -> Result<DiscoverResult, ClientError> {
        match self.prepare::<Discover>().fresh().send().await {
            Err(error @ (ClientError::Rpc(_) | ClientError::Timeout { .. })) => {
                let modern = error.code().is_some_and(|code| (-32099..=-32020).contains(&code));
                Err(if modern { error } else { ClientError::NotModern(Box::new(error)) })
            }
            Err(
                error @ (ClientError::UnexpectedResult { .. }
                | ClientError::Transport(TransportError::Http { status: 400 | 404 | 405 })),
            ) => Err(ClientError::NotModern(Box::new(error))),
            discovered => discovered,
        }
    }

    /// Calls a tool and waits for its final result. `arguments` is anything that serialises to a JSON
    /// object.
    ///
    /// A tool that fails answers a result with `isError`; give it to the model, which may mend its
    /// call.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn call_tool<T: Serialize + ?Sized>(
        &self,
        name: &str,
        arguments: &T,
    ) -> Result<CallToolResult, ClientError> {
        self.call(name).arguments(arguments).send().await
    }

    /// Calls a tool and hands out whatever comes first: its result, or questions, which are then the
    /// caller's to answer, with [`Request::answers`].
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn call_tool_once<T: Serialize + ?Sized>(
        &self,
        name: &str,
        arguments: &T,
    ) -> Result<Round<CallToolResult>, ClientError> {
        self.call(name).arguments(arguments).send_once().await
    }

    /// A call of a tool, to be given arguments and options.
    pub fn call(&self, name: &str) -> Request<'_, CallTool> {
        self.prepare::<CallTool>().param("name", name)
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::is_resource_not_found`] tells if there is none.
    pub async fn read_resource(&self, uri: &str) -> Result<ReadResourceResult, ClientError> {
        self.read(uri).send().await
    }

    /// The reading of a resource, to be given options.
    pub fn read(&self, uri: &str) -> Request<'_, ReadResource> {
        self.prepare::<ReadResource>().param("uri", uri)
    }

    /// Gets a prompt. `arguments` is anything that serialises to a JSON object of strings.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get_prompt<T: Serialize + ?Sized>(
        &self,
        name: &str,
        arguments: &T,
    ) -> Result<GetPromptResult, ClientError> {
        self.prompt(name).arguments(arguments).send().await
    }

    /// The getting of a prompt, to be given arguments and options.
    pub fn prompt(&self, name: &str) -> Request<'_, GetPrompt> {
        self.prepare::<GetPrompt>().param("name", name)
    }

    /// Asks what an argument of a prompt or of a resource template may be. `known` are the other
    /// arguments, as far as they are filled in.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn complete(
        &self,
        reference: impl Into<CompletionReference>,
        argument: &str,
        typed: &str,
        known: Option<CompletionContext>,
    ) -> Result<CompleteResult, ClientError> {
        let mut request = self
            .prepare::<Complete>()
            .param("ref", &reference.into())
            .param("argument", &CompletionArgument::new(argument, typed));
        if let Some(known) = known {
            request = request.param("context", &known);
        }
        request.send().await
    }

    /// Subscribes to changes; see [`Subscription`].
    ///
    /// ```
    /// # async fn show(client: mcp_core::client::Client) -> Result<(), mcp_core::client::ClientError> {
    /// use mcp_core::client::SubscriptionEvent;
    /// use mcp_core::protocol::SubscriptionFilter;
    ///
    /// let mut filter = SubscriptionFilter::default();
    /// filter.tools_list_changed = Some(true);
    /// let mut changes = client.listen(filter);
    /// while let Some(event) = changes.next().await {
    ///     if event? == SubscriptionEvent::ToolsListChanged {
    ///         println!("{} tools", client.list_tools().await?.len());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn listen(&self, filter: SubscriptionFilter) -> Subscription {
        self.listen_with(filter, ListenOptions::default())
    }

    /// Subscribes to changes, with a say in what happens when the connection is lost.
    #[must_use]
    pub fn listen_with(&self, filter: SubscriptionFilter, options: ListenOptions) -> Subscription {
        Subscription::new(self.clone(), filter, options)
    }

    /// A request of the method `M`, to be given parameters and options.
    pub fn prepare<M: RequestMethod>(&self) -> Request<'_, M> {
        Request::new(self)
    }

    /// Sends a request of the method `M`. What the client itself writes into `_meta` is replaced.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn request<M: RequestMethod>(
        &self,
        params: &(impl Serialize + ?Sized),
    ) -> Result<M::Result, ClientError>
    where
        M::Result: 'static,
    {
        self.prepare::<M>().params(params).send().await
    }

    /// Sends a request of any method; the result is handed out as it came, once it is complete.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn request_raw<T: Serialize + ?Sized>(
        &self,
        method: &str,
        params: &T,
    ) -> Result<RawJson, ClientError> {
        let mut call = Call::new(method.to_owned());
        (call.fields, call.meta) = split(method, params)?;
        self.run(call).await
    }

    /// Sends a request of a method of extension `E`.
    ///
    /// # Errors
    /// [`ClientError::ExtensionNotEnabled`], and whatever else [`ClientError`] has.
    pub async fn request_extension<E, P, R>(
        &self,
        method: &str,
        params: &P,
    ) -> Result<R, ClientError>
    where
        E: Extension,
        P: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.enabled(E::ID)?;
        let result = self.request_raw(method, params).await?;
        result.parse().map_err(|error| {
            ClientError::unexpected(method, crate::message::without_values(&error))
        })
    }

    /// Answers questions of the server's with the application's handlers, all at the same time: for
    /// questions that did not come as an answer to a request, say those of a task. `method` and `name`
    /// say what the server is doing when it asks.
    ///
    /// # Errors
    /// [`ClientError::NoHandler`] if one of them cannot be answered; nobody is asked anything then.
    pub async fn answer(
        &self,
        questions: InputRequests,
        method: &str,
        name: Option<&str>,
    ) -> Result<InputResponses, ClientError> {
        let asked_by = self.core.asked_by(method, name);
        self.core.handlers.answer(questions, asked_by, method).await
    }

    /// Sends a notification of extension `E`, with what tells the server that the sender declares
    /// the extension.
    ///
    /// # Errors
    /// [`ClientError::ExtensionNotEnabled`], or the transport's.
    pub async fn notify_extension<E, P>(&self, method: &str, params: &P) -> Result<(), ClientError>
    where
        E: Extension,
        P: Serialize + ?Sized,
    {
        self.enabled(E::ID)?;
        let core = &self.core;
        let mut call = Call::new(method.to_owned());
        (call.fields, call.meta) = split(method, params)?;
        let span = core.sent(&call, None, None).span();
        let trace = core.trace(&call, &span)?;
        let meta = MetaOut {
            version: core.version(),
            info: core.info.as_ref(),
            capabilities: &core.capabilities,
            progress: None,
            log_level: None,
            trace: trace.as_ref(),
            more: &call.meta,
        };
        let notification = OutgoingNotification {
            method: method.to_owned(),
            body: message(None, method, &call.fields, &Fields::new(), meta)?,
            protocol_version: core.version().to_owned(),
        };
        let sent = core.transport.notify(notification).instrument(span.clone()).await;
        sent.map_err(ClientError::from).inspect_err(|error| span::failed(&span, error))
    }

    /// The server's settings of extension `E`; `None` if it does not have it.
    ///
    /// # Errors
    /// [`ClientError::ServerSettings`] if they do not fit, and those of [`discover`](Self::discover).
    pub async fn server_settings<E: Extension>(
        &self,
    ) -> Result<Option<E::ServerSettings>, ClientError> {
        let discovered = self.discover().await?;
        let settings = discovered.capabilities.extensions.as_ref();
        let Some(settings) = settings.and_then(|all| all.get(E::ID.as_str())) else {
            return Ok(None);
        };
        settings.parse().map(Some).map_err(|error| ClientError::ServerSettings {
            id: E::ID,
            reason: crate::message::without_values(&error),
        })
    }

    fn enabled(&self, id: ExtensionId) -> Result<(), ClientError> {
        match self.core.extensions.contains(id) {
            true => Ok(()),
            false => Err(ClientError::ExtensionNotEnabled(id)),
        }
    }

    /// The enabled extensions.
    pub fn extensions(&self) -> impl Iterator<Item = ExtensionId> {
        self.core.extensions.ids().iter().copied()
    }

    /// What the server said of itself last. Its own claim: fit for display and logs, not for
    /// decisions.
    #[must_use]
    pub fn server_info(&self) -> Option<Arc<Implementation>> {
        self.core.server()
    }

    /// What this client declares with every request, as it is written.
    #[must_use]
    pub fn capabilities(&self) -> &RawJson {
        &self.core.capabilities
    }

    /// The revision of the protocol that requests are written in.
    #[must_use]
    pub fn protocol_version(&self) -> &'static str {
        self.core.version()
    }

    /// Forgets all cached answers. To be called when the client's authorization changes: answers
    /// for one user must not be shown to another.
    pub fn forget_cached(&self) {
        self.core.invalidate(Stale::Everything);
    }

    /// Ends the connection. Requests in flight fail, as do later ones.
    pub async fn close(&self) {
        self.core.transport.close().await;
    }
}
