//! One keep-alive HTTP/1.1 connection, on a raw socket: the client must cost little.

use std::{net::SocketAddr, ops::Range};

use bench_support::{Result, workload::PROTOCOL_VERSION, workload::Scenario};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{FIRST_ID, ID_DIGITS, LIMIT};

/// A request of one kind, complete but for its id.
#[derive(Clone)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    id: Range<usize>,
}

impl Template {
    /// An HTTP request of `scenario`.
    pub(crate) fn http(scenario: Scenario, address: SocketAddr) -> Result<Self> {
        let body = scenario.request(FIRST_ID);
        let name = scenario.tool().map(|tool| format!("Mcp-Name: {tool}\r\n")).unwrap_or_default();
        let (method, length) = (scenario.method(), body.len());
        Self::new(format!(
            "POST /mcp HTTP/1.1\r\n\
             Host: {address}\r\n\
             Content-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n\
             MCP-Protocol-Version: {PROTOCOL_VERSION}\r\n\
             Mcp-Method: {method}\r\n\
             {name}\
             Content-Length: {length}\r\n\
             \r\n\
             {body}"
        ))
    }

    /// A line of `scenario`.
    pub(crate) fn line(scenario: Scenario) -> Result<Self> {
        Self::new(scenario.request(FIRST_ID) + "\n")
    }

    fn new(request: String) -> Result<Self> {
        let at = request.find(&FIRST_ID.to_string()).ok_or("a request without its id")?;
        Ok(Self { bytes: request.into_bytes(), id: at..at + ID_DIGITS })
    }

    /// The request with this id.
    pub(crate) fn with_id(&mut self, id: u64) -> Result<&[u8]> {
        let digits = id.to_string();
        let place = self.bytes.get_mut(self.id.clone()).ok_or("an id outside its request")?;
        if digits.len() != place.len() {
            return Err(format!("request id {id} has not {ID_DIGITS} digits").into());
        }
        place.copy_from_slice(digits.as_bytes());
        Ok(&self.bytes)
    }
}

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// How much of `received` has been handed out.
    taken: usize,
    /// A chunked body, put together.
    body: Vec<u8>,
}

/// The start of a response.
pub(crate) struct Head {
    pub(crate) is_sse: bool,
    pub(crate) framing: Framing,
}

/// Where a body ends.
#[derive(Clone, Copy)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(16 * 1024), taken: 0, body: Vec::new() })
    }

    /// Sends a request and reads the whole answer: whether it is a stream of events, and its body.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<(bool, &[u8])> {
        self.send(request).await?;
        let head = self.head().await?;
        match head.framing {
            Framing::Length(length) => {
                let body = self.take(length).await?;
                Ok((head.is_sse, self.received.get(body).unwrap_or_default()))
            }
            Framing::Chunked => {
                let mut body = std::mem::take(&mut self.body);
                body.clear();
                while let Some(chunk) = self.chunk().await? {
                    body.extend_from_slice(self.received.get(chunk).unwrap_or_default());
                }
                self.body = body;
                Ok((head.is_sse, &self.body))
            }
        }
    }

    /// Sends a request in one write.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<()> {
        self.received.drain(..self.taken);
        self.taken = 0;
        if !self.received.is_empty() {
            return Err("the server sent more than it was asked for".into());
        }
        Ok(self.stream.write_all(request).await?)
    }

    /// Reads the start of a response, which must be 200.
    pub(crate) async fn head(&mut self) -> Result<Head> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut response = httparse::Response::new(&mut headers);
            let unread = self.received.get(self.taken..).unwrap_or_default();
            if let httparse::Status::Complete(length) = response.parse(unread)? {
                let status = response.code.unwrap_or_default();
                if status != 200 {
                    let text = String::from_utf8_lossy(unread).into_owned();
                    return Err(format!("status {status}: {text}").into());
                }
                let head = head(response.headers)?;
                self.taken += length;
                return Ok(head);
            }
            self.fill().await?;
        }
    }

    /// The next chunk of a chunked body, `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Range<usize>>> {
        loop {
            let unread = self.received.get(self.taken..).unwrap_or_default();
            match httparse::parse_chunk_size(unread) {
                Ok(httparse::Status::Complete((start, size))) => {
                    self.taken += start;
                    let chunk = self.take(usize::try_from(size)?).await?;
                    let end = self.take(2).await?;
                    if self.received.get(end) != Some(b"\r\n") {
                        return Err("a chunk without its end (trailers are not expected)".into());
                    }
                    return Ok(if chunk.is_empty() { None } else { Some(chunk) });
                }
                Ok(httparse::Status::Partial) => self.fill().await?,
                Err(error) => return Err(format!("chunk size: {error}").into()),
            }
        }
    }

    /// Forgets what has been handed out: for a body that never ends.
    pub(crate) fn forget(&mut self) {
        self.received.drain(..self.taken);
        self.taken = 0;
    }

    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.received.get(range).unwrap_or_default()
    }

    async fn take(&mut self, length: usize) -> Result<Range<usize>> {
        let range = self.taken..self.taken + length;
        while self.received.len() < range.end {
            self.fill().await?;
        }
        self.taken = range.end;
        Ok(range)
    }

    async fn fill(&mut self) -> Result<()> {
        let reading = timeout(LIMIT, self.stream.read_buf(&mut self.received));
        match reading.await.map_err(|_| format!("the server is silent for {LIMIT:?}"))?? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

fn head(headers: &[httparse::Header<'_>]) -> Result<Head> {
    let value = |name: &str| {
        let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let is_sse = match value("content-type").map(|value| value.split(';').next().unwrap_or(value)) {
        Some("application/json") => false,
        Some("text/event-stream") => true,
        other => return Err(format!("content type {other:?}").into()),
    };
    let framing = match (value("content-length"), value("transfer-encoding")) {
        (Some(length), None) => Framing::Length(length.parse()?),
        (None, Some("chunked")) => Framing::Chunked,
        other => return Err(format!("unclear length of the body: {other:?}").into()),
    };
    Ok(Head { is_sse, framing })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What a connection makes of these bytes, which arrive one by one.
    async fn received(bytes: &'static [u8]) -> Result<(bool, Vec<u8>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut connection = Connection::open(listener.local_addr()?).await?;
        let (mut server, _) = listener.accept().await?;
        server.set_nodelay(true)?;
        let sending = async {
            for byte in bytes {
                server.write_all(std::slice::from_ref(byte)).await?;
                tokio::task::yield_now().await;
            }
            server.shutdown().await
        };
        let exchange = async {
            let (is_sse, body) = connection.exchange(b"?").await?;
            Ok((is_sse, body.to_vec()))
        };
        let (exchanged, sent) = tokio::join!(exchange, sending);
        sent?;
        exchanged
    }

    fn outcome(bytes: &'static [u8]) -> Result<(bool, String), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (is_sse, body) =
            runtime.block_on(received(bytes)).map_err(|error| error.to_string())?;
        Ok((is_sse, String::from_utf8(body).unwrap()))
    }

    #[test]
    fn a_body_ends_where_its_length_or_its_last_chunk_says() {
        let json = outcome(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 4\r\n\r\ntrue",
        );
        assert_eq!(json, Ok((false, "true".to_owned())));
        let sse = outcome(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
            Transfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\nA\r\n 012345678\r\n0\r\n\r\n",
        );
        assert_eq!(sse, Ok((true, "data: 012345678".to_owned())));
    }

    #[test]
    fn what_is_no_complete_answer_is_an_error() {
        let refused = |bytes| outcome(bytes).is_err();
        assert!(refused(b""));
        assert!(refused(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"));
        assert!(refused(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\ntrue"));
        assert!(refused(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\ntrue"
        ));
        assert!(refused(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
            transfer-encoding: chunked\r\n\r\n4\r\ntrue\r\n"
        ));
    }
}
