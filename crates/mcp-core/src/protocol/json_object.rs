//! A JSON object kept as text.

use std::borrow::Cow;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, de};
use serde_json::{Map, Value};

use super::JsonMap;
use crate::RawJson;

/// A JSON object, kept byte for byte: the schema's `JSONObject`.
///
/// It is used where the protocol asks for an object whose members belong to somebody else: tool
/// arguments, JSON Schemas, settings of a capability. Anything but an object is refused when it is
/// read. It dereferences to [`RawJson`], so [`get`](RawJson::get) and [`parse`](RawJson::parse) work.
///
/// ```
/// use mcp_core::protocol::JsonObject;
///
/// let arguments: JsonObject = serde_json::from_str(r#"{"city": "Bern"}"#)?;
/// assert_eq!(arguments.get(), r#"{"city": "Bern"}"#);
/// assert!(serde_json::from_str::<JsonObject>("[1]").is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct JsonObject(RawJson);

impl JsonObject {
    /// The object without members.
    pub fn new() -> Self {
        Self(RawJson::from(Value::Object(Map::new())))
    }

    /// Writes `value` as a JSON object.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON, or is not an object in JSON.
    ///
    /// ```
    /// use mcp_core::protocol::JsonObject;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Arguments {
    ///     city: &'static str,
    /// }
    /// let arguments = JsonObject::from_serialize(&Arguments { city: "Bern" })?;
    /// assert_eq!(arguments.get(), r#"{"city":"Bern"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn from_serialize<T>(value: &T) -> Result<Self, serde_json::Error>
    where
        T: Serialize + ?Sized,
    {
        RawJson::from_serialize(value)?.try_into()
    }

    /// Whether the object has no members.
    pub fn is_empty(&self) -> bool {
        // An object without members has nothing but white space inside.
        self.0.get().trim_start_matches('{').trim_start().starts_with('}')
    }

    /// The object as a plain JSON value.
    pub fn into_raw(self) -> RawJson {
        self.0
    }
}

impl Default for JsonObject {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for JsonObject {
    type Target = RawJson;

    fn deref(&self) -> &RawJson {
        &self.0
    }
}

impl TryFrom<RawJson> for JsonObject {
    type Error = serde_json::Error;

    fn try_from(raw: RawJson) -> Result<Self, serde_json::Error> {
        if raw.is_object() {
            Ok(Self(raw))
        } else {
            Err(de::Error::custom(format_args!(
                "expected a JSON object, found {}",
                kind_of(raw.get())
            )))
        }
    }
}

impl From<JsonObject> for RawJson {
    fn from(object: JsonObject) -> Self {
        object.0
    }
}

impl From<Map<String, Value>> for JsonObject {
    fn from(map: Map<String, Value>) -> Self {
        Self(Value::Object(map).into())
    }
}

impl From<Schema> for JsonObject {
    /// A boolean schema becomes the object schema of the same meaning.
    fn from(mut schema: Schema) -> Self {
        std::mem::take(schema.ensure_object()).into()
    }
}

impl<V: Serialize> TryFrom<&JsonMap<V>> for JsonObject {
    type Error = serde_json::Error;

    fn try_from(map: &JsonMap<V>) -> Result<Self, serde_json::Error> {
        Self::from_serialize(map)
    }
}

impl Serialize for JsonObject {
    fn serialize<S>(&self, serializer: S) -> Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D>(deserializer: D) -> Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        let raw = RawJson::deserialize(deserializer)?;
        Self::try_from(raw).map_err(de::Error::custom)
    }
}

impl JsonSchema for JsonObject {
    fn schema_name() -> Cow<'static, str> {
        "JSONObject".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

/// What a well-formed JSON text is, for error messages.
pub(crate) fn kind_of(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::JsonObject;

    #[test]
    fn anything_but_an_object_is_refused_by_name() {
        for (text, kind) in [
            ("[]", "an array"),
            ("\"{}\"", "a string"),
            ("true", "a boolean"),
            ("null", "null"),
            ("-1", "a number"),
        ] {
            let error = serde_json::from_str::<JsonObject>(text).unwrap_err().to_string();
            assert!(error.contains(&format!("expected a JSON object, found {kind}")), "{error}");
        }
    }

    #[test]
    fn emptiness_is_seen_through_white_space() {
        for (text, empty) in [("{}", true), ("{ \n }", true), (r#"{"a":{}}"#, false)] {
            assert_eq!(serde_json::from_str::<JsonObject>(text).unwrap().is_empty(), empty);
        }
        assert!(JsonObject::new().is_empty());
    }

    #[test]
    fn a_boolean_schema_becomes_an_object() {
        assert_eq!(JsonObject::from(schemars::Schema::from(true)).get(), "{}");
        assert_eq!(JsonObject::from(schemars::Schema::from(false)).get(), r#"{"not":{}}"#);
    }
}
