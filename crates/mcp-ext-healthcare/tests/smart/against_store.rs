//! Queries of scopes against the search of the store in memory, on all examples: two readings of FHIR's search, written by different
//! hands.

use std::collections::BTreeSet;

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{Interaction, Records, Search};
use mcp_ext_healthcare::smart::ScopeSet;
use mcp_ext_healthcare::store::MemoryRecords;
use serde_json::Value;

use crate::corpus::examples;

const PARAMETERS: [&str; 30] = [
    "_id",
    "_profile",
    "_security",
    "_tag",
    "active",
    "address-city",
    "author",
    "category",
    "class",
    "clinical-status",
    "code",
    "encounter",
    "family",
    "gender",
    "general-practitioner",
    "given",
    "identifier",
    "intent",
    "location",
    "medication",
    "name",
    "participant",
    "patient",
    "performer",
    "recorder",
    "requester",
    "status",
    "subject",
    "type",
    "url",
];

/// What of a record could be the value of a parameter.
fn harvest(value: &Value, to: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| harvest(value, to)),
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            for code in [text("code"), text("value")].into_iter().flatten() {
                to.extend([code.to_owned(), format!("|{code}")]);
                if let Some(system) = text("system") {
                    to.extend([format!("{system}|{code}"), format!("{system}|")]);
                }
            }
            members.values().for_each(|value| harvest(value, to));
        }
        Value::String(text) if text.len() < 60 => drop(to.insert(text.clone())),
        Value::Bool(value) => drop(to.insert(value.to_string())),
        _ => {}
    }
}

fn encoded(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn ids(records: impl IntoIterator<Item = Record>) -> BTreeSet<String> {
    records.into_iter().map(|one| one.versioned_reference()).collect()
}

/// The types of which most is asked for; the whole takes minutes.
const TYPES: [&str; 10] = [
    "AllergyIntolerance",
    "CarePlan",
    "Condition",
    "DocumentReference",
    "Encounter",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Patient",
    "Practitioner",
];

/// What a scope fits, a search finds; and the other way, but for an id alone, a contained resource, and a code without a system.
#[tokio::test]
async fn scopes_fit_what_a_search_finds() {
    let version = FhirVersion::R4;
    let Some(examples) = examples(version) else { return };
    let store = MemoryRecords::new(version);
    for example in examples {
        if TYPES.iter().any(|kind| example.name.starts_with(kind))
            && let Ok(record) = Record::parse(&example.text)
        {
            store.insert(record).unwrap();
        }
    }
    let (mut compared, mut found) = (0, 0);
    for (kind, count) in store.counts() {
        if count == 0 || !TYPES.contains(&kind.as_str()) {
            continue;
        }
        let all = store.all(&kind);
        let mut values = BTreeSet::new();
        for record in &all {
            harvest(&serde_json::from_str(record.json().get()).unwrap(), &mut values);
        }
        for name in PARAMETERS {
            let definitions = version.definitions();
            let Some(parameter) = definitions.search_parameter(&kind, name) else { continue };
            // Every so many of them, other ones for each parameter.
            let is_like = |value: &&String| match parameter.kind {
                "reference" => value.contains('/') && !value.contains(' '),
                _ => !value.contains(' '),
            };
            let values: Vec<&String> = values.iter().filter(is_like).collect();
            let step = values.len() / 40 + 1;
            for value in values.iter().skip(name.len() % step).step_by(step) {
                let mut search =
                    Search::new(kind.as_str()).parameter(name, value.replace(['\\', ',', '$'], ""));
                search.limit = 1000;
                let value = &search.parameters[0].1;
                let scope = format!("user/{kind}.r?{name}={}", encoded(value));
                let Ok(set) = ScopeSet::parse(version, [&scope]) else { continue };
                let allowed = |one: &&Record| set.allows(Interaction::Read, one);
                let allowed = ids(all.iter().filter(allowed).cloned());
                // What the store does not know, scopes do not fit.
                let searched = store.search(&search).await.unwrap_or_default();
                let searched = ids(searched.matches);
                compared += 1;
                found += allowed.len();
                assert!(allowed.is_subset(&searched), "{scope}: {allowed:?} {searched:?}");
                let is_narrower = match parameter.kind {
                    "reference" => !value.contains('/') || value.starts_with('#'),
                    "token" => value.starts_with('|'),
                    _ => false,
                };
                assert!(is_narrower || allowed == searched, "{scope}: {allowed:?} {searched:?}");
            }
        }
    }
    println!("{compared} queries compared, {found} records found by them");
    assert!(compared > 1_000 && found > 100, "{compared} {found}");
}
