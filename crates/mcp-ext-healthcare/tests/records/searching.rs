//! Every way to search, as a table: a search, and the ids that it finds.

use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{Records, Search, SourceError};
use mcp_ext_healthcare::store::MemoryRecords;
use serde_json::json;

fn clinic() -> MemoryRecords {
    let records = MemoryRecords::new(FhirVersion::R4);
    let observation = |id: &str, patient: &str, rest: serde_json::Value| {
        let mut it = json!({
            "resourceType": "Observation", "id": id, "status": "final",
            "subject": { "reference": patient },
            "performer": [{ "reference": "Practitioner/p" }],
            "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7" }], "text": "Weight" },
        });
        it.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        it
    };
    let all = [
        json!({ "resourceType": "Patient", "id": "a", "active": true, "birthDate": "1970-03-05",
            "name": [{ "family": "Müller", "given": ["Anna", "Eva"] }], "gender": "female",
            "identifier": [{ "system": "urn:mrn", "value": "4711" }, { "value": "no-system" }] }),
        json!({ "resourceType": "Patient", "id": "b", "active": false, "birthDate": "1970",
            "name": [{ "family": "Smith, John" }], "gender": "male" }),
        json!({ "resourceType": "Practitioner", "id": "p", "name": [{ "family": "Doc" }] }),
        observation(
            "o1",
            "Patient/a",
            json!({ "effectiveDateTime": "2024-05-01",
            "meta": { "lastUpdated": "2024-05-03T00:00:00Z", "tag": [{ "code": "x" }] },
            "valueQuantity": { "value": 70.0, "unit": "kilo", "system": "http://unitsofmeasure.org", "code": "kg" } }),
        ),
        observation(
            "o2",
            "Patient/a",
            json!({ "effectivePeriod": { "start": "2024-06-01", "end": "2024-06-30" },
            "meta": { "lastUpdated": "2024-05-02T00:00:00Z" },
            "valueQuantity": { "value": 70.4, "system": "http://unitsofmeasure.org", "code": "kg" } }),
        ),
        observation(
            "o3",
            "Patient/b",
            json!({ "effectiveDateTime": "2024-05-01T10:00:00+02:00",
            "code": { "coding": [{ "system": "http://other", "code": "29463-7" }] },
            "valueQuantity": { "value": 154, "unit": "lb" } }),
        ),
        observation("o4", "https://elsewhere.example/Patient/a", json!({ "status": "amended" })),
        observation(
            "o5",
            "Patient/a/_history/3",
            json!({ "status": "preliminary", "hasMember": [{ "reference": "Observation/o1" }] }),
        ),
        json!({ "resourceType": "ValueSet", "id": "v", "status": "active", "url": "http://example.org/vs" }),
        json!({ "resourceType": "RiskAssessment", "id": "r", "status": "final", "subject": { "reference": "Patient/a" },
            "prediction": [{ "probabilityDecimal": 0.25 }] }),
    ];
    for one in all {
        records.load(&one.to_string()).unwrap();
    }
    records
}

/// `Observation?code=1&date=2` found in pages of `limit`: ids, and after a `+` what was included.
async fn found(records: &MemoryRecords, query: &str, limit: usize) -> Result<String, SourceError> {
    let (kind, parameters) = query.split_once('?').unwrap();
    let mut search = Search::new(kind);
    search.limit = limit;
    for parameter in parameters.split('&').filter(|one| !one.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap();
        search = search.parameter(name, value);
    }
    let mut ids = Vec::new();
    let mut included = Vec::new();
    loop {
        let found = records.search(&search).await?;
        assert!(found.matches.len() <= limit);
        ids.extend(found.matches.iter().map(|one| one.reference().id().to_owned()));
        included.extend(found.included.iter().map(|one| one.reference().id().to_owned()));
        if found.next.is_none() {
            break;
        }
        search.page = found.next;
    }
    included.dedup();
    Ok(if included.is_empty() {
        ids.join(" ")
    } else {
        format!("{} + {}", ids.join(" "), included.join(" "))
    })
}

#[tokio::test]
async fn searches_find_what_fhir_says() {
    let records = clinic();
    for (query, expected) in [
        ("Patient?", "a b"),
        ("Patient?_id=a", "a"),
        ("Patient?_id=a,b", "a b"),
        ("Patient?gender=female", "a"),
        ("Patient?gender:not=female", "b"),
        ("Patient?active=true", "a"),
        ("Patient?identifier=4711", "a"),
        ("Patient?identifier=urn:mrn|4711", "a"),
        ("Patient?identifier=urn:mrn|", "a"),
        ("Patient?identifier=|no-system", "a"),
        ("Patient?identifier=|4711", ""),
        ("Patient?identifier=urn:other|4711", ""),
        ("Patient?identifier:missing=true", "b"),
        ("Patient?name=mü", "a"),
        ("Patient?name=eva", "a"),
        ("Patient?name:contains=ohn", "b"),
        ("Patient?name:exact=eva", ""),
        ("Patient?name:exact=Eva", "a"),
        ("Patient?family=smith\\, j", "b"),
        ("Patient?family=smith,mül", "a b"),
        ("Patient?birthdate=1970-03-05", "a"),
        ("Patient?birthdate=1970", "a b"),
        ("Patient?birthdate=gt1970-03", "b"),
        ("Patient?birthdate=lt1970", ""),
        ("Patient?birthdate=le1970-12-31", "a b"),
        ("Patient?birthdate=ne1970", ""),
        ("Patient?birthdate=sa1969", "a b"),
        ("Patient?birthdate=eb1970-03-06", "a"),
        ("Patient?birthdate=ap1970-07", "b"),
        ("Patient?birthdate=ge1970-03-01&gender=female", "a"),
        ("Observation?patient=a", "o1 o2 o5"),
        ("Observation?patient=Patient/a", "o1 o2 o5"),
        ("Observation?subject=Patient/a,Patient/b", "o1 o2 o3 o5"),
        ("Observation?subject:Patient=b", "o3"),
        ("Observation?subject:Group=a", ""),
        ("Observation?subject=https://elsewhere.example/Patient/a", "o4"),
        ("Observation?patient=Patient/nobody", ""),
        ("Observation?code=29463-7", "o1 o2 o3 o4 o5"),
        ("Observation?code=http://loinc.org|29463-7", "o1 o2 o4 o5"),
        ("Observation?status=final&patient=a", "o1 o2"),
        ("Observation?status:not=final", "o4 o5"),
        ("Observation?date=2024-05-01", "o1 o3"),
        ("Observation?date=ge2024-06-15", "o2"),
        ("Observation?date=2024-06", "o2"),
        ("Observation?date=sa2024-05-31", "o2"),
        ("Observation?date=lt2024-05-01T09:00:00Z", "o1 o3"),
        ("Observation?value-quantity=70", "o1 o2"),
        ("Observation?value-quantity=70.0", "o1"),
        ("Observation?value-quantity=70|http://unitsofmeasure.org|kg", "o1 o2"),
        ("Observation?value-quantity=gt70||kg", "o2"),
        ("Observation?value-quantity=154||lb", "o3"),
        ("Observation?value-quantity=7e1", "o1 o2"),
        ("RiskAssessment?probability=ge0.2", "r"),
        ("RiskAssessment?probability=lt0.2", ""),
        ("ValueSet?url=http://example.org/vs", "v"),
        ("Observation?_tag=x", "o1"),
        ("Observation?_lastUpdated=gt2024-05-02", "o1"),
        ("Observation?patient=a&_sort=_lastUpdated", "o5 o2 o1"),
        ("Observation?patient=a&_sort=-_lastUpdated", "o1 o2 o5"),
        ("Observation?_id=o1&_include=Observation:subject", "o1 + a"),
        ("Observation?_id=o1&_include=Observation:performer:Practitioner", "o1 + p"),
        ("Observation?_id=o1&_include=Observation:performer:Organization", "o1"),
        ("Observation?_id=o5&_include=Observation:has-member", "o5 + o1"),
        ("Observation?_id=o4&_include=Observation:subject", "o4"),
        ("Patient?_id=b&_revinclude=Observation:subject", "b + o3"),
        ("Practitioner?_id=p&_count=1", "p"),
    ] {
        for limit in [1, 2, 100] {
            let got = found(&records, query, limit).await;
            if limit == 100 || !query.contains("include") {
                assert_eq!(got.as_deref(), Ok(expected), "{query} in pages of {limit}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_known_is_refused() {
    let records = clinic();
    for query in [
        "Nobody?_id=1",
        "Patient?colour=red",
        "Patient?birthdate=yesterday",
        "Patient?birthdate=",
        "Patient?birthdate=xx1970",
        "Patient?birthdate:exact=1970",
        "Patient?name:text=anna",
        "Patient?gender:in=http://x",
        "Patient?active:missing=perhaps",
        "Patient?identifier=a|b|c",
        "Patient?identifier=|",
        "Patient?_count=many",
        "Patient?_sort=birthdate",
        "Patient?_sort=-_id",
        "Patient?_elements=name",
        "Patient?_summary=true",
        "Patient?_text=anna",
        "Patient?_filter=name eq anna",
        "Patient?_has:Observation:patient:code=1",
        "Observation?subject.name=anna",
        "Observation?patient:Patient.name=anna",
        "Observation?subject:identifier=x",
        "Observation?code-value-quantity=1$2",
        "Observation?value-quantity=many",
        "Observation?value-quantity=inf",
        "Observation?value-quantity=1|2",
        "Observation?_include=*",
        "Observation?_include=Observation",
        "Observation?_include=Observation:code",
        "Observation?_include=Observation:subject:Nobody",
        "Observation?_include=Observation:subject:Patient:x",
        "Observation?_include=Patient:general-practitioner",
        "Observation?_include:iterate=Observation:subject",
        "Observation?_revinclude=Observation:nothing",
    ] {
        let got = found(&records, query, 100).await;
        assert_eq!(got, Err(SourceError::UnknownParameter), "{query}");
    }
    let mut search = Search::new("Patient");
    search.page = Some("nonsense".to_owned());
    assert_eq!(records.search(&search).await.unwrap_err(), SourceError::UnknownPage);
}

#[tokio::test]
async fn everything_is_the_compartment_and_what_it_refers_to() {
    let records = clinic();
    let anna = "Patient/a".parse().unwrap();
    for limit in [1, 2, 100] {
        let (mut found, mut supporting, mut page) = (Vec::new(), Vec::new(), None);
        loop {
            let more = records.everything(&anna, limit, page.as_deref()).await.unwrap();
            assert!(more.matches.len() <= limit);
            found.extend(more.matches.iter().map(|one| one.reference().as_str().to_owned()));
            supporting.extend(more.included.iter().map(|one| one.reference().as_str().to_owned()));
            page = more.next;
            if page.is_none() {
                break;
            }
        }
        supporting.dedup();
        let all =
            ["Patient/a", "Observation/o1", "Observation/o2", "Observation/o5", "RiskAssessment/r"];
        assert_eq!(found, all, "in pages of {limit}");
        assert!(supporting.iter().all(|one| one == "Practitioner/p"), "{supporting:?}");
    }
    let nobody = "Patient/nobody".parse().unwrap();
    assert!(records.everything(&nobody, 10, None).await.unwrap().matches.is_empty());
    assert_eq!(
        records.everything(&anna, 10, Some("Patient/z")).await.unwrap_err(),
        SourceError::UnknownPage
    );
}

#[tokio::test]
async fn a_record_takes_the_place_of_its_version_before() {
    let records = clinic();
    let before = records.len();
    let moved = json!({ "resourceType": "Observation", "id": "o1", "status": "final", "subject": { "reference": "Patient/b" } });
    assert_eq!(records.load(&moved.to_string()).unwrap().replaced, 1);
    assert_eq!(records.len(), before);
    assert_eq!(found(&records, "Observation?patient=a", 10).await.unwrap(), "o2 o5");
    assert_eq!(found(&records, "Observation?patient=b", 10).await.unwrap(), "o1 o3");
    assert_eq!(found(&records, "Observation?code=29463-7&patient=b", 10).await.unwrap(), "o3");
}
