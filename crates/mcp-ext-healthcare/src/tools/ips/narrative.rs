//! Words for people: plain, escaped, and made of the records alone.

use crate::Record;
use crate::fhir::Json;

/// What is shown of one text.
const MAX_TEXT: usize = 300;

/// Looks at a record's JSON; `None` if it cannot be read.
pub(super) fn with_json<T>(record: &Record, look: impl FnOnce(&Json<'_>) -> T) -> Option<T> {
    let json = record.json();
    Json::parse(json.get().as_bytes()).ok().map(|json| look(&json))
}

/// When it was, as the record has it.
pub(super) fn date(json: &Json<'_>) -> Option<String> {
    const NAMES: [&str; 12] = [
        "effectiveDateTime",
        "effectiveInstant",
        "onsetDateTime",
        "performedDateTime",
        "occurrenceDateTime",
        "timingDateTime",
        "authoredOn",
        "recordedDate",
        "recordedOn",
        "dateAsserted",
        "issued",
        "created",
    ];
    const PERIODS: [&str; 5] =
        ["effectivePeriod", "onsetPeriod", "performedPeriod", "occurrencePeriod", "period"];
    let direct = NAMES.iter().find_map(|name| json.get(name)?.as_str());
    let start = || PERIODS.iter().find_map(|name| json.get(name)?.get("start")?.as_str());
    direct.or_else(start).map(|date| date.into_owned())
}

/// What it is of, in a line.
pub(super) fn line(json: &Json<'_>) -> String {
    const CONCEPTS: [&str; 6] = [
        "code",
        "vaccineCode",
        "medicationCodeableConcept",
        "medication",
        "device",
        "medicationReference",
    ];
    let mut line = CONCEPTS
        .iter()
        .find_map(|name| concept(json.get(name)?))
        .or_else(|| text(json.get("title")?))
        .or_else(|| text(json.get("description")?))
        .or_else(|| concept(json.get("category")?))
        .unwrap_or_else(|| "(no name)".to_owned());
    if let Some(value) = value(json) {
        line.push_str(": ");
        line.push_str(&value);
    }
    let status = json.get("clinicalStatus").and_then(concept);
    let status = status.or_else(|| text(json.get("status")?));
    let told: Vec<String> = date(json).into_iter().chain(status).collect();
    if !told.is_empty() {
        line.push_str(&format!(" ({})", told.join(", ")));
    }
    line
}

fn text(json: &Json<'_>) -> Option<String> {
    json.as_str().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// What a concept, a reference, or one of both is called.
fn concept(json: &Json<'_>) -> Option<String> {
    if let Json::Array(values) = json {
        return values.iter().find_map(concept);
    }
    let codings = json.get("coding").and_then(Json::as_array).unwrap_or_default();
    text(json.get("text").unwrap_or(&Json::Null))
        .or_else(|| codings.iter().find_map(|coding| text(coding.get("display")?)))
        .or_else(|| codings.iter().find_map(|coding| text(coding.get("code")?)))
        .or_else(|| text(json.get("display")?))
        .or_else(|| concept(json.get("concept")?))
        .or_else(|| concept(json.get("reference")?))
}

/// The value of an observation, with the digits that it has.
fn value(json: &Json<'_>) -> Option<String> {
    let members = json.as_object()?;
    let (name, value) = members.iter().find(|(name, _)| name.get().starts_with("value"))?;
    match (&*name.get(), value) {
        ("valueQuantity", value) => quantity(value),
        ("valueCodeableConcept", value) => concept(value),
        (_, Json::String(_)) => text(value),
        (_, Json::Number(digits)) => Some(digits.to_string()),
        (_, Json::Bool(value)) => Some(value.to_string()),
        _ => None,
    }
}

fn quantity(json: &Json<'_>) -> Option<String> {
    let Json::Number(digits) = json.get("value")? else { return None };
    let comparator = json.get("comparator").and_then(text).unwrap_or_default();
    let unit = json.get("unit").or_else(|| json.get("code")).and_then(text);
    Some(match unit {
        Some(unit) => format!("{comparator}{digits} {unit}"),
        None => format!("{comparator}{digits}"),
    })
}

/// A `div` of paragraphs and a list.
pub(super) fn div(paragraph: &str, lines: &[String]) -> String {
    let mut div = String::from(r#"<div xmlns="http://www.w3.org/1999/xhtml">"#);
    if !paragraph.is_empty() {
        div.push_str(&format!("<p>{}</p>", escaped(paragraph)));
    }
    if !lines.is_empty() {
        div.push_str("<ul>");
        for line in lines {
            div.push_str(&format!("<li>{}</li>", escaped(line)));
        }
        div.push_str("</ul>");
    }
    div.push_str("</div>");
    div
}

/// Text as XHTML has it: no markup, no characters that cannot be seen, not longer than people read.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for (number, letter) in text.chars().enumerate() {
        if number == MAX_TEXT {
            escaped.push('…');
            break;
        }
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter if letter.is_whitespace() => escaped.push(' '),
            letter if is_hidden(letter) => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Characters that change others, or that nobody sees: controls, marks of direction, joiners, tags.
pub(crate) fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff0}'..='\u{ffff}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_what_when_and_how() {
        for (text, expected) in [
            (
                r#"{"code":{"coding":[{"code":"1"},{"display":"Weight"}]},"valueQuantity":{"value":70.50,"unit":"kg"},"status":"final","effectiveDateTime":"2024-05-01"}"#,
                "Weight: 70.50 kg (2024-05-01, final)",
            ),
            (r#"{"medication":{"reference":{"display":"Aspirin"}}}"#, "Aspirin"),
            (r#"{"medicationReference":{"display":"Aspirin"}}"#, "Aspirin"),
            (r#"{"code":{},"description":"a plan"}"#, "a plan"),
            (r#"{"valueBoolean":true}"#, "(no name): true"),
            (r#"{}"#, "(no name)"),
        ] {
            assert_eq!(line(&Json::parse(text.as_bytes()).unwrap()), expected);
        }
    }

    #[test]
    fn nothing_becomes_markup() {
        let lines = ["<script>a('x')</script> & \u{202e}\u{0}b".to_owned()];
        assert_eq!(
            div("\"q\"", &lines),
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>&quot;q&quot;</p><ul><li>&lt;script&gt;a(&#39;x&#39;)&lt;/script&gt; &amp; b</li></ul></div>"
        );
        assert!(div("", &["x".repeat(5000)]).len() < 400);
    }
}
