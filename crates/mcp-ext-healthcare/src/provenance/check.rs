//! Whether a resource fits FHIR's definition of its type.

use crate::fhir::{Content, Definitions, Element, Json, Primitive, Shape};

/// How a resource does not fit. It holds nothing of the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub enum Misfit {
    /// It has an element that the type does not have.
    UnknownElement,
    /// It lacks an element that must be there.
    MissingElement,
    /// It has two of a choice.
    TwoOfAChoice,
    /// An element is one value where there are several, or the other way round, or an empty one.
    Form,
    /// A value is of another datatype.
    Datatype,
    /// A code is none of those that it must be from.
    Code,
    /// It has what would change the meaning of the rest (`modifierExtension`, `implicitRules`), or holds other resources.
    Modifier,
}

impl Misfit {
    /// Its text, which stands in the program.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::UnknownElement => {
                "The resource has an element that FHIR does not have in this place."
            }
            Self::MissingElement => "The resource lacks an element that FHIR makes mandatory.",
            Self::TwoOfAChoice => "The resource has two elements of which there can be one.",
            Self::Form => {
                "An element of the resource is a list where there is one, no list where there are several, or empty."
            }
            Self::Datatype => "A value of the resource is of another datatype than FHIR has there.",
            Self::Code => "A code of the resource is none of those that FHIR has there.",
            Self::Modifier => {
                "The resource must have no modifierExtension, no implicitRules, and must not contain other resources."
            }
        }
    }
}

/// Checks a resource as one that a model may write.
pub(super) fn check(
    definitions: &Definitions,
    resource_type: &str,
    resource: &Json<'_>,
) -> Result<(), Misfit> {
    let shape = definitions.resource(resource_type).ok_or(Misfit::UnknownElement)?;
    Checking { definitions }.elements(shape, resource, true)
}

struct Checking<'a> {
    definitions: &'a Definitions,
}

impl Checking<'_> {
    fn elements(&self, shape: Shape, json: &Json<'_>, is_resource: bool) -> Result<(), Misfit> {
        let members = json.as_object().ok_or(Misfit::Datatype)?;
        if members.is_empty() {
            return Err(Misfit::Form);
        }
        let mut choices: Vec<&str> = Vec::new();
        for (name, value) in members {
            let name = name.get();
            if is_resource && name == "resourceType" {
                continue;
            }
            if matches!(&*name, "modifierExtension" | "implicitRules" | "contained") {
                return Err(Misfit::Modifier);
            }
            // `_birthDate` says more of `birthDate`.
            if let Some(own) = name.strip_prefix('_') {
                let element = self.definitions.member(shape, own).ok_or(Misfit::UnknownElement)?;
                self.sibling(element, value)?;
                continue;
            }
            let element = self.definitions.member(shape, &name).ok_or(Misfit::UnknownElement)?;
            if let Some(choice) = element.choice {
                if choices.contains(&choice) {
                    return Err(Misfit::TwoOfAChoice);
                }
                choices.push(choice);
            }
            match (element.is_repeated, value) {
                (true, Json::Array(values)) if !values.is_empty() => {
                    for value in values {
                        // A place without a value has what stands beside it.
                        if *value == Json::Null && json.get(&format!("_{name}")).is_some() {
                            continue;
                        }
                        self.value(element, value)?;
                    }
                }
                (true, _) | (false, Json::Array(_)) => return Err(Misfit::Form),
                (false, value) => self.value(element, value)?,
            }
        }
        let is_there = |element: &Element| match element.choice {
            Some(choice) => choices.contains(&choice),
            None => {
                json.get(&element.name).is_some()
                    || json.get(&format!("_{}", element.name)).is_some()
            }
        };
        let mut mandatory =
            self.definitions.elements(shape).iter().filter(|element| element.is_mandatory);
        if mandatory.all(is_there) { Ok(()) } else { Err(Misfit::MissingElement) }
    }

    /// What stands beside a primitive value: an id and extensions.
    fn sibling(&self, element: &Element, json: &Json<'_>) -> Result<(), Misfit> {
        if !matches!(element.content, Content::Primitive(_)) {
            return Err(Misfit::UnknownElement);
        }
        let shape = self.definitions.datatype("Element").ok_or(Misfit::UnknownElement)?;
        match json {
            Json::Array(values) if element.is_repeated => values
                .iter()
                .filter(|value| **value != Json::Null)
                .try_for_each(|value| self.elements(shape, value, false)),
            value if !element.is_repeated => self.elements(shape, value, false),
            _ => Err(Misfit::Form),
        }
    }

    fn value(&self, element: &Element, json: &Json<'_>) -> Result<(), Misfit> {
        match element.content {
            Content::Elements(shape) => self.elements(shape, json, false),
            Content::Resource => Err(Misfit::Modifier),
            Content::Primitive(primitive) => {
                if !fits(primitive, json) {
                    return Err(Misfit::Datatype);
                }
                let codes = element.codes.and_then(|name| self.definitions.codes(name));
                match (codes, json.as_str()) {
                    (Some(codes), Some(code)) if !codes.contains(&&*code) => Err(Misfit::Code),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// Whether a value is one of a primitive datatype.
fn fits(primitive: Primitive, json: &Json<'_>) -> bool {
    match (primitive, json) {
        (Primitive::Boolean, Json::Bool(_)) => true,
        (Primitive::Decimal, Json::Number(_)) => true,
        (Primitive::Integer, Json::Number(digits)) => digits.parse::<i32>().is_ok(),
        (Primitive::UnsignedInt, Json::Number(digits)) => {
            digits.parse::<i32>().is_ok_and(|number| number >= 0)
        }
        (Primitive::PositiveInt, Json::Number(digits)) => {
            digits.parse::<i32>().is_ok_and(|number| number > 0)
        }
        (
            Primitive::Boolean
            | Primitive::Decimal
            | Primitive::Integer
            | Primitive::UnsignedInt
            | Primitive::PositiveInt,
            _,
        ) => false,
        (primitive, Json::String(text)) => is_text(primitive, &text.get()),
        _ => false,
    }
}

fn is_text(primitive: Primitive, text: &str) -> bool {
    let is_control = |one: char| one.is_control() && !matches!(one, '\n' | '\r' | '\t');
    if text.trim().is_empty() || text.contains(is_control) {
        return false;
    }
    match primitive {
        Primitive::Date => is_date(text),
        Primitive::DateTime => match text.split_once('T') {
            Some((date, time)) => date.len() == 10 && is_date(date) && is_time(time, true),
            None => is_date(text),
        },
        Primitive::Instant => text
            .split_once('T')
            .is_some_and(|(date, time)| date.len() == 10 && is_date(date) && is_time(time, true)),
        Primitive::Time => is_time(text, false),
        Primitive::Id => crate::fhir::is_id(text),
        Primitive::Code => !text.contains(|one: char| one.is_whitespace() && one != ' '),
        Primitive::Integer64 => text.parse::<i64>().is_ok(),
        Primitive::Uri
        | Primitive::Url
        | Primitive::Canonical
        | Primitive::Oid
        | Primitive::Uuid => !text.contains(char::is_whitespace),
        _ => true,
    }
}

/// `2024`, `2024-05`, `2024-05-01`.
fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let number = |part: Option<&str>, length: usize, range: std::ops::RangeInclusive<u32>| {
        part.is_none_or(|part| {
            part.len() == length
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && part.parse().is_ok_and(|number| range.contains(&number))
        })
    };
    number(parts.next(), 4, 0..=9999)
        && number(parts.next(), 2, 1..=12)
        && number(parts.next(), 2, 1..=31)
        && parts.next().is_none()
}

/// `09:30:00`, `09:30:00.123`, with a zone (`Z`, `+02:00`) or without. R5 leaves seconds out, too.
fn is_time(text: &str, has_zone: bool) -> bool {
    let text = if has_zone {
        match text.strip_suffix('Z') {
            Some(text) => text,
            None => {
                let Some(at) = text.rfind(['+', '-']) else { return false };
                let (time, zone) = text.split_at(at);
                if !is_clock(zone.get(1..).unwrap_or_default(), 14) {
                    return false;
                }
                time
            }
        }
    } else {
        text
    };
    let (clock, seconds) = match text.get(..5).zip(text.get(5..)) {
        Some((clock, "")) => (clock, "00"),
        Some((clock, rest)) => (clock, rest.strip_prefix(':').unwrap_or_default()),
        None => return false,
    };
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    is_clock(clock, 23)
        && seconds.len() == 2
        && seconds.parse::<u32>().is_ok_and(|seconds| seconds <= 60)
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

/// `09:30`
fn is_clock(text: &str, hours: u32) -> bool {
    let part = |part: &str, most: u32| {
        part.len() == 2
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u32>().is_ok_and(|number| number <= most)
    };
    text.split_once(':').is_some_and(|(hour, minute)| part(hour, hours) && part(minute, 59))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_the_forms_of_fhir() {
        for (primitive, text, expected) in [
            (Primitive::Date, "2024", true),
            (Primitive::Date, "2024-05", true),
            (Primitive::Date, "2024-05-01", true),
            (Primitive::Date, "2024-13-01", false),
            (Primitive::Date, "2024-5-1", false),
            (Primitive::Date, "yesterday", false),
            (Primitive::DateTime, "2024-05-01T09:30:00Z", true),
            (Primitive::DateTime, "2024-05-01T09:30:00.123+02:00", true),
            (Primitive::DateTime, "2024-05-01T09:30:00-05:00", true),
            (Primitive::DateTime, "2024-05-01T09:30:00", false),
            (Primitive::DateTime, "2024-05T09:30:00Z", false),
            (Primitive::DateTime, "2024-05-01T", false),
            (Primitive::DateTime, "2024-05-01Té:30Z", false),
            (Primitive::Instant, "2024-05-01", false),
            (Primitive::Instant, "2024-05-01T24:30:00Z", false),
            (Primitive::Time, "09:30:00", true),
            (Primitive::Time, "9:30", false),
            (Primitive::Id, "a/b", false),
            (Primitive::Code, "a\tb", false),
            (Primitive::Uri, "urn:x y", false),
            (Primitive::String, " ", false),
            (Primitive::String, "a\u{0}b", false),
        ] {
            assert_eq!(is_text(primitive, text), expected, "{primitive:?} {text}");
        }
    }
}
