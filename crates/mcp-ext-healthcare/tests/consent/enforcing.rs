//! What is denied is withheld: CON-1, over the wire.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mcp_core::Principal;
use mcp_core::server::RequestContext;
use mcp_ext_healthcare::PatientCompartment;
use mcp_ext_healthcare::audit::AuditOutcome;
use mcp_ext_healthcare::consent::{ConsentRules, Unconsented};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{
    Attestation, BreakGlassPage, Existence, Healthcare, HealthcareBuildError, LaunchContext,
    MemoryNonces,
};
use mcp_testkit::{RawClient, call_tool};
use serde_json::{Value, json};

use crate::clinic::*;

/// CON-1: an active Consent, one that is not, and another patient's.
#[tokio::test]
async fn what_a_consent_denies_is_withheld() {
    let research = json!({ "purpose": ["HRESCH"] });
    let mut withdrawn = denial("old", ANNA, json!({}));
    withdrawn["status"] = "inactive".into();
    let consents =
        [denial("c", ANNA, research), withdrawn, denial("of-bert", BERT, json!({ "id": "p" }))];
    let clinic = Clinic::new(Some(rules()), &consents);
    for tool in ["weights", "filled"] {
        assert_eq!(clinic.ids(tool, ANNA, "TREAT").await, ["a1", "a2"], "{tool}");
        assert!(clinic.ids(tool, ANNA, "HRESCH").await.is_empty(), "{tool}");
        assert!(clinic.ids(tool, BERT, "TREAT").await.is_empty(), "{tool}");
    }
    for (reference, purpose, given) in [
        ("Observation/a1", "TREAT", true),
        ("Observation/a1", "HRESCH", false),
        ("Patient/anna", "HRESCH", false),
        // Nobody's to consent to.
        ("Organization/clinic", "HRESCH", true),
        // A purpose for emergencies is no other treatment.
        ("Observation/a1", "ETREAT", true),
    ] {
        let call = call_tool("read", json!({ "reference": reference }));
        let answer = clinic.raw.send(message(call, ANNA, purpose)).await;
        assert_eq!(!ids(&answer).is_empty(), given, "{reference} {purpose}");
    }
    // They were read once for each call, all pages of them.
    let before = clinic.store.asked.load(Ordering::SeqCst);
    clinic.ids("weights", ANNA, "TREAT").await;
    assert_eq!(clinic.store.asked.load(Ordering::SeqCst) - before, 2);
}

/// RES-2: it looks as if it did not exist; the class of the reason is told where existence is open.
#[tokio::test]
async fn what_is_withheld_looks_as_if_it_did_not_exist() {
    let consents = [denial("c", ANNA, json!({ "id": "p" }))];
    let clinic = Clinic::new(Some(rules()), &consents);
    let of = async |clinic: &Clinic, reference: &str| {
        let call = call_tool("read", json!({ "reference": reference }));
        let answer = clinic.raw.send(message(call, ANNA, "TREAT")).await;
        let mut result = answer.assert_result().clone();
        result["_meta"][format!("{H}.audit")] = Value::Null;
        result
    };
    assert_eq!(of(&clinic, "Observation/a1").await, of(&clinic, "Observation/none").await);
    let open = Clinic::with(Some(rules()), &consents, |all| all.existence(Existence::Open));
    let told = of(&open, "Observation/a1").await;
    assert_eq!(told["_meta"][format!("{H}.minimization")]["withheld"], json!(["consent"]));
}

/// Without a context, records of several patients, each with their own Consents.
#[tokio::test]
async fn each_patients_consents_are_looked_at() {
    let consents = [denial("c", BERT, json!({ "id": "p" }))];
    let clinic = Clinic::with(Some(rules()), &consents, |all| all.require_context(false));
    for tool in ["weights", "filled"] {
        let call = call_tool(tool, json!({}))
            .meta(&format!("{H}.purpose"), json!({ "code": "TREAT" }))
            .declaring_raw(H, trusted());
        assert_eq!(ids(&clinic.raw.send(call).await), ["a1", "a2"], "{tool}");
    }
    // What came from elsewhere, of a patient whose Consents nobody read.
    let call = |patient: Option<&str>| {
        let call = call_tool("elsewhere", json!({})).declaring_raw(H, trusted());
        let call = call.meta(&format!("{H}.purpose"), json!({ "code": "TREAT" }));
        match patient {
            Some(patient) => call.meta(&format!("{H}.context"), json!({ "patient": patient })),
            None => call,
        }
    };
    let free = Clinic::with(Some(rules()), &[], |all| all.require_context(false));
    assert!(ids(&free.raw.send(call(None)).await).is_empty());
    assert_eq!(ids(&free.raw.send(call(Some(BERT))).await), ["elsewhere"]);
}

/// What cannot be read denies, and says that it failed: an empty result would say that there is nothing.
#[tokio::test]
async fn nothing_is_given_while_consents_cannot_be_read() {
    let clinic = Clinic::new(Some(rules()), &[]);
    for endless in [false, true] {
        let broken = if endless { &clinic.store.endless } else { &clinic.store.fails };
        broken.store(true, Ordering::SeqCst);
        for tool in ["weights", "filled", "elsewhere"] {
            let answer = clinic.raw.send(message(call_tool(tool, json!({})), ANNA, "TREAT")).await;
            let text = answer.assert_tool_error();
            assert_eq!(text, "What the patient consented to could not be read.");
            let events = clinic.trail.take();
            assert_eq!(events.len(), 1);
            assert_eq!(events[0].outcome, AuditOutcome::Failed);
        }
        broken.store(false, Ordering::SeqCst);
        assert_eq!(clinic.ids("weights", ANNA, "TREAT").await.len(), 2);
        clinic.trail.take();
    }
}

#[tokio::test]
async fn the_settings_say_what_consents_mean() {
    let mode = async |rules: Option<ConsentRules>| {
        let clinic = Clinic::new(rules, &[denial("c", ANNA, json!({ "id": "p" }))]);
        let answer = clinic.raw.send(mcp_testkit::request("server/discover")).await;
        let settings = &answer.assert_result()["capabilities"]["extensions"][H];
        let given = clinic.ids("weights", ANNA, "TREAT").await.len();
        (settings["consent"]["mode"].as_str().unwrap().to_owned(), given)
    };
    assert_eq!(mode(None).await, ("none".to_owned(), 2));
    assert_eq!(
        mode(Some(ConsentRules::evaluated(FhirVersion::R4))).await,
        ("evaluate".to_owned(), 2)
    );
    assert_eq!(mode(Some(rules())).await, ("enforce".to_owned(), 0));
    let without =
        Healthcare::builder(Open, PatientCompartment::new(FhirVersion::R4), Trail::default());
    let refused = without.consent(rules()).build();
    assert!(matches!(refused, Err(HealthcareBuildError::NoRecords)));
}

#[tokio::test]
async fn without_a_consent_nothing_is_given_where_the_operator_says_so() {
    let opt_in = || rules().unconsented(Unconsented::Denied);
    let mut permit = denial("c", ANNA, json!({ "purpose": ["TREAT"] }));
    permit["provision"]["type"] = "permit".into();
    let clinic = Clinic::new(Some(opt_in()), &[permit]);
    assert_eq!(clinic.ids("weights", ANNA, "TREAT").await, ["a1", "a2"]);
    assert!(clinic.ids("weights", ANNA, "HRESCH").await.is_empty());
    assert!(clinic.ids("weights", BERT, "TREAT").await.is_empty());
}

struct Page;

#[async_trait::async_trait]
impl BreakGlassPage for Page {
    fn address(&self, question: &str) -> String {
        format!("https://clinic.example/emergency?q={question}")
    }

    async fn answered(
        &self,
        _: &str,
    ) -> Result<Option<Attestation>, mcp_core::server::HandlerError> {
        Ok(Some(Attestation::new("doctor:quinn", "unconscious", "brought in by ambulance")))
    }
}

/// What a patient denies opens in an emergency only if the operator says so; then the denial is said, and can be asked about.
#[tokio::test]
async fn an_emergency_opens_what_is_denied_only_where_the_operator_says_so() {
    let everything = [denial("c", ANNA, json!({ "id": "p" }))];
    let some = [denial("c", ANNA, json!({ "purpose": ["HRESCH"] }))];
    let glass = |all: mcp_ext_healthcare::server::HealthcareBuilder| {
        all.break_glass(Page, MemoryNonces::new(), Duration::from_secs(60))
    };
    let person = |clinic: &Clinic| {
        let launch =
            LaunchContext { scopes: vec!["user/*.rs".to_owned()], ..LaunchContext::default() };
        let context = RequestContext::new().with_principal(Some(Principal::new("doctor:quinn")));
        RawClient::new(&clinic.server).context(context.with_value(launch))
    };
    let call = || {
        message(call_tool("weights", json!({})), ANNA, "TREAT")
            .capability("elicitation", json!({ "url": {} }))
    };
    let closed = Clinic::with(Some(rules()), &everything, glass);
    assert!(ids(&person(&closed).send(call()).await).is_empty());

    let open = Clinic::with(Some(rules().open_in_emergencies()), &everything, glass);
    let raw = person(&open);
    let asked = raw.send(call()).await;
    let asked = asked.assert_result_type("input_required").clone();
    let key = asked["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let answer = call()
        .param("requestState", &asked["requestState"])
        .param("inputResponses", json!({ key: { "action": "accept" } }));
    let answer = raw.send(answer).await;
    assert_eq!(ids(&answer), ["a1", "a2"]);
    let obligations = &meta(&answer, "label")["obligations"];
    assert_eq!(*obligations, json!(["no-persist", "no-redisclose"]));
    assert!(open.trail.take().pop().unwrap().break_glass);
    // A client that cannot ask learns why.
    let answer = raw.send(message(call_tool("weights", json!({})), ANNA, "TREAT")).await;
    answer.assert_tool_error();
    let denial = meta(&answer, "denial");
    assert_eq!(*denial, json!({ "code": "consent_denied", "breakGlass": true }));
    // Where something is left, that is given, and nobody is asked.
    let partly = Clinic::with(Some(rules().open_in_emergencies()), &some, glass);
    assert_eq!(ids(&person(&partly).send(call()).await), ["a1", "a2"]);
}
