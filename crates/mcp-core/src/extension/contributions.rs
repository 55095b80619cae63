//! What an extension adds to a server: the closed list.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::Stream;
use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;

use crate::extension::{Extension, ExtensionId, MetaKey, Negotiated};
use crate::message::without_values;
use crate::protocol::ResultBody;
use crate::server::{
    Cx, Layer, Middleware, NotificationCx, Outcome, ServedPrompt, ServedResource, ServedTemplate,
    ServedTool, ServerView,
};
use crate::{Error, RawJson};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(crate) type ErasedMethodFn = Arc<dyn Fn(Cx) -> BoxFuture<Result<Outcome, Error>> + Send + Sync>;
pub(crate) type ErasedNotificationFn =
    Arc<dyn Fn(NotificationCx) -> BoxFuture<Result<(), Error>> + Send + Sync>;
pub(crate) type ErasedTopicFn =
    Arc<dyn Fn(Cx, RawJson) -> BoxFuture<Result<Option<Topic>, Error>> + Send + Sync>;

/// Everything an extension contributes, gathered before it is checked against the rest.
pub(crate) struct Contributed {
    pub(crate) owner: ExtensionId,
    pub(crate) methods: Vec<ErasedMethod>,
    pub(crate) notifications: Vec<ErasedNotification>,
    pub(crate) result_types: Vec<(&'static str, &'static [&'static str])>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) topics: Vec<ErasedTopic>,
    pub(crate) request_meta: Vec<MetaCheck>,
    pub(crate) result_meta: Vec<(&'static str, Schema)>,
    pub(crate) tools: Vec<(ServedTool, bool)>,
    pub(crate) prompts: Vec<(ServedPrompt, bool)>,
    pub(crate) resources: Vec<(ServedResource, bool)>,
    pub(crate) templates: Vec<(ServedTemplate, bool)>,
    pub(crate) documents: Vec<Document>,
}

pub(crate) struct ErasedMethod {
    pub(crate) name: &'static str,
    pub(crate) options: MethodOptions,
    pub(crate) call: ErasedMethodFn,
}

pub(crate) struct ErasedNotification {
    pub(crate) name: &'static str,
    pub(crate) call: ErasedNotificationFn,
}

pub(crate) struct ErasedTopic {
    pub(crate) field: &'static str,
    /// Whether a client that did not declare the extension is refused.
    pub(crate) strict: bool,
    pub(crate) subscribe: ErasedTopicFn,
}

/// A registered request key and the check that its values parse.
pub(crate) struct MetaCheck {
    pub(crate) key: &'static str,
    pub(crate) check: fn(&RawJson) -> Result<(), serde_json::Error>,
}

/// Settings of a contributed method.
#[derive(Debug, Clone, Copy, Default)]
pub struct MethodOptions {
    pub(crate) routing_field: Option<&'static str>,
}

impl MethodOptions {
    /// The default: no routing field.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the member of `params` (a string) that HTTP clients mirror into `Mcp-Name`, such as
    /// `taskId`. The HTTP transport then compares the header where it is sent.
    #[must_use]
    pub fn routed_by(mut self, field: &'static str) -> Self {
        self.routing_field = Some(field);
        self
    }
}

/// A result type of the extension's own, such as `task`.
///
/// Made by [`Contributions::result_type`]; to send one takes a [`Negotiated`] proof, so a client
/// that did not declare the extension never sees it.
#[derive(Debug)]
pub struct ResultType<E> {
    tag: &'static str,
    owner: PhantomData<fn() -> E>,
}

impl<E> Clone for ResultType<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for ResultType<E> {}

impl<E: Extension> ResultType<E> {
    /// An outcome of this type.
    ///
    /// # Errors
    /// `-32603` if `body` does not serialise to an object.
    pub fn outcome(&self, proof: &Negotiated<E>, body: impl ResultBody) -> Result<Outcome, Error> {
        let _ = proof;
        Outcome::of_type(self.tag, body)
    }
}

/// The messages of a subscription to an extension's topic.
pub struct Topic {
    pub(crate) acknowledged: RawJson,
    pub(crate) messages: Pin<Box<dyn Stream<Item = TopicMessage> + Send>>,
}

impl Topic {
    /// A topic that acknowledges `acknowledged` (the subset that is honoured, in the shape of the
    /// filter field) and then sends `messages`, in order. When they end, the rest of the
    /// subscription goes on.
    pub fn new(
        acknowledged: RawJson,
        messages: impl Stream<Item = TopicMessage> + Send + 'static,
    ) -> Self {
        Self { acknowledged, messages: Box::pin(messages) }
    }
}

/// A notification of a topic. The core adds the subscription's id to its `_meta`.
#[derive(Debug, Clone)]
pub struct TopicMessage {
    pub(crate) method: &'static str,
    pub(crate) params: RawJson,
}

impl TopicMessage {
    /// A notification with its parameters.
    ///
    /// # Errors
    /// If `params` does not serialise to a JSON object.
    pub fn new<P: serde::Serialize>(
        method: &'static str,
        params: &P,
    ) -> Result<Self, serde_json::Error> {
        let params = RawJson::from_serialize(params)?;
        if !params.get().starts_with('{') {
            return Err(serde::ser::Error::custom("notification parameters must be an object"));
        }
        Ok(Self { method, params })
    }
}

/// A document that the HTTP transport serves beside the MCP endpoint, such as
/// `/.well-known/ai-catalog.json`. On stdio there are none.
#[derive(Clone)]
pub struct Document {
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) render: Arc<dyn Fn(&ServerView<'_>) -> DocumentBody + Send + Sync>,
}

/// The bytes of a [`Document`].
#[derive(Debug, Clone)]
pub struct DocumentBody {
    /// What is served.
    pub bytes: Bytes,
}

impl Document {
    /// A document at an absolute `path`, rendered from the server as it is. It is rendered once, and
    /// again when the server's lists change.
    pub fn new(
        path: &'static str,
        content_type: &'static str,
        render: impl Fn(&ServerView<'_>) -> DocumentBody + Send + Sync + 'static,
    ) -> Self {
        Self { path, content_type, render: Arc::new(render) }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Its media type.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// Renders it.
    #[must_use]
    pub fn render(&self, server: &ServerView<'_>) -> DocumentBody {
        (self.render)(server)
    }
}

/// Takes what an extension adds to a server, and only that.
///
/// Handed to [`ServerExtension::contribute`](super::ServerExtension::contribute). Everything is
/// gated: a method answers `-32021` and a tool is invisible to a client that did not declare the
/// extension, unless said otherwise (`…_for_everyone`).
pub struct Contributions<E> {
    pub(crate) gathered: Contributed,
    owner: PhantomData<fn() -> E>,
}

impl<E: Extension> Contributions<E> {
    pub(crate) fn new() -> Self {
        let gathered = Contributed {
            owner: E::ID,
            methods: Vec::new(),
            notifications: Vec::new(),
            result_types: Vec::new(),
            layers: Vec::new(),
            topics: Vec::new(),
            request_meta: Vec::new(),
            result_meta: Vec::new(),
            tools: Vec::new(),
            prompts: Vec::new(),
            resources: Vec::new(),
            templates: Vec::new(),
            documents: Vec::new(),
        };
        Self { gathered, owner: PhantomData }
    }

    /// A method that clients may call. `P` is parsed from the parameters (`-32602` if it does not
    /// fit); the handler runs only for clients that declared the extension.
    pub fn method<P, R, F, Fut>(&mut self, name: &'static str, options: MethodOptions, handler: F)
    where
        P: DeserializeOwned + JsonSchema + Send + 'static,
        R: ResultBody + 'static,
        F: Fn(Negotiated<E>, Cx, P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Error>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let call: ErasedMethodFn = Arc::new(move |cx: Cx| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let proof = cx.negotiated::<E>()?;
                let params = cx.request().parse_params::<P>()?;
                Outcome::complete(handler(proof, cx, params).await?)
            })
        });
        self.gathered.methods.push(ErasedMethod { name, options, call });
    }

    /// As [`Contributions::method`], for a handler that reads the parameters from the request itself
    /// ([`Cx::request`]): for methods that are called so often that reading all parameters into a
    /// type would count. Values that come with the request are checked by nobody else then.
    pub fn unread_method<R, F, Fut>(
        &mut self,
        name: &'static str,
        options: MethodOptions,
        handler: F,
    ) where
        R: ResultBody + 'static,
        F: Fn(Negotiated<E>, Cx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Error>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let call: ErasedMethodFn = Arc::new(move |cx: Cx| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let proof = cx.negotiated::<E>()?;
                Outcome::complete(handler(proof, cx).await?)
            })
        });
        self.gathered.methods.push(ErasedMethod { name, options, call });
    }

    /// A notification that clients may send. The sender shows that it declares the extension by
    /// `clientCapabilities` in the notification's `_meta`; without that it is refused (HTTP) or
    /// dropped (stdio).
    pub fn notification<P, F, Fut>(&mut self, name: &'static str, handler: F)
    where
        P: DeserializeOwned + JsonSchema + Send + 'static,
        F: Fn(Negotiated<E>, NotificationCx, P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let call: ErasedNotificationFn = Arc::new(move |cx: NotificationCx| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let proof = cx.negotiated::<E>()?;
                let params = cx.notification().parse_params::<P>()?;
                handler(proof, cx, params).await
            })
        });
        self.gathered.notifications.push(ErasedNotification { name, call });
    }

    /// A result type of the extension's own, allowed on `methods`.
    pub fn result_type(
        &mut self,
        tag: &'static str,
        methods: &'static [&'static str],
    ) -> ResultType<E> {
        self.gathered.result_types.push((tag, methods));
        ResultType { tag, owner: PhantomData }
    }

    /// Middleware around `tools/call`, whether the client declared the extension or not: it may
    /// check, change, defer or answer calls. Lower `order` is further out; see [`Middleware`].
    pub fn around_call(&mut self, name: &'static str, order: i32, middleware: impl Middleware) {
        self.gathered.layers.push(Layer::for_extension(
            name,
            E::ID,
            order,
            Some(crate::protocol::methods::TOOLS_CALL),
            Arc::new(middleware),
        ));
    }

    /// A field of the `subscriptions/listen` filter. `subscribe` gets the field's value and answers
    /// with a [`Topic`], or `None` to leave it unacknowledged.
    pub fn topic<V, F, Fut>(&mut self, field: &'static str, subscribe: F)
    where
        V: DeserializeOwned + JsonSchema + Send + 'static,
        F: Fn(Negotiated<E>, Cx, V) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Topic>, Error>> + Send + 'static,
    {
        self.add_topic(field, false, subscribe);
    }

    /// As [`topic`](Self::topic), but a client that names the field without declaring the extension
    /// is answered `-32021`, rather than listening to the rest of its filter.
    pub fn strict_topic<V, F, Fut>(&mut self, field: &'static str, subscribe: F)
    where
        V: DeserializeOwned + JsonSchema + Send + 'static,
        F: Fn(Negotiated<E>, Cx, V) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Topic>, Error>> + Send + 'static,
    {
        self.add_topic(field, true, subscribe);
    }

    fn add_topic<V, F, Fut>(&mut self, field: &'static str, strict: bool, subscribe: F)
    where
        V: DeserializeOwned + JsonSchema + Send + 'static,
        F: Fn(Negotiated<E>, Cx, V) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Topic>, Error>> + Send + 'static,
    {
        let subscribe = Arc::new(subscribe);
        let erased: ErasedTopicFn = Arc::new(move |cx: Cx, value: RawJson| {
            let subscribe = Arc::clone(&subscribe);
            Box::pin(async move {
                let proof = cx.negotiated::<E>()?;
                let value = value.parse::<V>().map_err(|error| {
                    Error::invalid_params(format!(
                        "`notifications.{field}`: {}",
                        without_values(&error)
                    ))
                })?;
                subscribe(proof, cx, value).await
            })
        });
        self.gathered.topics.push(ErasedTopic { field, strict, subscribe: erased });
    }

    /// A key of requests' `_meta` that the extension reads. A value that does not parse is refused
    /// with `-32602` before any handler runs, for clients that declared the extension.
    pub fn request_meta<K: MetaKey>(&mut self) {
        self.gathered
            .request_meta
            .push(MetaCheck { key: K::KEY, check: |raw| raw.parse::<K::Value>().map(drop) });
    }

    /// A key of results' `_meta` that the extension writes.
    pub fn result_meta<K: MetaKey>(&mut self) {
        self.gathered.result_meta.push((K::KEY, schema_for!(K::Value)));
    }

    /// A tool for clients that declared the extension.
    pub fn tool(&mut self, tool: impl Into<ServedTool>) {
        self.gathered.tools.push((tool.into(), false));
    }

    /// A tool for all clients.
    pub fn tool_for_everyone(&mut self, tool: impl Into<ServedTool>) {
        self.gathered.tools.push((tool.into(), true));
    }

    /// A prompt for clients that declared the extension.
    pub fn prompt(&mut self, prompt: impl Into<ServedPrompt>) {
        self.gathered.prompts.push((prompt.into(), false));
    }

    /// A prompt for all clients.
    pub fn prompt_for_everyone(&mut self, prompt: impl Into<ServedPrompt>) {
        self.gathered.prompts.push((prompt.into(), true));
    }

    /// A resource for clients that declared the extension.
    pub fn resource(&mut self, resource: impl Into<ServedResource>) {
        self.gathered.resources.push((resource.into(), false));
    }

    /// A resource for all clients.
    pub fn resource_for_everyone(&mut self, resource: impl Into<ServedResource>) {
        self.gathered.resources.push((resource.into(), true));
    }

    /// A resource template for clients that declared the extension.
    pub fn template(&mut self, template: impl Into<ServedTemplate>) {
        self.gathered.templates.push((template.into(), false));
    }

    /// A resource template for all clients.
    pub fn template_for_everyone(&mut self, template: impl Into<ServedTemplate>) {
        self.gathered.templates.push((template.into(), true));
    }

    /// A document beside the MCP endpoint.
    pub fn document(&mut self, document: Document) {
        self.gathered.documents.push(document);
    }
}
