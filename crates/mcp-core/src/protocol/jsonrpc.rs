//! JSON-RPC 2.0 messages.
//!
//! Source: specification, *Base protocol → Messages*.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire::{results, wire};
use crate::protocol::methods::{NotificationMethod, RequestMethod};
use crate::protocol::{Extra, Meta, NotificationMetaObject, RequestMetaObject};
use crate::{Error, RawJson};

/// An integer or a string: the two forms of a [`RequestId`] and of a
/// [`ProgressToken`](crate::protocol::ProgressToken).
macro_rules! integer_or_string {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(untagged)]
        pub enum $name {
            /// An integer.
            Number(i64),
            /// A string.
            String(Box<str>),
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a string or an integer")
                    }

                    fn visit_i64<E>(self, number: i64) -> Result<$name, E> {
                        Ok($name::Number(number))
                    }

                    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<$name, E> {
                        i64::try_from(number)
                            .map($name::Number)
                            .map_err(|_| E::custom("an integer beyond 64 bits"))
                    }

                    fn visit_str<E>(self, text: &str) -> Result<$name, E> {
                        Ok($name::String(text.into()))
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Number(number) => number.fmt(f),
                    Self::String(text) => f.write_str(text),
                }
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": ["string", "integer"] })
            }
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self::Number(number)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::String(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::String(text.into())
            }
        }
    };
}
pub(crate) use integer_or_string;

integer_or_string! {
    /// What ties a response to its request.
    RequestId
}

wire! {
    /// What went wrong, in an error response.
    pub struct ErrorObject {
        required {
            /// The kind of error.
            "code" code: i64,
            /// A short description, for developers.
            "message" message: String,
        }
        nullable {
            /// More, defined by the sender.
            "data" data,
        }
    }
}

wire! {
    /// Parameters of a request that has none of its own.
    pub struct RequestParams {
        required {
            /// The request's metadata.
            "_meta" meta: RequestMetaObject,
        }
    }
}

wire! {
    /// Parameters of a notification that has none of its own.
    pub struct NotificationParams {
        optional {
            /// The notification's metadata.
            "_meta" meta: NotificationMetaObject,
        }
    }
}

wire! {
    /// A result of which nothing is known but that it is one.
    pub struct EmptyResult {
        optional {
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(EmptyResult);

/// What the result of a method must be to be sent: an object whose `resultType` and `_meta` the
/// sender writes.
///
/// A type of yours needs no more than `impl ResultBody for MyResult {}`, if it has no `_meta` of its
/// own.
pub trait ResultBody: Serialize {
    /// Takes its `_meta` out and forgets its `resultType`, so that neither is serialised with it.
    fn take_meta(&mut self) -> Option<Meta> {
        None
    }
}

/// The kind of a result.
///
/// ```
/// use mcp_core::protocol::ResultType;
///
/// assert_eq!(ResultType::of(None), ResultType::Complete);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultType {
    /// The final result.
    Complete,
    /// A question; the request is to be repeated with the answer.
    InputRequired,
    /// An extension's own.
    Other(Box<str>),
}

impl ResultType {
    /// What a result's member means; an absent one, as older servers have it, is `Complete`.
    #[must_use]
    pub fn of(member: Option<&Self>) -> Self {
        member.cloned().unwrap_or(Self::Complete)
    }

    /// As it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Complete => "complete",
            Self::InputRequired => "input_required",
            Self::Other(other) => other,
        }
    }
}

impl Serialize for ResultType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ResultType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.as_str() {
            "complete" => Self::Complete,
            "input_required" => Self::InputRequired,
            _ => Self::Other(text.into()),
        })
    }
}

impl JsonSchema for ResultType {
    fn schema_name() -> Cow<'static, str> {
        "ResultType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// A request of the method `M`.
#[derive(Debug)]
pub struct JsonRpcRequest<M: RequestMethod> {
    /// The id.
    pub id: RequestId,
    /// The parameters.
    pub params: M::Params,
    method: PhantomData<fn() -> M>,
}

impl<M: RequestMethod> JsonRpcRequest<M> {
    /// A request.
    pub fn new(id: impl Into<RequestId>, params: M::Params) -> Self {
        Self { id: id.into(), params, method: PhantomData }
    }
}

impl<M: RequestMethod> Serialize for JsonRpcRequest<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut message = serializer.serialize_struct("JsonRpcRequest", 4)?;
        message.serialize_field("jsonrpc", "2.0")?;
        message.serialize_field("id", &self.id)?;
        message.serialize_field("method", M::METHOD)?;
        message.serialize_field("params", &self.params)?;
        message.end()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMessage {
    jsonrpc: Version,
    id: Option<RequestId>,
    method: Option<String>,
    params: Option<RawJson>,
    result: Option<RawJson>,
    error: Option<ErrorObject>,
}

/// `"2.0"`, and nothing else.
#[derive(Deserialize)]
enum Version {
    #[serde(rename = "2.0")]
    Two,
}

impl RawMessage {
    fn params_of<T: DeserializeOwned, E: serde::de::Error>(&self, method: &str) -> Result<T, E> {
        let Version::Two = self.jsonrpc;
        if self.method.as_deref() != Some(method) {
            return Err(E::custom(format!("the method must be `{method}`")));
        }
        let params = self.params.as_ref().map_or("{}", RawJson::get);
        serde_json::from_str(params).map_err(E::custom)
    }
}

impl<'de, M: RequestMethod> Deserialize<'de> for JsonRpcRequest<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let message = RawMessage::deserialize(deserializer)?;
        let params = message.params_of::<M::Params, D::Error>(M::METHOD)?;
        let id = message.id.ok_or_else(|| D::Error::missing_field("id"))?;
        Ok(Self { id, params, method: PhantomData })
    }
}

/// A notification of the method `M`.
#[derive(Debug)]
pub struct JsonRpcNotification<M: NotificationMethod> {
    /// The parameters.
    pub params: M::Params,
    method: PhantomData<fn() -> M>,
}

impl<M: NotificationMethod> JsonRpcNotification<M> {
    /// A notification.
    pub fn new(params: M::Params) -> Self {
        Self { params, method: PhantomData }
    }
}

impl<M: NotificationMethod> Serialize for JsonRpcNotification<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut message = serializer.serialize_struct("JsonRpcNotification", 3)?;
        message.serialize_field("jsonrpc", "2.0")?;
        message.serialize_field("method", M::METHOD)?;
        message.serialize_field("params", &self.params)?;
        message.end()
    }
}

impl<'de, M: NotificationMethod> Deserialize<'de> for JsonRpcNotification<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let message = RawMessage::deserialize(deserializer)?;
        if message.id.is_some() {
            return Err(D::Error::custom("a notification has no id"));
        }
        Ok(Self { params: message.params_of::<_, D::Error>(M::METHOD)?, method: PhantomData })
    }
}

/// A response with the result `R`.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonRpcResultResponse<R> {
    /// The request's id.
    pub id: RequestId,
    /// The result.
    pub result: R,
}

impl<R: Serialize> Serialize for JsonRpcResultResponse<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut message = serializer.serialize_struct("JsonRpcResultResponse", 3)?;
        message.serialize_field("jsonrpc", "2.0")?;
        message.serialize_field("id", &self.id)?;
        message.serialize_field("result", &self.result)?;
        message.end()
    }
}

impl<'de, R: DeserializeOwned> Deserialize<'de> for JsonRpcResultResponse<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let message = RawMessage::deserialize(deserializer)?;
        let Version::Two = message.jsonrpc;
        let id = message.id.ok_or_else(|| D::Error::missing_field("id"))?;
        let result = message.result.ok_or_else(|| D::Error::missing_field("result"))?;
        if message.error.is_some() {
            return Err(D::Error::custom("a response has a result or an error, not both"));
        }
        Ok(Self { id, result: result.parse().map_err(D::Error::custom)? })
    }
}

/// A response with an error.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonRpcErrorResponse {
    /// The request's id, unless it could not be read.
    pub id: Option<RequestId>,
    /// The error.
    pub error: ErrorObject,
}

impl Serialize for JsonRpcErrorResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut message = serializer.serialize_struct("JsonRpcErrorResponse", 3)?;
        message.serialize_field("jsonrpc", "2.0")?;
        if let Some(id) = &self.id {
            message.serialize_field("id", id)?;
        }
        message.serialize_field("error", &self.error)?;
        message.end()
    }
}

impl<'de> Deserialize<'de> for JsonRpcErrorResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let message = RawMessage::deserialize(deserializer)?;
        let Version::Two = message.jsonrpc;
        let error = message.error.ok_or_else(|| D::Error::missing_field("error"))?;
        Ok(Self { id: message.id, error })
    }
}

impl From<&Error> for JsonRpcErrorResponse {
    fn from(error: &Error) -> Self {
        Self { id: None, error: error.to_object() }
    }
}

/// The members of an object, whatever they are: a result before it is known what was asked for.
pub type RawObject = Extra;
