//! Streams made of an async function and its state.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Step<S, T> = Pin<Box<dyn Future<Output = Option<(T, S)>> + Send>>;

/// Calls `step` with the state for each item; ends when it answers `None`.
pub(crate) struct Unfold<S, T> {
    step: fn(S) -> Step<S, T>,
    state: State<S, T>,
}

enum State<S, T> {
    Waiting(S),
    Running(Step<S, T>),
    Ended,
}

impl<S, T> Unfold<S, T> {
    pub(crate) fn new(state: S, step: fn(S) -> Step<S, T>) -> Self {
        Self { step, state: State::Waiting(state) }
    }
}

// Nothing in it is pinned in place: the running step is boxed.
impl<S, T> Unpin for Unfold<S, T> {}

impl<S, T> Stream for Unfold<S, T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut running = match std::mem::replace(&mut self.state, State::Ended) {
            State::Ended => return Poll::Ready(None),
            State::Waiting(state) => (self.step)(state),
            State::Running(running) => running,
        };
        match running.as_mut().poll(context) {
            Poll::Pending => {
                self.state = State::Running(running);
                Poll::Pending
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some((item, state))) => {
                self.state = State::Waiting(state);
                Poll::Ready(Some(item))
            }
        }
    }
}

/// Waits for all, or for the first error; the others are dropped then.
pub(crate) async fn try_join_all<T: Send, E: Send>(
    futures: Vec<BoxFuture<'_, Result<T, E>>>,
) -> Result<Vec<T>, E> {
    let mut running: Vec<_> = futures.into_iter().map(Some).collect();
    let mut done: Vec<Option<T>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (slot, value) in running.iter_mut().zip(&mut done) {
            let Some(future) = slot else { continue };
            match future.as_mut().poll(context) {
                Poll::Pending => pending = true,
                Poll::Ready(Ok(result)) => {
                    *value = Some(result);
                    *slot = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(Ok(())) }
    })
    .await?;
    Ok(done.into_iter().flatten().collect())
}

/// The next item of a stream.
pub(crate) async fn next<S: Stream + Unpin + ?Sized>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}
