//! Answers as they leave: one JSON body, or a stream of events.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use mcp_core::server::{Cx, ServedTool, Server};
use mcp_http::{HttpBody, HttpService};
use mcp_testkit::{HttpConnection, Message, call_tool};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tower_service::Service;

use crate::support::{listen, mcp, plain, server, start, start_with};

fn speaks() -> Message {
    call_tool("speaks", json!({})).id(1).progress_token("t")
}

#[tokio::test]
async fn json_unless_the_handler_speaks() {
    let running = start().await;
    let response = running.send(&mcp(&plain())).await;
    assert_eq!(response.head.header("content-type"), Some("application/json"));
    assert_eq!(response.head.header("content-length"), Some(&*response.body.len().to_string()));
    assert_eq!(response.json().unwrap()["id"], 1);
    // Without a token there is nothing to report to.
    let silent = running.send(&mcp(&call_tool("speaks", json!({})))).await;
    assert_eq!(silent.head.header("content-type"), Some("application/json"));
    let response = running.send(&mcp(&speaks())).await;
    assert_eq!(response.head.header("content-type"), Some("text/event-stream"));
    let messages = response.messages().unwrap();
    assert_eq!(messages.len(), 4);
    assert!(messages[..3].iter().all(|message| message["method"] == "notifications/progress"));
    assert_eq!(messages[3]["result"]["content"][0]["text"], "spoke");
}

#[tokio::test]
async fn streams_are_not_buffered() {
    let running = start().await;
    let response = running.send(&mcp(&speaks())).await;
    assert_eq!(response.head.header("x-accel-buffering"), Some("no"));
    assert_eq!(response.head.header("cache-control"), Some("no-cache"));
    assert!(response.head.header("content-length").is_none());
    assert!(response.head.header("content-encoding").is_none());
}

#[tokio::test]
async fn json_only_drops_what_is_said_before_the_answer() {
    let running = start_with(|builder| builder.json_only(true)).await;
    let response = running.send(&mcp(&speaks())).await;
    assert_eq!(response.head.header("content-type"), Some("application/json"));
    assert_eq!(response.json().unwrap()["result"]["content"][0]["text"], "spoke");
    let mut subscription = HttpConnection::open(running.address).await.unwrap();
    subscription.send(&mcp(&listen(1))).await.unwrap();
    let head = subscription.read_head().await.unwrap();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
}

#[tokio::test]
async fn no_requests_on_streams() {
    let running = start().await;
    let asks =
        call_tool("asks", json!({})).id(1).progress_token("t").capability("roots", json!({}));
    let messages = running.send(&mcp(&asks)).await.messages().unwrap();
    assert_eq!(messages.len(), 2);
    assert!(messages.iter().all(|message| message["id"].is_null() || message["method"].is_null()));
    assert_eq!(messages[1]["result"]["resultType"], "input_required");
}

#[tokio::test]
async fn streams_do_not_mix() {
    let running = start().await;
    let calls = (0..50).map(|id| {
        let call = call_tool("speaks", json!({})).id(id).progress_token(format!("token {id}"));
        let request = mcp(&call);
        let address = running.address;
        tokio::spawn(async move { (id, request.send(address).await.unwrap()) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (id, response) = call.await.unwrap();
        let mut messages = response.messages().unwrap();
        assert_eq!(messages.pop().unwrap()["id"], id);
        let tokens: HashSet<_> =
            messages.iter().map(|m| m["params"]["progressToken"].to_string()).collect();
        assert_eq!(tokens, HashSet::from([format!("\"token {id}\"")]));
    }
}

#[tokio::test]
async fn equal_ids_of_two_posts_are_fine() {
    let running = start().await;
    let (request, other) = (mcp(&speaks()), mcp(&speaks()));
    let (one, two) = tokio::join!(running.send(&request), running.send(&other));
    for response in [one, two] {
        assert_eq!(response.messages().unwrap().last().unwrap()["id"], 1);
    }
}

#[tokio::test]
async fn request_notifications_stay_home() {
    let running = start().await;
    let mut subscription = HttpConnection::open(running.address).await.unwrap();
    subscription.send(&mcp(&listen(7))).await.unwrap();
    subscription.read_head().await.unwrap();
    let first = subscription.next_event().await.unwrap().unwrap();
    assert!(first.data.contains("acknowledged"));
    assert_eq!(running.send(&mcp(&speaks())).await.messages().unwrap().len(), 4);
    running.server.handle().tools_changed();
    let next = subscription.next_event().await.unwrap().unwrap();
    assert!(next.data.contains("notifications/tools/list_changed"), "{}", next.data);
}

#[tokio::test]
async fn a_stream_goes_on_while_the_next_request_waits() {
    let running = start().await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    let both = [mcp(&listen(1)).to_bytes("localhost"), mcp(&plain()).to_bytes("localhost")];
    connection.write(&both.concat()).await.unwrap();
    connection.read_head().await.unwrap();
    assert!(connection.next_event().await.unwrap().unwrap().data.contains("acknowledged"));
    for _ in 0..3 {
        running.server.handle().tools_changed();
        let told = connection.next_event().await.unwrap().unwrap();
        assert!(told.data.contains("list_changed"));
    }
    running.server.end_subscriptions();
    assert!(connection.next_event().await.unwrap().unwrap().data.contains("complete"));
    assert!(connection.next_event().await.unwrap().is_none());
    let next = connection.read_response().await.unwrap();
    assert_eq!(next.json().unwrap()["result"]["content"][0]["text"], "plain");
}

/// Calls a service without a connection.
async fn call(service: &HttpService, message: &Message) -> Response<HttpBody> {
    let mut request = Request::post("http://localhost/mcp");
    let bytes = mcp(message).to_bytes("localhost");
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let mut service = service.clone();
    service.call(request.body(body.to_owned()).unwrap()).await.unwrap()
}

/// The next frame if there is one already.
fn ready(body: &mut HttpBody) -> Option<Option<Bytes>> {
    let waker = std::task::Waker::noop();
    match Pin::new(body).poll_frame(&mut Context::from_waker(waker)) {
        Poll::Pending => None,
        Poll::Ready(frame) => Some(frame.map(|frame| frame.unwrap().into_data().unwrap())),
    }
}

async fn next(body: &mut HttpBody) -> String {
    let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
    String::from_utf8(frame.unwrap().unwrap().into_data().unwrap().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn idle_streams_stay_alive() {
    let server = server(&Arc::default()).build().unwrap();
    let service = HttpService::new(server.clone());
    let mut body = call(&service, &listen(1)).await.into_body();
    assert!(next(&mut body).await.contains("acknowledged"));
    for _ in 0..3 {
        let before = tokio::time::Instant::now();
        assert_eq!(next(&mut body).await, ":\n\n");
        let idle = before.elapsed();
        assert!((Duration::from_secs(15)..Duration::from_secs(16)).contains(&idle), "{idle:?}");
    }
    // None while events flow, each less than 15 seconds after the one before.
    for _ in 0..5 {
        assert_eq!(ready(&mut body), None);
        tokio::time::advance(Duration::from_secs(10)).await;
        server.handle().tools_changed();
        assert!(next(&mut body).await.contains("list_changed"));
    }
    let before = tokio::time::Instant::now();
    assert_eq!(next(&mut body).await, ":\n\n");
    assert!(before.elapsed() >= Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn no_keep_alive_is_too_long_or_too_short() {
    for every in [Duration::MAX, Duration::ZERO] {
        let server = server(&Arc::default()).build().unwrap();
        let service = HttpService::builder(server.clone()).keep_alive(every).build();
        let mut body = call(&service, &listen(1)).await.into_body();
        assert!(next(&mut body).await.contains("acknowledged"));
        assert_eq!(ready(&mut body), None);
        server.handle().tools_changed();
        assert!(next(&mut body).await.contains("list_changed"));
    }
}

#[tokio::test]
async fn what_is_ready_leaves_together() {
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("quick", async |cx: Cx| {
            for step in 1..=3 {
                cx.progress(step, 3, "");
            }
            "done"
        }))
        .build()
        .unwrap();
    let quick = call_tool("quick", json!({})).id(1).progress_token(1);
    let mut body = call(&HttpService::new(server), &quick).await.into_body();
    assert!(!body.is_end_stream());
    let frame = next(&mut body).await;
    let lines: Vec<_> = frame.split("\n\n").collect();
    assert_eq!(lines.len(), 5, "{frame}");
    assert!(lines[3].starts_with("data: {\"jsonrpc\"") && lines[3].contains("done"));
    assert!(body.is_end_stream());
    assert_eq!(ready(&mut body), Some(None));
}

#[tokio::test]
async fn a_whole_answer_has_its_size_and_end() {
    let server = server(&Arc::default()).build().unwrap();
    let mut body = call(&HttpService::new(server), &plain()).await.into_body();
    let size = body.size_hint().exact().unwrap();
    assert!(!body.is_end_stream());
    assert_eq!(next(&mut body).await.len() as u64, size);
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
}

/// Records what each call of `write` gets.
struct Recording {
    stream: DuplexStream,
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl AsyncRead for Recording {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Recording {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.lock().unwrap().push(bytes.to_vec());
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        self.poll_write(context, &bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The writes that hyper makes to answer `message`.
async fn writes(message: &Message) -> Vec<String> {
    let (mut client, stream) = tokio::io::duplex(1 << 20);
    let writes = Arc::default();
    let recording = Recording { stream, writes: Arc::clone(&writes) };
    let service = HttpService::new(server(&Arc::default()).build().unwrap());
    let serving = http1::Builder::new()
        .serve_connection(TokioIo::new(recording), TowerToHyperService::new(service));
    let serving = tokio::spawn(serving);
    let request = mcp(message).header("Connection", "close");
    client.write_all(&request.to_bytes("localhost")).await.unwrap();
    client.read_to_end(&mut Vec::new()).await.unwrap();
    serving.await.unwrap().unwrap();
    let writes = writes.lock().unwrap();
    writes.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

#[tokio::test]
async fn response_ends_the_stream() {
    let writes = writes(&speaks()).await;
    let last = writes.last().unwrap();
    assert!(last.contains("\"spoke\"") && last.ends_with("\r\n0\r\n\r\n"), "{writes:?}");
    assert!(writes[0].starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_json_answer_is_one_write() {
    let writes = writes(&plain()).await;
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(writes[0].starts_with("HTTP/1.1 200") && writes[0].ends_with('}'));
}

#[tokio::test]
async fn a_reader_that_stops_stops_the_writer() {
    let counts = Arc::<crate::support::Counts>::default();
    let service = HttpService::new(server(&counts).build().unwrap());
    let (mut client, stream) = tokio::io::duplex(16 * 1024);
    let serving = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let serving = tokio::spawn(serving);
    let floods = call_tool("floods", json!({})).id(1).progress_token(1);
    client.write_all(&mcp(&floods).to_bytes("localhost")).await.unwrap();
    // Nobody reads: what was said must come to rest far from its end, 200 MB later.
    let mut last = None;
    loop {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        let said = counts.ran.load(Ordering::SeqCst);
        if said > 0 && last == Some(said) {
            break;
        }
        last = Some(said);
    }
    assert!(last.unwrap() < 10_000, "{last:?}");
    let mut read = vec![0; 1 << 20];
    client.read_exact(&mut read).await.unwrap();
    assert!(counts.ran.load(Ordering::SeqCst) > last.unwrap(), "it goes on");
    drop(client);
    assert!(serving.await.unwrap().is_err());
}

#[tokio::test]
async fn a_large_answer_is_whole() {
    let running = start().await;
    let response = running.send(&mcp(&call_tool("large", json!({})).id(1))).await;
    assert!(response.body.len() > 100_000);
    let text = response.json().unwrap()["result"]["content"][0]["text"].as_str().unwrap().len();
    assert_eq!(text, 120_000);
    assert_eq!(response.json().unwrap()["id"], Value::from(1));
}
