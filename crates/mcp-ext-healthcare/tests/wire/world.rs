//! A clinic of two patients, and its tools.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mcp_core::Principal;
use mcp_core::server::{Args, Cx, HandlerError, RequestContext, ServedTool, Server, ServerBuilder};
use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::audit::{AuditError, AuditEvent, AuditTrail};
use mcp_ext_healthcare::protocol::{
    Confidentiality, DenialCode, FreeText, Label, Phi, Receipt, Reference, ToolMetadata, Withheld,
};
use mcp_ext_healthcare::server::{
    Access, AccessPolicy, CallDecision, Compartment, Deidentify, Disclosed, Found, HealthCx,
    HealthError, Healthcare, HealthcareBuilder, LaunchContext, Patients, RecordDecision,
    RecordTool, Records, SourceError,
};
use mcp_testkit::{Answer, Message, RawClient, call_tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) const H: &str = "dev.mcp-ext/healthcare";
/// Stands in every record, and must stand nowhere else.
pub(crate) const PLANTED: &str = "Plantagenet";
/// The ids of the two patients.
pub(crate) const ANNA: &str = "Patient/anna-4711";
pub(crate) const BERT: &str = "Patient/bert-0815";

pub(crate) fn key(name: &str) -> String {
    format!("{H}.{name}")
}

pub(crate) fn record(value: &Value) -> Record {
    Record::parse(&value.to_string()).unwrap()
}

fn security(code: &str) -> Value {
    let system = match code {
        "N" | "R" | "V" => Confidentiality::SYSTEM,
        _ => "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    };
    json!({ "system": system, "code": code })
}

pub(crate) fn observation(id: &str, patient: &str, codes: &[&str]) -> Value {
    json!({
        "resourceType": "Observation", "id": id,
        "meta": {
            "versionId": "1", "lastUpdated": "2026-03-01T00:00:00Z",
            "security": codes.iter().map(|code| security(code)).collect::<Vec<_>>(),
        },
        "status": "final", "code": { "text": "weight" }, "note": [{ "text": PLANTED }],
        "subject": { "reference": patient },
    })
}

pub(crate) fn records() -> Vec<Value> {
    let patient = |reference: &str| {
        json!({
            "resourceType": "Patient", "id": reference.strip_prefix("Patient/").unwrap(),
            "meta": { "versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z" },
            "name": [{ "family": PLANTED }], "active": true,
        })
    };
    vec![
        patient(ANNA),
        patient(BERT),
        observation("a-normal", ANNA, &["N"]),
        observation("a-restricted", ANNA, &["R"]),
        observation("a-secret", ANNA, &["V"]),
        observation("a-obliged", ANNA, &["NORDSCLCD"]),
        observation("b-normal", BERT, &[]),
        json!({ "resourceType": "ValueSet", "id": "units", "status": "active" }),
        json!({ "resourceType": "Binary", "id": "scan", "contentType": "text/plain" }),
    ]
}

/// Where the records are.
pub(crate) struct Store(pub(crate) Vec<Value>);

#[async_trait]
impl Records for Store {
    async fn read(&self, reference: &Reference) -> Result<Option<Record>, SourceError> {
        let all = self.0.iter().map(record);
        Ok(all.into_iter().find(|one| one.reference() == reference))
    }

    async fn search(
        &self,
        search: &mcp_ext_healthcare::server::Search,
    ) -> Result<Found, SourceError> {
        if search.parameters.iter().any(|(name, _)| name != "subject") {
            return Err(SourceError::UnknownParameter);
        }
        let fits = |one: &Value| {
            one["resourceType"] == search.resource_type
                && search.parameters.iter().all(|(_, value)| one["subject"]["reference"] == *value)
        };
        Ok(Found::all(
            self.0.iter().filter(|one| fits(one)).take(search.limit).map(record).collect(),
        ))
    }
}

pub(crate) struct BySubject;

impl Compartment for BySubject {
    fn patients(&self, record: &Record) -> Patients {
        #[derive(Deserialize)]
        struct Subject {
            reference: Reference,
        }
        match record.resource_type() {
            "Patient" => Patients::Of(BTreeSet::from([record.reference().clone()])),
            "ValueSet" => Patients::Nobody,
            _ => match record.element("subject").and_then(|raw| raw.parse::<Subject>().ok()) {
                Some(subject) => Patients::Of(BTreeSet::from([subject.reference])),
                None => Patients::Unknown,
            },
        }
    }
}

/// Keeps the code and the status, under another id.
pub(crate) struct CodesOnly;

impl Deidentify for CodesOnly {
    fn method(&self) -> &str {
        "safe-harbor"
    }

    fn key_id(&self) -> Option<String> {
        Some("key-1".to_owned())
    }

    fn free_text(&self) -> FreeText {
        FreeText::Dropped
    }

    fn level(&self) -> Phi {
        Phi::Deidentified
    }

    fn deidentify(&self, one: &Record) -> Option<Record> {
        let status = one.element("status")?;
        let kind = one.resource_type();
        Some(record(&json!({ "resourceType": kind, "id": "x", "status": status })))
    }
}

/// Everybody may read what the operator permits them.
#[derive(Clone, Default)]
pub(crate) struct Policy {
    /// Types that are withheld.
    pub(crate) withheld: BTreeSet<String>,
    /// Whether identified data may go anywhere.
    pub(crate) uncovered: bool,
    /// Whether a purpose for emergencies would be enough.
    pub(crate) emergencies: bool,
    pub(crate) denies: Option<DenialCode>,
    /// Whether only emergencies open what is asked for.
    pub(crate) locked: bool,
}

impl AccessPolicy for Policy {
    fn call(&self, access: &Access) -> CallDecision {
        let code = access.purpose.as_ref().map(|purpose| purpose.code.as_str());
        if self.locked && !access.broken_glass {
            return CallDecision::DenyUnlessEmergency(DenialCode::ConsentDenied);
        }
        match (&self.denies, code) {
            (Some(_), Some("BTG" | "ETREAT")) if self.emergencies => CallDecision::Permit,
            (Some(code), _) => CallDecision::Deny(code.clone()),
            (None, _) => CallDecision::Permit,
        }
    }

    fn record(&self, _: &Access, record: &Record, _: &Label) -> RecordDecision {
        if self.withheld.contains(record.resource_type()) {
            RecordDecision::Withhold(Withheld::Scope)
        } else {
            RecordDecision::Permit
        }
    }

    fn allows_uncovered(&self, _: &Access) -> bool {
        self.uncovered
    }
}

/// Remembers events; fails if it is told to.
#[derive(Clone, Default)]
pub(crate) struct Trail {
    pub(crate) events: Arc<Mutex<Vec<AuditEvent>>>,
    pub(crate) fails: Arc<AtomicBool>,
    pub(crate) tried: Arc<AtomicUsize>,
}

impl Trail {
    pub(crate) fn take(&self) -> Vec<AuditEvent> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    /// The only event since the last time.
    pub(crate) fn one(&self) -> AuditEvent {
        let mut events = self.take();
        assert_eq!(events.len(), 1, "exactly one event for each access");
        events.pop().unwrap()
    }
}

#[async_trait]
impl AuditTrail for Trail {
    async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError> {
        self.tried.fetch_add(1, Ordering::SeqCst);
        // What is durable is so before the answer, however long it takes.
        tokio::task::yield_now().await;
        if self.fails.load(Ordering::SeqCst) {
            return Err(AuditError);
        }
        self.events.lock().unwrap().push(event.clone());
        Ok(Receipt::new(event.id.as_str(), event.recorded.as_str(), "sha256:00"))
    }
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Read {
    pub(crate) reference: String,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Search {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) parameters: Vec<(String, String)>,
}

async fn read(health: HealthCx, Args(read): Args<Read>) -> Result<Disclosed, HealthError> {
    let reference = read.reference.parse().map_err(|_| health.tell("no such form"))?;
    let mut disclosure = health.disclosure();
    if let Some(record) = health.read(&reference).await? {
        disclosure.add(record);
    }
    disclosure.records()
}

async fn search(health: HealthCx, Args(search): Args<Search>) -> Result<Disclosed, HealthError> {
    let found = health.search(&search.kind, &search.parameters).await?;
    let mut disclosure = health.disclosure();
    disclosure.add_all(found);
    disclosure.records()
}

/// Says in a structure of its own how many there are, and cites one well and one badly.
async fn count(health: HealthCx) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    let given = disclosure.add_all(health.search("Observation", &[]).await?);
    disclosure.cite(0, "/weights", Some("Observation.code"));
    disclosure.cite(0, "/nowhere", None);
    disclosure.cite(99, "/weights", None);
    disclosure.content(&json!({ "weights": given }))
}

/// Reads a record past the disclosure and tells of it in every way there is.
async fn careless(cx: Cx, Args(read): Args<Read>) -> Result<String, HandlerError> {
    let all = records();
    let text = all.iter().map(Value::to_string).collect::<String>();
    match read.reference.as_str() {
        "text" => Ok(text),
        "tell" => Err(HandlerError::tell(text)),
        "invalid" => Err(mcp_core::Error::invalid_params(text).into()),
        "label" => {
            use mcp_ext_healthcare::protocol::LabelKey;
            cx.set_result_meta::<LabelKey>(&Label::nothing()).unwrap();
            Ok("nothing".to_owned())
        }
        _ => panic!("{text}"),
    }
}

/// Gives a record and says that it is harmless.
async fn forges(cx: Cx, health: HealthCx) -> Result<Disclosed, HealthError> {
    use mcp_ext_healthcare::protocol::LabelKey;
    let mut disclosure = health.disclosure();
    disclosure.add_all(health.search("Observation", &[]).await?);
    let _ = cx.set_result_meta::<LabelKey>(&Label::nothing());
    disclosure.records()
}

async fn denies(health: HealthCx) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    disclosure.add_all(health.search("Observation", &[]).await?);
    let _forgotten = health.deny(DenialCode::FhirVersion);
    disclosure.records()
}

async fn waits(health: HealthCx) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    disclosure.add_all(health.search("Observation", &[]).await?);
    std::future::pending::<()>().await;
    disclosure.records()
}

#[derive(Deserialize, JsonSchema)]
struct Which {
    #[allow(dead_code)]
    which: String,
}

async fn asks(cx: Cx, health: HealthCx) -> Result<Disclosed, HandlerError> {
    let _: Which = cx.elicit("which", "Which one?").await?;
    Ok(health.disclosure().records()?)
}

/// Reads a record before it asks.
async fn reads_and_asks(cx: Cx, health: HealthCx) -> Result<Disclosed, HandlerError> {
    let mut disclosure = health.disclosure();
    disclosure.add_all(health.search("Observation", &[]).await?);
    let _: Which = cx.elicit("which", "Which one?").await?;
    Ok(disclosure.records()?)
}

pub(crate) fn tool_metadata() -> ToolMetadata {
    let types = ["Observation", "Patient", "ValueSet", "Binary"].map(str::to_owned);
    ToolMetadata::new(types, ["patient/*.rs".to_owned()])
}

pub(crate) fn tools(server: ServerBuilder) -> ServerBuilder {
    let about = tool_metadata;
    let modest = about().with_max_label(Label::new(Phi::Identified, Confidentiality::Normal));
    let narrow = ToolMetadata::new(["Patient".to_owned()], []);
    server
        .tool(ServedTool::new("read", read).records(about()))
        .tool(ServedTool::new("search", search).records(about()))
        .tool(ServedTool::new("count", count).records(about()))
        .tool(ServedTool::new("modest", search).records(modest))
        .tool(ServedTool::new("narrow", search).records(narrow))
        .tool(ServedTool::new("careless", careless).records(about()))
        .tool(ServedTool::new("forges", forges).records(about()))
        .tool(ServedTool::new("denies", denies).records(about()))
        .tool(ServedTool::new("waits", waits).records(about()))
        .tool(ServedTool::new("asks", asks).records(about()))
        .tool(ServedTool::new("reads_and_asks", reads_and_asks).records(about()))
        .tool(ServedTool::new("plain", async || "no records"))
}

/// A clinic that can be asked.
pub(crate) struct Clinic {
    pub(crate) raw: RawClient,
    pub(crate) trail: Trail,
}

impl Clinic {
    pub(crate) fn new() -> Self {
        Self::with(Policy::default(), |builder| builder)
    }

    pub(crate) fn with(
        policy: Policy,
        change: impl FnOnce(HealthcareBuilder) -> HealthcareBuilder,
    ) -> Self {
        let trail = Trail::default();
        let server = Server::builder("clinic", "1.0.0");
        let server = tools(server).extension(extension(policy, &trail, change)).build().unwrap();
        Self { raw: client(&server), trail }
    }

    pub(crate) async fn send(&self, message: Message) -> Answer {
        self.raw.send(message).await
    }

    /// As a client that is trusted with everything, for Anna's treatment.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.send(for_anna(call_tool(tool, arguments))).await
    }
}

pub(crate) fn extension(
    policy: Policy,
    trail: &Trail,
    change: impl FnOnce(HealthcareBuilder) -> HealthcareBuilder,
) -> Healthcare {
    let builder = Healthcare::builder(policy, BySubject, trail.clone())
        .records(Store(records()))
        .deid(CodesOnly)
        .pseudonyms(pseudonyms())
        .name("clinic");
    change(builder).build().unwrap()
}

pub(crate) fn pseudonyms() -> mcp_trust::pseudonym::Pseudonymizer {
    use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};
    Pseudonymizer::new(PseudonymKey::from_bytes([7; 32]))
}

/// A client that Anna's doctor uses.
pub(crate) fn client(server: &Server) -> RawClient {
    RawClient::new(server).context(launched(None))
}

pub(crate) fn launched(launch: Option<LaunchContext>) -> RequestContext {
    let context = RequestContext::new().with_principal(Some(Principal::new("doctor:quinn")));
    match launch {
        Some(launch) => context.with_value(launch),
        None => context,
    }
}

/// What a client declares that may have everything.
pub(crate) fn trusted() -> Value {
    json!({
        "version": "0.1", "maxConfidentiality": "V", "modelEgress": "local",
        "obligations": ["no-log", "no-train", "no-persist", "no-redisclose"],
    })
}

pub(crate) fn for_anna(message: Message) -> Message {
    treating(message, ANNA).declaring_raw(H, trusted())
}

pub(crate) fn treating(message: Message, patient: &str) -> Message {
    message
        .meta(&key("context"), json!({ "patient": patient }))
        .meta(&key("purpose"), json!({ "code": "TREAT" }))
}

/// The label of what holds nothing.
pub(crate) fn nothing() -> Value {
    serde_json::to_value(Label::nothing()).unwrap()
}

pub(crate) fn search_for(kind: &str) -> Value {
    json!({ "type": kind })
}

/// The ids of the records in an answer.
pub(crate) fn ids(answer: &Answer) -> Vec<String> {
    let records = answer.assert_structured()["records"].as_array().unwrap().clone();
    records.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn meta<'a>(answer: &'a Answer, name: &str) -> &'a Value {
    &answer.assert_result()["_meta"][key(name)]
}

pub(crate) fn denial(answer: &Answer) -> String {
    answer.assert_tool_error();
    meta(answer, "denial")["code"].as_str().unwrap_or("none").to_owned()
}
