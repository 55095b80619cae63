//! The query of a scope: which records of a type it is about.
//!
//! Search parameters of the kinds `token`, `reference`, `string` and `uri`, whose expression is a plain path
//! ([`Definitions::paths`]), with the meaning that FHIR gives them, or a narrower one: accents are compared, and a code without a
//! system in the record fits no system. Modifiers (`code:in`), chains (`patient.birthdate`), other kinds, and parameters that FHIR does
//! not have fit no record, so that such a scope grants nothing.

use std::fmt;

use super::scope::ScopeError;
use crate::fhir::{Definitions, ElementPath, FhirReference, Json, is_id};

/// A search parameter of a scope: its name, and the values of which a record must fit one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Parameter {
    name: String,
    /// As FHIR writes them, `\,` and `\|` escaped.
    values: Vec<String>,
}

/// Reads what follows the question mark.
pub(super) fn parse(query: &str) -> Result<Vec<Parameter>, ScopeError> {
    query
        .split('&')
        .map(|item| {
            let (name, value) = item.split_once('=').ok_or(ScopeError::Query)?;
            let (name, value) = (decoded(name)?, decoded(value)?);
            let values: Vec<String> = split(&value, ',').map(str::to_owned).collect();
            // FHIR's servers pass over a parameter without a value: what was to narrow would not.
            if name.is_empty() || values.iter().any(String::is_empty) {
                return Err(ScopeError::Query);
            }
            Ok(Parameter { name, values })
        })
        .collect()
}

fn decoded(text: &str) -> Result<String, ScopeError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit(), digit());
                let number =
                    high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                number.ok_or(ScopeError::Encoding)?
            }
            b'+' => return Err(ScopeError::Encoding),
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| ScopeError::Encoding)
}

/// The pieces between separators that no backslash escapes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |letter| {
        let separates = letter == separator && !escaped;
        escaped = letter == '\\' && !escaped;
        separates
    })
}

/// The text without FHIR's escapes.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        // A backslash before anything else, or at the end, is no escape.
        match (letter, letters.as_str().starts_with(['\\', ',', '|', '$'])) {
            ('\\', true) => plain.extend(letters.next()),
            _ => plain.push(letter),
        }
    }
    plain
}

impl Parameter {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values, one of which a record must fit, as FHIR writes them: with escapes.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// What a search writes: name and value.
    pub(super) fn to_search(&self) -> (String, String) {
        (self.name.clone(), self.values.join(","))
    }

    /// Whether records of a type can be told by it.
    pub(super) fn is_supported(&self, definitions: &Definitions, resource_type: &str) -> bool {
        self.matcher(definitions, resource_type).is_some()
    }

    /// Whether a record fits.
    pub(super) fn fits(
        &self,
        definitions: &Definitions,
        resource_type: &str,
        record: &Json<'_>,
    ) -> bool {
        let Some((kind, paths)) = self.matcher(definitions, resource_type) else { return false };
        let fits = |path: &ElementPath, value: &Json<'_>| {
            self.values.iter().any(|wanted| match kind {
                Kind::Token => fits_token(wanted, value),
                Kind::Reference => fits_reference(wanted, path.refers_to(), value),
                Kind::String => fits_string(&unescaped(wanted), value),
                Kind::Uri => value.as_str().is_some_and(|value| value == unescaped(wanted)),
            })
        };
        paths.iter().any(|path| path.values(record).into_iter().any(|value| fits(path, value)))
    }

    fn matcher(
        &self,
        definitions: &Definitions,
        resource_type: &str,
    ) -> Option<(Kind, Vec<ElementPath>)> {
        let kind = match definitions.search_parameter(resource_type, &self.name)?.kind {
            "token" => Kind::Token,
            "reference" => Kind::Reference,
            "string" => Kind::String,
            "uri" => Kind::Uri,
            _ => return None,
        };
        let paths = definitions.paths(resource_type, &self.name).ok()?;
        Some((kind, paths))
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Token,
    Reference,
    String,
    Uri,
}

/// `code`, `system|code`, `|code`, `system|`.
fn fits_token(wanted: &str, value: &Json<'_>) -> bool {
    let mut pieces = split(wanted, '|').map(unescaped);
    let (first, second) = (pieces.next().unwrap_or_default(), pieces.next());
    if pieces.next().is_some() {
        return false;
    }
    let fits = |system: Option<&str>, code: Option<&str>| match &second {
        None => code == Some(&*first),
        Some(wanted) if wanted.is_empty() => !first.is_empty() && system == Some(&*first),
        Some(wanted) => {
            let is_system =
                if first.is_empty() { system.is_none() } else { system == Some(&*first) };
            is_system && code == Some(wanted)
        }
    };
    match value {
        Json::Bool(value) => second.is_none() && first == if *value { "true" } else { "false" },
        // The system of a code that stands alone is FHIR's definition's, which is not at hand.
        Json::String(code) => second.is_none() && code.get() == first,
        Json::Object(_) => {
            let pair = |object: &Json<'_>, code: &str| {
                let text = |name| object.get(name).map(Json::as_str);
                match (text("system"), text(code)) {
                    // What is there, and no text, is malformed.
                    (Some(None), _) | (_, Some(None)) => false,
                    (system, code) => fits(system.flatten().as_deref(), code.flatten().as_deref()),
                }
            };
            match value.get("coding").and_then(Json::as_array) {
                Some(codings) => codings.iter().any(|coding| pair(coding, "code")),
                // A Coding; an Identifier or a ContactPoint.
                None if value.get("code").is_some() => pair(value, "code"),
                None => pair(value, "value"),
            }
        }
        Json::Null | Json::Number(_) | Json::Array(_) => false,
    }
}

/// `Type/id`, an address, or an id alone where only one type can be meant.
fn fits_reference(wanted: &str, refers_to: Option<&str>, value: &Json<'_>) -> bool {
    let wanted = unescaped(wanted);
    let Some(text) = value.get("reference").and_then(Json::as_str) else { return false };
    let FhirReference::Resource { base, resource_type, id, .. } = FhirReference::parse(&text)
    else {
        return false;
    };
    if refers_to.is_some_and(|only| only != resource_type) {
        return false;
    }
    match FhirReference::parse(&wanted) {
        FhirReference::Resource { base: on, resource_type: kind, id: number, version: None } => {
            (on, kind, number) == (base, resource_type, id)
        }
        _ => is_id(&wanted) && refers_to.is_some() && base.is_none() && wanted == id,
    }
}

/// How a text, a name or an address begins, whatever the case of letters.
fn fits_string(wanted: &str, value: &Json<'_>) -> bool {
    const PARTS: [&str; 11] = [
        "text",
        "family",
        "given",
        "prefix",
        "suffix",
        "line",
        "city",
        "district",
        "state",
        "postalCode",
        "country",
    ];
    let wanted = wanted.to_lowercase();
    let begins = |value: &Json<'_>| {
        value.as_str().is_some_and(|value| value.to_lowercase().starts_with(&wanted))
    };
    match value {
        Json::Object(_) => PARTS.iter().filter_map(|part| value.get(part)).any(|part| match part {
            Json::Array(several) => several.iter().any(begins),
            one => begins(one),
        }),
        value => begins(value),
    }
}

/// As it stands in a scope: what a scope cannot hold, and what would end the value, percent-encoded.
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_encoded(&self.name, f)?;
        for (number, value) in self.values.iter().enumerate() {
            f.write_str(if number == 0 { "=" } else { "," })?;
            write_encoded(value, f)?;
        }
        Ok(())
    }
}

fn write_encoded(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'%' | b'&' | b'=' | b'+' | b'"' | b'\\') {
            write!(f, "{}", char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}
