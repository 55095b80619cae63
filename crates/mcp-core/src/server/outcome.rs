//! What a request comes to, and its way into bytes.

use std::io::Write;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::protocol::{InputRequiredResult, Meta, RequestId, ResultBody};
use crate::raw_json::on_one_line;
use crate::server::Fragments;
use crate::{Error, RawJson};

/// Every answer starts with these bytes, so a result is serialised straight into its frame. The
/// members whose values are known only afterwards (`resultType`, `_meta`, `id`) follow the result:
/// in JSON their order means nothing.
const PREFIX: &[u8] = br#"{"jsonrpc":"2.0","result":"#;

/// What a request comes to: a complete result, a question back, or an extension's own result type.
///
/// It holds the result's members as JSON text, serialised once. Middleware can read it
/// ([`Outcome::parse`]), replace it ([`Outcome::replace`]) and add to its `_meta`
/// ([`Outcome::meta_mut`]).
#[derive(Debug)]
pub struct Outcome {
    result_type: Tag,
    is_error: bool,
    body: Body,
    meta: Option<Meta>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    Complete,
    InputRequired,
    Extension(&'static str),
}

#[derive(Debug)]
enum Body {
    /// [`PREFIX`] and the result object.
    Framed(Vec<u8>),
    /// The result object alone, rendered earlier and shared by many answers.
    Shared(Bytes),
}

impl Outcome {
    /// A final result.
    ///
    /// # Errors
    /// `-32603` if `body` does not serialise to an object.
    pub fn complete(body: impl ResultBody) -> Result<Self, Error> {
        Self::new(Tag::Complete, body)
    }

    /// A question back to the client: `resultType: "input_required"`.
    ///
    /// # Errors
    /// `-32603` if it does not serialise.
    pub fn input_required(body: InputRequiredResult) -> Result<Self, Error> {
        Self::new(Tag::InputRequired, body)
    }

    pub(crate) fn of_type(tag: &'static str, body: impl ResultBody) -> Result<Self, Error> {
        Self::new(Tag::Extension(tag), body)
    }

    /// A final result whose members were rendered earlier; `body` is a JSON object.
    pub(crate) fn rendered(body: Bytes) -> Self {
        Self { result_type: Tag::Complete, is_error: false, body: Body::Shared(body), meta: None }
    }

    fn new(result_type: Tag, mut body: impl ResultBody) -> Result<Self, Error> {
        let meta = body.take_meta();
        let is_error = body.is_error();
        Ok(Self { result_type, is_error, body: Body::Framed(frame(&body)?), meta })
    }

    /// `complete`, `input_required`, or an extension's type.
    #[must_use]
    pub fn result_type(&self) -> &'static str {
        match self.result_type {
            Tag::Complete => "complete",
            Tag::InputRequired => "input_required",
            Tag::Extension(tag) => tag,
        }
    }

    pub(crate) fn extension_type(&self) -> Option<&'static str> {
        match self.result_type {
            Tag::Extension(tag) => Some(tag),
            _ => None,
        }
    }

    /// Whether this is a final result.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.result_type == Tag::Complete
    }

    /// Whether this is a tool's result that says that the tool failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.is_error
    }

    /// Whether this asks the client for input.
    #[must_use]
    pub fn is_input_required(&self) -> bool {
        self.result_type == Tag::InputRequired
    }

    /// The result's members as JSON text, without `resultType` and `_meta`.
    #[must_use]
    pub fn body(&self) -> &str {
        let bytes = match &self.body {
            Body::Framed(frame) => frame.get(PREFIX.len()..).unwrap_or_default(),
            Body::Shared(bytes) => bytes,
        };
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The result as a type.
    ///
    /// # Errors
    /// If it does not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.body())
    }

    /// Replaces the result's members; type and `_meta` stay, except that a `_meta` in `body`
    /// replaces the old one.
    ///
    /// # Errors
    /// `-32603` if `body` does not serialise to an object.
    pub fn replace(&mut self, mut body: impl ResultBody) -> Result<(), Error> {
        if let Some(meta) = body.take_meta() {
            self.meta = Some(meta);
        }
        self.is_error = body.is_error();
        self.body = Body::Framed(frame(&body)?);
        Ok(())
    }

    /// The result's `_meta`, if it has entries of its own.
    #[must_use]
    pub fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    /// The result's `_meta`, to add to.
    pub fn meta_mut(&mut self) -> &mut Meta {
        self.meta.get_or_insert_default()
    }

    /// The bytes of the answer to the request `id`.
    pub(crate) fn into_response(self, id: &RequestId, fragments: &Fragments) -> Bytes {
        let mut out = match self.body {
            Body::Framed(frame) => frame,
            Body::Shared(body) => {
                let mut out = Vec::with_capacity(
                    PREFIX.len() + body.len() + fragments.complete_tail.len() + 32,
                );
                out.extend_from_slice(PREFIX);
                out.extend_from_slice(&body);
                out
            }
        };
        out.pop(); // The result's closing brace: its last members follow.
        if out.last() != Some(&b'{') {
            out.push(b',');
        }
        let meta = self.meta.filter(|meta| !meta.is_empty());
        match (self.result_type, meta) {
            (Tag::Complete, None) => out.extend_from_slice(&fragments.complete_tail),
            (tag, meta) => {
                out.extend_from_slice(br#""resultType":"#);
                let tag = match tag {
                    Tag::Complete => "complete",
                    Tag::InputRequired => "input_required",
                    Tag::Extension(tag) => tag,
                };
                write_json(&mut out, tag);
                match meta {
                    None => out.extend_from_slice(&fragments.meta_member),
                    Some(mut meta) => {
                        if let Some((key, info)) = &fragments.server_info
                            && !meta.contains_key(key)
                        {
                            meta.insert_raw(*key, info.clone());
                        }
                        out.extend_from_slice(br#","_meta":"#);
                        write_json(&mut out, &meta);
                    }
                }
                out.push(b'}');
            }
        }
        out.extend_from_slice(br#","id":"#);
        write_json(&mut out, id);
        out.push(b'}');
        on_one_line(&mut out);
        Bytes::from(out)
    }
}

/// Serialises into a vector; both the values written so and the vector cannot fail.
fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        let _ = out.write_all(b"null");
    }
}

fn frame<T: ResultBody>(body: &T) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(512 + body.length_hint());
    out.extend_from_slice(PREFIX);
    serde_json::to_writer(&mut out, body).map_err(|error| {
        tracing::error!(%error, "a result does not serialise");
        Error::Internal
    })?;
    if out.get(PREFIX.len()) != Some(&b'{') {
        tracing::error!("a result does not serialise to an object");
        return Err(Error::Internal);
    }
    Ok(out)
}

/// The bytes of an error response.
pub(crate) fn error_response(id: Option<&RequestId>, error: &Error) -> Bytes {
    #[derive(Serialize)]
    struct Response<'a> {
        jsonrpc: &'static str,
        error: crate::protocol::ErrorObject,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RequestId>,
    }
    let response = Response { jsonrpc: "2.0", error: error.to_object(), id };
    let mut out = Vec::with_capacity(192);
    write_json(&mut out, &response);
    on_one_line(&mut out);
    Bytes::from(out)
}

/// The bytes of a notification with parameters that are a JSON object already.
pub(crate) fn notification<P: Serialize>(method: &str, params: &P) -> Bytes {
    #[derive(Serialize)]
    struct Message<'a, P> {
        jsonrpc: &'static str,
        method: &'a str,
        params: &'a P,
    }
    let mut out = Vec::with_capacity(192);
    write_json(&mut out, &Message { jsonrpc: "2.0", method, params });
    on_one_line(&mut out);
    Bytes::from(out)
}

/// Adds a subscription's id to the `_meta` of a notification's parameters.
pub(crate) fn with_subscription_id(params: &RawJson, id: &RequestId) -> Result<RawJson, Error> {
    use crate::protocol::meta_keys::SUBSCRIPTION_ID;
    let mut members: std::collections::BTreeMap<String, RawJson> =
        params.parse().map_err(|_| Error::Internal)?;
    let mut meta: Meta = match members.get("_meta") {
        Some(meta) => meta.parse().map_err(|_| Error::Internal)?,
        None => Meta::default(),
    };
    meta.insert(SUBSCRIPTION_ID, id).map_err(|_| Error::Internal)?;
    members
        .insert("_meta".to_owned(), RawJson::from_serialize(&meta).map_err(|_| Error::Internal)?);
    RawJson::from_serialize(&members).map_err(|_| Error::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::CallToolResult;

    #[test]
    fn messages_are_one_line_whatever_raw_json_they_hold() {
        let raw = RawJson::from_string("{\r\n \"text\": \"a\\nb\"\n}".to_owned()).unwrap();
        let mut outcome = Outcome::complete(CallToolResult::structured(&raw).unwrap()).unwrap();
        outcome.meta_mut().insert_raw("example.com/raw", raw.clone());
        let fragments = Fragments::new(None).unwrap();
        let response = outcome.into_response(&RequestId::from(1), &fragments);
        let error = Error::InvalidParams { message: "no".into(), data: Some(raw.clone()) };
        let notified = notification("notifications/message", &raw);
        for bytes in [&response, &error_response(None, &error), &notified] {
            let text = std::str::from_utf8(bytes).unwrap();
            assert!(!text.contains(['\n', '\r']), "{text}");
            let _: serde_json::Value = serde_json::from_str(text).unwrap();
        }
        let notified: serde_json::Value = serde_json::from_slice(&notified).unwrap();
        assert_eq!(notified["params"]["text"], "a\nb", "what strings say is not touched");
    }
}
