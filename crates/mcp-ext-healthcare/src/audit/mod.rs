//! What each access leaves: an audit event, kept by the operator, and a receipt, given to the client. SPEC.md, section 8.

mod event;
mod log;
mod time;

pub use event::{AuditEvent, AuditOutcome};
pub(crate) use log::LoggedEntry;
pub use log::LoggedTrail;
pub(crate) use time::instant;

use async_trait::async_trait;

use mcp_core::RawJson;

use crate::protocol::{LogEvidence, Receipt};

/// An event could not be kept, or not be read. What it is about is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit trail failed")]
pub struct AuditError;

/// Keeps audit events.
///
/// [`LoggedTrail`] keeps them in a log that shows when it was changed.
#[async_trait]
pub trait AuditTrail: Send + Sync + 'static {
    /// Keeps an event. It is durable when this returns.
    ///
    /// # Errors
    /// If it is not. The call is then denied, and nothing of a record sent (AUD-2).
    async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError>;

    /// An event that was kept, by its receipt's id; `None` if there is none. Who may have it is not decided here.
    ///
    /// # Errors
    /// If it cannot be told.
    async fn event(&self, id: &str) -> Result<Option<KeptEvent>, AuditError> {
        let _ = id;
        Ok(None)
    }

    /// Whether receipts name the one before.
    fn is_chained(&self) -> bool {
        false
    }
}

/// An event as it is kept. `Debug` shows nothing of it.
#[derive(Clone)]
#[non_exhaustive]
pub struct KeptEvent {
    /// The principal whose access it was; `None` if nobody was authenticated.
    pub principal: Option<String>,
    /// The FHIR *AuditEvent*.
    pub event: RawJson,
    /// How to show that it is in a log.
    pub evidence: Option<LogEvidence>,
}

impl KeptEvent {
    /// An event of an access of this principal.
    #[must_use]
    pub fn new(principal: Option<String>, event: RawJson) -> Self {
        Self { principal, event, evidence: None }
    }
}

impl std::fmt::Debug for KeptEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptEvent").finish_non_exhaustive()
    }
}
