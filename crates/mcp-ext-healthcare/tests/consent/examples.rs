//! Every official example is read, or counted as a denial of everything.

use std::collections::BTreeMap;

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::consent::{ConsentRules, Consents, Reading};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{ConsentDecision, Reference};
use serde_json::Value;

use crate::corpus::examples;
use crate::world::Ask;

fn every_example(version: FhirVersion, expected: usize) {
    let Some(examples) = examples(version) else { return };
    let rules = ConsentRules::enforced(version);
    let whose = if version == FhirVersion::R4 { "patient" } else { "subject" };
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = 0;
    for example in examples.filter(|example| example.name.starts_with("Consent-")) {
        let json: Value = serde_json::from_str(&example.text).unwrap();
        let patient: Reference = json[whose]["reference"].as_str().unwrap().parse().unwrap();
        let record = Record::parse(&example.text).unwrap();
        let consents = Consents::read(&rules, &patient, &[record]);
        let (_, reading) = consents.readings().next().unwrap();
        let ask = Ask::default();
        let decision = ask.of(&rules, &consents).decision;
        println!("{}: {reading:?}, of an observation for treatment: {decision:?}", example.name);
        if let Reading::Unread(_) = reading {
            assert_eq!(decision, ConsentDecision::Deny, "{}", example.name);
        }
        // All of them are active and about privacy.
        assert!(matches!(reading, Reading::Understood | Reading::Unread(_)), "{}", example.name);
        *seen.entry(format!("{reading:?}")).or_default() += 1;
        count += 1;
        // Nobody else's patient is touched by it.
        let other = "Patient/nobody".parse().unwrap();
        let of_other = Consents::read(&rules, &other, &[Record::parse(&example.text).unwrap()]);
        let (_, reading) = of_other.readings().next().unwrap();
        assert_eq!(reading, Reading::OtherPatient, "{}", example.name);
    }
    println!("{}: {count} Consents: {seen:?}", version.number());
    assert_eq!(count, expected);
}

#[test]
fn every_r4_example_is_read_or_denies() {
    every_example(FhirVersion::R4, 12);
}

#[test]
fn every_r5_example_is_read_or_denies() {
    every_example(FhirVersion::R5, 12);
}

/// Found by the search of a store, enforced and evaluated: the examples of one version, for the patient who has most of them.
async fn in_a_store(version: FhirVersion, denials: usize) {
    use mcp_core::server::{ServedTool, Server};
    use mcp_ext_healthcare::PatientCompartment;
    use mcp_ext_healthcare::protocol::ToolMetadata;
    use mcp_ext_healthcare::server::{Disclosed, HealthCx, HealthError, Healthcare, RecordTool};
    use mcp_ext_healthcare::store::MemoryRecords;
    use mcp_testkit::call_tool;
    use serde_json::json;

    use crate::clinic::{Open, Trail, client, evaluating, ids, message};

    async fn weights(health: HealthCx) -> Result<Disclosed, HealthError> {
        let mut disclosure = health.disclosure();
        disclosure.add_all(health.search("Observation", &[]).await?);
        disclosure.records()
    }

    const WHOSE: &str = "Patient/f001";
    let Some(examples) = examples(version) else { return };
    let store = MemoryRecords::new(version);
    for example in examples {
        let kinds = ["Consent-", "Patient-f001", "Observation-f00"];
        if kinds.iter().any(|kind| example.name.starts_with(kind)) {
            store.insert(Record::parse(&example.text).unwrap()).unwrap();
        }
    }
    let of = |rules: Option<ConsentRules>| {
        let compartment = PatientCompartment::new(version);
        let builder = Healthcare::builder(Open, compartment, Trail::default());
        let mut builder = builder.records(store.clone());
        if let Some(rules) = rules {
            builder = builder.consent(rules);
        }
        let about = ToolMetadata::new(["Observation".to_owned()], []);
        let server = Server::builder("clinic", "1.0.0")
            .tool(ServedTool::new("weights", weights).records(about))
            .extension(builder.build().unwrap())
            .build()
            .unwrap();
        client(&server, "doctor:quinn")
    };
    let call = || message(call_tool("weights", json!({})), WHOSE, "TREAT");
    assert_ne!(ids(&of(None).send(call()).await), [""; 0], "there is something to withhold");
    let enforced = of(Some(ConsentRules::enforced(version)));
    assert_eq!(ids(&enforced.send(call()).await), [""; 0]);
    let answer = enforced.send(evaluating(WHOSE, "TREAT", &["Observation"])).await;
    let result = answer.assert_result();
    assert_eq!(result["decision"], "deny");
    println!("{}: {}", version.number(), result["consents"]);
    assert_eq!(result["consents"].as_array().unwrap().len(), denials);
}

#[tokio::test]
async fn the_r4_examples_are_found_and_enforced_in_a_store() {
    in_a_store(FhirVersion::R4, 7).await;
}

#[tokio::test]
async fn the_r5_examples_are_found_and_enforced_in_a_store() {
    in_a_store(FhirVersion::R5, 5).await;
}
