//! Requests, header by header.

use std::net::SocketAddr;

use mcp_core::header_value;
use mcp_core::protocol::{meta_keys, methods};
use serde_json::Value;

use crate::http::{HttpConnection, HttpError, HttpResponse};
use crate::request::Message;

/// A request of which every header can be set, doubled and left out.
///
/// ```
/// use mcp_testkit::{HttpRequest, call_tool};
/// use serde_json::json;
///
/// let request = HttpRequest::mcp("/mcp", &call_tool("greet", json!({})))
///     .header("Origin", "https://evil.example")
///     .without_header("Accept");
/// let text = String::from_utf8(request.to_bytes("localhost").to_vec()).unwrap();
/// assert!(text.starts_with("POST /mcp HTTP/1.1\r\nHost: localhost\r\n"));
/// assert!(text.contains("\r\nMcp-Name: greet\r\n"));
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct HttpRequest {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    counted: bool,
    message: Option<Value>,
}

impl HttpRequest {
    /// A request with no headers but `Host` and, if there is a body, `Content-Length`.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            counted: true,
            message: None,
        }
    }

    /// A POST of `message` with all headers that the specification asks for. Methods of extensions
    /// that are routed by a field need [`name`](Self::name) besides.
    pub fn mcp(target: &str, message: &Message) -> Self {
        let json = message.to_json();
        let meta = &json["params"]["_meta"];
        let mut request = Self::new("POST", target)
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream");
        if let Some(version) = meta[meta_keys::PROTOCOL_VERSION].as_str() {
            request = request.header("MCP-Protocol-Version", version);
        }
        request = request.header("Mcp-Method", message.method());
        let field = match message.method() {
            methods::TOOLS_CALL | methods::PROMPTS_GET => Some("name"),
            methods::RESOURCES_READ => Some("uri"),
            _ => None,
        };
        if let Some(name) = field.and_then(|field| json["params"][field].as_str()) {
            request = request.name(name);
        }
        request.body = json.to_string().into_bytes();
        request.message = Some(json);
        request
    }

    /// Adds a header, whether there is one of that name or not.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Adds `Mcp-Name`, encoded where the value needs it.
    pub fn name(self, name: &str) -> Self {
        self.header("Mcp-Name", header_value::encode(name).as_bytes())
    }

    /// Takes all headers of that name away.
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Replaces all headers of that name by one.
    pub fn replace_header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without_header(name).header(name, value)
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Leaves `Content-Length` to the test, which may want a wrong one or `Transfer-Encoding`.
    pub fn uncounted(mut self) -> Self {
        self.counted = false;
        self
    }

    /// The bytes, for the host named `host` unless there is a `Host` header already.
    #[must_use]
    pub fn to_bytes(&self, host: &str) -> Vec<u8> {
        let has =
            |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        if !has("host") {
            out.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
        }
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        if self.counted
            && !has("content-length")
            && (!self.body.is_empty() || self.method == "POST")
        {
            out.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }

    /// Opens a connection, sends the request and reads the whole response.
    ///
    /// # Errors
    /// If there is no whole response in time.
    pub async fn send(&self, address: SocketAddr) -> Result<HttpResponse, HttpError> {
        let mut connection = HttpConnection::open(address).await?;
        connection.send(self).await?;
        let mut response = connection.read_response().await?;
        response.message.clone_from(&self.message);
        Ok(response)
    }
}
