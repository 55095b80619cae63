//! Where the service can be mounted.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{Request, StatusCode};
use http_body::{Body, Frame};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use mcp_http::HttpService;
use mcp_testkit::{HttpRequest, call_tool};
use serde_json::json;
use tokio::net::TcpListener;
use tower_service::Service;

use crate::extensions::Shelf;
use crate::support::{plain, server};

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn answers_at(path: &str, address: SocketAddr) {
    let response = HttpRequest::mcp(path, &plain()).send(address).await.unwrap();
    assert_eq!(response.json().unwrap()["result"]["content"][0]["text"], "plain", "{path}");
    let speaks = call_tool("speaks", json!({})).id(1).progress_token(1);
    let response = HttpRequest::mcp(path, &speaks).send(address).await.unwrap();
    assert_eq!(response.messages().unwrap().len(), 4, "{path}");
}

#[tokio::test]
async fn axum_mounts_it_at_a_route() {
    let service = HttpService::new(server(&Arc::default()).build().unwrap());
    let router = axum::Router::new()
        .route_service("/api/mcp", service.clone())
        .nest_service("/nested", service)
        .route("/other", axum::routing::get(async || "other"));
    let (listener, address) = listener().await;
    tokio::spawn(async move { axum::serve(listener, router).await });
    answers_at("/api/mcp", address).await;
    answers_at("/nested", address).await;
    let other = HttpRequest::new("GET", "/other").send(address).await.unwrap();
    assert_eq!(other.text(), "other");
    assert_eq!(HttpRequest::mcp("/else", &plain()).send(address).await.unwrap().status(), 404);
}

#[tokio::test]
async fn axum_mounts_it_with_its_documents() {
    let server = server(&Arc::default()).extension(Shelf).build().unwrap();
    let service = HttpService::builder(server).path("/mcp").build();
    let router = axum::Router::new()
        .route("/other", axum::routing::get(async || "other"))
        .fallback_service(service);
    let (listener, address) = listener().await;
    tokio::spawn(async move { axum::serve(listener, router).await });
    answers_at("/mcp", address).await;
    let document = HttpRequest::new("GET", "/.well-known/tools.json");
    assert_eq!(document.send(address).await.unwrap().status(), 200);
    assert_eq!(HttpRequest::mcp("/else", &plain()).send(address).await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_layer_in_front_says_who_asks() {
    use mcp_core::Principal;
    let service = HttpService::new(server(&Arc::default()).build().unwrap());
    let router = axum::Router::new()
        .route_service("/mcp", service)
        .layer(axum::Extension(Principal::new("bob")));
    let (listener, address) = listener().await;
    tokio::spawn(async move { axum::serve(listener, router).await });
    let who = HttpRequest::mcp("/mcp", &call_tool("who", json!({})).id(1));
    let response = who.send(address).await.unwrap();
    assert_eq!(response.json().unwrap()["result"]["content"][0]["text"], "bob");
}

#[tokio::test]
async fn hyper_mounts_it() {
    let service = HttpService::new(server(&Arc::default()).build().unwrap());
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    answers_at("/anything", address).await;
}

/// A body of pieces that are not `Bytes`, or that breaks off.
struct Pieces(VecDeque<Result<VecDeque<u8>, &'static str>>);

impl Body for Pieces {
    type Data = VecDeque<u8>;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(|piece| piece.map(Frame::data)))
    }
}

fn to_service(pieces: Pieces) -> Request<Pieces> {
    Request::post("http://localhost/mcp")
        .header("Content-Type", "application/json")
        .header("Accept", "*/*")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", "plain")
        .body(pieces)
        .unwrap()
}

async fn whole(body: mcp_http::HttpBody) -> Bytes {
    let mut body = std::pin::pin!(body);
    let mut whole = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let mut data = frame.unwrap().into_data().unwrap();
        whole.extend_from_slice(&data.copy_to_bytes(data.remaining()));
    }
    whole.into()
}

#[tokio::test]
async fn any_body_of_any_buffer_is_read() {
    let mut service = HttpService::new(server(&Arc::default()).build().unwrap());
    let message = plain().to_json().to_string();
    let pieces = message.as_bytes().chunks(13).map(|piece| {
        // In two halves, as a ring buffer has it.
        let mut ring = VecDeque::with_capacity(piece.len());
        ring.extend(piece);
        ring.rotate_left(piece.len() / 2);
        ring.rotate_right(piece.len() / 2);
        Ok(ring)
    });
    let request = to_service(Pieces(pieces.collect()));
    let response = service.call(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body: serde_json::Value =
        serde_json::from_slice(&whole(response.into_body()).await).unwrap();
    assert_eq!(body["result"]["content"][0]["text"], "plain");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let mut service = HttpService::new(server(&Arc::default()).build().unwrap());
    let pieces = VecDeque::from([Ok(VecDeque::from(*b"{")), Err("the connection is gone")]);
    let response = service.call(to_service(Pieces(pieces))).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let body = whole(response.into_body()).await;
    assert!(!String::from_utf8_lossy(&body).contains("the connection is gone"));
}

#[tokio::test]
async fn http_2_has_the_host_in_its_address() {
    let mut service = HttpService::new(server(&Arc::default()).build().unwrap());
    for (host, status) in [("localhost:8080", 200), ("evil.example", 403)] {
        let mut request = to_service(Pieces(VecDeque::from([Ok(plain()
            .to_json()
            .to_string()
            .into_bytes()
            .into())])));
        *request.uri_mut() = format!("https://{host}/mcp").parse().unwrap();
        *request.version_mut() = http::Version::HTTP_2;
        assert_eq!(service.call(request).await.unwrap().status().as_u16(), status, "{host}");
    }
}
