//! What becomes of what, one by one.

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::deid::{Displays, LimitedDataSet, SafeHarbor};
use mcp_ext_healthcare::fhir::{FhirVersion, Json};
use mcp_ext_healthcare::protocol::{FreeText, Phi};
use mcp_ext_healthcare::server::Deidentify;

use crate::examples::{in_2026, names};

/// What Safe Harbor makes of a resource's members.
fn safe(kind: &str, members: &str) -> Option<String> {
    let method = SafeHarbor::builder(FhirVersion::R4, &names(1)).clock(in_2026).build();
    of(&method.text(&resource(kind, members))?)
}

fn limited(kind: &str, members: &str) -> Option<String> {
    of(&LimitedDataSet::new(FhirVersion::R4, &names(1)).text(&resource(kind, members))?)
}

fn resource(kind: &str, members: &str) -> String {
    format!(r#"{{"resourceType":"{kind}",{members}}}"#)
}

/// The members of a resource without its type.
fn of(given: &str) -> Option<String> {
    let mut json = Json::parse(given.as_bytes()).unwrap();
    json.remove("resourceType");
    let text = json.to_string();
    Some(text[1..text.len() - 1].to_owned())
}

const MASKED: &str = r#"{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}"#;

#[track_caller]
fn becomes(kind: &str, members: &str, expected: &str) {
    assert_eq!(safe(kind, members).unwrap(), expected);
}

#[test]
fn of_dates_the_year_is_left() {
    becomes("Patient", r#""birthDate":"1970-03-04""#, r#""birthDate":"1970""#);
    becomes("Patient", r#""birthDate":"1937-12-31""#, r#""birthDate":"1937""#);
    becomes("Patient", r#""birthDate":"1936-12-31""#, "");
    becomes("Patient", r#""birthDate":"1970-Smith""#, "");
    becomes(
        "Patient",
        r#""deceasedDateTime":"2024-05-03T10:11:12Z""#,
        r#""deceasedDateTime":"2024""#,
    );
    // What was dropped changes what the rest means.
    let died = format!(r#""gender":"male","_deceasedDateTime":{MASKED}"#);
    becomes("Patient", r#""gender":"male","deceasedDateTime":"1920""#, &died);
    becomes(
        "Observation",
        r#""effectivePeriod":{"start":"2024-05-03","end":"2025-01-01T00:00:00+01:00"}"#,
        r#""effectivePeriod":{"start":"2024","end":"2025"}"#,
    );
    becomes(
        "Observation",
        r#""effectiveInstant":"2024-05-03T10:11:12Z","valueTime":"10:11:12""#,
        "",
    );
    becomes(
        "Patient",
        r#""meta":{"versionId":"2","lastUpdated":"2024-05-03T10:11:12Z","source":"urn:x"}"#,
        "",
    );
    let members = r#""birthDate":"1910-03-04","deceasedDateTime":"2000-05-03T10:11:12Z""#;
    assert_eq!(limited("Patient", members).unwrap(), members);
    assert_eq!(limited("Patient", r#""birthDate":"Smith""#).unwrap(), "");
}

#[test]
fn the_year_of_today_is_that_of_the_clock() {
    let born = resource("Patient", r#""birthDate":"1980""#);
    let at = |now| {
        SafeHarbor::builder(FhirVersion::R4, &names(1)).clock(now).build().text(&born).unwrap()
    };
    let year = |seconds| std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    assert!(at(in_2026).contains("1980"));
    // The last second of 2069, and the first of 2070.
    let (before, after) = (
        || -> _ { std::time::UNIX_EPOCH + std::time::Duration::from_secs(3_155_759_999) },
        || -> _ { std::time::UNIX_EPOCH + std::time::Duration::from_secs(3_155_760_000) },
    );
    assert!(at(before).contains("1980") && !at(after).contains("1980"));
    assert!(year(3_155_760_000) > in_2026());
}

#[test]
fn ages_over_89_are_one() {
    let over = r#"{"value":89,"comparator":">","unit":"years","system":"http://unitsofmeasure.org","code":"a"}"#;
    let age = |value: &str| format!(r#""onsetAge":{value}"#);
    for (value, expected) in [
        (r#"{"value":89,"unit":"years"}"#, r#"{"value":89,"unit":"years"}"#),
        (r#"{"value":90,"unit":"years"}"#, over),
        (r#"{"value":90}"#, over),
        (r#"{"value":45.50}"#, r#"{"value":45.50}"#),
        (r#"{"value":1100,"system":"http://unitsofmeasure.org","code":"mo"}"#, over),
        (r#"{"value":33000,"unit":"days"}"#, over),
        (r#"{"value":95,"unit":"years","system":"http://unitsofmeasure.org","code":"d"}"#, over),
        (
            r#"{"value":18,"unit":"months","system":"http://unitsofmeasure.org","code":"mo"}"#,
            r#"{"value":18,"unit":"months","system":"http://unitsofmeasure.org","code":"mo"}"#,
        ),
        (r#"{"value":1e400,"unit":"a"}"#, over),
        (
            r#"{"value":85,"comparator":">","unit":"a"}"#,
            r#"{"value":85,"comparator":">","unit":"a"}"#,
        ),
    ] {
        becomes("Condition", &age(value), &age(expected));
    }
    // Younger than something is no age over it.
    becomes("Condition", &age(r#"{"value":99,"comparator":"<","unit":"a"}"#), "");
    becomes(
        "Observation",
        r#""valueQuantity":{"value":101,"unit":"years"}"#,
        &format!(r#""valueQuantity":{over}"#),
    );
    becomes(
        "Condition",
        r#""onsetRange":{"low":{"value":90,"unit":"a"}}"#,
        &format!(r#""onsetRange":{{"low":{over}}}"#),
    );
    assert_eq!(
        limited("Condition", &age(r#"{"value":95,"unit":"years"}"#)).unwrap(),
        age(r#"{"value":95,"unit":"years"}"#)
    );
}

#[test]
fn of_addresses_state_and_three_digits_are_left() {
    let address = |members: &str| format!(r#""address":[{{{members}}}]"#);
    for (from, to) in [
        (
            r#""line":["1 Main St"],"city":"Albany","district":"X","state":"NY","postalCode":"12207-1234","country":"US""#,
            r#""state":"NY","postalCode":"122","country":"US""#,
        ),
        (r#""state":"New York","postalCode":"12207""#, r#""state":"New York","postalCode":"122""#),
        // Fewer than 20,000 people.
        (r#""postalCode":"03601""#, r#""postalCode":"000""#),
        (r#""postalCode":"87901""#, r#""postalCode":"000""#),
        // Not of the United States: a state there, or a code, may be small.
        (r#""state":"NY","postalCode":"12207","country":"DE""#, r#""country":"DE""#),
        (
            r#""use":"home","period":{"start":"2020-01-01"},"postalCode":"12207""#,
            r#""use":"home","period":{"start":"2020"},"postalCode":"122""#,
        ),
    ] {
        becomes("Patient", &address(from), &address(to));
    }
    for dropped in [
        r#""state":"Smith""#,
        r#""postalCode":"1220""#,
        r#""postalCode":"12207 Smith""#,
        r#""text":"x""#,
        r#""country":"Smith""#,
        r#""postalCode":12207"#,
    ] {
        becomes("Patient", &address(dropped), "");
    }
    let kept =
        address(r#""city":"Saint-Denis","state":"NY","postalCode":"12207-1234","country":"US""#);
    assert_eq!(limited("Patient", &kept).unwrap(), kept);
    assert_eq!(
        limited("Patient", &address(r#""line":["1 Main St"],"district":"X","city":"1 Main St""#))
            .unwrap(),
        ""
    );
    becomes(
        "Location",
        r#""position":{"longitude":-83.69,"latitude":42.25},"address":{"state":"MI"}"#,
        r#""address":{"state":"MI"}"#,
    );
    let method = SafeHarbor::builder(FhirVersion::R4, &names(1)).restricted_zip("122").build();
    assert!(
        method
            .text(&resource("Patient", &address(r#""postalCode":"12207""#)))
            .unwrap()
            .contains("\"000\"")
    );
}

#[test]
fn names_telecom_photos_and_text_are_dropped() {
    becomes(
        "Patient",
        r#""text":{"status":"generated","div":"<div>A</div>"},"name":[{"family":"A","given":["B"]}],"telecom":[{"system":"phone","value":"555-1234"}],"photo":[{"data":"AAAA"}],"gender":"female","contact":[{"name":{"family":"C"},"gender":"male"}]"#,
        r#""gender":"female","contact":[{"gender":"male"}]"#,
    );
    becomes("Observation", r#""note":[{"text":"A"}],"valueString":"A""#, "");
    becomes(
        "Patient",
        r#""identifier":[{"system":"http://hospital.example","value":"1","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}],"text":"A"},"period":{"start":"2020"},"assigner":{"reference":"Organization/1"}},{"value":"2"}]"#,
        r#""identifier":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]}}]"#,
    );
    becomes(
        "Device",
        r#""udiCarrier":[{"deviceIdentifier":"1","carrierHRF":"2","entryType":"barcode"}],"serialNumber":"3","lotNumber":"4","distinctIdentifier":"5","status":"active","url":"http://192.0.2.7/""#,
        r#""status":"active""#,
    );
    // In any spelling.
    becomes(
        "Patient",
        r#""n\u0061me":[{"family":"A"}],"gender":"fem\u0061le""#,
        r#""gender":"female""#,
    );
}

#[test]
fn codings_of_published_systems_are_left_without_words() {
    let coding = |system: &str, code: &str| format!(r#"{{"system":"{system}","code":"{code}"}}"#);
    let kept = [
        ("http://loinc.org", "8480-6"),
        ("http://snomed.info/sct", "38341003"),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "E11.9"),
        ("urn:oid:2.16.840.1.113883.6.238", "2106-3"),
    ];
    for (system, code) in kept {
        let one = coding(system, code);
        let longer = one.replace('}', r#","display":"Anna","version":"Anna","userSelected":true}"#);
        let kept = one.replace('}', r#","userSelected":true}"#);
        becomes(
            "Observation",
            &format!(r#""code":{{"text":"Anna","coding":[{longer}]}}"#),
            &format!(r#""code":{{"coding":[{kept}]}}"#),
        );
    }
    let dropped = [
        ("http://hospital.example/codes", "x"),
        ("http://snomed.info/sct", "38341004"),
        ("http://snomed.info/sct", "Anna"),
        ("http://loinc.org", "123-45-6789"),
        ("http://terminology.hl7.org/CodeSystem/x", "Anna Smith"),
        ("http://terminology.hl7.org/CodeSystem/x", "555-123-4567"),
        ("http://terminology.hl7.org/x?name=Anna", "x"),
        ("http://hl7.org/fhir/5551234567", "x"),
        ("http://loinc.org/", "8480-6"),
        ("", "8480-6"),
    ];
    for (system, code) in dropped {
        // A code must be there.
        let members = format!(r#""status":"final","code":{{"coding":[{}]}}"#, coding(system, code));
        becomes("Observation", &members, &format!(r#""status":"final","code":{MASKED}"#));
    }
    let text = resource(
        "Observation",
        r#""code":{"coding":[{"system":"http://hospital.example/codes","code":"ward-7"},{"system":"http://loinc.org","code":"8867-4","display":"Anna"}]}"#,
    );
    struct Pulse;
    impl Displays for Pulse {
        fn display(&self, _: &str, code: &str) -> Option<String> {
            (code == "8867-4").then(|| "Heart \"rate\"".to_owned())
        }
    }
    let own = "http://hospital.example/codes";
    let method =
        SafeHarbor::builder(FhirVersion::R4, &names(1)).code_system(own).displays(Pulse).build();
    assert_eq!(
        of(&method.text(&text).unwrap()).unwrap(),
        r#""code":{"coding":[{"system":"http://hospital.example/codes","code":"ward-7"},{"system":"http://loinc.org","code":"8867-4","display":"Heart \"rate\""}]}"#
    );
}

#[test]
fn codes_are_of_the_lists_that_fhir_closes() {
    becomes(
        "Patient",
        r#""gender":"female","language":"de-CH""#,
        r#""gender":"female","language":"de-CH""#,
    );
    becomes("Patient", r#""gender":"Smith","language":"Smith""#, "");
    // Where one must be, something says that it was there.
    becomes(
        "Observation",
        r#""valueBoolean":true,"status":"Smith""#,
        &format!(r#""valueBoolean":true,"_status":{MASKED}"#),
    );
}

#[test]
fn numbers_keep_their_digits_and_their_units() {
    for (quantity, expected) in [
        (r#"{"value":1.50,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}"#, None),
        (r#"{"value":-0.0,"comparator":"<","unit":"mmHg"}"#, None),
        (r#"{"value":100000000000000000000.10}"#, None),
        (
            r#"{"value":7,"unit":"{Anna}","code":"mg","system":"http://unitsofmeasure.org"}"#,
            Some(r#"{"value":7,"system":"http://unitsofmeasure.org","code":"mg"}"#),
        ),
        // Another unit would be read into a number without one.
        (r#"{"value":7,"unit":"Anna"}"#, Some("")),
        (r#"{"value":7,"code":"mg"}"#, Some("")),
        (r#"{"value":"7"}"#, Some("")),
        (r#"{"value":7,"comparator":"Anna","unit":"mg"}"#, Some("")),
        (r#"{"unit":"mg"}"#, Some("")),
    ] {
        let members = format!(r#""valueQuantity":{quantity}"#);
        let expected = match expected {
            None => members.clone(),
            Some("") => String::new(),
            Some(quantity) => format!(r#""valueQuantity":{quantity}"#),
        };
        becomes("Observation", &members, &expected);
    }
    becomes(
        "Observation",
        r#""valueInteger":7,"component":[{"valueBoolean":false}]"#,
        r#""valueInteger":7,"component":[{"valueBoolean":false}]"#,
    );
    becomes("Observation", r#""valueInteger":"Smith""#, "");
    let series = |data: &str| {
        format!(
            r#""valueSampledData":{{"origin":{{"value":2048}},"period":10.0,"dimensions":1,"data":"{data}"}}"#
        )
    };
    becomes(
        "Observation",
        &series("2041 -3.5 E U 1 2 3 4 5 6"),
        &series("2041 -3.5 E U 1 2 3 4 5 6"),
    );
    becomes(
        "Observation",
        &series("2041 Smith 1 2 3 4 5 6 7 8"),
        r#""valueSampledData":{"origin":{"value":2048},"period":10.0,"dimensions":1}"#,
    );
}

#[test]
fn unknown_elements_and_extensions_and_siblings_are_dropped() {
    becomes(
        "Patient",
        r#""gender":"male","shoeSize":"44","_gender":{"id":"x","extension":[{"url":"http://x.example","valueString":"A"}]},"extension":[{"url":"http://x.example","valueCode":"A"}]"#,
        r#""gender":"male""#,
    );
    // Of another form than FHIR's.
    becomes(
        "Patient",
        r#""gender":["male"],"contact":{"gender":"male"},"maritalStatus":"M","birthDate":1970,"communication":[["x"],"y",null,7]"#,
        "",
    );
    let race = r#"{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"2106-3"}}]}"#;
    let longer =
        race.replace("}}]}", r#","display":"White"}},{"url":"text","valueString":"White"}]}"#);
    becomes("Patient", &format!(r#""extension":[{longer}]"#), &format!(r#""extension":[{race}]"#));
    let sex = r#""extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"F"}]"#;
    becomes("Patient", sex, sex);
    becomes("Patient", &sex.replace("\"F\"", "\"Anna\""), "");
}

/// DEI-4.
#[test]
fn what_cannot_be_made_safe_is_withheld() {
    let extension = r#""modifierExtension":[{"url":"http://x.example/not","valueBoolean":true}]"#;
    for (kind, members) in [
        ("Patient", extension.to_owned()),
        ("Patient", extension.replace("modifierE", "modifier\\u0045")),
        ("Patient", format!(r#""contact":[{{{extension}}}]"#)),
        ("Patient", format!(r#""contained":[{{"resourceType":"Patient",{extension}}}]"#)),
        ("Observation", format!(r#""subject":{{"reference":"Patient/1",{extension}}}"#)),
        ("Observation", format!(r#""code":{{"coding":[{{{extension}}}]}}"#)),
        ("Observation", format!(r#""valueQuantity":{{{extension}}}"#)),
        ("Patient", r#""implicitRules":"http://x.example""#.to_owned()),
        ("Patient", r#""_implicitRules":{"id":"x"}"#.to_owned()),
        ("Patient", r#""contained":[{"resourceType":"Pet"}]"#.to_owned()),
        ("Patient", r#""contained":[{"id":"1"}]"#.to_owned()),
        ("Pet", r#""id":"1""#.to_owned()),
        ("HumanName", r#""id":"1""#.to_owned()),
        ("Resource", r#""id":"1""#.to_owned()),
    ] {
        assert_eq!(safe(kind, &members), None, "{kind} {members}");
        assert_eq!(limited(kind, &members), None, "{kind} {members}");
        let method = SafeHarbor::new(FhirVersion::R4, &names(1));
        let text = resource(kind, &members);
        let text = if text.contains("\"id\":\"1\"}") {
            text
        } else {
            text.replacen('{', "{\"id\":\"1\",", 1)
        };
        if let Ok(record) = Record::parse(&text) {
            assert!(method.deidentify(&record).is_none(), "{text}");
        }
    }
    let method = SafeHarbor::new(FhirVersion::R4, &names(1));
    for text in [
        "",
        "[]",
        "7",
        "{",
        "{}",
        r#"{"resourceType":7}"#,
        r#"{"resourceType":"Patient","id":"1","id":"2"}"#,
    ] {
        assert_eq!(method.text(text), None, "{text}");
    }
    assert_eq!(method.text(&"[".repeat(100_000)), None);
    // What R5 has, R4 does not know.
    assert_eq!(safe("Transport", r#""id":"1""#), None);
    assert!(
        SafeHarbor::new(FhirVersion::R5, &names(1))
            .text(&resource("Transport", r#""id":"1""#))
            .is_some()
    );
}

/// LAB-4, DEI-3.
#[test]
fn methods_say_what_they_are() {
    let (safe, limited) = (
        SafeHarbor::new(FhirVersion::R4, &names(1)),
        LimitedDataSet::new(FhirVersion::R4, &names(1)),
    );
    assert_eq!(
        (safe.method(), safe.level(), safe.free_text()),
        ("safe-harbor", Phi::Deidentified, FreeText::Dropped)
    );
    assert_eq!(
        (limited.method(), limited.level(), limited.free_text()),
        ("limited-data-set", Phi::Limited, FreeText::Dropped)
    );
}
