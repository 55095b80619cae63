//! Audit events in a log of receipts.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_trust::receipts::SharedLog;
use serde_json::json;

use super::{AuditError, AuditEvent, AuditTrail};
use crate::protocol::Receipt;

/// Keeps events in a [receipt log](mcp_trust::receipts): a file that only grows, and shows when it was changed.
///
/// An entry is `{ "event": AuditEvent, "salt": … }`. The salt is random and not in the receipt, so that whoever has
/// a receipt cannot find out by trying whom the event is about. Its digest is the entry's leaf in the log's Merkle
/// tree: with a proof and a signed checkpoint, the holder shows that the entry is in the log.
///
/// ```
/// use mcp_ext_healthcare::audit::LoggedTrail;
/// use mcp_trust::receipts::{LogOptions, SharedLog};
/// # let folder = std::env::temp_dir().join(format!("healthcare-trail-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("audit");
///
/// let log = SharedLog::new(LogOptions::new("clinic.example/audit").create(&path)?)?;
/// let trail = LoggedTrail::new(log);
/// # drop(trail);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LoggedTrail {
    log: SharedLog,
}

impl LoggedTrail {
    /// Keeps events in this log.
    #[must_use]
    pub fn new(log: SharedLog) -> Self {
        Self { log }
    }
}

#[async_trait]
impl AuditTrail for LoggedTrail {
    async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError> {
        let mut salt = [0_u8; 16];
        getrandom::fill(&mut salt).map_err(|_| AuditError)?;
        let entry = json!({ "event": event.to_fhir(), "salt": URL_SAFE_NO_PAD.encode(salt) });
        let (log, id, recorded) = (self.log.clone(), event.id.clone(), event.recorded.clone());
        // The disk is waited for.
        let appended = tokio::task::spawn_blocking(move || log.append(&entry))
            .await
            .map_err(|_| AuditError)?
            .map_err(|error| {
                tracing::error!(%error, "the audit log takes no event");
                AuditError
            })?;
        Ok(Receipt::new(id, recorded, appended.digest.to_string())
            .with_prev(appended.after.to_string()))
    }

    fn is_chained(&self) -> bool {
        true
    }
}
