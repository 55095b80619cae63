//! The official examples in memory, searched, and compared with what a reader of plain JSON finds.

use std::collections::BTreeSet;

use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{Records, Search};
use mcp_ext_healthcare::store::MemoryRecords;
use serde_json::Value;

use crate::loaded::loaded;

/// The examples of a version, in memory and as they stand in their files. Loaded once.
async fn ids(records: &MemoryRecords, search: Search) -> BTreeSet<String> {
    let mut search = search;
    let mut ids = BTreeSet::new();
    loop {
        let found = records.search(&search).await.unwrap();
        ids.extend(found.matches.iter().map(|one| one.reference().id().to_owned()));
        if found.next.is_none() {
            return ids;
        }
        search.page = found.next;
    }
}

/// The codes of a CodeableConcept.
fn codes(concept: &Value) -> Vec<String> {
    let codings = concept["coding"].as_array().into_iter().flatten();
    codings.filter_map(|coding| Some(coding["code"].as_str()?.to_owned())).collect()
}

async fn agree(version: FhirVersion, at_least: usize) {
    let Some((records, all)) = loaded(version) else { return };
    let of = |kind: &str| -> Vec<&Value> {
        // The last one of an id counts, as in the store.
        let mut seen = BTreeSet::new();
        let mut found: Vec<&Value> =
            all.iter().rev().filter(|one| one["resourceType"] == kind).collect();
        found.retain(|one| seen.insert(one["id"].as_str().unwrap().to_owned()));
        found
    };
    let mut searches = 0;
    for (kind, element, parameter) in [
        ("Observation", "code", "code"),
        ("Condition", "code", "code"),
        ("Procedure", "code", "code"),
        ("ValueSet", "status", "status"),
        ("Observation", "status", "status"),
        ("Observation", "subject", "subject"),
        ("Encounter", "subject", "subject"),
        ("DiagnosticReport", "subject", "subject"),
        ("ValueSet", "url", "url"),
        ("StructureDefinition", "url", "url"),
    ] {
        let resources = of(kind);
        let wanted: BTreeSet<(String, bool)> = resources
            .iter()
            .flat_map(|one| {
                let it = &one[element];
                match (it.as_str(), it["reference"].as_str()) {
                    (Some(text), _) => vec![(text.to_owned(), false)],
                    (_, Some(reference)) => vec![(reference.to_owned(), true)],
                    _ => codes(it).into_iter().map(|code| (code, false)).collect(),
                }
            })
            .collect();
        for (value, is_reference) in wanted.iter().take(150) {
            // Contained records and other versions have rules of their own.
            if *is_reference && (value.starts_with('#') || value.contains("_history")) {
                continue;
            }
            let naive: BTreeSet<String> = resources
                .iter()
                .filter(|one| {
                    let it = &one[element];
                    it == value || it["reference"] == *value || codes(it).contains(value)
                })
                .map(|one| one["id"].as_str().unwrap().to_owned())
                .collect();
            let escaped = value.replace('\\', "\\\\").replace('|', "\\|").replace(',', "\\,");
            let found = ids(records, Search::new(kind).parameter(parameter, escaped)).await;
            // Bundles brought more than what stands in a file of its own.
            assert!(found.is_superset(&naive), "{kind}?{parameter}={value}");
            for id in found.difference(&naive) {
                assert!(!resources.iter().any(|one| one["id"] == *id), "{kind}/{id} for {value}");
            }
            searches += 1;
        }
    }
    println!("{}: {} records, {searches} searches agree", version.number(), records.len());
    assert!(searches >= at_least, "{searches}");
}

#[tokio::test]
async fn searches_of_the_r4_examples_find_what_stands_there() {
    agree(FhirVersion::R4, 400).await;
}

#[tokio::test]
async fn searches_of_the_r5_examples_find_what_stands_there() {
    agree(FhirVersion::R5, 400).await;
}
