//! Server-sent events: their data, and a stream of `subscriptions/listen` that is kept open.

use std::net::SocketAddr;

use bench_support::{Result, workload::Scenario};
use serde_json::{Value, json};

use super::{
    Connection,
    connection::{Framing, Template},
};

/// The data of every complete event in `stream` that has any.
pub(crate) fn data(stream: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stream);
    let (mut events, mut event) = (Vec::new(), Vec::new());
    for line in text.lines() {
        if let Some(data) = line.strip_prefix("data:") {
            event.push(data.strip_prefix(' ').unwrap_or(data));
        } else if line.is_empty() && !event.is_empty() {
            events.push(std::mem::take(&mut event).join("\n"));
        }
    }
    events.retain(|event| !event.is_empty());
    events
}

/// An open stream of `subscriptions/listen`.
pub(crate) struct Listener {
    connection: Connection,
    id: u64,
    /// What has arrived of events not yet complete.
    pending: Vec<u8>,
}

impl Listener {
    /// Opens a stream and waits for its acknowledgement.
    pub(crate) async fn open(address: SocketAddr, id: u64) -> Result<Self> {
        let mut connection = Connection::open(address).await?;
        let mut request = Template::http(Scenario::Listen, address)?;
        connection.send(request.with_id(id)?).await?;
        let head = connection.head().await?;
        if !head.is_sse || !matches!(head.framing, Framing::Chunked) {
            return Err("a listener's answer must be a stream".into());
        }
        let mut listener = Self { connection, id, pending: Vec::new() };
        let acknowledged =
            listener.notification("notifications/subscriptions/acknowledged").await?;
        if acknowledged["notifications"] != json!({"toolsListChanged": true}) {
            return Err(format!("acknowledged {acknowledged}").into());
        }
        Ok(listener)
    }

    /// Waits for the next event, which must be this notification, and returns its parameters.
    pub(crate) async fn notification(&mut self, method: &str) -> Result<Value> {
        loop {
            if let Some(event) = data(&self.pending).first() {
                let message: Value = serde_json::from_str(event)?;
                let subscription =
                    &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
                if message["method"] != method || *subscription != json!(self.id) {
                    return Err(format!("expected {method} of {}, found {event}", self.id).into());
                }
                self.pending.clear();
                return Ok(message["params"].clone());
            }
            let chunk = self.connection.chunk().await?.ok_or("the stream ended")?;
            self.pending.extend_from_slice(self.connection.bytes(chunk));
            self.connection.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::data;

    #[test]
    fn events_without_data_and_unfinished_events_are_none() {
        let stream =
            b": alive\n\nretry: 3000\ndata:\n\ndata: {\"a\":1}\n\ndata: x\ndata:y\n\ndata: z";
        assert_eq!(data(stream), ["{\"a\":1}", "x\ny"]);
        assert_eq!(data(b"id: 1\r\ndata: crlf\r\n\r\n"), ["crlf"]);
    }
}
