//! A hospital that exports, with its tasks, its files and who asks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mcp_core::server::{RequestContext, ServedTool, Server};
use mcp_core::{Principal, Shutdown, ShutdownTrigger};
use mcp_ext_healthcare::audit::{AuditError, AuditEvent, AuditTrail};
use mcp_ext_healthcare::bulk::{BulkExport, ExportFolder, Level};
use mcp_ext_healthcare::deid::SafeHarbor;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{
    DenialCode, Label, LimitSettings, Receipt, Reference, ServerSettings, Withheld,
};
use mcp_ext_healthcare::server::{
    Access, AccessPolicy, CallDecision, Found, Healthcare, LaunchContext, RecordDecision, Records,
    Search, SourceError,
};
use mcp_ext_healthcare::store::MemoryRecords;
use mcp_ext_healthcare::{PatientCompartment, Record};
use mcp_tasks::Tasks;
use mcp_tasks::store::{MemoryStore, TaskStore};
use mcp_testkit::{Answer, Message, RawClient, call_tool, eventually, request};
use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub(crate) const H: &str = "dev.mcp-ext/healthcare";
const TASKS: &str = "io.modelcontextprotocol/tasks";
pub(crate) const DOCTOR: &str = "doctor:quinn";
pub(crate) const TYPES: [&str; 4] = ["Group", "Observation", "Organization", "Patient"];

/// Whoever has a token with a launch context may read; notes stay closed.
pub(crate) struct Tokens;

impl AccessPolicy for Tokens {
    fn call(&self, access: &Access) -> CallDecision {
        match access.launch.as_ref().is_some_and(|launch| !launch.scopes.is_empty()) {
            true => CallDecision::Permit,
            false => CallDecision::Deny(DenialCode::ScopeInsufficient),
        }
    }

    fn record(&self, _: &Access, record: &Record, _: &Label) -> RecordDecision {
        match record.reference().as_str() {
            "Observation/closed" => RecordDecision::Withhold(Withheld::Scope),
            _ => RecordDecision::Permit,
        }
    }
}

/// Keeps events, and can be held up before it does.
#[derive(Clone)]
pub(crate) struct Trail {
    events: Arc<Mutex<Vec<Value>>>,
    pub(crate) gate: Arc<Semaphore>,
}

impl Default for Trail {
    fn default() -> Self {
        Self { events: Arc::default(), gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)) }
    }
}

impl Trail {
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }
}

#[async_trait]
impl AuditTrail for Trail {
    async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError> {
        let fhir = serde_json::from_str(&event.to_fhir().to_string()).unwrap();
        let _passing = self.gate.acquire().await.unwrap();
        self.events.lock().unwrap().push(fhir);
        Ok(Receipt::new(event.id.clone(), event.recorded.clone(), "sha256:00"))
    }
}

/// Records that can be held up before they give patients, and that count what they were asked.
#[derive(Clone)]
pub(crate) struct Source {
    records: MemoryRecords,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) is_closed: Arc<AtomicBool>,
    pub(crate) waiting: Arc<AtomicUsize>,
    pub(crate) observed: Arc<AtomicUsize>,
}

impl Source {
    pub(crate) fn new() -> Self {
        let records = MemoryRecords::new(FhirVersion::R4);
        let load = |record: Value| {
            records.load(&serde_json::to_string_pretty(&record).unwrap()).unwrap();
        };
        for id in ["anna", "bert", "cleo"] {
            let name = format!("Zanzibar{id}");
            load(
                json!({ "resourceType": "Patient", "id": id, "name": [{ "family": name }], "gender": "female" }),
            );
        }
        for number in 0..450 {
            let patient = ["Patient/anna", "Patient/bert", "Patient/cleo"][number % 3];
            load(json!({
                "resourceType": "Observation", "id": format!("o{number}"), "status": "final", "subject": { "reference": patient },
                "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7" }], "text": "weight" },
            }));
        }
        load(
            json!({ "resourceType": "Observation", "id": "closed", "status": "final", "code": { "text": "x" },
            "subject": { "reference": "Patient/anna" } }),
        );
        load(json!({ "resourceType": "Organization", "id": "house", "name": "House" }));
        load(
            json!({ "resourceType": "Group", "id": "ward", "type": "person", "actual": true, "member": [
            { "entity": { "reference": "Patient/anna" } }, { "entity": { "reference": "Patient/bert" }, "inactive": true },
            { "entity": { "reference": "Patient/cleo" } },
        ] }),
        );
        Self {
            records,
            gate: Arc::new(Semaphore::new(0)),
            is_closed: Arc::default(),
            waiting: Arc::default(),
            observed: Arc::default(),
        }
    }
}

#[async_trait]
impl Records for Source {
    async fn read(&self, reference: &Reference) -> Result<Option<Record>, SourceError> {
        self.records.read(reference).await
    }

    async fn search(&self, search: &Search) -> Result<Found, SourceError> {
        match search.resource_type.as_str() {
            "Observation" => drop(self.observed.fetch_add(1, Ordering::SeqCst)),
            "Patient" if self.is_closed.load(Ordering::SeqCst) => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                self.gate.acquire().await.unwrap().forget();
            }
            _ => {}
        }
        self.records.search(search).await
    }
}

/// A server whose tasks run.
pub(crate) struct Hospital {
    pub(crate) raw: RawClient,
    pub(crate) trail: Trail,
    trigger: ShutdownTrigger,
    work: JoinHandle<()>,
}

pub(crate) struct World {
    pub(crate) source: Source,
    pub(crate) store: Arc<dyn TaskStore>,
    pub(crate) files: tempfile::TempDir,
    pub(crate) limits: LimitSettings,
    pub(crate) extra: Vec<fn() -> ServedTool>,
    /// Every instance has the same key.
    names: Pseudonymizer,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            source: Source::new(),
            store: Arc::new(MemoryStore::new()),
            files: tempfile::tempdir().unwrap(),
            limits: LimitSettings::new(100_000_u64, 1_u64 << 30),
            extra: Vec::new(),
            names: Pseudonymizer::new(PseudonymKey::random().unwrap()),
        }
    }

    pub(crate) fn folder(&self) -> ExportFolder {
        ExportFolder::open(self.files.path(), "https://clinic.example/exports/").unwrap()
    }

    pub(crate) fn start(&self) -> Hospital {
        let trail = Trail::default();
        let levels = [Level::Patient, Level::Group, Level::System];
        let bulk = BulkExport::new(self.folder(), levels).limits(self.limits.clone());
        let names = self.names.clone();
        let healthcare =
            Healthcare::builder(Tokens, PatientCompartment::new(FhirVersion::R4), trail.clone())
                .records(self.source.clone())
                .pseudonyms(names.clone())
                .deid(SafeHarbor::new(FhirVersion::R4, &names))
                .definitions(FhirVersion::R4)
                .require_context(false)
                // Of one result: an export is not bound by it.
                .limits(LimitSettings::new(10_u64, 20_000_u64))
                .settings(ServerSettings::new("0.1").with_bulk(bulk.settings()))
                .build()
                .unwrap();
        let tasks = Tasks::shared(Arc::clone(&self.store)).lease(Duration::from_millis(400));
        let mut server = Server::builder("hospital", "1").tool(bulk.tool(TYPES));
        for tool in &self.extra {
            server = server.tool(tool());
        }
        let server = server.extension(healthcare).extension(tasks).build().unwrap();
        let (trigger, shutdown) = Shutdown::new();
        let background = server.clone();
        let work = tokio::spawn(async move { background.run_extensions(shutdown).await });
        let launch =
            LaunchContext { scopes: vec!["user/*.rs".to_owned()], ..LaunchContext::default() };
        let who = RequestContext::new().with_principal(Some(Principal::new(DOCTOR)));
        let raw = RawClient::new(&server).context(who.with_value(launch));
        Hospital { raw, trail, trigger, work }
    }

    /// All files of all exports, by their names.
    pub(crate) fn all_files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.files.path())
            .unwrap()
            .flat_map(|export| std::fs::read_dir(export.unwrap().path()).unwrap())
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        files
    }
}

impl World {
    #[cfg(unix)]
    pub(crate) fn all_files_of(&self, export: &str) -> Vec<PathBuf> {
        let folder = self.files.path().join(export);
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        files.chain([folder.clone()]).collect()
    }
}

impl Hospital {
    pub(crate) async fn stop(self) {
        self.trigger.request();
        self.work.await.unwrap();
    }

    pub(crate) async fn create(&self, call: Message) -> String {
        let answer = self.raw.send(call).await;
        answer.assert_result_type("task")["taskId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, id: &str) -> Value {
        let get = knowing(request("tasks/get").param("taskId", id));
        self.raw.send(get).await.assert_result_type("complete").clone()
    }

    pub(crate) async fn end(&self, id: &str) -> Value {
        eventually(async || Some(self.get(id).await).filter(|task| task["status"] != "working"))
            .await
    }

    /// The result of an export.
    pub(crate) async fn export(&self, call: Message) -> Value {
        let id = self.create(call).await;
        let task = self.end(&id).await;
        assert_eq!(task["status"], "completed", "{task}");
        task["result"].clone()
    }

    pub(crate) async fn send(&self, message: Message) -> Answer {
        self.raw.send(message).await
    }
}

/// Of a client that may have everything and knows no tasks.
pub(crate) fn plain(tool: &str, arguments: Value) -> Message {
    let client = json!({
        "version": "0.1", "maxConfidentiality": "V", "modelEgress": "local",
        "obligations": ["no-log", "no-train", "no-persist", "no-redisclose"],
    });
    call_tool(tool, arguments)
        .meta(&format!("{H}.purpose"), json!({ "code": "TREAT" }))
        .declaring_raw(H, client)
}

pub(crate) fn knowing(message: Message) -> Message {
    message.declaring_raw(TASKS, json!({}))
}

pub(crate) fn export(arguments: Value) -> Message {
    knowing(plain("bulk_export", arguments))
}

/// The lines of the file of a type, as its link names it.
pub(crate) fn lines(root: &Path, result: &Value, kind: &str) -> Vec<Value> {
    let files = result["structuredContent"]["files"].as_array().unwrap();
    let Some(file) = files.iter().find(|file| file["resourceType"] == kind) else {
        return Vec::new();
    };
    let path = file["uri"].as_str().unwrap().strip_prefix("https://clinic.example/exports/");
    let text = std::fs::read_to_string(root.join(path.unwrap())).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
