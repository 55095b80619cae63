//! SPEC.md, sections 3, 4 and 15: what is checked before a tool runs.

use std::collections::BTreeSet;

use mcp_ext_healthcare::protocol::{DenialCode, LimitSettings, Reference};
use mcp_ext_healthcare::server::LaunchContext;
use mcp_testkit::{Message, call_tool, request};
use serde_json::{Value, json};

use crate::world::*;

fn search() -> Message {
    call_tool("search", search_for("Observation")).declaring_raw(H, trusted())
}

/// CTX-1: the key and the place, and nothing of the value.
#[tokio::test]
async fn metadata_of_the_wrong_shape_is_refused_with_key_and_place() {
    let clinic = Clinic::new();
    for (name, value, place) in [
        ("context", json!("Patient/1"), ""),
        ("context", json!({}), ""),
        ("context", json!({ "patient": 7 }), "/patient"),
        ("context", json!({ "patient": PLANTED }), "/patient"),
        ("context", json!({ "patient": "https://x.example/Patient/1" }), "/patient"),
        ("context", json!({ "patient": ANNA, "encounter": [] }), "/encounter"),
        ("context", json!({ "patient": ANNA, "fhirContext": [{}] }), "/fhirContext"),
        ("purpose", json!({ "code": 7 }), "/code"),
        ("purpose", json!([]), ""),
        ("minimize", json!({ "maxResources": -1 }), "/maxResources"),
        ("minimize", json!({ "since": PLANTED }), "/since"),
        ("minimize", json!({ "elements": "name" }), "/elements"),
    ] {
        let answer = clinic.send(for_anna(search()).meta(&key(name), &value)).await;
        let error = answer.assert_error(-32602);
        assert_eq!(error["data"]["key"], key(name), "{value}");
        assert_eq!(error["data"]["place"], place, "{value}");
        assert!(!error.to_string().contains(PLANTED), "{error}");
    }
    assert!(clinic.trail.take().is_empty(), "no access took place");
    // What is not known yet is ignored.
    let later = json!({ "patient": ANNA, "later": { "x": [1] } });
    let answer = clinic.send(for_anna(search()).meta(&key("context"), later)).await;
    answer.assert_structured();
}

#[tokio::test]
async fn context_and_purpose_are_demanded_where_the_server_says_so() {
    let clinic = Clinic::new();
    let purpose = json!({ "code": "TREAT" });
    let context = json!({ "patient": ANNA });
    let answer = clinic.send(search().meta(&key("purpose"), &purpose)).await;
    assert_eq!(denial(&answer), "context_missing");
    let answer = clinic.send(search().meta(&key("context"), &context)).await;
    assert_eq!(denial(&answer), "purpose_missing");
    let other = json!({ "code": "HRESCH" });
    let answer =
        clinic.send(search().meta(&key("context"), &context).meta(&key("purpose"), other)).await;
    assert_eq!(denial(&answer), "purpose_denied");
    assert_eq!(clinic.trail.take().len(), 3, "denials are accesses, too");

    let lax = Clinic::with(Policy::default(), |builder| {
        builder.require_context(false).purposes(false, ["TREAT"])
    });
    assert_eq!(ids(&lax.send(search()).await).len(), 5, "of both patients");
}

/// CTX-2: the context narrows what the token was issued for.
#[tokio::test]
async fn a_context_cannot_leave_the_launch_context() {
    let clinic = Clinic::new();
    let reference = |text: &str| Some(text.parse::<Reference>().unwrap());
    let launch = LaunchContext {
        patient: reference(ANNA),
        encounter: reference("Encounter/1"),
        fhir_context: vec![reference("Task/1").unwrap()],
        scopes: Vec::new(),
    };
    let raw = clinic.raw.clone().context(launched(Some(launch)));
    for (context, fits) in [
        (json!({ "patient": ANNA }), true),
        (json!({ "patient": ANNA, "encounter": "Encounter/1" }), true),
        (json!({ "patient": ANNA, "fhirContext": [{ "reference": "Task/1" }] }), true),
        (json!({ "patient": BERT }), false),
        (json!({ "patient": ANNA, "encounter": "Encounter/2" }), false),
        (json!({ "patient": ANNA, "fhirContext": [{ "reference": "Task/2" }] }), false),
    ] {
        let answer = raw.send(for_anna(search()).meta(&key("context"), &context)).await;
        if fits {
            assert_eq!(ids(&answer).len(), 4, "{context}");
        } else {
            assert_eq!(denial(&answer), "context_mismatch", "{context}");
        }
    }
}

/// A launch context confines also where the request names no patient.
#[tokio::test]
async fn a_launch_context_confines_by_itself() {
    let clinic = Clinic::with(Policy::default(), |builder| builder.require_context(false));
    let patient = Some(BERT.parse::<Reference>().unwrap());
    let launch = LaunchContext { patient, ..LaunchContext::default() };
    let raw = clinic.raw.clone().context(launched(Some(launch)));
    let answer = raw.send(search().meta(&key("purpose"), json!({ "code": "TREAT" }))).await;
    assert_eq!(ids(&answer), ["b-normal"]);
}

/// CTX-4: whatever the arguments say.
#[tokio::test]
async fn nothing_leaves_another_patients_compartment() {
    let clinic = Clinic::new();
    let reads = |reference: &str| json!({ "reference": reference });
    for foreign in ["Observation/b-normal", BERT, "Observation/none", "Patient/none", "Binary/scan"]
    {
        let answer = clinic.call("read", reads(foreign)).await;
        // RES-2: as if there were none.
        assert_eq!(*answer.assert_structured(), json!({ "records": [] }), "{foreign}");
        assert!(meta(&answer, "minimization").is_null());
        assert_eq!(meta(&answer, "label")["phi"], "none");
    }
    let by_argument = json!({ "type": "Observation", "parameters": [["subject", BERT]] });
    assert!(ids(&clinic.call("search", by_argument).await).is_empty());
    assert_eq!(ids(&clinic.call("read", reads("ValueSet/units")).await), ["units"]);
}

/// PUR-3: a policy that would open more in an emergency is asked for treatment, too.
#[tokio::test]
async fn a_purpose_for_emergencies_opens_nothing_by_itself() {
    let policy =
        Policy { denies: Some(DenialCode::ConsentDenied), emergencies: true, ..Policy::default() };
    let clinic = Clinic::with(policy, |builder| builder.purposes(true, ["TREAT", "BTG", "ETREAT"]));
    for code in ["TREAT", "BTG", "ETREAT"] {
        let answer =
            clinic.send(for_anna(search()).meta(&key("purpose"), json!({ "code": code }))).await;
        assert_eq!(denial(&answer), "consent_denied", "{code}");
    }
}

/// MIN-1 to MIN-4.
#[tokio::test]
async fn no_more_is_given_than_was_asked_for() {
    let clinic = Clinic::new();
    let minimized = |tool: &str, arguments: Value, minimize: Value| {
        for_anna(call_tool(tool, arguments)).meta(&key("minimize"), minimize)
    };
    let elements = json!({ "elements": ["status"] });
    let answer = clinic
        .send(minimized("read", json!({ "reference": "Observation/a-normal" }), elements))
        .await;
    let record = &answer.assert_structured()["records"][0];
    let names: BTreeSet<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["id", "meta", "resourceType", "status"]));
    assert_eq!(record["meta"]["tag"][0]["code"], "SUBSETTED");
    assert_eq!(meta(&answer, "minimization"), &json!({ "elements": ["status"] }));

    let answer = clinic
        .send(minimized("search", search_for("Observation"), json!({ "maxResources": 1 })))
        .await;
    assert_eq!(ids(&answer).len(), 1);
    assert_eq!(meta(&answer, "minimization"), &json!({ "truncated": true }));

    for (since, many) in [("2026-03-01T00:00:00Z", 4), ("2026-03-01T00:00:00.001Z", 0)] {
        let minimize = json!({ "since": since });
        let answer = clinic.send(minimized("search", search_for("Observation"), minimize)).await;
        assert_eq!(ids(&answer).len(), many, "{since}");
    }
    let never = json!({ "deid": "none-such" });
    let answer = clinic.send(minimized("search", search_for("Observation"), never)).await;
    assert_eq!(denial(&answer), "deid_unavailable");

    let deid = json!({ "deid": "safe-harbor" });
    let answer = clinic.send(minimized("search", search_for("Observation"), deid)).await;
    assert_eq!(ids(&answer).len(), 4);
    assert!(!answer.response().to_string().contains(PLANTED));
    assert_eq!(meta(&answer, "deid")["method"], "safe-harbor");
    assert_eq!(meta(&answer, "label")["phi"], "deidentified");
}

#[tokio::test]
async fn results_never_exceed_the_limits() {
    let mut last = 0;
    for bytes in [300, 1_000, 2_500, 5_000, 10_000_u64] {
        let clinic = Clinic::with(Policy::default(), |builder| {
            builder.limits(LimitSettings::new(100_u64, bytes))
        });
        let answer = clinic.call("search", search_for("Observation")).await;
        let given = ids(&answer).len();
        let mut result = answer.assert_result().clone();
        for member in ["_meta", "resultType"] {
            result.as_object_mut().unwrap().remove(member);
        }
        assert!(result.to_string().len() as u64 <= bytes, "{bytes}");
        assert_eq!(meta(&answer, "minimization")["truncated"] == true, given < 4, "{bytes}");
        assert!(given >= last);
        last = given;
    }
    assert_eq!(last, 4);
}

#[tokio::test]
async fn tools_say_what_they_touch_and_keep_to_it() {
    let clinic = Clinic::new();
    let answer = clinic.send(request("tools/list").declaring_raw(H, trusted())).await;
    let tools = answer.assert_result()["tools"].as_array().unwrap().clone();
    let of = |name: &str| tools.iter().find(|tool| tool["name"] == name).unwrap().clone();
    assert_eq!(of("narrow")["_meta"][key("tool")]["resourceTypes"], json!(["Patient"]));
    assert!(of("plain")["_meta"].is_null());
    // TOL-1, TOL-2.
    assert!(ids(&clinic.call("narrow", search_for("Observation")).await).is_empty());
    assert_eq!(ids(&clinic.call("narrow", search_for("Patient")).await), ["anna-4711"]);
    assert_eq!(ids(&clinic.call("modest", search_for("Observation")).await), ["a-normal"]);
}

/// DEN-2.
#[tokio::test]
async fn an_unknown_search_parameter_is_denied() {
    let clinic = Clinic::new();
    let arguments = json!({ "type": "Observation", "parameters": [["subjekt", PLANTED]] });
    let answer = clinic.call("search", arguments).await;
    assert_eq!(denial(&answer), "unknown_search_param");
    assert!(!answer.response().to_string().contains(PLANTED));
}
