//! What a handler says before it finishes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;

/// As many messages wait for a client that reads slowly; then the least important are dropped.
const CAPACITY: usize = 256;

/// The notifications of one request, on their way to its transport.
///
/// It allocates nothing until the handler speaks. It is bounded: a client that does not read cannot
/// make it grow.
#[derive(Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Item>,
    waker: Option<Waker>,
    /// Set when the answer is on its way: nothing may follow it.
    closed: bool,
}

struct Item {
    bytes: Bytes,
    /// A later progress notification says all that an earlier one said.
    is_progress: bool,
}

/// The outbox is full of messages that must not be dropped, or the request has been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotSent;

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a progress notification; when full it takes the place of the latest one.
    pub(crate) fn push_progress(&self, bytes: Bytes) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        if state.queue.len() >= CAPACITY
            && let Some(last) = state.queue.iter().rposition(|item| item.is_progress)
        {
            state.queue.remove(last);
        }
        if state.queue.len() < CAPACITY {
            state.queue.push_back(Item { bytes, is_progress: true });
            wake(state);
        }
    }

    /// Queues a message.
    pub(crate) fn push(&self, bytes: Bytes) -> Result<(), NotSent> {
        let mut state = self.lock();
        if state.closed || state.queue.len() >= CAPACITY {
            return Err(NotSent);
        }
        state.queue.push_back(Item { bytes, is_progress: false });
        wake(state);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<Bytes> {
        self.lock().queue.pop_front().map(|item| item.bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().queue.is_empty()
    }

    /// Takes nothing more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Whom to wake when a message is queued, or when [`Outbox::wake`] is called.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        let mut state = self.lock();
        match &mut state.waker {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Has the exchange looked at again, from whatever task.
    pub(crate) fn wake(&self) {
        wake(self.lock());
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_sleeps_costs_bounded_memory() {
        let outbox = Outbox::default();
        for i in 0..10_000_u32 {
            outbox.push_progress(Bytes::from(i.to_string()));
            let _ = outbox.push(Bytes::from_static(b"log"));
        }
        let mut seen = Vec::new();
        while let Some(bytes) = outbox.pop() {
            seen.push(bytes);
        }
        assert!(seen.len() <= CAPACITY);
        assert!(seen.contains(&Bytes::from_static(b"9999")), "the latest progress is kept");
    }

    #[test]
    fn nothing_follows_the_answer() {
        let outbox = Outbox::default();
        outbox.close();
        outbox.push_progress(Bytes::from_static(b"late"));
        assert_eq!(outbox.push(Bytes::from_static(b"late")), Err(NotSent));
        assert!(outbox.pop().is_none());
    }
}
