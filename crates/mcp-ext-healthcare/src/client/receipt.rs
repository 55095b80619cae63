//! Whether a receipt is of an event in a log, found out far from the log.

use mcp_core::RawJson;
use mcp_trust::digest::Digest;
use mcp_trust::receipts::note::NoteKey;
use mcp_trust::receipts::{Checkpoint, Entry, ReceiptProof};
use serde::Deserialize;

use crate::audit::LoggedEntry;
use crate::protocol::{AuditGetResult, Receipt};

/// Why a receipt is not shown to be of an event in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The answer has no evidence: the server's log gives none.
    #[error("the server gave no evidence")]
    NoEvidence,
    /// The entry or the proof has no form of a log's.
    #[error("the evidence is malformed")]
    Malformed,
    /// The entry is another one than the receipt was given for, or follows another one.
    #[error("the receipt was given for another entry of the log")]
    OtherEntry,
    /// The event is not the one in the entry.
    #[error("the event is not the one in the log")]
    OtherEvent,
    /// The entry is not in the log, or none of the keys signed the checkpoint in the log's name.
    #[error("the log's checkpoint does not vouch for the entry")]
    Unproven,
}

/// Verifies, offline, that a receipt was given for this event, and that the event is in the log of this origin, as of a checkpoint
/// that one of the keys signed. The checkpoint is handed back: kept, it shows later that the log was not cut or written anew.
///
/// The keys are those that the operator published; an answer's own word for its origin counts for nothing.
///
/// # Errors
/// [`ReceiptError`] says which part does not hold.
pub fn verify_receipt(
    receipt: &Receipt,
    answer: &AuditGetResult,
    origin: &str,
    keys: &[NoteKey],
) -> Result<Checkpoint, ReceiptError> {
    #[derive(Deserialize)]
    struct Event {
        id: String,
        recorded: String,
    }
    let evidence = answer.evidence.as_ref().ok_or(ReceiptError::NoEvidence)?;
    let entry = Entry::parse(&evidence.entry).map_err(|_| ReceiptError::Malformed)?;
    let proof: ReceiptProof = evidence.proof.parse().map_err(|_| ReceiptError::Malformed)?;
    let is_the_one = receipt.digest.parse::<Digest>() == Ok(entry.digest());
    let prev = receipt.prev.as_ref().map(|prev| prev.parse::<Digest>());
    let follows = prev.is_none_or(|prev| prev.ok() == entry.after());
    if !is_the_one || !follows {
        return Err(ReceiptError::OtherEntry);
    }
    let logged = LoggedEntry::of(&entry).ok_or(ReceiptError::Malformed)?;
    let event: Event = logged.event.parse().map_err(|_| ReceiptError::Malformed)?;
    let is_same = same(&logged.event, &answer.event)
        && event.id == receipt.id
        && event.recorded == receipt.recorded;
    if !is_same {
        return Err(ReceiptError::OtherEvent);
    }
    proof.verify(&entry, origin, keys).map_err(|_| ReceiptError::Unproven)
}

/// Whether two values are the same, in canonical form.
fn same(one: &RawJson, other: &RawJson) -> bool {
    use mcp_trust::canonical::Canonical;
    let of = |raw: &RawJson| Canonical::from_slice(raw.get().as_bytes()).ok();
    match (of(one), of(other)) {
        (Some(one), Some(other)) => one.as_bytes() == other.as_bytes(),
        _ => false,
    }
}
