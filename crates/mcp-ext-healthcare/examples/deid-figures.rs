//! Measures de-identification on the official R4 examples:
//! `cargo run --release -p mcp-ext-healthcare --example deid-figures [FOLDER [REPEATS]]`.
//!
//! The folder has JSON files of one resource each; without it, it is that of `hl7.fhir.r4.examples`, which `cargo xtask peers`
//! downloads. Prints the resources per second of CPU time on one core, from parsed records, from their texts, and of all texts,
//! Bundles included; the codings that were kept; and identifiers that are left (the programs' own, which the files hold in
//! names, telecom and identifiers).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program to look at"
)]

use std::path::PathBuf;
use std::time::Instant;

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::deid::SafeHarbor;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::Deidentify;
use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(
        || {
            let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
            root.join(".cache/fhir/node_modules/hl7.fhir.r4.examples")
        },
        PathBuf::from,
    );
    let repeats: usize = arguments.next().map_or(5, |text| text.parse().expect("a number"));
    let entries = std::fs::read_dir(&folder).expect("the folder can be read");
    let mut texts = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "json") && !path.ends_with("package.json") {
            texts.push(std::fs::read_to_string(path).unwrap());
        }
    }
    let records: Vec<(&String, Record)> =
        texts.iter().filter_map(|text| Some((text, Record::parse(text).ok()?))).collect();
    let names = Pseudonymizer::new(PseudonymKey::random().unwrap());
    let method = SafeHarbor::new(FhirVersion::R4, &names);

    let bytes: usize = records.iter().map(|(text, _)| text.len()).sum();
    println!(
        "{} resources, {} of them records of {} bytes on average",
        texts.len(),
        records.len(),
        bytes / records.len()
    );
    report("records, parsed", repeats, records.len(), || {
        records.iter().filter(|(_, record)| method.deidentify(record).is_some()).count()
    });
    report("records, from text to text", repeats, records.len(), || {
        let given =
            records.iter().filter_map(|(text, _)| method.deidentify(&Record::parse(text).ok()?));
        given.filter(|record| !record.json().get().is_empty()).count()
    });
    report("records, text alone", repeats, records.len(), || {
        records.iter().filter(|(text, _)| method.text(text).is_some()).count()
    });
    report("all resources, text alone", repeats, texts.len(), || {
        texts.iter().filter(|text| method.text(text).is_some()).count()
    });
}

/// The best of several rounds, since what else runs only makes it slower.
fn report(what: &str, repeats: usize, count: usize, mut run: impl FnMut() -> usize) {
    let mut best = f64::INFINITY;
    let mut given = 0;
    for _ in 0..repeats {
        let start = Instant::now();
        given = run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{what}: {:.0} resources/s, {given} of {count} given", count as f64 / best);
}
