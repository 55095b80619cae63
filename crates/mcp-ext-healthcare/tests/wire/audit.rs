//! SPEC.md, section 8.

use std::sync::atomic::Ordering;

use mcp_core::server::Server;
use mcp_ext_healthcare::audit::LoggedTrail;
use mcp_ext_healthcare::server::Healthcare;
use mcp_testkit::call_tool;
use mcp_trust::digest::Digest;
use mcp_trust::receipts::{LogOptions, SharedLog, VerifiedLog};
use serde_json::{Value, json};

use crate::world::*;

/// AUD-1: whatever a call comes to.
#[tokio::test]
async fn each_call_leaves_one_event_and_one_receipt() {
    let clinic = Clinic::new();
    for (tool, arguments, outcome) in [
        ("search", search_for("Observation"), "0"),
        ("read", json!({ "reference": "Observation/none" }), "0"),
        ("read", json!({ "reference": "Observation/b-normal" }), "0"),
        ("read", json!({ "reference": "?" }), "8"),
        ("read", json!({ "wrong": 7 }), "8"),
        ("search", json!({ "type": "Observation", "parameters": [["x", "y"]] }), "4"),
        ("careless", json!({ "reference": "text" }), "8"),
    ] {
        let answer = clinic.call(tool, arguments.clone()).await;
        let event = clinic.trail.one();
        assert_eq!(event.to_fhir()["outcome"], outcome, "{tool} {arguments}");
        assert_eq!(meta(&answer, "audit")["id"], event.id, "{tool} {arguments}");
    }
    let ids: std::collections::BTreeSet<_> = {
        clinic.call("search", search_for("Observation")).await;
        clinic.call("search", search_for("Observation")).await;
        clinic.trail.take().into_iter().map(|event| event.id).collect()
    };
    assert_eq!(ids.len(), 2);
    clinic.send(call_tool("plain", json!({}))).await;
    assert!(clinic.trail.take().is_empty());
}

/// AUD-1: a client that goes away, a handler that panics.
#[tokio::test]
async fn calls_that_end_in_the_middle_leave_one_event_too() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    let clinic = Clinic::new();
    let mut exchange = clinic.raw.open(for_anna(call_tool("waits", json!({}))));
    {
        let mut next = Box::pin(exchange.next());
        let polled = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
    }
    drop(exchange);
    for tool in [None, Some("careless")] {
        if let Some(tool) = tool {
            clinic.call(tool, json!({ "reference": "panic" })).await;
        }
        while clinic.trail.events.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(clinic.trail.one().to_fhir()["outcome"], "8");
    }
}

/// AUD-1: a question is part of its call.
#[tokio::test]
async fn a_round_that_only_asks_leaves_no_event_and_the_last_leaves_one() {
    let clinic = Clinic::new();
    let call = || for_anna(call_tool("asks", json!({}))).capability("elicitation", json!({}));
    let asked = clinic.send(call()).await;
    let asked = asked.assert_result_type("input_required").clone();
    assert!(clinic.trail.take().is_empty());
    let answer = call().param("requestState", &asked["requestState"]).param(
        "inputResponses",
        json!({ "which": { "action": "accept", "content": { "which": "a" } } }),
    );
    let answer = clinic.send(answer).await;
    answer.assert_structured();
    assert_eq!(meta(&answer, "audit")["id"], clinic.trail.one().id);
}

/// A round that read something leaves its event, and its question the label of what was read.
#[tokio::test]
async fn a_question_after_reading_is_an_access_of_its_own() {
    let clinic = Clinic::new();
    let call = for_anna(call_tool("reads_and_asks", json!({})));
    let asked = clinic.send(call.capability("elicitation", json!({}))).await;
    asked.assert_result_type("input_required");
    assert_eq!(meta(&asked, "label")["confidentiality"], "V");
    while clinic.trail.events.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    clinic.trail.one();
}

/// AUD-2.
#[tokio::test]
async fn nothing_is_sent_that_cannot_be_recorded() {
    let clinic = Clinic::new();
    clinic.trail.fails.store(true, Ordering::SeqCst);
    for (tool, arguments) in [
        ("search", search_for("Observation")),
        ("read", json!({ "reference": "Observation/none" })),
    ] {
        let answer = clinic.call(tool, arguments).await;
        assert_eq!(denial(&answer), "audit_unavailable");
        let result = answer.assert_result();
        assert!(meta(&answer, "audit").is_null());
        assert_eq!(*meta(&answer, "label"), nothing());
        assert!(!result.to_string().contains(PLANTED), "{result}");
    }
    assert_eq!(clinic.trail.tried.load(Ordering::SeqCst), 2);
    clinic.trail.fails.store(false, Ordering::SeqCst);
    assert_eq!(ids(&clinic.call("search", search_for("Observation")).await).len(), 4);
}

/// AUD-3.
#[tokio::test]
async fn events_say_who_what_for_whom_and_why() {
    let clinic = Clinic::new();
    let purpose = json!({ "code": "TREAT", "reason": "a fall in the ward" });
    let arguments = json!({ "type": "Observation", "parameters": [["subject", ANNA]] });
    let message = for_anna(call_tool("search", arguments)).meta(&key("purpose"), purpose);
    let answer = clinic.send(message).await;
    assert!(!answer.response().to_string().contains("fall"), "PUR-4");
    let event = clinic.trail.one().to_fhir();
    assert_eq!(event["resourceType"], "AuditEvent");
    assert_eq!(
        event["meta"]["profile"][0],
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientQuery"
    );
    assert_eq!(event["type"]["code"], "rest");
    assert_eq!((&event["action"], &event["outcome"]), (&json!("E"), &json!("0")));
    assert_eq!(event["purposeOfEvent"][0]["coding"][0]["code"], "TREAT");
    assert_eq!(event["purposeOfEvent"][0]["text"], "a fall in the ward");
    let agents = event["agent"].as_array().unwrap();
    let of_type = |code: &str| {
        agents.iter().find(|agent| agent["type"]["coding"][0]["code"] == code).unwrap()
    };
    assert_eq!(of_type("IRCP")["who"]["identifier"]["value"], "doctor:quinn");
    assert_eq!(of_type("IRCP")["requestor"], true);
    assert_eq!(of_type("110152")["who"]["display"], "clinic");
    assert!(of_type("110153")["who"]["display"].is_string());
    let entities = event["entity"].as_array().unwrap();
    let of_role = |code: &str| -> Vec<&Value> {
        entities.iter().filter(|entity| entity["role"]["code"] == code).collect()
    };
    assert_eq!(of_role("1")[0]["what"]["reference"], ANNA);
    assert_eq!(of_role("4").len(), 4);
    assert_eq!(of_role("4")[0]["what"]["reference"], "Observation/a-normal/_history/1");
    assert_eq!(of_role("24").len(), 1);
    assert_eq!(of_role("20")[0]["name"], "search");
}

/// AUD-4: a receipt holds nothing of a person, and its event is in the log.
#[tokio::test]
async fn receipts_are_of_entries_in_a_log_that_shows_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let log = SharedLog::new(LogOptions::new("clinic.example/audit").create(&path).unwrap());
    let log = log.unwrap();
    let healthcare =
        Healthcare::builder(Policy::default(), BySubject, LoggedTrail::new(log.clone()))
            .records(Store(records()))
            .build()
            .unwrap();
    let server = tools(Server::builder("clinic", "1.0.0")).extension(healthcare).build().unwrap();
    let raw = client(&server);
    let mut receipts = Vec::new();
    for _ in 0..3 {
        let answer = raw.send(for_anna(call_tool("search", search_for("Observation")))).await;
        receipts.push(meta(&answer, "audit").clone());
    }
    let checkpoint = log.checkpoint().unwrap();
    drop((raw, server, log));
    let archive = VerifiedLog::open(&path).unwrap();
    archive.check(&checkpoint).unwrap();
    assert_eq!(checkpoint.size(), 3);
    for (index, receipt) in receipts.iter().enumerate() {
        let shown = receipt.to_string();
        assert!(!shown.contains("anna") && !shown.contains(PLANTED) && !shown.contains("quinn"));
        let entry = archive.entry(index as u64).unwrap();
        assert_eq!(receipt["digest"], entry.digest().to_string());
        let kept: Value = serde_json::from_str(entry.receipt()).unwrap();
        assert_eq!(receipt["id"], kept["event"]["id"]);
        assert_eq!(receipt["recorded"], kept["event"]["recorded"]);
        // Whoever has the receipt cannot try whom it is about.
        assert_eq!(kept["salt"].as_str().unwrap().len(), 22);
        assert_ne!(receipt["digest"], Digest::of(kept["event"].to_string().as_bytes()).to_string());
        if index > 0 {
            assert_eq!(receipt["prev"], receipts[index - 1]["digest"]);
        }
    }
}
