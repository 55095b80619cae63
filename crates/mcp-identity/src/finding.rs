//! What is wrong with a document, by name and place.

use std::fmt;

use mcp_trust::strict::{self, StrictError};
use serde_json::{Map, Value};

/// One thing that a document's specification does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: a JSON pointer (RFC 6901); empty for the whole document.
    pub at: String,
    /// What.
    pub problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.at.is_empty() { "the document" } else { &self.at };
        write!(f, "{place} {}", self.problem)
    }
}

/// What is wrong at a place. Messages hold rules, never the document's own text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text is not strict JSON: see [`mcp_trust::strict`].
    #[error("is not strict JSON: {0}")]
    Json(String),
    /// A member that must be there is not.
    #[error("is missing")]
    Missing,
    /// The value is of another kind.
    #[error("is not {0}")]
    Kind(&'static str),
    /// A string has fewer characters than it must have.
    #[error("is shorter than {least} characters")]
    TooShort {
        /// How many it must have at least.
        least: usize,
    },
    /// A string has more characters than it may have.
    #[error("is longer than {most} characters")]
    TooLong {
        /// How many it may have at most.
        most: usize,
    },
    /// A list that must have entries has none.
    #[error("is empty")]
    Empty,
    /// A string is not of the form that is asked for.
    #[error("is not {0}")]
    Form(&'static str),
    /// A string is none of the values that are allowed.
    #[error("is none of {}", .0.join(", "))]
    NotOneOf(&'static [&'static str]),
    /// Of several members exactly one must be there.
    #[error("has not exactly one of {}", .0.join(", "))]
    NotExactlyOne(&'static [&'static str]),
    /// Of several members at least one must be there.
    #[error("has none of {}", .0.join(", "))]
    NoneOf(&'static [&'static str]),
    /// Two members must agree and do not.
    #[error("differs from {0}")]
    Differs(&'static str),
    /// What must be unique is there twice.
    #[error("repeats {0}")]
    Repeated(&'static str),
    /// A member must not be there.
    #[error("must not be there: {0}")]
    Forbidden(&'static str),
    /// The document says a version that this crate does not know how to read.
    #[error("is a version that is not supported here")]
    Version,
}

/// As many findings of a document are told. A document of a megabyte can have a million of them, which would take a hundred times its
/// own size.
pub const MOST: usize = 1000;

/// Everything that was found wrong with a document, up to [`MOST`]. Never empty as an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// The findings, in the order of the specification's members.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The findings as a list.
    #[must_use]
    pub fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, finding) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

/// Reads a document strictly: its text is checked, then its value by `rules`, then it becomes a `T`.
pub(crate) fn judge<T>(text: &[u8], rules: fn(&mut Judge<'_>)) -> Result<T, Findings>
where
    T: serde::de::DeserializeOwned,
{
    let refused = |problem| Findings(vec![Finding { at: String::new(), problem }]);
    let json = |error: StrictError| refused(Problem::Json(error.to_string()));
    let value: Value = strict::from_slice(text).map_err(json)?;
    check(&value, rules)?;
    // The rules are stricter than the types; this is for what they may have missed.
    strict::from_slice(text).map_err(|error| match error {
        StrictError::Form(_) => refused(Problem::Kind("a document of this kind")),
        error => json(error),
    })
}

/// Judges a value that this program made.
pub(crate) fn validate<T: serde::Serialize>(
    document: &T,
    rules: fn(&mut Judge<'_>),
) -> Result<(), Findings> {
    match serde_json::to_value(document) {
        Ok(value) => check(&value, rules),
        Err(error) => {
            let problem = Problem::Json(error.to_string());
            Err(Findings(vec![Finding { at: String::new(), problem }]))
        }
    }
}

fn check(value: &Value, rules: fn(&mut Judge<'_>)) -> Result<(), Findings> {
    let (mut findings, mut path) = (Vec::new(), String::new());
    rules(&mut Judge { value, path: &mut path, findings: &mut findings });
    if findings.is_empty() { Ok(()) } else { Err(Findings(findings)) }
}

/// Looks at one value of a document and notes what is wrong with it.
pub(crate) struct Judge<'a> {
    value: &'a Value,
    path: &'a mut String,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Judge<'a> {
    pub(crate) fn found(&mut self, problem: Problem) {
        if self.findings.len() < MOST {
            self.findings.push(Finding { at: self.path.clone(), problem });
        }
    }

    pub(crate) fn found_at(&mut self, member: &str, problem: Problem) {
        self.within(&escape(member), self.value, |judge| judge.found(problem));
    }

    fn within(&mut self, step: &str, value: &Value, rules: impl FnOnce(&mut Judge<'_>)) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(step);
        rules(&mut Judge { value, path: &mut *self.path, findings: &mut *self.findings });
        self.path.truncate(length);
    }

    /// The members, if it is an object.
    pub(crate) fn object(&mut self) -> Option<&'a Map<String, Value>> {
        let object = self.value.as_object();
        if object.is_none() {
            self.found(Problem::Kind("an object"));
        }
        object
    }

    /// The text, if it is a string.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.found(Problem::Kind("a string"));
        }
        text
    }

    pub(crate) fn is_text(&self) -> bool {
        self.value.is_string()
    }

    pub(crate) fn boolean(&mut self) {
        if !self.value.is_boolean() {
            self.found(Problem::Kind("true or false"));
        }
    }

    /// A member of this object, whatever it is.
    pub(crate) fn member(&self, name: &str) -> Option<&'a Value> {
        self.value.as_object()?.get(name)
    }

    /// A member of this object, if it is a string.
    pub(crate) fn member_text(&self, name: &str) -> Option<&'a str> {
        self.member(name)?.as_str()
    }

    /// A member that must be there.
    pub(crate) fn required(&mut self, name: &str, rules: impl FnOnce(&mut Judge<'_>)) {
        match self.member(name) {
            Some(value) => self.within(&escape(name), value, rules),
            None => self.found_at(name, Problem::Missing),
        }
    }

    /// A member that may be there.
    pub(crate) fn optional(&mut self, name: &str, rules: impl FnOnce(&mut Judge<'_>)) {
        if let Some(value) = self.member(name) {
            self.within(&escape(name), value, rules);
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn natural(&mut self) {
        if !self.value.is_u64() {
            self.found(Problem::Kind("a whole number"));
        }
    }

    /// The entries, if it is a list.
    pub(crate) fn entries(&self) -> &'a [Value] {
        self.value.as_array().map_or(&[], Vec::as_slice)
    }

    /// A list, each entry by the same rules.
    pub(crate) fn each(&mut self, rules: impl Fn(&mut Judge<'_>)) {
        let Some(entries) = self.value.as_array() else {
            return self.found(Problem::Kind("a list"));
        };
        for (at, entry) in entries.iter().enumerate() {
            self.within(&at.to_string(), entry, &rules);
        }
    }

    /// A list that has entries, each by the same rules.
    pub(crate) fn some(&mut self, rules: impl Fn(&mut Judge<'_>)) {
        if self.value.as_array().is_some_and(Vec::is_empty) {
            self.found(Problem::Empty);
        }
        self.each(rules);
    }

    /// An object used as a map, each value by the same rules.
    pub(crate) fn values(&mut self, rules: impl Fn(&mut Judge<'_>)) {
        for (key, value) in self.object().into_iter().flatten() {
            self.within(&escape(key), value, &rules);
        }
    }

    pub(crate) fn string(&mut self) {
        self.text();
    }

    pub(crate) fn strings(&mut self) {
        self.each(|one| one.string());
    }

    pub(crate) fn some_strings(&mut self) {
        self.some(|one| one.string());
    }

    /// A string that must have characters.
    pub(crate) fn filled(&mut self) {
        self.length(1, usize::MAX);
    }

    /// A string of so many characters (code points, as JSON Schema counts).
    pub(crate) fn length(&mut self, least: usize, most: usize) {
        let Some(text) = self.text() else { return };
        let length = text.chars().count();
        if length < least {
            self.found(Problem::TooShort { least });
        }
        if length > most {
            self.found(Problem::TooLong { most });
        }
    }

    /// A string of a form.
    pub(crate) fn form(&mut self, form: &'static str, is: impl FnOnce(&str) -> bool) {
        if let Some(text) = self.text()
            && !is(text)
        {
            self.found(Problem::Form(form));
        }
    }

    /// An absolute URI.
    pub(crate) fn uri(&mut self) {
        self.form("an absolute URI", is_uri);
    }

    pub(crate) fn one_of(&mut self, names: &'static [&'static str]) {
        if let Some(text) = self.text()
            && !names.contains(&text)
        {
            self.found(Problem::NotOneOf(names));
        }
    }

    pub(crate) fn exactly_one_of(&mut self, names: &'static [&'static str]) {
        if names.iter().filter(|name| self.member(name).is_some()).count() != 1 {
            self.found(Problem::NotExactlyOne(names));
        }
    }
}

/// The rules that need nothing more said, by their names.
pub(crate) mod rule {
    use super::Judge;

    macro_rules! rules {
        ($($name:ident)*) => {
            $(pub(crate) fn $name(judge: &mut Judge<'_>) {
                judge.$name();
            })*
        };
    }

    rules! { boolean filled some_strings string strings uri }
}

/// A key as a step of a JSON pointer.
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// An absolute URI (RFC 3986): a scheme, a colon, and then characters that URIs have.
pub(crate) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let mut scheme = scheme.bytes();
    let bytes = rest.as_bytes();
    scheme.next().is_some_and(|first| first.is_ascii_alphabetic())
        && scheme.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
        && bytes.iter().enumerate().all(|(at, &byte)| match byte {
            b'%' => {
                bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        for yes in ["https://a.example/x?y#z", "did:web:a.example", "urn:a:b", "data:,%20", "a:b"] {
            assert!(is_uri(yes), "{yes}");
        }
        for no in ["", "a", ":", "a:", "/a", "1a:b", "https://a b", "a:%2", "a:\u{e9}", "a:<"] {
            assert!(!is_uri(no), "{no}");
        }
    }

    #[test]
    fn keys_are_escaped_in_pointers() {
        let found = check(&serde_json::json!({"a/b": {"~": 1}}), |judge| {
            judge.required("a/b", |inner| inner.required("~", rule::string));
        });
        let found = found.unwrap_err();
        assert_eq!(found.to_string(), "/a~1b/~0 is not a string");
    }
}
