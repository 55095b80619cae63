//! Logs of receipts that show when they were changed.
//!
//! A receipt is any JSON value: a decision, an access to a record, a signed statement (a [JWS](crate::jws) as a string). It is
//! written in canonical form as one line of a file that only grows, and each line holds the digest of the line before:
//! a chain. The lines are also the leaves of a Merkle tree, whose root, signed, is a [`Checkpoint`].
//!
//! # What is found, and by what
//!
//! | what happened to the file | found by |
//! |---|---|
//! | a bit flipped; bytes changed, inserted or removed | the line's own digest |
//! | a line removed, inserted, repeated, or in another place | the chain |
//! | the end cut off; an older copy put back; the whole file written anew | a checkpoint that is kept elsewhere |
//! | a power failure while writing | recognised as a [`TornTail`]: a warning, not an error |
//!
//! The chain alone has no secret: whoever can write the file can write another one that is whole. So checkpoints are not a
//! luxury. Sign one after each batch, or each minute, and give it away: to the counterparty, to another account, to a
//! witness. What a receipt says stays with the file; a checkpoint tells nothing but a number and a digest.
//!
//! # Parts
//!
//! - [`LogOptions`] opens a [`ReceiptLog`], which appends. One writer at a time, and what is acknowledged is on the
//!   disk ([`SyncPolicy`]).
//! - [`VerifiedLog`] reads: it verifies, looks up and proves. [`verify`] only verifies, in constant
//!   memory.
//! - [`ReceiptProof`] goes with a receipt to whoever has to verify it offline.
//! - [`merkle`] and [`note`] are the two things that other logs have in common with ours.
//!
//! # Where it ends
//!
//! Opening reads the whole file, some 500 MB a second at best; a busy service begins a new log now and then, under a new
//! origin, whose first receipt names the last checkpoint of the old one. A file system that loses parts of an
//! unsynchronised write in the middle of a batch leaves a log that is refused, with the position in the error: everything
//! before it is whole, and an operator may decide to cut there. The file must not be on a network file system
//! without working locks.
//!
//! Source: RFC 9162, section 2.1; C2SP signed-note, tlog-checkpoint, tlog-proof.

mod archive;
mod chain;
mod checkpoint;
mod entry;
mod error;
mod log;
pub mod merkle;
pub mod note;
mod proof;
#[cfg(test)]
mod tests;

pub use archive::{Summary, VerifiedLog, verify};
pub use chain::TornTail;
pub use checkpoint::Checkpoint;
pub use entry::{Entry, MAX_RECEIPT};
pub use error::{Damage, LogError};
pub use log::{Appended, LogOptions, ReceiptLog, SyncPolicy};
pub use proof::ReceiptProof;
