//! The International Patient Summary: its shape on the official examples, and what is not in it.

use std::collections::BTreeSet;

use mcp_ext_healthcare::deid::SafeHarbor;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::LimitSettings;
use mcp_ext_healthcare::store::MemoryRecords;
use mcp_ext_healthcare::tools::ips_summary;
use mcp_testkit::call_tool;
use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};
use serde_json::{Value, json};

use crate::corpus::examples;
use crate::valid::assert_valid;
use crate::world::{Clinic, H, Policy, denial, meta, put, told, treating, trusted};

const MANDATORY: [&str; 3] = ["11450-4", "48765-2", "10160-0"];

/// All references of a resource.
fn references<'a>(json: &'a Value, to: &mut Vec<&'a str>) {
    match json {
        Value::Array(values) => values.iter().for_each(|value| references(value, to)),
        Value::Object(members) => {
            to.extend(members.get("reference").and_then(Value::as_str));
            members.values().for_each(|value| references(value, to));
        }
        _ => {}
    }
}

/// What is so of each summary.
fn assert_whole(version: FhirVersion, document: &Value) {
    assert_eq!(
        (&document["resourceType"], &document["type"]),
        (&json!("Bundle"), &json!("document"))
    );
    assert!(document["identifier"]["value"].is_string() && document["timestamp"].is_string());
    let entries = document["entry"].as_array().unwrap();
    let urls: BTreeSet<&str> = entries.iter().map(|one| one["fullUrl"].as_str().unwrap()).collect();
    assert_eq!(urls.len(), entries.len(), "each entry has a name of its own");
    let composition = &entries[0]["resource"];
    assert_eq!(composition["resourceType"], "Composition");
    assert_valid(version, composition);
    assert_eq!(composition["type"]["coding"][0]["code"], "60591-5");
    let patients: Vec<&Value> =
        entries.iter().filter(|one| one["resource"]["resourceType"] == "Patient").collect();
    assert_eq!(patients.len(), 1, "nobody else is in it");
    let subject = match version {
        FhirVersion::R4 => &composition["subject"],
        _ => &composition["subject"][0],
    };
    assert_eq!(subject["reference"], patients[0]["fullUrl"]);
    // Every reference leads to an entry.
    let mut all = Vec::new();
    entries.iter().for_each(|entry| references(&entry["resource"], &mut all));
    for reference in all {
        assert!(urls.contains(reference) || reference.starts_with('#'), "{reference}");
    }
    let sections = composition["section"].as_array().unwrap();
    let codes: Vec<&str> =
        sections.iter().map(|one| one["code"]["coding"][0]["code"].as_str().unwrap()).collect();
    assert!(MANDATORY.iter().all(|code| codes.contains(code)), "{codes:?}");
    for section in sections {
        let div = section["text"]["div"].as_str().unwrap();
        assert!(div.starts_with("<div xmlns=\"http://www.w3.org/1999/xhtml\">"), "{div}");
        let (has, lacks) = (section.get("entry").is_some(), section.get("emptyReason").is_some());
        assert!(has != lacks, "{section}");
        for entry in section["entry"].as_array().into_iter().flatten() {
            let url = &entry["reference"];
            let found = entries.iter().find(|one| one["fullUrl"] == *url).unwrap();
            // What is in a section is the patient's.
            let resource = &found["resource"];
            let whose = if resource["subject"].is_object() { "subject" } else { "patient" };
            assert_eq!(resource[whose]["reference"], patients[0]["fullUrl"], "{resource}");
        }
    }
}

async fn summary(clinic: &Clinic, patient: &str) -> mcp_testkit::Answer {
    clinic.call("ips_summary", patient, json!({})).await
}

#[tokio::test]
async fn summaries_of_the_official_examples_are_whole() {
    for version in [FhirVersion::R4, FhirVersion::R5] {
        let Some(all) = examples(version) else { return };
        let records = MemoryRecords::new(version);
        let mut patients = BTreeSet::new();
        for example in all {
            if example.text.contains("\"Patient/") || example.name.starts_with("Patient") {
                // Some are templates, or their ids are too long.
                let _ = records.load(&example.text);
            }
            if let Some(id) = example.name.strip_prefix("Patient-") {
                patients.insert(format!("Patient/{}", id.trim_end_matches(".json")));
            }
        }
        let clinic = Clinic::new(&records, [ips_summary(version)], Policy::default(), |it| it);
        let (mut summaries, mut entries, mut sections) = (0, 0, 0);
        for patient in patients {
            let answer = summary(&clinic, &patient).await;
            if answer.assert_result()["isError"] == true {
                assert!(told(&answer).contains("no summary"), "{patient}: {answer:?}");
                clinic.trail.one();
                continue;
            }
            let document = &answer.assert_structured()["document"];
            assert_whole(version, document);
            summaries += 1;
            entries += document["entry"].as_array().unwrap().len();
            sections += document["entry"][0]["resource"]["section"].as_array().unwrap().len();
            // All that is in it is cited and on record: everything but composition and author.
            let cited = meta(&answer, "citations").as_array().unwrap().len();
            assert_eq!(cited + 2, document["entry"].as_array().unwrap().len());
            assert!(clinic.trail.one().to_string().contains(&patient));
        }
        println!(
            "{}: {summaries} summaries, {entries} entries, {sections} sections",
            version.number()
        );
        assert!(summaries >= 10 && entries > 3 * summaries && sections > 3 * summaries);
    }
}

fn ward() -> MemoryRecords {
    let records = MemoryRecords::new(FhirVersion::R4);
    let anna = json!({ "reference": "Patient/anna" });
    let coded = |text: &str| json!({ "text": text });
    for value in [
        json!({ "resourceType": "Patient", "id": "anna", "name": [{ "family": "Zanzibar" }] }),
        json!({ "resourceType": "Patient", "id": "bert", "name": [{ "family": "Bertson" }] }),
        json!({ "resourceType": "Condition", "id": "asthma", "subject": anna, "code": coded("Asthma <b>&"),
            "recorder": { "reference": "Practitioner/p" }, "asserter": { "reference": "Patient/bert", "display": "a neighbour" } }),
        json!({ "resourceType": "Condition", "id": "hidden", "subject": anna, "code": coded("Hidden"),
            "meta": { "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R" }] } }),
        json!({ "resourceType": "Condition", "id": "mistake", "subject": anna, "code": coded("Mistake"),
            "verificationStatus": { "coding": [{ "code": "entered-in-error" }] } }),
        json!({ "resourceType": "Condition", "id": "healed", "subject": anna, "code": coded("Healed"),
            "clinicalStatus": { "coding": [{ "code": "resolved" }] } }),
        json!({ "resourceType": "Condition", "id": "foreign", "subject": { "reference": "Patient/bert" }, "code": coded("Foreign") }),
        json!({ "resourceType": "Observation", "id": "weight", "status": "final", "subject": anna, "code": coded("Weight"),
            "category": [{ "coding": [{ "code": "vital-signs" }] }], "valueQuantity": { "value": 70, "unit": "kg" } }),
        json!({ "resourceType": "Practitioner", "id": "p", "name": [{ "family": "Quinn" }] }),
    ] {
        put(&records, &value);
    }
    records
}

fn clinic(records: &MemoryRecords, policy: Policy) -> Clinic {
    Clinic::new(records, [ips_summary(FhirVersion::R4)], policy, |it| it)
}

/// The titles of sections, and how many entries each has.
fn sections(document: &Value) -> Vec<(String, usize)> {
    let sections = document["entry"][0]["resource"]["section"].as_array().unwrap();
    let count = |one: &Value| one["entry"].as_array().map_or(0, Vec::len);
    sections.iter().map(|one| (one["title"].as_str().unwrap().to_owned(), count(one))).collect()
}

#[tokio::test]
async fn a_summary_holds_what_may_be_given() {
    let records = ward();
    let full = clinic(&records, Policy::default());
    let answer = summary(&full, "Patient/anna").await;
    let document = &answer.assert_structured()["document"];
    assert_whole(FhirVersion::R4, document);
    let named = |title: &str, count| (title.to_owned(), count);
    assert_eq!(
        sections(document),
        [
            named("Problems", 2),
            named("Allergies and intolerances", 0),
            named("Medications", 0),
            named("Vital signs", 1),
            named("Past problems", 1),
        ]
    );
    let text = document.to_string();
    assert!(text.contains("Quinn"), "who recorded it belongs to it");
    assert!(
        !text.contains("Bertson") && !text.contains("Patient/bert") && !text.contains("Foreign")
    );
    assert!(text.contains("a neighbour") && !text.contains("Mistake"));
    let composition = document["entry"][0]["resource"].to_string();
    assert!(composition.contains("Asthma &lt;b&gt;&amp;"), "{composition}");
    assert_eq!(meta(&answer, "label")["confidentiality"], "R");
    assert_eq!(document["meta"]["security"][0]["code"], "R");
    // A client that may not have what is restricted: as if it did not exist.
    let mut modest = trusted();
    modest["maxConfidentiality"] = json!("N");
    let call = call_tool("ips_summary", json!({}))
        .meta(&format!("{H}.context"), json!({ "patient": "Patient/anna" }))
        .meta(&format!("{H}.purpose"), json!({ "code": "TREAT" }))
        .declaring_raw(H, modest);
    let answer = full.raw.send(call).await;
    let document = &answer.assert_structured()["document"];
    assert_whole(FhirVersion::R4, document);
    assert_eq!(sections(document)[0], named("Problems", 1));
    assert!(!document.to_string().contains("Hidden"));
    assert_eq!(meta(&answer, "label")["confidentiality"], "N");
    // Types that the policy withholds leave the reason that nothing at all leaves.
    let closed = clinic(&records, Policy { withheld: vec!["Condition", "Practitioner"] });
    let answer = summary(&closed, "Patient/anna").await;
    let document = &answer.assert_structured()["document"];
    assert_whole(FhirVersion::R4, document);
    assert!(!document.to_string().contains("Asthma") && !document.to_string().contains("Quinn"));
    let both = document["entry"][0]["resource"]["section"].as_array().unwrap();
    assert_eq!(both[0]["emptyReason"], both[1]["emptyReason"]);
    assert_eq!(both[0]["text"], both[1]["text"]);
}

#[tokio::test]
async fn whom_nobody_knows_and_who_is_withheld_look_alike() {
    let records = ward();
    let unknown = summary(&clinic(&records, Policy::default()), "Patient/nobody").await;
    let withheld =
        summary(&clinic(&records, Policy { withheld: vec!["Patient"] }), "Patient/anna").await;
    assert_eq!(told(&unknown), told(&withheld));
    assert_eq!((denial(&unknown), denial(&withheld)), ("none".to_owned(), "none".to_owned()));
}

#[tokio::test]
async fn a_summary_is_whole_or_none() {
    let records = ward();
    for (resources, bytes) in [(3_u64, 1_000_000_u64), (100, 900)] {
        let small =
            Clinic::new(&records, [ips_summary(FhirVersion::R4)], Policy::default(), |it| {
                it.limits(LimitSettings::new(resources, bytes))
            });
        let answer = summary(&small, "Patient/anna").await;
        assert_eq!(denial(&answer), "result_too_large");
        assert!(!answer.assert_result().to_string().contains("Asthma"));
    }
}

#[tokio::test]
async fn a_de_identified_summary_names_nobody() {
    let records = ward();
    let names = Pseudonymizer::new(PseudonymKey::random().unwrap());
    let clinic = Clinic::new(&records, [ips_summary(FhirVersion::R4)], Policy::default(), |it| {
        it.deid(SafeHarbor::new(FhirVersion::R4, &names))
    });
    let call = treating(call_tool("ips_summary", json!({})), "Patient/anna")
        .meta(&format!("{H}.minimize"), json!({ "deid": "safe-harbor" }));
    let answer = clinic.raw.send(call).await;
    let document = &answer.assert_structured()["document"];
    assert_whole(FhirVersion::R4, document);
    assert_eq!(meta(&answer, "label")["phi"], "deidentified");
    let text = answer.assert_result().to_string();
    for part in ["Zanzibar", "Quinn", "anna", "Asthma", "neighbour"] {
        assert!(!text.contains(part), "{part}: {text}");
    }
}
