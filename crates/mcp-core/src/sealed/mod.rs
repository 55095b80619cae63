//! Sealed request state: what a server hands to a client to get it back unchanged.
//!
//! A multi round-trip request carries its state through the client, which is not trusted with it.
//! The state is encrypted and authenticated (XChaCha20-Poly1305), bound to the caller and to the
//! request that it belongs to, and expires.
//!
//! Source: specification, *Multi round-trip requests → Server requirements*, 4 and 5.

mod keys;

pub use keys::{Key, KeyRing, RandomError};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Payload};

/// The form of tokens.
const VERSION: u8 = 1;
const NONCE: usize = 24;
/// Version, key id, nonce, expiry.
const HEADER: usize = 1 + keys::ID + NONCE + 8;
/// Tokens longer than this are neither made nor opened.
const MAX_TOKEN: usize = 256 * 1024;

/// What a state belongs to. It opens only for the same.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// The authenticated caller.
    pub principal: Option<&'a str>,
    /// The request's method.
    pub method: &'a str,
    /// The tool, prompt or resource.
    pub target: &'a str,
    /// The arguments as JSON. How they are written does not matter, what they say does.
    pub arguments: &'a str,
}

/// Why a state cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It is longer than clients can be asked to carry.
    #[error("the state is too long")]
    TooLong,
    /// No random numbers were to be had.
    #[error("the system gives no random numbers")]
    Random,
    /// The arguments that it is to be bound to are no JSON.
    #[error("the arguments are no JSON")]
    Arguments,
    /// The cipher refused; it does so only for texts of gigabytes.
    #[error("the state could not be encrypted")]
    Cipher,
}

/// Why a state does not open. For logs: a caller learns only that it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It has not the form of a state, or is too long.
    #[error("it has not the form of a state")]
    Malformed,
    /// It was sealed with a key that is not (any more) in the ring.
    #[error("its key is unknown")]
    UnknownKey,
    /// It was changed, or belongs to another caller or request.
    #[error("it was changed, or belongs to another caller or request")]
    Refused,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
}

/// Seals and opens states with a [`KeyRing`].
///
/// ```
/// use std::time::Duration;
///
/// use mcp_core::sealed::{Binding, KeyRing, Sealer};
///
/// let sealer = Sealer::new(KeyRing::random()?);
/// let binding =
///     Binding { principal: Some("alice"), method: "tools/call", target: "export", arguments: "{}" };
/// let token = sealer.seal(&binding, Duration::from_secs(60), b"page 3")?;
/// assert_eq!(sealer.open(&binding, &token)?, b"page 3");
///
/// let other = Binding { principal: Some("mallory"), ..binding };
/// assert!(sealer.open(&other, &token).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sealer {
    keys: KeyRing,
    now: fn() -> SystemTime,
}

impl Sealer {
    /// Uses these keys and the system's clock.
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        Self { keys, now: SystemTime::now }
    }

    /// Uses another clock.
    #[must_use]
    pub fn with_clock(keys: KeyRing, now: fn() -> SystemTime) -> Self {
        Self { keys, now }
    }

    /// Seals a state for `ttl`.
    ///
    /// # Errors
    /// If it is too long, or the system gives no random numbers.
    pub fn seal(
        &self,
        binding: &Binding<'_>,
        ttl: Duration,
        state: &[u8],
    ) -> Result<String, SealError> {
        if state.len() > MAX_TOKEN / 2 {
            return Err(SealError::TooLong);
        }
        let key = self.keys.current();
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| SealError::Random)?;
        let expiry = self.seconds().saturating_add(ttl.as_secs().max(1));
        let mut token = Vec::with_capacity(HEADER + state.len() + 16);
        token.push(VERSION);
        token.extend_from_slice(&key.id());
        token.extend_from_slice(&nonce);
        token.extend_from_slice(&expiry.to_be_bytes());
        let associated = associated(&token, binding).ok_or(SealError::Arguments)?;
        let sealed = key
            .cipher()
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: state, aad: &associated })
            .map_err(|_| SealError::Cipher)?;
        token.extend_from_slice(&sealed);
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    /// Opens a state.
    ///
    /// # Errors
    /// If it is not one that was sealed with one of these keys for the same binding, or too old.
    pub fn open(&self, binding: &Binding<'_>, token: &str) -> Result<Vec<u8>, OpenError> {
        if token.len() > MAX_TOKEN {
            return Err(OpenError::Malformed);
        }
        let token = URL_SAFE_NO_PAD.decode(token).map_err(|_| OpenError::Malformed)?;
        let (header, sealed) = token.split_at_checked(HEADER).ok_or(OpenError::Malformed)?;
        let (version, rest) = header.split_first().ok_or(OpenError::Malformed)?;
        let (id, rest) = rest.split_at_checked(keys::ID).ok_or(OpenError::Malformed)?;
        let (nonce, expiry) = rest.split_at_checked(NONCE).ok_or(OpenError::Malformed)?;
        if *version != VERSION {
            return Err(OpenError::Malformed);
        }
        let key = self.keys.find(id).ok_or(OpenError::UnknownKey)?;
        let associated = associated(header, binding).ok_or(OpenError::Malformed)?;
        let state = key
            .cipher()
            .decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &associated })
            .map_err(|_| OpenError::Refused)?;
        let expiry: [u8; 8] = expiry.try_into().map_err(|_| OpenError::Malformed)?;
        if self.seconds() >= u64::from_be_bytes(expiry) {
            return Err(OpenError::Expired);
        }
        Ok(state)
    }

    fn seconds(&self) -> u64 {
        (self.now)().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// Everything that is authenticated besides the state. Each part is preceded by its length, so that no
/// two bindings make the same bytes.
fn associated(header: &[u8], binding: &Binding<'_>) -> Option<Vec<u8>> {
    // Sorted members, no white space: clients may write the same arguments anew.
    let arguments: serde_json::Value = serde_json::from_str(binding.arguments).ok()?;
    let arguments = arguments.to_string();
    let principal = match binding.principal {
        None => (0_u8, ""),
        Some(principal) => (1, principal),
    };
    let mut bytes = header.to_vec();
    bytes.push(principal.0);
    for part in [principal.1, binding.method, binding.target, &arguments] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BINDING: Binding<'static> = Binding {
        principal: Some("älice"),
        method: "tools/call",
        target: "export",
        arguments: r#"{"a":1,"b":[true]}"#,
    };
    const MINUTE: Duration = Duration::from_secs(60);

    fn sealer() -> Sealer {
        Sealer::with_clock(KeyRing::new(Key::from_bytes([7; 32])), || at(1000))
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn every_changed_bit_and_length_is_refused() {
        let sealer = sealer();
        let token = sealer.seal(&BINDING, MINUTE, b"state").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer.open(&BINDING, &URL_SAFE_NO_PAD.encode(changed)).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(sealer.open(&BINDING, &URL_SAFE_NO_PAD.encode(&bytes[..length])).is_err());
        }
        let longer = [&bytes[..], b"x"].concat();
        assert!(sealer.open(&BINDING, &URL_SAFE_NO_PAD.encode(longer)).is_err());
        for wrong in ["", "=", "ü", &format!("{token}="), &"A".repeat(MAX_TOKEN + 1)] {
            assert!(sealer.open(&BINDING, wrong).is_err());
        }
        assert_eq!(sealer.open(&BINDING, &token).unwrap(), b"state");
    }

    #[test]
    fn each_part_of_the_binding_counts() {
        let sealer = sealer();
        let token = sealer.seal(&BINDING, MINUTE, b"state").unwrap();
        for other in [
            Binding { principal: None, ..BINDING },
            Binding { principal: Some(""), ..BINDING },
            Binding { principal: Some("mallory"), ..BINDING },
            Binding { method: "prompts/get", ..BINDING },
            Binding { target: "exporter", ..BINDING },
            Binding { arguments: r#"{"a":2,"b":[true]}"#, ..BINDING },
            Binding { arguments: "{}", ..BINDING },
        ] {
            assert_eq!(sealer.open(&other, &token), Err(OpenError::Refused), "{other:?}");
        }
        let rewritten = Binding { arguments: "{ \"b\": [ true ], \"a\": 1 }", ..BINDING };
        assert!(sealer.open(&rewritten, &token).is_ok());
        let none = Binding { principal: None, ..BINDING };
        let token = sealer.seal(&none, MINUTE, b"state").unwrap();
        assert!(sealer.open(&Binding { principal: Some(""), ..BINDING }, &token).is_err());
    }

    #[test]
    fn states_expire() {
        let token = sealer().seal(&BINDING, MINUTE, b"state").unwrap();
        let later = |now| Sealer::with_clock(KeyRing::new(Key::from_bytes([7; 32])), now);
        assert!(later(|| at(1059)).open(&BINDING, &token).is_ok());
        assert_eq!(later(|| at(1060)).open(&BINDING, &token), Err(OpenError::Expired));
    }

    #[test]
    fn keys_rotate() {
        let (old, new) = (Key::from_bytes([7; 32]), Key::from_bytes([8; 32]));
        let token = sealer().seal(&BINDING, MINUTE, b"state").unwrap();
        let both = KeyRing::new(new.clone()).with_previous(old);
        assert!(Sealer::with_clock(both, || at(1000)).open(&BINDING, &token).is_ok());
        let without = Sealer::with_clock(KeyRing::new(new), || at(1000));
        assert_eq!(without.open(&BINDING, &token), Err(OpenError::UnknownKey));
    }

    #[test]
    fn two_seals_differ_and_hide_the_state() {
        let sealer = sealer();
        let first = sealer.seal(&BINDING, MINUTE, b"secret").unwrap();
        let second = sealer.seal(&BINDING, MINUTE, b"secret").unwrap();
        assert_ne!(first, second);
        let bytes = URL_SAFE_NO_PAD.decode(first).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
        let long = vec![0; MAX_TOKEN];
        assert_eq!(sealer.seal(&BINDING, MINUTE, &long), Err(SealError::TooLong));
    }

    proptest! {
        #[test]
        fn any_state_comes_back(
            state in proptest::collection::vec(any::<u8>(), 0..2000),
            principal in ".*",
            target in ".*",
        ) {
            let binding = Binding { principal: Some(&principal), target: &target, ..BINDING };
            let token = sealer().seal(&binding, MINUTE, &state).unwrap();
            prop_assert_eq!(sealer().open(&binding, &token).unwrap(), state);
        }

        #[test]
        fn no_token_panics(token in ".*") {
            prop_assert!(sealer().open(&BINDING, &token).is_err());
        }
    }
}
