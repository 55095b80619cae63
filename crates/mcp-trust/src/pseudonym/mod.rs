//! Names that stand for persons without saying who they are.
//!
//! A pseudonym is a keyed digest (HMAC-SHA-256) of what identifies a subject. An unkeyed one, however long, is no
//! pseudonym: there are few enough medical record and student numbers to try them all. With the key, the
//! same subject always has the same pseudonym, so records can be put together again by those who should; without
//! it nobody can go back.
//!
//! - **Scopes are types.** A [`Scope`] says what kind of subject is meant. A pseudonym of a patient cannot be
//!   compared with one of a learner, neither by the compiler nor by bytes.
//! - **Pairwise.** An [audience](Pseudonymizer::for_audience) separates recipients: two of them cannot find
//!   out by comparing notes that they speak of the same person.
//! - **Rotation.** A pseudonym begins with its key's name. After a new key is added, new pseudonyms
//!   differ; older ones can still be [recognised](Pseudonymizer::matches), and [all](Pseudonymizer::all) of a
//!   subject's be looked up.
//!
//! Pseudonymous data are personal data still (GDPR, article 4 (5)): the key is the additional information that
//! must be kept apart.
//!
//! Source: RFC 2104, FIPS 198-1 (HMAC); ENISA, "Pseudonymisation techniques and best practices" (2019).

mod keys;

pub use keys::PseudonymKey;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::constant_time_eq;

/// Bytes of the keyed digest that are kept: enough for no two of 2^48 subjects to meet by chance in a
/// million deployments.
const TAG: usize = 20;
const LENGTH: usize = keys::ID + TAG;

/// What every keyed digest begins with, so that the key's other uses cannot make a pseudonym.
const DOMAIN: &[u8] = b"mcp-trust pseudonym 1";

/// A kind of subject.
///
/// ```
/// use mcp_trust::pseudonym::Scope;
///
/// #[derive(Debug)]
/// enum Patient {}
///
/// impl Scope for Patient {
///     const NAME: &'static str = "dev.example/patient";
/// }
/// ```
pub trait Scope: 'static {
    /// Its name: different for each kind, and the same for ever, since pseudonyms depend on it.
    const NAME: &'static str;
}

/// A pseudonym of a subject of scope `S`: 35 characters of base64url. Comparing two takes constant time.
pub struct Pseudonym<S> {
    bytes: [u8; LENGTH],
    scope: PhantomData<fn() -> S>,
}

impl<S> Pseudonym<S> {
    fn key_id(&self) -> &[u8] {
        self.bytes.get(..keys::ID).unwrap_or_default()
    }
}

impl<S> Clone for Pseudonym<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Pseudonym<S> {}

impl<S> PartialEq for Pseudonym<S> {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(&self.bytes, &other.bytes)
    }
}

impl<S> Eq for Pseudonym<S> {}

impl<S> Hash for Pseudonym<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl<S> fmt::Display for Pseudonym<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.bytes))
    }
}

impl<S> fmt::Debug for Pseudonym<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonym({self})")
    }
}

/// Reads what [`Display`](fmt::Display) writes. Its scope is taken on trust: [`Pseudonymizer::matches`] is false
/// if it was made in another one.
impl<S> FromStr for Pseudonym<S> {
    type Err = PseudonymError;

    fn from_str(text: &str) -> Result<Self, PseudonymError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| PseudonymError)?;
        let bytes = bytes.try_into().map_err(|_| PseudonymError)?;
        Ok(Self { bytes, scope: PhantomData })
    }
}

impl<S> Serialize for Pseudonym<S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, S> Deserialize<'de> for Pseudonym<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is no pseudonym.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is no pseudonym")]
pub struct PseudonymError;

/// Makes pseudonyms.
///
/// ```
/// use mcp_trust::pseudonym::{Pseudonym, PseudonymKey, Pseudonymizer, Scope};
///
/// enum Learner {}
/// impl Scope for Learner {
///     const NAME: &'static str = "dev.example/learner";
/// }
///
/// let names = Pseudonymizer::new(PseudonymKey::random()?);
/// let tutor = names.for_audience("https://tutor.example");
/// let library = names.for_audience("https://library.example");
///
/// let ada: Pseudonym<Learner> = tutor.of(b"4711");
/// assert_eq!(tutor.of(b"4711"), ada);
/// assert_ne!(tutor.of(b"4712"), ada);
/// assert_ne!(library.of(b"4711"), ada);
///
/// let rotated = tutor.rotated(PseudonymKey::random()?);
/// assert_ne!(rotated.of(b"4711"), ada);
/// assert!(rotated.matches(&ada, b"4711"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Pseudonymizer {
    current: PseudonymKey,
    previous: Vec<PseudonymKey>,
    audience: String,
}

impl Pseudonymizer {
    /// Makes pseudonyms with this key, for no audience in particular.
    #[must_use]
    pub fn new(key: PseudonymKey) -> Self {
        Self { current: key, previous: Vec::new(), audience: String::new() }
    }

    /// Adds a key whose pseudonyms are still recognised.
    #[must_use]
    pub fn with_previous(mut self, key: PseudonymKey) -> Self {
        self.previous.push(key);
        self
    }

    /// Makes pseudonyms with another key from now on, and still recognises those of this one.
    #[must_use]
    pub fn rotated(&self, key: PseudonymKey) -> Self {
        let mut rotated = self.clone();
        rotated.previous.insert(0, std::mem::replace(&mut rotated.current, key));
        rotated
    }

    /// Makes pseudonyms for one recipient alone, such as a client's origin. None of them is the same as one for
    /// another audience.
    #[must_use]
    pub fn for_audience(&self, audience: impl Into<String>) -> Self {
        Self { audience: audience.into(), ..self.clone() }
    }

    /// The pseudonym of a subject. What identifies it is taken byte by byte: who writes the same number in two
    /// ways has two pseudonyms for it, so bring it into one form first, and put the system that
    /// issued it before it (`https://hospital.example/mrn|4711`).
    #[must_use]
    pub fn of<S: Scope>(&self, subject: &[u8]) -> Pseudonym<S> {
        self.with_key(&self.current, subject)
    }

    /// All pseudonyms of a subject, that of the current key first: what to look for in stored data.
    pub fn all<S: Scope>(&self, subject: &[u8]) -> impl Iterator<Item = Pseudonym<S>> {
        std::iter::once(&self.current)
            .chain(&self.previous)
            .map(move |key| self.with_key(key, subject))
    }

    /// Whether a pseudonym is one of this subject, by any of the keys.
    #[must_use]
    pub fn matches<S: Scope>(&self, pseudonym: &Pseudonym<S>, subject: &[u8]) -> bool {
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        keys.any(|key| self.with_key::<S>(key, subject) == *pseudonym)
    }

    /// Whether a pseudonym was made with the current key, by what it says of itself. If not, it is time to replace
    /// it where it is stored.
    #[must_use]
    pub fn is_current<S: Scope>(&self, pseudonym: &Pseudonym<S>) -> bool {
        self.current.id() == URL_SAFE_NO_PAD.encode(pseudonym.key_id())
    }

    fn with_key<S: Scope>(&self, key: &PseudonymKey, subject: &[u8]) -> Pseudonym<S> {
        let mut hmac = key.hmac();
        // Each part after its length, so that no two lists of parts are the same bytes.
        for part in [DOMAIN, S::NAME.as_bytes(), self.audience.as_bytes(), subject] {
            hmac.update(&(part.len() as u64).to_be_bytes());
            hmac.update(part);
        }
        let tag = hmac.sign();
        let mut bytes = [0; LENGTH];
        for (to, from) in bytes.iter_mut().zip(key.public_id().iter().chain(tag.as_ref())) {
            *to = *from;
        }
        Pseudonym { bytes, scope: PhantomData }
    }
}

impl fmt::Debug for Pseudonymizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pseudonymizer")
            .field("current", &self.current)
            .field("previous", &self.previous)
            .field("audience", &self.audience)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug)]
    enum Patient {}
    impl Scope for Patient {
        const NAME: &'static str = "patient";
    }

    #[derive(Debug)]
    enum Learner {}
    impl Scope for Learner {
        const NAME: &'static str = "learner";
    }

    fn names() -> Pseudonymizer {
        Pseudonymizer::new(PseudonymKey::from_bytes([7; 32]))
    }

    /// What Python's `hmac` makes of the same key and parts.
    #[test]
    fn the_same_in_another_language() {
        let pseudonym: Pseudonym<Patient> = names().for_audience("a").of(b"4711");
        assert_eq!(pseudonym.to_string(), "CNRwpCAZaNWDR4_uTbdOenpU2wWtzmPmNJ0");
    }

    #[test]
    fn scope_audience_subject_and_key_all_count() {
        let names = names();
        let patient = names.of::<Patient>(b"1").to_string();
        assert_ne!(patient, names.of::<Learner>(b"1").to_string());
        assert_ne!(patient, names.of::<Patient>(b"2").to_string());
        assert_ne!(patient, names.for_audience("a").of::<Patient>(b"1").to_string());
        let other = Pseudonymizer::new(PseudonymKey::from_bytes([8; 32]));
        assert_ne!(patient, other.of::<Patient>(b"1").to_string());
        // Parts do not run into one another.
        let (one, two) = (names.for_audience("ab"), names.for_audience("a"));
        assert_ne!(one.of::<Patient>(b"c"), two.of::<Patient>(b"bc"));
        // One of another scope is not taken for one of this.
        let learner: Pseudonym<Learner> = patient.parse().unwrap();
        assert!(!names.matches(&learner, b"1"));
        assert!(names.matches(&patient.parse::<Pseudonym<Patient>>().unwrap(), b"1"));
    }

    #[test]
    fn keys_rotate() {
        let (old, new) = (names(), names().rotated(PseudonymKey::from_bytes([8; 32])));
        let pseudonym = old.of::<Patient>(b"1");
        assert!(old.is_current(&pseudonym) && !new.is_current(&pseudonym));
        assert!(new.matches(&pseudonym, b"1") && !new.matches(&pseudonym, b"2"));
        assert_eq!(new.all::<Patient>(b"1").collect::<Vec<_>>(), [new.of(b"1"), pseudonym]);
        let dropped = Pseudonymizer::new(PseudonymKey::from_bytes([8; 32]));
        assert!(!dropped.matches(&pseudonym, b"1"));
        let kept = dropped.with_previous(PseudonymKey::from_bytes([7; 32]));
        assert!(kept.matches(&pseudonym, b"1"));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let names =
            Pseudonymizer::new(PseudonymKey::from_bytes(*b"0123456789abcdef0123456789abcdef"));
        let shown = format!("{names:?} {:?}", names.of::<Patient>(b"4711"));
        assert!(!shown.contains("0123") && !shown.contains("4711") && !shown.contains("48, 49"));
        assert_ne!(PseudonymKey::random().unwrap().id(), PseudonymKey::random().unwrap().id());
    }

    #[test]
    fn texts_that_are_none_are_refused() {
        let text = names().of::<Patient>(b"1").to_string();
        assert_eq!(text.len(), 35);
        for wrong in [
            "",
            &text[1..],
            &format!("{text}="),
            &format!("{text}A"),
            &text.replace(&text[..1], "*"),
        ] {
            assert!(wrong.parse::<Pseudonym<Patient>>().is_err(), "{wrong}");
        }
        let json = serde_json::to_string(&names().of::<Patient>(b"1")).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Pseudonym<Patient>>(&json).unwrap(), names().of(b"1"));
        assert!(serde_json::from_str::<Pseudonym<Patient>>("\"x\"").is_err());
    }

    proptest! {
        #[test]
        fn equal_only_for_equal_subjects(a: Vec<u8>, b: Vec<u8>, x: String, y: String) {
            let one = names().for_audience(&x).of::<Patient>(&a);
            let two = names().for_audience(&y).of::<Patient>(&b);
            prop_assert_eq!(one == two, (a, x) == (b, y));
            prop_assert_eq!(one.to_string().parse::<Pseudonym<Patient>>(), Ok(one));
        }
    }
}
