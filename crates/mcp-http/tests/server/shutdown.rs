//! The end of a server: clean for whoever is there, and in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mcp_core::Shutdown;
use mcp_core::extension::{
    Contributions, Extension, ExtensionError, ExtensionId, NoSettings, ServerExtension,
};
use mcp_core::server::{ServedTool, ServerHandle};
use mcp_http::ServeOptions;
use mcp_testkit::{HttpConnection, call_tool};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::support::{LIMIT, Running, listen, mcp, plain, serve, server, start};

async fn ended(running: Running) {
    timeout(LIMIT, running.serving).await.expect("it goes on").unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_answers_listeners() {
    let running = start().await;
    let mut listeners = Vec::new();
    for id in 0..20 {
        let mut connection = HttpConnection::open(running.address).await.unwrap();
        connection.send(&mcp(&listen(id))).await.unwrap();
        connection.read_head().await.unwrap();
        connection.next_event().await.unwrap().unwrap();
        listeners.push(connection);
    }
    running.trigger.request();
    for (id, connection) in listeners.iter_mut().enumerate() {
        let last = connection.next_event().await.unwrap().unwrap();
        let last: Value = serde_json::from_str(&last.data).unwrap();
        let result = &last["result"];
        assert_eq!((&last["id"], &result["resultType"]), (&json!(id), &json!("complete")));
        assert_eq!(result["_meta"]["io.modelcontextprotocol/subscriptionId"], json!(id));
        assert!(connection.next_event().await.unwrap().is_none());
        connection.expect_close().await.unwrap();
    }
    ended(running).await;
}

#[tokio::test]
async fn open_requests_are_finished_and_idle_connections_closed() {
    let counts = Arc::default();
    let [begun, gate] = [0, 0].map(|permits| Arc::new(Semaphore::new(permits)));
    let (beginning, opened) = (Arc::clone(&begun), Arc::clone(&gate));
    let server = server(&counts)
        .tool(ServedTool::new("gated", move || {
            let gate = Arc::clone(&opened);
            beginning.add_permits(1);
            async move {
                gate.acquire().await.map(drop).unwrap();
                "through"
            }
        }))
        .build()
        .unwrap();
    let running = serve(server, counts, ServeOptions::default(), |builder| builder).await;
    let mut idle = HttpConnection::open(running.address).await.unwrap();
    idle.send(&mcp(&plain())).await.unwrap();
    idle.read_response().await.unwrap();
    let mut untouched = HttpConnection::open(running.address).await.unwrap();
    let mut busy = HttpConnection::open(running.address).await.unwrap();
    busy.send(&mcp(&call_tool("gated", json!({})).id(1))).await.unwrap();
    begun.acquire().await.unwrap().forget();
    running.trigger.request();
    idle.expect_close().await.unwrap();
    untouched.expect_close().await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err(), "it takes connections");
    gate.add_permits(1);
    let response = busy.read_response().await.unwrap();
    assert_eq!(response.json().unwrap()["result"]["content"][0]["text"], "through");
    busy.expect_close().await.unwrap();
    ended(running).await;
}

#[tokio::test]
async fn a_handler_that_does_not_end_is_dropped() {
    let counts = Arc::default();
    let server = server(&counts).build().unwrap();
    let options = ServeOptions { drain: Duration::from_millis(50), ..ServeOptions::default() };
    let running = serve(server, counts, options, |builder| builder).await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    connection.send(&mcp(&call_tool("waits", json!({})).id(1))).await.unwrap();
    running.until_begun(1).await;
    running.trigger.request();
    running.until_dropped(1).await;
    assert!(connection.read_head().await.is_err());
    ended(running).await;
}

#[tokio::test]
async fn dropping_the_future_stops_everything() {
    let running = start().await;
    let mut connection = HttpConnection::open(running.address).await.unwrap();
    connection.send(&mcp(&call_tool("waits", json!({})).id(1))).await.unwrap();
    running.until_begun(1).await;
    running.serving.abort();
    running.until_dropped(1).await;
    assert!(connection.read_head().await.is_err());
}

/// Works in the background until it is told to end, or longer.
struct Worker {
    ended: Arc<AtomicBool>,
    obeys: bool,
}

impl Extension for Worker {
    const ID: ExtensionId = ExtensionId::new("com.example/worker");
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

struct Ended(Arc<AtomicBool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl ServerExtension for Worker {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: Arc<Self>, _: &mut Contributions<Self>) {}

    async fn run(&self, _: ServerHandle, shutdown: Shutdown) -> Result<(), ExtensionError> {
        let _ended = Ended(Arc::clone(&self.ended));
        shutdown.requested().await;
        if !self.obeys {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

#[tokio::test]
async fn background_work_ends_with_the_server() {
    for obeys in [true, false] {
        let (counts, ended) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let worker = Worker { ended: Arc::clone(&ended), obeys };
        let server = server(&counts).extension(worker).build().unwrap();
        let options = ServeOptions { drain: Duration::from_millis(100), ..ServeOptions::default() };
        let running = serve(server, counts, options, |builder| builder).await;
        assert_eq!(running.send(&mcp(&plain())).await.status(), 200);
        assert!(!ended.load(Ordering::SeqCst));
        running.trigger.request();
        self::ended(running).await;
        // In a task of its own, which has been told or dropped by now, and may have to be run once.
        timeout(LIMIT, async {
            while !ended.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the background work goes on");
    }
}
