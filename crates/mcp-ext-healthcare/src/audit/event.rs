//! An access, in the shape of IHE BALP.
//!
//! Source: IHE ITI, *Basic Audit Log Patterns* 1.1.3 (`Read`, `PatientRead`, `Query`, `PatientQuery`); FHIR R4 and R5, *AuditEvent*.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fhir::FhirVersion;
use crate::protocol::{DenialCode, Purpose, Reference, purposes};

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
const METHOD: &str = "https://modelcontextprotocol.io/methods";
const OUTCOME: &str = "http://terminology.hl7.org/CodeSystem/audit-event-outcome";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const RESOURCE_TYPE: &str = "http://hl7.org/fhir/resource-types";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

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
    /// The method: `tools/call`, or one of the extension's own.
    pub method: String,
    /// The tool; the method again, if that is no call of a tool.
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

/// What kind of access it was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Query,
    Update,
}

impl AuditEvent {
    /// The event as a FHIR R4 *AuditEvent*.
    #[must_use]
    pub fn to_fhir(&self) -> Value {
        self.r4()
    }

    /// The event as an *AuditEvent* of a version of FHIR.
    ///
    /// Of R4, a successful read or search that has the shape of one of BALP's profiles names it. What they have no place for (several
    /// records, denials) has the same shape as far as it goes, and names none.
    #[must_use]
    pub fn to_fhir_in(&self, version: FhirVersion) -> Value {
        match version {
            FhirVersion::R4 => self.r4(),
            FhirVersion::R5 => self.r5(),
        }
    }

    fn kind(&self) -> Kind {
        match (self.writes, &self.query) {
            (true, _) => Kind::Update,
            (false, Some(_)) => Kind::Query,
            (false, None) => Kind::Read,
        }
    }

    /// FHIR's code of the action, and that of the interaction.
    fn action(&self) -> (&'static str, &'static str) {
        match self.kind() {
            Kind::Update => ("U", "update"),
            Kind::Query => ("E", "search"),
            Kind::Read => ("R", "read"),
        }
    }

    fn r4(&self) -> Value {
        let (action, interaction) = self.action();
        let mut event = json!({
            "resourceType": "AuditEvent",
            "id": self.id,
            "type": coding(EVENT_TYPE, "rest"),
            "subtype": [coding(INTERACTION, interaction), coding(METHOD, &self.method)],
            "action": action,
            "recorded": self.recorded,
            "outcome": self.outcome.code(),
            "agent": self.r4_agents(),
            "source": {
                "observer": { "display": self.server },
                "type": [coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4")],
            },
            "entity": self.r4_entities(),
        });
        if let Some(profile) = self.profile() {
            let profile = format!(
                "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.{profile}"
            );
            event["meta"] = json!({ "profile": [profile] });
        }
        if let Some(reason) = self.outcome.reason() {
            event["outcomeDesc"] = reason.into();
        }
        let purposes = self.purposes();
        if !purposes.is_empty() {
            event["purposeOfEvent"] = purposes.into();
        }
        event
    }

    /// The profile whose shape the event has.
    fn profile(&self) -> Option<&'static str> {
        let is_plain = self.outcome == AuditOutcome::Success && self.patients.len() <= 1;
        match (self.kind(), self.patients.is_empty()) {
            _ if !is_plain => None,
            (Kind::Query, false) => Some("PatientQuery"),
            (Kind::Query, true) => Some("Query"),
            (Kind::Read, false) if self.records.len() == 1 => Some("PatientRead"),
            (Kind::Read, true) if self.records.len() == 1 => Some("Read"),
            _ => None,
        }
    }

    fn r4_agents(&self) -> Vec<Value> {
        // The profiles demand an address, and this knows none.
        let network = || json!({ "extension": [{ "url": ABSENT, "valueCode": "unknown" }] });
        let (client, server) = self.roles();
        let mut agents = vec![
            json!({
                "type": { "coding": [coding(DICOM, client)] },
                "who": { "display": self.client_name() },
                "requestor": self.principal.is_none(),
                "network": network(),
            }),
            json!({
                "type": { "coding": [coding(DICOM, server)] },
                "who": { "display": self.server },
                "requestor": false,
                "network": network(),
            }),
        ];
        agents.extend(self.user());
        agents
    }

    /// DICOM's roles of client and server: a query flows from the client, what is read flows to it.
    fn roles(&self) -> (&'static str, &'static str) {
        const SOURCE: &str = "110153";
        const DESTINATION: &str = "110152";
        if self.kind() == Kind::Read { (DESTINATION, SOURCE) } else { (SOURCE, DESTINATION) }
    }

    fn client_name(&self) -> &str {
        self.client.as_deref().unwrap_or("unknown client")
    }

    fn user(&self) -> Option<Value> {
        let kind = coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP");
        self.principal.as_ref().map(|principal| {
            json!({
                "type": { "coding": [kind] },
                "who": { "identifier": { "value": principal } },
                "requestor": true,
            })
        })
    }

    fn r4_entities(&self) -> Vec<Value> {
        // In a profile, one entity is a "system object": the record, or the query. What else there is, is of another type.
        let is_the_object = self.kind() != Kind::Query && self.records.len() == 1;
        let mut entities = vec![json!({
            "type": coding(ENTITY_TYPE, "4"),
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
            let kind = record.split_once('/').map_or("Resource", |(kind, _)| kind);
            let kind =
                if is_the_object { coding(ENTITY_TYPE, "2") } else { coding(RESOURCE_TYPE, kind) };
            json!({
                "what": { "reference": record },
                "type": kind,
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

    fn r5(&self) -> Value {
        let (action, interaction) = self.action();
        let (client, server) = self.roles();
        let mut agents = vec![
            json!({
                "type": { "coding": [coding(DICOM, client)] },
                "who": { "display": self.client_name() },
                "requestor": self.principal.is_none(),
            }),
            json!({
                "type": { "coding": [coding(DICOM, server)] },
                "who": { "display": self.server },
                "requestor": false,
            }),
        ];
        agents.extend(self.user());
        let mut outcome = json!({ "code": coding(OUTCOME, self.outcome.code()) });
        if let Some(reason) = self.outcome.reason() {
            outcome["detail"] = json!([{ "text": reason }]);
        }
        let mut event = json!({
            "resourceType": "AuditEvent",
            "id": self.id,
            "category": [{ "coding": [coding(EVENT_TYPE, "rest")] }],
            "code": { "coding": [coding(INTERACTION, interaction), coding(METHOD, &self.method)] },
            "action": action,
            "recorded": self.recorded,
            "outcome": outcome,
            "agent": agents,
            "source": {
                "observer": { "display": self.server },
                "type": [{ "coding": [
                    coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4"),
                ] }],
            },
            "entity": self.r5_entities(),
        });
        if let (Some(patient), 1) = (self.patients.first(), self.patients.len()) {
            event["patient"] = json!({ "reference": patient.as_str() });
        }
        let purposes = self.purposes();
        if !purposes.is_empty() {
            event["authorization"] = purposes.into();
        }
        event
    }

    fn r5_entities(&self) -> Vec<Value> {
        let role = |code: &str| json!({ "coding": [coding(OBJECT_ROLE, code)] });
        let mut entities = vec![json!({ "what": { "display": self.tool }, "role": role("20") })];
        entities.extend(self.patients.iter().map(
            |patient| json!({ "what": { "reference": patient.as_str() }, "role": role("1") }),
        ));
        entities.extend(
            self.records
                .iter()
                .map(|record| json!({ "what": { "reference": record }, "role": role("4") })),
        );
        entities.extend(
            self.query
                .iter()
                .map(|query| json!({ "role": role("24"), "query": STANDARD.encode(query) })),
        );
        entities
    }

    fn purposes(&self) -> Vec<Value> {
        let mut reasons = Vec::new();
        if let Some(purpose) = &self.purpose {
            let mut reason = json!({ "coding": [coding(purposes::SYSTEM, &purpose.code)] });
            if let Some(words) = &purpose.reason {
                reason["text"] = words.reveal().into();
            }
            reasons.push(reason);
        }
        let is_named = |purpose: &Purpose| purpose.code == purposes::BTG;
        if self.break_glass && !self.purpose.as_ref().is_some_and(is_named) {
            reasons.push(json!({ "coding": [coding(purposes::SYSTEM, purposes::BTG)] }));
        }
        reasons
    }
}

impl AuditOutcome {
    fn code(&self) -> &'static str {
        match self {
            Self::Success => "0",
            Self::Denied(_) | Self::Undeclared => "4",
            Self::Failed => "8",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Denied(code) => Some(code.as_str()),
            Self::Undeclared => Some("undeclared"),
            Self::Success | Self::Failed => None,
        }
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
