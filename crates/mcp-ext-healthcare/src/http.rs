//! Requests to services of others: one answer of a bounded size in a bounded time, from where the operator said and nowhere else.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// What one request may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpLimits {
    /// Time in all. Default 10 s.
    pub total: Duration,
    /// Time to connect. Default 3 s.
    pub connect: Duration,
    /// Bytes of an answer. Default 1 MiB.
    pub answer: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(10),
            connect: Duration::from_secs(3),
            answer: 1024 * 1024,
        }
    }
}

/// Why a service of others cannot be asked at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpSetupError {
    /// The address is none, or has a user name, a query or a fragment.
    #[error("the service's address is malformed")]
    Address,
    /// The address is `http:`, and not of this machine.
    #[error("the service's address has to be https:")]
    Insecure,
    /// The system's certificates could not be loaded.
    #[error("the system's certificates could not be loaded")]
    Certificates,
    /// The header that authorises cannot be sent.
    #[error("the authorization is no text that a header can have")]
    Authorization,
}

/// Why there is no answer. It holds nothing of what was sent or received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpFailure {
    Unreachable,
    TimedOut,
    TooLarge,
    /// It is elsewhere. Nobody goes there: the operator has not said so.
    Redirected,
    NotJson,
    Status(StatusCode),
}

/// A service of others, by its address.
pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    authorization: Option<HeaderValue>,
    limits: HttpLimits,
}

impl Http {
    /// A service at an address, with the credential that is the operator's own at it: never that of an MCP client (SEC-1).
    pub(crate) fn new(
        base: &str,
        authorization: Option<&str>,
        limits: HttpLimits,
    ) -> Result<Self, HttpSetupError> {
        let base = base.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| HttpSetupError::Address)?;
        let authority = uri.authority().ok_or(HttpSetupError::Address)?;
        if authority.as_str().contains('@') || uri.query().is_some() || base.contains('#') {
            return Err(HttpSetupError::Address);
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_this_machine(authority.host()) => {}
            Some("http") => return Err(HttpSetupError::Insecure),
            _ => return Err(HttpSetupError::Address),
        }
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(limits.connect));
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|_| HttpSetupError::Certificates)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let authorization = match authorization {
            Some(text) => {
                let value = HeaderValue::from_str(text);
                let mut value = value.map_err(|_| HttpSetupError::Authorization)?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let client = Client::builder(TokioExecutor::new()).build(https);
        Ok(Self { client, base: base.to_owned(), authorization, limits })
    }

    /// Asks for JSON below the address. With a body, it is sent as JSON.
    pub(crate) async fn json(
        &self,
        path: &str,
        media_type: &'static str,
        body: Option<String>,
    ) -> Result<String, (HttpFailure, String)> {
        let nothing = |failure| (failure, String::new());
        let asking = self.exchange(path, media_type, body);
        match tokio::time::timeout(self.limits.total, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(nothing(HttpFailure::TimedOut)),
        }
    }

    async fn exchange(
        &self,
        path: &str,
        media_type: &'static str,
        body: Option<String>,
    ) -> Result<String, (HttpFailure, String)> {
        let nothing = |failure| (failure, String::new());
        let mut request = Request::new(Full::new(Bytes::new()));
        let uri = format!("{}/{path}", self.base).parse();
        *request.uri_mut() = uri.map_err(|_| nothing(HttpFailure::Unreachable))?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static(media_type));
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            *request.method_mut() = Method::POST;
            *request.body_mut() = Full::new(Bytes::from(body));
        }
        let response = self.client.request(request).await;
        let response = response.map_err(|_| nothing(HttpFailure::Unreachable))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(nothing(HttpFailure::Redirected));
        }
        let is_plain = is_plain_json(response.headers());
        let body = Limited::new(response.into_body(), self.limits.answer).collect().await;
        let body = body.map_err(|error| {
            let is_large = error.downcast_ref::<http_body_util::LengthLimitError>().is_some();
            nothing(if is_large { HttpFailure::TooLarge } else { HttpFailure::Unreachable })
        })?;
        let text = String::from_utf8(body.to_bytes().into());
        let text = text.map_err(|_| nothing(HttpFailure::NotJson))?;
        if !status.is_success() {
            let text = if is_plain { text } else { String::new() };
            return Err((HttpFailure::Status(status), text));
        }
        if is_plain { Ok(text) } else { Err(nothing(HttpFailure::NotJson)) }
    }
}

/// Whether an answer is JSON, and not compressed: nobody asked for that.
fn is_plain_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    let is_json = media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    let coding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    is_json && coding.is_none_or(|coding| coding.eq_ignore_ascii_case("identity"))
}

fn is_this_machine(host: &str) -> bool {
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || plain.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_or_of_this_machine() {
        for (address, expected) in [
            ("https://cds.example/r4/", None),
            ("http://127.0.0.1:8080", None),
            ("http://[::1]:8080/x", None),
            ("http://localhost", None),
            ("http://cds.example", Some(HttpSetupError::Insecure)),
            ("http://127.0.0.1.example", Some(HttpSetupError::Insecure)),
            ("https://user@cds.example", Some(HttpSetupError::Address)),
            ("https://cds.example/?a=b", Some(HttpSetupError::Address)),
            ("https://cds.example/#a", Some(HttpSetupError::Address)),
            ("ftp://cds.example", Some(HttpSetupError::Address)),
            ("cds.example", Some(HttpSetupError::Address)),
            ("", Some(HttpSetupError::Address)),
        ] {
            let built = Http::new(address, None, HttpLimits::default());
            assert_eq!(built.err(), expected, "{address}");
        }
        let built = Http::new("https://cds.example", Some("Bearer a\nb"), HttpLimits::default());
        assert_eq!(built.err(), Some(HttpSetupError::Authorization));
    }
}
