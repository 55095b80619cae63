//! Multi round-trip requests.
//!
//! Source: specification, *Patterns → Multi round-trip requests*.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire::{results, wire};
use crate::RawJson;
use crate::protocol::{
    CreateMessageRequestParams, ElicitRequestParams, ListRootsRequestParams, Meta,
    RequestMetaObject, ResultType, methods,
};

/// Questions by their keys.
pub type InputRequests = BTreeMap<String, InputRequest>;

/// Answers by the keys of their questions. Each is read as what its question asked for.
pub type InputResponses = BTreeMap<String, RawJson>;

/// A question to the client.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum InputRequest {
    /// To a person.
    Elicit(ElicitRequestParams),
    /// To a model.
    CreateMessage(Box<CreateMessageRequestParams>),
    /// For its roots.
    ListRoots(Option<ListRootsRequestParams>),
}

impl InputRequest {
    /// A question for the client's roots.
    #[must_use]
    pub fn list_roots() -> Self {
        Self::ListRoots(None)
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::Elicit(_) => methods::ELICITATION_CREATE,
            Self::CreateMessage(_) => methods::SAMPLING_CREATE_MESSAGE,
            Self::ListRoots(_) => methods::ROOTS_LIST,
        }
    }
}

impl Serialize for InputRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut request = serializer.serialize_struct("InputRequest", 2)?;
        request.serialize_field("method", self.method())?;
        match self {
            Self::Elicit(params) => request.serialize_field("params", params)?,
            Self::CreateMessage(params) => request.serialize_field("params", params)?,
            Self::ListRoots(Some(params)) => request.serialize_field("params", params)?,
            Self::ListRoots(None) => request.skip_field("params")?,
        }
        request.end()
    }
}

impl<'de> Deserialize<'de> for InputRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        #[derive(Deserialize)]
        struct Request {
            method: String,
            params: Option<RawJson>,
        }
        let request = Request::deserialize(deserializer)?;
        let wrong =
            |error: serde_json::Error| D::Error::custom(crate::message::without_values(&error));
        let params = || request.params.as_ref().ok_or_else(|| D::Error::missing_field("params"));
        match request.method.as_str() {
            methods::ELICITATION_CREATE => params()?.parse().map(Self::Elicit).map_err(wrong),
            methods::SAMPLING_CREATE_MESSAGE => {
                params()?.parse().map(Self::CreateMessage).map_err(wrong)
            }
            methods::ROOTS_LIST => match &request.params {
                None => Ok(Self::ListRoots(None)),
                Some(params) => params.parse().map(Self::ListRoots).map_err(wrong),
            },
            _ => Err(D::Error::custom("unknown `method` of an input request")),
        }
    }
}

impl JsonSchema for InputRequest {
    fn schema_name() -> Cow<'static, str> {
        "InputRequest".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let elicit = generator.subschema_for::<ElicitRequestParams>().to_value();
        let create = generator.subschema_for::<CreateMessageRequestParams>().to_value();
        let roots = generator.subschema_for::<ListRootsRequestParams>().to_value();
        let request = |method: &str, params, required: &[&str]| {
            serde_json::json!({
                "type": "object",
                "properties": {
                    "method": { "type": "string", "const": method },
                    "params": params,
                },
                "required": required,
            })
        };
        json_schema!({ "anyOf": [
            request(methods::SAMPLING_CREATE_MESSAGE, create, &["method", "params"]),
            request(methods::ROOTS_LIST, roots, &["method"]),
            request(methods::ELICITATION_CREATE, elicit, &["method", "params"]),
        ] })
    }
}

wire! {
    /// A question back to the client, which repeats its request with the answers.
    #[derive(Default)]
    pub struct InputRequiredResult {
        optional {
            /// The questions.
            "inputRequests" input_requests: InputRequests,
            /// To be sent back as it is.
            "requestState" request_state: String,
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(InputRequiredResult);

wire! {
    /// The parameters of requests that may take several rounds.
    pub struct InputResponseRequestParams {
        required {
            /// The request's metadata.
            "_meta" meta: RequestMetaObject,
        }
        optional {
            /// Answers to the questions of the round before.
            "inputResponses" input_responses: InputResponses,
            /// The state of the round before, as it came.
            "requestState" request_state: String,
        }
    }
}
