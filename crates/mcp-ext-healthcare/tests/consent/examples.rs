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
