//! JSON as it was written: numbers keep their digits, strings their escapes.
//!
//! FHIR's decimals carry their precision: `1.50` is not `1.5`. A reader that makes floating-point numbers of them changes
//! one in sixty of those in the official examples. Here a number is the text it was, and whoever edits one
//! element leaves all others as they are.

use std::borrow::Cow;
use std::fmt;

use mcp_trust::strict::{Reader, StrictError};

/// A JSON value, borrowed from its text as far as it has not been edited.
///
/// ```
/// use mcp_ext_healthcare::fhir::Json;
///
/// let mut resource = Json::parse(br#"{"status":"final","valueQuantity":{"value":1.50,"low":1e-2}}"#)?;
/// if let Some(status) = resource.get_mut("status") {
///     *status = Json::text("amended");
/// }
/// assert_eq!(
///     resource.to_string(),
///     r#"{"status":"amended","valueQuantity":{"value":1.50,"low":1e-2}}"#,
/// );
/// # Ok::<(), mcp_ext_healthcare::fhir::JsonError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as written.
    Number(Cow<'a, str>),
    /// A string.
    String(Text<'a>),
    /// Values in order.
    Array(Vec<Json<'a>>),
    /// Members in the order in which they were written; no name twice.
    Object(Vec<(Text<'a>, Json<'a>)>),
}

/// A string as it stands in JSON. Equal are those that are written alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'a> {
    /// Between the quotation marks.
    written: Cow<'a, str>,
}

/// The text is not JSON that can be read in one way only, or is nested too deep.
#[derive(Debug, thiserror::Error)]
#[error("the resource is no strict JSON: {0}")]
pub struct JsonError(#[from] StrictError);

impl<'a> Text<'a> {
    /// A string of characters.
    #[must_use]
    pub fn new(text: &str) -> Text<'static> {
        let quoted = serde_json::Value::from(text).to_string();
        let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        Text { written: Cow::Owned(inner.to_owned()) }
    }

    /// The same, as written, for itself.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        Text { written: Cow::Owned(self.written.into_owned()) }
    }

    /// The characters, with escapes resolved.
    #[must_use]
    pub fn get(&self) -> Cow<'_, str> {
        if !self.written.contains('\\') {
            return Cow::Borrowed(&self.written);
        }
        // What was read is valid, so this does not fail; the text as written is no worse than an empty one.
        let decoded = serde_json::from_str(&format!("\"{}\"", self.written));
        decoded.map_or(Cow::Borrowed(&*self.written), Cow::Owned)
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, text: &str) -> bool {
        self.get() == text
    }
}

impl<'a> Json<'a> {
    /// Reads a text.
    ///
    /// # Errors
    /// If it is not strict JSON ([`mcp_trust::strict`]): a name twice in an object, say, or nested more than 64 deep.
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        // Decimals of any precision: they stay text.
        let text = Reader::new().any_number().check(text)?;
        let mut reader = Cursor { text, bytes: text.as_bytes(), at: 0 };
        Ok(reader.value())
    }

    /// A string of characters.
    #[must_use]
    pub fn text(text: &str) -> Json<'static> {
        Json::String(Text::new(text))
    }

    /// The same, as written, for itself: without the text that it was read from.
    #[must_use]
    pub fn into_owned(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(digits) => Json::Number(Cow::Owned(digits.into_owned())),
            Self::String(text) => Json::String(text.into_owned()),
            Self::Array(values) => Json::Array(values.into_iter().map(Json::into_owned).collect()),
            Self::Object(members) => Json::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name.into_owned(), value.into_owned()))
                    .collect(),
            ),
        }
    }

    /// The characters of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::String(text) => Some(text.get()),
            _ => None,
        }
    }

    /// The values of an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// The members of an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&[(Text<'a>, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// A member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// A member of an object, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        let Self::Object(members) = self else { return None };
        members.iter_mut().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Sets a member of an object, where it was or at the end. What is no object stays as it is, and `false` says so.
    pub fn set(&mut self, name: &str, value: Json<'a>) -> bool {
        if let Some(own) = self.get_mut(name) {
            *own = value;
            return true;
        }
        let Self::Object(members) = self else { return false };
        members.push((Text::new(name), value));
        true
    }

    /// Takes a member out of an object.
    pub fn remove(&mut self, name: &str) -> Option<Self> {
        let Self::Object(members) = self else { return None };
        let at = members.iter().position(|(own, _)| own == name)?;
        Some(members.remove(at).1)
    }

    /// Writes the value's JSON, without white space, at the end of a text.
    pub fn write(&self, to: &mut String) {
        match self {
            Self::Null => to.push_str("null"),
            Self::Bool(true) => to.push_str("true"),
            Self::Bool(false) => to.push_str("false"),
            Self::Number(digits) => to.push_str(digits),
            Self::String(text) => write_text(text, to),
            Self::Array(values) => {
                to.push('[');
                for (number, value) in values.iter().enumerate() {
                    if number > 0 {
                        to.push(',');
                    }
                    value.write(to);
                }
                to.push(']');
            }
            Self::Object(members) => {
                to.push('{');
                for (number, (name, value)) in members.iter().enumerate() {
                    if number > 0 {
                        to.push(',');
                    }
                    write_text(name, to);
                    to.push(':');
                    value.write(to);
                }
                to.push('}');
            }
        }
    }
}

fn write_text(text: &Text<'_>, to: &mut String) {
    to.push('"');
    to.push_str(&text.written);
    to.push('"');
}

/// The value's JSON, without white space.
impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        f.write_str(&text)
    }
}

/// Goes through a text that is known to be strict JSON; so it looks only for where things end. As deep as the text is
/// nested, which the check has bounded.
struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn value(&mut self) -> Json<'a> {
        match self.peek() {
            Some(b'{') => {
                let mut members = Vec::new();
                self.at += 1;
                while let Some(b'"') = self.peek() {
                    let name = self.string();
                    self.skip(b':');
                    members.push((name, self.value()));
                    self.skip(b',');
                }
                self.skip(b'}');
                Json::Object(members)
            }
            Some(b'[') => {
                let mut values = Vec::new();
                self.at += 1;
                while !matches!(self.peek(), None | Some(b']')) {
                    values.push(self.value());
                    self.skip(b',');
                }
                self.skip(b']');
                Json::Array(values)
            }
            Some(b'"') => Json::String(self.string()),
            _ => match self.word() {
                "null" => Json::Null,
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                digits => Json::Number(Cow::Borrowed(digits)),
            },
        }
    }

    fn string(&mut self) -> Text<'a> {
        self.at += 1;
        let start = self.at;
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Text { written: Cow::Borrowed(written) }
    }

    /// A number or a word. At least one byte, so that nothing waits for ever.
    fn word(&mut self) -> &'a str {
        let start = self.at;
        self.at += 1;
        while let Some(b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.') =
            self.bytes.get(self.at)
        {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or("null")
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) {
        if self.peek() == Some(byte) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn numbers_and_strings_stay_as_written() {
        let text = r#" { "a" : [ 1.50 , -0.0 , 1E+2 , 100000000000000000.00000000000000001e-9, {} , [ ] ] , "\u0062\n" : "\u00e9\\\"" , "c" : [true,false,null] } "#;
        let json = Json::parse(text.as_bytes()).unwrap();
        assert_eq!(
            json.to_string(),
            r#"{"a":[1.50,-0.0,1E+2,100000000000000000.00000000000000001e-9,{},[]],"\u0062\n":"\u00e9\\\"","c":[true,false,null]}"#
        );
        assert_eq!(json.get("b\n").unwrap().as_str().unwrap(), "é\\\"");
    }

    #[test]
    fn edits_touch_what_they_are_of() {
        let mut json = Json::parse(br#"{"a":1.10,"b":{"c":2.20},"d":"x"}"#).unwrap();
        assert!(json.set("a", Json::text("\"\n")));
        assert!(json.get_mut("b").unwrap().set("e", Json::Null));
        assert_eq!(json.remove("d"), Some(Json::text("x")));
        assert_eq!(json.remove("d"), None);
        assert_eq!(json.to_string(), r#"{"a":"\"\n","b":{"c":2.20,"e":null}}"#);
        assert!(!Json::Null.set("a", Json::Null) && Json::Null.get("a").is_none());
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for text in ["", "{", r#"{"a":1,"\u0061":2}"#, "[1,]", "1 2", "\u{feff}1", "01"] {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Json::parse("[".repeat(100_000).as_bytes()).is_err());
        assert!(Json::parse(b"\"\xff\"").is_err());
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            (-1e6..1e6).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn written_again_it_is_the_same(value in value()) {
            let (plain, pretty) = (value.to_string(), serde_json::to_string_pretty(&value).unwrap());
            prop_assert_eq!(Json::parse(plain.as_bytes()).unwrap().to_string(), plain.clone());
            prop_assert_eq!(Json::parse(pretty.as_bytes()).unwrap().to_string(), plain);
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(json) = Json::parse(&bytes) {
                prop_assert!(serde_json::from_str::<Value>(&json.to_string()).is_ok());
            }
        }

        #[test]
        fn characters_come_back(text: String) {
            let written = Text::new(&text);
            prop_assert_eq!(written.get(), text);
        }
    }
}
