//! Many requests on one pair of byte streams.

use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use mcp_core::client::transport::TransportError;
use mcp_core::client::{Client, ClientError, LogMessage, SubscriptionEvent};
use mcp_core::protocol::{LoggingLevel, SubscriptionFilter};
use mcp_core::transport::LineOptions;

use crate::support::{Peer, spawn_call};

#[tokio::test]
async fn answers_find_their_requests_in_any_order() {
    let (client, mut peer) = Peer::plain();
    let calls: Vec<_> = ["a", "b", "c"].map(|tool| spawn_call(&client, tool)).into();
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.push(peer.read().await);
    }
    for request in requests.iter().rev() {
        let name = request["params"]["name"].as_str().unwrap();
        peer.answer_text(&request["id"], name).await;
    }
    for (call, name) in calls.into_iter().zip(["a", "b", "c"]) {
        assert_eq!(call.await.unwrap().unwrap(), name);
    }
}

#[tokio::test]
async fn unknown_and_repeated_answers_are_ignored() {
    let (client, mut peer) = Peer::plain();
    let call = spawn_call(&client, "a");
    let request = peer.read().await;
    peer.answer_text(&serde_json::json!(999), "unknown").await;
    peer.answer_text(&serde_json::json!(request["id"].to_string()), "a string").await;
    peer.answer_text(&request["id"], "first").await;
    peer.answer_text(&request["id"], "second").await;
    assert_eq!(call.await.unwrap().unwrap(), "first");
    let call = spawn_call(&client, "b");
    let request = peer.read().await;
    peer.answer_text(&request["id"], "third").await;
    assert_eq!(call.await.unwrap().unwrap(), "third");
}

#[tokio::test]
async fn other_output_is_ignored() {
    let (client, mut peer) = Peer::plain();
    let call = spawn_call(&client, "a");
    let request = peer.read().await;
    for line in [
        "Server listening on stdio",
        "",
        "   ",
        "{not json",
        r#"{"level":"info","msg":"started","id":1}"#,
        "[]",
        "\u{1}\u{2}",
    ] {
        peer.say(line).await;
    }
    // A carriage return before the line end is no part of the message.
    let id = &request["id"];
    peer.say(&format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[]}}}}\r")).await;
    assert_eq!(call.await.unwrap().unwrap(), "");
}

#[tokio::test]
async fn a_broken_answer_fails_its_own_request_only() {
    let (client, mut peer) = Peer::plain();
    for broken in [
        r#"{"jsonrpc":"2.0","id":$id,"result":{"content":[{"type":"te"#,
        r#"{"jsonrpc":"2.0","id":$id}"#,
        r#"{"jsonrpc":"2.0","id":$id,"result":[]}"#,
        r#"{"id":$id,"result":{"content":[]}}"#,
    ] {
        let (a, b) = (spawn_call(&client, "a"), spawn_call(&client, "b"));
        let (first, second) = (peer.read().await, peer.read().await);
        let (first, second) =
            if first["params"]["name"] == "a" { (first, second) } else { (second, first) };
        peer.say(&broken.replace("$id", &first["id"].to_string())).await;
        let error = a.await.unwrap().unwrap_err();
        assert!(
            matches!(error, ClientError::Transport(TransportError::Malformed(_))),
            "{broken}: {error}"
        );
        peer.answer_text(&second["id"], "fine").await;
        assert_eq!(b.await.unwrap().unwrap(), "fine");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_fails_its_own_request_only() {
    let options = LineOptions { max_line_bytes: 10_000, ..LineOptions::default() };
    let (client, mut peer) = Peer::new(Client::builder("t", "1"), options);
    let (a, b) = (spawn_call(&client, "a"), spawn_call(&client, "b"));
    let (first, second) = (peer.read().await, peer.read().await);
    let (first, second) =
        if first["params"]["name"] == "a" { (first, second) } else { (second, first) };
    peer.answer_text(&first["id"], &"x".repeat(1_000_000)).await;
    let error = a.await.unwrap().unwrap_err();
    assert!(
        matches!(error, ClientError::Transport(TransportError::TooLarge { limit: 10_000 })),
        "{error}"
    );
    peer.answer_text(&second["id"], "fine").await;
    assert_eq!(b.await.unwrap().unwrap(), "fine");
}

#[tokio::test]
async fn an_error_without_an_id_is_for_the_only_request_in_flight() {
    let (client, mut peer) = Peer::plain();
    let call = spawn_call(&client, "a");
    peer.read().await;
    peer.say(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}"#).await;
    assert_eq!(call.await.unwrap().unwrap_err().code(), Some(-32700));

    let (a, b) = (spawn_call(&client, "a"), spawn_call(&client, "b"));
    let (first, second) = (peer.read().await, peer.read().await);
    peer.say(r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"m"}}"#).await;
    for request in [first, second] {
        peer.answer_text(&request["id"], "fine").await;
    }
    assert!(a.await.unwrap().is_ok() && b.await.unwrap().is_ok());
}

#[tokio::test]
async fn the_end_of_the_stream_fails_what_is_in_flight_and_what_comes_later() {
    let (client, mut peer) = Peer::plain();
    let (a, b) = (spawn_call(&client, "a"), spawn_call(&client, "b"));
    peer.read().await;
    peer.read().await;
    peer.end().await;
    for call in [a, b] {
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, ClientError::Transport(TransportError::Disconnected)), "{error}");
    }
    let error = client.call("c").send().await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::Closed)), "{error}");
}

#[tokio::test]
async fn closing_fails_what_is_in_flight_and_closes_the_stream() {
    let (client, mut peer) = Peer::plain();
    let call = spawn_call(&client, "a");
    peer.read().await;
    client.close().await;
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::Closed)), "{error}");
    assert!(peer.at_end().await);
    let error = client.call("b").send().await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::Closed)), "{error}");
    client.close().await;
}

#[tokio::test]
async fn dropping_the_last_client_closes_the_stream() {
    let (client, mut peer) = Peer::plain();
    let other = client.clone();
    drop(client);
    let call = spawn_call(&other, "a");
    let request = peer.read().await;
    peer.answer_text(&request["id"], "still there").await;
    call.await.unwrap().unwrap();
    drop(other);
    assert!(peer.at_end().await);
}

#[tokio::test]
async fn progress_goes_to_the_request_whose_token_it_has() {
    let (client, mut peer) = Peer::plain();
    let told: Arc<Mutex<Vec<(&str, f64)>>> = Arc::default();
    let call = |name: &'static str| {
        let (client, told) = (client.clone(), Arc::clone(&told));
        tokio::spawn(async move {
            let tell = move |progress: mcp_core::protocol::ProgressNotificationParams| {
                told.lock().unwrap().push((name, progress.progress.as_f64()));
            };
            client.call(name).progress(tell).send().await
        })
    };
    let calls = [call("a"), call("b")];
    let mut requests = [peer.read().await, peer.read().await];
    requests.sort_by_key(|request| request["params"]["name"].to_string());
    for (request, progress) in [(&requests[1], 10), (&requests[0], 1), (&requests[1], 20)] {
        let token = &request["params"]["_meta"]["progressToken"];
        peer.say(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{progress}}}}}"#
        ))
        .await;
    }
    for request in &requests {
        peer.answer_text(&request["id"], "x").await;
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let mut told = told.lock().unwrap().clone();
    told.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(told, [("a", 1.0), ("b", 10.0), ("b", 20.0)]);
}

const LOG: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#;

#[tokio::test]
async fn log_messages_are_attributed_only_where_that_is_certain() {
    let (sender, mut logged) = tokio::sync::mpsc::unbounded_channel::<LogMessage>();
    let builder = Client::builder("t", "1").on_log(LoggingLevel::Info, move |message| {
        sender.send(message).unwrap();
    });
    let (client, mut peer) = Peer::new(builder, LineOptions::default());
    peer.say(LOG).await;
    assert_eq!(logged.recv().await.unwrap().method, None, "no request at all");

    let a = spawn_call(&client, "a");
    let first = peer.read().await;
    peer.say(LOG).await;
    let message = logged.recv().await.unwrap();
    assert_eq!(message.name.as_deref(), Some("a"));

    let b = spawn_call(&client, "b");
    let second = peer.read().await;
    peer.say(LOG).await;
    let message = logged.recv().await.unwrap();
    assert_eq!((message.method, message.name), (None, None), "it may be of either");
    assert_eq!(message.message.data.get(), r#""x""#);

    peer.answer_text(&first["id"], "x").await;
    peer.answer_text(&second["id"], "x").await;
    a.await.unwrap().unwrap();
    b.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_panic_in_a_log_handler_does_not_end_the_connection() {
    let builder =
        Client::builder("t", "1").on_log(LoggingLevel::Info, |_| panic!("a bug of the user's"));
    let (client, mut peer) = Peer::new(builder, LineOptions::default());
    peer.say(LOG).await;
    let call = spawn_call(&client, "a");
    let request = peer.read().await;
    peer.answer_text(&request["id"], "fine").await;
    assert_eq!(call.await.unwrap().unwrap(), "fine");
}

#[tokio::test]
async fn requests_of_the_server_are_not_answered() {
    let (client, mut peer) = Peer::plain();
    peer.say(r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#).await;
    let call = spawn_call(&client, "a");
    let request = peer.read().await;
    assert_eq!(request["method"], "tools/call");
    peer.answer_text(&request["id"], "fine").await;
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_read_stops_new_requests_and_they_can_be_dropped() {
    let options = LineOptions { max_waiting_bytes: 10_000, ..LineOptions::default() };
    let (client, mut peer) = Peer::new(Client::builder("t", "1"), options);
    let long = serde_json::json!({ "text": "x".repeat(100_000) });
    // The pipe takes 64 KiB; the rest of the first request and all of the second wait.
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let (client, long) = (client.clone(), long.clone());
            tokio::spawn(async move { client.call_tool("a", &long).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let waiting = client.call("waits").timeout(Duration::from_millis(50)).send().await;
    assert!(matches!(waiting.unwrap_err(), ClientError::Timeout { .. }));
    for _ in 0..3 {
        let request = peer.read().await;
        assert_eq!(request["params"]["name"], "a", "the one that timed out was never sent");
        peer.answer_text(&request["id"], "x").await;
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn two_clients_on_one_connection_get_a_named_error() {
    let (near, far) = tokio::io::duplex(1024);
    let (reader, writer) = tokio::io::split(near);
    let transport = Arc::new(
        mcp_core::transport::LineTransport::new(reader, writer, LineOptions::default()).unwrap(),
    );
    let first = Client::builder("a", "1").connect(Arc::clone(&transport)).unwrap();
    let second = Client::builder("b", "1").connect(transport).unwrap();
    let _call = spawn_call(&first, "a");
    tokio::task::yield_now().await;
    let error = second.call("b").send().await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::DuplicateId(_))), "{error}");
    drop(far);
}

#[test]
fn without_a_runtime_there_is_no_connection() {
    let (near, _far) = tokio::io::duplex(1024);
    let (reader, writer) = tokio::io::split(near);
    let made = mcp_core::transport::LineTransport::new(reader, writer, LineOptions::default());
    assert!(matches!(made, Err(TransportError::Connect(_))));
}

fn tools_changed() -> SubscriptionFilter {
    let mut filter = SubscriptionFilter::default();
    filter.tools_list_changed = Some(true);
    filter
}

fn note(method: &str, id: &serde_json::Value) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"notifications":{{"toolsListChanged":true}}}}}}"#
    )
}

#[tokio::test]
async fn subscriptions_are_told_apart_by_their_ids() {
    let (client, mut peer) = Peer::plain();
    let mut first = client.listen(tools_changed());
    let mut second = client.listen(tools_changed());
    let play = async {
        let (a, b) = (peer.read().await, peer.read().await);
        for id in [&b["id"], &a["id"]] {
            peer.say(&note("subscriptions/acknowledged", id)).await;
        }
        peer.say(&note("tools/list_changed", &b["id"])).await;
        (a["id"].clone(), b["id"].clone())
    };
    let (one, two, (a, _)) = tokio::join!(first.next(), second.next(), play);
    assert!(matches!(one.unwrap().unwrap(), SubscriptionEvent::Acknowledged(_)));
    assert!(matches!(two.unwrap().unwrap(), SubscriptionEvent::Acknowledged(_)));
    assert_eq!(second.next().await.unwrap().unwrap(), SubscriptionEvent::ToolsListChanged);
    // Nothing came for the first: its next event is its end.
    peer.answer(&a, r#"{"resultType":"complete","_meta":{}}"#).await;
    assert!(first.next().await.is_none());
    assert!(first.next().await.is_none());
}

#[tokio::test]
async fn dropping_a_subscription_cancels_it() {
    let (client, mut peer) = Peer::plain();
    let mut changes = client.listen(tools_changed());
    let (acknowledged, id) = tokio::join!(changes.next(), async {
        let request = peer.read().await;
        peer.say(&note("subscriptions/acknowledged", &request["id"])).await;
        request["id"].clone()
    });
    acknowledged.unwrap().unwrap();
    drop(changes);
    let cancelled = peer.read().await;
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], id);
}

#[tokio::test]
async fn a_subscription_that_the_server_cancels_has_ended() {
    let (client, mut peer) = Peer::plain();
    let mut changes = client.listen(tools_changed());
    let (acknowledged, id) = tokio::join!(changes.next(), async {
        let request = peer.read().await;
        peer.say(&note("subscriptions/acknowledged", &request["id"])).await;
        request["id"].clone()
    });
    acknowledged.unwrap().unwrap();
    peer.say(&format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
    ))
    .await;
    assert!(changes.next().await.is_none());
    drop(changes);
    // Other requests cannot be cancelled by a server, and nothing is sent for the one that was.
    let call = spawn_call(&client, "a");
    let request = peer.read().await;
    assert_eq!(request["method"], "tools/call");
    let id = &request["id"];
    peer.say(&format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
    ))
    .await;
    peer.answer_text(id, "fine").await;
    assert_eq!(call.await.unwrap().unwrap(), "fine");
}

#[tokio::test]
async fn a_subscription_that_is_cancelled_and_answered_ends_once() {
    for cancelled_first in [true, false] {
        let (client, mut peer) = Peer::plain();
        let mut changes = client.listen(tools_changed());
        let (acknowledged, id) = tokio::join!(changes.next(), async {
            let request = peer.read().await;
            peer.say(&note("subscriptions/acknowledged", &request["id"])).await;
            request["id"].clone()
        });
        acknowledged.unwrap().unwrap();
        let cancelled = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        );
        if cancelled_first {
            peer.say(&cancelled).await;
        }
        peer.answer(&id, r#"{"resultType":"complete","_meta":{}}"#).await;
        if !cancelled_first {
            peer.say(&cancelled).await;
        }
        assert!(changes.next().await.is_none());
        assert!(changes.next().await.is_none());
        // Nothing is sent for it, and the connection goes on.
        let call = spawn_call(&client, "a");
        let request = peer.read().await;
        assert_eq!(request["method"], "tools/call");
        peer.answer_text(&request["id"], "fine").await;
        assert_eq!(call.await.unwrap().unwrap(), "fine");
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_not_read_begins_anew_instead_of_missing_something() {
    let options = LineOptions { max_unread_bytes: 10_000, ..LineOptions::default() };
    let (client, mut peer) = Peer::new(Client::builder("t", "1"), options);
    let mut changes = client.listen(tools_changed());
    let (acknowledged, id) = tokio::join!(changes.next(), async {
        let request = peer.read().await;
        peer.say(&note("subscriptions/acknowledged", &request["id"])).await;
        request["id"].clone()
    });
    acknowledged.unwrap().unwrap();
    for _ in 0..1000 {
        peer.say(&note("tools/list_changed", &id)).await;
    }
    let cancelled = peer.read().await;
    assert_eq!(cancelled["method"], "notifications/cancelled");
    // Other requests were not in the way.
    let call = spawn_call(&client, "a");
    let request = peer.read().await;
    peer.answer_text(&request["id"], "fine").await;
    call.await.unwrap().unwrap();

    let mut events = 0;
    let anew = tokio::spawn(async move {
        let request = peer.read().await;
        assert_eq!(request["method"], "subscriptions/listen");
        peer.say(&note("subscriptions/acknowledged", &request["id"])).await;
        peer
    });
    loop {
        match changes.next().await.unwrap().unwrap() {
            SubscriptionEvent::ToolsListChanged => events += 1,
            SubscriptionEvent::Reconnected(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(events > 0 && events < 1000, "{events}");
    drop(anew.await.unwrap());
}

#[tokio::test]
async fn progress_that_is_not_read_is_dropped_and_the_answer_is_not() {
    let options = LineOptions { max_unread_bytes: 10_000, ..LineOptions::default() };
    let (client, mut peer) = Peer::new(Client::builder("t", "1"), options);
    // A request whose future is not polled reads nothing.
    let request = client.call("slow").progress(|_| {});
    let mut calling = Box::pin(request.send());
    assert!(std::future::poll_fn(|cx| Poll::Ready(calling.as_mut().poll(cx))).await.is_pending());
    let request = peer.read().await;
    let token = &request["params"]["_meta"]["progressToken"];
    for step in 0..5000 {
        peer.say(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{step}}}}}"#
        ))
        .await;
    }
    peer.answer_text(&request["id"], "done").await;
    let other = spawn_call(&client, "other");
    let request = peer.read().await;
    peer.answer_text(&request["id"], "fine").await;
    assert_eq!(other.await.unwrap().unwrap(), "fine", "others are not in its way");
    assert_eq!(calling.await.unwrap().all_text(), "done");
}

#[tokio::test]
async fn hundreds_of_requests_at_once() {
    let (client, mut peer) = Peer::plain();
    let calls: Vec<_> = (0..500).map(|_| spawn_call(&client, "a")).collect();
    for _ in 0..500 {
        let request = peer.read().await;
        let id = request["id"].to_string();
        peer.answer_text(&request["id"], &id).await;
    }
    let mut seen = std::collections::HashSet::new();
    for call in calls {
        assert!(seen.insert(call.await.unwrap().unwrap()));
    }
}
