//! Messages on their way to one writer.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

/// As much is gathered before it is written.
const GATHER: usize = 64 * 1024;

/// A queue of messages bounded by their bytes.
///
/// Putting a message never waits: whoever produces messages asks for room *before* it takes on more
/// work. So an answer that is ready is never lost or in the way of another, and a peer that does not
/// read stops new work instead of growing memory.
#[derive(Clone)]
pub(crate) struct Outgoing(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    ready: Notify,
    room: Notify,
    budget: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Bytes>,
    bytes: usize,
    closed: bool,
}

impl Outgoing {
    pub(crate) fn new(budget: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            ready: Notify::new(),
            room: Notify::new(),
            budget,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message. After the end it goes nowhere.
    pub(crate) fn put(&self, message: Bytes) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.bytes += message.len();
        state.queue.push_back(message);
        drop(state);
        self.0.ready.notify_one();
    }

    /// Waits until less than `share` of the budget is taken, or the queue is closed.
    pub(crate) async fn room(&self, share: Share) {
        let limit = match share {
            Share::Whole => self.0.budget,
            Share::Part => self.0.budget / 16,
        };
        loop {
            let waiting = self.0.room.notified();
            tokio::pin!(waiting);
            waiting.as_mut().enable();
            {
                let state = self.lock();
                if state.closed || state.bytes < limit {
                    return;
                }
            }
            waiting.await;
        }
    }

    /// No more messages; the writer writes what there is and ends.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.0.ready.notify_one();
        self.0.room.notify_waiters();
    }

    /// Whether the queue was closed, by its user or because the stream failed.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Moves messages into `gathered`, one a line, up to [`GATHER`] bytes (or one message).
    fn gather(&self, gathered: &mut Vec<u8>) -> bool {
        let mut state = self.lock();
        while gathered.len() < GATHER
            && let Some(message) = state.queue.pop_front()
        {
            state.bytes -= message.len();
            gathered.extend_from_slice(&message);
            gathered.push(b'\n');
        }
        state.closed
    }

    /// Writes messages until the queue is closed and empty. It flushes only when nothing more is
    /// ready to go.
    pub(crate) async fn write_to<W: AsyncWrite + Unpin>(&self, mut writer: W) -> io::Result<()> {
        let result = self.write_all(&mut writer).await;
        // Whoever waits for room must not wait for a writer that is gone.
        self.close();
        result
    }

    async fn write_all<W: AsyncWrite + Unpin>(&self, writer: &mut W) -> io::Result<()> {
        let mut gathered = Vec::new();
        loop {
            let closed = self.gather(&mut gathered);
            if gathered.is_empty() {
                writer.flush().await?;
                if closed {
                    return Ok(());
                }
                self.0.ready.notified().await;
                continue;
            }
            self.0.room.notify_waiters();
            writer.write_all(&gathered).await?;
            gathered.clear();
            gathered.shrink_to(4 * GATHER);
        }
    }
}

/// How much of the budget one may fill.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Share {
    /// Answers.
    Whole,
    /// What may wait: notifications before an answer.
    Part,
}
