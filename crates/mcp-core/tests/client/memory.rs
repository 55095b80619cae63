//! Our client and our server, in one program: directly, and over bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_core::Shutdown;
use mcp_core::client::{Client, ClientBuilder, ClientError, ElicitAnswer, SubscriptionEvent};
use mcp_core::protocol::{
    CompletionReference, CreateMessageRequestParams, CreateMessageResult, LoggingLevel,
    PromptReference, ReadResourceResult, Role, Root, SamplingMessage, SamplingMessageContentBlock,
    SubscriptionFilter, TextContent,
};
use mcp_core::server::{
    Args, CacheHints, CompletionInput, Cx, HandlerError, Json, ServedPrompt, ServedResource,
    ServedTool, Server,
};
use mcp_core::transport::{LineOptions, LineTransport, MemoryTransport, StdioOptions, serve_lines};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    sum: i64,
}

#[derive(Deserialize, JsonSchema)]
struct Topic {
    topic: String,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Approval {
    ok: bool,
}

/// Counts the calls of `hang` that were dropped.
#[derive(Clone, Default)]
struct Dropped(Arc<AtomicUsize>);

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn server(dropped: &Dropped) -> Server {
    let dropped = dropped.clone();
    Server::builder("far", "2.0.0")
        .logging()
        .page_size(2)
        .cache_tools(CacheHints::private(60_000))
        .tool(ServedTool::new("add", async |Args(Add { a, b })| Json(Sum { sum: a + b })))
        .tool(ServedTool::new("fail", async || -> Result<String, HandlerError> {
            Err(HandlerError::tell("no such luck"))
        }))
        .tool(ServedTool::new("panic", async || -> String { panic!("a bug") }))
        .tool(ServedTool::new("hang", move || {
            let guard = CountDrop(Arc::clone(&dropped.0));
            async move {
                let _guard = guard;
                std::future::pending::<String>().await
            }
        }))
        .tool(ServedTool::new("work", async |cx: Cx| {
            cx.log(LoggingLevel::Info, None, &json!("working"));
            for step in 1..=3 {
                cx.progress(step, 3, "step");
            }
            "worked"
        }))
        .tool(ServedTool::new("ask", async |cx: Cx| -> Result<String, HandlerError> {
            let once: u8 = cx.once("n", async { Ok::<_, HandlerError>(7) }).await?;
            let Approval { ok } = cx.elicit("approve", "Go on?").await?;
            cx.elicit_url("page", "Sign in", "https://example.com/").await?;
            let roots = cx.roots("roots").await?;
            let params = CreateMessageRequestParams::new(vec![SamplingMessage::user("hi")], 10_u64);
            let said = cx.sample("model", params).await?;
            Ok(format!("{once} {ok} {} {}", roots[0].uri, said.text().unwrap_or_default()))
        }))
        .prompt(
            ServedPrompt::new("explain", async |Args(Topic { topic })| format!("Explain {topic}"))
                .complete("topic", async |Args(input): Args<CompletionInput>| {
                    vec![format!("{}rust", input.value)]
                }),
        )
        .resource(ServedResource::new("test://a", "a", async || {
            ReadResourceResult::new(vec![mcp_core::protocol::ResourceContents::text(
                "test://a",
                "contents of a",
            )])
        }))
        .build()
        .unwrap()
}

/// The client under each of the two ways to the server.
async fn both(builder: impl Fn() -> ClientBuilder, check: impl AsyncFn(Client, Server, Dropped)) {
    let dropped = Dropped::default();
    let near = server(&dropped);
    let client = builder().connect(MemoryTransport::new(near.clone())).unwrap();
    check(client, near, dropped).await;

    let dropped = Dropped::default();
    let far = server(&dropped);
    let (one, other) = tokio::io::duplex(64 * 1024);
    let (reader, writer) = tokio::io::split(other);
    let (_trigger, shutdown) = Shutdown::new();
    let serving =
        tokio::spawn(serve_lines(far.clone(), reader, writer, StdioOptions::default(), shutdown));
    let (reader, writer) = tokio::io::split(one);
    let transport = LineTransport::new(reader, writer, LineOptions::default()).unwrap();
    let client = builder().connect(transport).unwrap();
    check(client.clone(), far, dropped).await;
    client.close().await;
    serving.await.unwrap().unwrap();
}

fn plain() -> ClientBuilder {
    Client::builder("tester", "1.0.0")
}

#[tokio::test]
async fn tools_are_called_and_their_results_checked() {
    both(plain, async |client, _, _| {
        let discovered = client.probe().await.unwrap();
        assert_eq!(discovered.supported_versions, ["2026-07-28"]);
        assert_eq!(client.server_info().unwrap().name, "far");
        let tools = client.list_tools().await.unwrap();
        assert_eq!(tools.len(), 6, "three pages");
        let sum = client.call_tool("add", &json!({ "a": 1, "b": 2 })).await.unwrap();
        assert_eq!(sum.structured_content.unwrap().get(), r#"{"sum":3}"#);
        assert!(client.call("fail").send().await.unwrap().is_error == Some(true));
        let wrong = client.call_tool("add", &json!({ "a": "x" })).await;
        assert!(wrong.is_err() || wrong.unwrap().is_error == Some(true));
        assert_eq!(client.call("panic").send().await.unwrap_err().code(), Some(-32603));
        assert_eq!(client.call("unknown").send().await.unwrap_err().code(), Some(-32602));
        let unknown = client.request_raw("com.example/unknown", &json!({})).await.unwrap_err();
        assert_eq!(unknown.code(), Some(-32601));
    })
    .await;
}

#[tokio::test]
async fn prompts_resources_and_completion() {
    both(plain, async |client, _, _| {
        assert_eq!(client.list_prompts().await.unwrap().len(), 1);
        let prompt = client.get_prompt("explain", &json!({ "topic": "traits" })).await.unwrap();
        assert_eq!(prompt.messages[0].content.as_text(), Some("Explain traits"));
        let reference: CompletionReference = PromptReference::new("explain").into();
        let completed = client.complete(reference, "topic", "in ", None).await.unwrap();
        assert_eq!(completed.completion.values, ["in rust"]);
        assert_eq!(client.list_resources().await.unwrap()[0].uri, "test://a");
        assert!(client.list_resource_templates().await.unwrap().is_empty());
        let read = client.read_resource("test://a").await.unwrap();
        assert_eq!(read.contents[0].as_text(), Some("contents of a"));
        let missing = client.read_resource("test://missing").await.unwrap_err();
        assert!(missing.is_resource_not_found(), "{missing}");
    })
    .await;
}

#[tokio::test]
async fn questions_of_every_kind_are_answered() {
    let builder = || {
        plain()
            .on_elicit_form(async |form| {
                assert_eq!(form.asked_by.name.as_deref(), Some("ask"));
                ElicitAnswer::accept(&json!({ "ok": true }))
            })
            .on_elicit_url(async |page| {
                assert_eq!(page.url, "https://example.com/");
                ElicitAnswer::opened()
            })
            .on_sample(async |request| {
                assert_eq!(request.params.max_tokens, 10);
                let text = SamplingMessageContentBlock::Text(TextContent::new("hello"));
                Ok::<_, String>(CreateMessageResult::new(Role::Assistant, text, "model"))
            })
            .roots(vec![Root::new("file:///work")])
    };
    both(builder, async |client, _, _| {
        let asked = client.call("ask").send().await.unwrap();
        assert_eq!(asked.all_text(), "7 true file:///work hello");
    })
    .await;
    both(plain, async |client, _, _| {
        let error = client.call("ask").send().await.unwrap_err();
        assert_eq!(error.code(), Some(-32021), "nothing was declared");
    })
    .await;
    let declining = || plain().on_elicit_form(async |_| ElicitAnswer::Decline);
    both(declining, async |client, _, _| {
        assert!(client.call("ask").send().await.unwrap().is_error == Some(true));
    })
    .await;
}

#[tokio::test]
async fn progress_and_log_messages_come_before_the_answer() {
    let logged = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&logged);
    let builder = move || {
        let counter = Arc::clone(&counter);
        plain().on_log(LoggingLevel::Info, move |message| {
            assert_eq!(message.name.as_deref(), Some("work"));
            counter.fetch_add(1, Ordering::SeqCst);
        })
    };
    both(builder, async |client, _, _| {
        let steps = Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = Arc::clone(&steps);
        let call =
            client.call("work").progress(move |progress| told.lock().unwrap().push(progress));
        assert_eq!(call.send().await.unwrap().all_text(), "worked");
        let steps = steps.lock().unwrap();
        assert_eq!(
            steps.iter().map(|step| step.progress.as_f64()).collect::<Vec<_>>(),
            [1.0, 2.0, 3.0]
        );
        assert_eq!(steps[0].total.as_ref().map(mcp_core::protocol::Number::as_f64), Some(3.0));
    })
    .await;
    assert_eq!(logged.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_dropped_call_drops_its_handler() {
    both(plain, async |client, _, dropped| {
        let call = client.call("hang").timeout(Duration::from_millis(20));
        assert!(matches!(call.send().await.unwrap_err(), ClientError::Timeout { .. }));
        while dropped.0.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let arguments = json!({});
        let calling = client.call_tool("hang", &arguments);
        assert!(tokio::time::timeout(Duration::from_millis(20), calling).await.is_err());
        while dropped.0.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        client.call_tool("add", &json!({ "a": 1, "b": 2 })).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn subscriptions_tell_of_changes_and_make_the_cache_stale() {
    both(plain, async |client, server, _| {
        let mut filter = SubscriptionFilter::default();
        filter.tools_list_changed = Some(true);
        filter.resource_subscriptions = Some(vec!["test://a".to_owned()]);
        let mut changes = client.listen(filter.clone());
        let SubscriptionEvent::Acknowledged(honoured) = changes.next().await.unwrap().unwrap()
        else {
            panic!("not acknowledged")
        };
        assert_eq!(honoured, filter);
        assert_eq!(client.list_tools().await.unwrap().len(), 6);
        assert!(server.handle().remove_tool("fail"));
        assert_eq!(client.list_tools().await.unwrap().len(), 6, "cached");
        let event = changes.next().await.unwrap().unwrap();
        assert_eq!(event, SubscriptionEvent::ToolsListChanged);
        assert_eq!(client.list_tools().await.unwrap().len(), 5);
        server.handle().resource_updated("test://a");
        let event = changes.next().await.unwrap().unwrap();
        assert_eq!(event, SubscriptionEvent::ResourceUpdated { uri: "test://a".to_owned() });
        assert_eq!(server.listener_count(), 1);
        drop(changes);
        while server.listener_count() > 0 {
            tokio::task::yield_now().await;
        }
        let mut changes = client.listen(filter);
        changes.next().await.unwrap().unwrap();
        server.end_subscriptions();
        assert!(changes.next().await.is_none(), "a clean end");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_none_is_answered_in_memory_too() {
    use mcp_core::client::transport::{ClientTransport, OutgoingRequest};
    let transport = MemoryTransport::new(server(&Dropped::default()));
    let request = |body: &'static [u8]| OutgoingRequest {
        id: 1.into(),
        method: "m".to_owned(),
        body: bytes::Bytes::from_static(body),
        protocol_version: "2026-07-28".to_owned(),
        name: None,
        param_headers: Vec::new(),
    };
    let mut messages = transport.request(request(b"[]")).await.unwrap();
    let answer = futures_util::StreamExt::next(&mut messages).await.unwrap().unwrap();
    assert!(std::str::from_utf8(&answer).unwrap().contains("-32600"));
    assert!(futures_util::StreamExt::next(&mut messages).await.is_none());
    let notification = request(br#"{"jsonrpc":"2.0","method":"m"}"#);
    assert!(transport.request(notification).await.is_err());
}
