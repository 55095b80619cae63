//! What each access leaves: an audit event, kept by the operator, and a receipt, given to the client. SPEC.md, section 8.

mod event;
mod log;
mod time;

pub use event::{AuditEvent, AuditOutcome};
pub use log::LoggedTrail;
pub(crate) use time::instant;

use async_trait::async_trait;

use crate::protocol::Receipt;

/// The event could not be kept. What it was about is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit event could not be kept")]
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

    /// Whether receipts name the one before.
    fn is_chained(&self) -> bool {
        false
    }
}
