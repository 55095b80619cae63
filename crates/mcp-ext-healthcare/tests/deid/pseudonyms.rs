//! Ids and references, in every form (DEI-2).

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::deid::{LimitedDataSet, SafeHarbor};
use mcp_ext_healthcare::fhir::{FhirReference, FhirVersion, Json, is_id};
use mcp_ext_healthcare::server::Deidentify;
use mcp_trust::pseudonym::PseudonymKey;
use proptest::prelude::*;

use crate::examples::names;

const BASE: &str = "https://ehr.example/fhir";

fn method(key: u8) -> SafeHarbor {
    SafeHarbor::builder(FhirVersion::R4, &names(key)).base(format!("{BASE}/")).build()
}

/// What becomes of a reference of record `Observation/7`.
fn reference(method: &SafeHarbor, text: &str) -> Option<String> {
    let text = serde_json::json!({ "resourceType": "Observation", "id": "7", "subject": { "reference": text, "display": "Anna", "identifier": { "value": "1" } } });
    let given = method.text(&text.to_string()).unwrap();
    let json = Json::parse(given.as_bytes()).unwrap();
    json.get("subject")
        .map(|subject| subject.get("reference").unwrap().as_str().unwrap().into_owned())
}

fn id(method: &SafeHarbor, kind: &str, id: &str) -> String {
    let record = Record::parse(&format!(r#"{{"resourceType":"{kind}","id":"{id}"}}"#)).unwrap();
    method.deidentify(&record).unwrap().reference().id().to_owned()
}

#[test]
fn one_record_has_one_pseudonym_in_every_form() {
    let method = method(1);
    let own = id(&method, "Patient", "anna");
    assert!(is_id(&own) && own.len() == 35 && !own.contains("anna"));
    let expected = format!("Patient/{own}");
    for text in [
        "Patient/anna",
        "Patient/anna/_history/3",
        "https://ehr.example/fhir/Patient/anna",
        "https://ehr.example/fhir/Patient/anna/_history/3",
    ] {
        assert_eq!(reference(&method, text).unwrap(), expected, "{text}");
    }
    // Others' records, other types, other ids are others.
    for text in ["https://other.example/fhir/Patient/anna", "Person/anna", "Patient/Anna"] {
        let other = reference(&method, text).unwrap();
        assert!(!other.ends_with(&own) && !other.contains("other.example"), "{text}");
    }
    assert_ne!(id(&method, "Patient", "bert"), own);
}

#[test]
fn other_keys_methods_and_audiences_have_others() {
    let text = r#"{"resourceType":"Patient","id":"anna"}"#;
    let all = [
        method(1).text(text).unwrap(),
        method(2).text(text).unwrap(),
        LimitedDataSet::new(FhirVersion::R4, &names(1)).text(text).unwrap(),
        SafeHarbor::new(FhirVersion::R4, &names(1).for_audience("a")).text(text).unwrap(),
    ];
    for (number, one) in all.iter().enumerate() {
        assert!(all[..number].iter().all(|other| other != one));
    }
    assert_eq!(method(1).text(text), SafeHarbor::new(FhirVersion::R4, &names(1)).text(text));
    // The key has a name, which every id begins with.
    let key = method(1).key_id().unwrap();
    assert_eq!(key, PseudonymKey::from_bytes([1; 32]).id());
    assert!(id(&method(1), "Patient", "anna").starts_with(&key.replace('_', ".")));
    assert_ne!(method(2).key_id().unwrap(), key);
    assert_eq!(format!("{:?}", method(1)), format!("SafeHarbor({key})"));
}

#[test]
fn urns_stay_urns() {
    let method = method(1);
    let text = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520";
    let one = reference(&method, text).unwrap();
    assert!(matches!(FhirReference::parse(&one), FhirReference::Urn(_)) && one.len() == text.len());
    // Version 8, variant 10 (RFC 9562).
    assert!(&one[23..24] == "8" && "89ab".contains(&one[28..29]), "{one}");
    assert_eq!(
        reference(&method, &text.to_uppercase().replace("URN:UUID", "urn:uuid")).unwrap(),
        one
    );
    assert_ne!(reference(&method, "urn:oid:1.2.3").unwrap(), one);
}

#[test]
fn contained_records_are_their_containers() {
    let text = |id: &str| {
        format!(
            r##"{{"resourceType":"Observation","id":"{id}","contained":[{{"resourceType":"Patient","id":"p1","generalPractitioner":[{{"reference":"#"}}]}}],"subject":{{"reference":"#p1"}}}}"##
        )
    };
    let given = |id: &str| {
        let given = method(1).text(&text(id)).unwrap();
        let json = Json::parse(given.as_bytes()).unwrap();
        let contained = &json.get("contained").unwrap().as_array().unwrap()[0];
        let inner = contained.get("id").unwrap().as_str().unwrap().into_owned();
        let subject = json.get("subject").unwrap().get("reference").unwrap().as_str().unwrap();
        assert_eq!(subject, format!("#{inner}"));
        assert!(given.contains(r##"{"reference":"#"}"##) && !given.contains("p1"));
        inner
    };
    assert_ne!(given("1"), given("2"));
}

#[test]
fn entries_of_a_bundle_still_find_one_another() {
    let text = r##"{"resourceType":"Bundle","type":"collection","link":[{"relation":"self","url":"http://x.example/Patient?name=Anna"}],"entry":[
        {"fullUrl":"https://ehr.example/fhir/Patient/1","resource":{"resourceType":"Patient","id":"1"}},
        {"fullUrl":"https://other.example/Patient/1","resource":{"resourceType":"Patient","id":"1","link":[{"other":{"reference":"Patient/1"},"type":"seealso"},{"other":{"reference":"https://ehr.example/fhir/Patient/1"},"type":"seealso"}]}},
        {"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{"resourceType":"Observation","subject":{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}}},
        {"fullUrl":"Anna","resource":{"resourceType":"Patient","id":"1"}}]}"##;
    let given: serde_json::Value = serde_json::from_str(&method(1).text(text).unwrap()).unwrap();
    let entry = |number: usize| &given["entry"][number];
    let own = id(&method(1), "Patient", "1");
    assert_eq!(entry(0)["resource"]["id"], own);
    assert_eq!(entry(0)["fullUrl"], format!("https://deidentified.invalid/Patient/{own}"));
    let other = entry(1)["resource"]["id"].as_str().unwrap();
    assert_ne!(other, own);
    assert_eq!(entry(1)["fullUrl"], format!("https://deidentified.invalid/Patient/{other}"));
    let links = &entry(1)["resource"]["link"];
    assert_eq!(links[0]["other"]["reference"], format!("Patient/{other}"));
    assert_eq!(links[1]["other"]["reference"], format!("Patient/{own}"));
    assert_eq!(entry(2)["fullUrl"], entry(2)["resource"]["subject"]["reference"]);
    assert!(entry(3)["fullUrl"].is_null() && entry(3)["resource"]["id"] == own);
    assert!(!given.to_string().contains("Anna"));
}

#[test]
fn what_is_no_reference_to_a_record_is_dropped() {
    let method = method(1);
    for text in [
        "Patient?identifier=1",
        "Anna",
        "Pet/1",
        "Patient/1#x",
        "https://ehr.example/Anna",
        "Patient/Anna Smith",
        "",
    ] {
        assert_eq!(reference(&method, text), None, "{text}");
    }
    // By an identifier alone, it is none.
    let text =
        r#"{"resourceType":"Observation","subject":{"type":"Patient","identifier":{"value":"1"}}}"#;
    assert_eq!(method.text(text).unwrap(), r#"{"resourceType":"Observation"}"#);
    let text =
        r#"{"resourceType":"Observation","subject":{"type":"Patient","reference":"Patient/1"}}"#;
    assert!(method.text(text).unwrap().ends_with(r#","type":"Patient"}}"#));
}

#[test]
fn definitions_are_called_alike() {
    let method = method(1);
    let url = |url: &str| {
        let text = serde_json::json!({ "resourceType": "Questionnaire", "url": url });
        let given = method.text(&text.to_string()).unwrap();
        let given: serde_json::Value = serde_json::from_str(&given).unwrap();
        given["url"].as_str().unwrap_or_default().to_owned()
    };
    let asked = |url: &str| {
        let text = serde_json::json!({ "resourceType": "QuestionnaireResponse", "id": "1", "questionnaire": url, "item": [{ "linkId": "anna" }] });
        let given = method.text(&text.to_string()).unwrap();
        let given: serde_json::Value = serde_json::from_str(&given).unwrap();
        assert!(is_id(given["item"][0]["linkId"].as_str().unwrap()));
        given["questionnaire"].as_str().unwrap_or_default().to_owned()
    };
    let own = "https://hospital.example/Anna";
    assert_eq!(url(own), asked(&format!("{own}|2.0")));
    assert!(url(own).starts_with("urn:uuid:"));
    let published = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient";
    assert_eq!(asked(&format!("{published}|Anna")), published);
    let questionnaire = id(&method, "Questionnaire", "q");
    assert_eq!(asked("Questionnaire/q|1"), format!("Questionnaire/{questionnaire}"));
    assert_eq!(
        asked("https://ehr.example/fhir/Questionnaire/q"),
        format!("Questionnaire/{questionnaire}")
    );
    assert_eq!((asked(""), asked("|Anna")), (String::new(), String::new()));
    let text = format!(
        r#"{{"resourceType":"Patient","meta":{{"profile":["{published}","{own}"],"tag":[{{"system":"http://x.example","code":"anna"}}],"security":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}}]}}}}"#
    );
    assert_eq!(
        method.text(&text).unwrap(),
        format!(
            r#"{{"resourceType":"Patient","meta":{{"profile":["{published}"],"security":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}}]}}}}"#
        )
    );
}

proptest! {
    /// Equal only for equal records, whatever the form.
    #[test]
    fn pseudonyms_are_of_records(
        (kinds, ids) in (prop::array::uniform2(prop::sample::select(vec!["Patient", "Device", "Group"])), prop::array::uniform2("[A-Za-z0-9.-]{1,20}")),
        form in 0..4_usize,
    ) {
        prop_assume!(ids.iter().all(|id| is_id(id)));
        let method = method(1);
        let forms = ["", "", "https://ehr.example/fhir/", "https://ehr.example/fhir/"];
        let version = if form % 2 == 1 { "/_history/1" } else { "" };
        let text = format!("{}{}/{}{version}", forms[form], kinds[0], ids[0]);
        let one = reference(&method, &text).unwrap();
        prop_assert_eq!(&one, &format!("{}/{}", kinds[0], id(&method, kinds[0], &ids[0])));
        let other = reference(&method, &format!("{}/{}", kinds[1], ids[1])).unwrap();
        prop_assert_eq!(one == other, kinds[0] == kinds[1] && ids[0] == ids[1]);
    }

    /// No text stays where text was, whatever it is and wherever, and what is given is strict JSON again.
    #[test]
    fn any_text_is_taken_out(text in "[ -~é\"\\\\]{4,30}", name in "[a-zA-Z]{1,12}") {
        prop_assume!(text.chars().filter(|letter| letter.is_alphabetic()).count() >= 3);
        let text = format!("\u{e9}\u{e8}{text}");
        let resource = serde_json::json!({
            "resourceType": "Observation", "id": text, "language": text, "status": text, "implicit": text,
            name: text, "code": { "text": text, "coding": [{ "system": text, "code": text, "display": text }, { "system": "http://loinc.org", "code": text }] },
            "subject": { "reference": text, "display": text, "type": text, "identifier": { "value": text } },
            "effectiveDateTime": text, "issued": text, "valueQuantity": { "value": 7, "unit": text, "code": text },
            "note": [{ "text": text }], "extension": [{ "url": text, "valueString": text }],
            "meta": { "source": text, "profile": [text], "tag": [{ "code": text }] },
        });
        let given = method(1).text(&resource.to_string());
        if let Some(given) = given {
            prop_assert!(!given.contains('\u{e9}') && !given.contains("\\u00e9"), "{}", given);
            prop_assert!(Json::parse(given.as_bytes()).is_ok(), "{}", given);
        }
    }

    #[test]
    fn any_bytes_are_answered(text in r#"[{}\[\]",:\\a1 é]{0,40}"#) {
        let _ = method(1).text(&text);
        let _ = method(1).text(&format!(r#"{{"resourceType":"Patient","contact":{text}}}"#));
    }
}
