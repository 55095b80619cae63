//! What a handler knows of its call, and what it can do besides returning.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::extension::{ClientProfile, Extension, MetaKey, Negotiated};
use crate::message::{IncomingNotification, IncomingRequest, meta_error, without_values};
use crate::protocol::{
    ClientCapabilities, Implementation, InputRequest, LoggingLevel,
    LoggingMessageNotificationParams, Meta, ProgressNotificationParams, methods,
};
use crate::server::interaction::{Interaction, Rounds};
use crate::server::outbox::Outbox;
use crate::server::outcome::notification;
use crate::server::{Inner, Outcome, ServerHandle};
use crate::trace_context::TraceContext;
use crate::transport::Network;
use crate::{Error, Principal};

/// Facts about a request that its transport knows and the message does not hold.
#[derive(Default, Clone)]
pub struct RequestContext {
    principal: Option<Principal>,
    values: Option<Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
    shared_channel: bool,
    network: Option<Network>,
}

impl RequestContext {
    /// Nothing known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the authenticated caller.
    #[must_use]
    pub fn with_principal(mut self, principal: Option<Principal>) -> Self {
        self.principal = principal;
        self
    }

    /// Says that messages of all requests share one channel, as on stdio: the end of one request's
    /// messages then cannot be seen from the channel.
    #[must_use]
    pub fn with_shared_channel(mut self) -> Self {
        self.shared_channel = true;
        self
    }

    pub(crate) fn is_shared_channel(&self) -> bool {
        self.shared_channel
    }

    /// Says what carries the message, for those who watch.
    #[must_use]
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = Some(network);
        self
    }

    pub(crate) fn network(&self) -> Option<Network> {
        self.network
    }

    /// Adds a value that handlers read with [`Cx::transport_value`], such as the HTTP headers.
    #[must_use]
    pub fn with_value<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        let values = self.values.get_or_insert_default();
        Arc::make_mut(values).insert(TypeId::of::<T>(), Arc::new(value));
        self
    }

    pub(crate) fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    fn value<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.values.as_ref()?.get(&TypeId::of::<T>())?.downcast_ref()
    }
}

impl std::fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestContext").field("principal", &self.principal).finish_non_exhaustive()
    }
}

/// What belongs to one call, whoever looks at it.
pub(crate) struct CallShared {
    pub(crate) server: Arc<Inner>,
    pub(crate) profile: Arc<ClientProfile>,
    pub(crate) context: RequestContext,
    pub(crate) outbox: Outbox,
    pub(crate) rounds: Rounds,
    /// The questions of this run by their key: a key names one of them.
    pub(crate) questions: Mutex<BTreeMap<String, InputRequest>>,
    pub(crate) result_meta: Mutex<Option<Meta>>,
    pub(crate) last_progress: Mutex<Option<f64>>,
}

/// The context of a call. Cheap to clone; may be moved to other tasks.
///
/// ```
/// use mcp_core::server::{Cx, HandlerError};
///
/// async fn export(cx: Cx) -> Result<String, HandlerError> {
///     for page in 0..3 {
///         cx.progress(page, 3, "exporting");
///     }
///     Ok("done".to_owned())
/// }
/// # let _ = export;
/// ```
#[derive(Clone)]
pub struct Cx {
    pub(crate) request: Arc<IncomingRequest>,
    pub(crate) call: Arc<CallShared>,
    pub(crate) interaction: Option<Arc<dyn Interaction>>,
    pub(crate) values: CallValues,
}

/// What middleware gave to a call, by type. `None` while there is nothing, so that most calls pay nothing.
pub(crate) type CallValues = Option<Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>;

impl Cx {
    /// The request.
    #[must_use]
    pub fn request(&self) -> &IncomingRequest {
        &self.request
    }

    /// The authenticated caller, if the transport knows one.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.call.context.principal.as_ref()
    }

    /// A value that the transport added to the request.
    #[must_use]
    pub fn transport_value<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.call.context.value()
    }

    /// A value that the server was built with.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.call.server.states.get(&TypeId::of::<T>())?.downcast_ref()
    }

    pub(crate) fn shared_state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(self.call.server.states.get(&TypeId::of::<T>())?).downcast().ok()
    }

    /// The server, to change its lists or tell listeners of changes.
    #[must_use]
    pub fn server(&self) -> ServerHandle {
        ServerHandle::new(Arc::clone(&self.call.server))
    }

    /// What the client declared with this request.
    #[must_use]
    pub fn client_capabilities(&self) -> &ClientCapabilities {
        &self.call.profile.capabilities
    }

    /// Who the client says it is. Its own claim: fit for display and logs, not for decisions.
    #[must_use]
    pub fn client_info(&self) -> Option<Arc<Implementation>> {
        let text = self.request.client_info()?;
        self.call.server.client_infos.get_or_parse(text, |text| serde_json::from_str(text)).ok()
    }

    /// The proof that the client declared `E` and the server agreed.
    ///
    /// # Errors
    /// `-32021` if the client did not declare it; the [`Refusal`](crate::extension::Refusal)'s error
    /// if its settings were refused; `-32603` if this server does not have the extension.
    pub fn negotiated<E: Extension>(&self) -> Result<Negotiated<E>, Error> {
        let index = self.call.server.extension_index(E::ID).ok_or_else(|| {
            tracing::error!(extension = %E::ID, "a handler asks for an extension that is not enabled");
            Error::Internal
        })?;
        self.call.profile.negotiated(index)
    }

    /// The caller's trace context.
    #[must_use]
    pub fn trace_context(&self) -> Option<&TraceContext> {
        self.request.trace_context()
    }

    /// A typed value of the request's `_meta`; `None` if it is absent.
    ///
    /// # Errors
    /// `-32602` if it is there and does not fit.
    pub fn request_meta<K: MetaKey>(&self) -> Result<Option<K::Value>, Error> {
        match self.raw_request_meta(K::KEY)? {
            None => Ok(None),
            Some(raw) => serde_json::from_str(raw.get())
                .map(Some)
                .map_err(|error| meta_error(K::KEY, &error)),
        }
    }

    /// A raw value of the request's `_meta`.
    ///
    /// # Errors
    /// `-32602` if `_meta` holds a key twice.
    pub fn raw_request_meta(&self, key: &str) -> Result<Option<&RawValue>, Error> {
        let meta: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(self.request.meta())
            .map_err(|error| Error::invalid_params(without_values(&error)))?;
        Ok(meta.get(key).copied())
    }

    /// Sets a typed value of the result's `_meta`.
    ///
    /// # Errors
    /// `-32603` if it does not serialise.
    pub fn set_result_meta<K: MetaKey>(&self, value: &K::Value) -> Result<(), Error> {
        self.call
            .result_meta
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_default()
            .insert(K::KEY, value)
            .map(drop)
            .map_err(|_| Error::Internal)
    }

    /// Tells how far the work is, if the client asked for it.
    ///
    /// `progress` and `total` count whatever the handler counts. A value that is not greater than the
    /// one before is not sent, as the protocol demands. Never waits: if the client reads slowly, later
    /// progress replaces earlier.
    pub fn progress(
        &self,
        progress: impl IntoProgress,
        total: impl IntoTotal,
        message: impl Into<String>,
    ) {
        let value = progress.into_progress();
        let total = total.into_total();
        let message = message.into();
        if let Some(interaction) = &self.interaction {
            interaction.progress(value, total, &message);
        }
        let Some(token) = self.request.progress_token() else { return };
        {
            let mut last = self.call.last_progress.lock().unwrap_or_else(PoisonError::into_inner);
            if !value.is_finite() || last.is_some_and(|last| value <= last) {
                return;
            }
            *last = Some(value);
        }
        let mut params = ProgressNotificationParams::new(token.clone(), value);
        params.total = total.map(Into::into);
        params.message = (!message.is_empty()).then_some(message);
        self.call.outbox.push_progress(notification(methods::NOTIFICATIONS_PROGRESS, &params));
    }

    /// Sends a log message, if the server declares logging and the client asked for this level.
    ///
    /// Deprecated by the protocol: prefer `tracing`. `data` must hold no secrets and no personal data.
    /// When the client reads slowly, messages are dropped.
    pub fn log<T: Serialize>(&self, level: LoggingLevel, logger: Option<&str>, data: &T) {
        let wanted = self.request.log_level().is_some_and(|least| level >= least);
        if !wanted || !self.call.server.logs {
            return;
        }
        let Ok(data) = crate::RawJson::from_serialize(data) else { return };
        let mut params = LoggingMessageNotificationParams::new(level, data);
        params.logger = logger.map(str::to_owned);
        let _ = self.call.outbox.push(notification(methods::NOTIFICATIONS_MESSAGE, &params));
    }

    /// Sends an extension's own notification to the client of this request.
    ///
    /// # Errors
    /// `-32603` if `params` is no object, too many messages wait for a client that does not read, or
    /// the request has been answered.
    pub fn notify<E: Extension, P: Serialize>(
        &self,
        proof: &Negotiated<E>,
        method: &str,
        params: &P,
    ) -> Result<(), Error> {
        let _ = proof;
        self.call.outbox.push(notification(method, params)).map_err(|_| Error::Overloaded)
    }

    /// Checks a `tools/call` as far as it can be without calling the tool: that there is such a tool,
    /// that this client may use it, and that its arguments fit. `Some` is the answer to give if they
    /// do not. For middleware that runs calls in its own way and wants to answer mistakes at once.
    ///
    /// # Errors
    /// `-32602` for an unknown tool, `-32021` for one of an extension that the client did not declare.
    pub fn check_tool_call(&self) -> Result<Option<Outcome>, Error> {
        self.call.server.open_round(self)?;
        crate::server::tools::find(self)?.check_arguments(self.request.arguments()?)
    }

    /// The same call with other parameters, for middleware.
    ///
    /// # Errors
    /// `-32602` if `params` is no object with the required `_meta` fields.
    pub fn with_params(&self, params: &str) -> Result<Self, Error> {
        Ok(Self { request: Arc::new(self.request.with_params(params)?), ..self.clone() })
    }

    /// The same call with a value for whoever is further in: inner layers and the handler, which read it with
    /// [`Cx::call_value`]. One of the same type that was there is replaced.
    ///
    /// ```
    /// use async_trait::async_trait;
    /// use mcp_core::Error;
    /// use mcp_core::server::{Cx, Middleware, Next, Outcome};
    ///
    /// struct Budget(u64);
    /// struct GiveBudget;
    ///
    /// #[async_trait]
    /// impl Middleware for GiveBudget {
    ///     async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
    ///         next.run(cx.with_value(Budget(100))).await
    ///     }
    /// }
    ///
    /// async fn spend(cx: Cx) -> String {
    ///     cx.call_value::<Budget>().map_or(0, |budget| budget.0).to_string()
    /// }
    /// # let _ = spend;
    /// ```
    #[must_use]
    pub fn with_value<T: Send + Sync + 'static>(&self, value: T) -> Self {
        let mut with = self.clone();
        Arc::make_mut(with.values.get_or_insert_default())
            .insert(TypeId::of::<T>(), Arc::new(value));
        with
    }

    /// A value that middleware further out gave to this call ([`Cx::with_value`]).
    #[must_use]
    pub fn call_value<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.values.as_ref()?.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// The same call with another way of asking and keeping, for extensions that run calls in their
    /// own way.
    #[must_use]
    pub fn with_interaction(&self, interaction: Arc<dyn Interaction>) -> Self {
        Self { interaction: Some(interaction), ..self.clone() }
    }
}

impl std::fmt::Debug for Cx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx").field("method", &self.request.method()).finish_non_exhaustive()
    }
}

/// A number that progress may be counted in: integers and floats.
pub trait IntoProgress {
    /// The value on the wire.
    fn into_progress(self) -> f64;
}

/// A total that progress may be counted against: a number, or `None` if it is not known.
pub trait IntoTotal {
    /// The value on the wire.
    fn into_total(self) -> Option<f64>;
}

impl IntoTotal for Option<f64> {
    fn into_total(self) -> Option<f64> {
        self
    }
}

macro_rules! into_progress {
    ($($number:ty),*) => {$(
        impl IntoProgress for $number {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, clippy::unnecessary_cast)]
            fn into_progress(self) -> f64 {
                self as f64
            }
        }

        impl IntoTotal for $number {
            fn into_total(self) -> Option<f64> {
                Some(self.into_progress())
            }
        }
    )*};
}
into_progress!(u8, u16, u32, u64, usize, i32, i64, f32, f64);

/// The context of a notification from a client.
#[derive(Clone)]
pub struct NotificationCx {
    pub(crate) server: Arc<Inner>,
    pub(crate) notification: Arc<IncomingNotification>,
    pub(crate) profile: Option<Arc<ClientProfile>>,
    pub(crate) context: RequestContext,
}

impl NotificationCx {
    /// The notification.
    #[must_use]
    pub fn notification(&self) -> &IncomingNotification {
        &self.notification
    }

    /// The authenticated sender, if the transport knows one.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.context.principal.as_ref()
    }

    /// A value that the transport added.
    #[must_use]
    pub fn transport_value<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.context.value()
    }

    /// A value that the server was built with.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.server.states.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// The proof that the sender declared `E`.
    ///
    /// # Errors
    /// As [`Cx::negotiated`].
    pub fn negotiated<E: Extension>(&self) -> Result<Negotiated<E>, Error> {
        let index = self.server.extension_index(E::ID).ok_or(Error::Internal)?;
        match &self.profile {
            Some(profile) => profile.negotiated(index),
            None => Err(crate::extension::undeclared(E::ID)),
        }
    }
}
