//! Checkpoints: what a log was at one time, in three lines.
//!
//! Source: C2SP tlog-checkpoint.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::note::{NoteError, NoteKey, SignedNote};
use crate::digest::Digest;
use crate::keys::{SignError, Signer, SigningKey};

/// A log's origin, how many receipts it has, and the root of their tree.
///
/// Kept anywhere but beside the log (with the counterparty, in another account, in print), it makes sure that nothing
/// up to there can be changed or cut off.
///
/// ```
/// use mcp_trust::keys::{Algorithm, SigningKey};
/// use mcp_trust::receipts::Checkpoint;
/// use mcp_trust::receipts::note::NoteKey;
///
/// let key = SigningKey::generate(Algorithm::EdDsa)?;
/// let checkpoint = Checkpoint::new("example.com/receipts", 0, mcp_trust::digest::Digest::of(b""))?;
/// let note = checkpoint.sign_now(&key)?.to_string();
///
/// let known = NoteKey::new("example.com/receipts", key.verifying_key().clone())?;
/// assert_eq!(Checkpoint::verify(&note.parse()?, "example.com/receipts", &[known])?, checkpoint);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Digest,
}

impl Checkpoint {
    /// A checkpoint of these parts.
    ///
    /// # Errors
    /// If the origin is empty, or has white space or a plus in it.
    pub fn new(origin: impl Into<String>, size: u64, root: Digest) -> Result<Self, NoteError> {
        let origin = origin.into();
        super::note::check_name(&origin)?;
        Ok(Self { origin, size, root })
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many receipts it had.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree of those receipts.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.root
    }

    /// Signs it in the log's name.
    ///
    /// # Errors
    /// If the key is not an Ed25519 one.
    pub fn sign_now(&self, key: &SigningKey) -> Result<SignedNote, SignError> {
        SignedNote::sign_now(&self.to_string(), &self.origin, key)
    }

    /// Signs it in the log's name.
    ///
    /// # Errors
    /// If the signer's key is not an Ed25519 one, it does not sign, or its signature does not hold.
    pub async fn sign(&self, signer: &dyn Signer) -> Result<SignedNote, SignError> {
        SignedNote::sign(&self.to_string(), &self.origin, signer).await
    }

    /// The checkpoint in a note, if one of the keys signed it in the name of this log. Keys under other names do not
    /// count: one log's key says nothing of another log.
    ///
    /// # Errors
    /// If the signatures do not hold, or the note is no checkpoint of this log.
    pub fn verify(note: &SignedNote, origin: &str, keys: &[NoteKey]) -> Result<Self, NoteError> {
        let own: Vec<_> = keys.iter().filter(|key| key.name() == origin).cloned().collect();
        let checkpoint: Self = note.verify(&own)?.parse()?;
        if checkpoint.origin == origin { Ok(checkpoint) } else { Err(NoteError::Origin) }
    }
}

/// The text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root.as_bytes());
        writeln!(f, "{}\n{}\n{root}", self.origin, self.size)
    }
}

/// Reads what [`Display`](fmt::Display) writes; lines of extensions may follow, and are not kept.
impl FromStr for Checkpoint {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.strip_suffix('\n').ok_or(NoteError::Checkpoint)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(NoteError::Checkpoint);
        };
        if lines.any(str::is_empty) {
            return Err(NoteError::Checkpoint);
        }
        let root = STANDARD.decode(root).map_err(|_| NoteError::Checkpoint)?;
        let root = root.try_into().map_err(|_| NoteError::Checkpoint)?;
        let size = decimal(size).ok_or(NoteError::Checkpoint)?;
        Self::new(origin, size, Digest::from_bytes(root)).map_err(|_| NoteError::Checkpoint)
    }
}

/// A number in the one way that it is written: no sign, no zeros before it.
pub(super) fn decimal(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|number| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Algorithm;

    #[test]
    fn only_the_logs_own_key_vouches_for_it() {
        let [a, b] = [0, 1].map(|_| SigningKey::generate(Algorithm::EdDsa).unwrap());
        let known =
            |name: &str, key: &SigningKey| NoteKey::new(name, key.verifying_key().clone()).unwrap();
        let keys = [known("a", &a), known("b", &b)];
        let checkpoint = Checkpoint::new("a", 7, Digest::of(b"root")).unwrap();
        assert_eq!(
            Checkpoint::verify(&checkpoint.sign_now(&a).unwrap(), "a", &keys).unwrap(),
            checkpoint
        );
        // b's key signs as b what it says of a.
        let forged = SignedNote::sign_now(&checkpoint.to_string(), "b", &b).unwrap();
        assert_eq!(Checkpoint::verify(&forged, "a", &keys), Err(NoteError::UnknownKey));
        assert_eq!(Checkpoint::verify(&forged, "b", &keys), Err(NoteError::Origin));
        // And as a.
        let forged = checkpoint.sign_now(&b).unwrap();
        assert_eq!(Checkpoint::verify(&forged, "a", &keys), Err(NoteError::UnknownKey));
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = STANDARD.encode(Digest::of(b"root").as_bytes());
        let good = format!("example.com/log\n7\n{root}\n");
        assert_eq!(good.parse::<Checkpoint>().unwrap().to_string(), good);
        assert!(format!("{good}extension\n").parse::<Checkpoint>().is_ok());
        for wrong in [
            String::new(),
            "\n".to_owned(),
            good.trim_end().to_owned(),
            format!("{good}\n"),
            format!("{good}x\n\ny\n"),
            good.replace('7', "07"),
            good.replace('7', "+7"),
            good.replace('7', "-7"),
            good.replace('7', ""),
            good.replace('7', "18446744073709551616"),
            good.replace("example.com/log", ""),
            good.replace('=', ""),
            good.replace("example", "exa mple"),
            good.replace("example.com/log\n", ""),
        ] {
            assert_eq!(wrong.parse::<Checkpoint>(), Err(NoteError::Checkpoint), "{wrong:?}");
        }
    }
}
