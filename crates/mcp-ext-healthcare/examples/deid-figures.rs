//! Measures de-identification on the official R4 examples:
//! `cargo run --release -p mcp-ext-healthcare --example deid-figures [FOLDER [REPEATS]]`.
//!
//! The folder has JSON files of one resource each; without it, it is that of `hl7.fhir.r4.examples`, which `cargo xtask peers`
//! downloads. Prints the resources per second of CPU time of one core, from parsed records, from their texts, and of all texts,
//! Bundles included; the codings that were kept; and the identifiers that are left of those that are planted in all records.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program to look at"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::deid::SafeHarbor;
use mcp_ext_healthcare::fhir::{FhirVersion, Json};
use mcp_ext_healthcare::server::Deidentify;
use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};

#[path = "../tests/deid/known.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod known;
#[path = "../tests/deid/planting.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod planting;

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

    let definitions = FhirVersion::R4.definitions();
    let codings =
        |text: &str| known::Found::of(definitions, &Json::parse(text.as_bytes()).unwrap()).codings;
    let (mut before, mut after, mut planted, mut left) = (0, 0, 0, 0);
    for (text, _) in &records {
        before += codings(text);
        after += method.text(text).map_or(0, |given| codings(&given));
        let mut json = Json::parse(text.as_bytes()).unwrap();
        planting::resource(definitions, &mut json);
        let text = json.to_string();
        let count = |text: &str| -> usize {
            let text = text.to_ascii_lowercase();
            planting::MARKS.iter().map(|mark| text.matches(mark).count()).sum()
        };
        planted += count(&text);
        left += method.text(&text).map_or(0, |given| count(&given));
    }
    let share = 100.0 * after as f64 / before as f64;
    println!("codings kept: {after} of {before} ({share:.1} %)");
    println!("identifiers left: {left} of {planted} planted");
}

/// The best of several rounds, since what else runs only makes it slower.
fn report(what: &str, repeats: usize, count: usize, mut run: impl FnMut() -> usize) {
    let start = Instant::now();
    let mut best = Duration::MAX;
    let mut given = 0;
    for _ in 0..repeats {
        let before = cpu_time(start);
        given = run();
        best = best.min(cpu_time(start).saturating_sub(before));
    }
    println!(
        "{what}: {:.0} resources/s, {given} of {count} given",
        count as f64 / best.as_secs_f64()
    );
}

/// The time that this thread has had a processor, as Linux tells it; elsewhere, the time that has passed.
fn cpu_time(start: Instant) -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
    nanoseconds.map_or_else(|| start.elapsed(), Duration::from_nanos)
}
