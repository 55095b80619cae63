//! What of a handler's answer may be sent.

use mcp_core::Error;
use mcp_core::protocol::CallToolResult;
use mcp_core::server::Outcome;
use mcp_trust::digest::Digest;

use super::health_cx::Call;
use crate::audit::AuditOutcome;
use crate::protocol::DenialCode;

/// The text in place of one that nobody vouches for.
const FAILED: &str = "The tool failed.";

/// An answer that may be sent, and how the access ended.
pub(crate) struct Settled {
    pub(crate) answer: Result<Outcome, Error>,
    pub(crate) ended: AuditOutcome,
}

/// What may be sent of what the handler, and whoever stands between, came to.
///
/// A result is sent only if it is what a [`Disclosed`](super::Disclosed) became: of anything else nobody knows whose records
/// it holds. A failure's text is sent only if it stands in a program.
pub(crate) fn settle(call: &Call, result: Result<Outcome, Error>) -> Settled {
    let denial = call.state().denial.clone();
    if let Some(code) = denial {
        return denied(code);
    }
    match result {
        Err(error) => Settled { answer: Err(without_text(error)), ended: AuditOutcome::Failed },
        Ok(outcome) if outcome.is_input_required() => {
            Settled { answer: Ok(outcome), ended: AuditOutcome::Success }
        }
        Ok(outcome) if outcome.is_complete() && is_ours(call, &outcome) => {
            let bytes = u64::try_from(outcome.body().len()).unwrap_or(u64::MAX);
            if bytes > call.shared.limits.max_bytes {
                return denied(DenialCode::ResultTooLarge);
            }
            Settled { answer: Ok(outcome), ended: AuditOutcome::Success }
        }
        Ok(outcome) if outcome.is_complete() && outcome.is_error() => {
            let told = call.state().told.last().copied();
            let answer = match told {
                _ if is_told(call, &outcome) => Ok(outcome),
                // The core shows no error's text. That of a `HealthError` stands in the program.
                Some(text) if text_of(&outcome).as_deref() == Some(FAILED) => {
                    Outcome::complete(CallToolResult::error(text))
                }
                _ => failed(),
            };
            Settled { answer, ended: AuditOutcome::Failed }
        }
        Ok(_) => {
            tracing::error!(
                tool = call.access.tool,
                "a tool that touches records returned something else than a Disclosed"
            );
            Settled { answer: failed(), ended: AuditOutcome::Failed }
        }
    }
}

/// A denial, and nothing else of the call.
pub(crate) fn denied(code: DenialCode) -> Settled {
    let answer = Outcome::complete(CallToolResult::error(code.text()));
    Settled { answer, ended: AuditOutcome::Denied(code) }
}

fn failed() -> Result<Outcome, Error> {
    Outcome::complete(CallToolResult::error(FAILED))
}

fn is_ours(call: &Call, outcome: &Outcome) -> bool {
    call.state().returned == Some(Digest::of(outcome.body().as_bytes()))
}

fn is_told(call: &Call, outcome: &Outcome) -> bool {
    text_of(outcome).is_some_and(|text| call.state().told.iter().any(|told| *told == text))
}

/// The text of a result that holds nothing else.
fn text_of(outcome: &Outcome) -> Option<String> {
    let result: CallToolResult = outcome.parse().ok()?;
    (result.structured_content.is_none() && result.content.len() == 1).then(|| result.all_text())
}

/// The error without words that a handler put together: they may hold something of a record.
fn without_text(error: Error) -> Error {
    match error {
        Error::Internal
        | Error::Timeout
        | Error::Overloaded
        | Error::MissingRequiredClientCapability { .. } => error,
        Error::InvalidParams { .. } => Error::invalid_params("the tool refused the call"),
        _ => Error::Internal,
    }
}
