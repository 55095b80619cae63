//! One request and its answer, within limits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;

use super::{Credentials, FhirServerError, UpstreamLimits, failed};
use crate::server::SourceError;

const ACCEPT: HeaderValue =
    HeaderValue::from_static("application/fhir+json, application/json;q=0.9");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const STRICT: HeaderValue = HeaderValue::from_static("handling=strict");
const PREFER: HeaderName = HeaderName::from_static("prefer");
/// For how long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(15);

/// Sends requests to one server.
pub(super) struct Exchange {
    pub(super) client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    pub(super) credentials: Option<Arc<dyn Credentials>>,
    pub(super) headers: HeaderMap,
    pub(super) limits: UpstreamLimits,
    pub(super) places: Semaphore,
}

/// What is asked.
pub(super) enum Asked {
    /// What is at an address.
    Get(Uri),
    /// A search with these parameters, as a form.
    Post(Uri, String),
}

/// An answer. The body is that of a success; what a server says of a failure is not read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

pub(super) fn client(
    tls: Option<rustls::ClientConfig>,
    is_secure: bool,
    connect: Duration,
) -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, FhirServerError> {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.set_connect_timeout(Some(connect));
    http.enforce_http(false);
    let builder = HttpsConnectorBuilder::new();
    let provider = rustls::crypto::ring::default_provider;
    let builder = match tls {
        Some(mut config) => {
            config.alpn_protocols.clear();
            builder.with_tls_config(config)
        }
        None if is_secure => builder
            .with_provider_and_native_roots(provider())
            .map_err(|_| FhirServerError::Certificates)?,
        // Nobody is asked for a certificate then.
        None => {
            let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
                .with_safe_default_protocol_versions()
                .map_err(|_| FhirServerError::Certificates)?
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            builder.with_tls_config(config)
        }
    };
    let connector = if is_secure { builder.https_only() } else { builder.https_or_http() };
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(connector.enable_http1().wrap_connector(http)))
}

impl Exchange {
    /// Sends a request, and reads its answer if it is a success.
    pub(super) async fn ask(&self, asked: &Asked) -> Result<Answer, SourceError> {
        let all = tokio::time::timeout(self.limits.request, self.ask_within(asked)).await;
        all.map_err(|_| failed("it took too long"))?
    }

    async fn ask_within(&self, asked: &Asked) -> Result<Answer, SourceError> {
        let _place = self.places.acquire().await.map_err(|_| SourceError::Unavailable)?;
        let mut response = self.send(asked).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(credentials) = &self.credentials
            && credentials.refused().await.map_err(no_credentials)?
        {
            response = self.send(asked).await?;
        }
        let status = response.status();
        tracing::debug!(status = status.as_u16(), "a FHIR server answered");
        let body = if status == StatusCode::OK { self.read(response).await? } else { Bytes::new() };
        Ok(Answer { status, body })
    }

    async fn send(&self, asked: &Asked) -> Result<Response<Incoming>, SourceError> {
        let (method, uri, body) = match asked {
            Asked::Get(uri) => (Method::GET, uri, Bytes::new()),
            Asked::Post(uri, form) => (Method::POST, uri, Bytes::from(form.clone())),
        };
        let is_post = method == Method::POST;
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut()) = (method, uri.clone());
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(header::ACCEPT, ACCEPT);
        headers.insert(PREFER, STRICT);
        if is_post {
            headers.insert(header::CONTENT_TYPE, FORM);
        }
        if let Some(credentials) = &self.credentials
            && let Some(mut value) = credentials.authorization().await.map_err(no_credentials)?
        {
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                failed("it cannot be reached")
            } else {
                failed("the connection was lost")
            }
        })
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Bytes, SourceError> {
        if response.headers().contains_key(header::CONTENT_ENCODING) {
            return Err(failed("an answer with a coding that nobody asked for"));
        }
        if !is_json(response.headers()) {
            return Err(failed("an answer that is no JSON"));
        }
        let limit = self.limits.body;
        let mut body = response.into_body();
        let mut read: Vec<u8> = Vec::new();
        if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(failed("an answer that is too large"));
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| failed("the connection was lost"))?;
            let Ok(data) = frame.into_data() else { continue };
            if read.len().saturating_add(data.len()) > limit {
                return Err(failed("an answer that is too large"));
            }
            read.extend_from_slice(&data);
        }
        Ok(read.into())
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type =
        media_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    ["application/fhir+json", "application/json"]
        .iter()
        .any(|known| media_type.eq_ignore_ascii_case(known))
}

fn no_credentials(error: super::CredentialsError) -> SourceError {
    tracing::warn!(%error, "there are no credentials for a FHIR server");
    SourceError::Unavailable
}
