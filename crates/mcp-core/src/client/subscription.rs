//! Hearing of changes at the server.
//!
//! Source: specification, *Patterns → Subscriptions*.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use serde::Deserialize;

use crate::RawJson;
use crate::client::cache::Stale;
use crate::client::core::Call;
use crate::client::envelope::{ServerEnvelope, read};
use crate::client::exchange::{Clock, ResultHead};
use crate::client::outgoing::Fields;
use crate::client::transport::{MessageStream, TransportError};
use crate::client::unfold::{Unfold, next};
use crate::client::{Client, ClientError};
use crate::log_text::Shown;
use crate::protocol::{
    NotificationMetaObject, RequestId, ResourceUpdatedNotificationParams, ResultType,
    SubscriptionFilter, codes, methods,
};

/// What a subscription tells.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SubscriptionEvent {
    /// The subscription has begun. What the server does not honour of the filter is missing here:
    /// it will never be told.
    Acknowledged(SubscriptionFilter),
    /// The connection was lost, and the subscription has begun anew. Changes in between were not
    /// told: whatever is known of the server may be out of date.
    Reconnected(SubscriptionFilter),
    /// The list of tools has changed.
    ToolsListChanged,
    /// The list of prompts has changed.
    PromptsListChanged,
    /// The lists of resources and resource templates have changed.
    ResourcesListChanged,
    /// A resource has changed.
    ResourceUpdated {
        /// The resource; it may lie below the one that was subscribed to.
        uri: String,
    },
    /// A notification of an extension's topic.
    Extension {
        /// Its method.
        method: String,
        /// Its parameters.
        params: RawJson,
    },
}

/// How a subscription goes on when its connection is lost.
///
/// ```
/// use mcp_core::client::ListenOptions;
///
/// let options = ListenOptions { attempts: 3, ..ListenOptions::default() };
/// assert_eq!(options.first_pause.as_millis(), 500);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenOptions {
    /// How often it may try in a row to begin anew; 0 for never. Default: without end.
    pub attempts: u32,
    /// The pause before the first try; it doubles with each, and is shortened at random by up to
    /// half. Default 500 ms.
    pub first_pause: Duration,
    /// The longest pause. Default 30 s.
    pub longest_pause: Duration,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            attempts: u32::MAX,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
        }
    }
}

impl ListenOptions {
    /// Ends with an error when the connection is lost.
    #[must_use]
    pub fn without_reconnect() -> Self {
        Self { attempts: 0, ..Self::default() }
    }

    /// The pause before try number `attempt`, counted from 1.
    fn pause(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        let longest = self.first_pause.saturating_mul(1 << doublings).min(self.longest_pause);
        let mut random = [0; 2];
        // Without random numbers all clients come back at once, which is no reason not to come back.
        let _ = getrandom::fill(&mut random);
        let part = f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX);
        longest.mul_f64(1.0 - part / 2.0)
    }
}

/// A subscription: a stream of events that ends when the server ends the subscription cleanly, or
/// after an error that trying again cannot mend.
///
/// It is driven by being read: nothing is sent before the first event is asked for, and cached
/// answers become stale as their changes are read. Dropping it ends the subscription.
pub struct Subscription(Pin<Box<dyn Stream<Item = Result<SubscriptionEvent, ClientError>> + Send>>);

impl Subscription {
    pub(crate) fn new(client: Client, filter: SubscriptionFilter, options: ListenOptions) -> Self {
        let listening = Listening {
            client,
            filter,
            options,
            attempts: 0,
            acknowledged: false,
            renegotiated: false,
            phase: Phase::Opening,
        };
        Self(Box::pin(Unfold::new(Some(listening), |state| Box::pin(step(state)))))
    }

    /// The next event; `None` after the end.
    ///
    /// # Errors
    /// If the subscription cannot begin, or is lost for good.
    pub async fn next(&mut self) -> Option<Result<SubscriptionEvent, ClientError>> {
        next(&mut self.0).await
    }
}

impl Stream for Subscription {
    type Item = Result<SubscriptionEvent, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription(..)")
    }
}

struct Listening {
    client: Client,
    filter: SubscriptionFilter,
    options: ListenOptions,
    /// Tries in a row to begin anew.
    attempts: u32,
    /// Whether it ever began: a first try that fails is not repeated, its caller is told.
    acknowledged: bool,
    renegotiated: bool,
    phase: Phase,
}

enum Phase {
    Opening,
    Open(Open),
}

struct Open {
    id: RequestId,
    messages: MessageStream,
    /// Runs until the acknowledgement.
    clock: Option<Clock>,
}

/// What came next.
enum Came {
    Event(SubscriptionEvent),
    Nothing,
    /// The server ended the subscription.
    Ended,
}

type Item = Result<SubscriptionEvent, ClientError>;

async fn step(state: Option<Listening>) -> Option<(Item, Option<Listening>)> {
    let mut listening = state?;
    loop {
        let came = match &mut listening.phase {
            Phase::Opening => listening.open().await.map(|()| Came::Nothing),
            Phase::Open(_) => listening.read().await,
        };
        match came {
            Ok(Came::Event(event)) => return Some((Ok(event), Some(listening))),
            Ok(Came::Nothing) => {}
            Ok(Came::Ended) => return None,
            Err(error) => {
                if let Err(error) = listening.lost(error).await {
                    return Some((Err(error), None));
                }
            }
        }
    }
}

impl Listening {
    async fn open(&mut self) -> Result<(), ClientError> {
        let core = &self.client.core;
        let mut call = Call::new(methods::SUBSCRIPTIONS_LISTEN);
        call.fields = filter_fields(&self.filter)?;
        let info = crate::client::RequestInfo { method: &call.method, name: None };
        core.extensions.write_meta(&info, &mut call.meta);
        let id = RequestId::from(core.next_id());
        let clock = Clock::start(core.limits.idle, core.limits.maximum);
        let messages = core.open(&call, &id, &clock).await?;
        self.phase = Phase::Open(Open { id, messages, clock: Some(clock) });
        Ok(())
    }

    async fn read(&mut self) -> Result<Came, ClientError> {
        let Phase::Open(open) = &mut self.phase else { return Ok(Came::Nothing) };
        let bytes = match &open.clock {
            Some(clock) => clock.within(next(&mut open.messages)).await?,
            None => next(&mut open.messages).await,
        };
        let bytes = bytes.ok_or(TransportError::NoResponse)??;
        match read(&bytes).map_err(TransportError::Malformed)? {
            ServerEnvelope::Response { id: Some(id), .. } if id != open.id => {
                let reason = "the response has another request's id".to_owned();
                Err(TransportError::Malformed(reason).into())
            }
            ServerEnvelope::Response { outcome: Err(error), .. } => Err(ClientError::Rpc(error)),
            ServerEnvelope::Response { outcome: Ok(result), .. } => {
                let head = ResultHead::read(methods::SUBSCRIPTIONS_LISTEN, result.get())?;
                if head.kind() != ResultType::Complete {
                    let reason = "a subscription ends with a complete result";
                    return Err(ClientError::unexpected(methods::SUBSCRIPTIONS_LISTEN, reason));
                }
                Ok(Came::Ended)
            }
            ServerEnvelope::Request { method } => {
                tracing::warn!(method = %Shown(&method), "a server sent a request, which is not allowed; ignored");
                Ok(Came::Nothing)
            }
            ServerEnvelope::Notification { method, params } => {
                let (method, params) = (method.into_owned(), params.to_owned());
                Ok(self.notified(&method, &params))
            }
        }
    }

    fn notified(&mut self, method: &str, params: &str) -> Came {
        let Phase::Open(open) = &mut self.phase else { return Came::Nothing };
        if method == methods::NOTIFICATIONS_CANCELLED {
            #[derive(Deserialize)]
            struct Cancelled {
                #[serde(rename = "requestId")]
                request_id: RequestId,
            }
            let cancelled = serde_json::from_str::<Cancelled>(params);
            return match cancelled {
                Ok(cancelled) if cancelled.request_id == open.id => Came::Ended,
                _ => Came::Nothing,
            };
        }
        #[derive(Deserialize)]
        struct Tagged {
            #[serde(rename = "_meta")]
            meta: NotificationMetaObject,
            notifications: Option<SubscriptionFilter>,
        }
        let tagged = match serde_json::from_str::<Tagged>(params) {
            Ok(tagged) if tagged.meta.subscription_id.as_ref() == Some(&open.id) => tagged,
            _ => {
                tracing::warn!(method = %Shown(method), "a notification without the subscription's id was ignored");
                return Came::Nothing;
            }
        };
        let core = &self.client.core;
        match method {
            methods::NOTIFICATIONS_SUBSCRIPTIONS_ACKNOWLEDGED => {
                if open.clock.take().is_none() {
                    tracing::debug!("a second acknowledgement was ignored");
                    return Came::Nothing;
                }
                let filter = tagged.notifications.unwrap_or_default();
                self.attempts = 0;
                if std::mem::replace(&mut self.acknowledged, true) {
                    self.everything_is_stale();
                    Came::Event(SubscriptionEvent::Reconnected(filter))
                } else {
                    Came::Event(SubscriptionEvent::Acknowledged(filter))
                }
            }
            methods::NOTIFICATIONS_TOOLS_LIST_CHANGED => {
                core.invalidate(Stale::Tools);
                Came::Event(SubscriptionEvent::ToolsListChanged)
            }
            methods::NOTIFICATIONS_PROMPTS_LIST_CHANGED => {
                core.invalidate(Stale::Prompts);
                Came::Event(SubscriptionEvent::PromptsListChanged)
            }
            methods::NOTIFICATIONS_RESOURCES_LIST_CHANGED => {
                core.invalidate(Stale::Resources);
                Came::Event(SubscriptionEvent::ResourcesListChanged)
            }
            methods::NOTIFICATIONS_RESOURCES_UPDATED => {
                match serde_json::from_str::<ResourceUpdatedNotificationParams>(params) {
                    Ok(updated) => {
                        core.invalidate(Stale::Resource(&updated.uri));
                        Came::Event(SubscriptionEvent::ResourceUpdated { uri: updated.uri })
                    }
                    Err(_) => {
                        tracing::warn!(method, "a malformed notification was ignored");
                        Came::Nothing
                    }
                }
            }
            _ => {
                core.extensions.notified(method, params);
                match RawJson::from_string(params.to_owned()) {
                    Ok(params) => {
                        let method = method.to_owned();
                        Came::Event(SubscriptionEvent::Extension { method, params })
                    }
                    Err(_) => Came::Nothing,
                }
            }
        }
    }

    /// Changes may have been missed.
    fn everything_is_stale(&self) {
        let core = &self.client.core;
        if self.filter.tools_list_changed == Some(true) {
            core.invalidate(Stale::Tools);
        }
        if self.filter.prompts_list_changed == Some(true) {
            core.invalidate(Stale::Prompts);
        }
        if self.filter.resources_list_changed == Some(true) {
            core.invalidate(Stale::Resources);
        }
        for uri in self.filter.resource_subscriptions.iter().flatten() {
            core.invalidate(Stale::Resource(uri));
        }
    }

    /// Decides whether to begin anew, and waits for the right time.
    ///
    /// # Errors
    /// With `error`, if trying again is of no use.
    async fn lost(&mut self, error: ClientError) -> Result<(), ClientError> {
        let opening = matches!(self.phase, Phase::Opening);
        self.phase = Phase::Opening;
        let error = match error {
            ClientError::Rpc(error)
                if error.code == codes::UNSUPPORTED_PROTOCOL_VERSION && !self.renegotiated =>
            {
                self.renegotiated = true;
                return self.client.core.renegotiate(error);
            }
            error => error,
        };
        if !self.acknowledged || !is_passing(&error, opening) {
            return Err(error);
        }
        if self.attempts >= self.options.attempts {
            return Err(error);
        }
        self.attempts += 1;
        tracing::debug!(error = %Shown(&error), attempt = self.attempts, "a subscription was lost; beginning anew");
        tokio::time::sleep(self.options.pause(self.attempts)).await;
        Ok(())
    }
}

/// Whether an error may pass by itself. `opening`: it came before anything was open.
fn is_passing(error: &ClientError, opening: bool) -> bool {
    match error {
        ClientError::Rpc(error) => error.code == codes::INTERNAL_ERROR,
        ClientError::Timeout { .. } => true,
        ClientError::Transport(error) => match error {
            TransportError::Closed
            | TransportError::Redirected { .. }
            | TransportError::Credentials(_) => false,
            TransportError::ServerExited { .. } => !opening,
            TransportError::Http { status } => *status >= 500 || matches!(*status, 408 | 425 | 429),
            _ => true,
        },
        _ => false,
    }
}

fn filter_fields(filter: &SubscriptionFilter) -> Result<Fields, ClientError> {
    let filter = RawJson::from_serialize(filter).map_err(|error| ClientError::Parameters {
        method: methods::SUBSCRIPTIONS_LISTEN.to_owned(),
        reason: crate::message::without_values(&error),
    })?;
    Ok(Fields::from([(std::borrow::Cow::Borrowed("notifications"), filter)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_are_never_all_the_same() {
        let options = ListenOptions::default();
        for (attempt, longest) in [(1, 500), (2, 1000), (3, 2000), (7, 30_000), (u32::MAX, 30_000)]
        {
            let longest = Duration::from_millis(longest);
            for _ in 0..50 {
                let pause = options.pause(attempt);
                assert!(pause >= longest / 2 && pause <= longest, "{attempt}: {pause:?}");
            }
        }
        let pauses: Vec<_> = (0..50).map(|_| options.pause(7)).collect();
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
