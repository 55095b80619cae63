//! One request message and its answer: deadlines, notifications, revision.

use std::future::Future;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::RawJson;
use crate::client::ClientError;
use crate::client::core::{Call, Core};
use crate::client::envelope::{ServerEnvelope, read};
use crate::client::extension::RequestInfo;
use crate::client::outgoing::{Fields, MetaOut, message};
use crate::client::span::{self, Sent};
use crate::client::transport::{MessageStream, OutgoingRequest, TransportError};
use crate::client::unfold::next;
use crate::log_text::Shown;
use crate::protocol::{
    ProgressNotificationParams, ProgressToken, RequestId, ResultType, codes, methods,
};
use crate::trace_context::TraceContext;

/// What a server answered, read as far as every result is the same.
pub(crate) struct Answer {
    pub(crate) kind: ResultType,
    pub(crate) result: RawJson,
}

impl Core {
    /// Sends a request and waits for its answer. If the server wants another revision, it is sent
    /// once more in that.
    pub(crate) async fn attempt(
        &self,
        call: &Call,
        round: &Fields,
        headers: &[(String, String)],
    ) -> Result<Answer, ClientError> {
        match self.exchange(call, round, headers).await {
            Err(ClientError::Rpc(error)) if error.code == codes::UNSUPPORTED_PROTOCOL_VERSION => {
                self.renegotiate(error)?;
                self.exchange(call, round, headers).await
            }
            answer => answer,
        }
    }

    async fn exchange(
        &self,
        call: &Call,
        round: &Fields,
        headers: &[(String, String)],
    ) -> Result<Answer, ClientError> {
        let id = self.next_id();
        let name = self.name_of(call);
        let span = self.sent(call, name.as_deref(), Some(id)).span();
        let trace = self.trace(call, &span)?;
        let exchange = self.exchange_in(call, round, headers, id, trace.as_ref());
        let answer = exchange.instrument(span.clone()).await;
        match &answer {
            Ok(answer) => span::answered(&span, &call.method, answer.result.get()),
            Err(error) => span::failed(&span, error),
        }
        answer
    }

    /// What a message's span tells.
    pub(crate) fn sent<'a>(
        &'a self,
        call: &'a Call,
        name: Option<&'a str>,
        id: Option<i64>,
    ) -> Sent<'a> {
        let network = self.transport.network();
        Sent { method: &call.method, name, id, version: self.version(), network }
    }

    /// The trace context to send: the message's own span, or else a child of the caller's.
    pub(crate) fn trace(
        &self,
        call: &Call,
        span: &tracing::Span,
    ) -> Result<Option<TraceContext>, ClientError> {
        let parent = call.options.trace.clone().or_else(|| self.trace.as_ref().and_then(|f| f()));
        #[cfg(feature = "otel")]
        if let Some(own) = crate::otel::of_client_span(span, parent.as_ref()) {
            return Ok(Some(own));
        }
        let Some(parent) = parent else { return Ok(None) };
        span.record("trace_id", parent.trace_id());
        parent.child().map(Some).map_err(|_| ClientError::Random)
    }

    async fn exchange_in(
        &self,
        call: &Call,
        round: &Fields,
        headers: &[(String, String)],
        id: i64,
        trace: Option<&TraceContext>,
    ) -> Result<Answer, ClientError> {
        let mut clock = Clock::start(
            call.options.idle.unwrap_or(self.limits.idle),
            call.options.maximum.unwrap_or(self.limits.maximum),
        );
        let token = call.options.progress.as_ref().map(|_| ProgressToken::from(id));
        let name = self.name_of(call);
        let info = RequestInfo { method: &call.method, name: name.as_deref() };
        let own = RequestId::from(id);
        let request = self.outgoing(call, round, headers, &own, token.as_ref(), trace)?;
        let mut messages = clock.within(self.transport.request(request)).await??;
        let mut last_progress = None;
        loop {
            let bytes = clock
                .within(next(&mut messages))
                .await?
                .ok_or(ClientError::Transport(TransportError::NoResponse))??;
            match read(&bytes).map_err(TransportError::Malformed)? {
                ServerEnvelope::Notification { method, params } => match &*method {
                    methods::NOTIFICATIONS_PROGRESS => {
                        let told = token.as_ref().is_some_and(|token| {
                            progressed(call, token, params, &mut last_progress)
                        });
                        if told {
                            clock.restart();
                        }
                    }
                    methods::NOTIFICATIONS_MESSAGE => self.logged(params, Some(&info)),
                    method if self.extensions.notified(method, params) => {}
                    method => {
                        tracing::debug!(method = %Shown(method), "a notification was ignored")
                    }
                },
                ServerEnvelope::Request { method } => {
                    tracing::warn!(method = %Shown(&method), "a server sent a request, which is not allowed; ignored");
                }
                ServerEnvelope::Response { id: Some(id), .. } if id != own => {
                    let reason = "the response has another request's id".to_owned();
                    return Err(TransportError::Malformed(reason).into());
                }
                ServerEnvelope::Response { outcome: Err(error), .. } => {
                    tracing::debug!(code = error.code, "the server answered with an error");
                    return Err(ClientError::Rpc(error));
                }
                ServerEnvelope::Response { outcome: Ok(result), .. } => {
                    return self.answer(&info, result);
                }
            }
        }
    }

    /// The message that goes out.
    pub(crate) fn outgoing(
        &self,
        call: &Call,
        round: &Fields,
        headers: &[(String, String)],
        id: &RequestId,
        progress: Option<&ProgressToken>,
        trace: Option<&TraceContext>,
    ) -> Result<OutgoingRequest, ClientError> {
        let version = self.version();
        // Log messages are not delivered on subscriptions, so none are asked for there.
        let log_level = call
            .options
            .log_level
            .or(self.log.as_ref().map(|(level, _)| *level))
            .filter(|_| call.method != methods::SUBSCRIPTIONS_LISTEN && self.log.is_some());
        let meta = MetaOut {
            version,
            info: self.info.as_ref(),
            capabilities: &self.capabilities,
            progress,
            log_level,
            trace,
            more: &call.meta,
        };
        Ok(OutgoingRequest {
            id: id.clone(),
            method: call.method.clone().into_owned(),
            body: message(Some(id), &call.method, &call.fields, round, meta)?,
            protocol_version: version.to_owned(),
            name: self.name_of(call),
            param_headers: headers.to_vec(),
        })
    }

    fn answer(&self, info: &RequestInfo<'_>, result: &RawValue) -> Result<Answer, ClientError> {
        let head = ResultHead::read(info.method, result.get())?;
        if let Some(meta) = head.meta {
            self.read_meta(info, meta.get());
        }
        let kind = head.kind();
        let result = RawJson::from_string(result.get().to_owned())
            .map_err(|_| ClientError::unexpected(info.method, "it is no JSON"))?;
        Ok(Answer { kind, result })
    }
}

/// The members that every result has.
#[derive(Deserialize)]
pub(crate) struct ResultHead<'a> {
    #[serde(rename = "resultType", default)]
    pub(crate) kind: Option<ResultType>,
    #[serde(borrow, rename = "_meta", default)]
    pub(crate) meta: Option<&'a RawValue>,
}

impl<'a> ResultHead<'a> {
    /// What kind of result it is; an absent `resultType` means a complete one.
    pub(crate) fn kind(&self) -> ResultType {
        self.kind.clone().unwrap_or_default()
    }

    pub(crate) fn read(method: &str, result: &'a str) -> Result<Self, ClientError> {
        serde_json::from_str(result).map_err(|error| {
            ClientError::unexpected(method, crate::message::without_values(&error))
        })
    }
}

/// Tells the caller of progress; says whether it was any.
fn progressed(call: &Call, token: &ProgressToken, params: &str, last: &mut Option<f64>) -> bool {
    let progress = match serde_json::from_str::<ProgressNotificationParams>(params) {
        Ok(progress) if progress.progress_token == *token => progress,
        _ => {
            tracing::debug!("a progress notification that is not this request's was ignored");
            return false;
        }
    };
    if last.is_some_and(|last| progress.progress.as_f64() <= last) {
        tracing::debug!("progress that does not increase was ignored");
        return false;
    }
    *last = Some(progress.progress.as_f64());
    if let Some(tell) = &call.options.progress {
        tell(progress);
    }
    true
}

/// The two deadlines of a request.
pub(crate) struct Clock {
    idle: Duration,
    maximum: Duration,
    idle_at: Instant,
    maximum_at: Instant,
}

/// As good as never, and a time that clocks can hold.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Clock {
    pub(crate) fn start(idle: Duration, maximum: Duration) -> Self {
        let now = Instant::now();
        let (idle_at, maximum_at) = (now + idle.min(NEVER), now + maximum.min(NEVER));
        Self { idle, maximum, idle_at, maximum_at }
    }

    /// Progress: the idle time begins anew. The maximum does not.
    fn restart(&mut self) {
        self.idle_at = Instant::now() + self.idle.min(NEVER);
    }

    /// The future's value, if it comes before both deadlines.
    pub(crate) async fn within<F: Future>(&self, future: F) -> Result<F::Output, ClientError> {
        let maximum = self.maximum_at <= self.idle_at;
        let at = if maximum { self.maximum_at } else { self.idle_at };
        let late = || ClientError::Timeout {
            after: if maximum { self.maximum } else { self.idle },
            maximum,
        };
        // Not left to the timer alone: messages that are always ready would never let it speak.
        if Instant::now() >= at {
            return Err(late());
        }
        timeout_at(at, future).await.map_err(|_| late())
    }
}

/// For `listen`: opens a stream of messages with nothing read from it yet.
impl Core {
    pub(crate) async fn open(
        &self,
        call: &Call,
        id: &RequestId,
        clock: &Clock,
    ) -> Result<MessageStream, ClientError> {
        // Covers the opening: a span that lasted as long as the subscription would say little.
        let span = self.sent(call, None, None).span();
        span.record("jsonrpc.request.id", tracing::field::display(id));
        let trace = self.trace(call, &span)?;
        let request = self.outgoing(call, &Fields::new(), &[], id, None, trace.as_ref())?;
        let opening = clock.within(self.transport.request(request)).instrument(span.clone());
        let opened = opening.await.and_then(|opened| opened.map_err(ClientError::from));
        opened.inspect_err(|error| span::failed(&span, error))
    }
}
