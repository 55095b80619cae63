//! The server that clients of others, which know nothing of the healthcare extension, ask for records: with results that are de-identified,
//! or refused, as its operator chose.

use async_trait::async_trait;
use mcp_core::server::Server;
use mcp_ext_healthcare::audit::{AuditError, AuditEvent, AuditTrail};
use mcp_ext_healthcare::deid::SafeHarbor;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{Label, Receipt};
use mcp_ext_healthcare::server::{
    Access, AccessPolicy, CallDecision, Healthcare, RecordDecision, Undeclared,
};
use mcp_ext_healthcare::store::MemoryRecords;
use mcp_ext_healthcare::tools::{fhir_read, fhir_search};
use mcp_ext_healthcare::{PatientCompartment, Record};
use mcp_trust::digest::Digest;
use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};

use crate::client::Error;

/// What clients that do not declare the extension get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// `-32021`.
    Refused,
    /// De-identified records.
    Deidentified,
}

const RECORDS: [&str; 3] = [
    r#"{"resourceType":"Patient","id":"anna-4711","active":true,"name":[{"family":"Plantagenet","given":["Anna"]}],"gender":"female","birthDate":"1954-07-19","telecom":[{"system":"phone","value":"+1-555-0100"}],"address":[{"line":["12 Weir Lane"],"city":"Harlow Falls","state":"VT","postalCode":"05602","country":"US"}]}"#,
    r#"{"resourceType":"Observation","id":"weight-1","status":"final","subject":{"reference":"Patient/anna-4711","display":"Anna Plantagenet"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7","display":"Body weight"}],"text":"weight of Anna Plantagenet"},"effectiveDateTime":"2026-03-04T10:00:00Z","valueQuantity":{"value":70.10,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}"#,
    r#"{"resourceType":"ValueSet","id":"units","status":"active","url":"http://example.org/units"}"#,
];

/// The server.
///
/// # Errors
/// If it does not fit together.
pub fn build(strangers: Strangers) -> Result<Server, Error> {
    let records = MemoryRecords::new(FhirVersion::R4);
    for record in RECORDS {
        records.load(record)?;
    }
    let pseudonyms = Pseudonymizer::new(PseudonymKey::random()?);
    let safe_harbor = SafeHarbor::new(FhirVersion::R4, &pseudonyms);
    let compartment = PatientCompartment::new(FhirVersion::R4);
    let healthcare = Healthcare::builder(Everybody, compartment, Nowhere)
        .records(records)
        .deid(safe_harbor)
        .pseudonyms(pseudonyms)
        .require_context(false)
        .purposes(false, ["TREAT"])
        .undeclared(match strangers {
            Strangers::Refused => Undeclared::Refuse,
            Strangers::Deidentified => Undeclared::Deidentify("safe-harbor".to_owned()),
        })
        .build()?;
    let types = ["Patient", "Observation", "ValueSet"];
    let server = Server::builder("interop-clinic", env!("CARGO_PKG_VERSION"))
        .tool(fhir_read(types))
        .tool(fhir_search(types))
        .extension(healthcare);
    Ok(server.build()?)
}

struct Everybody;

impl AccessPolicy for Everybody {
    fn call(&self, _: &Access) -> CallDecision {
        CallDecision::Permit
    }

    fn record(&self, _: &Access, _: &Record, _: &Label) -> RecordDecision {
        RecordDecision::Permit
    }
}

/// Forgets events: what others see of the server does not depend on them.
struct Nowhere;

#[async_trait]
impl AuditTrail for Nowhere {
    async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError> {
        let digest = Digest::of(event.id.as_bytes()).to_string();
        Ok(Receipt::new(event.id.clone(), event.recorded.clone(), digest))
    }
}
