//! One borrowed pass over the bytes of a client's message.
//!
//! `bytes → ClientMessage`: the JSON-RPC envelope, the places of the parameters that the core
//! knows, and the request's `_meta`. No JSON value is built: everything else stays text until the
//! one that needs it parses it into a type.
//!
//! Source: specification, *Base protocol → Messages* and *General fields → `_meta`*.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::value::RawValue;

use crate::Error;
use crate::protocol::{LoggingLevel, ProgressToken, RequestId, meta_keys};
use crate::trace_context::TraceContext;

/// A message from a client, read but not yet acted on.
#[derive(Debug)]
pub enum ClientMessage {
    /// Wants an answer.
    Request(IncomingRequest),
    /// Wants none.
    Notification(IncomingNotification),
}

/// A message that is refused before it reaches a method.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// The request's id, where it could be read.
    pub id: Option<RequestId>,
    /// Why.
    pub error: Error,
}

impl Rejection {
    fn of(error: Error) -> Self {
        Self { id: None, error }
    }
}

/// A place in the body: kept instead of a slice so that a request owns its text without copying it.
type Span = Range<usize>;

/// Text that is either a slice of the body or, where the JSON text has escapes, decoded.
#[derive(Debug, Clone)]
enum Text {
    Slice(Span),
    Decoded(Box<str>),
}

impl Text {
    fn new(body: &str, text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Slice(span(body, text)),
            Cow::Owned(text) => Self::Decoded(text.into()),
        }
    }

    fn get<'a>(&'a self, body: &'a str) -> &'a str {
        match self {
            Self::Slice(span) => slice(body, span),
            Self::Decoded(text) => text,
        }
    }
}

/// Where `part`, a slice of `whole`, lies in it.
fn span(whole: &str, part: &str) -> Span {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    start..start.wrapping_add(part.len())
}

fn slice<'a>(body: &'a str, span: &Span) -> &'a str {
    body.get(span.clone()).unwrap_or_default()
}

/// The JSON-RPC envelope.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// The parameters of the core's methods, by place.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParamFields<'a> {
    #[serde(borrow, rename = "_meta", default)]
    meta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    uri: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_responses: Option<&'a RawValue>,
    #[serde(borrow, default)]
    request_state: Option<&'a RawValue>,
}

/// The `_meta` of a request.
#[derive(Deserialize)]
struct MetaFields<'a> {
    #[serde(borrow, rename = "progressToken", default)]
    progress_token: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion", default)]
    protocol_version: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientInfo", default)]
    client_info: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientCapabilities", default)]
    client_capabilities: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/logLevel", default)]
    log_level: Option<&'a RawValue>,
    #[serde(borrow, default)]
    traceparent: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tracestate: Option<&'a RawValue>,
    #[serde(borrow, default)]
    baggage: Option<&'a RawValue>,
}

/// Tells a member that is `null` from one that is not there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// A request, its envelope and metadata read.
///
/// It owns its text and is therefore *data*: it can be stored and read again later
/// ([`IncomingRequest::body`], [`ClientMessage::parse`]).
#[derive(Debug)]
pub struct IncomingRequest {
    body: String,
    id: RequestId,
    method: Text,
    params: Option<Span>,
    arguments: Option<Span>,
    name: Option<Span>,
    uri: Option<Span>,
    input_responses: Option<Span>,
    request_state: Option<Span>,
    meta: RequestMeta,
}

/// The protocol's own fields of a request's `_meta`.
#[derive(Debug)]
struct RequestMeta {
    raw: Span,
    protocol_version: Text,
    client_info: Option<Span>,
    client_capabilities: Span,
    progress_token: Option<ProgressToken>,
    log_level: Option<LoggingLevel>,
    trace: Option<Box<TraceContext>>,
}

/// A notification, its envelope read.
#[derive(Debug)]
pub struct IncomingNotification {
    body: String,
    method: Text,
    params: Option<Span>,
}

impl ClientMessage {
    /// Reads one JSON-RPC message.
    ///
    /// # Errors
    /// `-32700` for bytes that are no JSON (or no UTF-8), `-32600` for JSON that is no single
    /// request or notification (a batch, a response, a `null` id), `-32602` for a request whose
    /// parameters are no object or whose `_meta` lacks a required field.
    ///
    /// ```
    /// use mcp_core::ClientMessage;
    ///
    /// let refused = ClientMessage::parse(b"[]".to_vec()).unwrap_err();
    /// assert_eq!(refused.error.code(), -32600);
    /// ```
    pub fn parse(body: Vec<u8>) -> Result<Self, Rejection> {
        let body = String::from_utf8(body)
            .map_err(|_| Rejection::of(Error::Parse("the message is not UTF-8".into())))?;
        match body.trim_ascii_start().as_bytes().first() {
            Some(b'[') => {
                return Err(Rejection::of(match serde_json::from_str::<&RawValue>(&body) {
                    Ok(_) => Error::InvalidRequest("batches are not part of this protocol".into()),
                    Err(error) => Error::Parse(without_values(&error)),
                }));
            }
            None => return Err(Rejection::of(Error::Parse("the message is empty".into()))),
            Some(_) => {}
        }
        let envelope: Envelope<'_> = serde_json::from_str(&body).map_err(|error| {
            Rejection::of(match error.classify() {
                serde_json::error::Category::Data => Error::InvalidRequest(format!(
                    "no JSON-RPC message: {}",
                    without_values(&error)
                )),
                _ => Error::Parse(without_values(&error)),
            })
        })?;
        let Some(method) = envelope.method else {
            return Err(Rejection::of(Error::InvalidRequest(
                "`method` is missing; clients send requests and notifications only".into(),
            )));
        };
        let id = match envelope.id {
            None => None,
            Some(id) => Some(serde_json::from_str::<RequestId>(id.get()).map_err(|_| {
                Rejection::of(Error::InvalidRequest("`id` must be a string or an integer".into()))
            })?),
        };
        let reject = |error| Rejection { id: id.clone(), error };
        if envelope.jsonrpc.as_deref() != Some("2.0") {
            return Err(reject(Error::InvalidRequest("`jsonrpc` must be \"2.0\"".into())));
        }
        let method = string(method)
            .ok_or_else(|| reject(Error::InvalidRequest("`method` must be a string".into())))?;
        let method = Text::new(&body, method);
        let params = envelope.params.map(|raw| span(&body, raw.get()));

        let Some(id) = id else {
            return Ok(Self::Notification(IncomingNotification { body, method, params }));
        };
        match read_request(&body, envelope.params, method.get(&body)) {
            Ok((fields, meta)) => {
                let place = |raw: Option<&RawValue>| raw.map(|raw| span(&body, raw.get()));
                let (arguments, name, uri) =
                    (place(fields.arguments), place(fields.name), place(fields.uri));
                let (input_responses, request_state) =
                    (place(fields.input_responses), place(fields.request_state));
                Ok(Self::Request(IncomingRequest {
                    id,
                    method,
                    params,
                    arguments,
                    name,
                    uri,
                    input_responses,
                    request_state,
                    meta,
                    body,
                }))
            }
            Err(error) => Err(Rejection { id: Some(id), error }),
        }
    }
}

fn read_request<'a>(
    body: &'a str,
    params: Option<&'a RawValue>,
    method: &str,
) -> Result<(ParamFields<'a>, RequestMeta), Error> {
    let Some(params) = params else { return Err(missing_meta(method, None)) };
    let fields: ParamFields<'a> = serde_json::from_str(params.get())
        .map_err(|error| Error::invalid_params(format!("`params`: {}", without_values(&error))))?;
    let Some(raw) = fields.meta else { return Err(missing_meta(method, Some(params))) };
    let meta: MetaFields<'a> = serde_json::from_str(raw.get())
        .map_err(|error| Error::invalid_params(format!("`_meta`: {}", without_values(&error))))?;
    let Some(version) = meta.protocol_version else {
        return Err(missing_meta(method, Some(params)));
    };
    let version = string(version).ok_or_else(|| wrong_meta(meta_keys::PROTOCOL_VERSION))?;
    let capabilities = meta.client_capabilities.ok_or_else(|| {
        Error::invalid_params(format!("`_meta` lacks `{}`", meta_keys::CLIENT_CAPABILITIES))
    })?;
    if !capabilities.get().starts_with('{') {
        return Err(wrong_meta(meta_keys::CLIENT_CAPABILITIES));
    }
    let trace = meta.traceparent.and_then(|parent| {
        // A malformed trace context is no reason to refuse work: W3C says to start a new one.
        let parent = string(parent)?;
        let state = meta.tracestate.and_then(string);
        let baggage = meta.baggage.and_then(string);
        TraceContext::parse(&parent, state.as_deref(), baggage.as_deref()).ok().map(Box::new)
    });
    let meta = RequestMeta {
        raw: span(body, raw.get()),
        protocol_version: Text::new(body, version),
        client_info: meta.client_info.map(|raw| span(body, raw.get())),
        client_capabilities: span(body, capabilities.get()),
        progress_token: typed(meta.progress_token, meta_keys::PROGRESS_TOKEN)?,
        log_level: typed(meta.log_level, meta_keys::LOG_LEVEL)?,
        trace,
    };
    Ok((fields, meta))
}

/// The decoded text of a JSON string, borrowed where it has no escapes.
fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Borrowed<'_>>(raw.get()).ok().map(|text| text.0)
}

fn typed<T: DeserializeOwned>(raw: Option<&RawValue>, key: &str) -> Result<Option<T>, Error> {
    raw.map(|raw| serde_json::from_str(raw.get()).map_err(|_| wrong_meta(key))).transpose()
}

fn wrong_meta(key: &str) -> Error {
    Error::invalid_params(format!("`_meta` field `{key}` has a wrong type or value"))
}

/// The error for a request without the per-request fields: most often one of an older revision.
fn missing_meta(method: &str, params: Option<&RawValue>) -> Error {
    if method == "initialize" {
        // An older client shows this message to its user and has no other way to learn the reason,
        // so it names the revision (specification, *Versioning → Backward compatibility*).
        #[derive(Deserialize)]
        struct Initialize<'a> {
            #[serde(borrow, rename = "protocolVersion")]
            version: Cow<'a, str>,
        }
        let requested = params
            .and_then(|params| serde_json::from_str::<Initialize<'_>>(params.get()).ok())
            .map_or_else(|| "unknown".to_owned(), |init| init.version.into_owned());
        return Error::UnsupportedProtocolVersion {
            supported: crate::protocol::SUPPORTED_VERSIONS.map(str::to_owned).into(),
            requested,
        };
    }
    Error::invalid_params(format!("`_meta` lacks `{}`", meta_keys::PROTOCOL_VERSION))
}

/// serde_json's words without the values that some of them quote: those may be personal data.
pub(crate) fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if error.is_data() && (text.contains('`') || text.contains('"')) {
        let kind = if text.starts_with("missing field") || text.starts_with("duplicate field") {
            // These quote the field's name, which is the schema's, not the caller's.
            return text;
        } else if text.starts_with("unknown variant") {
            "unknown variant"
        } else if text.starts_with("unknown field") {
            "unknown field"
        } else {
            "wrong type or value"
        };
        return format!("{kind} at line {} column {}", error.line(), error.column());
    }
    text
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
    #[must_use]
    pub fn params(&self) -> &str {
        self.part(self.params.as_ref()).unwrap_or("{}")
    }

    /// The parameters as a type.
    ///
    /// # Errors
    /// `-32602` if they do not fit.
    pub fn parse_params<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.params())
            .map_err(|error| Error::invalid_params(format!("`params`: {}", without_values(&error))))
    }

    /// A member of the parameters as a string; `None` if it is absent or no string.
    #[must_use]
    pub fn string_param(&self, field: &str) -> Option<Cow<'_, str>> {
        match field {
            "name" => self.decoded(self.name.as_ref()),
            "uri" => self.decoded(self.uri.as_ref()),
            _ => {
                let fields: std::collections::BTreeMap<Cow<'_, str>, &RawValue> =
                    serde_json::from_str(self.params()).ok()?;
                string(fields.get(field)?)
            }
        }
    }

    /// `params.name`.
    ///
    /// # Errors
    /// `-32602` if it is missing or no string.
    pub fn name(&self) -> Result<Cow<'_, str>, Error> {
        self.decoded(self.name.as_ref())
            .ok_or_else(|| Error::invalid_params("`params.name` must be a string"))
    }

    /// `params.uri`.
    ///
    /// # Errors
    /// `-32602` if it is missing or no string.
    pub fn uri(&self) -> Result<Cow<'_, str>, Error> {
        self.decoded(self.uri.as_ref())
            .ok_or_else(|| Error::invalid_params("`params.uri` must be a string"))
    }

    /// The raw `params.arguments`; absent ones are an empty object.
    ///
    /// # Errors
    /// `-32602` if they are no object.
    pub fn arguments(&self) -> Result<&str, Error> {
        match self.part(self.arguments.as_ref()) {
            None => Ok("{}"),
            Some(raw) if raw.starts_with('{') => Ok(raw),
            Some(_) => Err(Error::invalid_params("`params.arguments` must be an object")),
        }
    }

    /// The raw `params.inputResponses`.
    #[must_use]
    pub fn input_responses(&self) -> Option<&str> {
        self.part(self.input_responses.as_ref())
    }

    /// `params.requestState`.
    ///
    /// # Errors
    /// `-32602` if it is no string.
    pub fn request_state(&self) -> Result<Option<Cow<'_, str>>, Error> {
        match &self.request_state {
            None => Ok(None),
            Some(span) => self
                .decoded(Some(span))
                .map(Some)
                .ok_or_else(|| Error::invalid_params("`params.requestState` must be a string")),
        }
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

    fn part(&self, span: Option<&Span>) -> Option<&str> {
        span.map(|span| slice(&self.body, span))
    }

    fn decoded(&self, span: Option<&Span>) -> Option<Cow<'_, str>> {
        #[derive(Deserialize)]
        struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
        serde_json::from_str::<Borrowed<'_>>(self.part(span)?).ok().map(|text| text.0)
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

impl IncomingNotification {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.get(&self.body)
    }

    /// The raw parameters; absent ones are an empty object.
    #[must_use]
    pub fn params(&self) -> &str {
        self.params.as_ref().map_or("{}", |span| slice(&self.body, span))
    }

    /// The parameters as a type.
    ///
    /// # Errors
    /// `-32602` if they do not fit.
    pub fn parse_params<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.params())
            .map_err(|error| Error::invalid_params(format!("`params`: {}", without_values(&error))))
    }

    /// The raw `clientCapabilities` of its `_meta`, by which an extension's notification shows that
    /// its sender declares the extension. Notifications of the core carry none.
    #[must_use]
    pub fn client_capabilities(&self) -> Option<&str> {
        #[derive(Deserialize)]
        struct Params<'a> {
            #[serde(borrow, rename = "_meta")]
            meta: &'a RawValue,
        }
        let params: Params<'_> = serde_json::from_str(self.params()).ok()?;
        let meta: MetaFields<'_> = serde_json::from_str(params.meta.get()).ok()?;
        meta.client_capabilities.map(RawValue::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

    fn parse(text: &str) -> Result<ClientMessage, Rejection> {
        ClientMessage::parse(text.as_bytes().to_vec())
    }

    fn request(text: &str) -> IncomingRequest {
        match parse(text).unwrap() {
            ClientMessage::Request(request) => request,
            ClientMessage::Notification(_) => panic!("a notification"),
        }
    }

    #[test]
    fn a_call_is_read_by_place() {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{{"name":"e\u0063ho","arguments":{{"x":1}},{META}}}}}"#
        );
        let request = request(&text);
        assert_eq!(request.method(), "tools/call");
        assert_eq!(request.name().unwrap(), "echo");
        assert_eq!(request.arguments().unwrap(), r#"{"x":1}"#);
        assert_eq!(request.protocol_version(), "2026-07-28");
        assert_eq!(request.client_capabilities(), "{}");
        assert_eq!(request.string_param("name").unwrap(), "echo");
        assert!(request.request_state().unwrap().is_none());
    }

    #[test]
    fn what_is_no_single_message_is_refused_by_name() {
        let cases = [
            ("", -32700),
            ("{", -32700),
            ("nul", -32700),
            ("[", -32700),
            ("[]", -32600),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"x"}]"#, -32600),
            ("7", -32600),
            ("\"x\"", -32600),
            ("{}", -32600),
            (r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#, -32600),
            (r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, -32600),
            (r#"{"id":1,"method":"x"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x"}"#, -32602),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[]}"#, -32602),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":7}}"#, -32602),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{}}}"#, -32602),
            (r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#, -32022),
        ];
        for (text, code) in cases {
            let refused = parse(text).unwrap_err();
            assert_eq!(refused.error.code(), code, "{text}: {}", refused.error);
        }
        let refused = ClientMessage::parse(b"\xff{}".to_vec()).unwrap_err();
        assert_eq!(refused.error.code(), -32700);
    }

    #[test]
    fn a_refused_request_keeps_its_id() {
        let refused = parse(r#"{"jsonrpc":"2.0","id":9,"method":"x","params":[]}"#).unwrap_err();
        assert_eq!(refused.id, Some(RequestId::Number(9)));
    }

    #[test]
    fn each_meta_field_is_checked() {
        for meta in [
            r#"{"io.modelcontextprotocol/protocolVersion":1,"io.modelcontextprotocol/clientCapabilities":{}}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":[]}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":{}}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":"loud"}"#,
        ] {
            let text =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"_meta":{meta}}}}}"#);
            assert_eq!(parse(&text).unwrap_err().error.code(), -32602, "{meta}");
        }
    }

    #[test]
    fn errors_do_not_quote_values() {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{{META},"name":"Jane Doe"}}}}"#
        );
        let error = request(&text).parse_params::<Vec<u8>>().unwrap_err();
        assert!(!error.to_string().contains("Jane"), "{error}");
    }

    #[test]
    fn changed_parameters_are_read_again() {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a",{META}}}}}"#
        );
        let first = request(&text);
        let second = first.with_params(&format!(r#"{{"name":"b",{META}}}"#)).unwrap();
        assert_eq!(second.name().unwrap(), "b");
        assert_eq!(second.id(), first.id());
        assert!(first.with_params("{}").is_err());
    }

    #[test]
    fn notifications_need_no_metadata() {
        let ClientMessage::Notification(note) = parse(
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        )
        .unwrap() else {
            panic!("a request")
        };
        assert_eq!(note.method(), "notifications/cancelled");
        assert!(note.client_capabilities().is_none());
    }
}
