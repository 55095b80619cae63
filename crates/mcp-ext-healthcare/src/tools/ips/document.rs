//! The document itself.

use std::collections::BTreeMap;

use super::narrative;
use super::sections::Section;
use crate::audit::instant;
use crate::fhir::{FhirReference, FhirVersion, Json, Text};
use crate::protocol::Confidentiality;
use crate::provenance::uuid;
use crate::server::{HealthCx, Released};

const LOINC: &str = "http://loinc.org";
const EMPTY_REASON: &str = "http://terminology.hl7.org/CodeSystem/list-empty-reason";
const TITLE: &str = "International Patient Summary";

/// A section, and the numbers of its records among those that were given.
pub(super) struct Part {
    pub(super) section: &'static Section,
    pub(super) entries: Vec<usize>,
}

/// What a document is made of.
pub(super) struct Document<'a> {
    pub(super) health: &'a HealthCx,
    pub(super) version: FhirVersion,
    pub(super) released: &'a [Released],
    /// The numbers of records, by the references that they had before anything was taken out of them.
    pub(super) places: BTreeMap<String, usize>,
}

/// A document as JSON, and in which entry each record is.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) entries: Vec<(usize, usize)>,
}

/// What is known by a URN.
type Urns = BTreeMap<String, String>;

impl Document<'_> {
    /// Writes it; `None` if the system gives no random numbers, or a record cannot be read.
    pub(super) fn write(&self, subject: usize, parts: &[Part]) -> Option<Written> {
        let urn = || uuid().map(|uuid| format!("urn:uuid:{uuid}"));
        let (own, author) = (urn()?, urn()?);
        let mut of_number = Vec::new();
        let mut urns = Urns::new();
        for released in self.released {
            let name = urn()?;
            // What was de-identified is referred to by its pseudonym, and has it.
            urns.insert(released.record().reference().as_str().to_owned(), name.clone());
            of_number.push(name);
        }
        if self.health.call.deid.is_none() {
            for (reference, number) in &self.places {
                urns.insert(reference.clone(), of_number.get(*number)?.clone());
            }
        }
        let now = instant((self.health.call.shared.now)());
        let composition =
            self.composition(&now, of_number.get(subject)?, &author, parts, &of_number)?;
        let mut entries = vec![entry(&own, composition), entry(&author, self.device())];
        let mut places = Vec::new();
        // The patient first.
        let others = (0..self.released.len()).filter(|number| *number != subject);
        for number in std::iter::once(subject).chain(others) {
            let json = self.released.get(number)?.json().clone();
            let mut resource = Json::parse(json.get().as_bytes()).ok()?.into_owned();
            inside(&mut resource, &urns);
            places.push((number, entries.len()));
            entries.push(entry(of_number.get(number)?, resource));
        }
        let confidentiality = match self.health.call.state().label.confidentiality {
            Confidentiality::Normal => "N",
            Confidentiality::Restricted => "R",
            Confidentiality::VeryRestricted => "V",
        };
        let security = coding(Confidentiality::SYSTEM, confidentiality, None);
        let identifier = object(vec![
            ("system", Json::text("urn:ietf:rfc:3986")),
            ("value", Json::text(&urn()?)),
        ]);
        let bundle = object(vec![
            ("resourceType", Json::text("Bundle")),
            ("meta", object(vec![("security", Json::Array(vec![security]))])),
            ("identifier", identifier),
            ("type", Json::text("document")),
            ("timestamp", Json::text(&now)),
            ("entry", Json::Array(entries)),
        ]);
        Some(Written { text: bundle.to_string(), entries: places })
    }

    fn composition(
        &self,
        now: &str,
        subject: &str,
        author: &str,
        parts: &[Part],
        urns: &[String],
    ) -> Option<Json<'static>> {
        let mut sections = Vec::new();
        for part in
            parts.iter().filter(|part| part.section.is_mandatory || !part.entries.is_empty())
        {
            sections.push(self.section(part, urns)?);
        }
        let subject = match self.version {
            FhirVersion::R4 => reference(subject),
            _ => Json::Array(vec![reference(subject)]),
        };
        let told = format!(
            "Put together by the server {} out of the records that it may give. Nobody has attested it, and it may not be complete.",
            self.health.call.shared.name
        );
        Some(object(vec![
            ("resourceType", Json::text("Composition")),
            ("text", generated(&told, &[])),
            ("status", Json::text("preliminary")),
            ("type", concept(coding(LOINC, "60591-5", Some("Patient summary Document")))),
            ("subject", subject),
            ("date", Json::text(now)),
            ("author", Json::Array(vec![reference(author)])),
            ("title", Json::text(TITLE)),
            ("section", Json::Array(sections)),
        ]))
    }

    fn section(&self, part: &Part, urns: &[String]) -> Option<Json<'static>> {
        let Section { code, display, title, .. } = part.section;
        let mut lines = Vec::new();
        let mut entries = Vec::new();
        for number in &part.entries {
            let record = self.released.get(*number)?.record();
            lines.push(narrative::with_json(record, narrative::line)?);
            entries.push(reference(urns.get(*number)?));
        }
        let told = if entries.is_empty() { "Nothing that can be given." } else { "" };
        let mut members = vec![
            ("title", Json::text(title)),
            ("code", concept(coding(LOINC, code, Some(display)))),
            ("text", generated(told, &lines)),
        ];
        if entries.is_empty() {
            // The same, whether there is nothing or something was withheld (RES-2).
            let reason = coding(EMPTY_REASON, "unavailable", Some("Unavailable"));
            members.push(("emptyReason", concept(reason)));
        } else {
            members.push(("entry", Json::Array(entries)));
        }
        Some(object(members))
    }

    /// The server, as the document's author.
    fn device(&self) -> Json<'static> {
        let (names, name) = match self.version {
            FhirVersion::R4 => ("deviceName", "name"),
            _ => ("name", "value"),
        };
        let own = object(vec![
            (name, Json::text(&self.health.call.shared.name)),
            ("type", Json::text("user-friendly-name")),
        ]);
        object(vec![("resourceType", Json::text("Device")), (names, Json::Array(vec![own]))])
    }
}

/// Lets references lead to entries. Those that lead nowhere in the document keep their displays.
fn inside(json: &mut Json<'static>, urns: &Urns) {
    match json {
        Json::Array(values) => values.iter_mut().for_each(|value| inside(value, urns)),
        Json::Object(members) => {
            for (_, value) in members.iter_mut() {
                inside(value, urns);
            }
            let Some(text) = json.get("reference").and_then(Json::as_str).map(String::from) else {
                return;
            };
            let target = match FhirReference::parse(&text) {
                FhirReference::Contained(_) => return,
                FhirReference::Resource { base: None, resource_type, id, .. } => {
                    urns.get(&format!("{resource_type}/{id}"))
                }
                _ => None,
            };
            match target {
                Some(urn) => drop(json.set("reference", Json::text(urn))),
                None => {
                    json.remove("reference");
                    json.remove("_reference");
                    if json.get("display").is_none() {
                        json.set("display", Json::text("not included"));
                    }
                }
            }
        }
        _ => {}
    }
}

fn entry(url: &str, resource: Json<'static>) -> Json<'static> {
    object(vec![("fullUrl", Json::text(url)), ("resource", resource)])
}

fn reference(url: &str) -> Json<'static> {
    object(vec![("reference", Json::text(url))])
}

fn generated(paragraph: &str, lines: &[String]) -> Json<'static> {
    let div = narrative::div(paragraph, lines);
    object(vec![("status", Json::text("generated")), ("div", Json::text(&div))])
}

fn coding(system: &str, code: &str, display: Option<&str>) -> Json<'static> {
    let mut members = vec![("system", Json::text(system)), ("code", Json::text(code))];
    members.extend(display.map(|display| ("display", Json::text(display))));
    object(members)
}

fn concept(coding: Json<'static>) -> Json<'static> {
    object(vec![("coding", Json::Array(vec![coding]))])
}

fn object(members: Vec<(&str, Json<'static>)>) -> Json<'static> {
    Json::Object(members.into_iter().map(|(name, value)| (Text::new(name), value)).collect())
}
