//! `consent.evaluate`: CON-4, over the wire.

use std::sync::atomic::Ordering;

use mcp_core::Principal;
use mcp_core::client::{Client, ClientError};
use mcp_core::server::RequestContext;
use mcp_core::transport::MemoryTransport;
use mcp_ext_healthcare::audit::AuditOutcome;
use mcp_ext_healthcare::client::HealthcareClient;
use mcp_ext_healthcare::consent::ConsentRules;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{ConsentDecision, DenialCode, ModelEgress, Purpose, Reference};
use mcp_ext_healthcare::server::LaunchContext;
use mcp_testkit::{Pair, RawClient};
use serde_json::{Value, json};

use crate::clinic::*;

fn consents() -> Vec<Value> {
    let class = json!([{ "system": "http://hl7.org/fhir/resource-types", "code": "Observation" }]);
    vec![
        denial("c1", ANNA, json!({ "purpose": ["HRESCH"], "class": class })),
        denial("c2", BERT, json!({ "id": "p" })),
    ]
}

fn denied(answer: &mcp_testkit::Answer) -> (String, Value) {
    let error = answer.assert_error(-32602);
    let data = &error["data"];
    let code = data[format!("{H}.denial")]["code"].as_str().unwrap().to_owned();
    (code, data[format!("{H}.audit")].clone())
}

#[tokio::test]
async fn it_says_what_the_consents_say_and_is_an_access() {
    let clinic = Clinic::new(Some(rules()), &consents());
    for (patient, purpose, types, decision, rests_on) in [
        (ANNA, "TREAT", &["Observation"][..], "permit", &["Consent/c1/_history/1"][..]),
        (ANNA, "HRESCH", &["Observation"], "deny", &["Consent/c1/_history/1"]),
        (ANNA, "HRESCH", &["Condition"], "permit", &["Consent/c1/_history/1"]),
        (ANNA, "HRESCH", &["Condition", "Observation"], "partial", &["Consent/c1/_history/1"]),
        (BERT, "TREAT", &["Condition"], "deny", &["Consent/c2/_history/1"]),
    ] {
        let answer = clinic.evaluate(patient, purpose, types).await;
        let result = answer.assert_result();
        assert_eq!(result["decision"], decision, "{patient} {purpose} {types:?}");
        assert_eq!(result["consents"], json!(rests_on), "{patient} {purpose} {types:?}");
        assert_eq!(result["types"].as_object().unwrap().len(), types.len());
        assert!(!result.to_string().contains("falls"), "PUR-4");
        let label = meta(&answer, "label");
        assert_eq!(label["phi"], "identified");
        assert!(!label.to_string().contains(patient));
        let mut events = clinic.trail.take();
        assert_eq!(events.len(), 1, "an access leaves one event");
        let event = events.pop().unwrap();
        assert_eq!(meta(&answer, "audit")["id"], event.id);
        assert_eq!(event.outcome, AuditOutcome::Success);
        assert_eq!(event.records.iter().collect::<Vec<_>>(), rests_on);
        assert_eq!(event.patients.first().unwrap().as_str(), patient);
        let fhir = event.to_fhir();
        assert_eq!(fhir["subtype"][1]["code"], "dev.mcp-ext/healthcare/consent.evaluate");
        assert_eq!(fhir["purposeOfEvent"][0]["text"], "a study of falls");
    }
    // Neither mode changes what is so; only one withholds.
    let rules = ConsentRules::evaluated(FhirVersion::R4);
    let clinic = Clinic::new(Some(rules), &consents());
    let answer = clinic.evaluate(ANNA, "HRESCH", &["Observation"]).await;
    assert_eq!(answer.assert_result()["decision"], "deny");
}

/// CON-4, RES-2: whom nobody knows and whom the principal may not see look the same.
#[tokio::test]
async fn it_answers_only_for_patients_whom_the_principal_may_see() {
    let clinic = Clinic::new(Some(rules()), &consents());
    let hidden = clinic.evaluate("Patient/carl", "TREAT", &["Observation"]).await;
    let unknown = clinic.evaluate("Patient/nobody", "TREAT", &["Observation"]).await;
    let (code, receipt) = denied(&hidden);
    assert_eq!(code, "context_mismatch");
    assert_eq!(denied(&unknown).0, code);
    assert_eq!(hidden.assert_error(-32602)["message"], unknown.assert_error(-32602)["message"]);
    let events = clinic.trail.take();
    assert_eq!(events.len(), 2);
    assert_eq!(receipt["id"], events[0].id);
    for event in &events {
        assert_eq!(event.outcome, AuditOutcome::Denied(DenialCode::ContextMismatch));
        assert!(event.records.is_empty());
    }
    assert!(!hidden.response().to_string().contains("carl"), "DEN-1");
    // What the token was issued for, and what the host has open, are no other patient's.
    let launch = LaunchContext { patient: Some(BERT.parse().unwrap()), ..LaunchContext::default() };
    let context = RequestContext::new().with_principal(Some(Principal::new("doctor:quinn")));
    let raw = RawClient::new(&clinic.server).context(context.with_value(launch));
    let answer = raw.send(evaluating(ANNA, "TREAT", &["Observation"])).await;
    assert_eq!(denied(&answer).0, "context_mismatch");
    let answer = evaluating(ANNA, "TREAT", &["Observation"])
        .meta(&format!("{H}.context"), json!({ "patient": BERT }));
    assert_eq!(denied(&clinic.raw.send(answer).await).0, "context_mismatch");
    // The purpose is one of those that the server lists.
    let answer = clinic.evaluate(ANNA, "HPAYMT", &["Observation"]).await;
    assert_eq!(denied(&answer).0, "purpose_denied");
}

#[tokio::test]
async fn what_a_client_is_not_fit_for_is_not_said() {
    let clinic = Clinic::new(Some(rules()), &consents());
    let with = |settings: Value| {
        let bare = mcp_testkit::request("dev.mcp-ext/healthcare/consent.evaluate");
        bare.param("patient", ANNA)
            .param("purpose", json!({ "code": "HRESCH" }))
            .param("resourceTypes", ["Observation"])
            .declaring_raw(H, settings)
    };
    let answer = clinic.raw.send(with(json!({ "version": "0.1" }))).await;
    assert_eq!(denied(&answer).0, "label_exceeds_client");
    // A Consent that is above the client counts, and is not named.
    let mut secret = denial("secret", ANNA, json!({ "id": "p" }));
    secret["meta"]["security"] = json!([{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V" }]);
    let clinic = Clinic::new(Some(rules()), &[secret]);
    let local = json!({ "version": "0.1", "modelEgress": "local" });
    let answer = clinic.raw.send(with(local)).await;
    let result = answer.assert_result();
    assert_eq!((&result["decision"], &result["consents"]), (&json!("deny"), &json!([])));
    // Not declared, not there, malformed.
    let undeclared = mcp_testkit::request("dev.mcp-ext/healthcare/consent.evaluate");
    clinic.raw.send(undeclared).await.assert_error(-32021);
    for (patient, types) in [
        (json!("anna"), json!(["Observation"])),
        (json!(ANNA), json!([])),
        (json!(ANNA), json!(["Nonsense"])),
        (json!(ANNA), json!("Observation")),
        (Value::Null, json!(["Observation"])),
    ] {
        let wrong = evaluating(ANNA, "TREAT", &[]).param("patient", &patient);
        let answer = clinic.raw.send(wrong.param("resourceTypes", &types)).await;
        answer.assert_error(-32602);
    }
    clinic.trail.take();
    let none = Clinic::new(None, &[]);
    none.evaluate(ANNA, "TREAT", &["Observation"]).await.assert_error(-32601);
}

/// AUD-2 and CON-3.
#[tokio::test]
async fn without_an_event_or_the_consents_there_is_no_answer() {
    let clinic = Clinic::new(Some(rules()), &consents());
    clinic.trail.1.store(true, Ordering::SeqCst);
    let answer = clinic.evaluate(ANNA, "TREAT", &["Observation"]).await;
    let (code, receipt) = denied(&answer);
    assert_eq!((code.as_str(), receipt), ("audit_unavailable", Value::Null));
    clinic.trail.1.store(false, Ordering::SeqCst);
    clinic.store.fails.store(true, Ordering::SeqCst);
    let answer = clinic.evaluate(ANNA, "TREAT", &["Observation"]).await;
    answer.assert_error(-32603);
    assert_eq!(clinic.trail.take().pop().unwrap().outcome, AuditOutcome::Failed);
}

#[tokio::test]
async fn a_client_asks_with_types() {
    let clinic = Clinic::new(Some(rules()), &consents());
    let health = HealthcareClient::new().model_egress(ModelEgress::Local);
    let context = RequestContext::new().with_principal(Some(Principal::new("doctor:quinn")));
    let transport = MemoryTransport::new(clinic.server.clone()).with_context(context);
    let client = Client::builder("ward", "1.0.0").extension(health.clone());
    let pair = Pair::over(&clinic.server, transport, client).unwrap();
    let anna: Reference = ANNA.parse().unwrap();
    let ask = async |patient: &Reference| {
        let purpose = Purpose::new("HRESCH");
        health.evaluate_consent(&pair.client, patient, purpose, ["Observation", "Condition"]).await
    };
    let says = ask(&anna).await.unwrap();
    assert_eq!(says.decision, ConsentDecision::Partial);
    assert_eq!(says.types["Condition"], ConsentDecision::Permit);
    let receipts = health.take_receipts();
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].id, clinic.trail.take()[0].id);
    assert!(health.seen().phi == mcp_ext_healthcare::protocol::Phi::Identified);
    let refused = ask(&"Patient/carl".parse().unwrap()).await.unwrap_err();
    assert!(matches!(refused, ClientError::Rpc(error) if error.code == -32602));
}

/// By the scopes of a token: what lets a principal read the patient lets them ask.
#[tokio::test]
async fn scopes_say_who_may_ask() {
    use mcp_core::server::Server;
    use mcp_ext_healthcare::PatientCompartment;
    use mcp_ext_healthcare::server::Healthcare;
    use mcp_ext_healthcare::smart::SmartPolicy;

    let clinic = Clinic::new(Some(rules()), &consents());
    let healthcare = Healthcare::builder(
        SmartPolicy::new(FhirVersion::R4, Open),
        PatientCompartment::new(FhirVersion::R4),
        Trail::default(),
    );
    let healthcare = healthcare
        .records(clinic.store.clone())
        .purposes(true, ["TREAT"])
        .consent(rules())
        .build()
        .unwrap();
    let server = Server::builder("clinic", "1.0.0").extension(healthcare).build().unwrap();
    let ask = async |scope: &str, patient: &str| {
        let launch = LaunchContext {
            patient: Some(ANNA.parse().unwrap()),
            scopes: vec![scope.to_owned()],
            ..LaunchContext::default()
        };
        let context = RequestContext::new().with_principal(Some(Principal::new("doctor:quinn")));
        let raw = RawClient::new(&server).context(context.with_value(launch));
        raw.send(evaluating(patient, "TREAT", &["Observation"])).await
    };
    for scope in ["patient/Patient.r", "patient/*.rs", "user/Patient.read"] {
        assert_eq!(ask(scope, ANNA).await.assert_result()["decision"], "permit", "{scope}");
    }
    for scope in ["patient/Observation.rs", "patient/Consent.rs", "openid", ""] {
        assert_eq!(denied(&ask(scope, ANNA).await).0, "scope_insufficient", "{scope}");
    }
    assert_eq!(denied(&ask("patient/*.rs", BERT).await).0, "context_mismatch");
}
