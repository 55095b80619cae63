//! A clinic whose server follows the scopes of tokens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mcp_core::Principal;
use mcp_core::server::{
    Args, Cx, HandlerError, Middleware, Next, Outcome, RequestContext, ServedTool, Server,
};
use mcp_ext_healthcare::audit::{AuditError, AuditEvent, AuditTrail};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{DenialCode, Label, Receipt, Reference, ToolMetadata};
use mcp_ext_healthcare::server::{
    Access, AccessPolicy, Attestation, BreakGlassPage, CallDecision, Disclosed, Found, HealthCx,
    HealthError, Healthcare, HealthcareBuilder, Interaction, LaunchContext, MemoryNonces,
    RecordDecision, RecordTool, Records, SourceError, Unreleased,
};
use mcp_ext_healthcare::smart::SmartPolicy;
use mcp_ext_healthcare::{PatientCompartment, Record};
use mcp_testkit::{Answer, Message, RawClient, call_tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

const H: &str = "dev.mcp-ext/healthcare";
pub(crate) const ANNA: &str = "Patient/anna";
pub(crate) const BERT: &str = "Patient/bert";

fn observation(id: &str, patient: &str, category: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final", "code": { "text": "x" },
        "category": [{ "coding": [{ "system": "urn:c", "code": category }] }],
        "subject": { "reference": patient },
    })
}

fn records() -> Vec<Record> {
    let mut foreign_inside = observation("a-with-b", ANNA, "laboratory");
    foreign_inside["contained"] = json!([observation("b-inside", BERT, "laboratory")]);
    let all = [
        json!({ "resourceType": "Patient", "id": "anna", "active": true }),
        json!({ "resourceType": "Patient", "id": "bert", "active": true }),
        observation("a-lab", ANNA, "laboratory"),
        observation("a-vital", ANNA, "vital-signs"),
        observation("b-lab", BERT, "laboratory"),
        foreign_inside,
        json!({ "resourceType": "ValueSet", "id": "units", "status": "active" }),
    ];
    all.iter().map(|one| Record::parse(&one.to_string()).unwrap()).collect()
}

/// Names and values.
type Parameters = Vec<(String, String)>;

/// Gives more than it is asked for, as servers do; remembers what it was asked for.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<Vec<Parameters>>>);

#[async_trait]
impl Records for Store {
    async fn read(&self, reference: &Reference) -> Result<Option<Record>, SourceError> {
        Ok(records().into_iter().find(|one| one.reference() == reference))
    }

    async fn search(
        &self,
        search: &mcp_ext_healthcare::server::Search,
    ) -> Result<Found, SourceError> {
        self.0.lock().unwrap().push(search.parameters.clone());
        let known = ["category", "status"];
        if search.parameters.iter().any(|(name, _)| !known.contains(&name.as_str())) {
            return Err(SourceError::UnknownParameter);
        }
        let fits = |one: &Record| one.resource_type() == search.resource_type;
        Ok(Found::all(records().into_iter().filter(fits).collect()))
    }

    async fn everything(
        &self,
        _: &Reference,
        _: usize,
        _: Option<&str>,
    ) -> Result<Found, SourceError> {
        Ok(Found::all(records()))
    }
}

/// What the clinic's users may by themselves: everything but one type, and perhaps only in an emergency.
#[derive(Clone, Default)]
pub(crate) struct Clinics {
    pub(crate) withholds: Option<&'static str>,
    pub(crate) locked: bool,
}

impl AccessPolicy for Clinics {
    fn call(&self, access: &Access) -> CallDecision {
        if self.locked && !access.broken_glass {
            return CallDecision::DenyUnlessEmergency(DenialCode::ConsentDenied);
        }
        CallDecision::Permit
    }

    fn record(&self, _: &Access, record: &Record, _: &Label) -> RecordDecision {
        use mcp_ext_healthcare::protocol::Withheld;
        match self.withholds {
            Some(kind) if kind == record.resource_type() => {
                RecordDecision::Withhold(Withheld::Consent)
            }
            _ => RecordDecision::Permit,
        }
    }
}

#[derive(Clone, Default)]
pub(crate) struct Trail(Arc<Mutex<Vec<AuditEvent>>>);

#[async_trait]
impl AuditTrail for Trail {
    async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError> {
        self.0.lock().unwrap().push(event.clone());
        Ok(Receipt::new(event.id.as_str(), event.recorded.as_str(), "sha256:00"))
    }
}

/// A page on which everybody said at once that it is an emergency.
struct Page;

#[async_trait]
impl BreakGlassPage for Page {
    fn address(&self, question: &str) -> String {
        format!("https://clinic.example/emergency/{question}")
    }

    async fn answered(&self, _: &str) -> Result<Option<Attestation>, HandlerError> {
        Ok(Some(Attestation::new("doctor:quinn", "unconscious", "in the corridor")))
    }
}

#[derive(Deserialize, JsonSchema)]
struct Read {
    reference: String,
}

#[derive(Deserialize, JsonSchema)]
struct Search {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    parameters: Vec<(String, String)>,
}

async fn read(health: HealthCx, Args(read): Args<Read>) -> Result<Disclosed, HealthError> {
    let reference = read.reference.parse().map_err(|_| health.tell("no such form"))?;
    let mut disclosure = health.disclosure();
    disclosure.add_all(health.read(&reference).await?);
    disclosure.records()
}

async fn search(health: HealthCx, Args(search): Args<Search>) -> Result<Disclosed, HealthError> {
    let found = health.search(&search.kind, &search.parameters).await?;
    let mut disclosure = health.disclosure();
    disclosure.add_all(found);
    disclosure.records()
}

/// Has records of its own, and does not say how it found them.
async fn own(health: HealthCx) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    disclosure.add_all(records());
    disclosure.records()
}

/// Has records of its own, and says how it found them.
async fn found(health: HealthCx) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    let by = |one| Unreleased::found_by(one, Interaction::Search);
    disclosure.add_all(records().into_iter().map(by));
    disclosure.records()
}

/// Page by page.
async fn fill(health: HealthCx, Args(search): Args<Search>) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    let search = mcp_ext_healthcare::server::Search::new(search.kind);
    let next = health.fill(&mut disclosure, search, None).await?;
    disclosure.page(next)
}

/// Everything of a patient.
async fn everything(health: HealthCx) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    let patient = ANNA.parse().map_err(|_| health.tell("no such form"))?;
    let next = health.fill_everything(&mut disclosure, &patient, 100, None).await?;
    disclosure.page(next)
}

/// Gives what it may of several types.
async fn all(health: HealthCx) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    for kind in ["Observation", "Patient", "ValueSet"] {
        if health.may(Interaction::Search, kind) {
            disclosure.add_all(health.search(kind, &[]).await?);
        }
    }
    disclosure.records()
}

pub(crate) fn metadata(scopes: &[&str]) -> ToolMetadata {
    let types = ["Observation", "Patient", "ValueSet"].map(str::to_owned);
    ToolMetadata::new(types, scopes.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>())
}

pub(crate) struct Clinic {
    raw: RawClient,
    store: Store,
    trail: Trail,
}

impl Clinic {
    pub(crate) fn new() -> Self {
        Self::with(Clinics::default(), &["patient/*.rs"], |builder| builder)
    }

    /// With tools that list these scopes.
    pub(crate) fn of(scopes: &[&str]) -> Self {
        Self::with(Clinics::default(), scopes, |builder| builder)
    }

    pub(crate) fn with(
        clinics: Clinics,
        scopes: &[&str],
        change: impl FnOnce(HealthcareBuilder) -> HealthcareBuilder,
    ) -> Self {
        let (store, trail) = (Store::default(), Trail::default());
        let policy = SmartPolicy::new(FhirVersion::R4, clinics);
        let compartment = PatientCompartment::new(FhirVersion::R4);
        let builder = Healthcare::builder(policy, compartment, trail.clone())
            .records(store.clone())
            .definitions(FhirVersion::R4)
            .break_glass(Page, MemoryNonces::new(), Duration::from_secs(60));
        let server = Server::builder("clinic", "1.0.0")
            .tool(ServedTool::new("read", read).records(metadata(scopes)))
            .tool(ServedTool::new("search", search).records(metadata(scopes)))
            .tool(ServedTool::new("own", own).records(metadata(scopes)))
            .tool(ServedTool::new("found", found).records(metadata(scopes)))
            .tool(ServedTool::new("fill", fill).records(metadata(scopes)))
            .tool(ServedTool::new("everything", everything).records(metadata(scopes)))
            .tool(ServedTool::new("all", all).records(metadata(scopes)))
            .layer("launching", 0, Launching)
            .extension(change(builder).build().unwrap())
            .build()
            .unwrap();
        Self { raw: RawClient::new(&server), store, trail }
    }

    pub(crate) async fn call(&self, token: Token, tool: &str, arguments: Value) -> Answer {
        let message = token.message(tool, arguments);
        self.send(&token, message).await
    }

    async fn send(&self, token: &Token, message: Message) -> Answer {
        let answer = self.raw.clone().context(token.context()).send(message).await;
        let events = std::mem::take(&mut *self.trail.0.lock().unwrap());
        // A question is not the end of an access.
        let is_question = answer.response().to_string().contains("input_required");
        assert_eq!(events.len(), usize::from(!is_question), "one event for each access");
        answer
    }

    /// What was asked again, after the person went to the page.
    pub(crate) async fn again(
        &self,
        token: Token,
        tool: &str,
        arguments: Value,
        asked: &Answer,
    ) -> Answer {
        let result = asked.assert_result_type("input_required");
        let key = result["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
        let message = token
            .message(tool, arguments)
            .param("requestState", &result["requestState"])
            .param("inputResponses", json!({ key: { "action": "accept" } }));
        self.send(&token, message).await
    }

    /// What the source was asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<Parameters> {
        std::mem::take(&mut self.store.0.lock().unwrap())
    }
}

/// What a layer of the server finds of the token, in place of the transport.
#[derive(Clone)]
struct Unread(LaunchContext);

/// What a call comes with.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) scopes: Vec<String>,
    /// Of the launch context.
    pub(crate) patient: Option<&'static str>,
    /// Of the request.
    pub(crate) context: Option<&'static str>,
    pub(crate) principal: bool,
    pub(crate) launch: bool,
    /// Whether a layer of the server reads it, and not the transport.
    pub(crate) by_layer: bool,
}

/// Reads tokens.
struct Launching;

#[async_trait]
impl Middleware for Launching {
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, mcp_core::Error> {
        match cx.transport_value::<Unread>().cloned() {
            Some(Unread(launch)) => next.run(cx.with_value(launch)).await,
            None => next.run(cx).await,
        }
    }
}

/// A token of Anna's, for a call about Anna.
pub(crate) fn annas(scopes: &str) -> Token {
    Token { patient: Some(ANNA), ..users(scopes) }
}

/// A user's token without a patient, for a call about Anna.
pub(crate) fn users(scopes: &str) -> Token {
    let scopes = scopes.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    Token {
        scopes,
        patient: None,
        context: Some(ANNA),
        principal: true,
        launch: true,
        by_layer: false,
    }
}

impl Token {
    fn context(&self) -> RequestContext {
        let principal = self.principal.then(|| Principal::new("doctor:quinn"));
        let context = RequestContext::new().with_principal(principal);
        if !self.launch {
            return context;
        }
        let launch = self.read();
        if self.by_layer { context.with_value(Unread(launch)) } else { context.with_value(launch) }
    }

    pub(crate) fn read(&self) -> LaunchContext {
        LaunchContext {
            patient: self.patient.map(|patient| patient.parse().unwrap()),
            scopes: self.scopes.clone(),
            ..LaunchContext::default()
        }
    }

    fn message(&self, tool: &str, arguments: Value) -> Message {
        let settings = json!({
            "version": "0.1", "maxConfidentiality": "V", "modelEgress": "local",
            "obligations": ["no-log", "no-train", "no-persist", "no-redisclose"],
        });
        let message = call_tool(tool, arguments)
            .declaring_raw(H, settings)
            .capability("elicitation", json!({ "url": {} }))
            .meta(&format!("{H}.purpose"), json!({ "code": "TREAT" }));
        match self.context {
            Some(patient) => message.meta(&format!("{H}.context"), json!({ "patient": patient })),
            None => message,
        }
    }
}

pub(crate) fn kind(kind: &str) -> Value {
    json!({ "type": kind })
}

pub(crate) fn at(reference: &str) -> Value {
    json!({ "reference": reference })
}

/// The ids of the records in an answer, or the code of the denial.
pub(crate) fn came_of(answer: &Answer) -> Vec<String> {
    let result = answer.assert_result();
    if let Some(code) = result["_meta"][format!("{H}.denial")]["code"].as_str() {
        assert_eq!(result["isError"], true);
        return vec![format!("denied: {code}")];
    }
    let records = answer.assert_structured()["records"].as_array().unwrap().clone();
    records.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}
