//! One connection, read and written step by step.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::http::sse::{SseEvent, SseParser};
use crate::http::{HttpError, HttpHead, HttpRequest, HttpResponse};
use crate::raw::DEADLINE;

/// The longest line of a response's head.
const MAX_LINE: usize = 64 * 1024;
/// The largest body that is read as a whole.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// How the rest of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Left(usize),
    Chunked,
    UntilClose,
    Done,
}

/// One connection: for keep-alive, pipelining, half a request, streams read event by event.
///
/// ```no_run
/// # async fn test(address: std::net::SocketAddr) -> Result<(), mcp_testkit::HttpError> {
/// use mcp_testkit::{HttpConnection, HttpRequest, request};
///
/// let mut connection = HttpConnection::open(address).await?;
/// let listen = request("subscriptions/listen").param("notifications", serde_json::json!({}));
/// connection.send(&HttpRequest::mcp("/mcp", &listen)).await?;
/// let head = connection.read_head().await?;
/// assert_eq!(head.status, 200);
/// let first = connection.next_event().await?;
/// assert!(first.is_some_and(|event| event.data.contains("acknowledged")));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HttpConnection {
    stream: BufReader<TcpStream>,
    host: String,
    deadline: Duration,
    framing: Framing,
    events: SseParser,
}

impl HttpConnection {
    /// Connects.
    ///
    /// # Errors
    /// If that fails.
    pub async fn open(address: SocketAddr) -> Result<Self, HttpError> {
        let stream = match tokio::time::timeout(DEADLINE, TcpStream::connect(address)).await {
            Ok(stream) => stream?,
            Err(_) => return Err(HttpError::Deadline(DEADLINE)),
        };
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            host: address.to_string(),
            deadline: DEADLINE,
            framing: Framing::Done,
            events: SseParser::default(),
        })
    }

    /// Sets how long each step may take: 30 seconds unless set.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// If they cannot be written in time.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), HttpError> {
        let stream = self.stream.get_mut();
        match tokio::time::timeout(self.deadline, stream.write_all(bytes)).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(HttpError::Deadline(self.deadline)),
        }
    }

    /// Writes a request.
    ///
    /// # Errors
    /// If it cannot be written in time.
    pub async fn send(&mut self, request: &HttpRequest) -> Result<(), HttpError> {
        let bytes = request.to_bytes(&self.host);
        self.write(&bytes).await
    }

    /// Closes the sending direction.
    ///
    /// # Errors
    /// If that fails.
    pub async fn close_sending(&mut self) -> Result<(), HttpError> {
        Ok(self.stream.get_mut().shutdown().await?)
    }

    /// Reads status and headers; the body is then read by the other functions. Informational
    /// responses (1xx) are passed over.
    ///
    /// # Errors
    /// If there are none in time.
    pub async fn read_head(&mut self) -> Result<HttpHead, HttpError> {
        loop {
            let head = self.read_one_head().await?;
            if !(100..200).contains(&head.status) {
                self.framing = framing(&head)?;
                self.events = SseParser::default();
                return Ok(head);
            }
        }
    }

    async fn read_one_head(&mut self) -> Result<HttpHead, HttpError> {
        let status_line = self.line("before a response").await?;
        let mut words = status_line.splitn(3, ' ');
        let (version, code) = (words.next(), words.next());
        let status =
            code.and_then(|code| code.parse().ok()).filter(|_| version == Some("HTTP/1.1"));
        let status = status.ok_or_else(|| HttpError::Malformed(status_line.clone()))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line("in the middle of the headers").await?;
            if line.is_empty() {
                return Ok(HttpHead { status, headers });
            }
            let Some((name, value)) = line.split_once(':') else {
                return Err(HttpError::Malformed(line));
            };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// A line without its end.
    async fn line(&mut self, place: &'static str) -> Result<String, HttpError> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(MAX_LINE as u64);
        let reading = limited.read_until(b'\n', &mut line);
        match tokio::time::timeout(self.deadline, reading).await {
            Ok(read) => read?,
            Err(_) => return Err(HttpError::Deadline(self.deadline)),
        };
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
            None if line.is_empty() => Err(HttpError::Ended(place)),
            None => Err(HttpError::Malformed(String::from_utf8_lossy(&line).into_owned())),
        }
    }

    /// The next part of the body as it comes, without transfer coding; `None` at its end.
    ///
    /// # Errors
    /// If nothing comes in time, or the body is cut short.
    pub async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        match self.framing {
            Framing::Done | Framing::Left(0) => {
                self.framing = Framing::Done;
                Ok(None)
            }
            Framing::Left(left) => {
                let bytes = self.some(left).await?;
                if bytes.is_empty() {
                    return Err(HttpError::Ended("in the middle of the body"));
                }
                self.framing = Framing::Left(left.saturating_sub(bytes.len()));
                Ok(Some(bytes))
            }
            Framing::UntilClose => {
                let bytes = self.some(MAX_BODY).await?;
                Ok((!bytes.is_empty()).then_some(bytes))
            }
            Framing::Chunked => self.transfer_chunk().await,
        }
    }

    async fn transfer_chunk(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        let line = self.line("between chunks").await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16)
            .ok()
            .filter(|size| *size <= MAX_BODY)
            .ok_or_else(|| HttpError::Malformed(format!("chunk size {line:?}")))?;
        if size == 0 {
            // Trailers, up to an empty line.
            while !self.line("in the trailers").await?.is_empty() {}
            self.framing = Framing::Done;
            return Ok(None);
        }
        let mut chunk = vec![0; size];
        let reading = self.stream.read_exact(&mut chunk);
        match tokio::time::timeout(self.deadline, reading).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(HttpError::Ended("in the middle of a chunk"));
            }
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(HttpError::Deadline(self.deadline)),
        }
        match self.line("after a chunk").await?.as_str() {
            "" => Ok(Some(chunk)),
            other => Err(HttpError::Malformed(format!("{other:?} after a chunk"))),
        }
    }

    /// At most `most` bytes, as soon as there are some; none at the end of the connection.
    async fn some(&mut self, most: usize) -> Result<Vec<u8>, HttpError> {
        let mut bytes = vec![0; most.min(64 * 1024)];
        let read = match tokio::time::timeout(self.deadline, self.stream.read(&mut bytes)).await {
            Ok(read) => read?,
            Err(_) => return Err(HttpError::Deadline(self.deadline)),
        };
        bytes.truncate(read);
        Ok(bytes)
    }

    /// The rest of the body.
    ///
    /// # Errors
    /// If it does not end in time, or is cut short.
    pub async fn read_body(&mut self) -> Result<Vec<u8>, HttpError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.next_chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY {
                return Err(HttpError::Malformed("the body does not end".to_owned()));
            }
        }
        Ok(body)
    }

    /// A whole response.
    ///
    /// # Errors
    /// If there is none in time.
    pub async fn read_response(&mut self) -> Result<HttpResponse, HttpError> {
        let head = self.read_head().await?;
        let body = self.read_body().await?;
        Ok(HttpResponse { head, body, message: None })
    }

    /// The next server-sent event of the body, comments included; `None` at its end.
    ///
    /// # Errors
    /// If none comes in time, or the body is cut short.
    pub async fn next_event(&mut self) -> Result<Option<SseEvent>, HttpError> {
        loop {
            if let Some(event) = self.events.next_event() {
                return Ok(Some(event));
            }
            match self.next_chunk().await? {
                Some(chunk) => self.events.push(&chunk),
                None => return Ok(None),
            }
        }
    }

    /// Whether the server has closed the connection: reads until it has, or until the deadline.
    ///
    /// # Errors
    /// If it sends something instead, or does not close in time.
    pub async fn expect_close(&mut self) -> Result<(), HttpError> {
        let bytes = self.some(1024).await?;
        if bytes.is_empty() {
            return Ok(());
        }
        Err(HttpError::Malformed(format!("{:?} after the end", String::from_utf8_lossy(&bytes))))
    }
}

/// RFC 9112, section 6.3.
fn framing(head: &HttpHead) -> Result<Framing, HttpError> {
    if matches!(head.status, 204 | 304) {
        return Ok(Framing::Done);
    }
    match (head.header("transfer-encoding"), head.header("content-length")) {
        (Some(_), Some(_)) => {
            Err(HttpError::Malformed("both Transfer-Encoding and Content-Length".to_owned()))
        }
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        (Some(coding), None) => Err(HttpError::Malformed(format!("Transfer-Encoding {coding:?}"))),
        (None, Some(length)) => match length.parse() {
            Ok(length) => Ok(Framing::Left(length)),
            Err(_) => Err(HttpError::Malformed(format!("Content-Length {length:?}"))),
        },
        (None, None) => Ok(Framing::UntilClose),
    }
}
