//! The accept loop that every HTTP subject runs in: hyper's HTTP/1.1, `TCP_NODELAY`, nothing else.

use std::error::Error as StdError;

use http_body::Body;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::{Control, Result};

/// Serves `service` at a free port of the loopback interface, until the driver goes away.
///
/// # Errors
///
/// No port, or the driver is gone.
pub async fn serve_http<S, B>(control: Control, service: S) -> Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    control.ready(Some(listener.local_addr()?))?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service.clone();
        tokio::spawn(async move {
            // An error here is the driver's client that closed its connection.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
