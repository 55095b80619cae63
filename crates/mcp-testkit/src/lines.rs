//! Servers that speak one message a line: child processes, or any pair of streams.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mcp_core::Shutdown;
use mcp_core::server::Server;
use mcp_core::transport::{StdioOptions, serve_lines};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::answer::Answer;
use crate::raw::DEADLINE;
use crate::request::Message;

/// What of a child's standard error is kept for messages: its last bytes.
const KEPT_STDERR: usize = 64 * 1024;

/// Why a line client got no line, or none that it can use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineClientError {
    /// Nothing came in time.
    #[error("nothing came within {waited:?}{}", told(stderr))]
    Deadline {
        /// How long was waited.
        waited: Duration,
        /// What the child wrote to standard error.
        stderr: String,
    },
    /// The server's output has ended.
    #[error("the server's output has ended{}", told(stderr))]
    Ended {
        /// What the child wrote to standard error.
        stderr: String,
    },
    /// A line of output is no JSON object: only messages may stand there.
    #[error("a line of the server's output is no JSON object: {line:?}")]
    NotAMessage {
        /// The line.
        line: String,
    },
    /// The input was closed before.
    #[error("the server's input is closed")]
    InputClosed,
    /// There is no child process to wait for.
    #[error("this client has no child process")]
    NoChild,
    /// Reading, writing or starting failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

fn told(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; its standard error:\n{stderr}") }
}

/// Speaks raw lines with a server. A child process is killed when its client is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_core::server::{ServedTool, Server};
/// use mcp_testkit::{LineClient, call_tool};
/// use serde_json::json;
///
/// let server = Server::builder("example", "1.0.0")
///     .tool(ServedTool::new("hello", async || "Hello!"))
///     .build()?;
/// let mut client = LineClient::in_memory(&server);
///
/// let answer = client.ask(call_tool("hello", json!({})).id(1)).await?;
/// assert_eq!(answer.assert_text(), "Hello!");
///
/// client.send_line("no JSON").await?;
/// assert_eq!(client.next_message().await?["error"]["code"], -32700);
///
/// client.close_input().await?;
/// client.expect_end().await?;
/// # Ok(())
/// # }
/// ```
pub struct LineClient {
    input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    output: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    /// The beginning of a line whose rest has not come yet.
    partial: Vec<u8>,
    /// Messages that were read while waiting for another.
    waiting: VecDeque<Value>,
    child: Option<Child>,
    stderr: Arc<Mutex<Vec<u8>>>,
    deadline: Duration,
}

impl LineClient {
    /// Starts a program and speaks with it over its standard input and output.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn spawn(mut command: Command) -> Result<Self, LineClientError> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || std::io::Error::other("a standard stream is missing");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        let errors = child.stderr.take().ok_or_else(missing)?;
        let mut client = Self::over(output, input);
        client.child = Some(child);
        // Read always: a child that fills an unread pipe would stop.
        tokio::spawn(keep(errors, Arc::clone(&client.stderr)));
        Ok(client)
    }

    /// Speaks over any pair of streams: `output` is the server's.
    pub fn over(
        output: impl AsyncRead + Send + Unpin + 'static,
        input: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self {
            input: Some(Box::new(input)),
            output: BufReader::new(Box::new(output)),
            partial: Vec::new(),
            waiting: VecDeque::new(),
            child: None,
            stderr: Arc::default(),
            deadline: DEADLINE,
        }
    }

    /// Serves `server` in this process, over pipes of 64 KiB in each direction.
    #[must_use]
    pub fn in_memory(server: &Server) -> Self {
        let (own_output, output) = tokio::io::duplex(64 * 1024);
        let (input, own_input) = tokio::io::duplex(64 * 1024);
        let (trigger, shutdown) = Shutdown::new();
        let serving =
            serve_lines(server.clone(), own_input, own_output, StdioOptions::default(), shutdown);
        tokio::spawn(async move {
            // Nobody asks this server to stop but by closing its input.
            let _trigger = trigger;
            let _ = serving.await;
        });
        Self::over(output, input)
    }

    /// Sets how long each step may take: 30 seconds unless set.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// What the child has written to standard error so far, its last 64 KiB.
    #[must_use]
    pub fn stderr(&self) -> String {
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }

    /// Writes bytes as they are: half a line, say.
    ///
    /// # Errors
    /// If they cannot be written in time.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), LineClientError> {
        let (deadline, stderr) = (self.deadline, Arc::clone(&self.stderr));
        let input = self.input.as_mut().ok_or(LineClientError::InputClosed)?;
        let writing = async {
            input.write_all(bytes).await?;
            input.flush().await
        };
        match tokio::time::timeout(deadline, writing).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(LineClientError::Deadline { waited: deadline, stderr: text(&stderr) }),
        }
    }

    /// Writes a line.
    ///
    /// # Errors
    /// If it cannot be written in time.
    pub async fn send_line(&mut self, line: &str) -> Result<(), LineClientError> {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        self.send_bytes(&bytes).await
    }

    /// Writes a message.
    ///
    /// # Errors
    /// If it cannot be written in time.
    pub async fn send(&mut self, message: &Message) -> Result<(), LineClientError> {
        self.send_line(&message.to_json().to_string()).await
    }

    /// The next line that no [`ask`](Self::ask) has read, as it came.
    ///
    /// # Errors
    /// If none comes in time, or the output has ended.
    pub async fn next_line(&mut self) -> Result<String, LineClientError> {
        let (waited, stderr) = (self.deadline, Arc::clone(&self.stderr));
        // `read_until` keeps what it has read in `partial`, so that a deadline loses nothing.
        let reading = self.output.read_until(b'\n', &mut self.partial);
        match tokio::time::timeout(waited, reading).await {
            Err(_) => return Err(LineClientError::Deadline { waited, stderr: text(&stderr) }),
            Ok(read) => read?,
        };
        let mut line = std::mem::take(&mut self.partial);
        if line.is_empty() {
            return Err(LineClientError::Ended { stderr: text(&stderr) });
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// The next message: one that an [`ask`](Self::ask) passed over, or else a new one.
    ///
    /// # Errors
    /// If none comes in time, the output has ended, or the line is no message.
    pub async fn next_message(&mut self) -> Result<Value, LineClientError> {
        match self.waiting.pop_front() {
            Some(message) => Ok(message),
            None => self.read_message().await,
        }
    }

    async fn read_message(&mut self) -> Result<Value, LineClientError> {
        let line = self.next_line().await?;
        match serde_json::from_str(&line) {
            Ok(message @ Value::Object(_)) => Ok(message),
            _ => Err(LineClientError::NotAMessage { line }),
        }
    }

    /// Sends a request and reads until its response. Notifications read on the way are in the answer;
    /// responses to other requests wait for [`next_message`](Self::next_message).
    ///
    /// # Errors
    /// As [`next_message`](Self::next_message) and [`send`](Self::send).
    pub async fn ask(&mut self, message: Message) -> Result<Answer, LineClientError> {
        let request = message.to_json();
        self.send_line(&request.to_string()).await?;
        let mut notifications = Vec::new();
        loop {
            let message = self.read_message().await?;
            if message.get("method").is_some() {
                notifications.push(message);
            } else if message.get("id") == request.get("id") {
                return Ok(Answer { request, notifications, response: message, kind: None });
            } else {
                self.waiting.push_back(message);
            }
        }
    }

    /// Closes the server's input, as a client does that goes away.
    ///
    /// # Errors
    /// If what is buffered cannot be written.
    pub async fn close_input(&mut self) -> Result<(), LineClientError> {
        if let Some(mut input) = self.input.take() {
            input.shutdown().await?;
        }
        Ok(())
    }

    /// Reads to the end of the output and gives the messages that came until then.
    ///
    /// # Errors
    /// If it does not end in time, or a line is no message.
    pub async fn expect_end(&mut self) -> Result<Vec<Value>, LineClientError> {
        let mut messages = Vec::new();
        loop {
            match self.next_message().await {
                Ok(message) => messages.push(message),
                Err(LineClientError::Ended { .. }) => return Ok(messages),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the child has ended.
    ///
    /// # Errors
    /// If it does not end in time, or there is no child.
    pub async fn wait(&mut self) -> Result<ExitStatus, LineClientError> {
        let (waited, stderr) = (self.deadline, Arc::clone(&self.stderr));
        let child = self.child.as_mut().ok_or(LineClientError::NoChild)?;
        match tokio::time::timeout(waited, child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => Err(LineClientError::Deadline { waited, stderr: text(&stderr) }),
        }
    }
}

fn text(kept: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&kept.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

/// Keeps the last bytes of a stream.
async fn keep(mut stream: impl AsyncRead + Unpin, kept: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 4096];
    while let Ok(read) = stream.read(&mut chunk).await {
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { return };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        let too_many = kept.len().saturating_sub(KEPT_STDERR);
        kept.drain(..too_many);
    }
}
