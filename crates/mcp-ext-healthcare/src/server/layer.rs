//! The layers around `tools/call`.

use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use mcp_core::Error;
use mcp_core::protocol::CallToolResult;
use mcp_core::server::{Cx, Middleware, Next, Outcome};
use mcp_trust::digest::Digest;

use super::break_glass::{BreakGlass, Refused};
use super::health_cx::{Call, HealthCx, NO_CONSENTS, State};
use super::policy::{Access, CallDecision, LaunchContext, Permitted};
use super::settle::{Settled, denied, settle};
use super::{Healthcare, Shared, Undeclared, readings, stamp};
use crate::audit::{AuditEvent, AuditOutcome, instant};
use crate::protocol::{
    Context, ContextKey, DenialCode, Minimize, MinimizeKey, Purpose, PurposeKey, Receipt,
    ToolMetadata, Writes,
};

/// What the inner layer sent, for the outermost to compare.
#[derive(Clone, Default)]
struct Sent(Arc<OnceLock<Digest>>);

/// The outermost layer: a result that somebody changed on its way out is not sent, since nobody knows any more what its
/// label must be (LAB-3).
pub(super) struct Guard;

#[async_trait]
impl Middleware for Guard {
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
        let tool = cx.request().name()?.into_owned();
        if cx.server().tool_value::<ToolMetadata>(&tool).is_none() {
            return next.run(cx).await;
        }
        let sent = Sent::default();
        let outcome = next.run(cx.with_value(sent.clone())).await?;
        match sent.0.get() {
            Some(digest) if *digest != Digest::of(outcome.body().as_bytes()) => {
                tracing::error!(tool, "a layer changed the result of a tool that touches records");
                Err(Error::Internal)
            }
            _ => Ok(outcome),
        }
    }
}

/// Notes what a call was permitted, where it can become a task.
pub(super) struct Permitting;

#[async_trait]
impl Middleware for Permitting {
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
        if cx.server().tool_value::<ToolMetadata>(&cx.request().name()?).is_none() {
            return next.run(cx).await;
        }
        let launch = cx.transport_value().or_else(|| cx.call_value::<LaunchContext>()).cloned();
        next.run(cx.with_value(Permitted { launch })).await
    }
}

/// Decides whether a call may begin, gives it its way to records, and sends nothing before the access is recorded.
pub(super) struct HealthLayer {
    pub(super) shared: Arc<Shared>,
}

#[async_trait]
impl Middleware for HealthLayer {
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
        let tool = cx.request().name()?.into_owned();
        let Some(metadata) = cx.server().tool_value::<ToolMetadata>(&tool) else {
            return next.run(cx).await;
        };
        let (client, missing) = match cx.negotiated::<Healthcare>() {
            Ok(proof) => (Some((*proof).clone()), None),
            Err(missing @ Error::MissingRequiredClientCapability { .. }) => (None, Some(missing)),
            Err(refused) => return Err(refused),
        };
        // Of a task, what was kept with it. One that kept nothing is denied: what its caller may have is not known any more.
        let permitted = cx.transport_value::<Permitted>().or_else(|| cx.call_value::<Permitted>());
        let is_unknown = permitted.is_none();
        if is_unknown {
            tracing::error!(
                tool,
                "a tool that touches records is a task and does not carry `Permitted`"
            );
        }
        let launch = permitted.and_then(|permitted| permitted.launch.clone());
        let access = Access {
            principal: cx.principal().cloned(),
            tool,
            purpose: cx.request_meta::<PurposeKey>()?,
            context: cx.request_meta::<ContextKey>()?,
            launch: launch.or_else(|| cx.call_value::<LaunchContext>().cloned()),
            broken_glass: false,
            client,
            metadata: Arc::clone(&metadata),
            interaction: None,
        };
        let minimize = cx.request_meta::<MinimizeKey>()?.unwrap_or_else(Minimize::new);
        let deid = match (&access.client, &self.shared.undeclared) {
            (None, Undeclared::Deidentify(method)) => self.shared.method(method),
            _ => minimize.deid.as_deref().and_then(|method| self.shared.method(method)),
        };
        let call = Arc::new(Call {
            shared: Arc::clone(&self.shared),
            cx: cx.clone(),
            access,
            minimize,
            tool: metadata,
            deid,
            consents: Arc::default(),
            state: Mutex::new(State::new()),
        });
        let mut pending = Pending::new(&cx, &call);
        if let Some(missing) = missing
            && self.shared.undeclared == Undeclared::Refuse
        {
            // Nothing is sent, whether this can be recorded or not.
            let _ = pending.record(AuditOutcome::Undeclared).await;
            return Err(missing);
        }
        let mut call = call;
        // This opens the round, too: the state of a question is read from here on.
        let misfit = cx.check_tool_call()?;
        let mut begins = match is_unknown {
            true => Err(No { code: DenialCode::ScopeInsufficient, offer: false }),
            false => may_begin(&call),
        };
        let mut consents = Ok(());
        if begins.is_ok() && misfit.is_none() {
            consents = call.consult(call.access.patient().cloned()).await;
            if consents.is_ok() {
                begins = may_see_anything(&call);
            }
        }
        if let Err(No { offer: true, .. }) = &begins
            && misfit.is_none()
            && let Some(glass) = &self.shared.break_glass
        {
            match glass.ask(&cx, &call.access).await {
                Ok(purpose) => {
                    call = broken(&call, purpose);
                    pending.call = Some(Arc::clone(&call));
                    begins = may_begin(&call);
                    // Where the policy denied the call, nobody has looked yet.
                    consents = call.consult(call.access.patient().cloned()).await;
                }
                // The denial stands as it would have without the question.
                Err(Refused::Unasked) => {}
                Err(Refused::Error(error)) => {
                    tracing::debug!(code = error.code(), "nobody could be asked");
                }
                Err(Refused::Denied(code)) => begins = Err(No { code, offer: false }),
            }
        }
        let settled = match begins {
            Err(No { code, offer }) => {
                call.state().offer = offer;
                denied(code)
            }
            // The words of the schema, and no value of an argument.
            Ok(()) => match misfit {
                Some(answer) => Settled { answer: Ok(answer), ended: AuditOutcome::Failed },
                None if consents.is_err() => {
                    let answer = Outcome::complete(CallToolResult::error(NO_CONSENTS));
                    Settled { answer, ended: AuditOutcome::Failed }
                }
                None => {
                    let health = HealthCx { call: Arc::clone(&call) };
                    settle(&call, next.run(cx.with_value(health)).await)
                }
            },
        };
        finish(&cx, &call, pending, settled).await
    }
}

/// Records the access and sends what may be sent, in this order (AUD-2).
async fn finish(
    cx: &Cx,
    call: &Arc<Call>,
    pending: Pending,
    settled: Settled,
) -> Result<Outcome, Error> {
    let only_asks = settled.answer.as_ref().is_ok_and(Outcome::is_input_required)
        && call.state().records.is_empty();
    let Settled { mut answer, mut ended } = settled;
    let mut receipt = None;
    if only_asks {
        // The rounds of one call are one access, recorded when something comes of it.
        pending.forget();
    } else {
        match pending.record(ended.clone()).await {
            Some(recorded) => receipt = Some(recorded),
            None => Settled { answer, ended } = denied(DenialCode::AuditUnavailable),
        }
    }
    let outcome = answer?;
    stamp::stamp(cx, call, &outcome, &ended, receipt.as_ref())?;
    if let Some(sent) = cx.call_value::<Sent>() {
        let _ = sent.0.set(Digest::of(outcome.body().as_bytes()));
    }
    Ok(outcome)
}

/// Whether a call may begin: context and purpose (sections 3.1 and 3.2), then the policy.
pub(super) fn may_begin(call: &Call) -> Result<(), No> {
    may_have_context(call).map_err(|code| No { code, offer: false })?;
    for reading in readings(&call.access) {
        match call.shared.policy.call(&reading) {
            CallDecision::Permit => {}
            CallDecision::Deny(code) => return Err(No { code, offer: false }),
            CallDecision::DenyUnlessEmergency(code) => {
                let offer = call.shared.break_glass.is_some()
                    && !call.access.broken_glass
                    && BreakGlass::may_ask(&call.access);
                return Err(No { code, offer });
            }
        }
    }
    Ok(())
}

/// Whether its patient lets its principal see anything at all. That they do not is said only where an emergency would open it; otherwise what
/// is denied looks as if it did not exist.
fn may_see_anything(call: &Call) -> Result<(), No> {
    let opens = call.enforced().is_some_and(|rules| rules.in_emergencies);
    if !opens || call.access.broken_glass || !call.is_denied_whole() {
        return Ok(());
    }
    let offer = call.shared.break_glass.is_some() && BreakGlass::may_ask(&call.access);
    Err(No { code: DenialCode::ConsentDenied, offer })
}

/// A call that may not begin, and whether its user can ask for it.
pub(super) struct No {
    pub(super) code: DenialCode,
    offer: bool,
}

/// The same call as one for which the glass was broken (BTG-4). Whatever it gives obliges.
fn broken(call: &Call, purpose: Purpose) -> Arc<Call> {
    let mut access = call.access.clone();
    access.purpose = Some(purpose);
    access.broken_glass = true;
    Arc::new(Call {
        shared: Arc::clone(&call.shared),
        cx: call.cx.clone(),
        access,
        minimize: call.minimize.clone(),
        tool: Arc::clone(&call.tool),
        deid: call.deid,
        consents: Arc::clone(&call.consents),
        state: Mutex::new(State::new()),
    })
}

/// What is demanded of every call before a policy is asked.
fn may_have_context(call: &Call) -> Result<(), DenialCode> {
    let (access, shared) = (&call.access, &*call.shared);
    match (&access.context, &access.launch) {
        (None, _) if shared.context_required => return Err(DenialCode::ContextMissing),
        (Some(context), Some(launch)) if !fits(context, launch) => {
            return Err(DenialCode::ContextMismatch);
        }
        _ => {}
    }
    match &access.purpose {
        None if shared.purpose_required => return Err(DenialCode::PurposeMissing),
        // What the page gave needs no listing.
        Some(_) if access.broken_glass => {}
        Some(purpose) if !shared.purposes.contains(&purpose.code) => {
            return Err(DenialCode::PurposeDenied);
        }
        _ => {}
    }
    if let Some(wanted) = &call.minimize.deid {
        let wanted = shared.method(wanted);
        // Whoever gets de-identified results anyway gets those, or the method that was asked for: never less.
        if wanted.is_none() || wanted != call.deid {
            return Err(DenialCode::DeidUnavailable);
        }
    }
    Ok(())
}

/// Whether a context names nothing else than what the launch context fixed (CTX-2).
fn fits(context: &Context, launch: &LaunchContext) -> bool {
    let is_same = |fixed: &Option<_>, named: Option<&_>| match (fixed, named) {
        (Some(fixed), Some(named)) => fixed == named,
        _ => true,
    };
    let mut named = context.fhir_context.iter().flatten();
    is_same(&launch.patient, Some(&context.patient))
        && is_same(&launch.encounter, context.encounter.as_ref())
        && (launch.fhir_context.is_empty()
            || named.all(|one| launch.fhir_context.contains(&one.reference)))
}

/// An access that is not recorded yet. Dropped without being recorded, it is recorded as failed if a handler panicked, or
/// something of a record was read before the client went away or was asked a question (which ends a round, and drops
/// what waits for its answer).
pub(super) struct Pending {
    call: Option<Arc<Call>>,
    client: Option<String>,
}

impl Pending {
    pub(super) fn new(cx: &Cx, call: &Arc<Call>) -> Self {
        let client = cx.client_info().map(|info| format!("{} {}", info.name, info.version));
        Self { call: Some(Arc::clone(call)), client }
    }

    /// There is nothing to record.
    fn forget(mut self) {
        self.call = None;
    }

    /// Records the access once, whatever becomes of whoever waits for it.
    pub(super) async fn record(mut self, ended: AuditOutcome) -> Option<Receipt> {
        let call = self.call.take()?;
        let event = event(&call, self.client.take(), ended)?;
        let recording = tokio::spawn(async move { call.shared.trail.record(&event).await });
        match recording.await {
            Ok(Ok(receipt)) => Some(receipt),
            Ok(Err(error)) => {
                tracing::error!(%error, "an access was denied");
                None
            }
            Err(_) => {
                tracing::error!("the audit trail panicked; an access was denied");
                None
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        if call.state().records.is_empty() && !std::thread::panicking() {
            return;
        }
        let Some(event) = event(&call, self.client.take(), AuditOutcome::Failed) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { call.shared.trail.record(&event).await });
        } else {
            tracing::error!("an access that was given up could not be recorded");
        }
    }
}

/// The event of an access. `None` if the system gives no random numbers.
fn event(call: &Call, client: Option<String>, outcome: AuditOutcome) -> Option<AuditEvent> {
    use base64::Engine;
    let mut id = [0_u8; 18];
    getrandom::fill(&mut id).ok()?;
    // An id of FHIR's: letters, digits, `-` and `.`.
    let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id).replace('_', ".");
    let state = call.state();
    let was_given = outcome == AuditOutcome::Success;
    let mut patients = state.patients.clone();
    patients.extend(call.access.patient().cloned());
    Some(AuditEvent {
        id,
        recorded: instant((call.shared.now)()),
        principal: call.access.principal.as_ref().map(|principal| principal.as_str().to_owned()),
        client,
        server: call.shared.name.clone(),
        method: call.cx.request().method().to_owned(),
        tool: call.access.tool.clone(),
        writes: call.tool.writes.is_some_and(|writes| writes != Writes::None),
        purpose: call.access.purpose.clone(),
        break_glass: call.access.broken_glass,
        patients,
        records: if was_given { state.records.clone() } else { Default::default() },
        query: state.query.clone(),
        outcome,
    })
}
