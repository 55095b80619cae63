//! Extensions, the client's side.

use std::sync::{Arc, Mutex};

use mcp_core::client::transport::TransportError;
use mcp_core::client::{
    Client, ClientBuildError, ClientContributions, ClientError, ClientExtension, Round,
};
use mcp_core::extension::{Extension, ExtensionId, MetaKey, NoSettings};
use mcp_core::protocol::{InputRequests, methods};
use mcp_core::transport::LineOptions;
use mcp_core::{RawJson, client::ElicitAnswer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::{Act, DONE, Peer, Scripted, result};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Level {
    level: u8,
}

struct Purpose;
impl MetaKey for Purpose {
    const KEY: &'static str = "com.example/purpose";
    type Value = String;
}

struct Label;
impl MetaKey for Label {
    const KEY: &'static str = "com.example/label";
    type Value = String;
}

/// Everything that an extension can contribute.
#[derive(Default, Clone)]
struct Jobs {
    heard: Arc<Mutex<Vec<String>>>,
}

impl Extension for Jobs {
    const ID: ExtensionId = ExtensionId::new("com.example/jobs");
    type ClientSettings = Level;
    type ServerSettings = Level;
}

#[derive(Deserialize, JsonSchema)]
struct Finished {
    job: String,
}

#[derive(Deserialize)]
struct Job {
    job: String,
    #[serde(default)]
    questions: InputRequests,
}

impl ClientExtension for Jobs {
    fn settings(&self) -> Level {
        Level { level: 2 }
    }

    fn contribute(self: Arc<Self>, to: &mut ClientContributions<Self>) {
        to.claim("job", async |claimed| {
            let job: Job = claimed.result.parse().unwrap();
            let answers = claimed.answer(job.questions).await?;
            let params = json!({ "job": job.job, "answers": answers });
            claimed.client.request_raw("com.example/jobs/await", &params).await
        });
        let heard = Arc::clone(&self.heard);
        to.notification("com.example/finished", move |finished: Finished| {
            heard.lock().unwrap().push(finished.job);
        });
        to.routed_method("com.example/jobs/get", "job");
        to.request_meta::<Purpose>(|info| {
            (info.method == methods::TOOLS_CALL).then(|| format!("for {}", info.name.unwrap()))
        });
        let heard = Arc::clone(&self.heard);
        to.result_meta::<Label>(move |info, label| {
            heard.lock().unwrap().push(format!("{} {label}", info.method));
        });
    }
}

fn with_jobs(server: &Scripted) -> (Client, Jobs) {
    let jobs = Jobs::default();
    (server.client_of(Client::builder("t", "1").extension(jobs.clone())), jobs)
}

#[tokio::test]
async fn an_enabled_extension_is_declared_with_every_request() {
    let server = Scripted::new([result(DONE), result(r#"{"contents":[]}"#)]);
    let (client, _) = with_jobs(&server);
    client.call("t").send().await.unwrap();
    client.read_resource("a:b").await.unwrap();
    for seen in server.seen() {
        assert_eq!(
            seen.meta()["io.modelcontextprotocol/clientCapabilities"],
            json!({ "extensions": { "com.example/jobs": { "level": 2 } } })
        );
    }
    assert_eq!(client.extensions().collect::<Vec<_>>(), [Jobs::ID]);
}

#[tokio::test]
async fn metadata_is_added_and_read() {
    let server = Scripted::new([
        result(r#"{"content":[],"_meta":{"com.example/label":"secret"}}"#),
        result(r#"{"contents":[],"_meta":{"com.example/label":7}}"#),
        result(DONE),
    ]);
    let (client, jobs) = with_jobs(&server);
    client.call("t").send().await.unwrap();
    client.read_resource("a:b").await.unwrap();
    client.call("t").meta("com.example/purpose", &"my own").send().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].meta()["com.example/purpose"], "for t");
    assert!(seen[1].meta().get("com.example/purpose").is_none());
    assert_eq!(seen[2].meta()["com.example/purpose"], "my own", "the caller's comes first");
    assert_eq!(*jobs.heard.lock().unwrap(), ["tools/call secret"], "what does not fit is ignored");
}

const JOB: &str = r#"{"resultType":"job","job":"j1"}"#;

#[tokio::test]
async fn a_claimed_result_is_resolved_to_the_final_one() {
    let server = Scripted::new([result(JOB), result(DONE)]);
    let (client, _) = with_jobs(&server);
    let called = client.call("t").send().await.unwrap();
    assert_eq!(called.all_text(), "done");
    assert_eq!(server.methods(), ["tools/call", "com.example/jobs/await"]);
    assert_eq!(server.seen()[1].params()["job"], "j1");
}

#[tokio::test]
async fn a_resolver_may_have_questions_answered() {
    let asking = r#"{"resultType":"job","job":"j1","questions":{"q":{"method":"elicitation/create",
        "params":{"message":"m","requestedSchema":{"type":"object","properties":{}}}}}}"#;
    let server = Scripted::new([result(asking), result(DONE), result(asking)]);
    let jobs = Jobs::default();
    let builder = Client::builder("t", "1").extension(jobs).on_elicit_form(async |form| {
        assert_eq!(form.asked_by.name.as_deref(), Some("t"));
        ElicitAnswer::Decline
    });
    server.client_of(builder).call("t").send().await.unwrap();
    assert_eq!(server.seen()[1].params()["answers"], json!({ "q": { "action": "decline" } }));

    let (client, _) = with_jobs(&server);
    let error = client.call("t").send().await.unwrap_err();
    assert!(matches!(error, ClientError::NoHandler { .. }), "{error}");
}

#[tokio::test]
async fn a_resolver_must_find_a_complete_result_of_the_right_shape() {
    for found in [JOB, r#"{"resultType":"input_required","requestState":"s"}"#, r#"{"tools":[]}"#] {
        let server = Scripted::new([result(JOB), result(found), result(DONE)]);
        let (client, _) = with_jobs(&server);
        if found == JOB {
            // The resolver's own request is claimed as well, and resolved.
            client.call("t").send().await.unwrap();
            continue;
        }
        let error = client.call("t").send().await.unwrap_err();
        assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{found}: {error}");
    }
}

#[tokio::test]
async fn claimed_results_may_be_had_as_they_come() {
    let server = Scripted::new([result(JOB)]);
    let (client, _) = with_jobs(&server);
    let round = client.call_tool_once("t", &json!({})).await.unwrap();
    let Round::Extension { result_type, result } = round else { panic!("{round:?}") };
    assert_eq!(&*result_type, "job");
    assert_eq!(result.get(), JOB);
}

#[tokio::test]
async fn without_the_extension_its_results_are_invalid() {
    let server = Scripted::new([result(JOB), result(JOB)]);
    let client = server.client();
    let error = client.call("t").send().await.unwrap_err();
    assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{error}");
    assert!(error.to_string().contains("job"));
    assert!(client.call_tool_once("t", &json!({})).await.is_err());
}

#[tokio::test]
async fn methods_and_notifications_need_the_extension() {
    #[derive(Deserialize)]
    struct Got {
        state: String,
    }
    let server = Scripted::new([result(r#"{"state":"running"}"#), result(r#"{"state":7}"#)]);
    let (client, _) = with_jobs(&server);
    let params = json!({ "job": "j1" });
    let got: Got =
        client.request_extension::<Jobs, _, _>("com.example/jobs/get", &params).await.unwrap();
    assert_eq!(got.state, "running");
    assert_eq!(server.seen()[0].name.as_deref(), Some("j1"), "routed by its field");
    let wrong = client.request_extension::<Jobs, _, Got>("com.example/jobs/get", &params).await;
    assert!(matches!(wrong, Err(ClientError::UnexpectedResult { .. })));

    client.notify_extension::<Jobs, _>("com.example/seen", &params).await.unwrap();
    let notified = &server.notified()[0];
    assert!(notified.get("id").is_none());
    let meta = &notified["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(
        meta["io.modelcontextprotocol/clientCapabilities"]["extensions"]["com.example/jobs"]["level"],
        2
    );

    let plain = server.client();
    let error = plain.notify_extension::<Jobs, _>("com.example/seen", &params).await.unwrap_err();
    assert!(matches!(error, ClientError::ExtensionNotEnabled(id) if id == Jobs::ID));
    let refused = plain.request_extension::<Jobs, _, Got>("com.example/jobs/get", &params).await;
    assert!(matches!(refused, Err(ClientError::ExtensionNotEnabled(_))));
}

#[tokio::test]
async fn a_server_without_the_extension_is_called_as_ever() {
    // It declares nothing, and answers in the ways of the core.
    let server = Scripted::new([
        result(
            r#"{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"public"}"#,
        ),
        result(DONE),
        crate::support::error(r#"{"code":-32601,"message":"Method not found"}"#),
        result(DONE),
    ]);
    let (client, _) = with_jobs(&server);
    assert!(client.server_settings::<Jobs>().await.unwrap().is_none());
    assert_eq!(client.call("t").send().await.unwrap().all_text(), "done");
    let params = json!({ "job": "j1" });
    let refused = client
        .request_extension::<Jobs, _, serde_json::Value>("com.example/jobs/get", &params)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(-32601));
    assert_eq!(client.call("t").send().await.unwrap().all_text(), "done");
}

#[tokio::test]
async fn notifications_reach_the_extension_wherever_they_come() {
    let finished = |job: &str, meta: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"com.example/finished","params":{{"job":"{job}"{meta}}}}}"#
        )
    };
    // With a request.
    let server = Scripted::new([
        vec![
            Act::Tell(finished("with a request", "")),
            Act::Say(r#"{"jsonrpc":"2.0","method":"com.example/finished","params":{"job":7}}"#),
            Act::Tell(format!(r#"{{"jsonrpc":"2.0","id":$id,"result":{DONE}}}"#)),
        ],
        vec![
            Act::Say(
                r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":$id},"notifications":{}}}"#,
            ),
            Act::Tell(finished(
                "on a subscription",
                r#","_meta":{"io.modelcontextprotocol/subscriptionId":$id}"#,
            )),
            Act::Break(TransportError::Closed),
        ],
    ]);
    let (client, jobs) = with_jobs(&server);
    client.call("t").send().await.unwrap();
    let mut changes = client.listen(Default::default());
    while let Some(Ok(_)) = changes.next().await {}
    // Alone, on a connection that all share.
    let (_client, mut peer) =
        Peer::new(Client::builder("t", "1").extension(jobs.clone()), LineOptions::default());
    peer.say(&finished("alone", "")).await;
    while jobs.heard.lock().unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(*jobs.heard.lock().unwrap(), ["with a request", "on a subscription", "alone"]);
}

#[tokio::test]
async fn the_servers_settings_are_typed() {
    let discovered = |extensions: &str| {
        result(&format!(
            r#"{{"supportedVersions":["2026-07-28"],"capabilities":{{{extensions}}},"ttlMs":0,"cacheScope":"public"}}"#
        ))
    };
    let server = Scripted::new([
        discovered(r#""extensions":{"com.example/jobs":{"level":5}}"#),
        discovered(r#""extensions":{}"#),
        discovered(""),
        discovered(r#""extensions":{"com.example/jobs":{"level":"high"}}"#),
    ]);
    let client = server.client();
    assert_eq!(client.server_settings::<Jobs>().await.unwrap().unwrap().level, 5);
    assert!(client.server_settings::<Jobs>().await.unwrap().is_none());
    assert!(client.server_settings::<Jobs>().await.unwrap().is_none());
    let wrong = client.server_settings::<Jobs>().await;
    assert!(matches!(wrong, Err(ClientError::ServerSettings { id, .. }) if id == Jobs::ID));
}

/// Claims what is not its own.
struct Greedy;

impl Extension for Greedy {
    const ID: ExtensionId = ExtensionId::new("com.example/greedy");
    type ClientSettings = Vec<u8>;
    type ServerSettings = NoSettings;
}

struct Reserved;
impl MetaKey for Reserved {
    const KEY: &'static str = "io.modelcontextprotocol/mine";
    type Value = String;
}

struct Bare;
impl MetaKey for Bare {
    const KEY: &'static str = "bare";
    type Value = String;
}

struct Core;
impl MetaKey for Core {
    const KEY: &'static str = "io.modelcontextprotocol/clientInfo";
    type Value = String;
}

impl ClientExtension for Greedy {
    fn settings(&self) -> Vec<u8> {
        Vec::new()
    }

    fn contribute(self: Arc<Self>, to: &mut ClientContributions<Self>) {
        to.claim("complete", async |claimed| Ok(claimed.result));
        to.claim("job", async |_| Ok(RawJson::from(json!({}))));
        to.notification("notifications/progress", |_: serde_json::Value| {});
        to.routed_method("tools/call", "x");
        to.request_meta::<Reserved>(|_| None);
        to.request_meta::<Bare>(|_| None);
        to.request_meta::<Core>(|_| None);
        to.result_meta::<Label>(|_, _| {});
    }
}

#[test]
fn all_conflicts_are_found_at_once_when_the_client_is_built() {
    let builder = Client::builder("t", "1")
        .extension(Jobs::default())
        .extension(Jobs::default())
        .extension(Greedy);
    let errors = builder.connect(Scripted::new([])).unwrap_err();
    let found = errors.as_slice();
    let has = |wanted: fn(&ClientBuildError) -> bool| found.iter().filter(|e| wanted(e)).count();
    assert_eq!(has(|e| matches!(e, ClientBuildError::DuplicateExtension(_))), 1, "{errors}");
    assert_eq!(has(|e| matches!(e, ClientBuildError::Settings { .. })), 1, "{errors}");
    assert_eq!(has(|e| matches!(e, ClientBuildError::CoreName { .. })), 4, "{errors}");
    assert_eq!(has(|e| matches!(e, ClientBuildError::Claimed { .. })), 2, "{errors}");
    assert_eq!(has(|e| matches!(e, ClientBuildError::MetaKey { .. })), 2, "{errors}");
    assert_eq!(errors.to_string().lines().count(), 11);
}
