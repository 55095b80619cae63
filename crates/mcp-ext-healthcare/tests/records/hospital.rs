//! The official examples behind the tools, as a server.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mcp_core::Principal;
use mcp_core::server::{RequestContext, Server};
use mcp_ext_healthcare::PatientCompartment;
use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::audit::{AuditError, AuditEvent, AuditTrail};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{Label, LimitSettings, Receipt};
use mcp_ext_healthcare::server::{
    Access, AccessPolicy, CallDecision, Healthcare, RecordDecision, Records,
};
use mcp_ext_healthcare::tools::{fhir_everything, fhir_read, fhir_search};
use mcp_testkit::{Answer, Message, RawClient, call_tool};
use serde_json::{Value, json};

const H: &str = "dev.mcp-ext/healthcare";

/// Permits everything: only the compartment keeps patients apart.
pub(crate) struct Everybody;

impl AccessPolicy for Everybody {
    fn call(&self, _: &Access) -> CallDecision {
        CallDecision::Permit
    }

    fn record(&self, _: &Access, _: &Record, _: &Label) -> RecordDecision {
        RecordDecision::Permit
    }
}

/// Counts events.
#[derive(Clone, Default)]
pub(crate) struct Trail(pub(crate) Arc<Mutex<usize>>);

#[async_trait]
impl AuditTrail for Trail {
    async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError> {
        *self.0.lock().unwrap() += 1;
        let digest = format!("sha256:{}", "0".repeat(64));
        Ok(Receipt::new(event.id.clone(), event.recorded.clone(), digest))
    }
}

pub(crate) struct Hospital {
    raw: RawClient,
    pub(crate) trail: Trail,
}

impl Hospital {
    pub(crate) fn new(version: FhirVersion, records: impl Records, limits: LimitSettings) -> Self {
        let trail = Trail::default();
        let compartment = PatientCompartment::new(version);
        let healthcare = Healthcare::builder(Everybody, compartment, trail.clone())
            .records(records)
            .limits(limits)
            .build()
            .unwrap();
        let types = || version.definitions().resources();
        let server = Server::builder("hospital", "1.0.0")
            .tool(fhir_read(types()))
            .tool(fhir_search(types()))
            .tool(fhir_everything(types()))
            .extension(healthcare)
            .build()
            .unwrap();
        let who = RequestContext::new().with_principal(Some(Principal::new("doctor:quinn")));
        Self { raw: RawClient::new(&server).context(who), trail }
    }

    #[allow(dead_code, reason = "not every test program serves it otherwise")]
    pub(crate) fn server(&self) -> &Server {
        self.raw.server()
    }

    pub(crate) async fn call(&self, patient: &str, tool: &str, arguments: Value) -> Answer {
        self.raw.send(message(patient, tool, arguments)).await
    }
}

/// A call of a client that may have everything, with a patient open.
pub(crate) fn message(patient: &str, tool: &str, arguments: Value) -> Message {
    let client = json!({
        "version": "0.1", "maxConfidentiality": "V", "modelEgress": "local",
        "obligations": ["no-log", "no-train", "no-persist", "no-redisclose"],
    });
    call_tool(tool, arguments)
        .meta(&format!("{H}.context"), json!({ "patient": patient }))
        .meta(&format!("{H}.purpose"), json!({ "code": "TREAT" }))
        .declaring_raw(H, client)
}

/// The records of an answer, and the cursor to the next ones.
pub(crate) fn page(answer: &Answer) -> (Vec<Value>, Option<String>) {
    let structured = answer.assert_structured();
    let records = structured["records"].as_array().unwrap().clone();
    (records, structured["nextCursor"].as_str().map(str::to_owned))
}

pub(crate) fn denial(answer: &Answer) -> String {
    answer.assert_tool_error();
    let meta = &answer.assert_result()["_meta"][format!("{H}.denial")];
    meta["code"].as_str().unwrap_or("none").to_owned()
}
