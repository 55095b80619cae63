//! Serving a listener, for programs that have no HTTP server of their own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use mcp_core::Shutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::service::HttpService;

/// The bounds of [`serve_with`].
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Open connections; more wait to be accepted. Default 10,000.
    pub connections: usize,
    /// How long a client may take to send a request's head. Default 30 seconds.
    pub header_timeout: Duration,
    /// Bytes of a request's head; a longer one answers 431. Default 64 KiB.
    pub max_header_bytes: usize,
    /// How long open requests may go on after shutdown was requested. Default 10 seconds.
    pub drain: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header_timeout: Duration::from_secs(30),
            max_header_bytes: 64 * 1024,
            drain: Duration::from_secs(10),
        }
    }
}

/// Serves HTTP/1.1 on `listener` until `shutdown`, with the default bounds.
///
/// # Errors
/// If the listener is not usable.
pub async fn serve(
    listener: TcpListener,
    service: HttpService,
    shutdown: Shutdown,
) -> io::Result<()> {
    serve_with(listener, service, shutdown, ServeOptions::default()).await
}

/// Serves HTTP/1.1 on `listener` until `shutdown`.
///
/// Then no more connections are accepted, subscriptions end with their final answer, and open requests
/// have time to finish. The extensions' background work runs as long.
///
/// # Errors
/// If the listener is not usable.
pub async fn serve_with(
    listener: TcpListener,
    service: HttpService,
    shutdown: Shutdown,
    options: ServeOptions,
) -> io::Result<()> {
    listener.local_addr()?;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_buf_size(options.max_header_bytes.max(16 * 1024));
    let server = service.server().clone();
    let (trigger, background) = Shutdown::new();
    let extensions = tokio::spawn({
        let server = server.clone();
        async move { server.run_extensions(background).await }
    });
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(options.connections));
    loop {
        let accepted = tokio::select! {
            () = shutdown.requested() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        // An answer must not wait for the client's acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let connection =
            http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended with an error");
            }
            drop(place);
        });
    }
    drop(listener);
    server.end_subscriptions();
    if tokio::time::timeout(options.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still open when the time to finish was over");
    }
    trigger.request();
    if tokio::time::timeout(options.drain, extensions).await.is_err() {
        tracing::warn!("an extension's background work did not end in time");
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            // Out of descriptors, most often: wait for some to be freed.
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
