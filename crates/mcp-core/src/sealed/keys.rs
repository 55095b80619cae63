//! Keys, and their rotation.

use std::fmt;

use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use zeroize::Zeroizing;

/// Bytes of a key's public name.
pub(super) const ID: usize = 8;

/// A 256-bit key. `Debug` does not show it, and its bytes are wiped when it is dropped.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// Takes 32 bytes from a secure source.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Makes a random key.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn random() -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| RandomError)?;
        Ok(Self(bytes))
    }

    pub(super) fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.as_slice().into())
    }

    /// A name by which the key is found: the first bytes of what it makes of a fixed text. It says
    /// nothing of the key that a token does not say.
    pub(super) fn id(&self) -> [u8; ID] {
        use chacha20poly1305::aead::{Aead, Payload};
        // A nonce that no token has, for tokens have random ones.
        let nonce = chacha20poly1305::XNonce::default();
        let payload = Payload { msg: &[0; ID], aad: b"mcp-core key id" };
        let made = self.cipher().encrypt(&nonce, payload).unwrap_or_default();
        let mut id = [0; ID];
        for (to, from) in id.iter_mut().zip(made) {
            *to = from;
        }
        id
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct RandomError;

/// The key that seals, and older ones that still open.
///
/// Servers that answer the same clients need the same ring. To rotate: first add the new key as a
/// previous one everywhere, then make it the current one, then drop the old one when its states have
/// expired.
///
/// ```
/// use mcp_core::sealed::{Key, KeyRing};
///
/// let ring = KeyRing::new(Key::random()?).with_previous(Key::random()?);
/// assert_eq!(format!("{ring:?}"), "KeyRing(2 keys)");
/// # Ok::<(), mcp_core::sealed::RandomError>(())
/// ```
#[derive(Clone)]
pub struct KeyRing {
    current: Key,
    previous: Vec<Key>,
}

impl KeyRing {
    /// A ring of one key.
    #[must_use]
    pub fn new(current: Key) -> Self {
        Self { current, previous: Vec::new() }
    }

    /// A ring of one random key: for a single process.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn random() -> Result<Self, RandomError> {
        Key::random().map(Self::new)
    }

    /// Adds a key that only opens.
    #[must_use]
    pub fn with_previous(mut self, key: Key) -> Self {
        self.previous.push(key);
        self
    }

    pub(super) fn current(&self) -> &Key {
        &self.current
    }

    pub(super) fn find(&self, id: &[u8]) -> Option<&Key> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.id() == id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", 1 + self.previous.len())
    }
}
