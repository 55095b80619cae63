//! A clinic whose patients have Consents.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mcp_core::Principal;
use mcp_core::server::{Args, RequestContext, ServedTool, Server};
use mcp_ext_healthcare::audit::{AuditError, AuditEvent, AuditTrail};
use mcp_ext_healthcare::consent::ConsentRules;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{Label, Receipt, Reference, ToolMetadata, Withheld};
use mcp_ext_healthcare::server::{
    Access, AccessPolicy, CallDecision, Disclosed, Found, HealthCx, HealthError, Healthcare,
    HealthcareBuilder, RecordDecision, RecordTool, Records, Search, SourceError,
};
use mcp_ext_healthcare::{PatientCompartment, Record};
use mcp_testkit::{Answer, Message, RawClient, call_tool};
use serde_json::{Value, json};

use crate::world::record;

pub(crate) const H: &str = "dev.mcp-ext/healthcare";
pub(crate) const ANNA: &str = "Patient/anna";
pub(crate) const BERT: &str = "Patient/bert";

pub(crate) fn observation(id: &str, patient: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "meta": { "versionId": "1" }, "status": "final",
        "code": { "text": "weight" }, "subject": { "reference": patient },
    })
}

pub(crate) fn denial(id: &str, patient: &str, provision: Value) -> Value {
    let mut provision = provision;
    provision["type"] = "deny".into();
    let mut whole = crate::world::consent(
        FhirVersion::R4,
        &json!({ "id": id, "policyRule": "OPTIN", "provision": provision }),
    );
    whole["patient"] = json!({ "reference": patient });
    whole["meta"] = json!({ "versionId": "1" });
    whole
}

/// Where records and Consents are. Gives Consents one to a page.
#[derive(Clone, Default)]
pub(crate) struct Store {
    pub(crate) records: Arc<Mutex<Vec<Value>>>,
    pub(crate) fails: Arc<AtomicBool>,
    /// Whether the search for Consents never ends.
    pub(crate) endless: Arc<AtomicBool>,
    pub(crate) asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Records for Store {
    async fn read(&self, reference: &Reference) -> Result<Option<Record>, SourceError> {
        let all: Vec<Record> = self.records.lock().unwrap().iter().map(record).collect();
        Ok(all.into_iter().find(|one| one.reference() == reference))
    }

    async fn search(&self, search: &Search) -> Result<Found, SourceError> {
        let all = self.records.lock().unwrap().clone();
        let of_type = all.iter().filter(|one| one["resourceType"] == search.resource_type);
        if search.resource_type != "Consent" {
            return Ok(Found::all(of_type.map(record).collect()));
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(SourceError::Unavailable);
        }
        let [(name, value)] = search.parameters.as_slice() else { panic!("one parameter") };
        assert_eq!(name, "patient");
        let found: Vec<Record> =
            of_type.filter(|one| one["patient"]["reference"] == *value).map(record).collect();
        let at: usize = search.page.as_deref().map_or(0, |page| page.parse().unwrap());
        let mut answer = Found::all(found.iter().skip(at).take(1).cloned().collect());
        let goes_on = at + 1 < found.len() || self.endless.load(Ordering::SeqCst);
        answer.next = goes_on.then(|| (at + 1).to_string());
        Ok(answer)
    }
}

/// Everybody may read everything but Accounts; nobody may see Carl.
pub(crate) struct Open;

impl AccessPolicy for Open {
    fn call(&self, _: &Access) -> CallDecision {
        CallDecision::Permit
    }

    fn record(&self, _: &Access, record: &Record, _: &Label) -> RecordDecision {
        match record.reference().as_str() {
            "Patient/carl" => RecordDecision::Withhold(Withheld::Scope),
            _ => RecordDecision::Permit,
        }
    }
}

#[derive(Clone, Default)]
pub(crate) struct Trail(pub(crate) Arc<Mutex<Vec<AuditEvent>>>, pub(crate) Arc<AtomicBool>);

impl Trail {
    pub(crate) fn take(&self) -> Vec<AuditEvent> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[async_trait]
impl AuditTrail for Trail {
    async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError> {
        if self.1.load(Ordering::SeqCst) {
            return Err(AuditError);
        }
        self.0.lock().unwrap().push(event.clone());
        Ok(Receipt::new(event.id.as_str(), event.recorded.as_str(), "sha256:00"))
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Reading {
    reference: String,
}

async fn weights(health: HealthCx) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    disclosure.add_all(health.search("Observation", &[]).await?);
    disclosure.records()
}

async fn filled(health: HealthCx) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    let next = health.fill(&mut disclosure, Search::new("Observation"), None).await?;
    disclosure.page(next)
}

async fn read(health: HealthCx, Args(read): Args<Reading>) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    let reference = read.reference.parse().map_err(|_| health.tell("no such form"))?;
    if let Some(record) = health.read(&reference).await? {
        disclosure.add(record);
    }
    disclosure.records()
}

/// Has a record from elsewhere, past the source.
async fn elsewhere(health: HealthCx) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    disclosure.add(record(&observation("elsewhere", BERT)));
    disclosure.records()
}

pub(crate) fn rules() -> ConsentRules {
    ConsentRules::enforced(FhirVersion::R4).actors(|access| {
        let id = access.principal.as_ref()?.as_str().strip_prefix("doctor:")?;
        Some(BTreeSet::from([Reference::new("Practitioner", id).ok()?]))
    })
}

pub(crate) struct Clinic {
    pub(crate) server: Server,
    pub(crate) raw: RawClient,
    pub(crate) store: Store,
    pub(crate) trail: Trail,
}

impl Clinic {
    pub(crate) fn new(rules: Option<ConsentRules>, consents: &[Value]) -> Self {
        Self::with(rules, consents, |builder| builder)
    }

    pub(crate) fn with(
        rules: Option<ConsentRules>,
        consents: &[Value],
        change: impl FnOnce(HealthcareBuilder) -> HealthcareBuilder,
    ) -> Self {
        let (store, trail) = (Store::default(), Trail::default());
        *store.records.lock().unwrap() = [
            json!({ "resourceType": "Patient", "id": "anna", "meta": { "versionId": "1" } }),
            json!({ "resourceType": "Patient", "id": "bert" }),
            json!({ "resourceType": "Patient", "id": "carl" }),
            observation("a1", ANNA),
            observation("a2", ANNA),
            observation("b1", BERT),
            json!({ "resourceType": "Organization", "id": "clinic" }),
        ]
        .into_iter()
        .chain(consents.iter().cloned())
        .collect();
        let compartment = PatientCompartment::new(FhirVersion::R4);
        let mut builder = Healthcare::builder(Open, compartment, trail.clone())
            .records(store.clone())
            .purposes(true, ["TREAT", "HRESCH", "ETREAT"]);
        if let Some(rules) = rules {
            builder = builder.consent(rules);
        }
        let types = ["Observation", "Patient", "Organization"].map(str::to_owned);
        let about = || ToolMetadata::new(types.clone(), []);
        let server = Server::builder("clinic", "1.0.0")
            .tool(ServedTool::new("weights", weights).records(about()))
            .tool(ServedTool::new("filled", filled).records(about()))
            .tool(ServedTool::new("read", read).records(about()))
            .tool(ServedTool::new("elsewhere", elsewhere).records(about()))
            .extension(change(builder).build().unwrap())
            .build()
            .unwrap();
        let raw = client(&server, "doctor:quinn");
        Self { server, raw, store, trail }
    }

    /// The ids of what a tool gives for a patient and a purpose.
    pub(crate) async fn ids(&self, tool: &str, patient: &str, purpose: &str) -> Vec<String> {
        let answer = self.raw.send(message(call_tool(tool, json!({})), patient, purpose)).await;
        ids(&answer)
    }

    pub(crate) async fn evaluate(&self, patient: &str, purpose: &str, types: &[&str]) -> Answer {
        self.raw.send(evaluating(patient, purpose, types)).await
    }
}

pub(crate) fn ids(answer: &Answer) -> Vec<String> {
    let records = answer.assert_structured()["records"].as_array().unwrap().clone();
    records.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn client(server: &Server, principal: &str) -> RawClient {
    let context = RequestContext::new().with_principal(Some(Principal::new(principal)));
    RawClient::new(server).context(context)
}

pub(crate) fn trusted() -> Value {
    json!({ "version": "0.1", "maxConfidentiality": "V", "modelEgress": "local",
        "obligations": ["no-persist", "no-redisclose"] })
}

pub(crate) fn message(message: Message, patient: &str, purpose: &str) -> Message {
    message
        .meta(&format!("{H}.context"), json!({ "patient": patient }))
        .meta(&format!("{H}.purpose"), json!({ "code": purpose }))
        .declaring_raw(H, trusted())
}

pub(crate) fn evaluating(patient: &str, purpose: &str, types: &[&str]) -> Message {
    mcp_testkit::request("dev.mcp-ext/healthcare/consent.evaluate")
        .param("patient", patient)
        .param("purpose", json!({ "code": purpose, "reason": "a study of falls" }))
        .param("resourceTypes", types)
        .declaring_raw(H, trusted())
}

pub(crate) fn meta<'a>(answer: &'a Answer, name: &str) -> &'a Value {
    &answer.assert_result()["_meta"][format!("{H}.{name}")]
}
