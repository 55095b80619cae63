//! Serving a listener, for programs that have no HTTP server of their own.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use mcp_core::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower_service::Service;

use super::service::HttpService;

type BoxError = Box<dyn Error + Send + Sync>;

/// Where the endpoint is if nobody says otherwise.
const DEFAULT_PATH: &str = "/mcp";
/// hyper wants room for 8 KiB; with less than this, large messages are read in small pieces.
const SMALLEST_BUFFER: usize = 16 * 1024;

/// The bounds of [`serve_with`].
///
/// ```
/// use std::time::Duration;
///
/// use mcp_http::ServeOptions;
///
/// let options = ServeOptions { drain: Duration::from_secs(60), ..ServeOptions::default() };
/// assert_eq!(options.connections, 10_000);
/// ```
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Open connections; more wait to be accepted. Default 10,000.
    pub connections: usize,
    /// How long a client may take to send a request's head, and how long a connection may be idle
    /// between two requests; then it is closed. Default 30 seconds.
    pub header_timeout: Duration,
    /// Bytes of a request's head; a longer one answers 431, as does one of more than 100 headers.
    /// Default 64 KiB, at least 16 KiB.
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

/// Serves HTTP/1.1 on `listener` until `shutdown`, with the default bounds: see [`serve_with`].
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
/// The endpoint is `/mcp` unless the service has a [path](crate::HttpServiceBuilder::path) of its own;
/// the server's documents are at theirs.
///
/// On shutdown no more connections are accepted, subscriptions end with their final answer, and open
/// requests have [`ServeOptions::drain`] to finish; then they are dropped, which cancels them. The
/// extensions' background work goes on until then, and has as long to end. Dropping the future stops
/// everything at once.
///
/// HTTP/2 would double what the crate depends on for connections that a proxy in front ends anyway; who
/// needs it mounts the service in axum.
///
/// # Errors
/// If the listener is not usable.
pub async fn serve_with(
    listener: TcpListener,
    service: HttpService,
    shutdown: Shutdown,
    options: ServeOptions,
) -> io::Result<()> {
    serve_layered(listener, service, |service| service, shutdown, options).await
}

/// As [`serve_with`], with something before the service: documents of a site, a log, a limit. `layer` gets the service and hands
/// back what connections are served with; it is called once.
///
/// ```no_run
/// # async fn example(listener: tokio::net::TcpListener, service: mcp_http::HttpService, shutdown: mcp_core::Shutdown)
/// # -> std::io::Result<()> {
/// use mcp_http::{ServeOptions, serve_layered};
///
/// // Any `tower` layer: `|service| layer.layer(service)`.
/// serve_layered(listener, service, |service| service, shutdown, ServeOptions::default()).await
/// # }
/// ```
///
/// # Errors
/// If the listener is not usable.
pub async fn serve_layered<S, B>(
    listener: TcpListener,
    service: HttpService,
    layer: impl FnOnce(HttpService) -> S,
    shutdown: Shutdown,
    options: ServeOptions,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    listener.local_addr()?;
    // No `pipeline_flush`: it writes nothing while the next request is waiting to be read, which
    // holds streams up, and it buffers without bounds for clients that do not read.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_buf_size(options.max_header_bytes.max(SMALLEST_BUFFER));
    let service = service.or_at(DEFAULT_PATH);
    let server = service.server().clone();
    let service = layer(service);
    let (background_trigger, background) = Shutdown::new();
    // Sets of tasks, because they are aborted with this future.
    let mut extensions = JoinSet::new();
    extensions.spawn({
        let server = server.clone();
        async move { server.run_extensions(background).await }
    });
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(options.connections));
    let mut connections = JoinSet::new();
    loop {
        let (stream, place) = tokio::select! {
            () = shutdown.requested() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => match accepted {
                Some(accepted) => accepted,
                None => continue,
            },
        };
        // An answer must not wait for the client's acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let connection =
            http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone()));
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended with an error");
            }
            drop(place);
        });
    }
    drop(listener);
    server.end_subscriptions();
    if timeout(options.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still open when the time to finish was over");
    }
    connections.shutdown().await;
    background_trigger.request();
    if timeout(options.drain, extensions.join_next()).await.is_err() {
        tracing::warn!("an extension's background work did not end in time");
    }
    extensions.shutdown().await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
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
