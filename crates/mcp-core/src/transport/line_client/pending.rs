//! Requests in flight on a shared connection, and which messages are whose.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc::{OwnedPermit, Receiver, Sender, channel};

use super::Shared;
use crate::client::transport::TransportError;
use crate::protocol::{NotificationMetaObject, ProgressToken, RequestId, methods};

type Item = Result<Bytes, TransportError>;

/// As many messages of a request wait for its caller, whatever their size; one more is kept free for
/// the last one.
const MAX_UNREAD: usize = 1024;

/// What a request asks for besides its answer, read from its body.
#[derive(Default)]
pub(super) struct Wants {
    token: Option<ProgressToken>,
    logs: bool,
    listens: bool,
}

impl Wants {
    pub(super) fn read(body: &[u8], method: &str) -> Self {
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            params: Option<Params<'a>>,
        }
        #[derive(Deserialize)]
        struct Params<'a> {
            #[serde(borrow, rename = "_meta")]
            meta: Option<Meta<'a>>,
        }
        #[derive(Deserialize)]
        struct Meta<'a> {
            #[serde(rename = "progressToken")]
            token: Option<ProgressToken>,
            #[serde(borrow, rename = "io.modelcontextprotocol/logLevel")]
            level: Option<&'a RawValue>,
        }
        let meta = serde_json::from_slice::<Message<'_>>(body)
            .ok()
            .and_then(|message| message.params)
            .and_then(|params| params.meta);
        Self {
            logs: meta.as_ref().is_some_and(|meta| meta.level.is_some()),
            token: meta.and_then(|meta| meta.token),
            listens: method == methods::SUBSCRIPTIONS_LISTEN,
        }
    }
}

/// The requests in flight.
#[derive(Default)]
pub(super) struct Pending {
    requests: HashMap<RequestId, InFlight>,
    tokens: HashMap<ProgressToken, RequestId>,
    next_serial: u64,
}

/// A request that waits for messages.
pub(super) struct InFlight {
    id: RequestId,
    /// Tells it from another request with the same id, later.
    serial: u64,
    wants: Wants,
    sender: Sender<Item>,
    last: OwnedPermit<Item>,
    unread: Arc<AtomicUsize>,
}

impl InFlight {
    pub(super) fn id(&self) -> &RequestId {
        &self.id
    }

    /// Sends the last message. There is always room for it.
    pub(super) fn finish(self, item: Item) {
        self.last.send(item);
    }
}

impl Pending {
    pub(super) fn remove(&mut self, id: &RequestId) -> Option<InFlight> {
        let request = self.requests.remove(id)?;
        if let Some(token) = &request.wants.token {
            self.tokens.remove(token);
        }
        Some(request)
    }

    /// The only request in flight, subscriptions apart.
    pub(super) fn remove_only(&mut self) -> Option<InFlight> {
        let mut requests = self.requests.values().filter(|request| !request.wants.listens);
        let only = requests.next()?.id.clone();
        if requests.next().is_some() {
            return None;
        }
        self.remove(&only)
    }

    pub(super) fn drain(&mut self) -> Vec<InFlight> {
        self.tokens.clear();
        self.requests.drain().map(|(_, request)| request).collect()
    }

    /// The request that a notification belongs to.
    pub(super) fn owner(&self, method: &str, params: &str) -> Option<RequestId> {
        #[derive(Deserialize)]
        struct Progress {
            #[serde(rename = "progressToken")]
            token: ProgressToken,
        }
        #[derive(Deserialize)]
        struct Cancelled {
            #[serde(rename = "requestId")]
            request_id: RequestId,
        }
        #[derive(Deserialize)]
        struct Tagged {
            #[serde(rename = "_meta")]
            meta: NotificationMetaObject,
        }
        match method {
            methods::NOTIFICATIONS_PROGRESS => {
                let progress: Progress = serde_json::from_str(params).ok()?;
                self.tokens.get(&progress.token).cloned()
            }
            methods::NOTIFICATIONS_CANCELLED => {
                let cancelled: Cancelled = serde_json::from_str(params).ok()?;
                let id = cancelled.request_id;
                // Servers may cancel subscriptions and nothing else.
                self.requests.get(&id).is_some_and(|request| request.wants.listens).then_some(id)
            }
            methods::NOTIFICATIONS_MESSAGE => {
                let mut logging = self.requests.values().filter(|request| request.wants.logs);
                let only = logging.next()?;
                logging.next().is_none().then(|| only.id.clone())
            }
            _ => {
                let tagged: Tagged = serde_json::from_str(params).ok()?;
                let id = tagged.meta.subscription_id?;
                self.requests.contains_key(&id).then_some(id)
            }
        }
    }

    /// Queues a notification for its request. A full queue drops it, unless the request is a
    /// subscription, which must not miss anything: that is handed back to be ended.
    pub(super) fn push(&mut self, id: &RequestId, bytes: Bytes, limit: usize) -> Option<InFlight> {
        let request = self.requests.get(id)?;
        let size = bytes.len();
        let fits = request.unread.load(Ordering::Acquire).saturating_add(size) <= limit;
        if fits {
            request.unread.fetch_add(size, Ordering::AcqRel);
            if request.sender.try_send(Ok(bytes)).is_ok() {
                return None;
            }
            request.unread.fetch_sub(size, Ordering::AcqRel);
        }
        if request.wants.listens {
            return self.remove(id);
        }
        tracing::debug!("a notification was dropped: its request does not read them");
        None
    }
}

/// The messages of one request. Dropped before the last one, it cancels the request.
pub(super) struct Messages {
    shared: Arc<Shared>,
    id: RequestId,
    serial: u64,
    receiver: Receiver<Item>,
    unread: Arc<AtomicUsize>,
}

impl Messages {
    /// Makes a request known, so that messages find it.
    pub(super) fn register(
        shared: &Arc<Shared>,
        id: RequestId,
        wants: Wants,
    ) -> Result<Self, TransportError> {
        let (sender, receiver) = channel(MAX_UNREAD + 1);
        // The channel is new and empty, so there is room.
        let last = sender.clone().try_reserve_owned().map_err(|_| TransportError::Overrun)?;
        let unread = Arc::new(AtomicUsize::new(0));
        let mut pending = shared.pending();
        if pending.requests.contains_key(&id) {
            return Err(TransportError::DuplicateId(id));
        }
        // Between the first look and this one, the connection may have ended.
        if shared.is_ended() {
            return Err(TransportError::Closed);
        }
        let serial = pending.next_serial;
        pending.next_serial += 1;
        if let Some(token) = &wants.token {
            pending.tokens.insert(token.clone(), id.clone());
        }
        let request =
            InFlight { id: id.clone(), serial, wants, sender, last, unread: Arc::clone(&unread) };
        pending.requests.insert(id.clone(), request);
        drop(pending);
        Ok(Self { shared: Arc::clone(shared), id, serial, receiver, unread })
    }
}

impl Stream for Messages {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        let polled = self.receiver.poll_recv(context);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            // The last message was never counted: below zero is zero.
            let size = bytes.len();
            let _ = self.unread.fetch_update(Ordering::AcqRel, Ordering::Acquire, |unread| {
                Some(unread.saturating_sub(size))
            });
        }
        polled
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        let mut pending = self.shared.pending();
        let mine =
            pending.requests.get(&self.id).is_some_and(|request| request.serial == self.serial);
        if mine {
            pending.remove(&self.id);
            drop(pending);
            self.shared.send_cancelled(&self.id);
        }
    }
}
