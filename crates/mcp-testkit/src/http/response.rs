//! Responses.

use serde_json::Value;

use crate::answer::Answer;
use crate::http::HttpError;
use crate::http::sse::{SseEvent, SseParser};

/// The first part of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHead {
    /// The status code.
    pub status: u16,
    /// The headers in their order, names as they came.
    pub headers: Vec<(String, String)>,
}

impl HttpHead {
    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// A whole response.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpResponse {
    /// Status and headers.
    pub head: HttpHead,
    /// The body, without transfer coding.
    pub body: Vec<u8>,
    pub(super) message: Option<Value>,
}

impl HttpResponse {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The body as text; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If it is none.
    pub fn json(&self) -> Result<Value, HttpError> {
        serde_json::from_slice(&self.body).map_err(|_| HttpError::NotJson(self.text()))
    }

    /// The body's server-sent events.
    #[must_use]
    pub fn events(&self) -> Vec<SseEvent> {
        let mut parser = SseParser::default();
        parser.push(&self.body);
        std::iter::from_fn(|| parser.next_event()).collect()
    }

    /// The JSON-RPC messages of the body, be it one JSON value or an event stream.
    ///
    /// # Errors
    /// If one is no JSON.
    pub fn messages(&self) -> Result<Vec<Value>, HttpError> {
        let kind = self.head.header("content-type").unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return Ok(vec![self.json()?]);
        }
        self.events()
            .into_iter()
            .filter(|event| !event.data.is_empty())
            .map(|event| {
                serde_json::from_str(&event.data).map_err(|_| HttpError::NotJson(event.data))
            })
            .collect()
    }

    /// The body as the answer to the message that was sent.
    ///
    /// # Errors
    /// If it has no response.
    pub fn answer(&self) -> Result<Answer, HttpError> {
        let mut notifications = self.messages()?;
        let response = match notifications.pop() {
            Some(last) if last.get("method").is_none() => last,
            _ => return Err(HttpError::Ended("without a JSON-RPC response")),
        };
        let request = self.message.clone().unwrap_or_default();
        Ok(Answer { request, notifications, response, kind: None })
    }
}
