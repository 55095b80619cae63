//! Which records a scope with a query is about.

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::Interaction;
use mcp_ext_healthcare::smart::ScopeSet;
use serde_json::{Value, json};

const CATEGORIES: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

fn record(value: &Value) -> Record {
    Record::parse(&value.to_string()).unwrap()
}

fn observation() -> Value {
    json!({
        "resourceType": "Observation", "id": "7", "status": "final",
        "meta": {
            "profile": ["http://example.org/weight"],
            "tag": [{ "system": "http://example.org/tags", "code": "mine" }],
            "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N" }],
        },
        "identifier": [{ "system": "urn:x", "value": "a|b,c" }, { "value": "bare" }],
        "category": [
            { "coding": [{ "system": CATEGORIES, "code": "laboratory" }, { "code": "own" }] },
            { "text": "vital-signs" },
        ],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "8302-2" }] },
        "subject": { "reference": "Patient/1/_history/4" },
        "performer": [{ "reference": "https://elsewhere.example/fhir/Practitioner/2" }, { "display": "X" }],
        "valueString": "Tall as a Tree",
    })
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": "1", "active": true, "gender": "female",
        "name": [{ "family": "Müller", "given": ["Anna", "Eva"] }],
        "address": [{ "city": "Graz", "line": ["Hauptplatz 1"] }],
        "telecom": [{ "system": "phone", "value": "555" }],
        "birthDate": "1970-01-01",
        "generalPractitioner": [{ "reference": "Practitioner/2" }, { "reference": "Organization/3" }],
    })
}

fn fits(query: &str, value: &Value) -> bool {
    let kind = value["resourceType"].as_str().unwrap();
    let allowed = |version| {
        let set = ScopeSet::parse(version, [format!("user/{kind}.r?{query}")]).unwrap();
        set.allows(Interaction::Read, &record(value))
    };
    let both = FhirVersion::ALL.map(allowed);
    assert_eq!(both[0], both[1], "{query}: the two versions disagree");
    both[0]
}

#[test]
fn observations_are_told_as_fhir_says() {
    for (query, expected) in [
        ("category=laboratory", true),
        (&format!("category={CATEGORIES}|laboratory"), true),
        (&format!("category={CATEGORIES}|"), true),
        (&format!("category={CATEGORIES}|own"), false),
        (&format!("category={CATEGORIES}|Laboratory"), false),
        (&format!("category={CATEGORIES}/|laboratory"), false),
        ("category=http://loinc.org|", false),
        ("category=|own", true),
        ("category=|laboratory", false),
        ("category=|", false),
        ("category=Laboratory", false),
        ("category=lab", false),
        // Its text is no code.
        ("category=vital-signs", false),
        ("category=vital-signs,laboratory", true),
        ("category=survey,vital-signs", false),
        ("category=laboratory%5C,survey", false),
        ("category=laboratory&code=8302-2", true),
        ("category=laboratory&code=8302-3", false),
        ("category=laboratory&category=own", true),
        ("category=laboratory&category=survey", false),
        ("category=a|laboratory|b", false),
        ("code=http://loinc.org|8302-2", true),
        ("status=final", true),
        ("status=amended", false),
        // Which system a code is of that stands alone, nobody knows here.
        ("status=http://hl7.org/fhir/observation-status|final", false),
        ("status=|final", false),
        ("identifier=urn:x|a%5C|b%5C,c", true),
        ("identifier=a%5C|b%5C,c", true),
        ("identifier=urn:x|a|b%5C,c", false),
        ("identifier=urn:x|a", false),
        ("identifier=|bare", true),
        ("_id=7", true),
        ("_id=8", false),
        ("_tag=http://example.org/tags|mine", true),
        ("_tag=yours", false),
        ("_security=N", true),
        ("_security=R", false),
        ("subject=Patient/1", true),
        ("subject=Patient/2", false),
        ("subject=Group/1", false),
        ("subject=1", false),
        ("patient=Patient/1", true),
        ("patient=1", true),
        ("patient=2", false),
        ("patient=Group/1", false),
        ("patient=Patient/1/_history/4", false),
        ("patient=https://elsewhere.example/fhir/Patient/1", false),
        ("performer=https://elsewhere.example/fhir/Practitioner/2", true),
        ("performer=Practitioner/2", false),
        // What is not told grants nothing.
        ("value-string=tall", false),
        ("category:not=survey", false),
        ("category:in=http://x", false),
        ("category:text=vital", false),
        ("subject:Patient=1", false),
        ("subject:missing=false", false),
        ("patient.active=true", false),
        ("date=ge2000", false),
        ("_lastUpdated=ge2000", false),
        ("value-quantity=5", false),
        ("code-value-string=8302-2$tall", false),
        ("_has:Observation:patient:code=1234-5", false),
        ("_filter=status%20eq%20final", false),
        ("_text=x", false),
        ("_count=1", false),
        ("_include=*", false),
        ("gender=female", false),
        ("nothing=x", false),
    ] {
        assert_eq!(fits(query, &observation()), expected, "{query}");
    }
}

#[test]
fn patients_are_told_as_fhir_says() {
    for (query, expected) in [
        ("active=true", true),
        ("active=false", false),
        ("active=http://x|true", false),
        ("gender=female", true),
        ("gender=male,female", true),
        ("gender=male", false),
        ("family=m%C3%BCll", true),
        ("family=Mueller", false),
        ("family=M%C3%BCllers", false),
        ("given=eva", true),
        ("name=anna", true),
        ("name=graz", false),
        ("address=haupt", true),
        ("address-city=GRAZ", true),
        ("address-city=Wien", false),
        ("telecom=phone|555", true),
        ("telecom=555", true),
        ("telecom=fax|555", false),
        ("general-practitioner=Practitioner/2", true),
        ("general-practitioner=Practitioner/9", false),
        ("organization=Organization/3", false),
        // `Patient.telecom.where(system='email')` is no plain path.
        ("email=555", false),
        ("birthdate=1970-01-01", false),
    ] {
        assert_eq!(fits(query, &patient()), expected, "{query}");
    }
}

/// What is written in another way than FHIR has it is nothing that a scope could be about.
#[test]
fn malformed_values_fit_nothing() {
    for (place, value, query) in [
        ("category", json!("laboratory"), "category=http://x|laboratory"),
        ("category", json!([{ "coding": { "code": "laboratory" } }]), "category=laboratory"),
        ("category", json!([{ "coding": [{ "code": ["laboratory"] }] }]), "category=laboratory"),
        (
            "category",
            json!([{ "coding": [{ "system": 7, "code": "laboratory" }] }]),
            "category=laboratory",
        ),
        ("category", json!([{ "coding": [{ "system": null, "code": "x" }] }]), "category=|x"),
        ("category", json!([null, 7, [], {}]), "category=laboratory"),
        ("subject", json!("Patient/1"), "subject=Patient/1"),
        ("subject", json!({ "reference": ["Patient/1"] }), "subject=Patient/1"),
        ("subject", json!({ "reference": "Patient/1 " }), "subject=Patient/1"),
        ("subject", json!({ "reference": "#Patient/1" }), "subject=Patient/1"),
        ("subject", json!({ "identifier": { "value": "Patient/1" } }), "subject=Patient/1"),
        ("_category", json!([{ "coding": [{ "code": "x" }] }]), "category=x"),
        ("extension", json!([{ "url": "category", "valueCode": "x" }]), "category=x"),
    ] {
        let mut value_of = observation();
        value_of[place] = value;
        assert!(!fits(query, &value_of), "{place} {query}");
    }
}

#[test]
fn a_wildcard_with_a_query_is_about_types_that_can_be_told_by_it() {
    let set = ScopeSet::parse(FhirVersion::R4, ["user/*.rs?category=laboratory"]).unwrap();
    assert!(set.allows(Interaction::Search, &record(&observation())));
    assert!(!set.allows(Interaction::Search, &record(&patient())));
    assert!(
        set.may(Interaction::Read, "DiagnosticReport") && !set.may(Interaction::Read, "Patient")
    );
    // Several scopes: one is enough.
    let set = ScopeSet::parse(
        FhirVersion::R4,
        [
            "user/Observation.r?status=amended",
            "user/Observation.r?code=8302-2",
            "user/Observation.s",
        ],
    );
    assert!(set.unwrap().allows(Interaction::Read, &record(&observation())));
}
