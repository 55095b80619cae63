//! Signed notes: short texts with signature lines below.
//!
//! ```text
//! example.com/receipts
//! 3
//! qvl7x5WS1oKG6z6lXwEUMMjvvNcjfhcBVHGfHiVTrJk=
//!
//! — example.com/receipts q7yVnQ…
//! ```
//!
//! A signature line names its key, so a note can have signatures of several parties (the log's, its successor's key
//! during a rotation, witnesses'), and each reader looks at those it knows.
//!
//! Source: C2SP signed-note, with signatures of type 1 (Ed25519).

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::digest::DigestHasher;
use crate::keys::{Algorithm, SignError, Signature, Signer, SigningKey, VerifyingKey};

/// Signature lines begin with this.
const DASH: &str = "\u{2014} ";
/// The kind of signature.
const ED25519: u8 = 1;
/// Bytes of a key's short name.
const HINT: usize = 4;
/// How many bytes a note may have, and how many signatures.
const MAX_NOTE: usize = 64 * 1024;
const MAX_SIGNATURES: usize = 64;

/// Why a note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The text is not a signed note, or longer than one may be.
    #[error("the text has not the form of a signed note")]
    Form,
    /// A key's name is empty, or has white space or a plus in it.
    #[error("the key's name is empty, or has white space or a plus in it")]
    Name,
    /// The key is of a kind that notes are not signed with here: only Ed25519 is.
    #[error("notes are signed with Ed25519 keys alone")]
    Algorithm,
    /// No signature is one of a known key.
    #[error("the note has no signature of a known key")]
    UnknownKey,
    /// A signature that names a known key does not hold.
    #[error("a signature of the note does not hold")]
    Signature,
    /// The text is not a checkpoint.
    #[error("the text has not the form of a checkpoint")]
    Checkpoint,
    /// The checkpoint or proof is of another log.
    #[error("the checkpoint is of another log")]
    Origin,
    /// The text is not a proof.
    #[error("the text has not the form of a proof")]
    Proof,
    /// The proof does not lead to the checkpoint's root.
    #[error("the proof does not hold")]
    Inclusion,
    /// A line of a log that should be proven is not one.
    #[error("the entry has not the form of an entry")]
    Entry,
}

/// A public key under the name that signature lines have.
///
/// ```
/// use mcp_trust::keys::{Algorithm, SigningKey};
/// use mcp_trust::receipts::note::NoteKey;
///
/// let key = SigningKey::generate(Algorithm::EdDsa)?;
/// let key = NoteKey::new("example.com/log", key.verifying_key().clone())?;
/// assert_eq!(key.to_string().parse(), Ok(key));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    key: VerifyingKey,
    hint: [u8; HINT],
}

impl NoteKey {
    /// A key under a name, such as `example.com/receipts`.
    ///
    /// # Errors
    /// If the name is empty or has white space or a plus in it, or the key is not an Ed25519 one.
    pub fn new(name: impl Into<String>, key: VerifyingKey) -> Result<Self, NoteError> {
        let name = name.into();
        check_name(&name)?;
        if key.algorithm() != Algorithm::EdDsa {
            return Err(NoteError::Algorithm);
        }
        let mut hasher = DigestHasher::new();
        for part in [name.as_bytes(), b"\n", &[ED25519], key.as_bytes()] {
            hasher.update(part);
        }
        let [a, b, c, d, ..] = *hasher.finish().as_bytes();
        Ok(Self { name, key, hint: [a, b, c, d] })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }
}

pub(super) fn check_name(name: &str) -> Result<(), NoteError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(bad) { Err(NoteError::Name) } else { Ok(()) }
}

/// `name+hint+key`, as other programs that deal with notes write public keys.
impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = u32::from_be_bytes(self.hint);
        let key = STANDARD.encode([&[ED25519], self.key.as_bytes()].concat());
        write!(f, "{}+{hint:08x}+{key}", self.name)
    }
}

impl FromStr for NoteKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Form);
        };
        let key = STANDARD.decode(key).map_err(|_| NoteError::Form)?;
        let key = match key.split_first() {
            Some((&ED25519, key)) => key.try_into().map_err(|_| NoteError::Form)?,
            _ => return Err(NoteError::Algorithm),
        };
        let key = VerifyingKey::ed25519(key).map_err(|_| NoteError::Form)?;
        let key = Self::new(name, key)?;
        // The hint follows from the rest; a text with another one was garbled.
        if key.to_string() == text { Ok(key) } else { Err(NoteError::Form) }
    }
}

/// A text with signatures, of which nothing has been verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    /// Ends with a line feed.
    text: String,
    signatures: Vec<Line>,
}

/// A signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    name: String,
    hint: [u8; HINT],
    signature: Vec<u8>,
}

impl SignedNote {
    /// Signs a text with a key of this process.
    ///
    /// # Errors
    /// If the text or the name has not the form that notes ask for, or the key is not an Ed25519 one.
    pub fn sign_now(text: &str, name: &str, key: &SigningKey) -> Result<Self, SignError> {
        let mut note = Self::unsigned(text).map_err(unavailable)?;
        let signature = key.sign_now(text.as_bytes())?;
        note.add(name, key.verifying_key(), &signature)?;
        Ok(note)
    }

    /// Signs a text with any [`Signer`].
    ///
    /// # Errors
    /// As [`sign_now`](Self::sign_now), and if the signer does not sign or its signature does not hold.
    pub async fn sign(text: &str, name: &str, signer: &dyn Signer) -> Result<Self, SignError> {
        Self::unsigned(text).map_err(unavailable)?.and_sign(name, signer).await
    }

    /// Adds a signature, as during a rotation. What is signed is the text, not the other signatures.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub async fn and_sign(mut self, name: &str, signer: &dyn Signer) -> Result<Self, SignError> {
        let signature = signer.sign(self.text.as_bytes()).await?;
        self.add(name, signer.verifying_key(), &signature)?;
        Ok(self)
    }

    fn unsigned(text: &str) -> Result<Self, NoteError> {
        let control = |c: char| c < ' ' && c != '\n';
        if !text.ends_with('\n') || text.contains(control) || text.len() > MAX_NOTE / 2 {
            return Err(NoteError::Form);
        }
        Ok(Self { text: text.to_owned(), signatures: Vec::new() })
    }

    fn add(
        &mut self,
        name: &str,
        key: &VerifyingKey,
        signature: &Signature,
    ) -> Result<(), SignError> {
        let key = NoteKey::new(name, key.clone()).map_err(unavailable)?;
        key.key.verify(self.text.as_bytes(), signature).map_err(|_| SignError::Wrong)?;
        self.signatures.push(Line {
            name: key.name,
            hint: key.hint,
            signature: signature.as_bytes().to_vec(),
        });
        Ok(())
    }

    pub(super) fn unverified_text(&self) -> &str {
        &self.text
    }

    /// The text, if at least one of these keys signed it and no signature that names one of them is wrong. Other
    /// signatures are not looked at.
    ///
    /// # Errors
    /// [`NoteError::UnknownKey`] or [`NoteError::Signature`].
    pub fn verify(&self, keys: &[NoteKey]) -> Result<&str, NoteError> {
        let mut known = false;
        for line in &self.signatures {
            let named = |key: &&NoteKey| key.name == line.name && key.hint == line.hint;
            let Some(key) = keys.iter().find(named) else { continue };
            let signature =
                Signature::from_slice(&line.signature).map_err(|_| NoteError::Signature)?;
            key.key.verify(self.text.as_bytes(), &signature).map_err(|_| NoteError::Signature)?;
            known = true;
        }
        if known { Ok(&self.text) } else { Err(NoteError::UnknownKey) }
    }
}

fn unavailable(error: NoteError) -> SignError {
    SignError::Unavailable(error.into())
}

/// As notes are sent and stored.
impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            let signature = STANDARD.encode([&line.hint, line.signature.as_slice()].concat());
            writeln!(f, "{DASH}{} {signature}", line.name)?;
        }
        Ok(())
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        let control = |c: char| c < ' ' && c != '\n';
        if note.len() > MAX_NOTE || note.contains(control) {
            return Err(NoteError::Form);
        }
        // The last empty line ends the text.
        let (before, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        let text = note.get(..=before.len()).ok_or(NoteError::Form)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            let line = line.strip_prefix(DASH).ok_or(NoteError::Form)?;
            let (name, signature) = line.split_once(' ').ok_or(NoteError::Form)?;
            check_name(name)?;
            let bytes = STANDARD.decode(signature).map_err(|_| NoteError::Form)?;
            let (hint, signature) = bytes.split_first_chunk().ok_or(NoteError::Form)?;
            if signature.is_empty() || signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::Form);
            }
            signatures.push(Line {
                name: name.to_owned(),
                hint: *hint,
                signature: signature.to_vec(),
            });
        }
        Ok(Self { text: text.to_owned(), signatures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the package that defined the format, golang.org/x/mod/sumdb/note.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn a_note_of_another_implementation() {
        let key: NoteKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        let note: SignedNote = NOTE.parse().unwrap();
        assert!(note.verify(&[key]).unwrap().ends_with("problem is.\n"));
        assert_eq!(note.to_string(), NOTE);
    }

    #[test]
    fn every_changed_bit_is_refused() {
        let keys = [KEY.parse().unwrap()];
        for bit in 0..NOTE.len() * 8 {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let verified = changed
                .parse::<SignedNote>()
                .and_then(|note| note.verify(&keys).map(str::to_owned));
            assert!(verified.is_err(), "bit {bit}: {changed}");
        }
        for length in 0..NOTE.len() {
            assert!(NOTE.get(..length).is_none_or(|cut| cut.parse::<SignedNote>().is_err()));
        }
    }

    #[test]
    fn several_keys_sign_and_unknown_ones_do_not_matter() {
        let key = |_| SigningKey::generate(Algorithm::EdDsa).unwrap();
        let [one, two, other] = [0, 1, 2].map(key);
        let known = |key: &SigningKey| NoteKey::new("log", key.verifying_key().clone()).unwrap();
        let mut note = SignedNote::sign_now("text\n\nmore\n", "log", &one).unwrap();
        let signature = two.sign_now(note.text.as_bytes()).unwrap();
        note.add("log", two.verifying_key(), &signature).unwrap();
        let note: SignedNote = note.to_string().parse().unwrap();
        assert_eq!(note.verify(&[known(&one)]).unwrap(), "text\n\nmore\n");
        assert_eq!(note.verify(&[known(&two)]).unwrap(), "text\n\nmore\n");
        assert_eq!(note.verify(&[known(&other)]), Err(NoteError::UnknownKey));
        assert_eq!(note.verify(&[]), Err(NoteError::UnknownKey));
        // The same key under another name is another key.
        let renamed = NoteKey::new("gol", one.verifying_key().clone()).unwrap();
        assert_eq!(note.verify(&[renamed]), Err(NoteError::UnknownKey));
        // One wrong signature of a known key spoils the note.
        let mut wrong = note.clone();
        wrong.signatures[1].signature[0] ^= 1;
        assert_eq!(wrong.verify(&[known(&one), known(&two)]), Err(NoteError::Signature));
        assert!(wrong.verify(&[known(&one)]).is_ok());
        wrong.signatures[0].signature.truncate(63);
        assert_eq!(wrong.verify(&[known(&one)]), Err(NoteError::Signature));
    }

    #[test]
    fn what_is_no_note_is_refused_by_name() {
        for text in [
            "",
            "\n",
            "text\n",
            "text\n\n",
            "text\n\n\n",
            "text\n\n— a AAAA\n",
            "text\n\n— a AAAAAAAA",
            "text\n\n-- a AAAAAAAA\n",
            "text\r\n\n— a AAAAAAAA\n",
            "text\n\n— a\n",
            "text\n\n— a AAAAAAAA=\n",
            "text\n\n— a A AAAAAAAA\n",
        ] {
            assert_eq!(text.parse::<SignedNote>(), Err(NoteError::Form), "{text:?}");
        }
        assert_eq!("text\n\n— a+b AAAAAAAA\n".parse::<SignedNote>(), Err(NoteError::Name));
        let many = format!("text\n\n{}", "— a AAAAAAAA\n".repeat(65));
        assert_eq!(many.parse::<SignedNote>(), Err(NoteError::Form));
        assert!(format!("text\n\n{}", "— a AAAAAAAA\n".repeat(16)).parse::<SignedNote>().is_ok());
        for wrong in [
            "",
            "a",
            "a+b",
            "a+00000000+AA==",
            &KEY.replace("c74f", "c74e"),
            &KEY.replace("+AR", "+AB"),
            &KEY[1..],
            &KEY.to_lowercase(),
        ] {
            assert!(wrong.parse::<NoteKey>().is_err(), "{wrong}");
        }
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b"] {
            assert!(matches!(
                SignedNote::sign_now("x\n", name, &key),
                Err(SignError::Unavailable(_))
            ));
        }
        for text in ["", "x", "x\r\n", "\0\n"] {
            assert!(matches!(
                SignedNote::sign_now(text, "log", &key),
                Err(SignError::Unavailable(_))
            ));
        }
        let es256 = SigningKey::generate(Algorithm::Es256).unwrap();
        assert!(SignedNote::sign_now("x\n", "log", &es256).is_err());
    }
}
