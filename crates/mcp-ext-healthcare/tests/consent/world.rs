//! Consents in short, and questions.

use std::collections::BTreeSet;

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::consent::{ConsentRules, Consents, Effect, Reading, Unconsented, Verdict};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{Instant, Reference};
use serde_json::{Map, Value, json};

pub(crate) const PATIENT: &str = "Patient/1";

pub(crate) fn patient() -> Reference {
    PATIENT.parse().unwrap()
}

pub(crate) fn version(name: &str) -> FhirVersion {
    match name {
        "R4" => FhirVersion::R4,
        "R5" => FhirVersion::R5,
        _ => panic!("{name}"),
    }
}

fn concept(system: &str, code: &Value) -> Value {
    match code {
        Value::String(code) => json!({ "coding": [{ "system": system, "code": code }] }),
        other => other.clone(),
    }
}

/// A Consent of a few elements: what is mandatory is added, `null` takes it away, codes in short are written out.
pub(crate) fn consent(version: FhirVersion, short: &Value) -> Value {
    let mut whole = match version {
        FhirVersion::R4 => json!({
            "resourceType": "Consent", "id": "c", "status": "active", "scope": "patient-privacy",
            "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
            "patient": { "reference": PATIENT },
        }),
        _ => json!({
            "resourceType": "Consent", "id": "c", "status": "active",
            "subject": { "reference": PATIENT },
        }),
    };
    let members: &mut Map<String, Value> = whole.as_object_mut().unwrap();
    for (name, value) in short.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    if let Some(scope) = members.get_mut("scope") {
        *scope = concept("http://terminology.hl7.org/CodeSystem/consentscope", scope);
    }
    if let Some(rule) = members.get_mut("policyRule") {
        *rule = concept("http://terminology.hl7.org/CodeSystem/v3-ActCode", rule);
    }
    if let Some(provision) = members.get_mut("provision") {
        write_out(provision);
    }
    whole
}

fn write_out(provision: &mut Value) {
    match provision {
        Value::Array(all) => all.iter_mut().for_each(write_out),
        Value::Object(members) => {
            if let Some(Value::Array(purposes)) = members.get_mut("purpose") {
                for purpose in purposes {
                    if let Value::String(code) = purpose {
                        *purpose = json!({
                            "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code,
                        });
                    }
                }
            }
            if let Some(Value::Array(actors)) = members.get_mut("actor") {
                let system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
                for role in actors.iter_mut().filter_map(|actor| actor.get_mut("role")) {
                    *role = concept(system, role);
                }
            }
            if let Some(within) = members.get_mut("provision") {
                write_out(within);
            }
        }
        _ => {}
    }
}

pub(crate) fn record(value: &Value) -> Record {
    Record::parse(&value.to_string()).unwrap()
}

/// Who asks: Doctor Quinn of the clinic, for treatment, on a day in March, about an observation.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) actors: Option<BTreeSet<Reference>>,
    pub(crate) purpose: Option<String>,
    pub(crate) now: Instant,
    pub(crate) about: About,
}

#[derive(Debug, Clone)]
pub(crate) enum About {
    Record(Value),
    Type(Option<String>),
}

pub(crate) fn actors(names: &[&str]) -> BTreeSet<Reference> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            actors: Some(actors(&["Practitioner/quinn", "Organization/clinic"])),
            purpose: Some("TREAT".to_owned()),
            now: "2026-03-01T00:00:00Z".parse().unwrap(),
            about: About::Record(observation()),
        }
    }
}

pub(crate) fn observation() -> Value {
    json!({
        "resourceType": "Observation", "id": "1", "status": "final", "code": { "text": "weight" },
        "subject": { "reference": PATIENT },
    })
}

impl Ask {
    pub(crate) fn of(&self, rules: &ConsentRules, consents: &Consents) -> Verdict {
        let (actors, purpose) = (self.actors.as_ref(), self.purpose.as_deref());
        match &self.about {
            About::Record(value) => {
                let record = record(value);
                consents.of_record(rules, actors, purpose, &self.now, &record, &record.label())
            }
            About::Type(kind) => {
                consents.of_type(rules, actors, purpose, &self.now, kind.as_deref())
            }
        }
    }
}

pub(crate) fn rules(version: FhirVersion, policies: &Value, opt_in: bool) -> ConsentRules {
    let mut rules = ConsentRules::enforced(version);
    for (name, means) in policies.as_object().into_iter().flatten() {
        let means = if means == "permit" { Effect::Permit } else { Effect::Deny };
        rules = rules.policy(name, means);
    }
    if opt_in { rules.unconsented(Unconsented::Denied) } else { rules }
}

pub(crate) fn name(reading: Reading) -> &'static str {
    match reading {
        Reading::Understood => "understood",
        Reading::Unread(_) => "unread",
        Reading::Inactive => "inactive",
        Reading::OtherMatter => "other-matter",
        Reading::OtherPatient => "other-patient",
        _ => panic!("another reading"),
    }
}
