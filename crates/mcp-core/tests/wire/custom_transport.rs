//! A transport that this crate does not know, made of its public parts alone: each message is a
//! datagram in one of two queues.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcp_core::ClientMessage;
use mcp_core::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, TransportError,
};
use mcp_core::client::{Client, ElicitAnswer, SubscriptionEvent};
use mcp_core::server::{RequestContext, Server, ServerMessage};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use crate::support::server;

type Waiting = Arc<Mutex<HashMap<String, UnboundedSender<Result<Bytes, TransportError>>>>>;

/// The client's end: it finds the request of a message by its id, progress token or subscription.
struct Datagrams {
    out: UnboundedSender<Bytes>,
    waiting: Waiting,
}

fn key_of(message: &Value) -> String {
    let params = &message["params"];
    let subscription = &params["_meta"]["io.modelcontextprotocol/subscriptionId"];
    [&message["id"], subscription, &params["progressToken"]]
        .into_iter()
        .find(|key| !key.is_null())
        .map(ToString::to_string)
        .unwrap()
}

/// Cancels its request when it is dropped.
struct Cancels(String, Waiting, UnboundedSender<Bytes>);

impl Drop for Cancels {
    fn drop(&mut self) {
        if self.1.lock().unwrap().remove(&self.0).is_some() {
            let id: Value = serde_json::from_str(&self.0).unwrap();
            let params = json!({ "requestId": id });
            let method = "notifications/cancelled";
            let cancel = json!({ "jsonrpc": "2.0", "method": method, "params": params });
            let _ = self.2.send(cancel.to_string().into());
        }
    }
}

#[async_trait]
impl ClientTransport for Datagrams {
    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        let (sender, mut receiver) = unbounded_channel();
        let key = serde_json::to_string(&request.id).unwrap();
        self.waiting.lock().unwrap().insert(key.clone(), sender);
        self.out.send(request.body).map_err(|_| TransportError::Closed)?;
        let guard = Cancels(key, Arc::clone(&self.waiting), self.out.clone());
        Ok(Box::pin(futures_util::stream::poll_fn(move |context| {
            let _ = &guard;
            receiver.poll_recv(context)
        })))
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        self.out.send(notification.body).map_err(|_| TransportError::Closed)
    }
}

/// The server's end: an exchange for each request, in a task of its own.
async fn serve(
    server: Server,
    mut incoming: UnboundedReceiver<Bytes>,
    out: UnboundedSender<Bytes>,
    wire: Arc<Mutex<Vec<(char, Value)>>>,
) {
    let mut running: HashMap<String, AbortHandle> = HashMap::new();
    while let Some(bytes) = incoming.recv().await {
        let message: Value = serde_json::from_slice(&bytes).unwrap();
        wire.lock().unwrap().push(('>', message.clone()));
        match ClientMessage::parse(bytes.to_vec()).unwrap() {
            ClientMessage::Request(request) => {
                let mut exchange = server.dispatch(request, RequestContext::new());
                let (out, wire) = (out.clone(), Arc::clone(&wire));
                let task = tokio::spawn(async move {
                    while let Some(message) = exchange.next().await {
                        let bytes = match message {
                            ServerMessage::Notification(bytes) => bytes,
                            ServerMessage::Response(response) => response.body,
                        };
                        wire.lock().unwrap().push(('<', serde_json::from_slice(&bytes).unwrap()));
                        let _ = out.send(bytes);
                    }
                });
                running.insert(message["id"].to_string(), task.abort_handle());
            }
            ClientMessage::Notification(_) => {
                assert_eq!(message["method"], "notifications/cancelled");
                running.remove(&message["params"]["requestId"].to_string()).unwrap().abort();
            }
        }
    }
}

#[tokio::test]
async fn third_party_transport() {
    let server = server();
    let wire = Arc::default();
    let (out, incoming) = unbounded_channel();
    let (back, mut answers) = unbounded_channel::<Bytes>();
    tokio::spawn(serve(server.clone(), incoming, back, Arc::clone(&wire)));
    let waiting = Waiting::default();
    let found = Arc::clone(&waiting);
    tokio::spawn(async move {
        while let Some(bytes) = answers.recv().await {
            let message: Value = serde_json::from_slice(&bytes).unwrap();
            let mut waiting = found.lock().unwrap();
            let is_last = message.get("method").is_none();
            let key = key_of(&message);
            // Cancelled in the meantime: nobody waits for it.
            let Some(sender) = waiting.get(&key) else { continue };
            let _ = sender.send(Ok(bytes));
            if is_last {
                waiting.remove(&key);
            }
        }
    });
    let client = Client::builder("tester", "1")
        .on_elicit_form(async |_| ElicitAnswer::accept(&json!({ "name": "Ada" })))
        .connect(Datagrams { out, waiting })
        .unwrap();

    assert_eq!(client.call_tool("echo", &json!({ "text": "x" })).await.unwrap().all_text(), "x");
    assert_eq!(client.call("nobody").send().await.unwrap_err().code(), Some(-32602));
    assert_eq!(client.call("roots").send().await.unwrap_err().code(), Some(-32021));
    assert_eq!(client.call("form").send().await.unwrap().all_text(), "Ada");
    let mut filter = mcp_core::protocol::SubscriptionFilter::default();
    filter.tools_list_changed = Some(true);
    let mut changes = client.listen(filter);
    let first = changes.next().await.unwrap().unwrap();
    assert!(matches!(first, SubscriptionEvent::Acknowledged(_)));
    server.handle().tools_changed();
    assert_eq!(changes.next().await.unwrap().unwrap(), SubscriptionEvent::ToolsListChanged);
    drop(changes);
    let gone = async {
        while server.listener_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("it is not cancelled");

    let wire = wire.lock().unwrap();
    assert!(wire.iter().all(|(_, message)| message["jsonrpc"] == "2.0"), "{wire:?}");
    for (_, message) in
        wire.iter().filter(|(way, message)| *way == '>' && message["id"] != json!(null))
    {
        let meta = &message["params"]["_meta"];
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28", "{message}");
        assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object(), "{message}");
    }
    for (way, message) in wire.iter() {
        let is_request = message.get("id").is_some() && message.get("method").is_some();
        let is_response = message.get("id").is_some() && message.get("method").is_none();
        assert!(if *way == '>' { !is_response } else { !is_request }, "{message}");
    }
}
