//! A server on a pair of byte streams, and its peer.

use std::time::Duration;

use mcp_core::server::Server;
use mcp_core::transport::{LineReader, StdioOptions, serve_lines};
use mcp_core::{Shutdown, ShutdownTrigger};
use serde_json::Value;
use tokio::io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

pub struct Peer {
    lines: LineReader<ReadHalf<DuplexStream>>,
    input: WriteHalf<DuplexStream>,
    pub serving: JoinHandle<std::io::Result<()>>,
    pub trigger: ShutdownTrigger,
}

/// Serves on one end of a pipe; the peer has the other.
pub fn start(server: Server, options: StdioOptions) -> Peer {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    let (trigger, shutdown) = Shutdown::new();
    let serving = tokio::spawn(serve_lines(server, reader, writer, options, shutdown));
    let (output, input) = tokio::io::split(ours);
    Peer { lines: LineReader::new(output, 1 << 24), input, serving, trigger }
}

impl Peer {
    pub fn new(server: Server) -> Self {
        start(server, StdioOptions::default())
    }

    pub async fn send(&mut self, message: &Value) {
        self.send_raw(format!("{message}\n").as_bytes()).await;
    }

    pub async fn send_raw(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).await.unwrap();
        self.input.flush().await.unwrap();
    }

    /// The next line as it was written, without its end.
    pub async fn next_line(&mut self) -> Vec<u8> {
        let line = tokio::time::timeout(Duration::from_secs(10), self.lines.next()).await;
        line.expect("an answer").expect("no end").unwrap()
    }

    pub async fn next(&mut self) -> Value {
        serde_json::from_slice(&self.next_line().await).unwrap()
    }

    /// Sends a request; everything that comes up to its response.
    pub async fn ask(&mut self, message: &Value) -> Vec<Value> {
        self.send(message).await;
        let mut seen = Vec::new();
        loop {
            seen.push(self.next().await);
            if seen.last().is_some_and(|last| last.get("method").is_none()) {
                return seen;
            }
        }
    }

    /// Ends the input; everything that still comes, and how serving ended.
    pub async fn end(mut self) -> (Vec<Value>, std::io::Result<()>) {
        self.input.shutdown().await.unwrap();
        drop(self.input);
        let mut seen = Vec::new();
        while let Some(line) = self.lines.next().await {
            seen.push(serde_json::from_slice(&line.unwrap()).unwrap());
        }
        (seen, self.serving.await.unwrap())
    }
}
