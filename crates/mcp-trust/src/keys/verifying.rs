//! Public keys and signatures.

use std::fmt;

use ring::rand::SystemRandom;
use ring::{agreement, signature};

use super::Algorithm;
use super::jwk::{JwkError, PublicJwk};

/// Bytes of an Ed25519 public key.
const ED25519: usize = 32;
/// Bytes of one coordinate of a P-256 point.
const COORDINATE: usize = 32;

/// The `y` coordinates of the points of Ed25519's curve that have a small order, in all encodings, lowest byte
/// first. A signature by such a "key" can hold for any message.
const SMALL_ORDER: [[u8; ED25519]; 7] = [
    [0; 32],
    edge(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    edge(0xec, 0xff, 0x7f),
    edge(0xed, 0xff, 0x7f),
    edge(0xee, 0xff, 0x7f),
];

const fn edge(first: u8, middle: u8, last: u8) -> [u8; ED25519] {
    let mut bytes = [middle; ED25519];
    bytes[0] = first;
    bytes[ED25519 - 1] = last;
    bytes
}

/// A signature: 64 bytes with both algorithms. ECDSA's two numbers stand one after the other (RFC 7518, section
/// 3.4), not as ASN.1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub(super) [u8; Self::LENGTH]);

impl Signature {
    /// Bytes of a signature.
    pub const LENGTH: usize = 64;

    /// Takes a signature's bytes.
    ///
    /// # Errors
    /// If they are not 64.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, SignatureError> {
        bytes.try_into().map(Self).map_err(|_| SignatureError)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// The signature is not one of this key for this message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not hold")]
pub struct SignatureError;

/// A public key.
///
/// ```
/// use mcp_trust::keys::{Algorithm, SigningKey, VerifyingKey};
///
/// let secret = SigningKey::generate(Algorithm::EdDsa)?;
/// let public = VerifyingKey::from_jwk(secret.verifying_key().to_jwk().to_json().as_bytes())?;
/// public.verify(b"message", &secret.sign_now(b"message")?)?;
/// assert!(public.verify(b"another", &secret.sign_now(b"message")?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    /// Ed25519: the encoded point. P-256: 4, then both coordinates.
    bytes: Vec<u8>,
}

impl VerifyingKey {
    /// An Ed25519 key (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// If the point has a small order, so that its signatures say nothing. A key that is no point at all is
    /// accepted here, and no signature holds for it.
    pub fn ed25519(bytes: [u8; ED25519]) -> Result<Self, JwkError> {
        let mut y = bytes;
        y[ED25519 - 1] &= 0x7f;
        if SMALL_ORDER.contains(&y) {
            return Err(JwkError::WeakKey);
        }
        Ok(Self { algorithm: Algorithm::EdDsa, bytes: bytes.to_vec() })
    }

    /// A P-256 key by its coordinates, highest byte first.
    ///
    /// # Errors
    /// If the point is not on the curve.
    pub fn p256(x: &[u8; COORDINATE], y: &[u8; COORDINATE]) -> Result<Self, JwkError> {
        let bytes = [&[4], x.as_slice(), y].concat();
        // ring has no function that only looks at a point. Agreeing on a secret with it, which is then
        // thrown away, does so.
        let own =
            agreement::EphemeralPrivateKey::generate(&agreement::ECDH_P256, &SystemRandom::new())
                .map_err(|_| JwkError::Random)?;
        let point = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, &bytes);
        agreement::agree_ephemeral(own, &point, |_| ()).map_err(|_| JwkError::NotOnCurve)?;
        Ok(Self { algorithm: Algorithm::Es256, bytes })
    }

    /// Reads a JSON Web Key. Its name and times are not kept: see [`KeySet`](super::KeySet).
    ///
    /// # Errors
    /// If the text is not strict JSON, or no public signature key of a kind that this crate knows.
    pub fn from_jwk(text: &[u8]) -> Result<Self, JwkError> {
        PublicJwk::from_slice(text)?.verifying_key()
    }

    /// The key as a JSON Web Key, named by its thumbprint.
    #[must_use]
    pub fn to_jwk(&self) -> PublicJwk {
        PublicJwk::of(self)
    }

    /// Its thumbprint (RFC 7638), base64url: the name that it has unless its owner gave it another.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.to_jwk().thumbprint()
    }

    /// What the key is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key's bytes: 32 for Ed25519; for P-256 the uncompressed point, 65.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the signature is this key's for this message.
    ///
    /// # Errors
    /// If it is not.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let algorithm: &dyn signature::VerificationAlgorithm = match self.algorithm {
            Algorithm::EdDsa => &signature::ED25519,
            Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
        };
        signature::UnparsedPublicKey::new(algorithm, &self.bytes)
            .verify(message, &signature.0)
            .map_err(|_| SignatureError)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({} {})", self.algorithm, self.thumbprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_are_none_or_weak_are_refused() {
        for y in SMALL_ORDER {
            let mut negative = y;
            negative[31] |= 0x80;
            assert_eq!(VerifyingKey::ed25519(y).unwrap_err(), JwkError::WeakKey);
            assert_eq!(VerifyingKey::ed25519(negative).unwrap_err(), JwkError::WeakKey);
        }
        assert_eq!(VerifyingKey::p256(&[1; 32], &[2; 32]).unwrap_err(), JwkError::NotOnCurve);
        assert_eq!(VerifyingKey::p256(&[0; 32], &[0; 32]).unwrap_err(), JwkError::NotOnCurve);
    }

    #[test]
    fn a_signature_has_64_bytes() {
        for length in [0, 63, 65, 128] {
            assert!(Signature::from_slice(&vec![0; length]).is_err());
        }
        assert!(Signature::from_slice(&[0; 64]).is_ok());
    }
}
