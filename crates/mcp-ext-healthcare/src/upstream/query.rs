//! What a search asks of a server, and whether the server understood it.

use super::address::{decode, encode};
use crate::fhir::{Definitions, is_id};
use crate::protocol::Reference;
use crate::server::{Search, SourceError};

const UNKNOWN: SourceError = SourceError::UnknownParameter;

/// Parameters that are no type's own and only say which records are wanted, or in which order. Others change what an answer is
/// (`_format`, `_elements`, `_summary`), or go on in another search (`_cursor`, `_page_token`).
const OF_ALL_TYPES: [&str; 9] = [
    "_content",
    "_has",
    "_id",
    "_lastUpdated",
    "_profile",
    "_security",
    "_source",
    "_tag",
    "_text",
];
/// The modifiers of FHIR R4 and R5. A type's name is one, too.
const MODIFIERS: [&str; 14] = [
    "above",
    "below",
    "code-text",
    "contains",
    "exact",
    "identifier",
    "in",
    "iterate",
    "missing",
    "not",
    "not-in",
    "of-type",
    "text",
    "text-advanced",
];

/// Names and values as they are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    parameters: Vec<(String, String)>,
}

impl Query {
    /// What a search asks for, without where: that is said by [`Self::confine`], or by the path.
    pub(super) fn of(definitions: &Definitions, search: &Search) -> Result<Self, SourceError> {
        let kind = search.resource_type.as_str();
        definitions.resource(kind).ok_or(UNKNOWN)?;
        let mut limit = search.limit;
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in &search.parameters {
            if name == "_count" {
                limit = limit.min(value.parse().map_err(|_| UNKNOWN)?);
                continue;
            }
            if value.is_empty() || !is_known(definitions, kind, name, value) {
                return Err(UNKNOWN);
            }
            // What another patient's record says must not decide what is found.
            if search.compartment.is_some() && looks_elsewhere(definitions, name) {
                return Err(UNKNOWN);
            }
            // All have to fit: saying one twice changes nothing.
            if !parameters.iter().any(|(known, with)| known == name && with == value) {
                parameters.push((name.clone(), value.clone()));
            }
        }
        parameters.push(("_count".to_owned(), limit.max(1).to_string()));
        Ok(Self { parameters })
    }

    /// Asks for what names this patient, if the type is in compartments at all. Of several parameters by which it can be in one, `patient` or
    /// `subject` is taken.
    pub(super) fn confine(&mut self, definitions: &Definitions, kind: &str, patient: &Reference) {
        let (name, value) = if kind == patient.resource_type() {
            ("_id", patient.id())
        } else {
            let parameters = definitions.compartment(kind);
            let usual = ["patient", "subject"].into_iter().find(|usual| {
                parameters.contains(usual) || definitions.search_parameter(kind, usual).is_some()
            });
            let by =
                if parameters.is_empty() { None } else { usual.or(parameters.first().copied()) };
            let Some(name) = by else { return };
            (name, patient.as_str())
        };
        let parameter = (name.to_owned(), value.to_owned());
        if !self.parameters.contains(&parameter) {
            self.parameters.push(parameter);
        }
    }

    /// As in a URI, or a form.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.parameters {
            if !text.is_empty() {
                text.push('&');
            }
            encode(name, &mut text);
            text.push('=');
            encode(value, &mut text);
        }
        text
    }

    /// Whether the `self` link of an answer has all that was asked: a server leaves out what it did not understand.
    pub(super) fn is_in(&self, link: &str) -> bool {
        let query = link.split_once('?').map_or("", |(_, query)| query);
        let query = decode(query.split('#').next().unwrap_or_default());
        self.parameters.iter().filter(|(name, _)| name != "_count").all(|(name, _)| {
            let asked = self.parameters.iter().filter(|(other, _)| other == name).count();
            // Values can be written differently: a reference with its type, a date with its zone.
            asked <= query.iter().filter(|(other, _)| other == name).count()
        })
    }
}

/// Whether HL7 has such a parameter.
fn is_known(definitions: &Definitions, kind: &str, name: &str, value: &str) -> bool {
    match name {
        "_sort" => value.split(',').all(|by| {
            let by = by.strip_prefix('-').unwrap_or(by);
            matches!(by, "_id" | "_lastUpdated" | "_score")
                || definitions.search_parameter(kind, by).is_some()
        }),
        "_include" | "_include:iterate" | "_revinclude" | "_revinclude:iterate" => {
            is_include(definitions, value)
        }
        name => {
            // `subject:Patient.name:exact` is a chain; `_has:Observation:patient:code` one backwards.
            let first = name.split('.').next().unwrap_or_default();
            let mut parts = first.split(':');
            let own = parts.next().unwrap_or_default();
            if own == "_has" {
                return is_reverse_chain(definitions, name);
            }
            let is_modifier =
                |it: &str| MODIFIERS.contains(&it) || definitions.resource(it).is_some();
            let is_own = OF_ALL_TYPES.contains(&own)
                || (!own.starts_with('_') && definitions.search_parameter(kind, own).is_some());
            is_own && parts.next().is_none_or(is_modifier) && parts.next().is_none()
        }
    }
}

/// `Observation:subject`, `Observation:subject:Patient`.
fn is_include(definitions: &Definitions, value: &str) -> bool {
    let parts: Vec<&str> = value.split(':').collect();
    let (source, parameter, target) = match *parts.as_slice() {
        [source, parameter] => (source, parameter, None),
        [source, parameter, target] => (source, parameter, Some(target)),
        _ => return false,
    };
    definitions.search_parameter(source, parameter).is_some_and(|known| known.kind == "reference")
        && target.is_none_or(|target| definitions.resource(target).is_some())
}

/// `_has:Observation:patient:code`.
fn is_reverse_chain(definitions: &Definitions, name: &str) -> bool {
    let parts: Vec<&str> = name.split(':').collect();
    matches!(*parts.as_slice(), ["_has", source, by, parameter, ..]
        if definitions.search_parameter(source, by).is_some()
            && (parameter == "_has" || OF_ALL_TYPES.contains(&parameter)
                || definitions.search_parameter(source, parameter).is_some()))
}

/// Whether a parameter looks at records that can be other patients'.
fn looks_elsewhere(definitions: &Definitions, name: &str) -> bool {
    if name.starts_with("_has") {
        return true;
    }
    let mut steps = name.split('.').peekable();
    while let Some(step) = steps.next() {
        if steps.peek().is_none() {
            return false;
        }
        // `performer:Practitioner.name` is nobody's. Without a type it could lead to a patient.
        let target = step.split_once(':').map(|(_, target)| target);
        let is_nobodys = target.is_some_and(|target| {
            target != "Patient"
                && definitions.resource(target).is_some()
                && definitions.compartment(target).is_empty()
        });
        if !is_nobodys {
            return true;
        }
    }
    false
}

/// A version of a record is never asked for, and a search is no operation: a type's name is all that stands in a path.
pub(super) fn is_type(definitions: &Definitions, name: &str) -> bool {
    is_id(name) && definitions.resource(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::FhirVersion;

    fn of(
        kind: &str,
        parameters: &[(&str, &str)],
        patient: Option<&str>,
    ) -> Result<String, SourceError> {
        let definitions = FhirVersion::R4.definitions();
        let mut search = Search::new(kind);
        search.compartment = patient.map(|patient| patient.parse().unwrap());
        for (name, value) in parameters {
            search = search.parameter(*name, *value);
        }
        let mut query = Query::of(definitions, &search)?;
        if let Some(patient) = &search.compartment {
            query.confine(definitions, kind, patient);
        }
        Ok(query.text())
    }

    #[test]
    fn values_are_escaped_and_patients_named() {
        let anna = Some("Patient/anna");
        for (kind, parameters, patient, expected) in [
            ("Patient", &[][..], None, "_count=100"),
            ("Patient", &[], anna, "_count=100&_id=anna"),
            (
                "Observation",
                &[("code", "http://loinc.org|1&2=ü")],
                None,
                "code=http%3A%2F%2Floinc.org%7C1%262%3D%C3%BC&_count=100",
            ),
            ("Observation", &[("_count", "7")], anna, "_count=7&patient=Patient%2Fanna"),
            (
                "Observation",
                &[("patient", "Patient/anna")],
                anna,
                "patient=Patient%2Fanna&_count=100",
            ),
            (
                "Observation",
                &[("status", "final"), ("status", "final")],
                None,
                "status=final&_count=100",
            ),
            ("Appointment", &[], anna, "_count=100&patient=Patient%2Fanna"),
            ("Group", &[], anna, "_count=100&member=Patient%2Fanna"),
            ("ValueSet", &[], anna, "_count=100"),
        ] {
            assert_eq!(
                of(kind, parameters, patient).as_deref(),
                Ok(expected),
                "{kind} {parameters:?}"
            );
        }
    }

    #[test]
    fn what_hl7_does_not_have_is_not_sent() {
        let anna = Some("Patient/anna");
        for good in [
            ("code:in", "http://x"),
            ("subject:Patient", "1"),
            ("_sort", "-date,_lastUpdated"),
            ("_tag:not", "x"),
            ("_include", "Observation:subject:Patient"),
            ("_revinclude", "Provenance:target"),
            ("_include:iterate", "Encounter:service-provider"),
            ("performer:Practitioner.name:exact", "Doc"),
            ("code-value-quantity", "1$2"),
        ] {
            assert!(of("Observation", &[good], anna).is_ok(), "{good:?}");
        }
        for bad in [
            ("colour", "red"),
            ("code", ""),
            ("code:colour", "1"),
            ("code:in:not", "1"),
            ("_count", "many"),
            ("_sort", "colour"),
            ("_format", "xml"),
            ("_elements", "id"),
            ("_summary", "true"),
            ("_cursor", "x"),
            ("_offset", "7"),
            ("_type", "Patient"),
            ("_query", "x"),
            ("_filter", "x"),
            ("_list", "1"),
            ("_include", "*"),
            ("_include", "Observation:code"),
            ("_include", "Observation:*"),
            ("_include", "Observation:subject:Nobody"),
            ("", "x"),
            ("$everything", "x"),
            ("_contained", "both"),
            ("_account", "x"),
        ] {
            assert_eq!(of("Observation", &[bad], None), Err(UNKNOWN), "{bad:?}");
        }
        assert_eq!(of("Observation/1/../Patient", &[], None), Err(UNKNOWN));
        assert_eq!(of("", &[], None), Err(UNKNOWN));
    }

    #[test]
    fn what_others_records_say_decides_nothing_for_a_patient() {
        for other in [
            ("subject.name", "x"),
            ("subject:Patient.name", "x"),
            ("performer.name", "x"),
            ("_has:Observation:has-member:code", "1"),
            ("encounter:Encounter.date", "2024"),
            ("performer:Practitioner.organization.name", "x"),
        ] {
            assert!(of("Observation", &[other], None).is_ok(), "{other:?}");
            assert_eq!(of("Observation", &[other], Some("Patient/a")), Err(UNKNOWN), "{other:?}");
        }
    }

    #[test]
    fn self_links_tell_what_was_understood() {
        let search = Search::new("Observation")
            .parameter("code", "a b")
            .parameter("date", "ge2024")
            .parameter("date", "lt2025")
            .parameter("status:not", "final");
        let query = Query::of(FhirVersion::R4.definitions(), &search).unwrap();
        for link in [
            "Observation?code=a+b&date=ge2024&date=lt2025&status:not=final",
            "http://h/Observation?_count=1&status%3Anot=final&date=lt2025&date=ge2024-01-01&code=a%20b&x=y",
        ] {
            assert!(query.is_in(link), "{link}");
        }
        for link in [
            "",
            "Observation",
            "Observation?code=a+b&date=ge2024&status:not=final",
            "Observation?code=a+b&date=ge2024&date=lt2025&status=final",
            "Observation?date=ge2024&date=lt2025&status:not=final",
            "Observation?code=a#&date=ge2024&date=lt2025&status:not=final",
        ] {
            assert!(!query.is_in(link), "{link}");
        }
    }
}
