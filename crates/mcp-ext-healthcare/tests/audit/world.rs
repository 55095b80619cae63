//! A clinic whose trail is a log in a file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcp_core::Principal;
use mcp_core::server::{Args, RequestContext, ServedTool, Server};
use mcp_ext_healthcare::audit::{AuditEvent, AuditOutcome, AuditTrail, LoggedTrail};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{
    DenialCode, Hidden, Label, Purpose, Reference, ToolMetadata, purposes,
};
use mcp_ext_healthcare::server::{
    Access, AccessPolicy, CallDecision, Disclosed, Found, HealthCx, HealthError, Healthcare,
    RecordDecision, RecordTool, Records, Search, SourceError,
};
use mcp_ext_healthcare::{PatientCompartment, Record};
use mcp_testkit::{Answer, Message, RawClient, call_tool};
use mcp_trust::keys::{Algorithm, SigningKey};
use mcp_trust::receipts::LogOptions;
use mcp_trust::receipts::note::NoteKey;
use serde_json::{Value, json};

pub(crate) const H: &str = "dev.mcp-ext/healthcare";
pub(crate) const ORIGIN: &str = "clinic.example/audit";
pub(crate) const ANNA: &str = "Patient/anna";

pub(crate) fn options() -> LogOptions {
    LogOptions::new(ORIGIN)
}

pub(crate) struct Keys {
    pub(crate) secret: Arc<SigningKey>,
    pub(crate) public: NoteKey,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let secret = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let public = NoteKey::new(ORIGIN, secret.verifying_key().clone()).unwrap();
        Self { secret: Arc::new(secret), public }
    }
}

pub(crate) fn trail(path: &Path, keys: &Keys) -> LoggedTrail {
    let (trail, torn) = LoggedTrail::open(&options(), path).unwrap();
    assert_eq!(torn, None);
    let secret: Arc<dyn mcp_trust::keys::Signer> = Arc::clone(&keys.secret) as _;
    trail.signed_by(secret).retry_after(Duration::ZERO)
}

struct Store;

#[async_trait]
impl Records for Store {
    async fn read(&self, reference: &Reference) -> Result<Option<Record>, SourceError> {
        let found = |id| record(id).reference() == reference;
        Ok(["a1", "a2"].into_iter().find(|id| found(*id)).map(record))
    }

    async fn search(&self, search: &Search) -> Result<Found, SourceError> {
        match search.parameters.as_slice() {
            [] => Ok(Found::all(["a1", "a2"].map(record).to_vec())),
            [(name, _)] if name == "down" => Err(SourceError::Unavailable),
            _ => Err(SourceError::UnknownParameter),
        }
    }
}

fn record(id: &str) -> Record {
    let value = json!({
        "resourceType": "Observation", "id": id, "meta": { "versionId": "1" }, "status": "final",
        "code": { "text": "weight" }, "subject": { "reference": ANNA },
    });
    Record::parse(&value.to_string()).unwrap()
}

/// Denies calls of principals that begin with `x`.
struct Policy;

impl AccessPolicy for Policy {
    fn call(&self, access: &Access) -> CallDecision {
        match &access.principal {
            Some(principal) if principal.as_str().starts_with('x') => {
                CallDecision::Deny(DenialCode::ScopeInsufficient)
            }
            _ => CallDecision::Permit,
        }
    }

    fn record(&self, _: &Access, _: &Record, _: &Label) -> RecordDecision {
        RecordDecision::Permit
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Reading {
    reference: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Searching {
    #[serde(default)]
    parameters: Vec<(String, String)>,
}

async fn read(health: HealthCx, Args(read): Args<Reading>) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    let reference = read.reference.parse().map_err(|_| health.tell("no such form"))?;
    if let Some(record) = health.read(&reference).await? {
        disclosure.add(record);
    }
    disclosure.records()
}

async fn search(health: HealthCx, Args(asked): Args<Searching>) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    disclosure.add_all(health.search("Observation", &asked.parameters).await?);
    disclosure.records()
}

async fn denies(health: HealthCx) -> Result<Disclosed, HealthError> {
    Err(health.deny(DenialCode::FhirVersion))
}

async fn panics(_: HealthCx) -> Result<Disclosed, HealthError> {
    panic!("a tool that panics")
}

pub(crate) fn server(trail: impl AuditTrail) -> Server {
    let healthcare = Healthcare::builder(Policy, PatientCompartment::new(FhirVersion::R4), trail)
        .records(Store)
        .name("clinic")
        .auditors(|principal| principal.as_str() == "auditor:ada")
        .build()
        .unwrap();
    let about = || ToolMetadata::new(["Observation".to_owned()], []);
    Server::builder("clinic", "1.0.0")
        .tool(ServedTool::new("read", read).records(about()))
        .tool(ServedTool::new("search", search).records(about()))
        .tool(ServedTool::new("denies", denies).records(about()))
        .tool(ServedTool::new("panics", panics).records(about()))
        .extension(healthcare)
        .build()
        .unwrap()
}

pub(crate) fn client(server: &Server, principal: Option<&str>) -> RawClient {
    let context = RequestContext::new().with_principal(principal.map(Principal::new));
    RawClient::new(server).context(context)
}

pub(crate) fn trusted() -> Value {
    json!({ "version": "0.1", "maxConfidentiality": "V", "modelEgress": "local" })
}

pub(crate) fn call(tool: &str, arguments: Value) -> Message {
    call_tool(tool, arguments)
        .meta(&format!("{H}.context"), json!({ "patient": ANNA }))
        .meta(&format!("{H}.purpose"), json!({ "code": "TREAT", "reason": "a fall" }))
        .declaring_raw(H, trusted())
}

pub(crate) fn get(id: &str) -> Message {
    mcp_testkit::request("dev.mcp-ext/healthcare/audit.get")
        .param("id", id)
        .declaring_raw(H, trusted())
}

pub(crate) fn receipt(answer: &Answer) -> mcp_ext_healthcare::protocol::Receipt {
    let receipt = &answer.assert_result()["_meta"][format!("{H}.audit")];
    serde_json::from_value(receipt.clone()).unwrap()
}

/// Events of each kind.
pub(crate) async fn events() -> Vec<AuditEvent> {
    use std::sync::Mutex;

    use mcp_ext_healthcare::audit::AuditError;
    use mcp_ext_healthcare::protocol::Receipt;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<AuditEvent>>>);

    #[async_trait]
    impl AuditTrail for Kept {
        async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError> {
            self.0.lock().unwrap().push(event.clone());
            Ok(Receipt::new(event.id.as_str(), event.recorded.as_str(), "sha256:00"))
        }
    }
    let kept = Kept::default();
    let server = server(kept.clone());
    for principal in [Some("doctor:quinn"), Some("xavier"), None] {
        let raw = client(&server, principal);
        for (tool, arguments) in every_call() {
            let _ = raw.send(call(tool, arguments)).await;
        }
        // One that does not declare the extension.
        let _ = raw.send(call_tool("search", json!({}))).await;
    }
    while kept.0.lock().unwrap().len() < 3 * (every_call().len() + 1) {
        tokio::task::yield_now().await;
    }
    let mut events = std::mem::take(&mut *kept.0.lock().unwrap());
    // Some that no tool here leads to.
    let mut more = Vec::new();
    for event in &events {
        let mut writes = event.clone();
        writes.writes = true;
        let mut broken = event.clone();
        broken.break_glass = true;
        broken.purpose = Some(Purpose::new(purposes::BTG).with_reason(Hidden::from("unconscious")));
        let mut bare = event.clone();
        (bare.purpose, bare.client, bare.principal) = (None, None, None);
        bare.patients.clear();
        let mut two = event.clone();
        two.patients.insert("Patient/other".parse().unwrap());
        more.extend([writes, broken, bare, two]);
    }
    events.extend(more);
    assert!(events.iter().any(|event| event.outcome == AuditOutcome::Undeclared));
    events
}

pub(crate) fn every_call() -> Vec<(&'static str, Value)> {
    vec![
        ("search", json!({})),
        ("read", json!({ "reference": "Observation/a1" })),
        ("read", json!({ "reference": "Observation/none" })),
        ("read", json!({ "reference": "?" })),
        ("read", json!({ "wrong": 1 })),
        ("search", json!({ "parameters": [["odd", "1"]] })),
        ("search", json!({ "parameters": [["down", "1"]] })),
        ("denies", json!({})),
        ("panics", json!({})),
    ]
}
