//! What search parameters look at in a record.

use super::period::Period;
use crate::fhir::{FhirReference, Json};

/// A value that a search parameter can be compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Token {
        system: Option<String>,
        code: String,
    },
    /// `Patient/1`, without a version; a URL or a `urn:` as it stands.
    Reference(String),
    /// In small letters, and as it stands.
    Text {
        folded: String,
        exact: String,
    },
    Date(Period),
    Number(f64),
    Quantity {
        value: f64,
        system: Option<String>,
        code: Option<String>,
        unit: Option<String>,
    },
    Uri(String),
}

/// The values of an element, by the kind of the parameter that looks at it. Nothing for what the kind does not fit.
pub(super) fn values(kind: &str, element: &Json<'_>, to: &mut Vec<Value>) {
    match kind {
        "token" => tokens(element, to),
        "reference" => to.extend(reference(element).map(Value::Reference)),
        "string" => texts(element, to),
        "date" => to.extend(date(element).map(Value::Date)),
        "number" => to.extend(number(element).map(Value::Number)),
        "quantity" => to.extend(quantity(element)),
        "uri" => to.extend(element.as_str().map(|uri| Value::Uri(uri.into_owned()))),
        _ => {}
    }
}

fn text(element: &Json<'_>, name: &str) -> Option<String> {
    Some(element.get(name)?.as_str()?.into_owned())
}

fn tokens(element: &Json<'_>, to: &mut Vec<Value>) {
    match element {
        Json::Bool(value) => to.push(Value::Token { system: None, code: value.to_string() }),
        Json::String(_) => {
            let code = element.as_str().map(|code| code.into_owned());
            to.extend(code.map(|code| Value::Token { system: None, code }));
        }
        Json::Object(_) => {
            if let Some(codings) = element.get("coding").and_then(Json::as_array) {
                codings.iter().for_each(|coding| tokens(coding, to));
                return;
            }
            // A Coding, an Identifier, a ContactPoint; the system of the last is a code, and not searched for.
            let system = text(element, "system");
            let code = text(element, "code").or_else(|| text(element, "value"));
            to.extend(code.map(|code| Value::Token { system, code }));
        }
        _ => {}
    }
}

/// Where a Reference or a canonical URL leads.
pub(super) fn reference(element: &Json<'_>) -> Option<String> {
    let target = match element {
        Json::Object(_) => element.get("reference")?.as_str()?,
        _ => element.as_str()?,
    };
    Some(match FhirReference::parse(&target) {
        FhirReference::Resource { base: None, resource_type, id, .. } => {
            format!("{resource_type}/{id}")
        }
        _ => target.into_owned(),
    })
}

fn texts(element: &Json<'_>, to: &mut Vec<Value>) {
    /// The parts of names and addresses that are texts.
    const PARTS: [&str; 13] = [
        "family",
        "given",
        "prefix",
        "suffix",
        "text",
        "line",
        "city",
        "district",
        "state",
        "postalCode",
        "country",
        "value",
        "display",
    ];
    match element {
        Json::String(_) => {
            to.extend(element.as_str().map(|exact| Value::Text {
                folded: exact.to_lowercase(),
                exact: exact.into_owned(),
            }));
        }
        Json::Array(elements) => elements.iter().for_each(|element| texts(element, to)),
        Json::Object(_) => {
            let parts = PARTS.iter().filter_map(|part| element.get(part));
            parts.for_each(|part| texts(part, to));
        }
        _ => {}
    }
}

fn date(element: &Json<'_>) -> Option<Period> {
    if let Some(text) = element.as_str() {
        return Period::parse(&text);
    }
    let end = |name: &str| Some(Period::parse(&element.get(name)?.as_str()?));
    if let Some(events) = element.get("event").and_then(Json::as_array) {
        // Of a Timing that lists its events: from the first to the last.
        let all = events.iter().filter_map(|event| Period::parse(&event.as_str()?));
        return all.reduce(|one, other| Period {
            from: one.from.min(other.from),
            to: one.to.max(other.to),
        });
    }
    let (start, end) = (end("start"), end("end"));
    if start.is_none() && end.is_none() {
        return None;
    }
    // What is there and cannot be read is no open end.
    let from = start.map_or(Some(Period::ALWAYS.from), |start| start.map(|it| it.from))?;
    let to = end.map_or(Some(Period::ALWAYS.to), |end| end.map(|it| it.to))?;
    Some(Period { from, to })
}

fn number(element: &Json<'_>) -> Option<f64> {
    match element {
        Json::Number(written) => written.parse().ok(),
        _ => None,
    }
}

fn quantity(element: &Json<'_>) -> Option<Value> {
    Some(Value::Quantity {
        value: number(element.get("value")?)?,
        system: text(element, "system"),
        code: text(element, "code").or_else(|| text(element, "currency")),
        unit: text(element, "unit"),
    })
}
