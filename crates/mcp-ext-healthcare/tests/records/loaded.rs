//! The official examples in memory, and as plain JSON.

use std::sync::OnceLock;

use mcp_ext_healthcare::fhir::{FhirVersion, is_id};
use mcp_ext_healthcare::store::{LoadError, MemoryRecords};
use serde_json::Value;

use crate::corpus::examples;

/// The examples of a version, in memory and as they stand in their files. Loaded once.
pub(crate) fn loaded(version: FhirVersion) -> Option<&'static (MemoryRecords, Vec<Value>)> {
    static R4: OnceLock<Option<(MemoryRecords, Vec<Value>)>> = OnceLock::new();
    static R5: OnceLock<Option<(MemoryRecords, Vec<Value>)>> = OnceLock::new();
    let once = if version == FhirVersion::R4 { &R4 } else { &R5 };
    once.get_or_init(|| load(version)).as_ref()
}

fn load(version: FhirVersion) -> Option<(MemoryRecords, Vec<Value>)> {
    let records = MemoryRecords::new(version);
    let mut all = Vec::new();
    for example in examples(version)? {
        let value: Value = serde_json::from_str(&example.text).unwrap();
        match records.load(&example.text) {
            Ok(loaded) if loaded.refused.is_empty() => all.push(value),
            // Of the entries of a Bundle, those that say who they are.
            Ok(loaded) => assert_eq!(value["resourceType"], "Bundle", "{:?}", loaded.refused),
            Err(LoadError::Bundle) => {}
            Err(error) => {
                let kind = value["resourceType"].as_str().unwrap();
                // One of the examples has an id of 67 letters; FHIR allows 64.
                let has_id = value["id"].as_str().is_some_and(is_id);
                assert!(kind == "Parameters" || !has_id, "{}: {error}", example.name);
            }
        }
    }
    Some((records, all))
}
