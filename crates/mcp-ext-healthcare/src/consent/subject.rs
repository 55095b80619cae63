//! What a rule can be about: a record with its labels, codes, references and dates.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::time::{Period, Span};
use crate::fhir::{Definitions, FhirReference, Json};
use crate::protocol::{Label, Reference};
use crate::record::Record;

/// What a question is about.
#[derive(Clone, Copy)]
pub(crate) enum About<'a> {
    /// This record.
    Record(&'a Subject<'a>),
    /// Some record of a type; of any, without.
    Some(Option<&'a str>),
}

/// A record, as rules see it. What takes reading all of it is read when a rule asks for it.
pub(crate) struct Subject<'a> {
    record: &'a Record,
    pub(super) label: &'a Label,
    definitions: &'a Definitions,
    facts: OnceCell<Option<Facts>>,
}

/// What stands anywhere in a record.
#[derive(Default)]
pub(super) struct Facts {
    /// Systems and codes; the system is empty where the record has none.
    pub(super) codes: BTreeSet<(String, String)>,
    /// Types and ids that the record refers to, and whether another server's are meant.
    pub(super) references: BTreeSet<(String, bool)>,
    /// When it was, by each of its own dates; `None` if one of them cannot be read.
    pub(super) times: Option<Vec<Span>>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(record: &'a Record, label: &'a Label, definitions: &'a Definitions) -> Self {
        Self { record, label, definitions, facts: OnceCell::new() }
    }

    pub(super) fn resource_type(&self) -> &str {
        self.record.resource_type()
    }

    pub(super) fn reference(&self) -> &Reference {
        self.record.reference()
    }

    /// What stands in it; `None` if that cannot be told.
    pub(super) fn facts(&self) -> Option<&Facts> {
        self.facts.get_or_init(|| self.read()).as_ref()
    }

    fn read(&self) -> Option<Facts> {
        let text = self.record.json();
        let json = Json::parse(text.get().as_bytes()).ok()?;
        let mut facts = Facts::default();
        facts.look(&json);
        facts.times = self.times(&json);
        Some(facts)
    }

    fn times(&self, json: &Json<'_>) -> Option<Vec<Span>> {
        let shape = self.definitions.resource(self.record.resource_type())?;
        let mut times = Vec::new();
        for element in self.definitions.elements(shape) {
            let Some(value) = json.get(&element.name) else { continue };
            match element.datatype {
                "date" | "dateTime" | "instant" => times.push(Span::parse(&value.as_str()?)?),
                "Period" => times.push(period(value)?.span()?),
                "Timing" => return None,
                _ => {}
            }
        }
        Some(times)
    }
}

impl Facts {
    fn look(&mut self, json: &Json<'_>) {
        match json {
            Json::Array(values) => values.iter().for_each(|value| self.look(value)),
            Json::Object(members) => {
                if let Some(code) = json.get("code").and_then(Json::as_str) {
                    let system = json.get("system").and_then(Json::as_str).unwrap_or_default();
                    self.codes.insert((system.into_owned(), code.into_owned()));
                }
                if let Some(text) = json.get("reference").and_then(Json::as_str)
                    && let FhirReference::Resource { base, resource_type, id, .. } =
                        FhirReference::parse(&text)
                {
                    self.references.insert((format!("{resource_type}/{id}"), base.is_some()));
                }
                members.iter().for_each(|(_, value)| self.look(value));
            }
            _ => {}
        }
    }
}

/// Reads a FHIR `Period`; `None` if one of its ends is no date.
pub(super) fn period(json: &Json<'_>) -> Option<Period> {
    let end = |name: &str| -> Option<Option<Span>> {
        match json.get(name) {
            Some(text) => Span::parse(&text.as_str()?).map(Some),
            None => Some(None),
        }
    };
    Some(Period { start: end("start")?, end: end("end")? })
}
