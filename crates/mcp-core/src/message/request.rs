//! A request: data, with the places of what the core knows.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::envelope::{MetaMembers, Object, Params, params_text};
use super::text::{Span, Text, place, slice, span, string};
use super::{ClientMessage, without_values};
use crate::Error;
use crate::protocol::{LoggingLevel, ProgressToken, RequestId, meta_keys};
use crate::trace_context::TraceContext;

/// A request, its envelope and metadata read.
///
/// It owns its text and is therefore *data*: it can be stored and read again later
/// ([`IncomingRequest::body`], [`ClientMessage::parse`]).
#[derive(Debug)]
pub struct IncomingRequest {
    pub(super) body: String,
    pub(super) id: RequestId,
    pub(super) method: Text,
    pub(super) params: ParamPlaces,
    pub(super) meta: RequestMeta,
}

/// Where the parameters of the core's methods lie.
#[derive(Debug)]
pub(super) struct ParamPlaces {
    name: Option<Span>,
    uri: Option<Span>,
    cursor: Option<Span>,
    arguments: Option<Span>,
    input_responses: Option<Span>,
    request_state: Option<Span>,
    /// Members of other names, as far as they are kept.
    others: Vec<(Text, Span)>,
    more: bool,
}

/// The protocol's own fields of a request's `_meta`.
#[derive(Debug)]
pub(super) struct RequestMeta {
    raw: Span,
    protocol_version: Text,
    client_info: Option<Span>,
    client_capabilities: Span,
    progress_token: Option<ProgressToken>,
    log_level: Option<LoggingLevel>,
    trace: Option<Box<TraceContext>>,
}

/// Reads what every request carries.
///
/// # Errors
/// `-32602` for what is missing or has a wrong type, `-32022` for `initialize`.
pub(super) fn read(
    body: &str,
    method: &str,
    params: Option<&Params<'_>>,
) -> Result<(ParamPlaces, RequestMeta), Error> {
    let Some((params, raw)) = params.and_then(|params| Some((params, params.meta?))) else {
        return Err(missing_meta(method, body));
    };
    let meta: Object<MetaMembers<'_>> = serde_json::from_str(raw.get())
        .map_err(|error| Error::invalid_params(format!("`_meta`: {}", without_values(&error))))?;
    let meta = RequestMeta::new(body, method, raw, &meta.0)?;
    let place = |raw| place(body, raw);
    let params = ParamPlaces {
        name: place(params.name),
        uri: place(params.uri),
        cursor: place(params.cursor),
        arguments: place(params.arguments),
        input_responses: place(params.input_responses),
        request_state: place(params.request_state),
        others: params
            .others
            .iter()
            .map(|(name, value)| (Text::new(body, name.clone()), span(body, value.get())))
            .collect(),
        more: params.more,
    };
    Ok((params, meta))
}

impl RequestMeta {
    fn new(
        body: &str,
        method: &str,
        raw: &RawValue,
        meta: &MetaMembers<'_>,
    ) -> Result<Self, Error> {
        let version = meta.protocol_version.ok_or_else(|| missing_meta(method, body))?;
        let version =
            string(version.get()).ok_or_else(|| wrong_meta(meta_keys::PROTOCOL_VERSION))?;
        let capabilities = meta.client_capabilities.ok_or_else(|| {
            Error::invalid_params(format!("`_meta` lacks `{}`", meta_keys::CLIENT_CAPABILITIES))
        })?;
        if !capabilities.get().starts_with('{') {
            return Err(wrong_meta(meta_keys::CLIENT_CAPABILITIES));
        }
        Ok(Self {
            raw: span(body, raw.get()),
            protocol_version: Text::new(body, version),
            client_info: place(body, meta.client_info),
            client_capabilities: span(body, capabilities.get()),
            progress_token: typed(meta.progress_token, meta_keys::PROGRESS_TOKEN)?,
            log_level: typed(meta.log_level, meta_keys::LOG_LEVEL)?,
            trace: trace(meta).map(Box::new),
        })
    }
}

/// A malformed trace context is no reason to refuse work: W3C says to start a new one.
fn trace(meta: &MetaMembers<'_>) -> Option<TraceContext> {
    let parent = string(meta.traceparent?.get())?;
    let state = meta.tracestate.and_then(|state| string(state.get()));
    let baggage = meta.baggage.and_then(|baggage| string(baggage.get()));
    TraceContext::parse(&parent, state.as_deref(), baggage.as_deref()).ok()
}

fn typed<T: DeserializeOwned>(raw: Option<&RawValue>, key: &str) -> Result<Option<T>, Error> {
    raw.map(|raw| serde_json::from_str(raw.get()).map_err(|_| wrong_meta(key))).transpose()
}

fn wrong_meta(key: &str) -> Error {
    Error::invalid_params(format!("`_meta` field `{key}` has a wrong type or value"))
}

/// The error for a request without the per-request fields: most often one of an older revision.
fn missing_meta(method: &str, body: &str) -> Error {
    if method == "initialize" {
        // An older client shows this message to its user and has no other way to learn the reason,
        // so it names the revision (specification, *Versioning → Backward compatibility*).
        #[derive(Deserialize)]
        struct Initialize<'a> {
            #[serde(borrow, rename = "protocolVersion")]
            version: Cow<'a, str>,
        }
        let requested = params_text(body)
            .and_then(|params| serde_json::from_str::<Initialize<'_>>(params).ok())
            .map_or_else(|| "unknown".to_owned(), |init| init.version.into_owned());
        return Error::UnsupportedProtocolVersion {
            supported: crate::protocol::SUPPORTED_VERSIONS.map(str::to_owned).into(),
            requested,
        };
    }
    Error::invalid_params(format!("`_meta` lacks `{}`", meta_keys::PROTOCOL_VERSION))
}

impl IncomingRequest {
    /// The id, to be echoed.
    #[must_use]
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.get(&self.body)
    }

    /// The whole message as it came.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The raw parameters: an object, since it holds at least `_meta`.
    ///
    /// They are looked for in the message each time.
    #[must_use]
    pub fn params(&self) -> &str {
        params_text(&self.body).unwrap_or("{}")
    }

    /// The parameters as a type.
    ///
    /// # Errors
    /// `-32602` if they do not fit.
    pub fn parse_params<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.params())
            .map_err(|error| Error::invalid_params(format!("`params`: {}", without_values(&error))))
    }

    /// A member of the parameters as a string; `None` if it is absent, no string, or there twice.
    ///
    /// It costs no further pass over the message.
    #[must_use]
    pub fn string_param(&self, field: &str) -> Option<Cow<'_, str>> {
        match field {
            "name" => self.decoded(self.params.name.as_ref()),
            "uri" => self.decoded(self.params.uri.as_ref()),
            "cursor" => self.decoded(self.params.cursor.as_ref()),
            "arguments" => self.decoded(self.params.arguments.as_ref()),
            "inputResponses" => self.decoded(self.params.input_responses.as_ref()),
            "requestState" => self.decoded(self.params.request_state.as_ref()),
            _ if self.params.more => {
                let fields: std::collections::BTreeMap<Cow<'_, str>, &RawValue> =
                    serde_json::from_str(self.params()).ok()?;
                string(fields.get(field)?.get())
            }
            _ => {
                let others = &self.params.others;
                let mut found = others.iter().filter(|(name, _)| name.get(&self.body) == field);
                match (found.next(), found.next()) {
                    (Some((_, value)), None) => string(slice(&self.body, value)),
                    _ => None,
                }
            }
        }
    }

    /// `params.name`.
    ///
    /// # Errors
    /// `-32602` if it is missing or no string.
    pub fn name(&self) -> Result<Cow<'_, str>, Error> {
        self.decoded(self.params.name.as_ref())
            .ok_or_else(|| Error::invalid_params("`params.name` must be a string"))
    }

    /// `params.uri`.
    ///
    /// # Errors
    /// `-32602` if it is missing or no string.
    pub fn uri(&self) -> Result<Cow<'_, str>, Error> {
        self.decoded(self.params.uri.as_ref())
            .ok_or_else(|| Error::invalid_params("`params.uri` must be a string"))
    }

    /// `params.cursor`.
    ///
    /// # Errors
    /// `-32602` if it is no string.
    pub fn cursor(&self) -> Result<Option<Cow<'_, str>>, Error> {
        self.optional(self.params.cursor.as_ref(), "`params.cursor` must be a string")
    }

    /// The raw `params.arguments`; absent ones are an empty object.
    ///
    /// # Errors
    /// `-32602` if they are no object.
    pub fn arguments(&self) -> Result<&str, Error> {
        match self.part(self.params.arguments.as_ref()) {
            None => Ok("{}"),
            Some(raw) if raw.starts_with('{') => Ok(raw),
            Some(_) => Err(Error::invalid_params("`params.arguments` must be an object")),
        }
    }

    /// The raw `params.inputResponses`.
    #[must_use]
    pub fn input_responses(&self) -> Option<&str> {
        self.part(self.params.input_responses.as_ref())
    }

    /// `params.requestState`.
    ///
    /// # Errors
    /// `-32602` if it is no string.
    pub fn request_state(&self) -> Result<Option<Cow<'_, str>>, Error> {
        let wrong = "`params.requestState` must be a string";
        self.optional(self.params.request_state.as_ref(), wrong)
    }

    /// The raw `_meta` object.
    #[must_use]
    pub fn meta(&self) -> &str {
        slice(&self.body, &self.meta.raw)
    }

    /// The revision that the request is written in.
    #[must_use]
    pub fn protocol_version(&self) -> &str {
        self.meta.protocol_version.get(&self.body)
    }

    /// The raw `clientCapabilities` object.
    #[must_use]
    pub fn client_capabilities(&self) -> &str {
        slice(&self.body, &self.meta.client_capabilities)
    }

    /// The raw `clientInfo`.
    #[must_use]
    pub fn client_info(&self) -> Option<&str> {
        self.part(self.meta.client_info.as_ref())
    }

    /// The token under which the client wants progress.
    #[must_use]
    pub fn progress_token(&self) -> Option<&ProgressToken> {
        self.meta.progress_token.as_ref()
    }

    /// The least level of log messages that the client wants.
    #[must_use]
    pub fn log_level(&self) -> Option<LoggingLevel> {
        self.meta.log_level
    }

    /// The caller's trace context, where it sent a valid one.
    #[must_use]
    pub fn trace_context(&self) -> Option<&TraceContext> {
        self.meta.trace.as_deref()
    }

    fn optional(
        &self,
        span: Option<&Span>,
        wrong: &'static str,
    ) -> Result<Option<Cow<'_, str>>, Error> {
        span.map(|span| self.decoded(Some(span)).ok_or_else(|| Error::invalid_params(wrong)))
            .transpose()
    }

    fn part(&self, span: Option<&Span>) -> Option<&str> {
        span.map(|span| slice(&self.body, span))
    }

    fn decoded(&self, span: Option<&Span>) -> Option<Cow<'_, str>> {
        string(self.part(span)?)
    }

    /// The same request with other parameters, as middleware may want it.
    ///
    /// # Errors
    /// `-32602` if `params` is no object with the required `_meta` fields.
    pub fn with_params(&self, params: &str) -> Result<Self, Error> {
        #[derive(serde::Serialize)]
        struct Changed<'a> {
            jsonrpc: &'static str,
            id: &'a RequestId,
            method: &'a str,
            params: &'a RawValue,
        }
        let params: &RawValue = serde_json::from_str(params)
            .map_err(|error| Error::invalid_params(without_values(&error)))?;
        let changed = Changed { jsonrpc: "2.0", id: &self.id, method: self.method(), params };
        let body = serde_json::to_vec(&changed).map_err(|_| Error::Internal)?;
        match ClientMessage::parse(body) {
            Ok(ClientMessage::Request(request)) => Ok(request),
            Ok(ClientMessage::Notification(_)) => Err(Error::Internal),
            Err(rejection) => Err(rejection.error),
        }
    }
}
