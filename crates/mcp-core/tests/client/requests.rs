//! What a request carries, and how its answer is read.

use mcp_core::client::transport::TransportError;
use mcp_core::client::{Client, ClientError, ElicitAnswer};
use mcp_core::protocol::{CallTool, Discover};
use mcp_core::protocol::{Implementation, LoggingLevel, Root};
use mcp_core::trace_context::TraceContext;
use serde_json::json;

use crate::support::{Act, DONE, Scripted, error, result};

#[tokio::test]
async fn every_request_says_who_calls_in_which_revision_with_what_abilities() {
    let server = Scripted::new([result(DONE), result(r#"{"contents":[]}"#)]);
    let client = server.client();
    client.call_tool("t", &json!({ "a": 1 })).await.unwrap();
    client.read_resource("a:b").await.unwrap();
    let seen = server.seen();
    for seen in &seen {
        let meta = seen.meta();
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert_eq!(seen.version, "2026-07-28");
        assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "tester");
        assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
        assert_eq!(meta.as_object().unwrap().len(), 3, "nothing that was not asked for");
    }
    assert_eq!(seen[0].params()["arguments"], json!({ "a": 1 }));
    assert_eq!(seen[0].name.as_deref(), Some("t"));
    assert_eq!(seen[1].name.as_deref(), Some("a:b"));
    assert_ne!(seen[0].message["id"], seen[1].message["id"]);
}

#[tokio::test]
async fn abilities_follow_from_handlers() {
    let declared = |builder: mcp_core::client::ClientBuilder| {
        let client = Scripted::new([]).client_of(builder);
        client.capabilities().parse::<serde_json::Value>().unwrap()
    };
    let new = || Client::builder("tester", "1.0.0");
    let form = async |_| ElicitAnswer::Decline;
    let url = async |_| ElicitAnswer::Decline;
    assert_eq!(declared(new().on_elicit_form(form)), json!({ "elicitation": { "form": {} } }));
    assert_eq!(declared(new().on_elicit_url(url)), json!({ "elicitation": { "url": {} } }));
    assert_eq!(
        declared(new().on_elicit_form(form).on_elicit_url(url)),
        json!({ "elicitation": { "form": {}, "url": {} } })
    );
    let sample = async |_| Err::<mcp_core::protocol::CreateMessageResult, _>("no model");
    assert_eq!(declared(new().on_sample(sample)), json!({ "sampling": {} }));
    assert_eq!(
        declared(new().on_sample(sample).sampling_tools().sampling_context()),
        json!({ "sampling": { "tools": {}, "context": {} } })
    );
    assert_eq!(declared(new().sampling_tools()), json!({}), "tools without a model");
    assert_eq!(declared(new().roots(vec![Root::new("file:///a")])), json!({ "roots": {} }));
}

#[tokio::test]
async fn a_client_may_stay_anonymous_and_may_say_more() {
    let server = Scripted::new([result(DONE)]);
    let client = server.client_of(Client::builder("tester", "1").anonymous());
    client.call("t").send().await.unwrap();
    assert!(server.seen()[0].meta().get("io.modelcontextprotocol/clientInfo").is_none());

    let server = Scripted::new([result(DONE)]);
    let info = Implementation::new("tester", "1");
    let client = server.client_of(Client::builder_for(info).title("The tester"));
    client.call("t").send().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].meta()["io.modelcontextprotocol/clientInfo"]["title"], "The tester");
}

#[tokio::test]
async fn roots_that_lead_elsewhere_are_found_when_the_client_is_built() {
    let builder = Client::builder("tester", "1")
        .roots(vec![Root::new("https://example.com"), Root::new("file:///a/../b")]);
    let errors = builder.connect(Scripted::new([])).unwrap_err();
    assert_eq!(errors.as_slice().len(), 2, "{errors}");
}

#[tokio::test]
async fn log_messages_are_asked_for_only_if_someone_takes_them() {
    let server = Scripted::new([result(DONE), result(DONE)]);
    let client =
        server.client_of(Client::builder("tester", "1").on_log(LoggingLevel::Warning, |_| {}));
    client.call("t").send().await.unwrap();
    client.call("t").log_level(LoggingLevel::Debug).send().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].meta()["io.modelcontextprotocol/logLevel"], "warning");
    assert_eq!(seen[1].meta()["io.modelcontextprotocol/logLevel"], "debug");

    let server = Scripted::new([result(DONE)]);
    server.client().call("t").log_level(LoggingLevel::Debug).send().await.unwrap();
    assert!(server.seen()[0].meta().get("io.modelcontextprotocol/logLevel").is_none());
}

#[tokio::test]
async fn log_messages_reach_the_handler_with_their_request() {
    let (sender, mut logged) = tokio::sync::mpsc::unbounded_channel();
    let server = Scripted::new([vec![
        Act::Say(
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":{"n":1}}}"#,
        ),
        Act::Say(
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"nonsense","data":1}}"#,
        ),
        Act::Tell(format!(r#"{{"jsonrpc":"2.0","id":$id,"result":{DONE}}}"#)),
    ]]);
    let builder = Client::builder("tester", "1").on_log(LoggingLevel::Debug, move |message| {
        sender.send(message).unwrap();
    });
    server.client_of(builder).call("t").send().await.unwrap();
    let message = logged.try_recv().unwrap();
    assert_eq!(message.message.level, LoggingLevel::Error);
    assert_eq!(
        (message.method.as_deref(), message.name.as_deref()),
        (Some("tools/call"), Some("t"))
    );
    assert!(logged.try_recv().is_err(), "malformed ones are left out");
}

#[tokio::test]
async fn meta_can_be_added_but_not_replaced() {
    let server = Scripted::new([result(DONE)]);
    let client = server.client();
    client.call("t").meta("com.example/purpose", &"care").send().await.unwrap();
    assert_eq!(server.seen()[0].meta()["com.example/purpose"], "care");
    for key in ["io.modelcontextprotocol/protocolVersion", "progressToken", "traceparent", "a b"] {
        let error = client.call("t").meta(key, &1).send().await.unwrap_err();
        assert!(matches!(error, ClientError::MetaKey(wrong) if wrong == key));
    }
    assert_eq!(server.seen().len(), 1, "nothing was sent");
}

#[tokio::test]
async fn parameters_must_be_objects() {
    let server = Scripted::new([]);
    let client = server.client();
    for error in [
        client.call_tool("t", &[1]).await.unwrap_err(),
        client.call_tool("t", "text").await.unwrap_err(),
        client.request_raw("m", &[1]).await.unwrap_err(),
        client.request::<CallTool>(&()).await.unwrap_err(),
    ] {
        assert!(matches!(error, ClientError::Parameters { .. }), "{error}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn the_protocols_own_types_may_be_used_as_they_are() {
    let server = Scripted::new([result(DONE)]);
    let wire: mcp_core::protocol::CallToolRequestParams = serde_json::from_value(json!({
        "name": "t",
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "1999-01-01",
            "io.modelcontextprotocol/clientCapabilities": { "sampling": {} },
            "com.example/a": 1,
        },
    }))
    .unwrap();
    server.client().request::<CallTool>(&wire).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].version, "2026-07-28");
    assert_eq!(seen[0].meta()["io.modelcontextprotocol/clientCapabilities"], json!({}));
    assert_eq!(seen[0].meta()["com.example/a"], 1);
}

#[tokio::test]
async fn the_trace_goes_on_as_a_child() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
    let trace = TraceContext::parse(parent, Some("a=1"), Some("k=v")).unwrap();
    let server = Scripted::new([result(DONE), result(DONE), result(DONE)]);
    let hook = trace.clone();
    let client =
        server.client_of(Client::builder("tester", "1").trace_from(move || Some(hook.clone())));
    client.call("t").send().await.unwrap();
    client.call("t").send().await.unwrap();
    let other = TraceContext::new_root(false).unwrap();
    client.call("t").trace(other.clone()).send().await.unwrap();
    let seen = server.seen();
    let sent: Vec<_> = seen
        .iter()
        .map(|seen| {
            TraceContext::parse(seen.meta()["traceparent"].as_str().unwrap(), None, None).unwrap()
        })
        .collect();
    assert_eq!(sent[0].trace_id(), trace.trace_id());
    assert_ne!(sent[0].parent_id(), trace.parent_id());
    assert_ne!(sent[0].parent_id(), sent[1].parent_id());
    assert_eq!(sent[2].trace_id(), other.trace_id());
    assert_eq!(seen[0].meta()["tracestate"], "a=1");
    assert_eq!(seen[0].meta()["baggage"], "k=v");
}

#[tokio::test]
async fn a_result_without_a_type_is_complete_and_unknown_members_survive() {
    let server = Scripted::new([result(
        r#"{"content":[],"com.example/more":{"n":1.50},"_meta":{"com.example/m":true}}"#,
    )]);
    let called = server.client().call("t").send().await.unwrap();
    assert_eq!(called.extra.get("com.example/more").unwrap().get(), r#"{"n":1.50}"#);
    assert_eq!(called.meta.unwrap().get::<bool>("com.example/m").unwrap(), Some(true));
}

#[tokio::test]
async fn a_result_of_unknown_type_is_an_error() {
    for kind in [r#""task""#, r#""Complete""#, r#""""#, "7", "{}"] {
        let server = Scripted::new([result(&format!(r#"{{"resultType":{kind},"content":[]}}"#))]);
        let error = server.client().call("t").send().await.unwrap_err();
        assert!(matches!(error, ClientError::UnexpectedResult { .. }), "{kind}: {error}");
    }
}

#[tokio::test]
async fn a_result_is_read_as_what_was_asked_for() {
    let server = Scripted::new([result(r#"{"resultType":"complete","tools":[]}"#)]);
    let error = server.client().call("t").send().await.unwrap_err();
    assert!(
        matches!(&error, ClientError::UnexpectedResult { method, reason }
            if method == "tools/call" && reason.contains("content")),
        "{error}"
    );
}

#[tokio::test]
async fn errors_of_the_server_are_handed_out_whole_whatever_their_code() {
    for code in [-32601, -32603, -32050, -32019, -32010, -32001, -32000, 42, 0] {
        let server = Scripted::new([error(&format!(
            r#"{{"code":{code},"message":"m","data":{{"a":[1]}}}}"#
        ))]);
        let error = server.client().call("t").send().await.unwrap_err();
        assert_eq!(error.code(), Some(code));
        let ClientError::Rpc(object) = error else { panic!("{error}") };
        assert_eq!(object.data.unwrap().get(), r#"{"a":[1]}"#);
        assert_eq!(server.seen().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_resource_that_does_not_exist_is_told_in_two_ways() {
    for (answer, not_found) in [
        (r#"{"code":-32602,"message":"m","data":{"uri":"a:b"}}"#, true),
        (r#"{"code":-32002,"message":"m"}"#, true),
        (r#"{"code":-32602,"message":"m"}"#, false),
        (r#"{"code":-32603,"message":"m","data":{"uri":"a:b"}}"#, false),
    ] {
        let server = Scripted::new([error(answer)]);
        let error = server.client().read_resource("a:b").await.unwrap_err();
        assert_eq!(error.is_resource_not_found(), not_found, "{answer}");
    }
}

const VERSION_ERROR: &str = r#"{"code":-32022,"message":"Unsupported protocol version",
    "data":{"supported":["2030-01-01","2026-07-28"],"requested":"2026-07-28"}}"#;

#[tokio::test]
async fn another_revision_is_tried_once_even_if_it_is_the_same() {
    let server = Scripted::new([error(VERSION_ERROR), result(DONE)]);
    server.client().call("t").send().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0].message["id"], seen[1].message["id"]);

    let server = Scripted::new([error(VERSION_ERROR), error(VERSION_ERROR), result(DONE)]);
    let error = server.client().call("t").send().await.unwrap_err();
    assert_eq!(error.code(), Some(-32022));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn without_a_common_revision_the_servers_are_named() {
    let server = Scripted::new([error(
        r#"{"code":-32022,"message":"m","data":{"supported":["2030-01-01"],"requested":"x"}}"#,
    )]);
    let error = server.client().call("t").send().await.unwrap_err();
    assert!(matches!(&error, ClientError::UnsupportedVersion { supported }
        if supported == &["2030-01-01"]));
    assert!(error.to_string().contains("2030-01-01"));
}

#[tokio::test]
async fn a_version_error_without_its_list_is_an_error_like_others() {
    for data in ["", r#","data":{"supported":"2026-07-28"}"#, r#","data":7"#] {
        let server = Scripted::new([error(&format!(r#"{{"code":-32022,"message":"m"{data}}}"#))]);
        let error = server.client().call("t").send().await.unwrap_err();
        assert_eq!(error.code(), Some(-32022), "{data}");
    }
}

const DISCOVERED: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],
    "capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"public",
    "_meta":{"io.modelcontextprotocol/serverInfo":{"name":"far","version":"2"}}}"#;

#[tokio::test]
async fn the_servers_name_is_remembered() {
    let server = Scripted::new([result(DISCOVERED), result(DISCOVERED)]);
    let client = server.client();
    assert!(client.server_info().is_none());
    let discovered = client.discover().await.unwrap();
    assert!(discovered.capabilities.tools.is_some());
    assert_eq!(client.server_info().unwrap().name, "far");
    client.request::<Discover>(&json!({})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_of_an_earlier_revision_is_found_out() {
    for answer in [
        error(r#"{"code":-32601,"message":"Method not found"}"#),
        error(r#"{"code":-32602,"message":"Invalid request parameters"}"#),
        result(r#"{"serverInfo":{}}"#),
        vec![Act::Hang],
        vec![Act::Break(TransportError::Http { status: 400 })],
        vec![Act::Break(TransportError::Http { status: 404 })],
    ] {
        let error = Scripted::new([answer]).client().probe().await.unwrap_err();
        assert!(matches!(error, ClientError::NotModern(_)), "{error}");
    }
    let modern = error(r#"{"code":-32021,"message":"m"}"#);
    let error = Scripted::new([modern]).client().probe().await.unwrap_err();
    assert_eq!(error.code(), Some(-32021));
    let down = vec![Act::Break(TransportError::Http { status: 503 })];
    let error = Scripted::new([down]).client().probe().await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::Http { status: 503 })));
    assert!(Scripted::new([result(DISCOVERED)]).client().probe().await.is_ok());
}

#[tokio::test]
async fn raw_requests_are_handed_out_as_they_came() {
    let server = Scripted::new([result(r#"{"a": 1.50}"#)]);
    let raw = server.client().request_raw("com.example/m", &json!({ "x": 1 })).await.unwrap();
    assert_eq!(raw.get(), r#"{"a": 1.50}"#);
    assert_eq!(server.seen()[0].params()["x"], 1);
    assert_eq!(server.seen()[0].name, None);
}
