//! Verifying.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::header::REFUSED;
use super::{Header, JwsError};
use crate::keys::{Algorithm, Claim, Signature, Verifier};

/// How many bytes of text a verifier reads unless told otherwise.
pub const DEFAULT_LIMIT: usize = 1024 * 1024;

/// Verifies JSON Web Signatures, and says in one place what is acceptable.
///
/// ```
/// use mcp_trust::jws::{self, Header, JwsError, JwsVerifier};
/// use mcp_trust::keys::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::EdDsa)?;
/// let signed = jws::sign_now(Header::new().with_type("receipt"), b"{}", &key)?;
///
/// let verifier = JwsVerifier::new(key.verifying_key()).expect_type("receipt");
/// let verified = verifier.compact(&signed.compact())?;
/// assert_eq!(verified.payload, b"{}");
///
/// let es256_only = verifier.algorithms([Algorithm::Es256]);
/// let refused = es256_only.compact(&signed.compact());
/// assert!(matches!(refused, Err(JwsError::AlgorithmNotAllowed(Algorithm::EdDsa))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct JwsVerifier<'a> {
    keys: &'a dyn Verifier,
    at: Option<SystemTime>,
    algorithms: Vec<Algorithm>,
    kind: Option<String>,
    understood: Vec<String>,
    tolerated: Vec<String>,
    limit: usize,
}

/// What a signature was found to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The protected header.
    pub header: Header,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// What was signed.
    pub payload: Vec<u8>,
}

impl<'a> JwsVerifier<'a> {
    /// Verifies with these keys, at the time of each call, all algorithms of [`Algorithm::ALL`].
    #[must_use]
    pub fn new(keys: &'a dyn Verifier) -> Self {
        Self {
            keys,
            at: None,
            algorithms: Algorithm::ALL.to_vec(),
            kind: None,
            understood: Vec::new(),
            tolerated: Vec::new(),
            limit: DEFAULT_LIMIT,
        }
    }

    /// Asks whether keys are good at this time instead of now.
    #[must_use]
    pub fn at(mut self, time: SystemTime) -> Self {
        self.at = Some(time);
        self
    }

    /// Accepts these algorithms alone.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Accepts signatures alone whose `typ` is this.
    #[must_use]
    pub fn expect_type(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Says that the application understands a critical parameter: it looks at its value in
    /// [`Verified::header`] and acts on it. `b64` cannot be understood.
    #[must_use]
    pub fn understands(mut self, parameter: impl Into<String>) -> Self {
        self.understood.push(parameter.into());
        self
    }

    /// Reads past a parameter that brings a key or says where to fetch one (`jku`, `jwk`, `x5c`, `x5u`)
    /// instead of refusing the signature. It is not followed: keys come from this verifier's alone. For signatures
    /// of other programs that add such a parameter to a `kid` that would do. Other names have no effect.
    #[must_use]
    pub fn ignores(mut self, parameter: &str) -> Self {
        if parameter != "b64" && REFUSED.contains(&parameter) {
            self.tolerated.push(parameter.to_owned());
        }
        self
    }

    /// Reads texts of so many bytes, payload included.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Verifies the compact form: `header.payload.signature`.
    ///
    /// # Errors
    /// If it is malformed, not acceptable, or no key stands for it.
    pub fn compact(&self, text: &str) -> Result<Verified, JwsError> {
        self.short(text.len())?;
        let (protected, payload, signature) = three_parts(text)?;
        let bytes = decode("payload", payload)?;
        self.verify(protected, payload, signature, bytes)
    }

    /// Verifies the detached form, `header..signature`, of a payload that travels by itself.
    ///
    /// # Errors
    /// If it is malformed, not acceptable, or no key stands for it.
    pub fn detached(&self, text: &str, payload: &[u8]) -> Result<Verified, JwsError> {
        self.short(text.len())?;
        match three_parts(text)? {
            (protected, "", signature) => self.parts(protected, signature, payload),
            _ => Err(JwsError::Form),
        }
    }

    /// Verifies the members `protected` and `signature` of the JSON forms.
    ///
    /// # Errors
    /// If they are malformed, not acceptable, or no key stands for them.
    pub fn parts(
        &self,
        protected: &str,
        signature: &str,
        payload: &[u8],
    ) -> Result<Verified, JwsError> {
        self.short(protected.len().saturating_add(signature.len()).saturating_add(payload.len()))?;
        self.verify(protected, &URL_SAFE_NO_PAD.encode(payload), signature, payload.to_vec())
    }

    fn short(&self, length: usize) -> Result<(), JwsError> {
        if length > self.limit { Err(JwsError::TooLong { limit: self.limit }) } else { Ok(()) }
    }

    fn verify(
        &self,
        protected: &str,
        encoded: &str,
        signature: &str,
        payload: Vec<u8>,
    ) -> Result<Verified, JwsError> {
        let header = Header::from_slice(&decode("header", protected)?)?;
        let algorithm = header.algorithm()?;
        if !self.algorithms.contains(&algorithm) {
            return Err(JwsError::AlgorithmNotAllowed(algorithm));
        }
        header.check(&self.tolerated, &self.understood)?;
        if self.kind.as_deref().is_some_and(|kind| header.kind() != Some(kind)) {
            return Err(JwsError::Type);
        }
        let signature = decode("signature", signature)?;
        let signature = Signature::from_slice(&signature).map_err(|_| JwsError::Length)?;
        let input = [protected, ".", encoded].concat();
        let at = self.at.unwrap_or_else(SystemTime::now);
        let claim = Claim { algorithm, key_id: header.key_id(), at };
        self.keys.verify(&claim, input.as_bytes(), &signature)?;
        Ok(Verified { header, algorithm, payload })
    }
}

impl std::fmt::Debug for JwsVerifier<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwsVerifier")
            .field("algorithms", &self.algorithms)
            .field("type", &self.kind)
            .field("understood", &self.understood)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

fn three_parts(text: &str) -> Result<(&str, &str, &str), JwsError> {
    let mut parts = text.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(one), Some(two), Some(three), None) => Ok((one, two, three)),
        _ => Err(JwsError::Form),
    }
}

fn decode(part: &'static str, text: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwsError::Base64(part))
}

/// What a signature's protected header says, before anything is verified: to find the keys that could. Nothing of it may be
/// relied on.
///
/// ```
/// use mcp_trust::jws::{self, Header};
/// use mcp_trust::keys::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::Es256)?.with_key_id("2026");
/// let signed = jws::sign_now(Header::new(), b"payload", &key)?;
/// assert_eq!(jws::peek(&signed.detached())?.key_id(), Some("2026"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the text has not the form of a signature, compact or detached.
pub fn peek(text: &str) -> Result<Header, JwsError> {
    if text.len() > DEFAULT_LIMIT {
        return Err(JwsError::TooLong { limit: DEFAULT_LIMIT });
    }
    let (protected, _, _) = three_parts(text)?;
    Header::from_slice(&decode("header", protected)?)
}
