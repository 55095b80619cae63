//! Reading what a server sends: one borrowed pass over the bytes of a message.
//!
//! Nothing here trusts the server. Bytes that are no message become a named error; the id is found
//! even in a message that breaks off, so that whoever waits for it can be told.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::protocol::{ErrorObject, RequestId};

/// A message from a server.
#[derive(Debug)]
pub(crate) enum ServerEnvelope<'a> {
    /// An answer. `id` is absent where the server could not read the request's.
    Response { id: Option<RequestId>, outcome: Result<&'a RawValue, Box<ErrorObject>> },
    /// Wants no answer.
    Notification { method: Cow<'a, str>, params: &'a str },
    /// Not allowed: servers send no requests.
    Request { method: Cow<'a, str> },
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// Reads a message; the error says what it is instead, in words without values.
pub(crate) fn read(bytes: &[u8]) -> Result<ServerEnvelope<'_>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let fields: Fields<'_> =
        serde_json::from_str(text).map_err(|error| crate::message::without_values(&error))?;
    if fields.jsonrpc.as_deref() != Some("2.0") {
        return Err("`jsonrpc` is not \"2.0\"".to_owned());
    }
    // `null` and absent are the same here: an id that the server could not read.
    let id = match fields.id.map(RawValue::get) {
        None | Some("null") => None,
        Some(id) => Some(
            serde_json::from_str::<RequestId>(id)
                .map_err(|_| "`id` is no string or integer".to_owned())?,
        ),
    };
    if let Some(method) = fields.method {
        if fields.result.is_some() || fields.error.is_some() {
            return Err("it has a method and an answer".to_owned());
        }
        return match fields.params.map_or("{}", RawValue::get) {
            _ if id.is_some() => Ok(ServerEnvelope::Request { method }),
            params if params.starts_with('{') => {
                Ok(ServerEnvelope::Notification { method, params })
            }
            _ => Err("its `params` are no object".to_owned()),
        };
    }
    match (fields.result, fields.error) {
        (Some(result), None) if result.get().starts_with('{') => match id {
            Some(id) => Ok(ServerEnvelope::Response { id: Some(id), outcome: Ok(result) }),
            None => Err("a result without an id".to_owned()),
        },
        (Some(_), None) => Err("its `result` is no object".to_owned()),
        (None, Some(error)) => {
            let error = serde_json::from_str::<ErrorObject>(error.get())
                .map_err(|_| "its `error` has no code and message".to_owned())?;
            Ok(ServerEnvelope::Response { id, outcome: Err(Box::new(error)) })
        }
        (Some(_), Some(_)) => Err("it has both a result and an error".to_owned()),
        (None, None) => Err("it has neither a method nor a result nor an error".to_owned()),
    }
}

/// The id of a message that is malformed or breaks off, if it stands before the break.
pub(crate) fn id_of_broken(bytes: &[u8]) -> Option<RequestId> {
    struct Id<'a>(&'a RefCell<Option<RequestId>>);

    impl<'de> Visitor<'de> for Id<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a message")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                if key == "id" {
                    let id = map.next_value::<RequestId>()?;
                    self.0.replace(Some(id));
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(())
        }
    }

    impl<'de> DeserializeSeed<'de> for Id<'_> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_map(self)
        }
    }

    let found = RefCell::new(None);
    // Its failure is why we are here; what counts is what was found before it.
    let _ = Id(&found).deserialize(&mut serde_json::Deserializer::from_slice(bytes));
    found.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_notifications_are_told_apart() {
        let read = |text: &'static str| read(text.as_bytes()).unwrap();
        assert!(matches!(
            read(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            ServerEnvelope::Response { id: Some(RequestId::Integer(1)), outcome: Ok(_) }
        ));
        assert!(matches!(
            read(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}"#),
            ServerEnvelope::Response { id: None, outcome: Err(_) }
        ));
        assert!(matches!(
            read(r#"{"jsonrpc":"2.0","method":"a\u0062"}"#),
            ServerEnvelope::Notification { method, params: "{}" } if method == "ab"
        ));
        assert!(matches!(
            read(r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#),
            ServerEnvelope::Request { method } if method == "ping"
        ));
    }

    #[test]
    fn what_is_no_message_is_named() {
        for text in [
            "",
            "[]",
            "7",
            "{",
            r#"{"id":1,"result":{}}"#,
            r#"{"jsonrpc":"1.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":[]}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}"#,
            r#"{"jsonrpc":"2.0","method":"m","params":[]}"#,
            r#"{"jsonrpc":"2.0","method":"m","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"result":{}}"#,
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(b"\xff\xfe").is_err());
        let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"a":{}"#, "[".repeat(200_000));
        assert!(read(deep.as_bytes()).is_err());
    }

    #[test]
    fn the_id_of_a_broken_message_is_found() {
        for (text, id) in [
            (r#"{"jsonrpc":"2.0","id":5,"result":{"a":[1,2"#, Some(5)),
            (r#"{"id":5,"#, Some(5)),
            (r#"{"jsonrpc":"2.0","id":5}"#, Some(5)),
            (r#"{"jsonrpc":"2.0","result":{"a":[1,2"#, None),
            ("plain text", None),
            ("", None),
        ] {
            assert_eq!(id_of_broken(text.as_bytes()), id.map(RequestId::Integer), "{text}");
        }
    }
}
