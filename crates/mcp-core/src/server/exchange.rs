//! One request on its way to its answer.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use crate::Error;
use crate::message::{IncomingRequest, Rejection};
use crate::protocol::{RequestId, methods};
use crate::server::cx::CallShared;
use crate::server::outcome::error_response;
use crate::server::{Inner, Outcome, span};

/// What a transport sends for a request: any number of notifications, then one response.
#[derive(Debug, Clone)]
pub enum ServerMessage {
    /// Belongs to the request and precedes its response.
    Notification(Bytes),
    /// The last message.
    Response(Response),
}

/// A JSON-RPC response, ready to be sent.
#[derive(Debug, Clone)]
pub struct Response {
    /// The whole message, one line of JSON without a line end.
    pub body: Bytes,
    /// What kind of answer it is; HTTP chooses its status by it.
    pub kind: ResponseKind,
}

/// Kinds of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseKind {
    /// A result, `isError` results of tools included.
    Result,
    /// An error with its code, from the method itself.
    MethodError(i64),
    /// An error with its code, found before a method was reached.
    Rejected(i64),
    /// The server is at a limit.
    Overloaded,
}

impl Rejection {
    /// The response that says so.
    #[must_use]
    pub fn to_response(&self) -> Response {
        Response {
            body: error_response(self.id.as_ref(), &self.error),
            kind: ResponseKind::Rejected(self.error.code()),
        }
    }
}

pub(crate) type OutcomeFuture = Pin<Box<dyn Future<Output = Result<Outcome, Error>> + Send>>;

/// A request being answered: a stream of [`ServerMessage`]s that ends with the response.
///
/// Dropping it drops the handler's future: that *is* cancellation. It asks for nothing to run in the
/// background, so whoever polls it decides where the handler runs. A handler that panics answers
/// `-32603`.
pub struct Exchange {
    request: Arc<IncomingRequest>,
    state: State,
    span: tracing::Span,
}

enum State {
    Running { future: OutcomeFuture, call: Arc<CallShared>, _permit: Permit },
    Answered { response: Response, call: Option<Arc<CallShared>> },
    Done,
}

/// Counts a request as in flight.
pub(crate) struct Permit(Arc<Inner>);

impl Permit {
    pub(crate) fn acquire(server: &Arc<Inner>) -> Result<Self, Error> {
        let permit = Self(Arc::clone(server));
        if server.in_flight.fetch_add(1, Ordering::Relaxed) >= server.limits.in_flight {
            return Err(Error::Overloaded);
        }
        Ok(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Exchange {
    pub(crate) fn running(
        request: Arc<IncomingRequest>,
        call: Arc<CallShared>,
        permit: Permit,
        span: tracing::Span,
        future: OutcomeFuture,
    ) -> Self {
        Self { request, state: State::Running { future, call, _permit: permit }, span }
    }

    pub(crate) fn rejected(request: Arc<IncomingRequest>, error: &Error) -> Self {
        let kind = match error {
            Error::Overloaded => ResponseKind::Overloaded,
            error => ResponseKind::Rejected(error.code()),
        };
        let response = Response { body: error_response(Some(request.id()), error), kind };
        Self {
            request,
            state: State::Answered { response, call: None },
            span: tracing::Span::none(),
        }
    }

    /// The request's id.
    #[must_use]
    pub fn id(&self) -> &RequestId {
        self.request.id()
    }

    /// The next message, or `None` after the response.
    pub async fn next(&mut self) -> Option<ServerMessage> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Option<ServerMessage>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Poll::Ready(None),
                State::Answered { response, call } => {
                    if let Some(bytes) = call.as_ref().and_then(|call| call.outbox.pop()) {
                        self.state = State::Answered { response, call };
                        return Poll::Ready(Some(ServerMessage::Notification(bytes)));
                    }
                    return Poll::Ready(Some(ServerMessage::Response(response)));
                }
                State::Running { mut future, call, _permit: permit } => {
                    if let Some(bytes) = call.outbox.pop() {
                        self.state = State::Running { future, call, _permit: permit };
                        return Poll::Ready(Some(ServerMessage::Notification(bytes)));
                    }
                    call.outbox.set_waker(context.waker());
                    let entered = self.span.enter();
                    let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
                    let result = match polled {
                        Err(_) => {
                            tracing::error!(method = self.request.method(), "a handler panicked");
                            Err(Error::Internal)
                        }
                        Ok(Poll::Ready(result)) => result,
                        Ok(Poll::Pending) if call.rounds.is_asking() => {
                            // The handler waits for its client: the round is over.
                            drop(future);
                            call.server.close_round(&self.request, &call)
                        }
                        Ok(Poll::Pending) => {
                            drop(entered);
                            let spoke = !call.outbox.is_empty();
                            self.state = State::Running { future, call, _permit: permit };
                            if spoke {
                                continue;
                            }
                            return Poll::Pending;
                        }
                    };
                    call.outbox.close();
                    let response = self.finish(&call, result);
                    drop(entered);
                    self.state = State::Answered { response, call: Some(call) };
                }
            }
        }
    }

    fn finish(&self, call: &CallShared, result: Result<Outcome, Error>) -> Response {
        let result = result.and_then(|mut outcome| {
            self.check(call, &outcome)?;
            let added =
                call.result_meta.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            if let Some(added) = added {
                outcome.meta_mut().extend(added);
            }
            Ok(outcome)
        });
        match result {
            Ok(outcome) => {
                span::answered(&self.span, &outcome);
                Response {
                    body: outcome.into_response(self.request.id(), &call.server.fragments),
                    kind: ResponseKind::Result,
                }
            }
            Err(error) => {
                span::failed(&self.span, &error);
                // Its message may repeat what the client sent, and does not belong in a log.
                tracing::debug!(code = error.code(), "a request failed");
                Response {
                    body: error_response(Some(self.request.id()), &error),
                    kind: match error {
                        Error::Overloaded => ResponseKind::Overloaded,
                        error => ResponseKind::MethodError(error.code()),
                    },
                }
            }
        }
    }

    /// A result type that this client cannot know, or that this method must not have, is a mistake
    /// of the server's code and never sent.
    fn check(&self, call: &CallShared, outcome: &Outcome) -> Result<(), Error> {
        let method = self.request.method();
        let allowed = match outcome.extension_type() {
            Some(tag) => call.server.result_types.get(tag).is_some_and(|known| {
                known.methods.contains(&method)
                    && call.profile.require(known.extension, known.owner).is_ok()
            }),
            None => {
                !outcome.is_input_required()
                    || matches!(
                        method,
                        methods::TOOLS_CALL | methods::PROMPTS_GET | methods::RESOURCES_READ
                    )
            }
        };
        if allowed {
            return Ok(());
        }
        tracing::error!(method, result_type = outcome.result_type(), "not allowed here; not sent");
        Err(Error::Internal)
    }
}

impl Stream for Exchange {
    type Item = ServerMessage;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<ServerMessage>> {
        self.poll_message(context)
    }
}
