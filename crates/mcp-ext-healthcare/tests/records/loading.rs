//! What can be loaded, and what cannot.

use mcp_ext_healthcare::RecordError;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{Records, Search};
use mcp_ext_healthcare::store::{LoadError, MemoryRecords};
use serde_json::json;

/// Stands in what is loaded, and must not stand in what is said of it.
const PLANTED: &str = "Plantagenet";

fn r4() -> MemoryRecords {
    MemoryRecords::new(FhirVersion::R4)
}

#[tokio::test]
async fn bundles_become_records_that_refer_to_each_other() {
    let records = r4();
    let uuid = "2d1a6a1e-8a3c-4c0e-9d5f-0123456789ab";
    // As Synthea writes them; the second has no id of its own.
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "fullUrl": format!("urn:uuid:{uuid}"), "resource": { "resourceType": "Patient", "id": uuid } },
        { "fullUrl": "urn:uuid:0a0a0a0a-0000-4000-8000-000000000001", "resource": { "resourceType": "Observation", "status": "final",
            "subject": { "reference": format!("urn:uuid:{uuid}"), "display": format!("urn:uuid:{uuid}") },
            "valueQuantity": { "value": 0 } } },
        { "fullUrl": "urn:uuid:0a0a0a0a-0000-4000-8000-000000000002", "resource": { "resourceType": "Encounter", "id": "a b", "status": "finished" } },
        { "request": { "method": "DELETE", "url": "Patient/1" } },
    ] });
    // Digits stay as they are written.
    let text = bundle.to_string().replace("\"value\":0", "\"value\":70.10");
    let loaded = records.load(&text).unwrap();
    assert_eq!((loaded.records, loaded.refused.len()), (2, 1));
    assert_eq!(loaded.refused[0].1, 3, "the third entry");
    assert!(matches!(loaded.refused[0].2, LoadError::Record(RecordError::Identity)));
    let search = Search::new("Observation").parameter("patient", uuid);
    let found = records.search(&search).await.unwrap().matches;
    assert_eq!(found[0].reference().id(), "0a0a0a0a-0000-4000-8000-000000000001");
    let subject = found[0].element("subject").unwrap().get().to_owned();
    // What is no reference stays.
    assert!(subject.contains(&format!("\"reference\":\"Patient/{uuid}\"")), "{subject}");
    assert!(subject.contains(&format!("\"display\":\"urn:uuid:{uuid}\"")), "{subject}");
    assert!(found[0].json().get().contains("70.10"));
}

#[test]
fn what_is_no_record_is_refused_without_a_word_of_it() {
    let named = |text: &str| r4().load(text).unwrap_err();
    for (text, expected) in [
        (String::new(), "no JSON"),
        (format!("{{\"resourceType\":\"Patient\",\"id\":\"{PLANTED}\""), "no JSON"),
        (json!({ "resourceType": PLANTED, "id": "1" }).to_string(), "no such type"),
        (json!({ "resourceType": "Patient", "name": PLANTED }).to_string(), "type and an id"),
        (
            json!({ "resourceType": "Patient", "id": format!("{PLANTED}/..") }).to_string(),
            "type and an id",
        ),
        (
            format!("{{\"resourceType\":\"Patient\",\"id\":\"1\",\"id\":\"{PLANTED}\"}}"),
            "one way only",
        ),
        (
            json!({ "resourceType": "Bundle", "type": "searchset", "entry": [] }).to_string(),
            "no collection",
        ),
        (json!({ "resourceType": "Bundle", "entry": [] }).to_string(), "no collection"),
        (json!({ "resourceType": "Parameters", "id": PLANTED }).to_string(), "holds records"),
        (json!([{ "resourceType": "Patient", "id": PLANTED }]).to_string(), ""),
    ] {
        let error = named(&text);
        assert!(error.to_string().contains(expected), "{text}: {error}");
        assert!(!format!("{error} {error:?}").contains(PLANTED), "{error:?}");
    }
    assert_eq!(r4().load(r#"{"resourceType":"Bundle","type":"batch"}"#).unwrap().records, 0);
    // Deep enough to overflow a stack, were it followed.
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = format!(r#"{{"resourceType":"Patient","id":"1","extension":{deep}}}"#);
    assert!(matches!(named(&deep), LoadError::Json));
}

#[test]
fn folders_are_loaded_as_far_as_they_go() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let patient = |id: &str| json!({ "resourceType": "Patient", "id": id }).to_string();
    write("one.json", &patient("1"));
    write("below/two.json", &patient("2"));
    write("lines.ndjson", &format!("{}\n\n{PLANTED}\n{}\n", patient("3"), patient("1")));
    write("notes.txt", PLANTED);
    write("bad.json", PLANTED);
    std::fs::write(folder.path().join("binary.json"), [0xff, 0xfe]).unwrap();
    let records = r4();
    let loaded = records.load_path(folder.path()).unwrap();
    assert_eq!((loaded.records, loaded.replaced, records.len()), (4, 1, 3));
    let mut refused: Vec<(String, usize)> = loaded
        .refused
        .iter()
        .map(|(path, number, _)| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), *number)
        })
        .collect();
    refused.sort();
    let expected = [("bad.json", 0), ("binary.json", 0), ("lines.ndjson", 3)];
    assert_eq!(refused, expected.map(|(name, number)| (name.to_owned(), number)));
    assert!(!format!("{:?}", loaded.refused).contains(PLANTED));
    assert!(matches!(records.load_path(&folder.path().join("nowhere")), Err(LoadError::Io(_))));
}
