//! Multi round-trip requests: a server that needs input before it can answer (specification,
//! "Multi Round-Trip Requests").
//!
//! The server answers with an [`InputRequiredResult`]; the client gathers the input and sends the
//! request again, with [`InputResponses`] and the server's state.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::methods::{ELICITATION_CREATE, ROOTS_LIST, SAMPLING_CREATE_MESSAGE, has_request_meta};
use super::peek::parse_as;
use super::result::serialize_tagged;
use super::union::tagged_union;
use super::wire::wire;
use super::{
    CreateMessageRequest, CreateMessageResult, ElicitRequest, ElicitRequestParams, ElicitResult,
    JsonMap, ListRootsRequest, ListRootsResult, Meta, RequestMetaObject, RequestMethod, ResultBody,
    ResultMetaObject, ResultType,
};
use crate::RawJson;

tagged_union! {
    /// What a server asks of a client.
    ///
    /// ```
    /// use mcp_core::protocol::{ElicitRequestUrlParams, InputRequest};
    ///
    /// let ask = InputRequest::elicit(ElicitRequestUrlParams::new("Please log in", "https://example.com/"));
    /// assert_eq!(ask.method(), "elicitation/create");
    /// ```
    pub enum InputRequest by "method" {
        /// An answer of the client's model. Deprecated by the specification.
        CreateMessage(CreateMessageRequest) = SAMPLING_CREATE_MESSAGE,
        /// The client's roots. Deprecated by the specification.
        ListRoots(ListRootsRequest) = ROOTS_LIST,
        /// Something that the client's user knows or decides.
        Elicit(ElicitRequest) = ELICITATION_CREATE,
    }
}

impl InputRequest {
    /// Asks the client's user.
    pub fn elicit(params: impl Into<ElicitRequestParams>) -> Self {
        Self::Elicit(ElicitRequest::new(params))
    }

    /// The method of the request.
    pub fn method(&self) -> &'static str {
        match self {
            Self::CreateMessage(_) => SAMPLING_CREATE_MESSAGE,
            Self::ListRoots(_) => ROOTS_LIST,
            Self::Elicit(_) => ELICITATION_CREATE,
        }
    }
}

/// What a server asks of a client, by keys of the server's choice.
pub type InputRequests = JsonMap<InputRequest>;

/// One answer of a client to one request of a server.
///
/// Nothing in it says what it answers. It is kept as it came, and parsed by what was asked for under
/// its key.
///
/// ```
/// use mcp_core::protocol::{Elicit, ElicitAction, InputResponse};
///
/// let response: InputResponse = serde_json::from_str(r#"{"action":"decline"}"#)?;
/// assert_eq!(response.to::<Elicit>()?.action, ElicitAction::Decline);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InputResponse(RawJson);

impl InputResponse {
    /// An answer from a result.
    ///
    /// # Errors
    ///
    /// When the result cannot be written as JSON.
    pub fn from_result<T: Serialize + ?Sized>(result: &T) -> Result<Self, serde_json::Error> {
        RawJson::from_serialize(result).map(Self)
    }

    /// The answer as the result of the method that was asked.
    ///
    /// # Errors
    ///
    /// When it does not have the shape of that result.
    pub fn to<M>(&self) -> Result<M::Result, serde_json::Error>
    where
        M: RequestMethod,
    {
        self.0.parse()
    }

    /// The answer as it came.
    pub fn as_raw(&self) -> &RawJson {
        &self.0
    }
}

impl From<RawJson> for InputResponse {
    fn from(raw: RawJson) -> Self {
        Self(raw)
    }
}

impl From<InputResponse> for RawJson {
    fn from(response: InputResponse) -> Self {
        response.0
    }
}

impl JsonSchema for InputResponse {
    fn schema_name() -> Cow<'static, str> {
        "InputResponse".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<CreateMessageResult>(),
                generator.subschema_for::<ListRootsResult>(),
                generator.subschema_for::<ElicitResult>(),
            ]
        })
    }
}

/// The answers of a client, by the keys of the requests.
pub type InputResponses = JsonMap<InputResponse>;

wire! {
    /// The server needs input before it can answer.
    ///
    /// At least one of the two fields is there; [`is_valid`](Self::is_valid) checks it.
    ///
    /// ```
    /// use mcp_core::protocol::{ElicitRequestUrlParams, InputRequest, InputRequiredResult};
    ///
    /// let ask = InputRequest::elicit(ElicitRequestUrlParams::new("Please log in", "https://example.com/"));
    /// let result = InputRequiredResult::new()
    ///     .with_input_requests([("login", ask)])
    ///     .with_request_state("sealed");
    /// assert!(result.is_valid());
    /// ```
    #[derive(Default)]
    pub struct InputRequiredResult
    [result "input_required"]
    {
        optional {
            /// What the client is asked for.
            input_requests: InputRequests = "inputRequests" => with_input_requests,
            /// State of the server that the client sends back unchanged and does not look into.
            request_state: String = "requestState" => with_request_state,
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

impl InputRequiredResult {
    /// Whether the result asks for something or has a state, as it must.
    pub fn is_valid(&self) -> bool {
        self.input_requests.is_some() || self.request_state.is_some()
    }
}

impl ResultBody for InputRequiredResult {
    const RESULT_TYPE: &'static str = "input_required";

    fn take_meta(&mut self) -> Option<Meta> {
        self.meta.take()
    }
}

wire! {
    /// The part that all requests share which may be sent again with input.
    #[derive(Default)]
    pub struct InputResponseRequestParams {
        implied {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
        optional {
            /// The answers to the input requests of the round before.
            input_responses: InputResponses = "inputResponses" => with_input_responses,
            /// The request state of the round before, unchanged.
            request_state: String = "requestState" => with_request_state,
        }
    }
}

has_request_meta!(InputResponseRequestParams);

/// How one round of a request ended: with its result, or with a request for input.
///
/// ```
/// use mcp_core::protocol::{CallToolResult, RoundTrip};
///
/// let text = r#"{"resultType":"input_required","requestState":"abc"}"#;
/// let round: RoundTrip<CallToolResult> = serde_json::from_str(text)?;
/// assert!(matches!(round, RoundTrip::InputRequired(_)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum RoundTrip<T> {
    /// The request is done.
    Complete(T),
    /// The request is to be sent again with input.
    InputRequired(InputRequiredResult),
}

impl<T: ResultBody> Serialize for RoundTrip<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Complete(body) => serialize_tagged(body, serializer),
            Self::InputRequired(body) => serialize_tagged(body, serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for RoundTrip<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        match ResultType::of(&raw).map_err(de::Error::custom)? {
            ResultType::Complete => parse_as(&raw).map(Self::Complete),
            ResultType::InputRequired => parse_as(&raw).map(Self::InputRequired),
            ResultType::Other(found) => Err(de::Error::custom(format_args!(
                "resultType: expected \"complete\" or \"input_required\", found {found:?}"
            ))),
        }
    }
}

impl<T: JsonSchema> JsonSchema for RoundTrip<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<InputRequiredResult>(),
                generator.subschema_for::<T>(),
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{InputRequest, InputRequests, RoundTrip};
    use crate::protocol::CallToolResult;

    #[test]
    fn an_unknown_result_type_is_invalid() {
        let text = r#"{"resultType":"task","content":[]}"#;
        let error = serde_json::from_str::<RoundTrip<CallToolResult>>(text).unwrap_err();
        assert!(error.to_string().contains("found \"task\""), "{error}");
    }

    #[test]
    fn an_unknown_method_is_refused_by_name() {
        let error = serde_json::from_str::<InputRequest>(r#"{"method":"tools/call"}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("unknown InputRequest \"tools/call\""), "{error}");
        assert!(error.contains("elicitation/create"), "{error}");
    }

    #[test]
    fn the_path_to_a_wrong_member_is_told() {
        let text = r#"{"a":{"method":"elicitation/create","params":{"message":"m"}}}"#;
        let error = serde_json::from_str::<InputRequests>(text).unwrap_err().to_string();
        assert!(error.starts_with("a: params: missing field `requestedSchema`"), "{error}");
    }
}
