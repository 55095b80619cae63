//! The patient compartment.

use std::collections::BTreeMap;

use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{Compartment, Patients};
use mcp_ext_healthcare::{PatientCompartment, Record};

use crate::corpus::examples;

#[test]
fn distribution() {
    for version in FhirVersion::ALL {
        let Some(examples) = examples(version) else { return };
        let compartment = PatientCompartment::new(version);
        let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
        let mut bad = 0;
        for example in examples {
            let Ok(record) = Record::parse(&example.text) else {
                bad += 1;
                continue;
            };
            let at = match compartment.patients(&record) {
                Patients::Of(_) => 0,
                Patients::Nobody => 1,
                Patients::Unknown => 2,
            };
            counts.entry(record.resource_type().to_owned()).or_default()[at] += 1;
            if at == 2 && std::env::var("SHOW").is_ok_and(|k| k == record.resource_type()) {
                println!("{}", example.name);
            }
        }
        println!("{version:?} unreadable {bad}");
        for (k, c) in counts {
            println!("{k} {c:?}");
        }
    }
}
