//! An extension whose method, notification and documents are reached over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mcp_core::extension::{
    Contributions, Document, DocumentBody, Extension, ExtensionId, MethodOptions, Negotiated,
    NoSettings, ServerExtension,
};
use mcp_core::protocol::ResultBody;
use mcp_core::server::{Cx, NotificationCx};
use mcp_http::ServeOptions;
use mcp_testkit::{Message, notification, request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Running, mcp, serve, server};

/// What the tests of this folder extend servers by.
pub(crate) struct Shelf;

impl Extension for Shelf {
    const ID: ExtensionId = ExtensionId::new("com.example/shelf");
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

#[derive(Deserialize, JsonSchema)]
struct Search {
    term: Option<String>,
}

#[derive(Serialize)]
struct Found {
    found: Option<String>,
}
impl ResultBody for Found {}

#[async_trait]
impl ServerExtension for Shelf {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
        to.method(
            "com.example/search",
            MethodOptions::new().routed_by("term"),
            |_: Negotiated<Self>, _: Cx, search: Search| async move {
                Ok(Found { found: search.term })
            },
        );
        to.notification(
            "notifications/com.example/noticed",
            |_: Negotiated<Self>, _: NotificationCx, _: Search| async { Ok(()) },
        );
        to.document(Document::new("/.well-known/tools.json", "application/json", |view| {
            let names: Vec<_> = view.tools().into_iter().map(|tool| tool.name).collect();
            DocumentBody { bytes: Bytes::from(json!(names).to_string()) }
        }));
        to.document(Document::new("/broken", "text/plain", |_| panic!("a broken document")));
    }
}

/// The server of this folder, extended.
pub(crate) async fn start() -> Running {
    let counts = Arc::default();
    let server = server(&counts).extension(Shelf).build().unwrap();
    serve(server, counts, ServeOptions::default(), |builder| builder).await
}

fn declared(message: Message) -> Message {
    message.declaring::<Shelf>(&NoSettings {})
}

#[tokio::test]
async fn bad_notification_is_400() {
    let running = start().await;
    let noticed = |params: Value| {
        let message = notification("notifications/com.example/noticed").params(params);
        mcp(&declared(message))
    };
    let response = running.send(&noticed(json!({ "term": "x" }))).await;
    assert_eq!((response.status(), response.body.len()), (202, 0), "{}", response.text());
    running.refused(&noticed(json!({ "term": 7 })), 400, -32602, &Value::Null).await;
    let undeclared = mcp(&notification("notifications/com.example/noticed").params(json!({})));
    let response = running.send(&undeclared).await;
    assert_eq!(response.status(), 400, "{}", response.text());
}

#[tokio::test]
async fn methods_of_extensions_have_names_too() {
    let running = start().await;
    let search = declared(request("com.example/search")).id(1);
    let found = search.clone().param("term", "größer");
    let response = running.send(&mcp(&found).name("größer")).await;
    assert_eq!(response.json().unwrap()["result"]["found"], "größer", "{}", response.text());
    // Not every client sends it with methods of extensions.
    let response = running.send(&mcp(&found).without_header("Mcp-Name")).await;
    assert_eq!(response.json().unwrap()["result"]["found"], "größer", "{}", response.text());
    running.refused(&mcp(&found).name(""), 400, -32020, &json!(1)).await;
    running.refused(&mcp(&found).name("größer").name("größer"), 400, -32020, &json!(1)).await;
    running.refused(&mcp(&found).name("kleiner"), 400, -32020, &json!(1)).await;
    // The body has none: a header alone would route the request by what it does not say.
    let response = running.send(&mcp(&search)).await;
    assert_eq!(response.json().unwrap()["result"]["found"], Value::Null, "{}", response.text());
    running.refused(&mcp(&search).name("größer"), 400, -32020, &json!(1)).await;
}

#[tokio::test]
async fn undeclared_extensions_are_400() {
    let running = start().await;
    let search = request("com.example/search").id(1).param("term", "x");
    running.refused(&mcp(&search).name("x"), 400, -32021, &json!(1)).await;
}
