//! Keys that pseudonyms are made with.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::RandomError;

/// Bytes of a key's public name.
pub(super) const ID: usize = 6;

/// What a key's name is made of.
const NAMING: &[u8] = b"mcp-trust pseudonym key id 1";

/// A 256-bit secret. `Debug` shows its public name alone. Our copy is wiped when it is dropped.
///
/// Whoever has it can find out whom a pseudonym stands for by trying all subjects, so it belongs where secrets are
/// kept; who lost it can no longer make the same pseudonyms.
#[derive(Clone)]
pub struct PseudonymKey {
    secret: Zeroizing<[u8; 32]>,
    id: [u8; ID],
}

impl PseudonymKey {
    /// Takes 32 bytes from a secure source.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let secret = Zeroizing::new(bytes);
        let mut id = [0; ID];
        let made = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice()), NAMING);
        for (to, from) in id.iter_mut().zip(made.as_ref()) {
            *to = *from;
        }
        Self { secret, id }
    }

    /// Makes a random key.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn random() -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(bytes.as_mut_slice()).map_err(|_| RandomError)?;
        Ok(Self::from_bytes(*bytes))
    }

    /// The key's public name, which every pseudonym begins with. It says nothing of the secret.
    #[must_use]
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.id)
    }

    pub(super) fn public_id(&self) -> &[u8; ID] {
        &self.id
    }

    pub(super) fn hmac(&self) -> hmac::Context {
        hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_slice()))
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PseudonymKey({})", self.id())
    }
}
