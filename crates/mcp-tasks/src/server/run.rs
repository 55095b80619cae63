//! One run of one task.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mcp_core::protocol::{ErrorObject, JsonObject};
use mcp_core::server::{DetachedCall, Outcome, RequestContext, ServerHandle};
use mcp_core::{ClientMessage, Error, IncomingRequest, Principal, RawJson, Shutdown};
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, timeout};

use super::interaction::{RunEnd, TaskInteraction, UntilParked};
use super::{Shared, TaskPolicy, Tasks};
use crate::store::{Ended, Hold, Phase, StoreError, TaskRow};

type HandlerEnd = RunEnd<Result<Outcome, Error>>;

/// Why a run ends.
enum Stop {
    /// The handler has ended, or waits for its client.
    Handler(HandlerEnd),
    /// The server shuts down.
    Shutdown,
    /// The task is no longer this worker's.
    Lost,
}

/// Stops the handler when it is dropped.
struct Handler(JoinHandle<HandlerEnd>);

impl Drop for Handler {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs a claimed task until it ends, asks, is lost, or the server shuts down.
pub(super) async fn run(
    shared: Arc<Shared>,
    server: ServerHandle,
    row: TaskRow,
    shutdown: Shutdown,
) {
    let hold = row.hold();
    let interaction = Arc::new(TaskInteraction::new(Arc::clone(&shared), &row));
    let (request, context) = match runnable(&server, &row) {
        Ok(runnable) => runnable,
        Err(why) => {
            settle(&shared, &hold, Ended::Failed(why)).await;
            return;
        }
    };
    let call = DetachedCall::new(request, interaction.clone())
        .context(context)
        .inside::<Tasks>(Tasks::LAYER);
    let running = async move { server.run_detached(call).await };
    // A task of its own, so that a handler that blocks its thread does not keep the lease from
    // being renewed.
    let mut handler = Handler(tokio::spawn(UntilParked {
        handler: Box::pin(running),
        interaction: Arc::clone(&interaction),
    }));
    let stop = watch(&shared, &hold, &row, &interaction, &mut handler, &shutdown).await;
    // Whatever comes now, the handler does no more.
    drop(handler);
    match stop {
        Stop::Handler(RunEnd::Parked(questions)) => {
            let asked = retry(&shared, || shared.store.ask(&hold, questions.clone())).await;
            match asked {
                Ok(()) | Err(StoreError::Stale) => {}
                Err(error @ StoreError::TooLarge { .. }) => {
                    settle(&shared, &hold, Ended::Failed(failure(&error.to_string()))).await;
                }
                Err(error) => lost(&hold, &error),
            }
        }
        Stop::Handler(RunEnd::Returned(returned)) => match interaction.take_failure() {
            // The handler ended because the store failed: that is no end of the task.
            Some(error @ StoreError::Unavailable(_)) if returned.is_err() => lost(&hold, &error),
            Some(StoreError::Stale) if returned.is_err() => {}
            Some(error @ StoreError::TooLarge { .. }) if returned.is_err() => {
                settle(&shared, &hold, Ended::Failed(failure(&error.to_string()))).await;
            }
            _ => settle(&shared, &hold, end_of(returned)).await,
        },
        Stop::Shutdown => {
            let released = retry(&shared, || shared.store.release(&hold)).await;
            if let Err(error) = released {
                lost(&hold, &error);
            }
        }
        Stop::Lost => {}
    }
}

/// Waits for the handler; meanwhile keeps the lease, writes progress down, and looks whether the task
/// was cancelled.
async fn watch(
    shared: &Shared,
    hold: &Hold,
    row: &TaskRow,
    interaction: &TaskInteraction,
    handler: &mut Handler,
    shutdown: &Shutdown,
) -> Stop {
    let settings = &shared.settings;
    let beat_every = settings.lease / 3;
    let mut tick = tokio::time::interval(settings.progress_every.min(beat_every));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.reset(); // The first tick of an interval is at once; the claim was the first beat.
    let mut watcher = shared.store.hub().watch([hold.id.clone()]);
    let mut kept_at = Instant::now();
    // Cancelled between the claim and the beginning to watch?
    watcher.mark(&hold.id);
    loop {
        tokio::select! {
            ended = &mut handler.0 => {
                return Stop::Handler(ended.unwrap_or_else(|error| {
                    tracing::error!(id = %hold.id, %error, "a task's handler ended without a word");
                    RunEnd::Returned(Err(Error::Internal))
                }));
            }
            () = shutdown.requested() => return Stop::Shutdown,
            _ = watcher.changed() => {
                let ours = |now: &TaskRow| {
                    now.fence == hold.fence && matches!(now.phase, Phase::Running { .. })
                };
                match shared.store.get(&hold.id, row.principal.as_deref()).await {
                    Ok(now) if ours(&now) => {}
                    Ok(_) | Err(StoreError::NotFound) => return Stop::Lost,
                    // The next heartbeat tells.
                    Err(error) => tracing::warn!(id = %hold.id, %error, "a task cannot be read"),
                }
            }
            _ = tick.tick() => {
                let message = interaction.take_message();
                if message.is_none() && kept_at.elapsed() < beat_every {
                    continue;
                }
                let begun_at = Instant::now();
                let left = settings.lease.saturating_sub(kept_at.elapsed());
                let beat = shared.store.heartbeat(hold, settings.lease, message);
                let beat = tokio::select! {
                    beat = timeout(left, beat) => beat,
                    () = shutdown.requested() => return Stop::Shutdown,
                };
                // A store that says nothing until the lease is over has given the task to another, for all we know.
                match beat.unwrap_or_else(|_| Err(StoreError::unavailable("no answer"))) {
                    Ok(()) => kept_at = begun_at,
                    Err(StoreError::Stale) => return Stop::Lost,
                    Err(error) if kept_at.elapsed() >= settings.lease => {
                        lost(hold, &error);
                        return Stop::Lost;
                    }
                    Err(error) => {
                        tracing::warn!(id = %hold.id, %error, "a lease was not renewed; trying again");
                    }
                }
            }
        }
    }
}

fn lost(hold: &Hold, error: &StoreError) {
    tracing::warn!(id = %hold.id, %error, "a run of a task is lost; it will be run again");
}

/// Writes the end of a task down. One that does not fit is replaced by an error that does.
async fn settle(shared: &Shared, hold: &Hold, ended: Ended) {
    let settled = retry(shared, || shared.store.finish(hold, ended.clone())).await;
    match settled {
        Ok(()) | Err(StoreError::Stale) => {}
        Err(StoreError::TooLarge { limit, .. }) => {
            let why = failure(&format!("the result is larger than a task may be ({limit} bytes)"));
            let ended = Ended::Failed(why);
            if let Err(error) = retry(shared, || shared.store.finish(hold, ended.clone())).await {
                lost(hold, &error);
            }
        }
        Err(error) => lost(hold, &error),
    }
}

/// Tries again while the store fails, for as long as the lease certainly lasts.
async fn retry<T, F>(shared: &Shared, mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut give_up = pin!(tokio::time::sleep(shared.settings.lease / 2));
    let mut pause = Duration::from_millis(50);
    loop {
        let result = tokio::select! {
            result = attempt() => result,
            () = &mut give_up => return Err(StoreError::unavailable("no answer")),
        };
        if !matches!(result, Err(StoreError::Unavailable(_))) {
            return result;
        }
        tokio::select! {
            () = &mut give_up => return result,
            () = tokio::time::sleep(pause) => pause *= 2,
        }
    }
}

fn failure(message: &str) -> ErrorObject {
    ErrorObject::new(-32603, message)
}

/// What a returned handler makes of its task.
fn end_of(returned: Result<Outcome, Error>) -> Ended {
    match returned.and_then(|outcome| whole_result(&outcome)) {
        Ok(result) => Ended::Completed(result),
        Err(error) => Ended::Failed(error.to_object()),
    }
}

/// The members of a result and its `_meta`.
fn whole_result(outcome: &Outcome) -> Result<JsonObject, Error> {
    let body: JsonObject = serde_json::from_str(outcome.body()).map_err(|_| Error::Internal)?;
    let Some(meta) = outcome.meta().filter(|meta| !meta.is_empty()) else { return Ok(body) };
    let mut members: mcp_core::protocol::Extra = body.parse().map_err(|_| Error::Internal)?;
    members.insert("_meta", RawJson::from_serialize(meta).map_err(|_| Error::Internal)?);
    JsonObject::from_serialize(&members).map_err(|_| Error::Internal)
}

/// The task's request and what it was given, if the tool of then is the tool of now.
fn runnable(
    server: &ServerHandle,
    row: &TaskRow,
) -> Result<(IncomingRequest, RequestContext), ErrorObject> {
    let tool = &row.request.tool;
    if !server.has_tool(tool) {
        return Err(failure(&format!("the tool `{tool}` is no longer there")));
    }
    let policy = server.tool_value::<TaskPolicy>(tool);
    let version = policy.as_ref().and_then(|policy| policy.version.clone());
    if version != row.request.version {
        return Err(failure(&format!(
            "the tool `{tool}` has changed since: version {} was called, it is {} now",
            row.request.version.as_deref().unwrap_or("none"),
            version.as_deref().unwrap_or("none"),
        )));
    }
    #[derive(Serialize)]
    struct Message<'a> {
        jsonrpc: &'static str,
        id: &'a str,
        method: &'a str,
        params: &'a RawJson,
    }
    let principal = row.principal.as_deref().map(Principal::new);
    let context = RequestContext::new().with_principal(principal);
    let (params, context) = super::carried::unpack(&row.request.params, policy.as_deref(), context)
        .map_err(|_| failure("what the call was given can no longer be read"))?;
    let message = Message {
        jsonrpc: "2.0",
        id: row.id.as_str(),
        method: &row.request.method,
        params: &params,
    };
    let text = serde_json::to_vec(&message).map_err(|_| Error::Internal.to_object())?;
    match ClientMessage::parse(text) {
        Ok(ClientMessage::Request(request)) => Ok((request, context)),
        Ok(ClientMessage::Notification(_)) => Err(Error::Internal.to_object()),
        Err(rejected) => Err(rejected.error.to_object()),
    }
}
