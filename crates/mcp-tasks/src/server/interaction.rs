//! What a handler asks and keeps while it runs as a task.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use mcp_core::protocol::InputRequest;
use mcp_core::server::Interaction;
use mcp_core::{Error, RawJson};

use super::Shared;
use crate::store::{Hold, StoreError, TaskRow};

/// Longer messages of progress are cut.
const MAX_MESSAGE: usize = 500;

/// The handler's questions and values go to the task's row.
pub(super) struct TaskInteraction {
    shared: Arc<Shared>,
    hold: Hold,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    answers: BTreeMap<String, RawJson>,
    kept: BTreeMap<String, RawJson>,
    /// Questions without an answer: the run ends with them.
    asked: BTreeMap<String, InputRequest>,
    /// Work for `once` that is going on.
    keeping: usize,
    waker: Option<Waker>,
    /// Progress that is not written down yet.
    message: Option<String>,
    /// Why the store did not keep something; the run's own end does not count then.
    failure: Option<StoreError>,
}

impl TaskInteraction {
    pub(super) fn new(shared: Arc<Shared>, row: &TaskRow) -> Self {
        let state = State {
            answers: row.answers.clone(),
            kept: row.checkpoints.clone(),
            ..State::default()
        };
        Self { shared, hold: row.hold(), state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The questions, once the handler waits for nothing but them.
    fn parked(&self, waker: &Waker) -> Option<BTreeMap<String, InputRequest>> {
        let mut state = self.lock();
        if state.keeping == 0 && !state.asked.is_empty() {
            return Some(std::mem::take(&mut state.asked));
        }
        state.waker = Some(waker.clone());
        None
    }

    /// Progress since the last time.
    pub(super) fn take_message(&self) -> Option<String> {
        self.lock().message.take()
    }

    /// Why the store did not keep something.
    pub(super) fn take_failure(&self) -> Option<StoreError> {
        self.lock().failure.take()
    }

    fn failed(&self, error: StoreError) -> Error {
        tracing::warn!(id = %self.hold.id, %error, "a task's value was not kept");
        self.lock().failure = Some(error);
        Error::Internal
    }
}

#[async_trait]
impl Interaction for TaskInteraction {
    async fn ask(&self, key: &str, request: InputRequest) -> Result<RawJson, Error> {
        {
            let mut state = self.lock();
            if let Some(answer) = state.answers.get(key) {
                return Ok(answer.clone());
            }
            state.asked.insert(key.to_owned(), request);
        }
        // The run ends here: the task is given back until the answer is there.
        std::future::pending().await
    }

    async fn discard(&self, key: &str) -> Result<(), Error> {
        let discarded = self.shared.store.discard(&self.hold, key).await;
        discarded.map_err(|error| self.failed(error))?;
        self.lock().answers.remove(key);
        Ok(())
    }

    async fn recall(&self, key: &str) -> Result<Option<RawJson>, Error> {
        Ok(self.lock().kept.get(key).cloned())
    }

    async fn keep(&self, key: &str, value: RawJson) -> Result<(), Error> {
        let kept = self.shared.store.checkpoint(&self.hold, key, value.clone()).await;
        kept.map_err(|error| self.failed(error))?;
        self.lock().kept.insert(key.to_owned(), value);
        Ok(())
    }

    fn keeping(&self, begins: bool) {
        let mut state = self.lock();
        if begins {
            state.keeping += 1;
            return;
        }
        state.keeping = state.keeping.saturating_sub(1);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn progress(&self, progress: f64, total: Option<f64>, message: &str) {
        let mut text = match (message, total) {
            ("", Some(total)) => format!("{progress} of {total}"),
            ("", None) => progress.to_string(),
            (message, Some(total)) => format!("{message} ({progress} of {total})"),
            (message, None) => format!("{message} ({progress})"),
        };
        if let Some((cut, _)) = text.char_indices().nth(MAX_MESSAGE) {
            text.truncate(cut);
        }
        self.lock().message = Some(text);
    }
}

/// How a run of a handler ends.
pub(super) enum RunEnd<T> {
    /// The handler has returned.
    Returned(T),
    /// It waits for its client.
    Parked(BTreeMap<String, InputRequest>),
}

/// Runs a handler until it returns, or waits for nothing but its client.
pub(super) struct UntilParked<F> {
    pub(super) handler: Pin<Box<F>>,
    pub(super) interaction: Arc<TaskInteraction>,
}

impl<F: Future> Future for UntilParked<F> {
    type Output = RunEnd<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(returned) = self.handler.as_mut().poll(context) {
            return Poll::Ready(RunEnd::Returned(returned));
        }
        match self.interaction.parked(context.waker()) {
            Some(questions) => Poll::Ready(RunEnd::Parked(questions)),
            None => Poll::Pending,
        }
    }
}
