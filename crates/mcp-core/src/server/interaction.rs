//! How a handler gets input from its client, whichever way it runs.
//!
//! Directly, a question ends the round: the client is answered `input_required` and calls again with
//! the answer ([`Rounds`]). As a task, or for a client of an older revision, the same calls are
//! served by another [`Interaction`]; the handler does not know.
//!
//! Source: specification, *Patterns → Multi round-trip requests*.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::message::IncomingRequest;
use crate::protocol::{InputRequest, InputRequiredResult};
use crate::sealed::{Binding, Sealer};
use crate::server::outbox::Outbox;
use crate::{Error, Principal, RawJson};

/// Where a handler's questions and kept values go.
///
/// An extension that runs calls in its own way (as tasks, say) implements it and hands it to the
/// handler with [`Cx::with_interaction`](crate::server::Cx::with_interaction).
#[async_trait]
pub trait Interaction: Send + Sync + 'static {
    /// Asks the client; resolves to its raw answer. It may also never resolve, if the question ends
    /// this run of the handler.
    ///
    /// # Errors
    /// An error ends the call.
    async fn ask(&self, key: &str, request: InputRequest) -> Result<RawJson, Error>;

    /// Throws an answer away that does not fit the question; the next `ask` asks again.
    async fn discard(&self, key: &str) -> Result<(), Error>;

    /// A value kept by an earlier run of the same call.
    async fn recall(&self, key: &str) -> Result<Option<RawJson>, Error>;

    /// Keeps a value for later runs of the same call.
    ///
    /// # Errors
    /// If it could not be kept; the call then fails, since going on might do its work twice.
    async fn keep(&self, key: &str, value: RawJson) -> Result<(), Error>;

    /// Work for [`Interaction::keep`] begins (`true`) or has ended (`false`); while any is going on,
    /// a run is not cut short.
    fn keeping(&self, begins: bool) {
        let _ = begins;
    }

    /// Hears how far the work is, whether the client asked for progress or not. Must be quick.
    fn progress(&self, progress: f64, total: Option<f64>, message: &str) {
        let _ = (progress, total, message);
    }
}

/// The direct way: one round of a multi round-trip request.
#[derive(Default)]
pub(crate) struct Rounds {
    state: Mutex<RoundState>,
    keeping: AtomicUsize,
}

#[derive(Default)]
struct RoundState {
    /// Answers that this request brought and no question has taken yet.
    fresh: BTreeMap<String, RawJson>,
    /// What travels in `requestState`.
    kept: Kept,
    /// Questions of this round.
    asked: BTreeMap<String, InputRequest>,
}

/// The sealed content of `requestState`.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    /// Answers by the key of their question.
    #[serde(rename = "a", default, skip_serializing_if = "BTreeMap::is_empty")]
    answers: BTreeMap<String, RawJson>,
    /// Values of `once` by their key.
    #[serde(rename = "o", default, skip_serializing_if = "BTreeMap::is_empty")]
    once: BTreeMap<String, RawJson>,
}

impl Rounds {
    fn lock(&self) -> MutexGuard<'_, RoundState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the request brings from earlier rounds.
    ///
    /// # Errors
    /// `-32602` for state that was not sealed here for this very call, or for answers that are no
    /// object.
    pub(crate) fn open(
        &self,
        request: &IncomingRequest,
        principal: Option<&Principal>,
        sealer: &Sealer,
    ) -> Result<(), Error> {
        let token = request.request_state()?;
        if token.is_none() && request.input_responses().is_none() {
            return Ok(());
        }
        let mut state = self.lock();
        if let Some(responses) = request.input_responses() {
            state.fresh = serde_json::from_str(responses)
                .map_err(|_| Error::invalid_params("`params.inputResponses` must be an object"))?;
        }
        if let Some(token) = token {
            let target = target(request);
            let bytes =
                sealer.open(&binding(request, principal, &target)?, &token).map_err(|reason| {
                    tracing::debug!(%reason, "a request state was refused");
                    Error::invalid_params("`params.requestState` is not valid for this request")
                })?;
            state.kept = serde_json::from_slice(&bytes).map_err(|_| Error::Internal)?;
        }
        Ok(())
    }

    /// Whether the handler now waits for nothing but the client.
    pub(crate) fn is_asking(&self) -> bool {
        self.keeping.load(Ordering::Acquire) == 0 && !self.lock().asked.is_empty()
    }

    /// The round's questions, and what must not be forgotten until they are answered.
    ///
    /// # Errors
    /// `-32603` if the state cannot be sealed (it is too large, say).
    pub(crate) fn close(
        &self,
        request: &IncomingRequest,
        principal: Option<&Principal>,
        sealer: &Sealer,
        ttl: Duration,
    ) -> Result<InputRequiredResult, Error> {
        let state = std::mem::take(&mut *self.lock());
        let mut result = InputRequiredResult::default();
        if !(state.kept.answers.is_empty() && state.kept.once.is_empty()) {
            let plain = serde_json::to_vec(&state.kept).map_err(|_| Error::Internal)?;
            let target = target(request);
            let token = sealer.seal(&binding(request, principal, &target)?, ttl, &plain).map_err(
                |error| {
                    tracing::error!(%error, "a request state cannot be sealed");
                    Error::Internal
                },
            )?;
            result.request_state = Some(token);
        }
        result.input_requests = Some(state.asked.into_iter().collect());
        Ok(result)
    }
}

/// What the state is bound to besides the arguments: a tool's or prompt's name, a resource's URI.
fn target(request: &IncomingRequest) -> String {
    request
        .string_param("name")
        .or_else(|| request.string_param("uri"))
        .map_or_else(String::new, std::borrow::Cow::into_owned)
}

fn binding<'a>(
    request: &'a IncomingRequest,
    principal: Option<&'a Principal>,
    target: &'a str,
) -> Result<Binding<'a>, Error> {
    Ok(Binding {
        principal: principal.map(Principal::as_str),
        method: request.method(),
        target,
        arguments: request.arguments()?,
    })
}

/// The direct interaction needs the exchange to look at it after each question.
pub(crate) struct Direct<'a> {
    pub(crate) rounds: &'a Rounds,
    pub(crate) outbox: &'a Outbox,
}

impl Direct<'_> {
    pub(crate) async fn ask(&self, key: &str, request: InputRequest) -> Result<RawJson, Error> {
        {
            let mut state = self.rounds.lock();
            if let Some(answer) = state.fresh.remove(key) {
                state.kept.answers.insert(key.to_owned(), answer);
            }
            if let Some(answer) = state.kept.answers.get(key) {
                return Ok(answer.clone());
            }
            state.asked.insert(key.to_owned(), request);
        }
        self.outbox.wake();
        // The round ends with this question: the exchange drops the handler here.
        std::future::pending().await
    }

    pub(crate) fn discard(&self, key: &str) {
        let mut state = self.rounds.lock();
        state.fresh.remove(key);
        state.kept.answers.remove(key);
    }

    pub(crate) fn recall(&self, key: &str) -> Option<RawJson> {
        self.rounds.lock().kept.once.get(key).cloned()
    }

    pub(crate) fn keep(&self, key: &str, value: RawJson) {
        self.rounds.lock().kept.once.insert(key.to_owned(), value);
    }

    pub(crate) fn keeping(&self, begins: bool) {
        if begins {
            self.rounds.keeping.fetch_add(1, Ordering::AcqRel);
        } else {
            self.rounds.keeping.fetch_sub(1, Ordering::AcqRel);
            self.outbox.wake();
        }
    }
}
