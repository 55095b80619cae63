//! SPEC.md, sections 2 and 12.

use mcp_ext_healthcare::server::Undeclared;
use mcp_testkit::{call_tool, request};
use serde_json::{Value, json};

use crate::world::*;

#[tokio::test]
async fn discover_shows_what_the_parts_promise() {
    let clinic = Clinic::new();
    let answer = clinic.send(request("server/discover")).await;
    let settings = &answer.assert_result()["capabilities"]["extensions"][H];
    assert_eq!(settings["version"], "0.1");
    assert_eq!(settings["context"]["required"], true);
    assert_eq!(settings["purposeOfUse"], json!({ "required": true, "supported": ["TREAT"] }));
    assert_eq!(settings["audit"]["receipts"], true);
    assert_eq!(settings["deid"]["methods"], json!(["safe-harbor"]));
    assert_eq!(settings["limits"]["maxResources"], 100);
    assert_eq!(settings["labels"]["granularity"], "result");
}

#[tokio::test]
async fn whoever_does_not_declare_it_is_refused_and_recorded() {
    let clinic = Clinic::new();
    let message = treating(call_tool("search", search_for("Observation")), ANNA);
    let answer = clinic.send(message).await;
    let error = answer.assert_error(-32021);
    assert!(error["data"]["requiredCapabilities"]["extensions"][H].is_object(), "{error}");
    assert_eq!(clinic.trail.one().to_fhir()["outcome"], "4");
    // Other tools are not concerned.
    let plain = clinic.send(call_tool("plain", json!({}))).await;
    assert_eq!(plain.assert_text(), "no records");
    assert!(clinic.trail.take().is_empty());
}

#[tokio::test]
async fn another_major_version_is_told_which_are_spoken() {
    let clinic = Clinic::new();
    for (settings, accepted) in [
        (json!({ "version": "0.1" }), true),
        (json!({ "version": "0.9", "later": { "x": 1 } }), true),
        (json!({ "version": "1.0" }), false),
        (json!({ "version": "0" }), false),
        (json!({ "version": "" }), false),
        (json!({}), false),
    ] {
        let message = treating(call_tool("search", search_for("ValueSet")), ANNA);
        let answer = clinic.send(message.declaring_raw(H, &settings)).await;
        if accepted {
            answer.assert_structured();
        } else {
            let error = answer.assert_error(-32602);
            assert_eq!(error["data"]["versions"], json!(["0.1"]), "{settings}");
            assert_eq!(error["data"]["extension"], H);
        }
    }
}

/// NEG-5, NEG-6: what the client did not claim to be fit for is withheld.
#[tokio::test]
async fn what_a_client_is_not_fit_for_is_withheld() {
    let clinic = Clinic::new();
    let all = vec!["a-normal", "a-restricted", "a-secret", "a-obliged"];
    let local = |more: Value| {
        let mut settings = json!({ "version": "0.1", "modelEgress": "local" });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        settings
    };
    for (settings, given) in [
        (trusted(), all),
        (local(json!({})), vec!["a-normal"]),
        (local(json!({ "maxConfidentiality": "R" })), vec!["a-normal", "a-restricted"]),
        (local(json!({ "obligations": ["no-redisclose"] })), vec!["a-normal", "a-obliged"]),
        (local(json!({ "obligations": ["no-log"] })), vec!["a-normal"]),
        (local(json!({ "modelEgress": "covered" })), vec!["a-normal"]),
        (local(json!({ "modelEgress": "uncovered" })), vec![]),
        (json!({ "version": "0.1" }), vec![]),
    ] {
        let message = treating(call_tool("search", search_for("Observation")), ANNA);
        let answer = clinic.send(message.declaring_raw(H, &settings)).await;
        assert_eq!(ids(&answer), given, "{settings}");
        // RES-1, RES-2: nothing tells that there was more.
        assert!(meta(&answer, "minimization").is_null(), "{settings}");
    }
}

#[tokio::test]
async fn identified_data_go_anywhere_only_if_the_operator_says_so() {
    let clinic = Clinic::with(Policy { uncovered: true, ..Policy::default() }, |builder| builder);
    let message = treating(call_tool("search", search_for("Observation")), ANNA);
    let answer = clinic.send(message.declaring_raw(H, json!({ "version": "0.1" }))).await;
    assert_eq!(ids(&answer), ["a-normal"]);
}

/// PLN-1, RES-3.
#[tokio::test]
async fn whoever_does_not_declare_it_may_get_deidentified_results() {
    let deidentify = || Undeclared::Deidentify("safe-harbor".to_owned());
    let clinic = Clinic::with(Policy::default(), |builder| builder.undeclared(deidentify()));
    let message = call_tool("search", search_for("Observation"));
    let answer = clinic.send(treating(message, ANNA)).await;
    let records = &answer.assert_structured()["records"];
    // Only what is normal and obliges to nothing: there are no fewer checks than for others.
    assert_eq!(*records, json!([{ "id": "x", "resourceType": "Observation", "status": "final" }]));
    let shown = answer.response().to_string();
    assert!(!shown.contains(PLANTED) && !shown.contains(H), "{shown}");
    assert_eq!(clinic.trail.one().to_fhir()["outcome"], "0");

    // Context and purpose are demanded all the same, and what they deny is denied.
    let bare = clinic.send(call_tool("search", search_for("Observation"))).await;
    bare.assert_tool_error();
    assert!(!bare.response().to_string().contains(H));
    clinic.trail.one();
    let foreign = treating(call_tool("read", json!({ "reference": "Observation/b-normal" })), ANNA);
    assert!(ids(&clinic.send(foreign).await).is_empty());
}
