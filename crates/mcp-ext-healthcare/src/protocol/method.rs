//! The two methods: SPEC.md, sections 8 and 9.

use std::collections::BTreeMap;

use mcp_core::RawJson;
use mcp_core::protocol::{Meta, RequestMetaObject, ResultBody, ResultMetaObject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::request::{Purpose, Reference};

/// `dev.mcp-ext/healthcare/consent.evaluate`: what a patient's Consents say.
pub const CONSENT_EVALUATE: &str = "dev.mcp-ext/healthcare/consent.evaluate";
/// `dev.mcp-ext/healthcare/audit.get`: the event of a receipt.
pub const AUDIT_GET: &str = "dev.mcp-ext/healthcare/audit.get";

/// What Consents say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConsentDecision {
    /// Nothing is denied.
    Permit,
    /// Everything is denied.
    Deny,
    /// Some records are denied, and others are not.
    Partial,
}

mcp_core::wire! {
    /// What `consent.evaluate` is asked.
    ///
    /// ```
    /// use mcp_ext_healthcare::protocol::ConsentEvaluateParams;
    ///
    /// let asked = r#"{"patient":"Patient/1","purpose":{"code":"TREAT"},"resourceTypes":["Observation"]}"#;
    /// let asked: ConsentEvaluateParams = serde_json::from_str(asked)?;
    /// assert_eq!(asked.patient.id(), "1");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ConsentEvaluateParams {
        required {
            /// Whose Consents.
            patient: Reference = "patient",
            /// For what purpose something would be read.
            purpose: Purpose = "purpose",
            /// Types of records that would be read, at least one.
            resource_types: Vec<String> = "resourceTypes",
        }
        optional {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
    }
}

mcp_core::wire! {
    /// What `consent.evaluate` answers, for the principal that asks.
    pub struct ConsentEvaluateResult
    [result "complete"]
    {
        required {
            /// What is so of all the types together.
            decision: ConsentDecision = "decision",
            /// The Consents that it rests on, by versioned references.
            consents: Vec<String> = "consents",
            /// What is so of each type.
            types: BTreeMap<String, ConsentDecision> = "types",
        }
        optional {
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

mcp_core::wire! {
    /// What `audit.get` is asked.
    pub struct AuditGetParams {
        required {
            /// The receipt's id.
            id: String = "id",
        }
        optional {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
    }
}

mcp_core::wire! {
    /// The event of a receipt.
    pub struct AuditGetResult
    [result "complete"]
    {
        required {
            /// The FHIR *AuditEvent*, as it is kept.
            event: RawJson = "event",
        }
        optional {
            /// How to show that it is in the log.
            evidence: LogEvidence = "evidence" => with_evidence,
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

mcp_core::wire! {
    /// What shows, with the public key of a log and nothing else, that an entry is in it.
    pub struct LogEvidence {
        required {
            /// The log's name.
            origin: String = "origin",
            /// The entry, byte for byte as the log has it: what the receipt's digest is of.
            entry: String = "entry",
            /// The proof that the entry is in the log, and the log's signed checkpoint (C2SP *tlog-proof*).
            proof: String = "proof",
        }
    }
}

impl ResultBody for ConsentEvaluateResult {
    fn take_meta(&mut self) -> Option<Meta> {
        self.meta.take()
    }
}

impl ResultBody for AuditGetResult {
    fn take_meta(&mut self) -> Option<Meta> {
        self.meta.take()
    }
}
