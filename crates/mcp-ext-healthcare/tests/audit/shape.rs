//! Events have FHIR's shape, and BALP's: AUD-3.

use std::collections::BTreeSet;

use mcp_ext_healthcare::fhir::{Content, Definitions, FhirVersion, Json, Shape};
use serde_json::Value;

use crate::world::events;

/// What is wrong with a resource: elements that are not known, not of their kind, or missing; codes that are not in the value set.
fn check(
    definitions: &Definitions,
    shape: Shape,
    value: &Json<'_>,
    path: &str,
    wrong: &mut BTreeSet<String>,
) {
    let Some(members) = value.as_object() else {
        wrong.insert(format!("{path} is no object"));
        return;
    };
    for (name, value) in members {
        let name = name.get();
        if name == "resourceType" {
            continue;
        }
        let at = format!("{path}.{name}");
        let Some(element) = definitions.member(shape, &name) else {
            wrong.insert(at);
            continue;
        };
        if value.as_array().is_some() != element.is_repeated {
            wrong.insert(format!("{at} is repeated, or is not"));
        }
        let values: Vec<&Json<'_>> = match value.as_array() {
            Some([]) => {
                wrong.insert(format!("{at} is empty"));
                Vec::new()
            }
            Some(values) => values.iter().collect(),
            None => vec![value],
        };
        for value in values {
            match element.content {
                Content::Elements(shape) => check(definitions, shape, value, &at, wrong),
                Content::Resource => drop(wrong.insert(format!("{at} is a resource"))),
                Content::Primitive(_) => {
                    let codes = element.codes.and_then(|codes| definitions.codes(codes));
                    if let (Some(codes), Some(code)) = (codes, value.as_str())
                        && !codes.contains(&&*code)
                    {
                        wrong.insert(format!("{at} is {code}"));
                    }
                    if matches!(value, Json::Null | Json::Array(_) | Json::Object(_)) {
                        wrong.insert(format!("{at} is of another kind"));
                    }
                }
            }
        }
    }
    for element in definitions.elements(shape).iter().filter(|element| element.is_mandatory) {
        let there = |name: &str| value.get(name).is_some();
        let is_there = match element.choice {
            Some(choice) => definitions
                .elements(shape)
                .iter()
                .any(|other| other.choice == Some(choice) && there(&other.name)),
            None => there(&element.name),
        };
        if !is_there {
            wrong.insert(format!("{path}.{} is missing", element.name));
        }
    }
}

/// Every element is known and of its kind, every mandatory one is there.
#[tokio::test]
async fn events_have_fhirs_shape_in_both_versions() {
    let events = events().await;
    for version in FhirVersion::ALL {
        let definitions = version.definitions();
        let shape = definitions.resource("AuditEvent").unwrap();
        for event in &events {
            let text = event.to_fhir_in(version).to_string();
            let json = Json::parse(text.as_bytes()).unwrap();
            let mut wrong = BTreeSet::new();
            check(definitions, shape, &json, "AuditEvent", &mut wrong);
            assert_eq!(wrong, BTreeSet::new(), "{text}");
        }
    }
    println!("{} events, each in R4 and R5", events.len());
}

/// The entities of a type, by its code.
fn of_type<'a>(event: &'a Value, system: &str, code: &str) -> Vec<&'a Value> {
    let all = event["entity"].as_array().unwrap();
    all.iter()
        .filter(|one| one["type"]["system"] == system && one["type"]["code"] == code)
        .collect()
}

/// The constraints of IHE BALP 1.1.3 (`Read`, `PatientRead`, `Query`, `PatientQuery`) that are not FHIR's own.
#[tokio::test]
async fn events_that_name_a_profile_fit_it() {
    const BALP: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";
    const ENTITY: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
    const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
    let mut seen = BTreeSet::new();
    for event in events().await {
        let fhir = event.to_fhir();
        let Some(profile) = fhir["meta"]["profile"][0].as_str() else { continue };
        let profile = profile.strip_prefix(BALP).unwrap();
        seen.insert(profile.to_owned());
        let (action, interaction, client, server) = match profile {
            "Read" | "PatientRead" => ("R", "read", "110152", "110153"),
            "Query" | "PatientQuery" => ("E", "search", "110153", "110152"),
            _ => panic!("{profile}"),
        };
        assert_eq!(fhir["action"], action);
        assert_eq!(fhir["outcome"], "0");
        assert_eq!(fhir["type"]["code"], "rest");
        let subtypes = fhir["subtype"].as_array().unwrap();
        let interactions: Vec<_> = subtypes
            .iter()
            .filter(|one| one["system"] == "http://hl7.org/fhir/restful-interaction")
            .map(|one| one["code"].as_str().unwrap())
            .collect();
        assert_eq!(interactions, [interaction]);
        let agents = fhir["agent"].as_array().unwrap();
        for role in [client, server] {
            let of_role: Vec<_> = agents
                .iter()
                .filter(|agent| agent["type"]["coding"][0]["system"] == DICOM)
                .filter(|agent| agent["type"]["coding"][0]["code"] == role)
                .collect();
            assert_eq!(of_role.len(), 1, "{profile} {role}");
            assert!(of_role[0]["who"].is_object() && of_role[0]["network"].is_object());
            assert!(of_role[0]["media"].is_null());
        }
        let is_client = |agent: &&Value| agent["type"]["coding"][0]["code"] == client;
        let name = &agents.iter().find(is_client).unwrap()["who"]["display"];
        assert_ne!(*name, "clinic", "the client is the one that is not the server");
        let users: Vec<_> =
            agents.iter().filter(|agent| agent["type"]["coding"][0]["code"] == "IRCP").collect();
        assert!(users.len() <= 1);
        for user in users {
            assert_eq!(user["requestor"], true);
            assert!(user["network"].is_null() && user["who"].is_object());
        }
        let patients = of_type(&fhir, ENTITY, "1");
        assert_eq!(patients.len(), usize::from(profile.starts_with("Patient")), "{profile}");
        for patient in patients {
            assert_eq!(patient["role"]["code"], "1");
            assert!(patient["what"]["reference"].as_str().unwrap().starts_with("Patient/"));
        }
        let objects = of_type(&fhir, ENTITY, "2");
        assert_eq!(objects.len(), 1, "{profile}: {fhir}");
        if action == "R" {
            assert!(objects[0]["what"].is_object());
            assert_eq!(objects[0]["role"]["code"], "4");
        } else {
            assert!(objects[0]["what"].is_null() && objects[0]["detail"].is_null());
            assert_eq!(objects[0]["role"]["code"], "24");
            assert!(objects[0]["query"].is_string());
        }
    }
    let all = ["PatientQuery", "PatientRead", "Query", "Read"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(all));
}

/// What an event says is the same in both versions.
#[tokio::test]
async fn both_versions_say_the_same() {
    for event in events().await {
        let (r4, r5) = (event.to_fhir_in(FhirVersion::R4), event.to_fhir_in(FhirVersion::R5));
        assert_eq!(r4, event.to_fhir());
        for same in ["id", "action", "recorded"] {
            assert_eq!(r4[same], r5[same]);
        }
        assert_eq!(r4["outcome"], r5["outcome"]["code"]["code"]);
        assert_eq!(r4["outcomeDesc"], r5["outcome"]["detail"][0]["text"]);
        assert_eq!(r4["purposeOfEvent"], r5["authorization"]);
        assert_eq!(r4["subtype"], r5["code"]["coding"]);
        let whats = |event: &Value| -> BTreeSet<String> {
            let entities = event["entity"].as_array().unwrap().iter();
            entities.filter_map(|one| Some(one["what"]["reference"].as_str()?.to_owned())).collect()
        };
        assert_eq!(whats(&r4), whats(&r5));
        let who = |event: &Value| -> Vec<Value> {
            event["agent"].as_array().unwrap().iter().map(|one| one["who"].clone()).collect()
        };
        assert_eq!(who(&r4), who(&r5));
        let only = event.patients.first().filter(|_| event.patients.len() == 1);
        assert_eq!(r5["patient"]["reference"].as_str(), only.map(|one| one.as_str()));
    }
}
