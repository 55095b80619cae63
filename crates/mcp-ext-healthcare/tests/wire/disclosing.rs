//! SPEC.md, sections 5 to 7: what results say of themselves, and that nothing gets past it.

use async_trait::async_trait;
use mcp_core::Error;
use mcp_core::protocol::CallToolResult;
use mcp_core::server::{Cx, Middleware, Next, Outcome, Server};
use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::protocol::{FreeText, Granularity, Phi};
use mcp_ext_healthcare::server::{Deidentify, Existence, Undeclared};
use mcp_testkit::call_tool;
use mcp_trust::canonical::Canonical;
use serde_json::{Value, json};

use crate::world::*;

#[tokio::test]
async fn the_label_is_that_of_everything_in_the_result() {
    let clinic = Clinic::new();
    let answer = clinic.call("search", search_for("Observation")).await;
    let label = meta(&answer, "label");
    assert_eq!(label["phi"], "identified");
    assert_eq!(label["confidentiality"], "V");
    assert_eq!(label["obligations"], json!(["no-redisclose"]));
    let codes: Vec<&Value> =
        label["security"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["NORDSCLCD", "N", "R", "V"]);
    assert!(label["perResource"].is_null());
    // One pseudonym for Anna, which is not her id.
    let subjects = label["subjects"].as_array().unwrap();
    assert_eq!(subjects.len(), 1);
    assert!(!subjects[0].as_str().unwrap().contains("anna"));

    let none = clinic.call("read", json!({ "reference": "ValueSet/units" })).await;
    assert_eq!(meta(&none, "label")["phi"], "none");
}

#[tokio::test]
async fn each_record_has_its_label_where_the_server_says_so() {
    let clinic =
        Clinic::with(Policy::default(), |builder| builder.granularity(Granularity::Resource));
    let answer = clinic.call("search", search_for("Observation")).await;
    let each = &meta(&answer, "label")["perResource"];
    assert_eq!(each["/records/0"]["confidentiality"], "N");
    assert_eq!(each["/records/1"]["confidentiality"], "R");
    assert_eq!(each.as_object().unwrap().len(), 4);
}

/// LAB-6: other servers' pseudonyms are others.
#[tokio::test]
async fn pseudonyms_depend_on_the_key() {
    let subject = async |clinic: &Clinic| {
        let answer = clinic.call("search", search_for("Patient")).await;
        meta(&answer, "label")["subjects"][0].as_str().unwrap().to_owned()
    };
    use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};
    let one = Clinic::new();
    let other = Clinic::with(Policy::default(), |builder| {
        builder.pseudonyms(Pseudonymizer::new(PseudonymKey::from_bytes([8; 32])))
    });
    assert_eq!(subject(&one).await, subject(&Clinic::new()).await);
    assert_ne!(subject(&one).await, subject(&other).await);
}

/// LAB-3: neither the handler nor another layer lowers a label.
#[tokio::test]
async fn a_label_cannot_be_lowered() {
    struct Lowers;

    #[async_trait]
    impl Middleware for Lowers {
        async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
            let mut outcome = next.run(cx).await?;
            let harmless = json!({ "phi": "none", "confidentiality": "N" });
            outcome.meta_mut().insert(key("label"), &harmless).map_err(|_| Error::Internal)?;
            Ok(outcome)
        }
    }

    let clinic = Clinic::new();
    let answer = clinic.call("forges", json!({})).await;
    assert_eq!(meta(&answer, "label")["confidentiality"], "V");

    for order in [-1000, 2000] {
        let trail = Trail::default();
        let server = tools(Server::builder("clinic", "1.0.0"))
            .layer("lowers", order, Lowers)
            .extension(extension(Policy::default(), &trail, |builder| builder))
            .build()
            .unwrap();
        let answer =
            client(&server).send(for_anna(call_tool("search", search_for("Observation")))).await;
        assert_eq!(meta(&answer, "label")["confidentiality"], "V", "{order}");
    }
}

/// A layer that puts something else in place of a result sends nothing.
#[tokio::test]
async fn a_result_that_another_layer_changed_is_not_sent() {
    struct Replaces;

    #[async_trait]
    impl Middleware for Replaces {
        async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
            let mut outcome = next.run(cx).await?;
            outcome.replace(CallToolResult::text(PLANTED))?;
            Ok(outcome)
        }
    }

    for order in [-1000, 2000] {
        let trail = Trail::default();
        let server = tools(Server::builder("clinic", "1.0.0"))
            .layer("replaces", order, Replaces)
            .extension(extension(Policy::default(), &trail, |builder| builder))
            .build()
            .unwrap();
        let answer =
            client(&server).send(for_anna(call_tool("search", search_for("Observation")))).await;
        let shown = answer.response().to_string();
        assert!(!shown.contains(PLANTED), "{shown}");
        trail.one();
    }
}

/// The type by which records are returned is the only way.
#[tokio::test]
async fn what_did_not_go_through_a_disclosure_is_not_sent() {
    let clinic = Clinic::new();
    for way in ["text", "tell", "invalid", "label", "panic"] {
        let answer = clinic.call("careless", json!({ "reference": way })).await;
        let shown = answer.response().to_string();
        assert!(!shown.contains(PLANTED) && !shown.contains("anna"), "{way}: {shown}");
        assert!(answer.error().is_some() || answer.assert_result()["isError"] == true, "{way}");
        if way != "panic" {
            assert_eq!(clinic.trail.one().to_fhir()["outcome"], "8", "{way}");
        }
    }
}

/// CIT-1.
#[tokio::test]
async fn citations_lead_to_versions_and_places() {
    let clinic = Clinic::new();
    let answer = clinic.call("search", search_for("Observation")).await;
    let structured = answer.assert_structured();
    let citations = meta(&answer, "citations").as_array().unwrap();
    assert_eq!(citations.len(), 4);
    let all = records();
    for citation in citations {
        let place = structured.pointer(citation["pointer"].as_str().unwrap()).unwrap();
        let id = place["id"].as_str().unwrap();
        assert_eq!(citation["reference"], format!("Observation/{id}/_history/1"));
        let stored = all.iter().find(|one| one["id"] == id).unwrap();
        assert_eq!(citation["digest"], Canonical::of(stored).unwrap().digest().to_string());
    }

    let answer = clinic.call("count", json!({})).await;
    let expected = json!([{ "path": "Observation.code", "pointer": "/weights" }]);
    let mut cited = meta(&answer, "citations").clone();
    for one in cited.as_array_mut().unwrap() {
        one.as_object_mut().unwrap().retain(|name, _| name == "path" || name == "pointer");
    }
    assert_eq!(cited, expected, "what leads nowhere is not sent");
    assert_eq!(meta(&answer, "label")["confidentiality"], "V", "made of records, labelled so");

    let mut quiet = trusted();
    quiet["citations"] = false.into();
    let message = treating(call_tool("search", search_for("Observation")), ANNA);
    let answer = clinic.send(message.declaring_raw(H, quiet)).await;
    assert!(meta(&answer, "citations").is_null());
}

/// CIT-2.
#[tokio::test]
async fn citations_of_deidentified_results_do_not_lead_back() {
    let clinic = Clinic::new();
    let identified = clinic.call("search", search_for("Observation")).await;
    let message = for_anna(call_tool("search", search_for("Observation")));
    let deid = message.meta(&key("minimize"), json!({ "deid": "safe-harbor" }));
    let answer = clinic.send(deid).await;
    for (one, other) in meta(&answer, "citations")
        .as_array()
        .unwrap()
        .iter()
        .zip(meta(&identified, "citations").as_array().unwrap())
    {
        assert!(one["digest"].as_str().unwrap().starts_with("keyed:"));
        assert!(!one["reference"].as_str().unwrap().contains("Observation"));
        assert_ne!(one["digest"], other["digest"]);
    }
    // Nor can the patients be put together.
    assert_ne!(meta(&answer, "label")["subjects"], meta(&identified, "label")["subjects"]);
    let shown = answer.response().to_string();
    for id in ["anna", "a-normal", "a-secret"] {
        assert!(!shown.contains(id), "{id}");
    }
}

/// RES-1.
#[tokio::test]
async fn only_classes_of_reasons_are_told_and_only_where_existence_is_open() {
    let open = Clinic::with(Policy::default(), |builder| builder.existence(Existence::Open));
    let settings = json!({ "version": "0.1", "modelEgress": "local" });
    let message = treating(call_tool("search", search_for("Observation")), ANNA);
    let answer = open.send(message.declaring_raw(H, settings)).await;
    let withheld = &meta(&answer, "minimization")["withheld"];
    assert_eq!(*withheld, json!(["confidentiality", "compartment"]));
}

#[tokio::test]
async fn a_denial_in_a_handler_is_one_whatever_it_returns() {
    let clinic = Clinic::new();
    let answer = clinic.call("denies", json!({})).await;
    assert_eq!(denial(&answer), "fhir_version");
    assert!(meta(&answer, "citations").is_null());
    assert_eq!(*meta(&answer, "label"), nothing(), "not even what was read");
    assert!(!answer.response().to_string().contains(PLANTED));
    let event = clinic.trail.one().to_fhir();
    assert_eq!((&event["outcome"], &event["outcomeDesc"]), (&json!("4"), &json!("fhir_version")));
    assert!(!event.to_string().contains("Observation/a-normal"), "nothing was given");
}

/// LAB-4, DEI-3: what a program scrubbed stays identified, and goes to nobody who must not have identified data.
#[tokio::test]
async fn scrubbed_text_stays_identified() {
    struct Scrubs;

    impl Deidentify for Scrubs {
        fn method(&self) -> &str {
            "scrubbed"
        }

        fn key_id(&self) -> Option<String> {
            None
        }

        fn free_text(&self) -> FreeText {
            FreeText::ScrubbedUnverified
        }

        fn level(&self) -> Phi {
            Phi::Deidentified
        }

        fn deidentify(&self, record: &Record) -> Option<Record> {
            CodesOnly.deidentify(record)
        }
    }

    let clinic = Clinic::with(Policy::default(), |builder| {
        builder.deid(Scrubs).undeclared(Undeclared::Deidentify("scrubbed".to_owned()))
    });
    let message = || call_tool("search", search_for("Observation"));
    let minimize = json!({ "deid": "scrubbed" });
    let answer = clinic.send(for_anna(message()).meta(&key("minimize"), minimize)).await;
    assert_eq!(meta(&answer, "label")["phi"], "identified");
    assert_eq!(meta(&answer, "deid")["freeText"], "scrubbed-unverified");
    assert_eq!(ids(&answer).len(), 4);
    assert!(ids(&clinic.send(treating(message(), ANNA)).await).is_empty());
}
