//! A clinic with the official examples, and who asks.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mcp_core::Principal;
use mcp_core::server::{RequestContext, ServedTool, Server};
use mcp_ext_healthcare::PatientCompartment;
use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::audit::{AuditError, AuditEvent, AuditTrail};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{Label, LimitSettings, Receipt, Withheld};
use mcp_ext_healthcare::server::{
    Access, AccessPolicy, CallDecision, Compartment, Healthcare, HealthcareBuilder, Patients,
    RecordDecision,
};
use mcp_ext_healthcare::store::MemoryRecords;
use mcp_testkit::{Answer, Message, RawClient, call_tool};
use serde_json::{Value, json};

pub(crate) const H: &str = "dev.mcp-ext/healthcare";
pub(crate) const DOCTOR: &str = "doctor:quinn";

/// Everybody may read everything, but types that are withheld.
#[derive(Clone, Default)]
pub(crate) struct Policy {
    pub(crate) withheld: Vec<&'static str>,
}

impl AccessPolicy for Policy {
    fn call(&self, _: &Access) -> CallDecision {
        CallDecision::Permit
    }

    fn record(&self, _: &Access, record: &Record, _: &Label) -> RecordDecision {
        match self.withheld.contains(&record.resource_type()) {
            true => RecordDecision::Withhold(Withheld::Scope),
            false => RecordDecision::Permit,
        }
    }
}

#[derive(Clone, Default)]
pub(crate) struct Trail(Arc<Mutex<Vec<AuditEvent>>>);

impl Trail {
    pub(crate) fn one(&self) -> Value {
        let mut events = std::mem::take(&mut *self.0.lock().unwrap());
        assert_eq!(events.len(), 1, "exactly one event for each access");
        serde_json::from_str(&events.pop().unwrap().to_fhir().to_string()).unwrap()
    }
}

#[async_trait]
impl AuditTrail for Trail {
    async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError> {
        self.0.lock().unwrap().push(event.clone());
        Ok(Receipt::new(event.id.as_str(), event.recorded.as_str(), "sha256:00"))
    }
}

pub(crate) struct Clinic {
    pub(crate) raw: RawClient,
    pub(crate) trail: Trail,
}

impl Clinic {
    pub(crate) fn new(
        records: &MemoryRecords,
        tools: impl IntoIterator<Item = ServedTool>,
        policy: Policy,
        change: impl FnOnce(HealthcareBuilder) -> HealthcareBuilder,
    ) -> Self {
        let trail = Trail::default();
        let compartment = PatientCompartment::new(records.version());
        let builder = Healthcare::builder(policy, compartment, trail.clone())
            .records(records.clone())
            .limits(LimitSettings::new(1000_u64, 8_u64 * 1024 * 1024))
            .name("clinic");
        let healthcare = change(builder).build().unwrap();
        let mut server = Server::builder("clinic", "1.0.0");
        for tool in tools {
            server = server.tool(tool);
        }
        let server = server.extension(healthcare).build().unwrap();
        let context = RequestContext::new().with_principal(Some(Principal::new(DOCTOR)));
        Self { raw: RawClient::new(&server).context(context), trail }
    }

    /// As a client that may have everything, for a patient's treatment.
    pub(crate) async fn call(&self, tool: &str, patient: &str, arguments: Value) -> Answer {
        self.raw.send(treating(call_tool(tool, arguments), patient)).await
    }
}

pub(crate) fn trusted() -> Value {
    json!({
        "version": "0.1", "maxConfidentiality": "V", "modelEgress": "local",
        "obligations": ["no-log", "no-train", "no-persist", "no-redisclose"],
    })
}

pub(crate) fn treating(message: Message, patient: &str) -> Message {
    message
        .meta(&format!("{H}.context"), json!({ "patient": patient }))
        .meta(&format!("{H}.purpose"), json!({ "code": "TREAT" }))
        .declaring_raw(H, trusted())
}

pub(crate) fn put(records: &MemoryRecords, value: &Value) {
    records.insert(Record::parse(&value.to_string()).unwrap()).unwrap();
}

pub(crate) fn meta<'a>(answer: &'a Answer, name: &str) -> &'a Value {
    &answer.assert_result()["_meta"][format!("{H}.{name}")]
}

pub(crate) fn denial(answer: &Answer) -> String {
    answer.assert_tool_error();
    meta(answer, "denial")["code"].as_str().unwrap_or("none").to_owned()
}

/// The text of a tool's failure.
pub(crate) fn told(answer: &Answer) -> String {
    answer.assert_tool_error();
    answer.assert_result()["content"][0]["text"].as_str().unwrap().to_owned()
}

impl Clinic {
    /// One where every record is the patient's who is asked for: for tests of what becomes of records.
    pub(crate) fn of_nobody(version: FhirVersion, tool: ServedTool) -> Self {
        struct Everybodys;

        impl Compartment for Everybodys {
            fn patients(&self, _: &Record) -> Patients {
                Patients::Nobody
            }
        }

        let trail = Trail::default();
        let healthcare = Healthcare::builder(Policy::default(), Everybodys, trail.clone())
            .records(MemoryRecords::new(version))
            .build()
            .unwrap();
        let server = Server::builder("clinic", "1.0.0").tool(tool).extension(healthcare);
        let context = RequestContext::new().with_principal(Some(Principal::new(DOCTOR)));
        Self { raw: RawClient::new(&server.build().unwrap()).context(context), trail }
    }
}
