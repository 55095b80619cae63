//! A JSON value kept byte for byte.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// A JSON value as the text it came in: numbers keep their digits, objects the order of their keys.
///
/// Used where the protocol says "any value": tool arguments, structured results, schemas, `_meta`
/// values, unknown fields. Two are equal if their values are, however they are written.
///
/// ```
/// use mcp_core::RawJson;
///
/// let price: RawJson = serde_json::from_str("1.10")?;
/// assert_eq!(serde_json::to_string(&price)?, "1.10");
/// assert_eq!(price.parse::<f64>()?, 1.1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// Serialises a value.
    ///
    /// # Errors
    /// If the value is no JSON (a map with keys that are no strings, say).
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        to_raw_value(value).map(Self)
    }

    /// Takes text that is JSON.
    ///
    /// # Errors
    /// If it is not.
    pub fn from_text(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// `{}`.
    #[must_use]
    pub fn empty_object() -> Self {
        Self::from_map()
    }

    /// `null`.
    #[must_use]
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    // `{}` is JSON, so the fallback is never taken; it only spares the caller an error.
    fn from_map() -> Self {
        Self::from_text("{}".to_owned()).unwrap_or_else(|_| Self::null())
    }

    /// The text.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The value as a type.
    ///
    /// # Errors
    /// If it does not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.get())
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        if self.get() == other.get() {
            return true;
        }
        match (self.parse::<serde_json::Value>(), other.parse::<serde_json::Value>()) {
            (Ok(left), Ok(right)) => left == right,
            _ => false,
        }
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for RawJson {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }
}

impl From<serde_json::Value> for RawJson {
    fn from(value: serde_json::Value) -> Self {
        Self::from_serialize(&value).unwrap_or_else(|_| Self::null())
    }
}

impl From<schemars::Schema> for RawJson {
    fn from(schema: schemars::Schema) -> Self {
        schema.to_value().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_and_values_are_compared() {
        let raw: RawJson = serde_json::from_str(r#"{"b": 1.50, "a":[1,2]}"#).unwrap();
        assert_eq!(raw.get(), r#"{"b": 1.50, "a":[1,2]}"#);
        assert_eq!(raw, serde_json::from_str(r#"{"a":[1,2],"b":1.5}"#).unwrap());
        assert_ne!(raw, RawJson::empty_object());
        assert_eq!(RawJson::empty_object().get(), "{}");
        assert!(RawJson::from_text("{".into()).is_err());
    }
}
