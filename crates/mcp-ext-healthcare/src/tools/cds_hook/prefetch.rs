//! Prefetch: records that a service asks for by templates, filled from what may be given to it.

use crate::fhir::{Json, Text};
use crate::protocol::Reference;
use crate::server::{Disclosure, HealthCx, Interaction, Search};

/// How many records one template may bring.
const MOST: usize = 100;

/// What templates may name.
pub(super) struct Tokens<'a> {
    pub(super) patient: &'a str,
    pub(super) encounter: Option<&'a str>,
    pub(super) user: &'a Reference,
    /// `YYYY-MM-DD`
    pub(super) today: &'a str,
}

impl Tokens<'_> {
    fn value(&self, token: &str) -> Option<String> {
        let user =
            |kind: &str| (self.user.resource_type() == kind).then(|| self.user.id().to_owned());
        match token {
            "context.patientId" => Some(self.patient.to_owned()),
            "context.encounterId" => self.encounter.map(str::to_owned),
            "context.userId" => Some(self.user.as_str().to_owned()),
            "userPractitionerId" => user("Practitioner"),
            "userPractitionerRoleId" => user("PractitionerRole"),
            "userPatientId" => user("Patient"),
            "userRelatedPersonId" => user("RelatedPerson"),
            "today()" => Some(self.today.to_owned()),
            _ => None,
        }
    }

    /// A template with its tokens replaced; `None` if it names what is not known.
    fn filled(&self, template: &str) -> Option<String> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let (token, after) = after.split_once("}}")?;
            filled.push_str(before);
            filled.push_str(&self.value(token.trim())?);
            rest = after;
        }
        filled.push_str(rest);
        (!filled.contains(['{', '}'])).then_some(filled)
    }
}

/// What a filled template asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    One(Reference),
    All(String, Vec<(String, String)>),
}

fn asked(filled: &str) -> Option<Asked> {
    let filled = filled.trim_start_matches('/');
    let Some((kind, query)) = filled.split_once('?') else {
        return filled.parse().ok().map(Asked::One);
    };
    let is_type = kind.starts_with(|first: char| first.is_ascii_uppercase())
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut parameters = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let name = decoded(name)?;
        // How much comes back, and in which form, is not the service's to say.
        if matches!(name.as_str(), "_count" | "_format" | "_summary" | "_elements" | "_total") {
            continue;
        }
        parameters.push((name, decoded(value)?));
    }
    is_type.then(|| Asked::All(kind.to_owned(), parameters))
}

/// A part of a query, without its escapes.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (hex, after) = rest.split_at_checked(2)?;
                let hex = std::str::from_utf8(hex).ok()?;
                bytes.push(u8::from_str_radix(hex, 16).ok()?);
                rest = after;
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// The prefetch of a request. A template that is not understood, or whose records do not all fit, is left out, as CDS Hooks has
/// it; one for which there is nothing, or nothing that may be given, is `null` or an empty *Bundle*.
pub(super) async fn filled(
    health: &HealthCx,
    disclosure: &mut Disclosure,
    templates: &[(String, String)],
    tokens: &Tokens<'_>,
) -> Json<'static> {
    let mut members = Vec::new();
    for (name, template) in templates {
        let asked = tokens.filled(template).and_then(|filled| asked(&filled));
        let value = match asked {
            Some(Asked::One(reference)) => one(health, disclosure, &reference).await,
            Some(Asked::All(kind, parameters)) => all(health, disclosure, kind, parameters).await,
            None => None,
        };
        members.extend(value.map(|value| (Text::new(name), value)));
    }
    Json::Object(members)
}

async fn one(
    health: &HealthCx,
    disclosure: &mut Disclosure,
    reference: &Reference,
) -> Option<Json<'static>> {
    if !health.may(Interaction::Read, reference.resource_type()) {
        return Some(Json::Null);
    }
    let Some(record) = health.read(reference).await.ok()? else { return Some(Json::Null) };
    let was_cut = is_cut(health);
    match disclosure.add(record) {
        Some(released) => parsed(released.json().get()),
        None if is_cut(health) && !was_cut => None,
        None => Some(Json::Null),
    }
}

async fn all(
    health: &HealthCx,
    disclosure: &mut Disclosure,
    kind: String,
    parameters: Vec<(String, String)>,
) -> Option<Json<'static>> {
    let mut search = Search::new(kind);
    search.parameters = parameters;
    let found = health.try_gather(search, MOST).await.ok()??;
    let before = disclosure.released().len();
    let was_cut = is_cut(health);
    disclosure.add_all(found);
    if is_cut(health) && !was_cut {
        return None;
    }
    let released = disclosure.released().get(before..).unwrap_or_default();
    let mut entries = Vec::new();
    for one in released {
        entries.push(Json::Object(vec![(Text::new("resource"), parsed(one.json().get())?)]));
    }
    let mut members = vec![
        (Text::new("resourceType"), Json::text("Bundle")),
        (Text::new("type"), Json::text("searchset")),
    ];
    if !entries.is_empty() {
        members.push((Text::new("entry"), Json::Array(entries)));
    }
    Some(Json::Object(members))
}

fn is_cut(health: &HealthCx) -> bool {
    health.call.state().truncated
}

fn parsed(text: &str) -> Option<Json<'static>> {
    Json::parse(text.as_bytes()).ok().map(Json::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_or_left() {
        let user = "Practitioner/p1".parse().unwrap();
        let tokens = Tokens { patient: "7", encounter: None, user: &user, today: "2026-01-02" };
        for (template, expected) in [
            ("Patient/{{context.patientId}}", Some("Patient/7")),
            (
                "Observation?patient={{ context.patientId }}&date=ge{{today()}}",
                Some("Observation?patient=7&date=ge2026-01-02"),
            ),
            ("Practitioner/{{userPractitionerId}}", Some("Practitioner/p1")),
            ("{{context.userId}}", Some("Practitioner/p1")),
            ("Patient/{{userPatientId}}", None),
            ("Encounter/{{context.encounterId}}", None),
            ("Patient/{{context.draftOrders.id}}", None),
            ("Patient/{{context.patientId", None),
            ("Patient/}}", None),
        ] {
            assert_eq!(tokens.filled(template).as_deref(), expected, "{template}");
        }
    }

    #[test]
    fn requests_are_reads_and_searches() {
        assert_eq!(asked("Patient/7"), Some(Asked::One("Patient/7".parse().unwrap())));
        let parameters = vec![("code".to_owned(), "http://loinc.org|1-8".to_owned())];
        assert_eq!(
            asked("Observation?code=http%3A%2F%2Floinc.org%7C1-8&_count=5000"),
            Some(Asked::All("Observation".to_owned(), parameters))
        );
        for text in [
            "",
            "Patient",
            "../x?a=b",
            "http://h/Patient/1",
            "Patient/1/_history/2",
            "Observation?a=%zz",
            "Observation?a=%f",
            "Observation?a",
        ] {
            assert_eq!(asked(text), None, "{text}");
        }
    }
}
