//! A server that writes down what it gets and answers as it is told, byte by byte.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mcp_core::client::{Client, ClientBuilder};
use mcp_http::HttpTransport;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Seen {
    /// The values of a header, whatever its case.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let same = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|header| header.1.as_str()).collect()
    }

    /// The value of a header that must not be there twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name}: {all:?}");
        all.first().copied()
    }

    /// The `Mcp-Param-*` headers, in lower case, by name.
    pub(crate) fn params(&self) -> Vec<(String, String)> {
        let mut params: Vec<_> = self
            .headers
            .iter()
            .filter_map(|(name, value)| {
                let name = name.to_ascii_lowercase();
                Some((name.strip_prefix("mcp-param-")?.to_owned(), value.clone()))
            })
            .collect();
        params.sort();
        params
    }

    pub(crate) fn rpc(&self) -> &str {
        self.body["method"].as_str().unwrap()
    }

    pub(crate) fn meta(&self, key: &str) -> &Value {
        &self.body["params"]["_meta"][format!("io.modelcontextprotocol/{key}")]
    }
}

/// What is sent back.
pub(crate) struct Reply {
    pieces: Vec<Vec<u8>>,
    then: Then,
}

/// What becomes of the connection.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// The next request is read.
    GoesOn,
    /// It stays open, with nothing more to come.
    Hangs,
    Ends,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::of(status, "application/json", body.to_string().as_bytes())
    }

    /// The response to a request with this result.
    pub(crate) fn result(seen: &Seen, result: &Value) -> Self {
        Self::json(200, &json!({ "jsonrpc": "2.0", "id": seen.body["id"], "result": result }))
    }

    /// The response to a request with this error.
    pub(crate) fn error(seen: &Seen, status: u16, error: &Value) -> Self {
        Self::json(status, &json!({ "jsonrpc": "2.0", "id": seen.body["id"], "error": error }))
    }

    pub(crate) fn done(seen: &Seen) -> Self {
        Self::result(seen, &json!({ "content": [{ "type": "text", "text": "done" }] }))
    }

    pub(crate) fn of(status: u16, kind: &str, body: &[u8]) -> Self {
        let length = body.len();
        let kind =
            if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let head = format!("HTTP/1.1 {status} X\r\n{kind}Content-Length: {length}\r\n\r\n");
        Self { pieces: vec![[head.as_bytes(), body].concat()], then: Then::GoesOn }
    }

    /// A stream of events that ends with its connection.
    pub(crate) fn events(text: &str) -> Self {
        Self::stream(vec![text.as_bytes().to_vec()])
    }

    /// Each piece in a chunk of its own.
    pub(crate) fn stream(pieces: Vec<Vec<u8>>) -> Self {
        let head = "HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut all = vec![head.as_bytes().to_vec()];
        for piece in pieces {
            let size = format!("{:x}\r\n", piece.len());
            all.push([size.as_bytes(), &piece, b"\r\n"].concat());
        }
        all.push(b"0\r\n\r\n".to_vec());
        Self { pieces: all, then: Then::GoesOn }
    }

    /// A stream that stays open after what it has said.
    pub(crate) fn hanging(text: &str) -> Self {
        let mut reply = Self::events(text);
        reply.pieces.pop();
        reply.then = Then::Hangs;
        reply
    }

    /// Bytes, whatever they are; then the connection ends.
    pub(crate) fn raw(bytes: &[u8]) -> Self {
        Self { pieces: vec![bytes.to_vec()], then: Then::Ends }
    }
}

type Answer = dyn Fn(&Seen) -> Reply + Send + Sync;

#[derive(Clone)]
pub(crate) struct Recorder {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    left: Arc<AtomicUsize>,
}

impl Recorder {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let recorder = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            left: Arc::default(),
        };
        let (here, answer) = (recorder.clone(), Arc::new(answer) as Arc<Answer>);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (here, answer) = (here.clone(), Arc::clone(&answer));
                tokio::spawn(async move { here.serve(stream, &*answer).await });
            }
        });
        recorder
    }

    async fn serve(&self, mut stream: TcpStream, answer: &Answer) {
        let mut buffer = Vec::new();
        while let Some(seen) = next(&mut stream, &mut buffer).await {
            self.seen.lock().unwrap().push(seen.clone());
            let reply = answer(&seen);
            for piece in reply.pieces {
                if stream.write_all(&piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            match reply.then {
                Then::GoesOn => {}
                Then::Ends => return,
                Then::Hangs => {
                    // Until the client goes away.
                    while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
                    self.left.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn transport(&self) -> HttpTransport {
        HttpTransport::new(&format!("http://{}/mcp", self.address)).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        self.client_of(Client::builder("tester", "1.0.0"))
    }

    pub(crate) fn client_of(&self, builder: ClientBuilder) -> Client {
        builder.connect(self.transport()).unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// As many open streams were left by the client.
    pub(crate) fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }

    /// The methods of all requests and notifications.
    pub(crate) fn methods(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.rpc().to_owned()).collect()
    }
}

async fn next(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).expect("a head is ASCII");
    let mut lines = head.split("\r\n");
    let mut start = lines.next().unwrap().split(' ').map(str::to_owned);
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap_or_else(|| (line.trim_end_matches(':'), "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.expect("a length").1.parse().unwrap();
    while buffer.len() < end + 4 + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[end + 4..end + 4 + length].to_vec();
    buffer.drain(..end + 4 + length);
    Some(Seen {
        method: start.next().unwrap(),
        target: start.next().unwrap(),
        headers,
        body: serde_json::from_slice(&body).expect("one JSON value"),
    })
}
