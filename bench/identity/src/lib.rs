//! A server's card from memory: as a site of `mcp-identity` serves it, and as bare hyper serves the same bytes.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

use bench_support::{Control, HeapProbe, Result, count_allocations, serve_http};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::header::{HeaderMap, IF_NONE_MATCH};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::service::TowerToHyperService;
use mcp_core::server::{ServedTool, Server};
use mcp_identity::card::Repository;
use mcp_identity::serve::{ServedServer, ServerCards, Site};
use tower_service::Service;

/// Where the card is.
const CARD: &str = "/mcp/server-card";

/// Runs the mode named on the command line: `site`, `floor`, or `allocations` of both.
///
/// # Errors
///
/// An unknown mode, no control channel, or what the mode failed with.
pub fn run(heap: Option<HeapProbe>) -> Result<()> {
    let runtime = bench_support::runtime()?;
    match (std::env::args().nth(1).as_deref(), heap) {
        (Some("site"), _) => runtime.block_on(async {
            let site = site().await?;
            serve_http(Control::connect(heap)?, TowerToHyperService::new(site.service())).await
        }),
        (Some("floor"), _) => runtime.block_on(async {
            let floor = Floor::of(&site().await?).await?;
            serve_http(Control::connect(heap)?, TowerToHyperService::new(floor)).await
        }),
        (Some("allocations"), Some(heap)) => allocations(&runtime, heap),
        (Some("allocations"), None) => Err("counted by bench-identity-counted".into()),
        (mode, _) => Err(format!("no mode {mode:?}").into()),
    }
}

async fn site() -> Result<Site> {
    let mut server = Server::builder("weather", "1.2.0")
        .title("Weather")
        .description("Forecasts for places.")
        .extension(ServerCards);
    for name in ["forecast", "warnings", "history", "stations"] {
        server =
            server.tool(ServedTool::new(name, async || "Rain.").description("What it will be."));
    }
    let served = ServedServer::new(&server.build()?, "com.example", "/mcp")
        .repository(Repository::new("https://github.com/example/weather", "github"));
    let site = Site::builder("https://example.com").server(served).build()?;
    site.prepare().await?;
    Ok(site)
}

/// Bare hyper: the answers are there, and one comparison each says which it is.
///
/// hyper's adapter copies the service for each request, so a copy must cost nothing.
#[derive(Clone)]
struct Floor(Arc<Answers>);

struct Answers {
    bytes: Bytes,
    found: HeaderMap,
    unchanged: HeaderMap,
}

impl Floor {
    /// What a site answers.
    async fn of(site: &Site) -> Result<Self> {
        let mut service = site.service();
        let found = service.call(request(Method::GET, None)?).await?;
        let (head, body) = found.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let etag = head.headers.get("etag").ok_or("no ETag")?.clone();
        let unchanged = service.call(request(Method::GET, Some(etag.to_str()?))?).await?;
        if unchanged.status() != StatusCode::NOT_MODIFIED {
            return Err(format!("304 was expected, not {}", unchanged.status()).into());
        }
        let answers =
            Answers { bytes, found: head.headers, unchanged: unchanged.headers().clone() };
        Ok(Self(Arc::new(answers)))
    }
}

impl<B> Service<Request<B>> for Floor {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<std::result::Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::result::Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}

impl Floor {
    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let is_card = request.method() == Method::GET && request.uri().path() == CARD;
        let known = request.headers().get(IF_NONE_MATCH);
        let (status, headers, body) = if !is_card {
            (StatusCode::NOT_FOUND, HeaderMap::new(), Bytes::new())
        } else if known.is_some() && known == self.0.found.get("etag") {
            (StatusCode::NOT_MODIFIED, self.0.unchanged.clone(), Bytes::new())
        } else {
            (StatusCode::OK, self.0.found.clone(), self.0.bytes.clone())
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

fn request(method: Method, known: Option<&str>) -> Result<Request<Empty<Bytes>>> {
    let mut request = Request::builder().method(method).uri(CARD);
    if let Some(known) = known {
        request = request.header(IF_NONE_MATCH, known);
    }
    Ok(request.body(Empty::new())?)
}

/// Prints the allocations from a request to its answer, one JSON object; what the request itself takes is left out.
fn allocations(runtime: &tokio::runtime::Runtime, heap: HeapProbe) -> Result<()> {
    let site = runtime.block_on(site())?;
    let floor = runtime.block_on(Floor::of(&site))?;
    let etag = floor.0.found.get("etag").ok_or("no ETag")?.to_str()?.to_owned();
    let mut counted = serde_json::Map::new();
    for (case, known) in [("card", None), ("304", Some(etag.as_str()))] {
        let empty = count_allocations(heap, || request(Method::GET, known).map(drop))?;
        let mut service = site.service();
        let ours = count_allocations(heap, || {
            let answer = runtime.block_on(service.call(request(Method::GET, known)?))?;
            expect(answer.status(), known)
        })?;
        let bare = count_allocations(heap, || {
            expect(floor.answer(&request(Method::GET, known)?).status(), known)
        })?;
        counted.insert(format!("floor, {case}"), (bare - empty).into());
        counted.insert(format!("ours, {case}"), (ours - empty).into());
    }
    println!("{}", serde_json::Value::Object(counted));
    Ok(())
}

fn expect(status: StatusCode, known: Option<&str>) -> Result<()> {
    let expected = if known.is_some() { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    if status == expected { Ok(()) } else { Err(format!("{expected}, not {status}").into()) }
}
