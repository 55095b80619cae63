//! Secret keys, and whatever else signs.

use std::error::Error;
use std::fmt;
use std::pin::Pin;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::jwk::{self, JwkError, PublicJwk};
use super::{Algorithm, Signature, VerifyingKey};
use crate::{RandomError, strict};

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The system gives no random numbers, which ECDSA needs.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The signer could not be reached, or refused.
    #[error("the signer does not sign")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The signer made a signature that does not hold for its public key. Nothing is sent with it.
    #[error("the signer made a signature that does not hold")]
    Wrong,
    /// No key of a [`Keychain`](super::Keychain) signs at this time.
    #[error("no key signs at this time")]
    NoCurrentKey,
}

/// A signature that is being made.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<Signature, SignError>> + Send + 'a>>;

/// Something that signs: a [`SigningKey`], or a key that never leaves a key management service or a hardware
/// module.
///
/// ```
/// use mcp_trust::keys::{Signer, Signing, SigningKey, VerifyingKey};
///
/// /// A key that another service keeps.
/// struct Remote {
///     public: VerifyingKey,
///     key_id: String,
/// #   service: SigningKey,
/// }
///
/// impl Signer for Remote {
///     fn key_id(&self) -> &str {
///         &self.key_id
///     }
///     fn verifying_key(&self) -> &VerifyingKey {
///         &self.public
///     }
///     fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
///         Box::pin(async move {
///             // Ask the service here.
/// #           self.service.sign_now(message)
///         })
///     }
/// }
/// ```
pub trait Signer: Send + Sync {
    /// The key's name, as verifiers know it.
    fn key_id(&self) -> &str;

    /// The public key. It decides the algorithm.
    fn verifying_key(&self) -> &VerifyingKey;

    /// Signs a message.
    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a>;
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

/// A secret key in this process.
///
/// `Debug` shows its public part alone. Our copy of the secret is wiped when the key is dropped; ring, which signs,
/// does not wipe its own. Where that matters, keep the key in another process behind [`Signer`].
pub struct SigningKey {
    pair: Pair,
    secret: Zeroizing<[u8; 32]>,
    public: VerifyingKey,
    key_id: String,
}

impl SigningKey {
    /// Makes a new key, named by its thumbprint.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn generate(algorithm: Algorithm) -> Result<Self, RandomError> {
        let random = SystemRandom::new();
        match algorithm {
            Algorithm::EdDsa => {
                let mut seed = Zeroizing::new([0; 32]);
                random.fill(seed.as_mut_slice()).map_err(|_| RandomError)?;
                Self::ed25519(&seed).map_err(|_| RandomError)
            }
            Algorithm::Es256 => {
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let document =
                    EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| RandomError)?;
                // ring gives the secret only within PKCS #8, always in the same form: the secret after 36 bytes, the
                // point at the end. Taking the two together for a key again fails if that were ever
                // different.
                let document = document.as_ref();
                let secret = document.get(36..68).and_then(|secret| secret.try_into().ok());
                let point = document.len().checked_sub(65).and_then(|from| document.get(from..));
                let (Some(secret), Some(point)) = (secret, point) else { return Err(RandomError) };
                Self::p256(&Zeroizing::new(secret), point).map_err(|_| RandomError)
            }
        }
    }

    /// Reads a secret JSON Web Key.
    ///
    /// # Errors
    /// If it is not one of a kind that this crate knows, or its parts do not belong together.
    pub fn from_jwk(text: &[u8]) -> Result<Self, JwkError> {
        #[derive(Deserialize)]
        struct Secret {
            #[serde(default)]
            d: Option<String>,
        }

        let jwk = PublicJwk::from_slice(text)?;
        let secret: Secret =
            strict::from_slice(text).map_err(|error| JwkError::Json(error.to_string()))?;
        let public = jwk.public_part()?;
        if !jwk.allows("sign") {
            return Err(JwkError::Purpose("key_ops"));
        }
        let secret = secret.d.map(Zeroizing::new).ok_or(JwkError::NotSecret)?;
        let secret = Zeroizing::new(jwk::bytes("d", Some(secret.as_str()))?);
        let key = match public.algorithm() {
            Algorithm::EdDsa => Self::ed25519(&secret)?,
            Algorithm::Es256 => Self::p256(&secret, public.as_bytes())?,
        };
        if key.public != public {
            return Err(JwkError::Mismatch);
        }
        match jwk.kid {
            Some(key_id) if key_id.is_empty() => Err(JwkError::EmptyKeyId),
            Some(key_id) => Ok(key.with_key_id(key_id)),
            None => Ok(key),
        }
    }

    fn ed25519(secret: &Zeroizing<[u8; 32]>) -> Result<Self, JwkError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(secret.as_slice())
            .map_err(|_| JwkError::Mismatch)?;
        let bytes = pair.public_key().as_ref().try_into().map_err(|_| JwkError::Mismatch)?;
        let public = VerifyingKey::ed25519(bytes)?;
        Ok(Self::new(Pair::Ed25519(pair), secret.clone(), public))
    }

    fn p256(secret: &Zeroizing<[u8; 32]>, point: &[u8]) -> Result<Self, JwkError> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            algorithm,
            secret.as_slice(),
            point,
            &random,
        )
        .map_err(|_| JwkError::Mismatch)?;
        let (x, y) = point.get(1..).and_then(|xy| xy.split_at_checked(32)).unwrap_or_default();
        let (x, y) = (x.try_into(), y.try_into());
        let (Ok(x), Ok(y)) = (x, y) else { return Err(JwkError::Mismatch) };
        Ok(Self::new(Pair::P256(pair), secret.clone(), VerifyingKey::p256(x, y)?))
    }

    fn new(pair: Pair, secret: Zeroizing<[u8; 32]>, public: VerifyingKey) -> Self {
        let key_id = public.thumbprint();
        Self { pair, secret, public, key_id }
    }

    /// Names the key otherwise.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = key_id.into();
        self
    }

    /// The key's name.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The public part.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The whole key as a JSON Web Key, to be kept where secrets are kept.
    #[must_use]
    pub fn to_secret_jwk(&self) -> Zeroizing<String> {
        let mut public = self.public.to_jwk();
        public.kid = Some(self.key_id.clone());
        let public = public.to_json();
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.secret.as_slice()));
        let members = public.strip_prefix('{').unwrap_or_default();
        let mut text = Zeroizing::new(String::with_capacity(public.len() + secret.len() + 8));
        for part in ["{\"d\":\"", secret.as_str(), "\",", members] {
            text.push_str(part);
        }
        text
    }

    /// Signs a message, here and now.
    ///
    /// # Errors
    /// With ECDSA, if the system gives no random numbers.
    pub fn sign_now(&self, message: &[u8]) -> Result<Signature, SignError> {
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message),
            Pair::P256(pair) => {
                pair.sign(&SystemRandom::new(), message).map_err(|_| RandomError)?
            }
        };
        Signature::from_slice(signature.as_ref()).map_err(|_| SignError::Wrong)
    }
}

impl Signer for SigningKey {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        Box::pin(std::future::ready(self.sign_now(message)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {:?})", self.key_id, self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, appendix A.1.
    const RFC: &str = r#"{"kty":"OKP","crv":"Ed25519",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn secret_keys_are_written_as_they_are_read() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap().with_key_id("mine \"\u{e9}\"");
            let again = SigningKey::from_jwk(key.to_secret_jwk().as_bytes()).unwrap();
            assert_eq!(again.verifying_key(), key.verifying_key());
            assert_eq!(again.key_id(), key.key_id());
            let signature = again.sign_now(b"x").unwrap();
            key.verifying_key().verify(b"x", &signature).unwrap();
            let secret = URL_SAFE_NO_PAD.encode(key.secret.as_slice());
            assert!(!format!("{key:?}").contains(&secret));
            // What is published of it holds no secret, and what holds one is not taken for public.
            assert!(!key.verifying_key().to_jwk().to_json().contains(&secret));
            let taken = VerifyingKey::from_jwk(key.to_secret_jwk().as_bytes());
            assert_eq!(taken.unwrap_err(), JwkError::Secret);
        }
    }

    #[test]
    fn parts_must_belong_together() {
        let other = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let x = other.verifying_key().to_jwk().x.unwrap();
        let mixed = RFC.replace("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", &x);
        assert_eq!(SigningKey::from_jwk(mixed.as_bytes()).unwrap_err(), JwkError::Mismatch);

        let one = SigningKey::generate(Algorithm::Es256).unwrap().to_secret_jwk();
        let mut two: serde_json::Value =
            serde_json::from_str(&SigningKey::generate(Algorithm::Es256).unwrap().to_secret_jwk())
                .unwrap();
        two["d"] = serde_json::from_str::<serde_json::Value>(&one).unwrap()["d"].clone();
        let mixed = two.to_string();
        assert_eq!(SigningKey::from_jwk(mixed.as_bytes()).unwrap_err(), JwkError::Mismatch);
    }

    #[test]
    fn what_is_no_secret_key_is_refused_by_name() {
        for (text, expected) in [
            (
                RFC.replace(r#""d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","#, ""),
                JwkError::NotSecret,
            ),
            (RFC.replace("nWGx", ""), JwkError::Coordinate("d")),
            (RFC.replace('}', r#","key_ops":["verify"]}"#), JwkError::Purpose("key_ops")),
            (RFC.replace('}', r#","kid":""}"#), JwkError::EmptyKeyId),
        ] {
            assert_eq!(SigningKey::from_jwk(text.as_bytes()).unwrap_err(), expected);
        }
        assert!(SigningKey::from_jwk(b"{").is_err());
        // The message does not quote the secret.
        let broken = RFC.replace("\"kty\":\"OKP\"", "\"kty\":7");
        let error = SigningKey::from_jwk(broken.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("nWGx"));
    }
}
