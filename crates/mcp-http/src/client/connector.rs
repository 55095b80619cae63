//! Connections: made, kept and shared by hyper's client.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use mcp_core::client::transport::TransportError;

use crate::client::HttpTransportError;
use crate::client::resolve::Resolver;

#[cfg(feature = "tls")]
type Connect = hyper_rustls::HttpsConnector<HttpConnector<Resolver>>;
#[cfg(not(feature = "tls"))]
type Connect = HttpConnector<Resolver>;

/// How connections are made.
pub(crate) struct ConnectOptions {
    pub(crate) timeout: Duration,
    pub(crate) resolver: Resolver,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<rustls::ClientConfig>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            resolver: Resolver::default(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

/// For how long a connection that nobody uses is kept: less than servers usually do, because a request
/// that meets a connection being closed is lost.
const IDLE: Duration = Duration::from_secs(15);
/// After how long the system asks whether a silent server is still there. A subscription may be silent
/// for hours.
const PROBE: Duration = Duration::from_secs(30);

/// Sends requests over kept connections.
pub(crate) struct Connector(Client<Connect, OneBody>);

impl Connector {
    pub(crate) fn new(options: ConnectOptions) -> Result<Self, HttpTransportError> {
        let mut http = HttpConnector::new_with_resolver(options.resolver);
        // A request must not wait for the server's acknowledgement of the one before.
        http.set_nodelay(true);
        http.set_keepalive(Some(PROBE));
        http.set_keepalive_interval(Some(PROBE));
        http.set_connect_timeout(Some(options.timeout));
        #[cfg(feature = "tls")]
        let http = secured(http, options.tls)?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(http);
        Ok(Self(client))
    }

    pub(crate) async fn send(
        &self,
        request: Request<OneBody>,
    ) -> Result<Response<Incoming>, TransportError> {
        self.0.request(request).await.map_err(|error| {
            if error.is_connect() {
                TransportError::Connect(Box::new(ConnectError::of(&error)))
            } else {
                tracing::debug!(%error, "a request failed");
                TransportError::Disconnected
            }
        })
    }
}

#[cfg(feature = "tls")]
fn secured(
    mut http: HttpConnector<Resolver>,
    config: Option<rustls::ClientConfig>,
) -> Result<Connect, HttpTransportError> {
    http.enforce_http(false);
    let builder = hyper_rustls::HttpsConnectorBuilder::new();
    let builder = match config {
        Some(mut config) => {
            config.alpn_protocols.clear();
            builder.with_tls_config(config)
        }
        None => builder
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|_| HttpTransportError::Certificates)?,
    };
    Ok(builder.https_or_http().enable_http1().wrap_connector(http))
}

/// Why a server cannot be reached, in all words there are: the outermost error says nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ConnectError(String);

impl ConnectError {
    fn of(error: &hyper_util::client::legacy::Error) -> Self {
        let mut reasons: Vec<String> = Vec::new();
        let mut next = std::error::Error::source(error);
        while let Some(reason) = next {
            let text = reason.to_string();
            if reasons.last() != Some(&text) {
                reasons.push(text);
            }
            next = reason.source();
        }
        if reasons.is_empty() {
            reasons.push(error.to_string());
        }
        Self(reasons.join(": "))
    }
}

/// A body of one piece.
pub(crate) struct OneBody(Option<Bytes>);

impl OneBody {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self(Some(bytes))
    }
}

impl Body for OneBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
