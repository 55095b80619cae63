//! An HTTP server that says what a test tells it to, byte by byte if it must.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// The parameters of query and form, decoded.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        [query, &self.body].iter().flat_map(|text| decode(text)).collect()
    }
}

fn decode(text: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        let mut parts = text.split('%');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend_from_slice(&part.as_bytes()[2..]);
        }
        String::from_utf8(bytes).unwrap()
    };
    text.split('&')
        .filter(|one| !one.is_empty())
        .map(|one| {
            let (name, value) = one.split_once('=').unwrap_or((one, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// What is answered.
pub(crate) enum Reply {
    /// A resource, or anything else in JSON.
    Json(Value),
    /// A status, headers, and a body.
    Raw(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// A byte now and then, for ever.
    Drip,
    /// Spaces for ever, as fast as they are read.
    Flood,
    /// Half of what was announced.
    Cut,
    /// Nothing at all; the connection stays open.
    Silence,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        let outcome = serde_json::json!({ "resourceType": "OperationOutcome", "issue": [{
            "severity": "error", "code": "processing", "diagnostics": crate::PLANTED }] });
        Self::Raw(status, vec![JSON], outcome.to_string().into_bytes())
    }

    pub(crate) fn text(body: impl Into<String>) -> Self {
        Self::Raw(200, vec![JSON], body.into().into_bytes())
    }
}

pub(crate) const JSON: (&str, String) = ("content-type", String::new());

type Answering = dyn Fn(&Asked, &str) -> Reply + Send + Sync;

/// A server on this machine. It ends with the test's runtime.
pub(crate) struct Fake {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers by a function of the request and the server's own address.
    pub(crate) async fn start(
        answer: impl Fn(&Asked, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/fhir", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, base, log): (Arc<Answering>, _, _) =
            (Arc::new(answer), url.clone(), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, base, log) = (Arc::clone(&answer), base.clone(), Arc::clone(&log));
                tokio::spawn(async move {
                    // Whoever asks may go away at any time.
                    let _ = serve(stream, &*answer, &base, &log).await;
                });
            }
        });
        Self { url, asked }
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn serve(
    stream: TcpStream,
    answer: &Answering,
    base: &str,
    log: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            read.read_line(&mut line).await?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        read.read_exact(&mut body).await?;
        let asked = Asked { method, target, headers, body: String::from_utf8(body).unwrap() };
        log.lock().unwrap().push(asked.clone());
        match answer(&asked, base) {
            Reply::Json(value) => {
                send(&mut write, 200, &[JSON], value.to_string().as_bytes()).await?;
            }
            Reply::Raw(status, headers, body) => send(&mut write, status, &headers, &body).await?,
            Reply::Drip => {
                write.write_all(head(200, &[JSON], 100_000).as_bytes()).await?;
                loop {
                    write.write_all(b" ").await?;
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
            Reply::Flood => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ntransfer-encoding: chunked\r\n\r\n";
                write.write_all(head.as_bytes()).await?;
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
                loop {
                    write.write_all(chunk.as_bytes()).await?;
                }
            }
            Reply::Cut => {
                write.write_all(head(200, &[JSON], 100).as_bytes()).await?;
                write.write_all(b"{\"resourceType\":").await?;
                return Ok(());
            }
            Reply::Silence => std::future::pending().await,
        }
    }
}

fn head(status: u16, headers: &[(&'static str, String)], length: usize) -> String {
    let mut head = format!("HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        let value =
            if *name == JSON.0 && value.is_empty() { "application/fhir+json" } else { value };
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

async fn send(
    write: &mut (impl tokio::io::AsyncWrite + Unpin),
    status: u16,
    headers: &[(&'static str, String)],
    body: &[u8],
) -> std::io::Result<()> {
    write.write_all(head(status, headers, body.len()).as_bytes()).await?;
    write.write_all(body).await
}
