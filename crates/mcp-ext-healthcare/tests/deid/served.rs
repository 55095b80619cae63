//! The methods behind a server: labels, subjects and citations of what they give.

use mcp_core::server::Server;
use mcp_ext_healthcare::deid::{LimitedDataSet, SafeHarbor};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::Healthcare;
use mcp_testkit::Answer;
use serde_json::{Value, json};

use crate::examples::names;
use crate::world::{self, BySubject, PLANTED, Policy, Store, Trail, key, meta};

fn clinic() -> world::Clinic {
    let trail = Trail::default();
    let version = FhirVersion::R4;
    let healthcare = Healthcare::builder(Policy::default(), BySubject, trail.clone())
        .records(Store(world::records()))
        .deid(SafeHarbor::new(version, &names(1)))
        .deid(LimitedDataSet::new(version, &names(1)))
        .pseudonyms(world::pseudonyms())
        .build()
        .unwrap();
    let server = world::tools(Server::builder("clinic", "1.0.0")).extension(healthcare).build();
    world::Clinic { raw: world::client(&server.unwrap()), trail }
}

async fn observations(method: Option<&str>) -> Answer {
    let search =
        world::for_anna(mcp_testkit::call_tool("search", world::search_for("Observation")));
    let message = match method {
        Some(method) => search.meta(&key("minimize"), json!({ "deid": method })),
        None => search,
    };
    clinic().send(message).await
}

fn is_clean(answer: &Answer) {
    let shown = answer.response().to_string();
    for planted in [PLANTED, "anna", "a-normal", "a-restricted", "2026-03", "weight"] {
        assert!(!shown.contains(planted), "{planted} in {shown}");
    }
}

/// LAB-4, LAB-6, CIT-2.
#[tokio::test]
async fn what_safe_harbor_gives_is_labelled_and_cited_as_such() {
    let (identified, given) = (observations(None).await, observations(Some("safe-harbor")).await);
    assert_eq!(meta(&identified, "label")["phi"], "identified");
    let label = meta(&given, "label");
    assert_eq!(label["phi"], "deidentified");
    // Other parts of the label are those of the records as they were.
    assert_eq!(label["security"], meta(&identified, "label")["security"]);
    assert_ne!(label["subjects"], meta(&identified, "label")["subjects"]);
    let deid = meta(&given, "deid");
    assert_eq!((&deid["method"], &deid["freeText"]), (&json!("safe-harbor"), &json!("dropped")));
    let key_id = deid["keyId"].as_str().unwrap();
    let records = given.assert_structured()["records"].as_array().unwrap().clone();
    assert!(!records.is_empty());
    for (record, citation) in records.iter().zip(meta(&given, "citations").as_array().unwrap()) {
        assert!(record["id"].as_str().unwrap().starts_with(key_id));
        assert!(citation["digest"].as_str().unwrap().starts_with("keyed:"));
        assert_ne!(citation["reference"], record["id"]);
    }
    // Nobody can put the records to the label's subjects either.
    let subject = records[0]["subject"]["reference"].as_str().unwrap();
    let subjects = label["subjects"].as_array().unwrap();
    assert!(
        subject.starts_with("Patient/")
            && subjects.iter().all(|one| !subject.ends_with(one.as_str().unwrap()))
    );
    is_clean(&given);
}

#[tokio::test]
async fn a_limited_data_set_is_labelled_as_such() {
    let given = observations(Some("limited-data-set")).await;
    assert_eq!(meta(&given, "label")["phi"], "limited");
    assert_eq!(meta(&given, "deid")["method"], "limited-data-set");
    let records: Value = given.assert_structured()["records"].clone();
    assert!(records.to_string().contains("2026-03-01T00:00:00Z"), "dates may stay");
    assert!(!records.to_string().contains(PLANTED) && !records.to_string().contains("anna"));
}
