//! Whether a resource is one that can be understood whole: every element known, in its place, of its kind.
//!
//! No validator: what is looked at is what could change the meaning of a rule. Narrative, contained resources and ordinary extensions
//! cannot, by FHIR's own words; a modifier extension can, and is never known here.

use std::collections::BTreeSet;

use crate::fhir::{Content, Definitions, Element, Json, Primitive, Shape};

/// Why a Consent cannot be understood whole. It says nothing of what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Unread {
    /// It is no JSON that can be read in one way only, or no Consent.
    #[error("it is no Consent")]
    NoConsent,
    /// An element that FHIR does not define there.
    #[error("it has an element that FHIR does not define")]
    UnknownElement,
    /// A modifier extension, or implicit rules.
    #[error("it has an extension that changes its meaning")]
    Modified,
    /// An element is of another kind than FHIR has it, repeated where it must not be, or empty.
    #[error("an element has another form than FHIR's")]
    Malformed,
    /// A mandatory element is missing.
    #[error("a mandatory element is missing")]
    Missing,
    /// A code that is not in the value set that the element is bound to.
    #[error("it has a code that FHIR does not define")]
    UnknownCode,
    /// Its status is not known.
    #[error("nobody knows whether it is active")]
    UnknownStatus,
    /// It is of a scope or category that is not known here.
    #[error("its scope or category is not known")]
    UnknownScope,
    /// It rests on a policy that is not known here, or stands in a text.
    #[error("it rests on a policy that is not known")]
    UnknownPolicy,
    /// It neither permits nor denies.
    #[error("it has no rule that a program can follow")]
    NoRule,
    /// It has an expression, which nothing here evaluates.
    #[error("it has an expression")]
    Expression,
    /// It names its patient in a way that cannot be compared.
    #[error("nobody knows whose it is")]
    UnknownPatient,
}

/// Checks the elements of a resource or a part of one.
pub(super) fn check(
    definitions: &Definitions,
    shape: Shape,
    json: &Json<'_>,
) -> Result<(), Unread> {
    let members = json.as_object().ok_or(Unread::Malformed)?;
    if members.is_empty() {
        return Err(Unread::Malformed);
    }
    let mut choices = BTreeSet::new();
    for (name, value) in members {
        let name = name.get();
        if name == "resourceType" {
            continue;
        }
        if name == "modifierExtension" || name == "implicitRules" || name == "_implicitRules" {
            return Err(Unread::Modified);
        }
        if let Some(plain) = name.strip_prefix('_') {
            let element = definitions.member(shape, plain).ok_or(Unread::UnknownElement)?;
            beside(element, value)?;
            continue;
        }
        let element = definitions.member(shape, &name).ok_or(Unread::UnknownElement)?;
        if let Some(choice) = element.choice
            && !choices.insert(choice)
        {
            return Err(Unread::Malformed);
        }
        // Neither can change what a rule means.
        if !matches!(&*name, "text" | "contained" | "extension") || !is_aside(element) {
            values(definitions, element, value)?;
        }
    }
    for element in definitions.elements(shape).iter().filter(|element| element.is_mandatory) {
        let is_there = match element.choice {
            Some(choice) => choices.contains(choice),
            None => json.get(&element.name).is_some(),
        };
        if !is_there {
            return Err(Unread::Missing);
        }
    }
    Ok(())
}

/// Whether an element is what FHIR puts beside the content of a resource. (`text` is also part of a concept.)
fn is_aside(element: &Element) -> bool {
    matches!(element.datatype, "Narrative" | "Extension" | "Resource")
}

/// What stands beside a primitive: its id and ordinary extensions.
fn beside(element: &Element, value: &Json<'_>) -> Result<(), Unread> {
    if !matches!(element.content, Content::Primitive(_)) {
        return Err(Unread::Malformed);
    }
    let one = |value: &Json<'_>| match value {
        Json::Null => element.is_repeated,
        Json::Object(members) => {
            members.iter().all(|(name, _)| matches!(&*name.get(), "id" | "extension"))
        }
        _ => false,
    };
    let fits = match value.as_array() {
        Some(values) => element.is_repeated && values.iter().all(one),
        None => !element.is_repeated && one(value),
    };
    if fits { Ok(()) } else { Err(Unread::Malformed) }
}

fn values(definitions: &Definitions, element: &Element, value: &Json<'_>) -> Result<(), Unread> {
    match value.as_array() {
        Some(values) if element.is_repeated && !values.is_empty() => {
            values.iter().try_for_each(|value| one(definitions, element, value))
        }
        None if !element.is_repeated => one(definitions, element, value),
        _ => Err(Unread::Malformed),
    }
}

fn one(definitions: &Definitions, element: &Element, value: &Json<'_>) -> Result<(), Unread> {
    let primitive = match element.content {
        Content::Elements(shape) => return check(definitions, shape, value),
        Content::Resource => return Ok(()),
        Content::Primitive(primitive) => primitive,
    };
    let fits = match (primitive, value) {
        (Primitive::Boolean, value) => matches!(value, Json::Bool(_)),
        (
            Primitive::Decimal
            | Primitive::Integer
            | Primitive::PositiveInt
            | Primitive::UnsignedInt,
            value,
        ) => matches!(value, Json::Number(_)),
        (_, value) => value.as_str().is_some_and(|text| !text.is_empty()),
    };
    if !fits {
        return Err(Unread::Malformed);
    }
    let codes = element.codes.and_then(|codes| definitions.codes(codes));
    match (codes, value.as_str()) {
        (Some(codes), Some(code)) if !codes.contains(&&*code) => Err(Unread::UnknownCode),
        _ => Ok(()),
    }
}
