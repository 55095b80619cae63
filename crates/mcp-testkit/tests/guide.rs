//! The extension guide: its snippets are from files that compile, its messages are what is sent, and
//! its extension passes the suite.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::sync::Arc;

use mcp_core::client::Client;
use mcp_core::extension::{
    Contributions, Extension, ExtensionId, MethodOptions, NoSettings, ServerExtension,
};
use mcp_core::protocol::EmptyResult;
use mcp_core::server::Server;
use mcp_testkit::{
    ClientExtensionSuite, ExtensionSuite, FakeServer, Pair, RawClient, call_tool, notification,
    request,
};
use serde_json::{Value, json};

#[path = "../examples/glossary.rs"]
#[allow(dead_code)]
mod glossary;

use glossary::{Audience, Edition, Glossary, GlossaryReader, Suggested, define_server};

#[tokio::test]
async fn the_glossary_passes_the_suite() {
    let report = ExtensionSuite::new(Glossary::ID, define_server)
        .settings(json!({ "language": "en" }))
        .refused_settings(json!({}))
        .refused_settings(json!({ "language": "de" }))
        .method("glossary/define", json!({ "term": "extension" }))
        .routing("glossary/define", "term")
        .notification("notifications/glossary/suggested", json!({ "term": "a", "text": "b" }))
        .sends(
            "notifications/glossary/see_also",
            request("glossary/define").param("term", "extension"),
        )
        .topic("glossaryTerms", json!(["extension"]))
        .gated_tool("explain", json!({ "text": "a protocol" }))
        .open_tool("count_terms", json!({}))
        .request_meta::<Audience>("children", "everybody")
        .result_meta::<Edition>(request("glossary/define").param("term", "extension"))
        .run()
        .await;
    report.assert_passed();
}

#[tokio::test]
async fn the_reader_passes_the_suite() {
    let report = ClientExtensionSuite::new(Glossary::ID, || {
        let reader = GlossaryReader::default();
        (Client::builder("reader", "1.0.0").extension(reader.clone()), reader)
    })
    .declares(json!({ "language": "en" }))
    .call(
        "glossary/define",
        json!({ "text": "a word" }),
        async |client: Client, reader: GlossaryReader| {
            reader.define(&client, "word").await.map(drop)
        },
    )
    .routing("glossary/define", "term")
    .refused_result("glossary/define", json!({ "text": 7 }))
    .notifies("notifications/glossary/suggested", async |client: Client, reader: GlossaryReader| {
        let suggested = Suggested { term: "a".to_owned(), text: "b".to_owned() };
        reader.suggest(&client, &suggested).await
    })
    .notification(
        "notifications/glossary/see_also",
        json!({ "term": "protocol" }),
        |reader: &GlossaryReader| reader.was_pointed_to() == ["protocol"],
    )
    .refused_notification("notifications/glossary/see_also", json!({ "term": 7 }))
    .request_meta::<Audience>("glossary/define")
    .result_meta::<Edition>(2, "second", |reader: &GlossaryReader| reader.edition() == 2)
    .run()
    .await;
    report.assert_passed();
}

#[tokio::test]
async fn a_suggested_term_is_told_to_subscribers() {
    let server = define_server().build().unwrap();
    let client = RawClient::new(&server);
    let settings = json!({ "language": "en" });

    let listen = request("subscriptions/listen")
        .param("notifications", json!({ "glossaryTerms": ["schema"] }))
        .declaring_raw("com.example/glossary", &settings);
    let mut subscription = client.open(listen);
    let first = subscription.expect_notification("notifications/subscriptions/acknowledged").await;
    assert_eq!(first["notifications"]["glossaryTerms"], json!(["schema"]));

    let suggested = notification("notifications/glossary/suggested")
        .params(json!({ "term": "schema", "text": "the shape of data" }))
        .declaring_raw("com.example/glossary", &settings);
    client.notify(suggested).await.unwrap();

    let told = subscription.expect_notification("notifications/glossary/changed").await;
    assert_eq!(told["term"], "schema");
}

#[tokio::test]
async fn the_middleware_changes_and_answers_calls() {
    let server = define_server().build().unwrap();
    let client = RawClient::new(&server);
    let explain = |text: &str| {
        call_tool("explain", json!({ "text": text }))
            .declaring_raw("com.example/glossary", json!({ "language": "en" }))
    };
    let answer = client.send(explain("A PROTOCOL")).await;
    assert_eq!(answer.assert_text(), "protocol: the rules of a conversation\n");
    let answer = client.send(explain("")).await;
    assert_eq!(answer.assert_text(), "There is nothing to explain.");
}

#[test]
fn the_middleware_can_be_looked_at() {
    let server = define_server().build().unwrap();
    for layer in server.layers() {
        assert_eq!(layer.name, "glossary.explain");
        assert_eq!(layer.owner, Some(Glossary::ID));
        assert_eq!(layer.order, 100);
        assert_eq!(layer.method, Some("tools/call"));
    }
    assert_eq!(server.layers().count(), 1);
}

#[tokio::test]
async fn both_sides_work_together() {
    let server = define_server().build().unwrap();
    let reader = GlossaryReader::default();
    let client = Client::builder("test", "1.0.0").extension(reader.clone());
    let Pair { client, wire, .. } = Pair::new(&server, client).unwrap();

    let text = reader.define(&client, "extension").await.unwrap();
    assert_eq!(text, "an addition to the protocol that both sides agree on. Easy!");
    assert_eq!(reader.was_pointed_to(), ["protocol"]);
    assert_eq!(reader.edition(), 2);

    let suggested = Suggested { term: "schema".to_owned(), text: "the shape of data".to_owned() };
    reader.suggest(&client, &suggested).await.unwrap();
    let text = reader.define(&client, "schema").await.unwrap();
    assert_eq!(text, "the shape of data. Easy!");

    let sent = &wire.messages_of("glossary/define")[0];
    assert_eq!(sent["params"]["_meta"]["com.example/audience"], "children");
    wire.assert_published();
}

#[tokio::test]
async fn the_client_takes_what_any_server_sends() {
    let reader = GlossaryReader::default();
    let server = FakeServer::new(|request| {
        vec![
            FakeServer::notification("notifications/glossary/see_also", json!({ "term": 7 })),
            FakeServer::result(
                request,
                json!({
                    "resultType": "complete",
                    "text": "anything",
                    "_meta": { "com.example/edition": "no number" },
                }),
            ),
        ]
    });
    let client =
        Client::builder("test", "1.0.0").extension(reader.clone()).connect(server).unwrap();
    assert_eq!(reader.define(&client, "x").await.unwrap(), "anything");
    assert!(reader.was_pointed_to().is_empty());
    assert_eq!(reader.edition(), 0);
}

/// Claims a method that the glossary has, and one of the core's.
struct Impostor;

impl Extension for Impostor {
    const ID: ExtensionId = ExtensionId::new("com.example/impostor");
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

impl ServerExtension for Impostor {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
        for method in ["glossary/define", "tools/list"] {
            to.method(method, MethodOptions::new(), async |_, _, _: Value| Ok(EmptyResult::new()));
        }
    }
}

#[test]
fn conflicts_are_found_when_the_server_is_built() {
    let errors = Server::builder("example", "1.0.0")
        .extension(Glossary::default())
        .extension(Impostor)
        .build()
        .map(drop)
        .unwrap_err();
    let text = errors.to_string();
    assert!(text.contains(
        "the method `glossary/define` is claimed by com.example/glossary and by com.example/impostor"
    ));
    assert!(text.contains(
        "extension com.example/impostor: the method `tools/list` belongs to the core protocol"
    ));
}

/// The guide's fenced blocks: what stands after the fence, and the lines.
fn blocks() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/extension-guide.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in guide.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some((info.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// Lines without their common indentation, so that a part of a function can be quoted.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

#[test]
fn every_snippet_is_from_a_file_that_compiles() {
    let files = [
        include_str!("../examples/glossary.rs"),
        include_str!("guide.rs"),
        include_str!("extension_suite/lending.rs"),
    ];
    let files: Vec<Vec<&str>> = files.iter().map(|file| lines(file)).collect();
    let mut found = 0;
    for (info, text) in blocks() {
        if info != "rust" {
            continue;
        }
        let wanted = lines(&text);
        let is_there =
            files.iter().any(|file| file.windows(wanted.len()).any(|part| part == wanted));
        assert!(is_there, "no file has this snippet:\n{text}");
        found += 1;
    }
    assert!(found >= 10, "the guide has {found} snippets");
}

#[tokio::test]
async fn every_message_is_what_is_sent() {
    let mut request: Option<Value> = None;
    let mut answered = 0;
    for (info, text) in blocks() {
        let values: Vec<Value> = serde_json::Deserializer::from_str(&text)
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap_or_default();
        match info.as_str() {
            "json request" => request = values.into_iter().next(),
            "json answer" => {
                let server = define_server().build().unwrap();
                let answer = RawClient::new(&server).send_json(&request.take().unwrap()).await;
                let mut sent = answer.notifications().to_vec();
                sent.push(answer.response().clone());
                assert_eq!(sent, values, "\n{answer}");
                answered += 1;
            }
            _ => {}
        }
    }
    assert!(answered >= 3, "the guide has {answered} exchanges");
}
