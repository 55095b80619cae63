//! Public keys as JSON Web Keys.
//!
//! Source: RFC 7517, sections 4 and 5; RFC 7518, section 6.2; RFC 8037, section 2; RFC 7638. The times `nbf` and
//! `exp` are registered for keys by OpenID Federation 1.0, section 8.7 ("Historical keys"), and mean
//! there what they mean in tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Algorithm, VerifyingKey};
use crate::digest::Digest;
use crate::strict;

/// Why a JSON Web Key is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// The text is not strict JSON, or not of a key's form.
    #[error("the key is no JSON of the right form: {0}")]
    Json(String),
    /// Its kind or curve is one that this crate does not know.
    #[error("the kind of key is not supported")]
    UnsupportedKey,
    /// A coordinate is missing, not base64url, or has the wrong length.
    #[error("the key's member {0} is missing or malformed")]
    Coordinate(&'static str),
    /// The point is not on its curve.
    #[error("the key is no point of its curve")]
    NotOnCurve,
    /// The point has a small order: its signatures say nothing.
    #[error("the key is weak")]
    WeakKey,
    /// `alg`, `use` or `key_ops` say that it is not for verifying signatures with its kind's algorithm.
    #[error("the key's member {0} says that it is for something else")]
    Purpose(&'static str),
    /// A secret key stands where a public one belongs. It is known to others now and must be replaced.
    #[error("the key is secret and must not be here")]
    Secret,
    /// A public key stands where a secret one belongs.
    #[error("the key has no secret part")]
    NotSecret,
    /// The public part is not that of the secret part.
    #[error("the key's parts do not belong together")]
    Mismatch,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// Two keys of a set have the same name.
    #[error("two keys of the set have one name")]
    DuplicateKeyId,
    /// A key of a set has neither `kid` nor a thumbprint, or an empty name.
    #[error("a key of the set has an empty name")]
    EmptyKeyId,
}

/// A public key, written as RFC 7517 has it. Reading keeps unknown members out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicJwk {
    /// The kind: `OKP` for Ed25519, `EC` for P-256.
    pub kty: String,
    /// The curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// The point, or its first coordinate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// The second coordinate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The algorithm that the key is restricted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig` for signatures.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// `verify` for verifying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<Vec<String>>,
    /// From when signatures are good, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// Until when they are, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
    /// There only to be refused: a secret key's secret.
    #[serde(default, skip_serializing, rename = "d", deserialize_with = "present")]
    secret: bool,
}

/// Notes that a member is there without keeping its value.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl PublicJwk {
    /// Reads a key; whether it is one that can be used is [`verifying_key`](Self::verifying_key)'s question.
    ///
    /// # Errors
    /// If the text is not strict JSON, or not of a key's form.
    pub fn from_slice(text: &[u8]) -> Result<Self, JwkError> {
        strict::from_slice(text).map_err(|error| JwkError::Json(error.to_string()))
    }

    pub(super) fn of(key: &VerifyingKey) -> Self {
        let mut jwk = Self {
            kty: "OKP".to_owned(),
            crv: Some("Ed25519".to_owned()),
            x: None,
            y: None,
            kid: None,
            alg: Some(key.algorithm().name().to_owned()),
            purpose: Some("sig".to_owned()),
            key_ops: None,
            nbf: None,
            exp: None,
            secret: false,
        };
        match (key.algorithm(), key.as_bytes().get(1..).and_then(|xy| xy.split_at_checked(32))) {
            (Algorithm::Es256, Some((x, y))) => {
                (jwk.kty, jwk.crv) = ("EC".to_owned(), Some("P-256".to_owned()));
                (jwk.x, jwk.y) = (Some(URL_SAFE_NO_PAD.encode(x)), Some(URL_SAFE_NO_PAD.encode(y)));
            }
            _ => jwk.x = Some(URL_SAFE_NO_PAD.encode(key.as_bytes())),
        }
        jwk.kid = Some(jwk.thumbprint());
        jwk
    }

    /// The key that it describes.
    ///
    /// # Errors
    /// If it is secret, malformed, weak, for something else, or of a kind that is not supported.
    pub fn verifying_key(&self) -> Result<VerifyingKey, JwkError> {
        if self.secret {
            return Err(JwkError::Secret);
        }
        self.public_part()
    }

    /// The key, whether or not its secret came with it.
    pub(super) fn public_part(&self) -> Result<VerifyingKey, JwkError> {
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => VerifyingKey::ed25519(bytes("x", self.x.as_deref())?)?,
            ("EC", Some("P-256")) => VerifyingKey::p256(
                &bytes("x", self.x.as_deref())?,
                &bytes("y", self.y.as_deref())?,
            )?,
            _ => return Err(JwkError::UnsupportedKey),
        };
        if self.alg.as_deref().is_some_and(|alg| Algorithm::from_name(alg) != Some(key.algorithm()))
        {
            return Err(JwkError::Purpose("alg"));
        }
        if self.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return Err(JwkError::Purpose("use"));
        }
        Ok(key)
    }

    /// Whether `key_ops`, if it is there, has this operation.
    pub(super) fn allows(&self, operation: &str) -> bool {
        self.key_ops.as_ref().is_none_or(|all| all.iter().any(|one| one == operation))
    }

    /// RFC 7638: the digest of the members that make the key what it is, base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // In alphabetical order, without white space. The values are base64url or names, and need no escapes
        // where the key is one of ours; `serde_json` quotes whatever else may stand there.
        let members =
            [("crv", &self.crv), ("kty", &Some(self.kty.clone())), ("x", &self.x), ("y", &self.y)];
        let members = members.into_iter().filter_map(|(name, value)| {
            value
                .as_ref()
                .map(|value| format!("\"{name}\":{}", serde_json::Value::from(value.as_str())))
        });
        let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        Digest::of(text.as_bytes()).to_base64url()
    }

    /// The key as JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and integers alone: nothing can fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// 32 bytes of base64url, written in the one way that they are written.
pub(super) fn bytes(name: &'static str, text: Option<&str>) -> Result<[u8; 32], JwkError> {
    text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(JwkError::Coordinate(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    /// RFC 8037, appendix A.3.
    #[test]
    fn thumbprint_of_the_rfc() {
        let key = VerifyingKey::from_jwk(ED25519.as_bytes()).unwrap();
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn keys_are_written_as_they_are_read() {
        let key = VerifyingKey::from_jwk(ED25519.as_bytes()).unwrap();
        let jwk = PublicJwk::from_slice(key.to_jwk().to_json().as_bytes()).unwrap();
        assert_eq!(jwk, key.to_jwk());
        assert_eq!(jwk.verifying_key().unwrap(), key);
        assert_eq!(jwk.kid.unwrap(), key.thumbprint());
    }

    #[test]
    fn what_is_no_public_signature_key_is_refused_by_name() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        for (text, expected) in [
            (r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(), JwkError::UnsupportedKey),
            (r#"{"kty":"oct","k":"AQAB"}"#.to_owned(), JwkError::UnsupportedKey),
            (r#"{"kty":"OKP","crv":"X25519","x":"AQAB"}"#.to_owned(), JwkError::UnsupportedKey),
            (
                r#"{"kty":"EC","crv":"P-384","x":"AQAB","y":"AQAB"}"#.to_owned(),
                JwkError::UnsupportedKey,
            ),
            (r#"{"kty":"OKP","crv":"Ed25519"}"#.to_owned(), JwkError::Coordinate("x")),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AQAB"}"#.to_owned(), JwkError::Coordinate("x")),
            (format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}="}}"#), JwkError::Coordinate("x")),
            (format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}"}}"#), JwkError::Coordinate("y")),
            (format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{x}"}}"#), JwkError::NotOnCurve),
            (ED25519.replace('}', r#","alg":"ES256"}"#), JwkError::Purpose("alg")),
            (ED25519.replace('}', r#","use":"enc"}"#), JwkError::Purpose("use")),
            (ED25519.replace('}', r#","d":"AQAB"}"#), JwkError::Secret),
            (ED25519.replace('}', r#","d":null}"#), JwkError::Secret),
        ] {
            assert_eq!(VerifyingKey::from_jwk(text.as_bytes()).unwrap_err(), expected, "{text}");
        }
        for text in ["[]", "{}", r#"{"kty":1}"#, &ED25519.replace('}', r#","x":"AQAB"}"#)] {
            let refused = VerifyingKey::from_jwk(text.as_bytes());
            assert!(matches!(refused, Err(JwkError::Json(_))), "{text}");
        }
    }
}
