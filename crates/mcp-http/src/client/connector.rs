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

#[cfg(feature = "tls")]
type Connect = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connect = HttpConnector;

/// Sends requests over kept connections.
pub(crate) struct Connector(Client<Connect, OneBody>);

impl Connector {
    pub(crate) fn new(connect_timeout: Duration) -> Result<Self, HttpTransportError> {
        let mut http = HttpConnector::new();
        // A request must not wait for the server's acknowledgement of the one before.
        http.set_nodelay(true);
        http.set_connect_timeout(Some(connect_timeout));
        #[cfg(feature = "tls")]
        let connect = {
            http.enforce_http(false);
            hyper_rustls::HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
                .map_err(|_| HttpTransportError::Certificates)?
                .https_or_http()
                .enable_http1()
                .wrap_connector(http)
        };
        #[cfg(not(feature = "tls"))]
        let connect = http;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connect);
        Ok(Self(client))
    }

    pub(crate) async fn send(
        &self,
        request: Request<OneBody>,
    ) -> Result<Response<Incoming>, TransportError> {
        self.0.request(request).await.map_err(|error| {
            if error.is_connect() {
                TransportError::Connect(Box::new(error))
            } else {
                tracing::debug!(%error, "a request failed");
                TransportError::Disconnected
            }
        })
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
