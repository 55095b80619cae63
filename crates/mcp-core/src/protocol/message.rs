//! Messages of whatever method.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize};

use super::peek::{parse_as, peek};
use super::tools::AnyMembers;
use super::wire::wire;
use super::{AnyResult, JsonObject, JsonRpcErrorResponse, JsonRpcResultResponse, RequestId};
use crate::RawJson;

wire! {
    /// A request of whatever method.
    pub struct AnyRequest as "JSONRPCRequest"
    [tag "jsonrpc" = "2.0"]
    {
        required {
            /// Ties the answer to this request.
            id: RequestId = "id",
            /// What is asked for.
            method: String = "method",
        }
        optional {
            /// What the method needs to know.
            params: JsonObject as AnyMembers = "params" => with_params,
        }
    }
}

wire! {
    /// A notification of whatever method.
    pub struct AnyNotification as "JSONRPCNotification"
    [tag "jsonrpc" = "2.0"]
    {
        required {
            /// What has happened.
            method: String = "method",
        }
        optional {
            /// What the method has to say.
            params: JsonObject as AnyMembers = "params" => with_params,
        }
    }
}

/// Any message. What it is follows from its members: `method` and `id` make a request, `method`
/// alone a notification, `error` an error response, and `result` a result response.
///
/// ```
/// use mcp_core::protocol::JsonRpcMessage;
///
/// let text = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","tools":[]}}"#;
/// let message: JsonRpcMessage = serde_json::from_str(text)?;
/// assert!(matches!(message, JsonRpcMessage::Result(_)));
/// assert_eq!(serde_json::to_string(&message)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum JsonRpcMessage {
    /// A request.
    Request(AnyRequest),
    /// A notification.
    Notification(AnyNotification),
    /// An answer with a result.
    Result(JsonRpcResultResponse),
    /// An answer with an error.
    Error(JsonRpcErrorResponse),
}

impl<'de> Deserialize<'de> for JsonRpcMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        let members = peek(&raw, ["method", "id", "result", "error"]).map_err(de::Error::custom)?;
        let [method, id, result, error] = members.map(|member| member.is_some());
        match (method, id, result, error) {
            (true, _, false, false) if id => parse_as(&raw).map(Self::Request),
            (true, _, false, false) => parse_as(&raw).map(Self::Notification),
            (false, _, true, false) => parse_as(&raw).map(Self::Result),
            (false, _, false, true) => parse_as(&raw).map(Self::Error),
            (false, _, false, false) => {
                Err(de::Error::custom("a message has one of `method`, `result` and `error`"))
            }
            _ => Err(de::Error::custom("a message has only one of `method`, `result` and `error`")),
        }
    }
}

/// The answer to a request: with a result, or with an error.
///
/// ```
/// use mcp_core::protocol::{CallToolResult, JsonRpcResponse, RoundTrip};
///
/// let text = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[]}}"#;
/// let response: JsonRpcResponse<RoundTrip<CallToolResult>> = serde_json::from_str(text)?;
/// assert!(matches!(response, JsonRpcResponse::Result(_)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum JsonRpcResponse<R = AnyResult> {
    /// An answer with a result.
    Result(JsonRpcResultResponse<R>),
    /// An answer with an error.
    Error(JsonRpcErrorResponse),
}

impl<'de, R: DeserializeOwned> Deserialize<'de> for JsonRpcResponse<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        let members = peek(&raw, ["result", "error"]).map_err(de::Error::custom)?;
        match members.map(|member| member.is_some()) {
            [true, false] => parse_as(&raw).map(Self::Result),
            [false, true] => parse_as(&raw).map(Self::Error),
            _ => Err(de::Error::custom("a response has either `result` or `error`")),
        }
    }
}

impl<R: JsonSchema> JsonSchema for JsonRpcResponse<R> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "JSONRPCResponse".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<JsonRpcResultResponse<R>>(),
                generator.subschema_for::<JsonRpcErrorResponse>(),
            ]
        })
    }
}

impl JsonSchema for JsonRpcMessage {
    fn schema_name() -> Cow<'static, str> {
        "JSONRPCMessage".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<AnyRequest>(),
                generator.subschema_for::<AnyNotification>(),
                generator.subschema_for::<JsonRpcResultResponse>(),
                generator.subschema_for::<JsonRpcErrorResponse>(),
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::JsonRpcMessage;

    #[test]
    fn each_kind_is_told_by_its_members() {
        let kind = |text: &str| match serde_json::from_str::<JsonRpcMessage>(text) {
            Ok(JsonRpcMessage::Request(_)) => "request".to_owned(),
            Ok(JsonRpcMessage::Notification(_)) => "notification".to_owned(),
            Ok(JsonRpcMessage::Result(_)) => "result".to_owned(),
            Ok(JsonRpcMessage::Error(_)) => "error".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(kind(r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#), "request");
        assert_eq!(kind(r#"{"jsonrpc":"2.0","method":"m","params":{}}"#), "notification");
        assert_eq!(kind(r#"{"jsonrpc":"2.0","id":"a","result":{}}"#), "result");
        let error = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}"#;
        assert_eq!(kind(error), "error");

        assert!(kind(r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#).contains("a request id"));
        assert!(kind(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#).contains("params"));
        assert!(kind(r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#).contains("jsonrpc"));
        assert!(kind(r#"{"id":1,"method":"m"}"#).contains("missing field `jsonrpc`"));
        assert!(kind(r#"{"jsonrpc":"2.0"}"#).contains("one of `method`"));
        let both = r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#;
        assert!(kind(both).contains("only one of"));
        assert!(kind("[]").contains("invalid type: sequence"));
    }
}
