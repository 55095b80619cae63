//! Signing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Header;
use crate::keys::{SignError, Signature, Signer, SigningKey};

/// Signs a payload with any [`Signer`].
///
/// # Errors
/// If the signer does not sign, or its signature does not hold.
pub async fn sign(
    header: Header,
    payload: &[u8],
    signer: &dyn Signer,
) -> Result<Signed, SignError> {
    let unsigned = Unsigned::new(header, payload, signer)?;
    let signature = signer.sign(unsigned.signing_input()).await?;
    // A service may sign with another key than it says, or badly; better found here than by those who verify.
    signer
        .verifying_key()
        .verify(unsigned.signing_input(), &signature)
        .map_err(|_| SignError::Wrong)?;
    Ok(unsigned.attach(signature))
}

/// Signs a payload with a key of this process.
///
/// ```
/// use mcp_trust::jws::{self, Header, JwsVerifier};
/// use mcp_trust::keys::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// let signed = jws::sign_now(Header::new(), b"payload", &key)?;
///
/// let verifier = JwsVerifier::new(key.verifying_key());
/// assert_eq!(verifier.compact(&signed.compact())?.payload, b"payload");
/// verifier.detached(&signed.detached(), b"payload")?;
/// assert!(verifier.detached(&signed.detached(), b"another").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// With ECDSA, if the system gives no random numbers.
pub fn sign_now(header: Header, payload: &[u8], key: &SigningKey) -> Result<Signed, SignError> {
    let unsigned = Unsigned::new(header, payload, key)?;
    let signature = key.sign_now(unsigned.signing_input())?;
    Ok(unsigned.attach(signature))
}

/// What will be signed: `BASE64URL(header).BASE64URL(payload)` (RFC 7515, section 5.1).
struct Unsigned {
    input: String,
    /// Where the header's part ends.
    header: usize,
}

impl Unsigned {
    fn new(header: Header, payload: &[u8], signer: &dyn Signer) -> Result<Self, SignError> {
        let algorithm = signer.verifying_key().algorithm().name();
        let header = header.with("alg", algorithm).with("kid", signer.key_id());
        let header = header.to_json().map_err(|error| SignError::Unavailable(error.into()))?;
        let mut input = URL_SAFE_NO_PAD.encode(header);
        let header = input.len();
        input.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut input);
        Ok(Self { input, header })
    }

    fn signing_input(&self) -> &[u8] {
        self.input.as_bytes()
    }

    fn attach(self, signature: Signature) -> Signed {
        let signature = URL_SAFE_NO_PAD.encode(signature.as_bytes());
        Signed { input: self.input, header: self.header, signature }
    }
}

/// A signature and what it signs, in the forms in which they travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    input: String,
    header: usize,
    signature: String,
}

impl Signed {
    /// `header.payload.signature` (RFC 7515, section 7.1).
    #[must_use]
    pub fn compact(&self) -> String {
        [&self.input, ".", &self.signature].concat()
    }

    /// `header..signature`, for a payload that travels by itself (RFC 7515, appendix F).
    #[must_use]
    pub fn detached(&self) -> String {
        [self.protected(), "..", &self.signature].concat()
    }

    /// The protected header, base64url: the member `protected` of the JSON forms.
    #[must_use]
    pub fn protected(&self) -> &str {
        self.input.get(..self.header).unwrap_or_default()
    }

    /// The signature, base64url: the member `signature` of the JSON forms.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.signature
    }
}
