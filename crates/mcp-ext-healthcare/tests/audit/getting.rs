//! Who gets an event, and what it shows: AUD-4 and AUD-5.

use std::sync::Arc;

use mcp_core::Principal;
use mcp_core::client::{Client, ClientError};
use mcp_core::server::RequestContext;
use mcp_core::transport::MemoryTransport;
use mcp_ext_healthcare::audit::{AuditTrail, LoggedTrail};
use mcp_ext_healthcare::client::{HealthcareClient, ReceiptError, verify_receipt};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{
    AuditGetResult, Context, ModelEgress, Purpose, Receipt, Reference,
};
use mcp_testkit::Pair;
use mcp_trust::receipts::SharedLog;
use serde_json::{Value, json};

use crate::world::*;

/// AUD-5.
#[tokio::test]
async fn events_are_for_their_principals_and_auditors() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(trail(&folder.path().join("audit"), &Keys::new()));
    let quinn = client(&server, Some("doctor:quinn"));
    let answer = quinn.send(call("read", json!({ "reference": "Observation/a1" }))).await;
    let receipt = receipt(&answer);
    for principal in ["doctor:quinn", "auditor:ada"] {
        let answer = client(&server, Some(principal)).send(get(&receipt.id)).await;
        let event = &answer.assert_result()["event"];
        assert_eq!(event["id"], receipt.id.as_str());
        assert_eq!(event["recorded"], receipt.recorded.as_str());
        assert_eq!(event["resourceType"], "AuditEvent");
        assert_eq!(event["agent"][2]["who"]["identifier"]["value"], "doctor:quinn");
        let label = &answer.assert_result()["_meta"][format!("{H}.label")];
        assert_eq!(label["phi"], "identified");
    }
    // To others it looks as one that there never was.
    let never = quinn.send(get("never")).await.assert_error(-32602).clone();
    let mut others = Vec::new();
    for principal in [Some("doctor:robin"), Some("doctor:quin"), Some("Doctor:quinn"), None] {
        others.push(client(&server, principal).send(get(&receipt.id)).await);
    }
    for id in ["", "../audit", "#0", &"x".repeat(10_000)] {
        others.push(quinn.send(get(id)).await);
    }
    // A client that is not fit for what the event holds, of the same principal.
    let uncovered = mcp_testkit::request("dev.mcp-ext/healthcare/audit.get")
        .param("id", &receipt.id)
        .declaring_raw(H, json!({ "version": "0.1" }));
    others.push(quinn.send(uncovered).await);
    for answer in others {
        assert_eq!(*answer.assert_error(-32602), never);
    }
    let undeclared =
        mcp_testkit::request("dev.mcp-ext/healthcare/audit.get").param("id", &receipt.id);
    quinn.send(undeclared).await.assert_error(-32021);
    quinn.send(get("x").param("id", 7)).await.assert_error(-32602);
}

/// The access of nobody is nobody's to ask for.
#[tokio::test]
async fn an_access_without_a_principal_is_for_auditors_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(trail(&folder.path().join("audit"), &Keys::new()));
    let answer = client(&server, None).send(call("search", json!({}))).await;
    let receipt = receipt(&answer);
    client(&server, None).send(get(&receipt.id)).await.assert_error(-32602);
    client(&server, Some("auditor:ada")).send(get(&receipt.id)).await.assert_result();
}

struct Scene {
    keys: Keys,
    pair: Pair,
    health: HealthcareClient,
    _folder: tempfile::TempDir,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::new();
    let server = server(trail(&folder.path().join("audit"), &keys));
    let health = HealthcareClient::new().model_egress(ModelEgress::Local);
    health.set_context(Some(Context::new(ANNA.parse::<Reference>().unwrap())));
    health.set_purpose(Some(Purpose::new("TREAT")));
    let context = RequestContext::new().with_principal(Some(Principal::new("doctor:quinn")));
    let transport = MemoryTransport::new(server.clone()).with_context(context);
    let client = Client::builder("ward", "1.0.0").extension(health.clone());
    let pair = Pair::over(&server, transport, client).unwrap();
    Scene { keys, pair, health, _folder: folder }
}

impl Scene {
    async fn read(&self) -> (Receipt, AuditGetResult) {
        let asked = json!({ "reference": "Observation/a1" });
        self.pair.client.call_tool("read", &asked).await.unwrap();
        let receipt = self.health.take_receipts().pop().unwrap();
        let event = self.health.audit_event(&self.pair.client, &receipt).await.unwrap();
        (receipt, event)
    }
}

/// AUD-4: offline, with the log's public key alone.
#[tokio::test]
async fn a_receipt_is_verified_far_from_the_log() {
    let scene = scene();
    let known = [scene.keys.public.clone()];
    let (first, event) = scene.read().await;
    let checkpoint = verify_receipt(&first, &event, ORIGIN, &known).unwrap();
    assert_eq!((checkpoint.size(), checkpoint.origin()), (1, ORIGIN));
    let (second, later) = scene.read().await;
    assert_eq!(verify_receipt(&second, &later, ORIGIN, &known).unwrap().size(), 2);
    assert_eq!(second.prev.as_deref(), Some(first.digest.as_str()));
    // The first is asked for again, of the log as it is now.
    let again = scene.health.audit_event(&scene.pair.client, &first).await.unwrap();
    assert_eq!(verify_receipt(&first, &again, ORIGIN, &known).unwrap().size(), 2);

    let refused = |receipt: &Receipt, answer: &AuditGetResult, origin: &str| {
        verify_receipt(receipt, answer, origin, &known).unwrap_err()
    };
    assert_eq!(refused(&first, &later, ORIGIN), ReceiptError::OtherEntry);
    assert_eq!(refused(&first, &event, "other.example/audit"), ReceiptError::Unproven);
    let mut other = first.clone();
    other.prev = Some(second.digest.clone());
    assert_eq!(refused(&other, &event, ORIGIN), ReceiptError::OtherEntry);
    other = first.clone();
    other.recorded = second.recorded.replace("20", "19");
    assert_eq!(refused(&other, &event, ORIGIN), ReceiptError::OtherEvent);
    let mut bare = event.clone();
    bare.evidence = None;
    assert_eq!(refused(&first, &bare, ORIGIN), ReceiptError::NoEvidence);
    // One event for another, and one entry for another.
    let mut swapped = event.clone();
    swapped.event = later.event.clone();
    assert_eq!(refused(&first, &swapped, ORIGIN), ReceiptError::OtherEvent);
    swapped = event.clone();
    swapped.evidence.as_mut().unwrap().entry = later.evidence.as_ref().unwrap().entry.clone();
    assert_eq!(refused(&first, &swapped, ORIGIN), ReceiptError::OtherEntry);
    swapped = event.clone();
    swapped.evidence.as_mut().unwrap().proof = later.evidence.as_ref().unwrap().proof.clone();
    assert_eq!(refused(&first, &swapped, ORIGIN), ReceiptError::Unproven);
    for text in ["", "{}", "c2sp.org/tlog-proof@v1\nindex 0\n\n"] {
        let mut broken = event.clone();
        broken.evidence.as_mut().unwrap().entry = text.to_owned();
        assert_eq!(refused(&first, &broken, ORIGIN), ReceiptError::Malformed);
        broken = event.clone();
        broken.evidence.as_mut().unwrap().proof = text.to_owned();
        assert_eq!(refused(&first, &broken, ORIGIN), ReceiptError::Malformed);
    }
    // Whoever changes the event in both places has another digest.
    let mut forged = event.clone();
    let evidence = forged.evidence.as_mut().unwrap();
    evidence.entry = evidence.entry.replace("doctor:quinn", "doctor:robin");
    assert_eq!(refused(&first, &forged, ORIGIN), ReceiptError::OtherEntry);
    // Another key in the log's name.
    let strangers = [Keys::new().public];
    let error = verify_receipt(&first, &event, ORIGIN, &strangers).unwrap_err();
    assert_eq!(error, ReceiptError::Unproven);
}

/// AUD-4: who has the receipt has nothing to try with; the salt is in the log alone.
#[tokio::test]
async fn nobody_can_try_whom_a_receipt_is_about() {
    use mcp_trust::canonical::Canonical;

    let scene = scene();
    let (receipt, answer) = scene.read().await;
    let shown = serde_json::to_string(&receipt).unwrap();
    for secret in ["anna", "quinn", "Observation", "TREAT"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let entry: Value = serde_json::from_str(&answer.evidence.unwrap().entry).unwrap();
    let salt = entry["receipt"]["salt"].as_str().unwrap();
    assert_eq!(salt.len(), 22);
    // All that can be guessed, without the salt, is not what the digest is of.
    let mut guessed = entry.clone();
    guessed["receipt"].as_object_mut().unwrap().remove("salt");
    for guess in [&guessed, &guessed["receipt"], &guessed["receipt"]["event"]] {
        let digest = Canonical::of(guess).unwrap().digest().to_string();
        assert_ne!(digest, receipt.digest);
    }
}

#[tokio::test]
async fn a_trail_that_only_writes_gives_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = options().create(folder.path().join("audit")).unwrap();
    let server = server(LoggedTrail::new(SharedLog::new(log).unwrap()));
    let quinn = client(&server, Some("doctor:quinn"));
    let receipt = receipt(&quinn.send(call("search", json!({}))).await);
    quinn.send(get(&receipt.id)).await.assert_error(-32602);
}

/// Without a signer the event is given, and no evidence; R5 is kept as R5.
#[tokio::test]
async fn events_are_kept_as_the_trail_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let (trail, _) = LoggedTrail::open(&options(), &path).unwrap();
    let trail = trail.fhir(FhirVersion::R5);
    let server = server(trail.clone());
    let quinn = client(&server, Some("doctor:quinn"));
    let receipt = receipt(&quinn.send(call("search", json!({}))).await);
    let answer = quinn.send(get(&receipt.id)).await;
    let result = answer.assert_result();
    assert_eq!(result["event"]["outcome"]["code"]["code"], "0");
    assert!(result["evidence"].is_null());
    // What else somebody writes to the log is no event.
    assert!(trail.event("#0").await.unwrap().is_none());
    let _ = Arc::new(trail);
}

#[tokio::test]
async fn errors_of_the_client_are_those_of_the_server() {
    let scene = scene();
    let (receipt, _) = scene.read().await;
    let mut other = receipt.clone();
    other.id = "never".to_owned();
    let refused = scene.health.audit_event(&scene.pair.client, &other).await.unwrap_err();
    assert!(matches!(refused, ClientError::Rpc(error) if error.code == -32602));
}
