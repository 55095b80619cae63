//! Errors on the wire: codes, the error object and the payloads the specification defines
//! (specification, "Error Responses" and "Error Codes").

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

use super::wire::wire;
use super::wire_schema::ObjectSchema;
use super::{ClientCapabilities, Extra, JsonRpcErrorResponse};
use crate::RawJson;

/// The numbers that errors have on the wire.
pub mod codes {
    /// The text is not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// The JSON is not a request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// The method does not exist here, or belongs to a capability the server does not have.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The method exists and its params are wrong: malformed, or naming something unknown.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The receiver failed.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// The HTTP headers and the body of a request disagree, or headers are missing or malformed.
    pub const HEADER_MISMATCH: i64 = -32020;
    /// The request needs a capability that the client did not declare.
    pub const MISSING_REQUIRED_CLIENT_CAPABILITY: i64 = -32021;
    /// The server does not serve the protocol version of the request.
    pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;
    /// A resource does not exist: sent by servers of earlier revisions, never by those of this one,
    /// which send [`INVALID_PARAMS`].
    pub const LEGACY_RESOURCE_NOT_FOUND: i64 = -32002;
    /// The user must visit a URL first: sent by servers of 2025-11-25, never by those of this one.
    pub const LEGACY_URL_ELICITATION_REQUIRED: i64 = -32042;
}

wire! {
    /// What went wrong, in an error response.
    ///
    /// ```
    /// use mcp_core::protocol::{ErrorObject, codes};
    ///
    /// let error = ErrorObject::new(codes::INVALID_PARAMS, "unknown tool: nwo");
    /// assert_eq!(
    ///     serde_json::to_string(&error)?,
    ///     r#"{"code":-32602,"message":"unknown tool: nwo"}"#
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ErrorObject as "Error" {
        required {
            /// The kind of error: see [`codes`].
            code: i64 = "code",
            /// One sentence on what went wrong.
            message: String = "message",
        }
        nullable {
            /// More about it, in a form that the sender defines.
            data: RawJson = "data" => with_data,
        }
    }
}

/// The payload of an error: how `data` is read and written.
pub trait ErrorData: Sized {
    /// Whether `data` must be there.
    const REQUIRED: bool;

    /// Reads the payload of an error that has this `data`.
    ///
    /// # Errors
    ///
    /// When `data` is missing or does not have the shape of the payload.
    fn read(data: Option<RawJson>) -> Result<Self, serde_json::Error>;

    /// The payload as the `data` of an error.
    ///
    /// # Errors
    ///
    /// When the payload cannot be written as JSON.
    fn write(&self) -> Result<Option<RawJson>, serde_json::Error>;

    /// The schema of `data`.
    fn data_schema(generator: &mut SchemaGenerator) -> Schema;
}

impl ErrorData for Option<RawJson> {
    const REQUIRED: bool = false;

    fn read(data: Option<RawJson>) -> Result<Self, serde_json::Error> {
        Ok(data)
    }

    fn write(&self) -> Result<Option<RawJson>, serde_json::Error> {
        Ok(self.clone())
    }

    fn data_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<RawJson>()
    }
}

fn read_data<T: DeserializeOwned>(data: Option<RawJson>) -> Result<T, serde_json::Error> {
    let data = data.ok_or_else(|| de::Error::missing_field("data"))?;
    data.parse().map_err(|error| super::wire::in_field("data", error))
}

macro_rules! error_data {
    ($($name:ident)*) => {
        $(
            impl ErrorData for $name {
                const REQUIRED: bool = true;

                fn read(data: Option<RawJson>) -> Result<Self, serde_json::Error> {
                    read_data(data)
                }

                fn write(&self) -> Result<Option<RawJson>, serde_json::Error> {
                    RawJson::from_serialize(self).map(Some)
                }

                fn data_schema(generator: &mut SchemaGenerator) -> Schema {
                    generator.subschema_for::<Self>()
                }
            }
        )*
    };
}

wire! {
    /// The payload of [`UnsupportedProtocolVersionError`].
    pub struct UnsupportedProtocolVersionData
    [inline = true]
    {
        required {
            /// The versions the server serves; the client picks one and tries again.
            supported: Vec<String> = "supported",
            /// The version the client asked for.
            requested: String = "requested",
        }
    }
}

wire! {
    /// The payload of [`MissingRequiredClientCapabilityError`].
    pub struct MissingRequiredClientCapabilityData
    [inline = true]
    {
        required {
            /// The capabilities that the request needs and the client did not declare.
            required_capabilities: ClientCapabilities = "requiredCapabilities",
        }
    }
}

error_data!(UnsupportedProtocolVersionData MissingRequiredClientCapabilityData);

/// An error object of one particular code.
///
/// Reading one refuses any other code, and a payload of the wrong shape.
///
/// ```
/// use mcp_core::protocol::InvalidParamsError;
///
/// let error = InvalidParamsError::new("unknown tool: nwo", None);
/// assert_eq!(
///     serde_json::to_string(&error)?,
///     r#"{"code":-32602,"message":"unknown tool: nwo"}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CodedError<const CODE: i64, D = Option<RawJson>> {
    /// One sentence on what went wrong.
    pub message: String,
    /// The payload.
    pub data: D,
    /// Members without a field of their own, kept as they came.
    pub extra: Extra,
}

impl<const CODE: i64, D> CodedError<CODE, D> {
    /// The code of all errors of this type.
    pub const CODE: i64 = CODE;

    /// An error of this code.
    pub fn new(message: impl Into<String>, data: D) -> Self {
        Self { message: message.into(), data, extra: Extra::new() }
    }
}

impl<const CODE: i64, D: ErrorData> TryFrom<ErrorObject> for CodedError<CODE, D> {
    type Error = serde_json::Error;

    fn try_from(error: ErrorObject) -> Result<Self, serde_json::Error> {
        if error.code != CODE {
            return Err(de::Error::custom(format_args!(
                "code: expected {CODE}, found {}",
                error.code
            )));
        }
        Ok(Self { message: error.message, data: D::read(error.data)?, extra: error.extra })
    }
}

impl<const CODE: i64, D: ErrorData> TryFrom<CodedError<CODE, D>> for ErrorObject {
    type Error = serde_json::Error;

    fn try_from(error: CodedError<CODE, D>) -> Result<Self, serde_json::Error> {
        let data = error.data.write()?;
        Ok(Self { code: CODE, message: error.message, data, extra: error.extra })
    }
}

impl<const CODE: i64, D: ErrorData + Clone> Serialize for CodedError<CODE, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ErrorObject::try_from(self.clone()).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de, const CODE: i64, D: ErrorData> Deserialize<'de> for CodedError<CODE, D> {
    fn deserialize<De: Deserializer<'de>>(deserializer: De) -> Result<Self, De::Error> {
        ErrorObject::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl<const CODE: i64, D: ErrorData> JsonSchema for CodedError<CODE, D> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Error{}", CODE.unsigned_abs()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let data = D::data_schema(generator);
        let mut object = ObjectSchema::new(generator, "");
        object.raw("code", true, json_schema!({ "type": "integer", "const": CODE }));
        object.property::<String>("message", true, "", ().into());
        object.raw("data", D::REQUIRED, data);
        object.finish()
    }
}

/// The text is not JSON.
pub type ParseError = CodedError<{ codes::PARSE_ERROR }>;
/// The JSON is not a request.
pub type InvalidRequestError = CodedError<{ codes::INVALID_REQUEST }>;
/// The method does not exist here.
pub type MethodNotFoundError = CodedError<{ codes::METHOD_NOT_FOUND }>;
/// The params are wrong.
pub type InvalidParamsError = CodedError<{ codes::INVALID_PARAMS }>;
/// The receiver failed.
pub type InternalError = CodedError<{ codes::INTERNAL_ERROR }>;
/// The answer to a request whose HTTP headers and body disagree.
pub type HeaderMismatchError = JsonRpcErrorResponse<CodedError<{ codes::HEADER_MISMATCH }>>;
/// The answer to a request that needs a capability the client did not declare.
pub type MissingRequiredClientCapabilityError = JsonRpcErrorResponse<
    CodedError<{ codes::MISSING_REQUIRED_CLIENT_CAPABILITY }, MissingRequiredClientCapabilityData>,
>;
/// The answer to a request of a protocol version that the server does not serve.
pub type UnsupportedProtocolVersionError = JsonRpcErrorResponse<
    CodedError<{ codes::UNSUPPORTED_PROTOCOL_VERSION }, UnsupportedProtocolVersionData>,
>;

#[cfg(test)]
mod tests {
    use super::{
        ErrorObject, InvalidParamsError, MissingRequiredClientCapabilityError,
        UnsupportedProtocolVersionError, codes,
    };
    use crate::RawJson;

    #[test]
    fn another_code_is_refused() {
        let text = r#"{"code":-32601,"message":"m"}"#;
        let error = serde_json::from_str::<InvalidParamsError>(text).unwrap_err().to_string();
        assert!(error.contains("code: expected -32602, found -32601"), "{error}");
    }

    #[test]
    fn a_missing_or_malformed_payload_is_refused() {
        for (data, expected) in
            [("", "missing field `data`"), (r#","data":{"supported":[]}"#, "`requested`")]
        {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":-32022,"message":"m"{data}}}}}"#
            );
            let error = serde_json::from_str::<UnsupportedProtocolVersionError>(&text).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let text = r#"{"jsonrpc":"2.0","error":{"code":-32021,"message":"m","data":{"requiredCapabilities":[]}}}"#;
        let error = serde_json::from_str::<MissingRequiredClientCapabilityError>(text).unwrap_err();
        assert!(error.to_string().contains("error: data: requiredCapabilities"), "{error}");
    }

    #[test]
    fn null_data_is_data() {
        let error: ErrorObject =
            serde_json::from_str(r#"{"code":1,"message":"m","data":null}"#).unwrap();
        assert_eq!(error.data, Some(RawJson::null()));
        assert!(serde_json::to_string(&error).unwrap().contains(r#""data":null"#));
    }

    #[test]
    fn a_fractional_code_is_refused() {
        let error = serde_json::from_str::<ErrorObject>(r#"{"code":1.5,"message":"m"}"#);
        assert!(error.unwrap_err().to_string().starts_with("code: invalid type"));
        assert_eq!(codes::INTERNAL_ERROR, -32603);
    }
}
