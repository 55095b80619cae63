//! Asking a person for what was denied: SPEC.md, section 10.
//!
//! The way of it: a call is denied in a way that an emergency would change; its user is sent to a page of the server, where the
//! server knows who they are by itself; the call comes again, with the sealed state of the question; the page says what the person
//! answered; the question is used up, and the call goes on as one for which the glass was broken.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_core::Error;
use mcp_core::server::{Cx, HandlerError, InputError};
use serde::{Deserialize, Serialize};

use super::policy::Access;
use crate::protocol::{DenialCode, Hidden, Purpose, purposes};

/// The longest time in which a question can be answered (BTG-3).
pub const MAX_TTL: Duration = Duration::from_secs(300);

/// What a person said on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attestation {
    /// Who said it, by the page's own authentication. It must be the call's principal.
    pub principal: String,
    /// The reason, a code of the operator's.
    pub reason: String,
    /// The justification in words, for the audit trail alone.
    pub justification: Hidden,
}

impl Attestation {
    /// What somebody said.
    pub fn new(
        principal: impl Into<String>,
        reason: impl Into<String>,
        justification: impl Into<String>,
    ) -> Self {
        Self {
            principal: principal.into(),
            reason: reason.into(),
            justification: Hidden::from(justification.into()),
        }
    }
}

/// The page where a person answers, and what they answered. The page is the operator's: it authenticates the person itself
/// and does not take the client's word for anything.
#[async_trait]
pub trait BreakGlassPage: Send + Sync + 'static {
    /// The page's address for one question. It holds the question's number and nothing else of the call.
    fn address(&self, question: &str) -> String;

    /// What was answered to a question; `None` while nobody has.
    ///
    /// # Errors
    /// If it cannot be told. The call is then denied.
    async fn answered(&self, question: &str) -> Result<Option<Attestation>, HandlerError>;
}

/// Remembers which questions were used, for as long as they could be used again.
#[async_trait]
pub trait Nonces: Send + Sync + 'static {
    /// Uses a question up; false if it was used before. Instances that share the page must share this, too.
    ///
    /// # Errors
    /// If it cannot be told. The call is then denied.
    async fn use_up(&self, question: &str, expires: SystemTime) -> Result<bool, HandlerError>;
}

/// Remembers in this process.
#[derive(Debug, Default)]
pub struct MemoryNonces(Mutex<HashMap<String, SystemTime>>);

impl MemoryNonces {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Nonces for MemoryNonces {
    async fn use_up(&self, question: &str, expires: SystemTime) -> Result<bool, HandlerError> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        used.retain(|_, expires| *expires > now);
        Ok(used.insert(question.to_owned(), expires.max(now + MAX_TTL)).is_none())
    }
}

/// How the glass is broken here.
pub(crate) struct BreakGlass {
    pub(crate) page: Box<dyn BreakGlassPage>,
    pub(crate) nonces: Box<dyn Nonces>,
    pub(crate) ttl: Duration,
    pub(crate) now: fn() -> SystemTime,
}

/// What travels with the question, sealed by the core: bound to the principal, the tool and the arguments there, and to the
/// patient here.
#[derive(Serialize, Deserialize)]
struct Question {
    number: String,
    patient: String,
    /// Seconds since 1970.
    until: u64,
}

/// The key of the question in a call's rounds.
const KEY: &str = "dev.mcp-ext/healthcare.breakGlass";
/// The key of what is kept with it.
const KEPT: &str = "dev.mcp-ext/healthcare.breakGlass.question";

impl BreakGlass {
    /// Whether a call may ask at all: a person with `user/` scopes that reach the tool (BTG-1), for one patient.
    pub(crate) fn may_ask(access: &Access) -> bool {
        access.principal.is_some()
            && access.client.is_some()
            && access.patient().is_some()
            && crate::smart::has_user_scope(access)
    }

    /// Asks, or finds the answer. What is given back is the purpose that the call now has.
    ///
    /// A question that nobody has answered ends the round: this does not return then.
    pub(crate) async fn ask(&self, cx: &Cx, access: &Access) -> Result<Purpose, Refused> {
        let denied = || Refused::Denied(DenialCode::BreakGlassExpired);
        let patient = access.patient().map(|patient| patient.as_str().to_owned());
        let patient = patient.ok_or_else(denied)?;
        let now = || (self.now)().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let new = async {
            let mut number = [0_u8; 18];
            getrandom::fill(&mut number).map_err(|_| HandlerError::Protocol(Error::Internal))?;
            let until = now().saturating_add(self.ttl.min(MAX_TTL).as_secs());
            let number = URL_SAFE_NO_PAD.encode(number);
            Ok::<_, HandlerError>(Question { number, patient: patient.clone(), until })
        };
        let question: Question = cx.once(KEPT, new).await.map_err(Refused::of)?;
        if question.patient != patient || now() > question.until {
            return Err(denied());
        }
        let address = self.page.address(&question.number);
        let message = "This access was denied. In an emergency, say why it is needed.";
        match cx.elicit_url(KEY, message, address).await {
            Ok(()) => {}
            Err(InputError::Protocol(error)) => return Err(Refused::Error(error)),
            Err(_) => return Err(Refused::Unasked),
        }
        // The client says that the person went there. What they said, and who they are, the page knows.
        let answered = self.page.answered(&question.number).await.map_err(Refused::of)?;
        let attestation = answered.ok_or_else(denied)?;
        let principal = access.principal.as_ref().map(|principal| principal.as_str());
        if principal != Some(attestation.principal.as_str()) {
            return Err(denied());
        }
        let expires = UNIX_EPOCH + Duration::from_secs(question.until);
        if !self.nonces.use_up(&question.number, expires).await.map_err(Refused::of)? {
            return Err(denied());
        }
        let words = format!("{}: {}", attestation.reason, attestation.justification.reveal());
        Ok(Purpose::new(purposes::BTG).with_reason(words))
    }
}

/// Why the glass stays whole.
pub(crate) enum Refused {
    /// Too late, used, answered by another, or not at all.
    Denied(DenialCode),
    /// The person does not want to.
    Unasked,
    /// The client cannot be asked.
    Error(Error),
}

impl Refused {
    fn of(error: HandlerError) -> Self {
        match error {
            HandlerError::Protocol(error) => Self::Error(error),
            _ => Self::Denied(DenialCode::BreakGlassExpired),
        }
    }
}
