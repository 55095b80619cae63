//! An access, in the shape of IHE BALP.
//!
//! Source: IHE ITI, *Basic Audit Log Patterns* 1.1.3 (`PatientRead`, `PatientQuery`); FHIR R4, *AuditEvent*.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::protocol::{DenialCode, Purpose, Reference, purposes};

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

/// How an access ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditOutcome {
    /// What was asked for was given, or there was none.
    Success,
    /// It was denied.
    Denied(DenialCode),
    /// The client did not declare the extension, and got nothing.
    Undeclared,
    /// It failed, or its client went away.
    Failed,
}

/// One access: who, what, for whom, for what purpose, with which outcome. `Debug` shows no more than its id.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// At random; the receipt names it.
    pub id: String,
    /// When, a FHIR `instant`.
    pub recorded: String,
    /// The principal; `None` if nobody was authenticated.
    pub principal: Option<String>,
    /// What the client calls itself.
    pub client: Option<String>,
    /// The server.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// Whether it writes.
    pub writes: bool,
    /// For what purpose.
    pub purpose: Option<Purpose>,
    /// Whether the glass was broken.
    pub break_glass: bool,
    /// For which patients: that of the context, and those of the records.
    pub patients: BTreeSet<Reference>,
    /// The records that were given, by versioned references.
    pub records: BTreeSet<String>,
    /// What was searched for.
    pub query: Option<String>,
    /// How it ended.
    pub outcome: AuditOutcome,
}

impl AuditEvent {
    /// The event as a FHIR R4 *AuditEvent*.
    #[must_use]
    pub fn to_fhir(&self) -> Value {
        let (action, interaction) = match (self.writes, &self.query) {
            (true, _) => ("U", "update"),
            (false, Some(_)) => ("E", "search"),
            (false, None) => ("R", "read"),
        };
        let mut event = json!({
            "resourceType": "AuditEvent",
            "id": self.id,
            "type": coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest"),
            "subtype": [
                coding("http://hl7.org/fhir/restful-interaction", interaction),
                coding("https://modelcontextprotocol.io/methods", "tools/call"),
            ],
            "action": action,
            "recorded": self.recorded,
            "outcome": match self.outcome {
                AuditOutcome::Success => "0",
                AuditOutcome::Denied(_) | AuditOutcome::Undeclared => "4",
                AuditOutcome::Failed => "8",
            },
            "agent": self.agents(),
            "source": {
                "observer": { "display": self.server },
                "type": [coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4")],
            },
            "entity": self.entities(),
        });
        // The profiles are of accesses that took place; what is denied or fails has their shape.
        if self.outcome == AuditOutcome::Success && !self.writes {
            let name = match (self.query.is_some(), self.patients.is_empty()) {
                (true, false) => "PatientQuery",
                (true, true) => "Query",
                (false, false) => "PatientRead",
                (false, true) => "Read",
            };
            let profile = format!(
                "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.{name}"
            );
            event["meta"] = json!({ "profile": [profile] });
        }
        match &self.outcome {
            AuditOutcome::Denied(code) => event["outcomeDesc"] = code.as_str().into(),
            AuditOutcome::Undeclared => event["outcomeDesc"] = "undeclared".into(),
            AuditOutcome::Success | AuditOutcome::Failed => {}
        }
        let mut reasons = Vec::new();
        if let Some(purpose) = &self.purpose {
            let mut reason = json!({ "coding": [coding(purposes::SYSTEM, &purpose.code)] });
            if let Some(words) = &purpose.reason {
                reason["text"] = words.reveal().into();
            }
            reasons.push(reason);
        }
        if self.break_glass {
            reasons.push(json!({ "coding": [coding(purposes::SYSTEM, purposes::BTG)] }));
        }
        if !reasons.is_empty() {
            event["purposeOfEvent"] = reasons.into();
        }
        event
    }

    fn agents(&self) -> Vec<Value> {
        let mut agents = vec![
            json!({
                "type": { "coding": [coding(DICOM, "110153")] },
                "who": { "display": self.client.as_deref().unwrap_or("unknown client") },
                "requestor": self.principal.is_none(),
            }),
            json!({
                "type": { "coding": [coding(DICOM, "110152")] },
                "who": { "display": self.server },
                "requestor": false,
            }),
        ];
        if let Some(principal) = &self.principal {
            let kind = coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP");
            agents.push(json!({
                "type": { "coding": [kind] },
                "who": { "identifier": { "value": principal } },
                "requestor": true,
            }));
        }
        agents
    }

    fn entities(&self) -> Vec<Value> {
        let mut entities = vec![json!({
            "type": coding(ENTITY_TYPE, "2"),
            "role": coding(OBJECT_ROLE, "20"),
            "name": self.tool,
        })];
        entities.extend(self.patients.iter().map(|patient| {
            json!({
                "what": { "reference": patient.as_str() },
                "type": coding(ENTITY_TYPE, "1"),
                "role": coding(OBJECT_ROLE, "1"),
            })
        }));
        entities.extend(self.records.iter().map(|record| {
            json!({
                "what": { "reference": record },
                "type": coding(ENTITY_TYPE, "2"),
                "role": coding(OBJECT_ROLE, "4"),
            })
        }));
        entities.extend(self.query.iter().map(|query| {
            json!({
                "type": coding(ENTITY_TYPE, "2"),
                "role": coding(OBJECT_ROLE, "24"),
                "query": STANDARD.encode(query),
            })
        }));
        entities
    }
}

fn coding(system: &str, code: &str) -> Value {
    json!({ "system": system, "code": code })
}

impl std::fmt::Debug for AuditEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditEvent").field("id", &self.id).finish_non_exhaustive()
    }
}
