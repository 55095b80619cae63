//! What holds for every extension.

use async_trait::async_trait;
use mcp_core::RawJson;
use mcp_core::extension::Extension;
use mcp_core::server::Server;
use mcp_ext_healthcare::audit::{AuditError, AuditEvent, AuditTrail, KeptEvent};
use mcp_ext_healthcare::consent::ConsentRules;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{AUDIT_GET, CONSENT_EVALUATE, Receipt};
use mcp_ext_healthcare::server::{Found, Healthcare, Records, Search, SourceError};
use mcp_testkit::ExtensionSuite;
use serde_json::{Value, json};

use crate::world::*;

/// Keeps nothing, and gives one event to everybody.
struct Kept;

#[async_trait]
impl AuditTrail for Kept {
    async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError> {
        Ok(Receipt::new(event.id.as_str(), event.recorded.as_str(), "sha256:00"))
    }

    async fn event(&self, id: &str) -> Result<Option<KeptEvent>, AuditError> {
        let event = RawJson::from_serialize(&json!({ "resourceType": "AuditEvent", "id": id }));
        Ok(Some(KeptEvent::new(None, event.unwrap())))
    }
}

/// Anna's record, and no Consent.
struct Anna;

#[async_trait]
impl Records for Anna {
    async fn read(
        &self,
        reference: &mcp_ext_healthcare::protocol::Reference,
    ) -> Result<Option<mcp_ext_healthcare::Record>, SourceError> {
        Store(records()).read(reference).await
    }

    async fn search(&self, _: &Search) -> Result<Found, SourceError> {
        Ok(Found::default())
    }
}

fn asking(patient: &str, purpose: &str, types: &[&str]) -> Value {
    json!({ "patient": patient, "purpose": { "code": purpose }, "resourceTypes": types })
}

#[tokio::test]
async fn the_extension_suite() {
    let build = || {
        let policy = Policy { uncovered: true, ..Policy::default() };
        let extension = Healthcare::builder(policy, BySubject, Kept)
            .records(Anna)
            .pseudonyms(pseudonyms())
            .consent(ConsentRules::enforced(FhirVersion::R4))
            .auditors(|_| true)
            .build()
            .unwrap();
        Server::builder("clinic", "1.0.0").extension(extension)
    };
    let report = ExtensionSuite::new(Healthcare::ID, build)
        .settings(json!({ "version": "0.1" }))
        .refused_settings(json!({}))
        .refused_settings(json!({ "version": "7.0" }))
        .refused_settings(json!({ "version": "0.1", "maxConfidentiality": "X" }))
        .method(CONSENT_EVALUATE, asking(ANNA, "TREAT", &["Observation"]))
        .refused_params(CONSENT_EVALUATE, asking("anna", "TREAT", &["Observation"]))
        .refused_params(CONSENT_EVALUATE, asking(ANNA, "TREAT", &[]))
        .refused_params(CONSENT_EVALUATE, asking(ANNA, "TREAT", &["Nonsense"]))
        .refused_params(CONSENT_EVALUATE, asking(ANNA, "NONE", &["Observation"]))
        .refused_params(CONSENT_EVALUATE, asking("Patient/nobody", "TREAT", &["Observation"]))
        .method(AUDIT_GET, json!({ "id": "1" }))
        .refused_params(AUDIT_GET, json!({ "id": 1 }))
        .refused_params(AUDIT_GET, json!({}))
        .authenticated("auditor:ada")
        .run()
        .await;
    report.assert_passed();
}
