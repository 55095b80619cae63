//! Tool parameters that HTTP clients mirror into `Mcp-Param-*` headers.
//!
//! Source: specification, *Streamable HTTP → Custom headers from tool parameters*.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;
use serde_json::{Map, Value};

const KEYWORD: &str = "x-mcp-header";
/// Integers must be exact in a double: within ±(2⁵³−1).
const MAX_SAFE: i64 = (1 << 53) - 1;

/// A tool's parameters that are mirrored, from its input schema.
///
/// ```
/// use mcp_core::param_headers::ParamHeaders;
///
/// let schema = r#"{"type":"object","properties":{
///     "region":{"type":"string","x-mcp-header":"Region"}}}"#;
/// let headers = ParamHeaders::from_schema(schema)?;
/// let values = headers.extract(r#"{"region":"us-west1"}"#)?;
/// assert_eq!(values[0].1.as_deref(), Some("us-west1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParamHeaders {
    entries: Vec<ParamHeader>,
}

/// A mirrored parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParamHeader {
    /// The header's name after `Mcp-Param-`.
    pub name: String,
    /// The chain of properties that leads to the value.
    pub path: Vec<String>,
    /// The parameter's type.
    pub kind: ParamKind,
}

/// Types that can be mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// `string`
    String,
    /// `integer`
    Integer,
    /// `boolean`
    Boolean,
}

/// Why a schema's annotations are not valid; clients then leave the tool out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamHeaderError {
    /// The schema is no JSON.
    #[error("the schema is no JSON")]
    Json,
    /// The annotation is no string.
    #[error("`x-mcp-header` must be a string")]
    NotAString,
    /// The name is empty or no header name.
    #[error("`x-mcp-header` value is no header name")]
    Name,
    /// Two annotations have the same name, apart from case.
    #[error("the header name `{0}` is used twice")]
    Duplicate(String),
    /// The parameter is no string, integer or boolean.
    #[error("the header `{0}` is on a parameter that is no string, integer or boolean")]
    Type(String),
    /// The annotation is not reached from the root by `properties` alone.
    #[error("`x-mcp-header` stands where it cannot be reached by properties alone")]
    Place,
}

/// Why values cannot be taken from arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamValueError {
    /// The arguments are no JSON object.
    #[error("the arguments are no JSON object")]
    Arguments,
    /// The value is not of the parameter's type, or an integer that is not safe.
    #[error("the value for the header `{0}` does not have its parameter's type")]
    Type(String),
}

impl ParamHeaders {
    /// Finds the annotations of an input schema.
    ///
    /// # Errors
    /// If one of them is not valid: the whole tool definition is not, then.
    pub fn from_schema(schema: &str) -> Result<Self, ParamHeaderError> {
        if !schema.contains(KEYWORD) {
            // An escaped spelling of the keyword is possible JSON, and no one's.
            if !schema.contains("\\u") {
                return Ok(Self::default());
            }
        }
        let schema: Value = serde_json::from_str(schema).map_err(|_| ParamHeaderError::Json)?;
        let mut found = Self::default();
        let mut path = Vec::new();
        found.reachable(&schema, &mut path)?;
        let mut names = HashSet::new();
        for entry in &found.entries {
            if !names.insert(entry.name.to_ascii_lowercase()) {
                return Err(ParamHeaderError::Duplicate(entry.name.clone()));
            }
        }
        Ok(found)
    }

    /// Walks a schema that is reached by properties alone.
    fn reachable(
        &mut self,
        schema: &Value,
        path: &mut Vec<String>,
    ) -> Result<(), ParamHeaderError> {
        let Value::Object(schema) = schema else { return Ok(()) };
        for (keyword, value) in schema {
            match (keyword.as_str(), value) {
                (KEYWORD, value) => self.annotation(value, schema, path)?,
                ("properties", Value::Object(properties)) => {
                    for (name, property) in properties {
                        path.push(name.clone());
                        self.reachable(property, path)?;
                        path.pop();
                    }
                }
                // Values, not schemas: what looks like an annotation in them is data.
                ("const" | "enum" | "default" | "examples", _) => {}
                (keyword, value) => unreachable_below(keyword, value)?,
            }
        }
        Ok(())
    }

    fn annotation(
        &mut self,
        value: &Value,
        schema: &Map<String, Value>,
        path: &[String],
    ) -> Result<(), ParamHeaderError> {
        let name = value.as_str().ok_or(ParamHeaderError::NotAString)?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(ParamHeaderError::Name);
        }
        if path.is_empty() {
            return Err(ParamHeaderError::Place);
        }
        let kind = match schema.get("type").and_then(Value::as_str) {
            Some("string") => ParamKind::String,
            Some("integer") => ParamKind::Integer,
            Some("boolean") => ParamKind::Boolean,
            _ => return Err(ParamHeaderError::Type(name.to_owned())),
        };
        self.entries.push(ParamHeader { name: name.to_owned(), path: path.to_vec(), kind });
        Ok(())
    }

    /// The mirrored parameters.
    #[must_use]
    pub fn entries(&self) -> &[ParamHeader] {
        &self.entries
    }

    /// The values that the arguments have, as text for a header: `None` where there is none or it is
    /// `null`.
    ///
    /// # Errors
    /// If the arguments are no object, or a value does not have its parameter's type.
    pub fn extract(
        &self,
        arguments: &str,
    ) -> Result<Vec<(&ParamHeader, Option<String>)>, ParamValueError> {
        self.values(arguments).map(|(entry, value)| Ok((entry, value?))).collect()
    }

    /// As [`extract`](Self::extract), with an outcome for each parameter: one value of a wrong type
    /// does not hide the others.
    pub fn values<'a, 'b>(
        &'a self,
        arguments: &'b str,
    ) -> impl Iterator<Item = (&'a ParamHeader, Result<Option<String>, ParamValueError>)> + use<'a, 'b>
    {
        self.entries.iter().map(move |entry| (entry, entry.value(arguments)))
    }
}

impl ParamHeader {
    fn value(&self, arguments: &str) -> Result<Option<String>, ParamValueError> {
        match value_at(arguments, &self.path)?.map(RawValue::get) {
            None | Some("null") => Ok(None),
            Some(raw) => match self.kind.text(raw) {
                Some(text) => Ok(Some(text)),
                None => Err(ParamValueError::Type(self.name.clone())),
            },
        }
    }
}

impl ParamKind {
    /// A JSON value as header text; `None` if it has another type.
    fn text(self, raw: &str) -> Option<String> {
        match self {
            Self::String => serde_json::from_str(raw).ok(),
            Self::Boolean => matches!(raw, "true" | "false").then(|| raw.to_owned()),
            Self::Integer => integer(raw).map(|number| number.to_string()),
        }
    }

    /// Whether a header's text and a value's text say the same: integers are compared as numbers.
    #[must_use]
    pub fn same(self, header: &str, value: &str) -> bool {
        match self {
            Self::Integer => match (integer(header), integer(value)) {
                (Some(header), Some(value)) => header == value,
                _ => false,
            },
            Self::String | Self::Boolean => header == value,
        }
    }
}

/// A safe integer, also where it is written as `42.0` or `4.2e1`.
fn integer(text: &str) -> Option<i64> {
    let number: serde_json::Number = serde_json::from_str(text).ok()?;
    let number = match number.as_i64() {
        Some(number) => number,
        None => {
            let float = number.as_f64()?;
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
            if float.fract() == 0.0 && float.abs() <= MAX_SAFE as f64 {
                float as i64
            } else {
                return None;
            }
        }
    };
    (-MAX_SAFE..=MAX_SAFE).contains(&number).then_some(number)
}

fn value_at<'a>(
    arguments: &'a str,
    path: &[String],
) -> Result<Option<&'a RawValue>, ParamValueError> {
    let mut here = arguments;
    let mut found = None;
    for (depth, step) in path.iter().enumerate() {
        if depth > 0 && !here.starts_with('{') {
            return Ok(None);
        }
        let members: HashMap<Cow<'a, str>, &'a RawValue> =
            serde_json::from_str(here).map_err(|_| ParamValueError::Arguments)?;
        match members.get(step.as_str()) {
            None => return Ok(None),
            Some(value) => {
                here = value.get();
                found = Some(*value);
            }
        }
    }
    Ok(found)
}

/// Keywords whose members are schemas under names of the author's, which may be those of keywords.
const NAMED_SCHEMAS: [&str; 6] =
    ["properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"];

/// An annotation anywhere below a keyword could never be reached.
fn unreachable_below(keyword: &str, value: &Value) -> Result<(), ParamHeaderError> {
    match value {
        Value::Object(named) if NAMED_SCHEMAS.contains(&keyword) => {
            named.values().try_for_each(unreachable_place)
        }
        value => unreachable_place(value),
    }
}

/// An annotation anywhere in this schema, or in one of these, could never be reached.
fn unreachable_place(value: &Value) -> Result<(), ParamHeaderError> {
    match value {
        Value::Object(schema) => {
            schema.iter().try_for_each(|(keyword, value)| match keyword.as_str() {
                KEYWORD => Err(ParamHeaderError::Place),
                "const" | "enum" | "default" | "examples" => Ok(()),
                keyword => unreachable_below(keyword, value),
            })
        }
        Value::Array(items) => items.iter().try_for_each(unreachable_place),
        _ => Ok(()),
    }
}

/// RFC 9110: `tchar`.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(properties: &str) -> Result<ParamHeaders, ParamHeaderError> {
        ParamHeaders::from_schema(&format!(r#"{{"type":"object","properties":{properties}}}"#))
    }

    #[test]
    fn nested_properties_are_reached() {
        let headers = parse(
            r#"{"a":{"type":"object","properties":{"b":{"type":"integer","x-mcp-header":"B"}}}}"#,
        )
        .unwrap();
        assert_eq!(headers.entries()[0].path, ["a", "b"]);
        let values = |arguments| headers.extract(arguments).unwrap()[0].1.clone();
        assert_eq!(values(r#"{"a":{"b":42}}"#).as_deref(), Some("42"));
        assert_eq!(values(r#"{"a":{"b":42.0}}"#).as_deref(), Some("42"));
        assert_eq!(values(r#"{"a":{"b":null}}"#), None);
        assert_eq!(values(r#"{"a":{}}"#), None);
        assert_eq!(values(r#"{"a":7}"#), None);
        assert_eq!(values("{}"), None);
        assert!(headers.extract(r#"{"a":{"b":"x"}}"#).is_err());
        assert!(headers.extract(r#"{"a":{"b":9007199254740993}}"#).is_err());
        assert!(headers.extract("[]").is_err());
    }

    #[test]
    fn a_value_of_a_wrong_type_hides_no_other() {
        let headers = parse(
            r#"{"a":{"type":"integer","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"B"}}"#,
        )
        .unwrap();
        let values: Vec<_> = headers.values(r#"{"a":"x","b":"y"}"#).map(|found| found.1).collect();
        assert_eq!(values, [Err(ParamValueError::Type("A".into())), Ok(Some("y".into()))]);
        assert!(headers.extract(r#"{"a":"x","b":"y"}"#).is_err());
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        assert!(ParamKind::Integer.same("42.0", "42"));
        assert!(!ParamKind::Integer.same("42.5", "42"));
        assert!(!ParamKind::Integer.same("x", "42"));
        assert!(ParamKind::Boolean.same("true", "true"));
        assert!(!ParamKind::String.same("42.0", "42"));
    }

    #[test]
    fn bad_annotations_are_named() {
        use ParamHeaderError as E;
        for (properties, error) in [
            (r#"{"a":{"type":"string","x-mcp-header":""}}"#, E::Name),
            (r#"{"a":{"type":"string","x-mcp-header":"a b"}}"#, E::Name),
            (r#"{"a":{"type":"string","x-mcp-header":"a\r\n"}}"#, E::Name),
            (r#"{"a":{"type":"string","x-mcp-header":7}}"#, E::NotAString),
            (r#"{"a":{"type":"number","x-mcp-header":"A"}}"#, E::Type("A".into())),
            (r#"{"a":{"x-mcp-header":"A"}}"#, E::Type("A".into())),
            (r#"{"a":{"type":["string","null"],"x-mcp-header":"A"}}"#, E::Type("A".into())),
            (
                r#"{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}"#,
                E::Duplicate("a".into()),
            ),
            (r#"{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}"#, E::Place),
            (r#"{"a":{"anyOf":[{"type":"string","x-mcp-header":"A"}]}}"#, E::Place),
        ] {
            assert_eq!(parse(properties).unwrap_err(), error, "{properties}");
        }
        let at_root = r#"{"type":"object","x-mcp-header":"A"}"#;
        assert_eq!(ParamHeaders::from_schema(at_root).unwrap_err(), E::Place);
        let in_defs = r#"{"$defs":{"a":{"type":"string","x-mcp-header":"A"}}}"#;
        assert_eq!(ParamHeaders::from_schema(in_defs).unwrap_err(), E::Place);
    }

    #[test]
    fn data_is_no_annotation() {
        let headers = parse(r#"{"a":{"type":"object","default":{"x-mcp-header":"A"}}}"#).unwrap();
        assert!(headers.entries().is_empty());
        let property = parse(r#"{"x-mcp-header":{"type":"string"}}"#).unwrap();
        assert!(property.entries().is_empty(), "a parameter of that name");
    }
}
