//! Deadlines, progress, cancellation.

use std::time::Duration;

use mcp_core::Shutdown;
use mcp_core::client::transport::TransportError;
use mcp_core::client::{Client, ClientError};
use mcp_core::protocol::Root;

use crate::support::{Act, DONE, Peer, Scripted, result, spawn_call};

fn progress(values: &[&'static str]) -> Vec<Act> {
    values
        .iter()
        .map(|value| {
            Act::Tell(format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":$token,"progress":{value}}}}}"#
            ))
        })
        .collect()
}

fn done() -> Act {
    Act::Tell(format!(r#"{{"jsonrpc":"2.0","id":$id,"result":{DONE}}}"#))
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_times_out_and_the_request_is_cancelled() {
    let server = Scripted::new([vec![Act::Hang], vec![Act::Hang]]);
    let client = server.client_of(Client::builder("t", "1").timeout(Duration::from_secs(7)));
    let begun = tokio::time::Instant::now();
    let error = client.call("t").send().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Timeout { maximum: false, after } if after.as_secs() == 7)
    );
    assert_eq!(begun.elapsed().as_secs(), 7);
    assert_eq!(server.dropped(), 1);
    assert_eq!(error.code(), None, "no answer of the server's");
    let error = client.call("t").timeout(Duration::from_millis(5)).send().await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { after, .. } if after.as_millis() == 5));
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_and_must_increase() {
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut acts = progress(&["0.5", "0.5", "0.25", "1", "1e1"]);
    acts.push(Act::Say(
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"other","progress":99}}"#,
    ));
    acts.push(Act::Say(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#));
    acts.push(done());
    let server = Scripted::new([acts]);
    let client = server.client();
    let request = client.call("t").progress(move |progress| {
        sender.send(progress.progress.as_f64()).unwrap();
    });
    request.send().await.unwrap();
    let mut values = Vec::new();
    while let Ok(value) = told.try_recv() {
        values.push(value);
    }
    assert_eq!(values, [0.5, 1.0, 10.0]);
}

#[tokio::test]
async fn a_token_is_sent_only_for_progress_and_is_the_requests_own() {
    let server = Scripted::new([result(DONE), result(DONE), result(DONE)]);
    let client = server.client();
    client.call("t").send().await.unwrap();
    client.call("t").progress(|_| {}).send().await.unwrap();
    client.call("t").progress(|_| {}).send().await.unwrap();
    let tokens: Vec<_> =
        server.seen().iter().map(|seen| seen.meta().get("progressToken").cloned()).collect();
    assert!(tokens[0].is_none());
    assert!(tokens[1].is_some() && tokens[2].is_some());
    assert_ne!(tokens[1], tokens[2]);
}

#[tokio::test(start_paused = true)]
async fn progress_prolongs_a_request_up_to_its_maximum() {
    let (client, mut peer) = Peer::plain();
    let calling = tokio::spawn(async move {
        client
            .call("t")
            .progress(|_| {})
            .timeout(Duration::from_secs(10))
            .max_timeout(Duration::from_secs(60))
            .send()
            .await
    });
    let request = peer.read().await;
    let token = &request["params"]["_meta"]["progressToken"];
    let begun = tokio::time::Instant::now();
    for step in 0.. {
        tokio::time::sleep(Duration::from_secs(7)).await;
        if calling.is_finished() {
            break;
        }
        peer.say(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{step}}}}}"#
        ))
        .await;
    }
    let error = calling.await.unwrap().unwrap_err();
    assert!(
        matches!(error, ClientError::Timeout { maximum: true, after } if after.as_secs() == 60)
    );
    assert!(begun.elapsed().as_secs() >= 60);
    let cancelled = peer.read().await;
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], request["id"]);
}

#[tokio::test]
async fn a_flood_does_not_outrun_the_maximum() {
    // Real time: messages that are always ready leave a paused clock no chance to move.
    for flood in [
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":$token,"progress":1}}"#,
        r#"{"jsonrpc":"2.0","method":"com.example/noise"}"#,
    ] {
        let server = Scripted::new([vec![Act::Flood(flood)]]);
        let client = server.client();
        let request = client
            .call("t")
            .progress(|_| {})
            .timeout(Duration::from_secs(3600))
            .max_timeout(Duration::from_millis(50));
        let error = request.send().await.unwrap_err();
        assert!(matches!(error, ClientError::Timeout { maximum: true, .. }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_that_people_need_does_not_count() {
    let asks = r#"{"resultType":"input_required","inputRequests":{"r":{"method":"roots/list"}}}"#;
    let server = Scripted::new([result(asks), result(DONE)]);
    let builder = Client::builder("t", "1")
        .timeout(Duration::from_secs(1))
        .max_total_timeout(Duration::from_secs(2))
        .on_roots(async |_| {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok::<_, String>(vec![Root::new("file:///a")])
        });
    server.client_of(builder).call("t").send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn limits_may_be_as_long_as_one_likes() {
    let server = Scripted::new([result(DONE)]);
    let client = server.client();
    let request = client.call("t").timeout(Duration::MAX).max_timeout(Duration::MAX);
    request.send().await.unwrap();
}

#[tokio::test]
async fn a_signal_cancels() {
    let server = Scripted::new([vec![Act::Hang]]);
    let client = server.client();
    let (trigger, signal) = Shutdown::new();
    let calling = {
        let client = client.clone();
        let signal = signal.clone();
        tokio::spawn(async move { client.call("t").cancel_on(signal).send().await })
    };
    while server.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    trigger.request();
    let error = calling.await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::Cancelled), "{error}");
    assert_eq!(server.dropped(), 1);
    // A signal that was given already sends nothing.
    let error = client.call("t").cancel_on(signal).send_once().await.unwrap_err();
    assert!(matches!(error, ClientError::Cancelled), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn dropping_a_call_cancels_it_and_its_late_answer_is_ignored() {
    let (client, mut peer) = Peer::plain();
    let calling = spawn_call(&client, "slow");
    let request = peer.read().await;
    calling.abort();
    let cancelled = peer.read().await;
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], request["id"]);
    assert!(cancelled.get("id").is_none());
    peer.answer_text(&request["id"], "late").await;
    let calling = spawn_call(&client, "next");
    let next = peer.read().await;
    assert_eq!(next["params"]["name"], "next");
    peer.answer_text(&next["id"], "in time").await;
    assert_eq!(calling.await.unwrap().unwrap(), "in time");
}

#[tokio::test]
async fn an_answered_call_is_not_cancelled() {
    let (client, mut peer) = Peer::plain();
    for _ in 0..3 {
        let calling = spawn_call(&client, "t");
        let request = peer.read().await;
        assert_eq!(request["method"], "tools/call", "and no cancellation in between");
        peer.answer_text(&request["id"], "x").await;
        calling.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_is_an_error_of_the_transports() {
    for (act, name) in [
        (vec![], "ended its messages"),
        (vec![Act::Break(TransportError::Disconnected)], "ended before"),
        (vec![Act::Break(TransportError::Http { status: 502 })], "502"),
    ] {
        let error = Scripted::new([act]).client().call("t").send().await.unwrap_err();
        assert!(matches!(error, ClientError::Transport(_)), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}
