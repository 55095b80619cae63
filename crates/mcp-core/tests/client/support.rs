//! Servers that are scripts.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use mcp_core::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, TransportError,
};
use mcp_core::client::{Client, ClientBuilder};
use mcp_core::transport::{LineOptions, LineTransport};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};

/// Something that a scripted server does for a request.
pub(crate) enum Act {
    /// Sends bytes, with `$id` replaced by the request's id and `$token` by its progress token.
    Say(&'static str),
    /// Sends such bytes that are made at run time.
    Tell(String),
    /// Sends exactly these bytes.
    Bytes(Vec<u8>),
    /// Does nothing more, ever.
    Hang,
    /// Sends this again and again.
    Flood(&'static str),
    /// Breaks the stream.
    Break(TransportError),
}

/// A whole answer: one result.
pub(crate) fn result(result: &str) -> Vec<Act> {
    vec![Act::Tell(format!(r#"{{"jsonrpc":"2.0","id":$id,"result":{result}}}"#))]
}

/// A whole answer: one error.
pub(crate) fn error(error: &str) -> Vec<Act> {
    vec![Act::Tell(format!(r#"{{"jsonrpc":"2.0","id":$id,"error":{error}}}"#))]
}

pub(crate) const DONE: &str =
    r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#;

/// A request that a scripted server has seen.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) message: Value,
    pub(crate) name: Option<String>,
    pub(crate) param_headers: Vec<(String, String)>,
    pub(crate) version: String,
}

impl Seen {
    pub(crate) fn meta(&self) -> &Value {
        &self.message["params"]["_meta"]
    }

    pub(crate) fn params(&self) -> &Value {
        &self.message["params"]
    }

    pub(crate) fn method(&self) -> &str {
        self.message["method"].as_str().unwrap()
    }
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Vec<Act>>>,
    seen: Mutex<Vec<Seen>>,
    notified: Mutex<Vec<Value>>,
    mirrors: bool,
    dropped: Arc<AtomicUsize>,
}

/// A transport whose server answers the first request by the first part of its script, the second by
/// the second, and fails when there is none left.
#[derive(Clone)]
pub(crate) struct Scripted(Arc<Shared>);

impl Scripted {
    pub(crate) fn new(script: impl IntoIterator<Item = Vec<Act>>) -> Self {
        Self(Arc::new(Shared {
            script: Mutex::new(script.into_iter().collect()),
            ..Shared::default()
        }))
    }

    /// As HTTP: with headers.
    pub(crate) fn mirroring(script: impl IntoIterator<Item = Vec<Act>>) -> Self {
        Self(Arc::new(Shared {
            script: Mutex::new(script.into_iter().collect()),
            mirrors: true,
            ..Shared::default()
        }))
    }

    pub(crate) fn client(&self) -> Client {
        self.client_of(Client::builder("tester", "1.0.0"))
    }

    pub(crate) fn client_of(&self, builder: ClientBuilder) -> Client {
        builder.connect(self.clone()).unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.seen.lock().unwrap().clone()
    }

    pub(crate) fn methods(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.method().to_owned()).collect()
    }

    pub(crate) fn notified(&self) -> Vec<Value> {
        self.0.notified.lock().unwrap().clone()
    }

    /// As many streams of messages were dropped.
    pub(crate) fn dropped(&self) -> usize {
        self.0.dropped.load(Ordering::SeqCst)
    }

    pub(crate) fn more(&self, acts: Vec<Act>) {
        self.0.script.lock().unwrap().push_back(acts);
    }
}

#[async_trait]
impl ClientTransport for Scripted {
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        let message: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(message["id"], serde_json::to_value(&request.id).unwrap());
        assert_eq!(message["method"], request.method.as_str());
        let id = message["id"].to_string();
        let token = message["params"]["_meta"]["progressToken"].to_string();
        self.0.seen.lock().unwrap().push(Seen {
            message,
            name: request.name,
            param_headers: request.param_headers,
            version: request.protocol_version,
        });
        let Some(acts) = self.0.script.lock().unwrap().pop_front() else {
            return Err(TransportError::Closed);
        };
        let fill = |text: &str| text.replace("$id", &id).replace("$token", &token);
        let acts = acts
            .into_iter()
            .map(|act| match act {
                Act::Say(text) => Act::Bytes(fill(text).into_bytes()),
                Act::Tell(text) => Act::Bytes(fill(&text).into_bytes()),
                act => act,
            })
            .collect();
        Ok(Box::pin(Playing { acts, dropped: Arc::clone(&self.0.dropped), id, token }))
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        let message = serde_json::from_slice(&notification.body).unwrap();
        self.0.notified.lock().unwrap().push(message);
        Ok(())
    }

    fn mirrors_parameters(&self) -> bool {
        self.0.mirrors
    }
}

struct Playing {
    acts: VecDeque<Act>,
    dropped: Arc<AtomicUsize>,
    id: String,
    token: String,
}

impl Stream for Playing {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.acts.pop_front() {
            None => Poll::Ready(None),
            Some(Act::Bytes(bytes)) => Poll::Ready(Some(Ok(Bytes::from(bytes)))),
            Some(Act::Hang) => {
                self.acts.push_front(Act::Hang);
                Poll::Pending
            }
            Some(Act::Flood(text)) => {
                let line = text.replace("$id", &self.id).replace("$token", &self.token);
                self.acts.push_front(Act::Flood(text));
                Poll::Ready(Some(Ok(Bytes::from(line))))
            }
            Some(Act::Break(error)) => Poll::Ready(Some(Err(error))),
            Some(Act::Say(_) | Act::Tell(_)) => unreachable!("filled in before"),
        }
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// The far end of a line connection, written by hand.
pub(crate) struct Peer {
    reader: BufReader<ReadHalf<DuplexStream>>,
    writer: WriteHalf<DuplexStream>,
}

impl Peer {
    /// A client and the server's end of its connection.
    pub(crate) fn new(builder: ClientBuilder, options: LineOptions) -> (Client, Self) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (reader, writer) = tokio::io::split(near);
        let transport = LineTransport::new(reader, writer, options).unwrap();
        let client = builder.connect(transport).unwrap();
        let (reader, writer) = tokio::io::split(far);
        (client, Self { reader: BufReader::new(reader), writer })
    }

    pub(crate) fn plain() -> (Client, Self) {
        Self::new(Client::builder("tester", "1.0.0"), LineOptions::default())
    }

    /// The next message of the client's.
    pub(crate) async fn read(&mut self) -> Value {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line);
        let read = tokio::time::timeout(Duration::from_secs(60), read).await;
        let read = read.expect("the client sends nothing").unwrap();
        assert!(read > 0, "the client closed the connection");
        assert!(line.ends_with('\n'));
        serde_json::from_str(&line).unwrap()
    }

    /// Whether the client has closed its side.
    pub(crate) async fn at_end(&mut self) -> bool {
        let mut line = String::new();
        self.reader.read_line(&mut line).await.unwrap() == 0
    }

    pub(crate) async fn say(&mut self, line: &str) {
        self.writer.write_all(line.as_bytes()).await.unwrap();
        self.writer.write_all(b"\n").await.unwrap();
    }

    pub(crate) async fn answer(&mut self, id: &Value, result: &str) {
        self.say(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)).await;
    }

    /// Answers with one text.
    pub(crate) async fn answer_text(&mut self, id: &Value, text: &str) {
        let result = format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#);
        self.answer(id, &result).await;
    }

    pub(crate) async fn end(mut self) {
        self.writer.shutdown().await.unwrap();
    }
}

/// Calls a tool without arguments, in a task.
pub(crate) fn spawn_call(
    client: &Client,
    tool: &'static str,
) -> tokio::task::JoinHandle<Result<String, mcp_core::client::ClientError>> {
    let client = client.clone();
    tokio::spawn(async move { client.call(tool).send().await.map(|result| result.all_text()) })
}
