//! Writing what a client sends.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::RawJson;
use crate::client::ClientError;
use crate::protocol::{Extra, LoggingLevel, Meta, ProgressToken, RequestId, meta_keys};
use crate::trace_context::TraceContext;

/// The members of a request's parameters, `_meta` apart.
pub(crate) type Fields = BTreeMap<Cow<'static, str>, RawJson>;

/// Parameters as members and `_meta`.
///
/// What the client itself writes into `_meta` is taken out of it: the types of the protocol force
/// their users to write it, and here it would only be in the way.
pub(crate) fn split(
    method: &str,
    params: &(impl Serialize + ?Sized),
) -> Result<(Fields, Meta), ClientError> {
    let wrong = |error: serde_json::Error| ClientError::Parameters {
        method: method.to_owned(),
        reason: crate::message::without_values(&error),
    };
    let raw = RawJson::from_serialize(params).map_err(wrong)?;
    let mut members: Extra = raw.parse().map_err(wrong)?;
    let mut meta: Meta = match members.remove("_meta") {
        Some(meta) => meta.parse().map_err(wrong)?,
        None => Meta::new(),
    };
    for key in OWN_KEYS {
        meta.remove(key);
    }
    Ok((members.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect(), meta))
}

/// The `_meta` keys that the client writes itself.
pub(crate) const OWN_KEYS: [&str; 8] = [
    meta_keys::PROTOCOL_VERSION,
    meta_keys::CLIENT_INFO,
    meta_keys::CLIENT_CAPABILITIES,
    meta_keys::PROGRESS_TOKEN,
    meta_keys::LOG_LEVEL,
    meta_keys::TRACEPARENT,
    meta_keys::TRACESTATE,
    meta_keys::BAGGAGE,
];

/// What a request's `_meta` holds.
pub(crate) struct MetaOut<'a> {
    pub(crate) version: &'a str,
    pub(crate) info: Option<&'a RawJson>,
    pub(crate) capabilities: &'a RawJson,
    pub(crate) progress: Option<&'a ProgressToken>,
    pub(crate) log_level: Option<LoggingLevel>,
    pub(crate) trace: Option<&'a TraceContext>,
    /// The caller's own and the extensions', without the keys above.
    pub(crate) more: &'a Meta,
}

impl Serialize for MetaOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(meta_keys::PROTOCOL_VERSION, self.version)?;
        if let Some(info) = self.info {
            map.serialize_entry(meta_keys::CLIENT_INFO, info)?;
        }
        map.serialize_entry(meta_keys::CLIENT_CAPABILITIES, self.capabilities)?;
        if let Some(token) = self.progress {
            map.serialize_entry(meta_keys::PROGRESS_TOKEN, token)?;
        }
        if let Some(level) = self.log_level {
            map.serialize_entry(meta_keys::LOG_LEVEL, &level)?;
        }
        if let Some(trace) = self.trace {
            map.serialize_entry(meta_keys::TRACEPARENT, &format_args!("{trace}"))?;
            if let Some(state) = trace.state() {
                map.serialize_entry(meta_keys::TRACESTATE, state)?;
            }
            if let Some(baggage) = trace.baggage() {
                map.serialize_entry(meta_keys::BAGGAGE, baggage)?;
            }
        }
        for (key, value) in self.more.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

struct Params<'a> {
    fields: &'a Fields,
    round: &'a Fields,
    meta: MetaOut<'a>,
}

impl Serialize for Params<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("_meta", &self.meta)?;
        for (name, value) in self.fields {
            if !self.round.contains_key(name) {
                map.serialize_entry(name, value)?;
            }
        }
        for (name, value) in self.round {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Message<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RequestId>,
    method: &'a str,
    params: Params<'a>,
}

/// A whole message on one line: a request, or without `id` a notification. `round` is what a later
/// round adds to the parameters.
pub(crate) fn message(
    id: Option<&RequestId>,
    method: &str,
    fields: &Fields,
    round: &Fields,
    meta: MetaOut<'_>,
) -> Result<Bytes, ClientError> {
    let message = Message { jsonrpc: "2.0", id, method, params: Params { fields, round, meta } };
    let mut body = serde_json::to_vec(&message).map_err(|error| ClientError::Parameters {
        method: method.to_owned(),
        reason: crate::message::without_values(&error),
    })?;
    // A caller's raw JSON may be written over several lines; line transports need one.
    crate::raw_json::on_one_line(&mut body);
    Ok(Bytes::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta<'a>(capabilities: &'a RawJson, more: &'a Meta) -> MetaOut<'a> {
        MetaOut {
            version: "2026-07-28",
            info: None,
            capabilities,
            progress: None,
            log_level: None,
            trace: None,
            more,
        }
    }

    #[test]
    fn a_message_is_one_line() {
        let pretty: RawJson = serde_json::from_str("{\r\n  \"a\": \"x\\n\"\n}").unwrap();
        let fields = Fields::from([(Cow::Borrowed("arguments"), pretty)]);
        let (capabilities, more) = (RawJson::from(serde_json::json!({})), Meta::new());
        let id = RequestId::from(1);
        let body =
            message(Some(&id), "tools/call", &fields, &Fields::new(), meta(&capabilities, &more))
                .unwrap();
        assert!(!body.contains(&b'\n') && !body.contains(&b'\r'));
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["params"]["arguments"]["a"], "x\n");
        assert_eq!(value["id"], 1);
    }

    #[test]
    fn a_round_replaces_what_the_request_had() {
        let old = Fields::from([(Cow::Borrowed("requestState"), RawJson::null())]);
        let new =
            Fields::from([(Cow::Borrowed("requestState"), RawJson::from_serialize("s").unwrap())]);
        let (capabilities, more) = (RawJson::from(serde_json::json!({})), Meta::new());
        let body = message(None, "m", &old, &new, meta(&capabilities, &more)).unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        assert_eq!(text.matches("requestState").count(), 1, "{text}");
        assert!(!text.contains("\"id\""));
    }

    #[test]
    fn what_the_client_writes_is_not_taken_from_the_caller() {
        let params = serde_json::json!({
            "name": "x",
            "_meta": { "io.modelcontextprotocol/protocolVersion": "1900-01-01", "com.example/a": 1 },
        });
        let (fields, meta) = split("tools/call", &params).unwrap();
        assert_eq!(fields.len(), 1);
        assert_eq!(meta.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["com.example/a"]);
        assert!(split("m", &[1]).is_err());
        assert!(split("m", &serde_json::json!({ "_meta": 1 })).is_err());
    }
}
