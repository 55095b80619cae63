//! Elicitation: a server asks the client's user (specification, "Elicitation").
//!
//! It asks by a form, whose fields [`PrimitiveSchemaDefinition`]
//! describes, or by sending the user to a URL.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize};

use super::methods::{ELICITATION_CREATE, request_method};
use super::peek::{parse_as, peek_tag};
use super::strings::string_enum;
use super::wire::wire;
use super::{JsonMap, JsonObject, Number, PrimitiveSchemaDefinition};
use crate::RawJson;

request_method! {
    /// Asks the client's user; only inside an input request.
    Elicit = ELICITATION_CREATE, ElicitRequestParams => ElicitResult
}

wire! {
    /// Asks the client's user.
    pub struct ElicitRequest
    [tag "method" = "elicitation/create"]
    {
        required {
            /// What to ask, and how.
            params: ElicitRequestParams = "params",
        }
    }
}

/// What to ask the user, and how. Told apart by `mode`; absent means a form.
///
/// ```
/// use mcp_core::protocol::ElicitRequestParams;
///
/// let text = r#"{"message":"Log in","mode":"url","url":"https://example.com/login"}"#;
/// let params: ElicitRequestParams = serde_json::from_str(text)?;
/// assert!(matches!(&params, ElicitRequestParams::Url(url) if url.url.ends_with("login")));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ElicitRequestParams {
    /// By a form.
    Form(ElicitRequestFormParams),
    /// By a URL.
    Url(ElicitRequestUrlParams),
}

impl ElicitRequestParams {
    /// The message for the user.
    pub fn message(&self) -> &str {
        match self {
            Self::Form(params) => &params.message,
            Self::Url(params) => &params.message,
        }
    }
}

impl From<ElicitRequestFormParams> for ElicitRequestParams {
    fn from(params: ElicitRequestFormParams) -> Self {
        Self::Form(params)
    }
}

impl From<ElicitRequestUrlParams> for ElicitRequestParams {
    fn from(params: ElicitRequestUrlParams) -> Self {
        Self::Url(params)
    }
}

impl<'de> Deserialize<'de> for ElicitRequestParams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        match peek_tag(&raw, "mode").map_err(de::Error::custom)?.as_deref() {
            None | Some("form") => parse_as(&raw).map(Self::Form),
            Some("url") => parse_as(&raw).map(Self::Url),
            Some(mode) => Err(de::Error::custom(format_args!(
                "mode: unknown elicitation mode {mode:?}, expected one of: form, url"
            ))),
        }
    }
}

impl JsonSchema for ElicitRequestParams {
    fn schema_name() -> Cow<'static, str> {
        "ElicitRequestParams".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<ElicitRequestFormParams>(),
                generator.subschema_for::<ElicitRequestUrlParams>(),
            ]
        })
    }
}

/// The `mode` of a form, which may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FormMode;

impl Serialize for FormMode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("form")
    }
}

impl<'de> Deserialize<'de> for FormMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mode = super::wire::Key::deserialize(deserializer)?;
        if mode.as_str() == "form" {
            Ok(Self)
        } else {
            Err(de::Error::custom(format_args!("expected \"form\", found {:?}", mode.as_str())))
        }
    }
}

impl JsonSchema for FormMode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FormMode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "const": "form" })
    }
}

wire! {
    /// Asks the user by a form.
    ///
    /// ```
    /// use mcp_core::protocol::{ElicitRequestFormParams, RequestedSchema, StringSchema};
    ///
    /// let form = RequestedSchema::form()
    ///     .field("name", StringSchema::new().with_title("Your name"))
    ///     .required_field("email", StringSchema::new());
    /// let params = ElicitRequestFormParams::new("Who are you?", form);
    /// assert_eq!(params.requested_schema.required, Some(vec!["email".to_owned()]));
    /// ```
    pub struct ElicitRequestFormParams {
        required {
            /// What to tell the user.
            message: String = "message",
            /// The form.
            requested_schema: RequestedSchema = "requestedSchema",
        }
        optional {
            /// Says that this is a form; absent means the same.
            mode: FormMode = "mode" => with_mode,
        }
    }
}

wire! {
    /// A form: a JSON Schema of an object whose members are plain values.
    pub struct RequestedSchema
    [tag "type" = "object"]
    [inline = true]
    {
        required {
            /// The fields, in the order in which they are shown.
            properties: JsonMap<PrimitiveSchemaDefinition> = "properties",
        }
        optional {
            /// The names of the fields that must be filled in.
            required: Vec<String> = "required" => with_required,
            /// The dialect of JSON Schema. Absent means 2020-12.
            schema: String = "$schema" => with_schema,
        }
    }
}

impl RequestedSchema {
    /// A form without fields.
    pub fn form() -> Self {
        Self::new(JsonMap::new())
    }

    /// Adds a field that may be left empty.
    #[must_use]
    pub fn field(
        mut self,
        name: impl Into<String>,
        schema: impl Into<PrimitiveSchemaDefinition>,
    ) -> Self {
        self.properties.insert(name, schema.into());
        self
    }

    /// Adds a field that must be filled in.
    #[must_use]
    pub fn required_field(
        mut self,
        name: impl Into<String>,
        schema: impl Into<PrimitiveSchemaDefinition>,
    ) -> Self {
        let name = name.into();
        self.required.get_or_insert_default().push(name.clone());
        self.field(name, schema)
    }
}

wire! {
    /// Asks the user by sending them to a URL. What happens there stays there.
    pub struct ElicitRequestUrlParams as "ElicitRequestURLParams"
    [tag "mode" = "url"]
    {
        required {
            /// What to tell the user.
            message: String = "message",
            /// Where to send the user.
            url: String = "url" { "format": "uri" },
        }
    }
}

string_enum! {
    /// What the user did.
    pub enum ElicitAction {
        /// They filled the form in, or agreed to visit the URL.
        Accept = "accept",
        /// They said no.
        Decline = "decline",
        /// They went away without an answer.
        Cancel = "cancel",
    }
}

/// The published schema of a form's content.
pub(crate) struct ElicitContent;

impl JsonSchema for ElicitContent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ElicitContent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    { "type": "array", "items": { "type": "string" } },
                    { "type": ["string", "number", "boolean"] },
                ]
            },
        })
    }
}

wire! {
    /// What the user did, and what they filled in.
    ///
    /// ```
    /// use mcp_core::protocol::ElicitResult;
    ///
    /// #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    /// struct Contact {
    ///     email: String,
    /// }
    ///
    /// let result = ElicitResult::accept(&Contact { email: "ann@example.com".into() })?;
    /// assert_eq!(result.content_as::<Contact>()?.map(|c| c.email), Some("ann@example.com".into()));
    /// assert_eq!(ElicitResult::decline().content_as::<Contact>()?, None);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ElicitResult {
        required {
            /// What the user did.
            action: ElicitAction = "action",
        }
        optional {
            /// What they filled in: texts, numbers, booleans and lists of texts. There is none after
            /// a URL. It is kept as it came; check it against the form.
            content: JsonObject as ElicitContent = "content" => with_content,
        }
    }
}

impl ElicitResult {
    /// The user filled the form in.
    ///
    /// # Errors
    ///
    /// When the content cannot be written as a JSON object.
    pub fn accept<T>(content: &T) -> Result<Self, serde_json::Error>
    where
        T: Serialize + ?Sized,
    {
        let content = JsonObject::from_serialize(content)?;
        Ok(Self::new(ElicitAction::Accept).with_content(content))
    }

    /// The user agreed to visit the URL.
    pub fn accept_url() -> Self {
        Self::new(ElicitAction::Accept)
    }

    /// The user said no.
    pub fn decline() -> Self {
        Self::new(ElicitAction::Decline)
    }

    /// The user went away without an answer.
    pub fn cancel() -> Self {
        Self::new(ElicitAction::Cancel)
    }

    /// What the user filled in, as a type; `None` unless they accepted and there is content.
    ///
    /// # Errors
    ///
    /// When the content does not have the shape of `T`.
    pub fn content_as<T: DeserializeOwned>(&self) -> Result<Option<T>, serde_json::Error> {
        match (self.action, &self.content) {
            (ElicitAction::Accept, Some(content)) => content.parse().map(Some),
            _ => Ok(None),
        }
    }

    /// What the user filled in, field by field.
    ///
    /// # Errors
    ///
    /// When a value is none that a form can have.
    pub fn values(&self) -> Result<JsonMap<ElicitValue>, serde_json::Error> {
        Ok(self.content_as()?.unwrap_or_default())
    }
}

/// A value that a user can fill into a form.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ElicitValue {
    /// A text, or the choice of one option.
    String(String),
    /// A number.
    Number(Number),
    /// Yes or no.
    Boolean(bool),
    /// The choice of several options.
    Strings(Vec<String>),
}

impl<'de> Deserialize<'de> for ElicitValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        match raw.get().as_bytes().first() {
            Some(b'"') => parse_as(&raw).map(Self::String),
            Some(b'[') => parse_as(&raw).map(Self::Strings),
            Some(b't' | b'f') => parse_as(&raw).map(Self::Boolean),
            _ => parse_as(&raw).map(Self::Number),
        }
    }
}
