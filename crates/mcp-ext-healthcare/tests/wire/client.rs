//! The client's half: SPEC.md, sections 2.2, 3, 5 and 6.

use mcp_core::client::Client;
use mcp_core::server::Server;
use mcp_core::transport::MemoryTransport;
use mcp_ext_healthcare::client::{Evidence, HealthcareClient};
use mcp_ext_healthcare::protocol::{
    Confidentiality, Context, Label, Minimize, ModelEgress, Obligation, Phi, Purpose, Reference,
    ServerSettings,
};
use mcp_testkit::{FakeServer, Pair};
use serde_json::{Value, json};

use crate::world::*;

fn anna() -> Context {
    Context::new(ANNA.parse::<Reference>().unwrap())
}

fn doctor() -> HealthcareClient {
    HealthcareClient::new()
        .max_confidentiality(Confidentiality::Restricted)
        .model_egress(ModelEgress::Local)
        .keeps([Obligation::NO_REDISCLOSE])
}

fn pair(health: &HealthcareClient) -> (Pair, Trail) {
    let trail = Trail::default();
    let server = tools(Server::builder("clinic", "1.0.0"))
        .extension(extension(Policy::default(), &trail, |builder| builder))
        .build()
        .unwrap();
    let client = Client::builder("ward", "1.0.0").extension(health.clone());
    (Pair::over(&server, MemoryTransport::new(server.clone()), client).unwrap(), trail)
}

#[tokio::test]
async fn the_host_says_for_whom_and_learns_what_came() {
    let health = doctor();
    let (pair, trail) = pair(&health);
    let settings = pair.client.server_settings::<HealthcareClient>().await.unwrap();
    let settings: Option<ServerSettings> = settings;
    assert_eq!(settings.unwrap().version, "0.1");

    let search = search_for("Observation");
    let denied = pair.client.call_tool("search", &search).await.unwrap();
    let evidence = Evidence::of(&denied).unwrap();
    assert_eq!(evidence.denial.unwrap().code.as_str(), "context_missing");
    assert_eq!(health.seen(), Label::nothing());

    health.set_context(Some(anna()));
    health.set_purpose(Some(Purpose::new("TREAT")));
    let result = pair.client.call_tool("search", &search).await.unwrap();
    let evidence = Evidence::of(&result).unwrap();
    let label = evidence.label.unwrap();
    assert_eq!((label.phi, label.confidentiality), (Phi::Identified, Confidentiality::Restricted));
    assert_eq!(evidence.citations.len(), 3);
    assert!(evidence.denial.is_none() && evidence.deid.is_none());
    assert_eq!(health.seen(), label);
    assert!(health.must(&Obligation::NO_REDISCLOSE) && !health.must(&Obligation::NO_LOG));

    let receipts = health.take_receipts();
    let recorded: Vec<_> = trail.take().into_iter().map(|event| event.id).collect();
    assert_eq!(receipts.iter().map(|one| one.id.clone()).collect::<Vec<_>>(), recorded);
    assert!(health.take_receipts().is_empty());

    // What came stays known, whatever comes after.
    health.set_minimize(Some(Minimize::new().with_deid("safe-harbor")));
    let result = pair.client.call_tool("search", &search).await.unwrap();
    assert_eq!(Evidence::of(&result).unwrap().label.unwrap().phi, Phi::Deidentified);
    assert_eq!(health.seen().phi, Phi::Identified);
    pair.wire.assert_published();
}

/// CTX-5, CTX-6: beside the arguments, with calls of tools and with nothing else.
#[tokio::test]
async fn context_and_purpose_go_with_calls_only_and_beside_the_arguments() {
    let health = doctor();
    health.set_context(Some(anna()));
    health.set_purpose(Some(Purpose::new("TREAT").with_reason("because")));
    let (pair, _) = pair(&health);
    pair.client.call_tool("search", &search_for("Observation")).await.unwrap();
    pair.client.discover().await.unwrap();
    let calls = pair.wire.messages_of("tools/call");
    assert_eq!(calls.len(), 1);
    let params = &calls[0]["params"];
    assert_eq!(params["_meta"][key("context")], json!({ "patient": ANNA }));
    assert_eq!(params["_meta"][key("purpose")], json!({ "code": "TREAT", "reason": "because" }));
    assert!(!params["arguments"].to_string().contains("anna"));
    for message in pair.wire.messages_of("server/discover") {
        assert!(!message.to_string().contains("anna"));
    }
}

/// A label that cannot be read protects the most, and the high-water mark never falls.
#[tokio::test]
async fn a_label_that_cannot_be_read_counts_as_the_highest() {
    for (label, expected) in [
        (json!({ "phi": "none", "confidentiality": "N" }), Label::nothing()),
        (json!({ "phi": "new", "confidentiality": "N" }), Label::highest()),
        (json!({ "phi": "none", "confidentiality": "X" }), Label::highest()),
        (json!("none"), Label::highest()),
        (
            json!({ "phi": "none", "confidentiality": "N", "perResource": {
                "/a": { "phi": "limited", "confidentiality": "R", "obligations": ["no-log"] } } }),
            Label::new(Phi::Limited, Confidentiality::Restricted)
                .with_obligations([Obligation::NO_LOG]),
        ),
    ] {
        let health = doctor();
        let shown = label.clone();
        let server = FakeServer::new(move |request: &Value| {
            let result = json!({
                "resultType": "complete", "content": [], "_meta": { key("label"): label },
            });
            vec![FakeServer::result(request, result)]
        });
        let client = Client::builder("ward", "1.0.0").extension(health.clone());
        let client = client.connect(server).unwrap();
        client.call_tool("search", &json!({})).await.unwrap();
        assert_eq!(health.seen(), expected, "{shown}");
    }
}
