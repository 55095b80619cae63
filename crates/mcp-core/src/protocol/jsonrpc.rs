//! The JSON-RPC 2.0 envelope (specification, "Messages").
//!
//! [`JsonRpcRequest`] and [`JsonRpcNotification`] are messages of a known method: they are typed by
//! it, and reading one checks `jsonrpc` and `method`. [`AnyRequest`] and [`AnyNotification`] are
//! messages of whatever method, and [`JsonRpcMessage`] is any message at all.
//!
//! ```
//! use mcp_core::protocol::{CallToolRequest, CallToolRequestParams};
//!
//! let request = CallToolRequest::new(1, CallToolRequestParams::new("now"));
//! let text = serde_json::to_string(&request)?;
//! assert!(text.starts_with(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"#));
//! assert_eq!(serde_json::from_str::<CallToolRequest>(&text)?, request);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! [`AnyRequest`]: super::AnyRequest
//! [`AnyNotification`]: super::AnyNotification
//! [`JsonRpcMessage`]: super::JsonRpcMessage

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire;
use super::wire_schema::ObjectSchema;
use super::{
    AnyResult, ErrorObject, Extra, JSONRPC_VERSION, NotificationMethod, RequestId, RequestMethod,
};

/// A request of the method `M`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JsonRpcRequest<M: RequestMethod> {
    /// Ties the answer to this request.
    pub id: RequestId,
    /// What the method asks for.
    pub params: M::Params,
    /// Members without a field of their own, kept as they came.
    pub extra: Extra,
}

impl<M: RequestMethod> JsonRpcRequest<M> {
    /// A request with an id that the sender uses for no other one in flight.
    pub fn new(id: impl Into<RequestId>, params: M::Params) -> Self {
        Self { id: id.into(), params, extra: Extra::new() }
    }
}

/// A notification of the method `M`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JsonRpcNotification<M: NotificationMethod> {
    /// What the method says.
    pub params: M::Params,
    /// Members without a field of their own, kept as they came.
    pub extra: Extra,
}

impl<M: NotificationMethod> JsonRpcNotification<M> {
    /// A notification.
    pub fn new(params: M::Params) -> Self {
        Self { params, extra: Extra::new() }
    }
}

/// The answer to a request that succeeded, or that needs input first.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JsonRpcResultResponse<R = AnyResult> {
    /// The id of the request.
    pub id: RequestId,
    /// The whole result, with its `resultType`: [`Tagged`](super::Tagged) or
    /// [`RoundTrip`](super::RoundTrip) around a body.
    pub result: R,
    /// Members without a field of their own, kept as they came.
    pub extra: Extra,
}

impl<R> JsonRpcResultResponse<R> {
    /// An answer to the request with this id.
    pub fn new(id: impl Into<RequestId>, result: R) -> Self {
        Self { id: id.into(), result, extra: Extra::new() }
    }
}

/// The answer to a request that failed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JsonRpcErrorResponse<E = ErrorObject> {
    /// The id of the request, unless it was too malformed to have one. `null` reads as absent.
    pub id: Option<RequestId>,
    /// What went wrong.
    pub error: E,
    /// Members without a field of their own, kept as they came.
    pub extra: Extra,
}

impl<E> JsonRpcErrorResponse<E> {
    /// An answer to the request with this id, or to one whose id could not be read.
    pub fn new(id: Option<RequestId>, error: E) -> Self {
        Self { id, error, extra: Extra::new() }
    }
}

/// The members of an envelope, of which each kind of message has some.
struct Envelope<P, R, E> {
    id: Option<RequestId>,
    params: Option<P>,
    result: Option<R>,
    error: Option<E>,
    extra: Extra,
}

/// Which members a kind of message has besides `jsonrpc`.
#[derive(Clone, Copy)]
struct Members {
    what: &'static str,
    method: Option<&'static str>,
    id: bool,
    params: bool,
    result: bool,
    error: bool,
}

impl Members {
    const NONE: Self =
        Self { what: "", method: None, id: false, params: false, result: false, error: false };
}

/// Reads an envelope: checks `jsonrpc` and `method`, and keeps members it does not know.
struct EnvelopeVisitor<P, R, E> {
    members: Members,
    types: PhantomData<(P, R, E)>,
}

impl<P, R, E> EnvelopeVisitor<P, R, E> {
    fn new(members: Members) -> Self {
        Self { members, types: PhantomData }
    }
}

impl<'de, P, R, E> Visitor<'de> for EnvelopeVisitor<P, R, E>
where
    P: Deserialize<'de>,
    R: Deserialize<'de>,
    E: Deserialize<'de>,
{
    type Value = Envelope<P, R, E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.members.what)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let members = self.members;
        let (mut jsonrpc, mut method) = (false, false);
        let mut id: Option<Option<RequestId>> = None;
        let (mut params, mut result, mut error) = (None, None, None);
        let mut extra = Vec::new();
        while let Some(key) = map.next_key::<wire::Key<'de>>()? {
            match (key.as_str(), members.method) {
                ("jsonrpc", _) => {
                    wire::read_tag(&mut map, "jsonrpc", JSONRPC_VERSION, &mut jsonrpc)?;
                }
                ("method", Some(name)) => wire::read_tag(&mut map, "method", name, &mut method)?,
                // Only the id of an error may be `null`: the request's was unreadable.
                ("id", _) if members.error => wire::read(&mut map, "id", &mut id)?,
                ("id", _) if members.id => {
                    let mut value = None;
                    if id.is_some() {
                        return Err(de::Error::duplicate_field("id"));
                    }
                    wire::read(&mut map, "id", &mut value)?;
                    id = Some(value);
                }
                ("params", _) if members.params => wire::read(&mut map, "params", &mut params)?,
                ("result", _) if members.result => wire::read(&mut map, "result", &mut result)?,
                ("error", _) if members.error => wire::read(&mut map, "error", &mut error)?,
                _ => wire::read_extra(&mut map, key, &mut extra)?,
            }
        }
        wire::present(jsonrpc.then_some(()), "jsonrpc", members.what)?;
        if members.method.is_some() {
            wire::present(method.then_some(()), "method", members.what)?;
        }
        Ok(Envelope { id: id.flatten(), params, result, error, extra: wire::finish_extra(extra)? })
    }
}

type Nothing = de::IgnoredAny;

impl<M: RequestMethod> JsonRpcRequest<M> {
    const MEMBERS: Members = Members {
        what: "JSON-RPC request",
        method: Some(M::METHOD),
        id: true,
        params: true,
        ..Members::NONE
    };
}

impl<'de, M: RequestMethod> Deserialize<'de> for JsonRpcRequest<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = EnvelopeVisitor::<M::Params, Nothing, Nothing>::new(Self::MEMBERS);
        let envelope = deserializer.deserialize_map(visitor)?;
        let what = Self::MEMBERS.what;
        Ok(Self {
            id: wire::present(envelope.id, "id", what)?,
            params: wire::present(envelope.params, "params", what)?,
            extra: envelope.extra,
        })
    }
}

impl<M: RequestMethod> Serialize for JsonRpcRequest<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("jsonrpc", JSONRPC_VERSION)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("method", M::METHOD)?;
        map.serialize_entry("params", &self.params)?;
        let known = ["jsonrpc", "id", "method", "params"];
        wire::write_extra(&mut map, &self.extra, &known, Self::MEMBERS.what)?;
        map.end()
    }
}

impl<M: RequestMethod<Params: JsonSchema>> JsonSchema for JsonRpcRequest<M> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Request", short_name::<M>()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut object = ObjectSchema::new(generator, "");
        object.constant("jsonrpc", JSONRPC_VERSION);
        object.property::<RequestId>("id", true, "", ().into());
        object.constant("method", M::METHOD);
        object.property::<M::Params>("params", true, "", ().into());
        object.finish()
    }
}

impl<M: NotificationMethod> JsonRpcNotification<M> {
    const MEMBERS: Members = Members {
        what: "JSON-RPC notification",
        method: Some(M::METHOD),
        params: true,
        ..Members::NONE
    };
}

impl<'de, M: NotificationMethod> Deserialize<'de> for JsonRpcNotification<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = EnvelopeVisitor::<M::Params, Nothing, Nothing>::new(Self::MEMBERS);
        let envelope = deserializer.deserialize_map(visitor)?;
        // A notification with an id is a request that no one would answer.
        if envelope.extra.contains_key("id") {
            return Err(de::Error::custom("a notification has no `id`"));
        }
        let params = match envelope.params {
            // Params that may be absent are an `Option`, which reads from `null`.
            None if !M::PARAMS_REQUIRED => serde_json::from_str("null").ok(),
            params => params,
        };
        Ok(Self {
            params: wire::present(params, "params", Self::MEMBERS.what)?,
            extra: envelope.extra,
        })
    }
}

impl<M: NotificationMethod> Serialize for JsonRpcNotification<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("jsonrpc", JSONRPC_VERSION)?;
        map.serialize_entry("method", M::METHOD)?;
        if !M::omits(&self.params) {
            map.serialize_entry("params", &self.params)?;
        }
        let known = ["jsonrpc", "id", "method", "params"];
        wire::write_extra(&mut map, &self.extra, &known, Self::MEMBERS.what)?;
        map.end()
    }
}

impl<M: NotificationMethod<Params: JsonSchema>> JsonSchema for JsonRpcNotification<M> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Notification", short_name::<M>()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut object = ObjectSchema::new(generator, "");
        object.constant("jsonrpc", JSONRPC_VERSION);
        object.constant("method", M::METHOD);
        object.property::<M::Params>("params", M::PARAMS_REQUIRED, "", ().into());
        object.finish()
    }
}

impl<R> JsonRpcResultResponse<R> {
    const MEMBERS: Members =
        Members { what: "JSON-RPC result response", id: true, result: true, ..Members::NONE };
}

impl<'de, R: Deserialize<'de>> Deserialize<'de> for JsonRpcResultResponse<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = EnvelopeVisitor::<Nothing, R, Nothing>::new(Self::MEMBERS);
        let envelope = deserializer.deserialize_map(visitor)?;
        let what = Self::MEMBERS.what;
        Ok(Self {
            id: wire::present(envelope.id, "id", what)?,
            result: wire::present(envelope.result, "result", what)?,
            extra: envelope.extra,
        })
    }
}

impl<R: Serialize> Serialize for JsonRpcResultResponse<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("jsonrpc", JSONRPC_VERSION)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("result", &self.result)?;
        let known = ["jsonrpc", "id", "result"];
        wire::write_extra(&mut map, &self.extra, &known, Self::MEMBERS.what)?;
        map.end()
    }
}

impl<R: JsonSchema> JsonSchema for JsonRpcResultResponse<R> {
    fn schema_name() -> Cow<'static, str> {
        response_name(R::schema_name())
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut object = ObjectSchema::new(generator, "");
        object.constant("jsonrpc", JSONRPC_VERSION);
        object.property::<RequestId>("id", true, "", ().into());
        object.property::<R>("result", true, "", ().into());
        object.finish()
    }
}

impl<E> JsonRpcErrorResponse<E> {
    const MEMBERS: Members =
        Members { what: "JSON-RPC error response", id: true, error: true, ..Members::NONE };
}

impl<'de, E: Deserialize<'de>> Deserialize<'de> for JsonRpcErrorResponse<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = EnvelopeVisitor::<Nothing, Nothing, E>::new(Self::MEMBERS);
        let envelope = deserializer.deserialize_map(visitor)?;
        Ok(Self {
            id: envelope.id,
            error: wire::present(envelope.error, "error", Self::MEMBERS.what)?,
            extra: envelope.extra,
        })
    }
}

impl<E: Serialize> Serialize for JsonRpcErrorResponse<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("jsonrpc", JSONRPC_VERSION)?;
        if let Some(id) = &self.id {
            map.serialize_entry("id", id)?;
        }
        map.serialize_entry("error", &self.error)?;
        let known = ["jsonrpc", "id", "error"];
        wire::write_extra(&mut map, &self.extra, &known, Self::MEMBERS.what)?;
        map.end()
    }
}

impl<E: JsonSchema> JsonSchema for JsonRpcErrorResponse<E> {
    fn schema_name() -> Cow<'static, str> {
        response_name(E::schema_name())
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut object = ObjectSchema::new(generator, "");
        object.constant("jsonrpc", JSONRPC_VERSION);
        object.property::<RequestId>("id", false, "", ().into());
        object.property::<E>("error", true, "", ().into());
        object.finish()
    }
}

/// The name of a method's type without its path: schemas of messages are named by it.
fn short_name<M>() -> &'static str {
    let name = std::any::type_name::<M>();
    name.rsplit("::").next().unwrap_or(name)
}

/// The name of a response's schema by that of what it carries.
fn response_name(carried: Cow<'static, str>) -> Cow<'static, str> {
    match carried.as_ref() {
        "Result" => "JSONRPCResultResponse".into(),
        "Error" => "JSONRPCErrorResponse".into(),
        carried => format!("{carried}Response").into(),
    }
}
