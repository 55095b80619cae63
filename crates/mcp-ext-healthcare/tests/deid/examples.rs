//! Every official example.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::deid::{LimitedDataSet, SafeHarbor};
use mcp_ext_healthcare::fhir::{FhirVersion, Json};
use mcp_ext_healthcare::server::Deidentify;
use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};

use crate::corpus::examples;
use crate::known::Found;
use crate::planting;

pub(crate) fn names(key: u8) -> Pseudonymizer {
    Pseudonymizer::new(PseudonymKey::from_bytes([key; 32]))
}

/// The middle of 2026.
pub(crate) fn in_2026() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_782_000_000)
}

pub(crate) fn safe_harbor(version: FhirVersion) -> SafeHarbor {
    SafeHarbor::builder(version, &names(1)).clock(in_2026).base("http://hl7.org/fhir").build()
}

/// Why an example is withheld, if it is.
fn must_be_withheld(text: &str) -> bool {
    text.contains("\"modifierExtension\"") || text.contains("\"implicitRules\"")
}

/// DEI-1, DEI-3.
fn no_identifier_remains(version: FhirVersion) {
    let Some(examples) = examples(version) else { return };
    let definitions = version.definitions();
    let (safe, limited) = (safe_harbor(version), LimitedDataSet::new(version, &names(1)));
    let (mut planted, mut withheld) = (0, 0);
    for example in examples {
        let mut json = Json::parse(example.text.as_bytes()).unwrap();
        assert!(planting::left(&example.text).is_empty(), "{}", example.name);
        planting::resource(definitions, &mut json);
        let text = json.to_string();
        let Some(given) = safe.text(&text) else {
            assert!(must_be_withheld(&text), "{}", example.name);
            withheld += 1;
            continue;
        };
        let left = planting::left(&given);
        assert!(left.is_empty(), "{}: {left:?} in {given}", example.name);
        let found = Found::of(definitions, &Json::parse(given.as_bytes()).unwrap());
        assert_eq!(found.unknown, BTreeSet::new(), "{}", example.name);
        planted += 1;
        // Dates may stay in a limited data set, and addresses but for the street. The largest examples are collections of
        // definitions that others have one by one.
        if text.len() > 2_000_000 {
            continue;
        }
        let given = limited.text(&text).unwrap();
        let left = planting::left(&given);
        assert!(
            left.iter().all(|mark| ["1987-06", "11:22", ":44:55"].contains(mark)),
            "{}: {left:?} in {given}",
            example.name
        );
    }
    println!(
        "{}: {planted} resources planted, 0 identifiers left, {withheld} withheld",
        version.number()
    );
    assert!(withheld < 10);
}

#[test]
fn no_identifier_remains_in_the_r4_examples() {
    no_identifier_remains(FhirVersion::R4);
}

#[test]
fn no_identifier_remains_in_the_r5_examples() {
    no_identifier_remains(FhirVersion::R5);
}

fn what_is_given_is_of_use(version: FhirVersion) {
    let Some(examples) = examples(version) else { return };
    let definitions = version.definitions();
    let method = safe_harbor(version);
    let mut lost: BTreeMap<String, usize> = BTreeMap::new();
    let (mut before, mut after, mut records, mut missing) = (0, 0, 0, BTreeSet::new());
    for example in examples {
        let Some(given) = method.text(&example.text) else {
            assert!(must_be_withheld(&example.text), "{}", example.name);
            continue;
        };
        let source = Found::of(definitions, &Json::parse(example.text.as_bytes()).unwrap());
        let found = Found::of(definitions, &Json::parse(given.as_bytes()).unwrap());
        before += source.codings;
        for (system, count) in &source.systems {
            let kept = found.systems.get(system).copied().unwrap_or_default();
            *lost.entry(system.clone()).or_default() += count - kept;
        }
        after += found.codings;
        assert_eq!(found.unknown, BTreeSet::new(), "{}", example.name);
        missing.extend(found.missing.difference(&source.missing).cloned());
        // The same from a parsed record.
        if let Ok(record) = Record::parse(&example.text) {
            let record = method.deidentify(&record).unwrap();
            assert!(record.json().get() == given, "{}", example.name);
            records += 1;
        }
    }
    let kept = 100.0 * f64::from(after as u32) / f64::from(before as u32);
    println!(
        "{}: {after} of {before} codings kept ({kept:.1} %), {records} records",
        version.number()
    );
    let mut lost: Vec<_> = lost.into_iter().collect();
    lost.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    println!("{}: lost most: {:?}", version.number(), &lost[..8]);
    assert!(kept >= 95.0);
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn codings_of_the_r4_examples_are_kept() {
    what_is_given_is_of_use(FhirVersion::R4);
}

#[test]
fn codings_of_the_r5_examples_are_kept() {
    what_is_given_is_of_use(FhirVersion::R5);
}
