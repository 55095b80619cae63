//! What all clones of a client share.

use std::borrow::Cow;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::client::cache::{Cache, Stale};
use crate::client::extension::{Extensions, RequestInfo};
use crate::client::input::Handlers;
use crate::client::outgoing::Fields;
use crate::client::tool_book::ToolBook;
use crate::client::transport::ClientTransport;
use crate::client::{AskedBy, ClientError, LogMessage};
use crate::log_text::Shown;
use crate::memo::Memo;
use crate::protocol::{
    ErrorObject, Implementation, LoggingLevel, Meta, ProgressNotificationParams, RequestId,
    SUPPORTED_VERSIONS, UnsupportedProtocolVersionData, meta_keys, methods,
};
use crate::trace_context::TraceContext;
use crate::{RawJson, Shutdown};

pub(crate) type ProgressFn = Arc<dyn Fn(ProgressNotificationParams) + Send + Sync>;
pub(crate) type LogFn = Arc<dyn Fn(LogMessage) + Send + Sync>;
pub(crate) type TraceFn = Arc<dyn Fn() -> Option<TraceContext> + Send + Sync>;

/// The bounds of a client's requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) idle: Duration,
    pub(crate) maximum: Duration,
    pub(crate) rounds: u32,
    pub(crate) pages: usize,
}

/// Everything a client is.
pub(crate) struct Core {
    pub(crate) transport: Box<dyn ClientTransport>,
    pub(crate) capabilities: RawJson,
    pub(crate) info: Option<RawJson>,
    pub(crate) handlers: Handlers,
    pub(crate) extensions: Arc<Extensions>,
    pub(crate) log: Option<(LoggingLevel, LogFn)>,
    pub(crate) trace: Option<TraceFn>,
    pub(crate) limits: Limits,
    pub(crate) check_results: bool,
    pub(crate) cache: Cache,
    pub(crate) tools: ToolBook,
    pub(crate) version: Mutex<&'static str>,
    pub(crate) next_id: AtomicI64,
    pub(crate) server: Mutex<Option<Arc<Implementation>>>,
    pub(crate) servers: Memo<Implementation>,
}

/// A request as its caller wants it, whatever number of messages it takes.
pub(crate) struct Call {
    pub(crate) method: Cow<'static, str>,
    pub(crate) fields: Fields,
    /// The caller's and the extensions' part of `_meta`.
    pub(crate) meta: Meta,
    pub(crate) options: Options,
}

/// How a request is made.
#[derive(Default, Clone)]
pub(crate) struct Options {
    pub(crate) idle: Option<Duration>,
    pub(crate) maximum: Option<Duration>,
    pub(crate) progress: Option<ProgressFn>,
    pub(crate) log_level: Option<LoggingLevel>,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) cancel: Option<Shutdown>,
    pub(crate) fresh: bool,
}

impl Call {
    pub(crate) fn new(method: impl Into<Cow<'static, str>>) -> Self {
        Self {
            method: method.into(),
            fields: Fields::new(),
            meta: Meta::new(),
            options: Options::default(),
        }
    }

    /// A member of the parameters that is a string.
    pub(crate) fn string(&self, field: &str) -> Option<String> {
        self.fields.get(field)?.parse().ok()
    }
}

impl Core {
    pub(crate) fn next_id(&self) -> i64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The revision that requests are written in.
    pub(crate) fn version(&self) -> &'static str {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After `-32022`: goes on in a revision that both sides speak, which may be the same one, if the
    /// server changed its mind.
    pub(crate) fn renegotiate(&self, error: Box<ErrorObject>) -> Result<(), ClientError> {
        let data = error.data.as_ref().and_then(|data| data.parse().ok());
        let Some(UnsupportedProtocolVersionData { supported, .. }) = data else {
            return Err(ClientError::Rpc(error));
        };
        let common = SUPPORTED_VERSIONS
            .into_iter()
            .find(|own| supported.iter().any(|version| version == own));
        let Some(common) = common else {
            return Err(ClientError::UnsupportedVersion { supported });
        };
        tracing::debug!(version = common, "the server wants another revision of the protocol");
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = common;
        Ok(())
    }

    /// The value that HTTP mirrors into `Mcp-Name`, where the method has one.
    pub(crate) fn name_of(&self, call: &Call) -> Option<String> {
        let field = match &*call.method {
            methods::TOOLS_CALL | methods::PROMPTS_GET => "name",
            methods::RESOURCES_READ => "uri",
            method => self.extensions.routing_field(method)?,
        };
        call.string(field)
    }

    /// What the server said of itself last.
    pub(crate) fn server(&self) -> Option<Arc<Implementation>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads a result's `_meta`: who answered, and what extensions want to know.
    pub(crate) fn read_meta(&self, info: &RequestInfo<'_>, raw: &str) {
        #[derive(serde::Deserialize)]
        struct ServerInfo<'a> {
            #[serde(borrow, rename = "io.modelcontextprotocol/serverInfo", default)]
            info: Option<&'a serde_json::value::RawValue>,
        }
        let named = serde_json::from_str::<ServerInfo<'_>>(raw).ok().and_then(|meta| meta.info);
        if let Some(text) = named {
            match self.servers.get_or_parse(text.get(), |text| serde_json::from_str(text)) {
                Ok(info) => {
                    *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(info);
                }
                Err(_) => tracing::debug!(key = meta_keys::SERVER_INFO, "malformed; ignored"),
            }
        }
        if self.extensions.reads_meta() {
            match serde_json::from_str::<Meta>(raw) {
                Ok(meta) => self.extensions.read_meta(info, &meta),
                Err(_) => tracing::warn!(method = info.method, "a malformed `_meta` was ignored"),
            }
        }
    }

    /// Says who asks a question in the course of `call`.
    pub(crate) fn asked_by<'a>(
        &self,
        method: &'a str,
        name: Option<&'a str>,
    ) -> impl Fn(String) -> AskedBy + use<'a> {
        let server = self.server();
        move |key| AskedBy {
            server: server.clone(),
            method: method.to_owned(),
            name: name.map(str::to_owned),
            key,
        }
    }

    /// Something changed at the server.
    pub(crate) fn invalidate(&self, stale: Stale<'_>) {
        if matches!(stale, Stale::Tools | Stale::Everything) {
            self.tools.forget();
        }
        self.cache.invalidate(stale);
    }

    /// A log message of the server's.
    pub(crate) fn logged(&self, params: &str, info: Option<&RequestInfo<'_>>) {
        let Some((_, handler)) = &self.log else { return };
        match serde_json::from_str(params) {
            Ok(message) => handler(LogMessage {
                message,
                method: info.map(|info| info.method.to_owned()),
                name: info.and_then(|info| info.name.map(str::to_owned)),
            }),
            Err(error) => {
                let reason = crate::message::without_values(&error);
                tracing::debug!(reason, "a malformed log message was ignored");
            }
        }
    }
}

/// A message that the transport could not tie to a request.
pub(crate) fn stray(core: &Core, bytes: &[u8]) {
    use crate::client::envelope::{ServerEnvelope, read};
    match read(bytes) {
        Ok(ServerEnvelope::Notification { method, params }) => {
            if method == methods::NOTIFICATIONS_MESSAGE {
                core.logged(params, None);
            } else if !core.extensions.notified(&method, params) {
                tracing::debug!(method = %Shown(&method), "a notification that belongs to no request was ignored");
            }
        }
        Ok(ServerEnvelope::Request { method }) => {
            tracing::warn!(method = %Shown(&method), "a server sent a request, which is not allowed; ignored");
        }
        Ok(ServerEnvelope::Response { id, .. }) => {
            let id = id.as_ref().map_or_else(|| "none".to_owned(), RequestId::to_string);
            tracing::debug!(id = %Shown(id), "a response that belongs to no request was ignored");
        }
        Err(reason) => tracing::warn!(reason, "what is no message was ignored"),
    }
}
