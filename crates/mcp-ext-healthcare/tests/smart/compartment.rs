//! The patient compartment.

use std::collections::{BTreeMap, BTreeSet};

use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{Compartment, Definitions, Patients};
use mcp_ext_healthcare::{PatientCompartment, Record};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::corpus::examples;

const BASE: &str = "https://clinic.example/fhir";

fn record(value: &Value) -> Record {
    Record::parse(&value.to_string()).unwrap()
}

fn judge(version: FhirVersion, value: &Value) -> Patients {
    PatientCompartment::new(version).at(BASE).patients(&record(value))
}

fn of(ids: &[&str]) -> Patients {
    Patients::Of(ids.iter().map(|id| format!("Patient/{id}").parse().unwrap()).collect())
}

fn observation(subject: Value) -> Value {
    json!({
        "resourceType": "Observation", "id": "7", "status": "final", "code": { "text": "weight" },
        "subject": subject,
    })
}

/// Both versions must say the same.
fn both(value: &Value) -> Patients {
    let all = FhirVersion::ALL.map(|version| judge(version, value));
    assert_eq!(all[0], all[1], "{value}");
    all[0].clone()
}

#[test]
fn only_a_reference_to_this_server_names_a_patient() {
    for (reference, names) in [
        ("Patient/1", true),
        ("Patient/1/_history/2", true),
        ("https://clinic.example/fhir/Patient/1", true),
        ("https://clinic.example/fhir/Patient/1/_history/2", true),
        ("https://elsewhere.example/fhir/Patient/1", false),
        ("http://clinic.example/fhir/Patient/1", false),
        ("https://clinic.example/Patient/1", false),
        ("https://clinic.example/fhir/x/Patient/1", false),
        ("https://clinic.example/FHIR/Patient/1", false),
        ("https://CLINIC.example/fhir/Patient/1", false),
        ("https://clinic.example:443/fhir/Patient/1", false),
        ("https://clinic.example/fhir/../fhir/Patient/1", false),
        ("https://clinic.example/fhir//Patient/1", false),
        ("https://clinic.example.evil/fhir/Patient/1", false),
        ("https://user@clinic.example/fhir/Patient/1", false),
        ("https://elsewhere.example/?x=https://clinic.example/fhir/Patient/1", false),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", false),
        ("urn:uuid:Patient/1", false),
        ("Patient?identifier=1", false),
        ("/Patient/1", false),
        ("./Patient/1", false),
        ("Patient/1#x", false),
        ("Patient/1?x", false),
        ("Patient/%31", false),
        ("patient/1", false),
        ("Patient/1 ", false),
        ("Group/1/Patient/1", false),
        ("Group/1", false),
        ("RelatedPerson/1", false),
        ("Device/1", false),
        ("#", false),
        ("#1", false),
        ("#Patient/1", false),
        ("", false),
    ] {
        let expected = if names { of(&["1"]) } else { Patients::Unknown };
        assert_eq!(both(&observation(json!({ "reference": reference }))), expected, "{reference}");
    }
    // An address counts only for who serves it.
    let absolute = observation(json!({ "reference": format!("{BASE}/Patient/1") }));
    let nowhere = PatientCompartment::new(FhirVersion::R4);
    assert_eq!(nowhere.patients(&record(&absolute)), Patients::Unknown);
    let slashed = PatientCompartment::new(FhirVersion::R4).at("https://clinic.example/fhir/");
    assert_eq!(slashed.patients(&record(&absolute)), of(&["1"]));
}

#[test]
fn what_only_hints_at_a_patient_names_none() {
    for subject in [
        json!({ "identifier": { "system": "urn:x", "value": "Patient/1" } }),
        json!({ "type": "Patient", "identifier": { "value": "1" } }),
        json!({ "display": "Patient/1" }),
        json!({ "_reference": { "extension": [{ "url": "x", "valueString": "Patient/1" }] } }),
        json!({ "extension": [{ "url": "x", "valueReference": { "reference": "Patient/1" } }] }),
        // Two things said of one.
        json!({ "reference": "Patient/1", "type": "Group" }),
        json!({ "reference": "Group/1", "type": "Patient" }),
        // Malformed.
        json!("Patient/1"),
        json!(["Patient/1"]),
        json!([{ "reference": "Patient/1" }]),
        json!({ "reference": ["Patient/1"] }),
        json!({ "reference": { "reference": "Patient/1" } }),
        json!({ "reference": 1 }),
        json!({ "reference": null }),
        json!({ "reference": "Patient/1", "type": 7 }),
        json!(null),
        json!(7),
        json!({}),
    ] {
        assert_eq!(both(&observation(subject.clone())), Patients::Unknown, "{subject}");
    }
    for typed in ["Patient", "http://hl7.org/fhir/StructureDefinition/Patient"] {
        let subject = json!({ "reference": "Patient/1", "type": typed });
        assert_eq!(both(&observation(subject)), of(&["1"]));
    }
}

/// Where the definition does not look, a reference puts no record into anybody's compartment.
#[test]
fn references_elsewhere_name_nobody() {
    let this = json!({ "reference": "Patient/this" });
    for (place, value) in [
        ("_subject", this.clone()),
        ("Subject", this.clone()),
        ("patient", this.clone()),
        ("focus", json!([this])),
        ("hasMember", json!([this])),
        ("derivedFrom", json!([{ "reference": "Observation/8" }])),
        ("extension", json!([{ "url": "subject", "valueReference": this }])),
        ("modifierExtension", json!([{ "url": "subject", "valueReference": this }])),
        ("note", json!([{ "authorReference": this, "text": "Patient/this" }])),
        ("identifier", json!([{ "value": "Patient/this", "assigner": this }])),
        ("text", json!({ "status": "generated", "div": "<div>Patient/this</div>" })),
        ("meta", json!({ "source": "Patient/this", "tag": [{ "code": "Patient/this" }] })),
    ] {
        let mut foreign = observation(json!({ "reference": "Patient/other" }));
        foreign[place] = value.clone();
        let judged = both(&foreign);
        assert!(judged == of(&["other"]) || judged == Patients::Unknown, "{place}: {judged:?}");
        foreign["subject"] = json!({ "reference": "Group/1" });
        assert_eq!(both(&foreign), Patients::Unknown, "{place}");
    }
    let mut foreign = observation(json!({ "reference": "Patient/other" }));
    foreign["_subject"] = this;
    assert_eq!(both(&foreign), Patients::Unknown, "only values without elements have siblings");
}

/// What a record contains must belong to the same patient.
#[test]
fn contained_resources_belong_to_whom_the_record_belongs() {
    let of_1 = json!({ "reference": "Patient/1" });
    let condition = |subject: &str| json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": subject } });
    for (contained, expected) in [
        (json!([]), of(&["1"])),
        (json!([condition("Patient/1")]), of(&["1"])),
        (json!([condition("Patient/2")]), Patients::Unknown),
        (json!([condition("Patient/1"), condition("Patient/2")]), Patients::Unknown),
        (json!([condition("https://elsewhere.example/Patient/1")]), Patients::Unknown),
        (json!([condition("Group/1")]), Patients::Unknown),
        (json!([condition("#")]), of(&["1"])),
        (json!([condition("#c")]), of(&["1"])),
        (json!([condition("#nowhere")]), Patients::Unknown),
        (json!([{ "resourceType": "Condition", "id": "c" }]), of(&["1"])),
        (
            json!([{ "resourceType": "Condition", "subject": { "identifier": { "value": "1" } } }]),
            Patients::Unknown,
        ),
        // A person of whom nothing is known.
        (json!([{ "resourceType": "Patient", "id": "1" }]), Patients::Unknown),
        (
            json!([{ "resourceType": "Patient", "id": "p", "link": [{ "other": of_1, "type": "seealso" }] }]),
            Patients::Unknown,
        ),
        (json!([{ "resourceType": "RelatedPerson", "id": "r", "patient": of_1 }]), of(&["1"])),
        (
            json!([{ "resourceType": "RelatedPerson", "id": "r", "patient": { "reference": "Patient/2" } }]),
            Patients::Unknown,
        ),
        (json!([{ "resourceType": "Practitioner", "id": "d" }]), of(&["1"])),
        (
            json!([{ "resourceType": "Practitioner", "id": "d", "extension": [{ "url": "x", "valueReference": { "reference": "Patient/2" } }] }]),
            Patients::Unknown,
        ),
        (json!([{ "resourceType": "Binary", "id": "b", "contentType": "x" }]), of(&["1"])),
        (
            json!([{ "resourceType": "Binary", "id": "b", "contentType": "x", "securityContext": { "reference": "Patient/2" } }]),
            Patients::Unknown,
        ),
        // What holds records of others.
        (
            json!([{ "resourceType": "Bundle", "id": "b", "entry": [{ "resource": condition("Patient/2") }] }]),
            Patients::Unknown,
        ),
        (
            json!([{ "resourceType": "Parameters", "id": "p", "parameter": [{ "name": "x", "resource": condition("Patient/2") }] }]),
            Patients::Unknown,
        ),
        (
            json!([{ "resourceType": "Condition", "id": "c", "contained": [condition("Patient/2")] }]),
            Patients::Unknown,
        ),
        // Malformed.
        (
            json!([{ "resourceType": "Condition", "id": "c" }, { "resourceType": "Patient", "id": "c" }]),
            Patients::Unknown,
        ),
        (json!([{ "resourceType": "Nothing", "id": "c" }]), Patients::Unknown),
        (json!([{ "id": "c" }]), Patients::Unknown),
        (json!([null]), Patients::Unknown),
        (json!({ "resourceType": "Condition" }), Patients::Unknown),
        (json!([{ "resourceType": "Condition", "id": 7 }]), Patients::Unknown),
        (json!([{ "resourceType": ["Condition"] }]), Patients::Unknown),
    ] {
        let mut value = observation(of_1.clone());
        value["contained"] = contained.clone();
        assert_eq!(both(&value), expected, "{contained}");
    }
    // A record whose subject is contained is of nobody who is known.
    let mut value = observation(json!({ "reference": "#p" }));
    value["contained"] =
        json!([{ "resourceType": "Patient", "id": "p", "name": [{ "text": "X" }] }]);
    assert_eq!(both(&value), Patients::Unknown);
    // What is contained cannot put a record into a compartment.
    let mut value = observation(json!({ "reference": "#c" }));
    value["contained"] = json!([condition("Patient/1")]);
    assert_eq!(both(&value), Patients::Unknown);
    // An appointment of two, with what is one's alone.
    let actors = [json!({ "actor": of_1 }), json!({ "actor": { "reference": "Patient/2" } })];
    let mut value = json!({ "resourceType": "Appointment", "id": "a", "participant": actors });
    assert_eq!(both(&value), of(&["1", "2"]));
    value["contained"] = json!([condition("Patient/1")]);
    assert_eq!(both(&value), of(&["1"]));
    // A patient's own.
    let mut value = json!({ "resourceType": "Patient", "id": "1" });
    value["contained"] = json!([condition("#")]);
    assert_eq!(both(&value), of(&["1"]));
    value["contained"] = json!([condition("Patient/2")]);
    assert_eq!(both(&value), Patients::Unknown);
}

#[test]
fn types_follow_the_definition_and_its_rule() {
    let to = |reference: &str| json!({ "reference": reference });
    let one = to("Patient/1");
    for (value, expected) in [
        (json!({ "resourceType": "Patient" }), of(&["x"])),
        (
            json!({ "resourceType": "Patient", "link": [{ "other": one, "type": "refer" }] }),
            of(&["1", "x"]),
        ),
        (json!({ "resourceType": "RelatedPerson", "patient": one }), of(&["1"])),
        (json!({ "resourceType": "Person", "link": [{ "target": one }] }), of(&["1"])),
        (
            json!({ "resourceType": "Group", "member": [{ "entity": one }, { "entity": to("Patient/2") }] }),
            of(&["1", "2"]),
        ),
        (
            json!({ "resourceType": "Group", "member": [{ "entity": to("Device/1") }] }),
            Patients::Unknown,
        ),
        (json!({ "resourceType": "Group" }), Patients::Unknown),
        (json!({ "resourceType": "List", "entry": [{ "item": one }] }), Patients::Unknown),
        (
            json!({ "resourceType": "AuditEvent", "agent": [{ "who": to("Practitioner/1") }], "entity": [{ "what": to("Observation/1") }] }),
            Patients::Unknown,
        ),
        (
            json!({ "resourceType": "Provenance", "target": [to("Observation/1")] }),
            Patients::Unknown,
        ),
        (json!({ "resourceType": "Schedule", "actor": [one] }), of(&["1"])),
        (json!({ "resourceType": "Schedule", "actor": [to("Practitioner/1")] }), Patients::Unknown),
        (json!({ "resourceType": "Basic", "subject": one }), of(&["1"])),
        (json!({ "resourceType": "Basic", "author": one }), of(&["1"])),
        // FHIR gives them a search parameter `patient`; R4's definition has no entry for them.
        (json!({ "resourceType": "Task", "for": one }), of(&["1"])),
        (json!({ "resourceType": "Task", "owner": one }), Patients::Unknown),
        (json!({ "resourceType": "Contract", "subject": [one] }), of(&["1"])),
        (json!({ "resourceType": "GuidanceResponse", "subject": one }), of(&["1"])),
        (
            json!({ "resourceType": "Binary", "contentType": "x", "securityContext": one }),
            of(&["1"]),
        ),
        (
            json!({ "resourceType": "Binary", "contentType": "x", "securityContext": to("DocumentReference/1") }),
            Patients::Unknown,
        ),
        (json!({ "resourceType": "Binary", "contentType": "x" }), Patients::Unknown),
        // Of nobody, unless there is a trace of a patient.
        (json!({ "resourceType": "ValueSet", "status": "active" }), Patients::Nobody),
        (
            json!({ "resourceType": "Organization", "partOf": to("Organization/2") }),
            Patients::Nobody,
        ),
        (
            json!({ "resourceType": "Organization", "partOf": { "display": "the trust" } }),
            Patients::Nobody,
        ),
        (json!({ "resourceType": "Practitioner", "name": [{ "text": "Dr X" }] }), Patients::Nobody),
        (
            json!({ "resourceType": "Location", "managingOrganization": to("https://elsewhere.example/Organization/2") }),
            Patients::Nobody,
        ),
        (
            json!({ "resourceType": "Location", "managingOrganization": { "reference": "#x" } }),
            Patients::Unknown,
        ),
        (
            json!({ "resourceType": "Location", "extension": [{ "url": "home-of", "valueReference": one }] }),
            Patients::Unknown,
        ),
        (
            json!({ "resourceType": "Location", "extension": [{ "url": "home-of", "valueReference": { "display": "X" } }] }),
            Patients::Unknown,
        ),
        (
            json!({ "resourceType": "Location", "_name": { "extension": [{ "url": "home-of", "valueReference": one }] } }),
            Patients::Unknown,
        ),
        (json!({ "resourceType": "Location", "homeOf": one }), Patients::Unknown),
        (
            json!({ "resourceType": "Medication", "contained": [{ "resourceType": "Patient", "id": "p" }] }),
            Patients::Unknown,
        ),
        (
            json!({ "resourceType": "Medication", "contained": [{ "resourceType": "Condition", "subject": one }] }),
            of(&["1"]),
        ),
        // Nothing is said of them, so nothing is known.
        (json!({ "resourceType": "Slot", "schedule": to("Schedule/1") }), Patients::Unknown),
        (json!({ "resourceType": "OperationOutcome" }), Patients::Unknown),
        (
            json!({ "resourceType": "Subscription", "criteria": "Observation?patient=1" }),
            Patients::Unknown,
        ),
        (json!({ "resourceType": "Linkage", "item": [{ "resource": one }] }), Patients::Unknown),
        (json!({ "resourceType": "Nothing", "subject": one }), Patients::Unknown),
        (json!({ "resourceType": "HumanName", "subject": one }), Patients::Unknown),
    ] {
        let mut value = value;
        value["id"] = json!("x");
        assert_eq!(both(&value), expected, "{value}");
    }
    // What is of one version alone, or repeated in one alone.
    let entry = json!([{ "item": to("Patient/2") }]);
    let list = |subject: Value| json!({ "resourceType": "List", "id": "x", "subject": subject, "entry": entry });
    assert_eq!(judge(FhirVersion::R4, &list(one.clone())), of(&["1"]));
    assert_eq!(judge(FhirVersion::R5, &list(json!([one]))), of(&["1"]));
    let event = json!({ "resourceType": "AuditEvent", "id": "x", "agent": [{ "who": one }] });
    assert_eq!(judge(FhirVersion::R4, &event), of(&["1"]));
    assert_eq!(judge(FhirVersion::R5, &event), Patients::Unknown);
    let event = json!({ "resourceType": "AuditEvent", "id": "x", "patient": one });
    assert_eq!(judge(FhirVersion::R5, &event), of(&["1"]));
    let provenance = json!({ "resourceType": "Provenance", "id": "x", "target": [one] });
    assert_eq!(judge(FhirVersion::R4, &provenance), of(&["1"]));
    assert_eq!(judge(FhirVersion::R5, &provenance), Patients::Unknown);
    let device = json!({ "resourceType": "Device", "id": "x", "patient": one });
    assert_eq!(judge(FhirVersion::R4, &device), of(&["1"]));
    assert_eq!(judge(FhirVersion::R5, &device), Patients::Unknown);
    let exposure = json!({ "resourceType": "DeviceAssociation", "id": "x", "subject": one });
    assert_eq!(judge(FhirVersion::R4, &exposure), Patients::Unknown);
    assert_eq!(judge(FhirVersion::R5, &exposure), of(&["1"]));
}

/// Where a patient is named in the types that are the commonest, by hand from HL7's pages.
fn oracle_paths(version: FhirVersion, kind: &str) -> Option<&'static [&'static str]> {
    let is_r4 = version == FhirVersion::R4;
    Some(match kind {
        "Observation" => &["subject", "performer"],
        "MedicationRequest" => &["subject"],
        "MedicationDispense" => &["subject", "receiver"],
        "MedicationAdministration" if is_r4 => &["subject", "performer.actor"],
        "MedicationAdministration" => &["subject"],
        "Condition" if is_r4 => &["subject", "asserter"],
        "Condition" => &["subject", "participant.actor"],
        "Procedure" if is_r4 => &["subject", "performer.actor"],
        "Procedure" => &["subject", "performer.actor"],
        "Encounter" => &["subject"],
        "ServiceRequest" => &["subject", "performer"],
        "DiagnosticReport" => &["subject"],
        "DocumentReference" => &["subject", "author"],
        "Claim" => &["patient", "payee.party"],
        "CarePlan" if is_r4 => &["subject", "activity.detail.performer"],
        "CarePlan" => &["subject"],
        "AllergyIntolerance" if is_r4 => &["patient", "recorder", "asserter"],
        "AllergyIntolerance" => &["patient", "participant.actor"],
        "Immunization" => &["patient"],
        _ => return None,
    })
}

fn at_path<'a>(value: &'a Value, path: &str, to: &mut Vec<&'a Value>) {
    match (value, path.split_once('.')) {
        (Value::Array(values), _) => values.iter().for_each(|value| at_path(value, path, to)),
        (_, _) if path.is_empty() => to.push(value),
        (_, Some((name, rest))) => at_path(&value[name], rest, to),
        (_, None) => at_path(&value[path], "", to),
    }
}

fn oracle(version: FhirVersion, value: &Value) -> Option<Patients> {
    let paths = oracle_paths(version, value["resourceType"].as_str()?)?;
    let mut found = Vec::new();
    paths.iter().for_each(|path| at_path(value, path, &mut found));
    let patients: BTreeSet<_> = found
        .iter()
        .filter_map(|one| one["reference"].as_str())
        .filter(|text| text.starts_with("Patient/"))
        .map(|text| text.split('/').take(2).collect::<Vec<_>>().join("/").parse().unwrap())
        .collect();
    Some(if patients.is_empty() { Patients::Unknown } else { Patients::Of(patients) })
}

/// How many records are of somebody, of nobody, and of whom it cannot be told.
type Counts = [usize; 3];

fn examples_are_judged_as_by_hand(version: FhirVersion, compared: usize, counts: Counts) {
    let Some(examples) = examples(version) else { return };
    let compartment = PatientCompartment::new(version).at("http://hl7.org/fhir");
    let (mut same, mut found) = (0, Counts::default());
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for example in examples {
        // Bundles and Parameters hold records and are none.
        let Ok(record) = Record::parse(&example.text) else { continue };
        let judged = compartment.patients(&record);
        found[match judged {
            Patients::Of(_) => 0,
            Patients::Nobody => 1,
            Patients::Unknown => 2,
        }] += 1;
        let value: Value = serde_json::from_str(&example.text).unwrap();
        let Some(expected) = oracle(version, &value).filter(|_| value["contained"].is_null())
        else {
            continue;
        };
        assert_eq!(judged, expected, "{}", example.name);
        same += 1;
        *kinds.entry(record.resource_type().to_owned()).or_default() += 1;
    }
    println!("{}: {found:?}; {same} as by hand, of {kinds:?}", version.number());
    assert!(kinds.len() >= 10, "{kinds:?}");
    assert_eq!((same, found), (compared, counts));
}

#[test]
fn r4_examples_are_judged_as_by_hand() {
    examples_are_judged_as_by_hand(FhirVersion::R4, 170, [404, 4742, 115]);
}

#[test]
fn r5_examples_are_judged_as_by_hand() {
    examples_are_judged_as_by_hand(FhirVersion::R5, 188, [449, 2137, 185]);
}

/// Every reference of every example leads elsewhere: none of them is ours any more, wherever another is planted.
fn no_foreign_record_is_of_this_patient(version: FhirVersion) {
    let Some(examples) = examples(version) else { return };
    let compartment = PatientCompartment::new(version).at(BASE);
    let this = of(&["this"]);
    let is_this = |judged: &Patients| matches!((judged, &this), (Patients::Of(all), Patients::Of(this)) if !all.is_disjoint(this));
    let mut tried = 0;
    for example in examples {
        let Ok(found) = Record::parse(&example.text) else { continue };
        if compartment.patients(&found) == Patients::Nobody {
            continue;
        }
        let value: Value = serde_json::from_str(&example.text).unwrap();
        for planted in [
            "https://elsewhere.example/fhir/Patient/this",
            "urn:uuid:this",
            "Patient?_id=this",
            "#this",
            "patient/this",
            "Group/this",
            "Patient/this#x",
        ] {
            let mut foreign = value.clone();
            redirect(&mut foreign, planted);
            let judged = compartment.patients(&record(&foreign));
            assert!(!is_this(&judged), "{} {planted}", example.name);
            tried += 1;
        }
        // Beside what the record says, where nobody looks.
        let mut beside = value.clone();
        for name in ["_subject", "_patient", "this", "Patient"] {
            beside[name] = json!({ "reference": "Patient/this" });
        }
        beside["extension"] =
            json!([{ "url": "x", "valueReference": { "reference": "Patient/this" } }]);
        assert!(!is_this(&compartment.patients(&record(&beside))), "{}", example.name);
        // And inside of it: what is contained is not what it is contained in, unless that is nobody's.
        let mut inside = value;
        inside["contained"] = json!([]);
        if compartment.patients(&record(&inside)) == Patients::Nobody {
            continue;
        }
        inside["contained"] = json!([{ "resourceType": "Basic", "id": "b", "subject": { "reference": "Patient/this" } }]);
        assert!(!is_this(&compartment.patients(&record(&inside))), "{}", example.name);
    }
    assert!(tried > 2_000, "{tried}");
}

fn redirect(value: &mut Value, to: &str) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| redirect(value, to)),
        Value::Object(members) => {
            for (name, value) in members {
                if name == "reference" && value.is_string() {
                    *value = json!(to);
                } else {
                    redirect(value, to);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn no_foreign_r4_example_is_of_this_patient() {
    no_foreign_record_is_of_this_patient(FhirVersion::R4);
}

#[test]
fn no_foreign_r5_example_is_of_this_patient() {
    no_foreign_record_is_of_this_patient(FhirVersion::R5);
}

#[test]
fn mandatory_elements_come_from_the_definitions() {
    let r4 = FhirVersion::R4;
    assert_eq!(Definitions::mandatory(&r4, "Observation"), ["code", "status"]);
    assert_eq!(Definitions::mandatory(r4.definitions(), "Observation"), ["code", "status"]);
    assert!(Definitions::mandatory(&r4, "Nothing").is_empty());
}

/// A reference, and whether it is one to this patient.
fn reference() -> impl Strategy<Value = (Value, bool)> {
    prop_oneof![
        Just(("Patient/this", true)),
        Just(("Patient/this/_history/3", true)),
        Just(("https://clinic.example/fhir/Patient/this", true)),
        Just(("Patient/other", false)),
        Just(("https://elsewhere.example/fhir/Patient/this", false)),
        Just(("Practitioner/this", false)),
        Just(("#c", false)),
        Just(("urn:uuid:this", false)),
    ]
    .prop_map(|(text, is_this)| (json!({ "reference": text }), is_this))
}

proptest! {
    /// The compartment in other words, for observations that contain others.
    #[test]
    fn a_record_of_another_patient_is_never_of_this_one(
        subject in reference(),
        performers in prop::collection::vec(reference(), 0..3),
        elsewhere in prop::collection::vec(reference(), 0..3),
        contained in prop::collection::vec((reference(), "[a-d]"), 0..3),
    ) {
        let plain = |several: &[(Value, bool)]| several.iter().map(|(one, _)| one.clone()).collect::<Vec<_>>();
        let mut value = observation(subject.0);
        value["performer"] = json!(plain(&performers));
        value["focus"] = json!(plain(&elsewhere));
        value["contained"] = contained
            .iter()
            .map(|((subject, _), id)| json!({ "resourceType": "Condition", "id": id, "subject": subject }))
            .collect();
        let is_named = subject.1 || performers.iter().any(|(_, is_this)| *is_this);
        let is_foreign = contained.iter().any(|((subject, is_this), _)| {
            !is_this && subject["reference"].as_str().unwrap().contains("Patient/")
        });
        for version in FhirVersion::ALL {
            if let Patients::Of(patients) = judge(version, &value)
                && patients.contains(&"Patient/this".parse().unwrap())
            {
                prop_assert!(is_named && !is_foreign);
            } else if contained.is_empty() {
                prop_assert!(!is_named);
            }
        }
    }

    #[test]
    fn any_resource_is_answered(text in r#"\{"resourceType":"(Patient|Observation|Location)","id":"1","(subject|contained|link)":[\[\]{}"a-z:]{0,12}\}"#) {
        if let Ok(record) = Record::parse(&text) {
            let _ = PatientCompartment::new(FhirVersion::R4).patients(&record);
        }
    }
}
