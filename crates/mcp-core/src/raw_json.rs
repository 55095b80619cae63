//! JSON kept as the text it was received as.
//!
//! Tool arguments, structured results, `_meta` values and fields this library does not know pass
//! through it without being turned into a tree: they are checked to be well-formed JSON once, and
//! parsed only where somebody needs them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// One JSON value, kept byte for byte.
///
/// It can be a field of any type that `serde_json` reads from text or bytes; number spelling, key
/// order and white space inside the value survive. A type that contains a `RawJson` cannot be read
/// through serde's buffering attributes (`flatten`, `untagged`, `tag`) nor by other formats.
///
/// Two values are equal when they are the same JSON value, whatever their spelling. Objects that
/// repeat a key compare by the last occurrence. Values too deeply nested to be parsed (128 levels)
/// are equal only if their texts are.
///
/// ```
/// use mcp_core::RawJson;
///
/// let value: RawJson = serde_json::from_str(r#"{"b": 1.50, "a": null}"#)?;
/// assert_eq!(value.get(), r#"{"b": 1.50, "a": null}"#);
/// assert_eq!(value, serde_json::from_str(r#"{"a":null,"b":1.5}"#)?);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// The JSON `null`.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    /// Writes `value` as JSON.
    ///
    /// # Errors
    ///
    /// When the value's own `Serialize` refuses, or it has a map with keys that are not strings.
    ///
    /// ```
    /// let value = mcp_core::RawJson::from_serialize(&[1, 2, 3])?;
    /// assert_eq!(value.get(), "[1,2,3]");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn from_serialize<T>(value: &T) -> Result<Self, serde_json::Error>
    where
        T: Serialize + ?Sized,
    {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// Takes over a text that must be exactly one JSON value; white space around it is dropped.
    ///
    /// # Errors
    ///
    /// When the text is not one well-formed JSON value.
    pub fn from_string(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// Parses the value into a type, which may borrow from it.
    ///
    /// # Errors
    ///
    /// When the value does not have the shape of `T`.
    ///
    /// ```
    /// let value = mcp_core::RawJson::from_serialize(&[1, 2, 3])?;
    /// assert_eq!(value.parse::<Vec<u8>>()?, [1, 2, 3]);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn parse<'a, T>(&'a self) -> Result<T, serde_json::Error>
    where
        T: Deserialize<'a>,
    {
        serde_json::from_str(self.0.get())
    }

    /// The JSON text, without white space around it.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The value in the form `serde_json` uses.
    pub fn as_raw_value(&self) -> &RawValue {
        &self.0
    }

    /// Whether this is the JSON `null`.
    pub fn is_null(&self) -> bool {
        self.get() == "null"
    }

    /// Whether this is a JSON object.
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }

    /// Whether this is a JSON array.
    pub fn is_array(&self) -> bool {
        self.get().starts_with('[')
    }
}

impl Default for RawJson {
    /// The JSON `null`.
    fn default() -> Self {
        Self::null()
    }
}

impl From<Box<RawValue>> for RawJson {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw)
    }
}

impl From<&RawValue> for RawJson {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

impl From<RawJson> for Box<RawValue> {
    fn from(raw: RawJson) -> Self {
        raw.0
    }
}

impl From<Value> for RawJson {
    fn from(value: Value) -> Self {
        // A `Value` has string keys and finite numbers only, so writing it cannot fail.
        Self::from_serialize(&value).unwrap_or_default()
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({})", self.get())
    }
}

impl fmt::Display for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        if self.get() == other.get() {
            return true;
        }
        match (self.parse::<Value>(), other.parse::<Value>()) {
            (Ok(left), Ok(right)) => left == right,
            _ => false,
        }
    }
}

impl Serialize for RawJson {
    fn serialize<S>(&self, serializer: S) -> Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D>(deserializer: D) -> Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for RawJson {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "JSONValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}

/// Takes the line ends out of a JSON text: a [`RawJson`] keeps those that it was written with, and in
/// messages they would end the message (specification, *Transports → stdio*) or the event.
///
/// JSON strings hold them as escapes only, so those that stand there are white space between tokens.
pub(crate) fn on_one_line(json: &mut [u8]) {
    let mut rest = json;
    while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
        let (before, after) = rest.split_at_mut(at + 1);
        if let Some(line_end) = before.last_mut() {
            *line_end = b' ';
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RawJson;

    #[test]
    fn the_text_survives_as_it_was_written() {
        let text = r#"{"z": 1.0,"a":[1e2, "\u0041"]}"#;
        let padded: RawJson = serde_json::from_str(&format!("  {text}\n")).unwrap();
        assert_eq!(padded.get(), text);
        assert_eq!(serde_json::to_string(&padded).unwrap(), text);
    }

    #[test]
    fn equality_is_of_values_not_of_texts() {
        let left = RawJson::from_string(r#"{"a":"A","b":2}"#.into()).unwrap();
        let right = RawJson::from_string(r#"{ "b": 2, "a": "\u0041" }"#.into()).unwrap();
        assert_eq!(left, right);
        assert_ne!(left, RawJson::null());
    }

    #[test]
    fn very_deep_nesting_is_kept_and_compared_by_text() {
        let text = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let deep: RawJson = serde_json::from_str(&text).unwrap();
        assert_eq!(deep, deep.clone());
        assert_ne!(deep, RawJson::null());
        assert!(deep.parse::<serde_json::Value>().is_err());
    }

    #[test]
    fn text_that_is_not_one_value_is_refused() {
        for text in ["", "{", "1 2", "nul", "{\"a\":}"] {
            assert!(RawJson::from_string(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_tree_becomes_its_text() {
        assert_eq!(RawJson::from(json!({"a": [1, null]})).get(), r#"{"a":[1,null]}"#);
        assert_eq!(serde_json::from_value::<RawJson>(json!([1])).unwrap().get(), "[1]");
    }
}
