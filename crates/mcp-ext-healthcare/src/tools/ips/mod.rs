//! `ips_summary`: the International Patient Summary of the call's patient.
//!
//! Source: HL7, *International Patient Summary Implementation Guide* (sections and their LOINC codes); FHIR R4 and R5, *Documents*.

mod document;
mod narrative;
mod sections;

pub(crate) use narrative::is_hidden;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mcp_core::protocol::ToolAnnotations;
use mcp_core::server::ServedTool;
use serde::Serialize;

use crate::fhir::{FhirReference, FhirVersion, Json};
use crate::protocol::{DenialCode, Reference};
use crate::server::{
    Disclosed, Disclosure, HealthCx, HealthError, Interaction, RecordTool, Search, Unreleased,
};
use document::{Document, Part};
use sections::{SECTIONS, SUPPORTING, Section, Source};

/// How many records of a type are looked at. A patient with more has no summary here: one that lacks an allergy, say, would
/// mislead.
const MOST: usize = 2000;
/// How many records are read because others refer to them.
const MOST_SUPPORTING: usize = 200;

/// `ips_summary`: a FHIR document (a *Bundle*) with the problems, allergies and medications of the call's patient, and what else there
/// is of immunizations, results, procedures, devices, vital signs, social history, past problems, plans and alerts.
///
/// The document is put together from the records that may be given, and from nothing else; what is withheld looks as if it did not
/// exist. Its author is the server, as a device; nobody attests it, and its status is `preliminary`. Every reference leads to an entry
/// of the document, or was replaced by its display. The result is `{"document":{…}}`.
///
/// ```
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::tools::ips_summary;
///
/// let tool = ips_summary(FhirVersion::R4);
/// assert_eq!(tool.definition().name, "ips_summary");
/// ```
#[must_use]
pub fn ips_summary(version: FhirVersion) -> ServedTool {
    let mut types = BTreeSet::from(["Patient"]);
    types.extend(SECTIONS.iter().flat_map(Section::types));
    types.extend(SUPPORTING);
    types.retain(|kind| version.definitions().resource(kind).is_some());
    ServedTool::new("ips_summary", move |health: HealthCx| summary(health, version))
        .title("Summarise the patient's record")
        .description(
            "Puts an International Patient Summary of the patient together: problems, allergies, medications, and \
             what else there is, as a FHIR document.",
        )
        .annotations(ToolAnnotations::new().with_read_only_hint(true))
        .records(super::reads(types, "rs"))
}

#[derive(Serialize)]
struct Summary {
    document: mcp_core::RawJson,
}

async fn summary(health: HealthCx, version: FhirVersion) -> Result<Disclosed, HealthError> {
    let patient = health.patient().cloned();
    let patient = patient.ok_or_else(|| health.deny(DenialCode::ContextMissing))?;
    health.note_query(&format!("{}/$summary", patient.as_str()));
    let mut gathering = Gathering {
        health: &health,
        disclosure: health.disclosure(),
        places: BTreeMap::new(),
        refers: VecDeque::new(),
    };
    let none = || health.tell("There is no summary of this patient that can be given.");
    let record = health.read(&patient).await?.ok_or_else(none)?;
    let subject = gathering.add(record).ok_or_else(none)?;
    let mut parts = Vec::new();
    let mut found: BTreeMap<&str, Vec<Unreleased>> = BTreeMap::new();
    for section in SECTIONS {
        let mut entries = Vec::new();
        for source in section.sources {
            if version.definitions().resource(source.resource_type).is_none() {
                continue;
            }
            if !found.contains_key(source.resource_type) {
                let all = gathering.all(source.resource_type, &patient).await?;
                found.insert(source.resource_type, all);
            }
            let all = found.get(source.resource_type).map_or(&[][..], Vec::as_slice);
            gathering.take(source, all, &mut entries);
        }
        parts.push(Part { section, entries });
    }
    // A summary that was cut would not say what it lacks.
    if health.call.state().truncated {
        return Err(health.deny(DenialCode::ResultTooLarge));
    }
    gathering.support().await?;
    let Gathering { disclosure, places, .. } = gathering;
    let document = Document { health: &health, version, released: disclosure.released(), places };
    let written = document.write(subject, &parts).ok_or_else(|| health.tell("The tool failed."))?;
    let mut disclosure = disclosure;
    for (number, entry) in written.entries {
        disclosure.cite(number, &format!("/document/entry/{entry}/resource"), None);
    }
    let document = mcp_core::RawJson::from_string(written.text)
        .map_err(|_| health.tell("The tool failed."))?;
    disclosure.content(&Summary { document })
}

/// The records that go into a summary.
struct Gathering<'a> {
    health: &'a HealthCx,
    disclosure: Disclosure,
    /// Where each record that was given stands among those that were, by its own reference.
    places: BTreeMap<String, usize>,
    /// What those that were given refer to, and has not been looked at.
    refers: VecDeque<Reference>,
}

impl Gathering<'_> {
    /// Adds a record, once. Gives its number; `None` if it must not be given.
    fn add(&mut self, Unreleased(record, by): Unreleased) -> Option<usize> {
        let own = record.reference().as_str().to_owned();
        if let Some(number) = self.places.get(&own) {
            return Some(*number);
        }
        let refers = references(&record);
        self.disclosure.add(Unreleased(record, by))?;
        let number = self.disclosure.released().len() - 1;
        self.places.insert(own, number);
        self.refers.extend(refers);
        Some(number)
    }

    async fn all(
        &self,
        resource_type: &str,
        patient: &Reference,
    ) -> Result<Vec<Unreleased>, HealthError> {
        let search = Search::new(resource_type).parameter("patient", patient.as_str());
        let all = self.health.gather(search, MOST).await?;
        let mut all = all.ok_or_else(|| self.health.deny(DenialCode::ResultTooLarge))?;
        // The latest first; what has no date comes last.
        all.sort_by_cached_key(|Unreleased(record, _)| {
            let date = narrative::with_json(record, narrative::date);
            std::cmp::Reverse(date.flatten().unwrap_or_default())
        });
        Ok(all)
    }

    /// Adds those of a type that belong into a section, the latest of them.
    fn take(&mut self, source: &Source, all: &[Unreleased], entries: &mut Vec<usize>) {
        let before = entries.len();
        for Unreleased(record, by) in all {
            if entries.len() - before >= source.most {
                return;
            }
            let belongs = narrative::with_json(record, |json| (source.belongs)(json));
            if belongs == Some(true)
                && let Some(number) = self.add(Unreleased(record.clone(), *by))
                && !entries.contains(&number)
            {
                entries.push(number);
            }
        }
    }

    /// Adds what the records refer to, and what that refers to.
    async fn support(&mut self) -> Result<(), HealthError> {
        let mut looked = BTreeSet::new();
        while let Some(reference) = self.refers.pop_front() {
            let is_supporting = SUPPORTING.contains(&reference.resource_type());
            if !is_supporting
                || !self.health.may(Interaction::Read, reference.resource_type())
                || self.places.contains_key(reference.as_str())
                || looked.len() >= MOST_SUPPORTING
                || !looked.insert(reference.as_str().to_owned())
            {
                continue;
            }
            let kind = reference.resource_type();
            if !self.health.may(Interaction::Read, kind) {
                continue;
            }
            if let Some(record) = self.health.read(&reference).await? {
                self.add(record);
            }
        }
        Ok(())
    }
}

/// What a record refers to on its own server.
fn references(record: &crate::Record) -> Vec<Reference> {
    fn collect(json: &Json<'_>, to: &mut Vec<Reference>) {
        match json {
            Json::Array(values) => values.iter().for_each(|value| collect(value, to)),
            Json::Object(members) => {
                for (name, value) in members {
                    if name == "reference"
                        && let Some(text) = value.as_str()
                        && let FhirReference::Resource { base: None, resource_type, id, .. } =
                            FhirReference::parse(&text)
                        && let Ok(reference) = Reference::new(resource_type, id)
                    {
                        to.push(reference);
                    }
                    collect(value, to);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    narrative::with_json(record, |json| collect(json, &mut found));
    found
}
