//! One borrowed pass over the bytes of a client's message.
//!
//! `bytes → ClientMessage`: the JSON-RPC envelope, the places of the parameters that the core
//! knows, and the request's `_meta`. No JSON value is built: everything else stays text until the
//! one that needs it parses it into a type.
//!
//! Source: specification, *Base protocol → Messages* and *General fields → `_meta`*.

mod envelope;
mod notification;
mod request;
mod text;

use std::borrow::Cow;

use serde_json::value::RawValue;

use self::envelope::{Envelope, Object, Params};
pub use self::notification::IncomingNotification;
pub use self::request::IncomingRequest;
use self::text::Text;
use crate::Error;
use crate::protocol::RequestId;

/// A message from a client, read but not yet acted on.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // Nearly all are requests, and each is moved once.
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
        let envelope: Envelope<'_, Object<Params<'_>>> = match serde_json::from_str(&body) {
            Ok(envelope) => envelope,
            Err(error) => return Self::without_params(body, &error),
        };
        let Head { id, method } = head(&envelope)?;
        let method = Text::new(&body, method);
        let Some(id) = id else {
            return Ok(Self::Notification(IncomingNotification { body, method }));
        };
        let params = envelope.params.as_ref().map(|params| &params.0);
        match request::read(&body, method.get(&body), params) {
            Ok((params, meta)) => {
                Ok(Self::Request(IncomingRequest { id, method, params, meta, body }))
            }
            Err(error) => Err(Rejection { id: Some(id), error }),
        }
    }

    /// Reads a message whose parameters cannot be read, or which is none at all.
    ///
    /// A request is refused with its `id`, which may come after the parameters. A notification is
    /// not answered, whatever is in it.
    fn without_params(body: String, error: &serde_json::Error) -> Result<Self, Rejection> {
        if error.classify() != serde_json::error::Category::Data {
            return Err(Rejection::of(Error::Parse(without_values(error))));
        }
        let envelope: Envelope<'_, &RawValue> = serde_json::from_str(&body).map_err(|error| {
            let why = format!("no JSON-RPC message: {}", without_values(&error));
            Rejection::of(Error::InvalidRequest(why))
        })?;
        match head(&envelope)? {
            Head { id: None, method } => {
                let method = Text::new(&body, method);
                Ok(Self::Notification(IncomingNotification { body, method }))
            }
            Head { id, .. } => {
                let error = Error::invalid_params(format!("`params`: {}", without_values(error)));
                Err(Rejection { id, error })
            }
        }
    }
}

/// What an envelope says of its message.
struct Head<'a> {
    id: Option<RequestId>,
    method: Cow<'a, str>,
}

fn head<'a, P>(envelope: &Envelope<'a, P>) -> Result<Head<'a>, Rejection> {
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
    let reject = |why: &str, id| Rejection { id, error: Error::InvalidRequest(why.into()) };
    if envelope.jsonrpc.and_then(|version| text::string(version.get())).as_deref() != Some("2.0") {
        return Err(reject("`jsonrpc` must be \"2.0\"", id));
    }
    match text::string(method.get()) {
        Some(method) => Ok(Head { id, method }),
        None => Err(reject("`method` must be a string", id)),
    }
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

/// `-32602` for a value of `_meta` that does not fit. Its `data` name the key and the place in the value: the members
/// down to it as a JSON Pointer, as far as they are known.
pub(crate) fn meta_error(key: &str, error: &serde_json::Error) -> crate::Error {
    let message = format!("`_meta` field `{key}`: {}", without_values(error));
    let data = serde_json::json!({ "key": key, "place": place(error) });
    match crate::RawJson::from_serialize(&data) {
        Ok(data) => crate::Error::invalid_params_with(message, data),
        Err(_) => crate::Error::invalid_params(message),
    }
}

/// The members that an error's text begins with, as [`wire!`](crate::wire) writes them there: `a: b: what is wrong`.
/// Names end where words begin, and what is wrong has several, so that no value is taken for one.
fn place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let mut place = String::new();
    let mut rest = text.as_str();
    while let Some((name, inner)) = rest.split_once(": ") {
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            break;
        }
        place.push('/');
        place.push_str(name);
        rest = inner;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

    #[test]
    fn wrong_metadata_are_told_by_key_and_place_and_not_by_value() {
        use crate::protocol::Implementation;
        for (text, place) in [
            (r#"{"name":7}"#, "/name"),
            (
                r#"{"name":"a","version":"1","icons":[{"src":"secret: x","sizes":"secret"}]}"#,
                "/icons/sizes",
            ),
            (r#""secret""#, ""),
            (r#"{"secret: x":1}"#, ""),
        ] {
            let error = serde_json::from_str::<Implementation>(text).unwrap_err();
            let error = meta_error("example.com/x", &error).to_object();
            let data: serde_json::Value = error.data.unwrap().parse().unwrap();
            assert_eq!(
                data,
                serde_json::json!({ "key": "example.com/x", "place": place }),
                "{text}"
            );
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
    }

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
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":null}"#, -32602),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":7}"#, -32602),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"name":1,"name":2}}"#, -32602),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":["2026-07-28"]}}"#, -32602),
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
    fn an_array_is_no_way_to_write_an_object() {
        // The members in their order, as a derived reader would take them.
        let meta = format!("{{{META}}}").replacen("\"_meta\":", "", 1);
        let meta = &meta[1..meta.len() - 1];
        let positional =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":[{meta},"n"]}}"#);
        assert_eq!(parse(&positional).unwrap_err().error.code(), -32602);
        let meta = r#"{"_meta":[null,"2026-07-28",null,{},null,null,null,null]}"#;
        let positional = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{meta}}}"#);
        assert_eq!(parse(&positional).unwrap_err().error.code(), -32602);
    }

    #[test]
    fn a_refused_request_keeps_its_id() {
        for params in ["[]", "7", r#"{"uri":1,"uri":2}"#, "{}", r#"{"_meta":7}"#] {
            let text = format!(r#"{{"jsonrpc":"2.0","params":{params},"method":"x","id":9}}"#);
            assert_eq!(parse(&text).unwrap_err().id, Some(RequestId::from(9)), "{params}");
        }
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
    fn a_notification_is_never_refused_for_its_parameters() {
        for params in ["[1]", "7", r#"{"name":1,"name":2}"#] {
            let text = format!(r#"{{"jsonrpc":"2.0","method":"x","params":{params}}}"#);
            let Ok(ClientMessage::Notification(note)) = parse(&text) else { panic!("{params}") };
            assert_eq!(note.params(), params);
        }
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

    #[test]
    fn members_of_other_names_are_found_without_another_pass() {
        let text = |members: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x/y","params":{{{members}{META}}}}}"#)
        };
        let found = |members: &str, field: &str| {
            request(&text(members)).string_param(field).map(std::borrow::Cow::into_owned)
        };
        assert_eq!(found(r#""taskId":"a\u0062","#, "taskId").as_deref(), Some("ab"));
        assert_eq!(
            found(r#""task\u0049d":"a","other":{"taskId":"b"},"#, "taskId").as_deref(),
            Some("a")
        );
        assert_eq!(found(r#""taskId":1,"#, "taskId"), None);
        assert_eq!(found(r#""taskId":null,"#, "taskId"), None);
        assert_eq!(found("", "taskId"), None);
        assert_eq!(found(r#""taskId":"a","taskId":"a","#, "taskId"), None, "which of them?");
        assert_eq!(found(r#""cursor":"a","#, "cursor").as_deref(), Some("a"));
        assert_eq!(found(r#""arguments":"a","#, "arguments").as_deref(), Some("a"));
        // More than are kept are looked for.
        let many: String = (0..40).map(|n| format!(r#""m{n}":"{n}","#)).collect();
        assert_eq!(found(&many, "m39").as_deref(), Some("39"));
        assert_eq!(found(&many, "m0").as_deref(), Some("0"));
        assert_eq!(found(&many, "m40"), None);
        // What is there twice is refused for the core's own members, as ever.
        assert!(parse(&text(r#""name":null,"name":"a","#)).is_err());
    }
}
