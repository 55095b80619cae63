//! FHIR: JSON keeps its digits, what is de-identified holds no name, searches and scopes are read whole or not at all.
//!
//! Input: a resource; then, after a zero byte (which no JSON has), a search (`Observation?status=final`), which also serves as a scope and a reference.
#![no_main]

use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::fuzz_target;
use mcp_ext_healthcare::PatientCompartment;
use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::deid::{LimitedDataSet, SafeHarbor};
use mcp_ext_healthcare::fhir::{FhirReference, FhirVersion, Json};
use mcp_ext_healthcare::server::{Compartment, Deidentify, Found, Records, Search, SourceError};
use mcp_ext_healthcare::smart::Scope;
use mcp_ext_healthcare::store::MemoryRecords;
use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};

/// A name in a seed. No code, no unit, no date and no number has its form.
const PLANTED: &str = "Zo\u{eb} Pl\u{e4}nted";

static METHODS: LazyLock<Vec<Box<dyn Deidentify>>> = LazyLock::new(|| {
    let names = Pseudonymizer::new(PseudonymKey::from_bytes([7; 32]));
    [FhirVersion::R4, FhirVersion::R5]
        .into_iter()
        .flat_map(|version| {
            let safe: Box<dyn Deidentify> = Box::new(SafeHarbor::new(version, &names));
            let limited: Box<dyn Deidentify> = Box::new(LimitedDataSet::new(version, &names));
            [safe, limited]
        })
        .collect()
});

static WARD: LazyLock<MemoryRecords> = LazyLock::new(|| {
    let records = MemoryRecords::new(FhirVersion::R4);
    for text in [
        r#"{"resourceType":"Patient","id":"a","birthDate":"1970-01-02","name":[{"family":"A"}]}"#,
        r#"{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/a"},"code":{"coding":[{"system":"http://loinc.org","code":"1-8"}]},"valueQuantity":{"value":1.50,"unit":"kg"},"effectiveDateTime":"2024-05-01"}"#,
        r#"{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/b"}}"#,
    ] {
        records.load(text).expect("a record");
    }
    records
});

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let resource = parts.next().unwrap_or_default();
    if let Ok(json) = Json::parse(resource) {
        let written = json.to_string();
        let again = Json::parse(written.as_bytes()).expect("what was written is no JSON");
        assert_eq!(again, json);
        assert_eq!(again.to_string(), written);
    }
    if let Ok(text) = std::str::from_utf8(resource)
        && let Ok(record) = Record::parse(text)
    {
        look_at(&record);
    }
    if let Some(Ok(text)) = parts.next().map(std::str::from_utf8) {
        search(text);
        if let Ok(scope) = text.parse::<Scope>() {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        let _ = FhirReference::parse(text);
    }
});

fn look_at(record: &Record) {
    let again = Record::parse(record.json().get()).expect("its own JSON");
    assert_eq!(again.digest(), record.digest());
    for version in [FhirVersion::R4, FhirVersion::R5] {
        let _ = PatientCompartment::new(version).patients(record);
    }
    for method in METHODS.iter() {
        let Some(given) = method.deidentify(record) else { continue };
        let text = given.json();
        assert!(!text.get().contains(PLANTED), "{} left a name: {}", method.method(), text.get());
        assert_eq!(given.resource_type(), record.resource_type());
        let again = method.deidentify(record).expect("the same again");
        assert_eq!(again.json().get(), text.get());
    }
}

/// What is found is of the type; what is not known is never left out.
fn search(text: &str) {
    let (kind, query) = text.split_once('?').unwrap_or((text, ""));
    let mut search = Search::new(kind);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        search = search.parameter(name, value);
    }
    if let Ok(found) = answered(&search) {
        assert!(found.matches.iter().all(|record| record.resource_type() == kind));
    }
    let unknown = answered(&search.parameter("no-such-parameter", "1"));
    assert_eq!(unknown.map(drop), Err(SourceError::UnknownParameter));
}

fn answered(search: &Search) -> Result<Found, SourceError> {
    let mut asked = pin!(WARD.search(search));
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(found) => found,
        Poll::Pending => panic!("records in memory wait for nothing"),
    }
}
