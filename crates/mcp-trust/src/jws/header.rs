//! Protected headers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::JwsError;
use crate::keys::Algorithm;
use crate::strict;

/// Parameters that a signer must not bring: keys, places to fetch keys from, another form of the payload.
pub(super) const REFUSED: [&str; 5] = ["b64", "jku", "jwk", "x5c", "x5u"];

/// Parameters of RFC 7515 itself; `crit` must not name them (section 4.1.11).
const OWN: [&str; 11] =
    ["alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit"];

/// What a signature says of itself, protected by it.
///
/// ```
/// use mcp_trust::jws::Header;
///
/// let header = Header::new().with_type("JOSE").with("iat", 1_790_000_000);
/// assert_eq!(header.get("iat"), Some(&1_790_000_000.into()));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Header {
    parameters: BTreeMap<String, Value>,
}

impl Header {
    /// A header with nothing in it. Signing adds `alg` and `kid`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `typ`, the kind of thing that is signed. Verifiers that expect it refuse signatures made for anything
    /// else with the same key.
    #[must_use]
    pub fn with_type(self, kind: impl Into<String>) -> Self {
        self.with("typ", kind.into())
    }

    /// Sets `cty`, the media type of the payload.
    #[must_use]
    pub fn with_content_type(self, media_type: impl Into<String>) -> Self {
        self.with("cty", media_type.into())
    }

    /// Sets a parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Sets a parameter that verifiers must understand or refuse the signature.
    #[must_use]
    pub fn with_critical(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        let mut critical = match self.get("crit") {
            Some(Value::Array(names)) => names.clone(),
            _ => Vec::new(),
        };
        critical.push(Value::from(name.as_str()));
        self.with(name, value).with("crit", critical)
    }

    /// A parameter's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.parameters.get(name)
    }

    /// A parameter's value, if it is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The name of the key that signs.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.text("kid")
    }

    /// The kind of thing that is signed.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.text("typ")
    }

    pub(super) fn from_slice(text: &[u8]) -> Result<Self, JwsError> {
        #[derive(Deserialize)]
        #[serde(transparent)]
        struct Parameters(BTreeMap<String, Value>);

        let Parameters(parameters) = strict::from_slice(text).map_err(JwsError::Header)?;
        Ok(Self { parameters })
    }

    /// The header as JSON, members sorted.
    pub(super) fn to_json(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        #[serde(transparent)]
        struct Parameters<'a>(&'a BTreeMap<String, Value>);

        serde_json::to_string(&Parameters(&self.parameters))
    }

    pub(super) fn algorithm(&self) -> Result<Algorithm, JwsError> {
        let name = self.text("alg").ok_or(JwsError::AlgorithmUnsupported)?;
        if name.eq_ignore_ascii_case("none") {
            return Err(JwsError::AlgorithmNone);
        }
        Algorithm::from_name(name).ok_or(JwsError::AlgorithmUnsupported)
    }

    /// Checks everything that does not depend on the verifier's keys.
    pub(super) fn check(
        &self,
        tolerated: &[String],
        understood: &[String],
    ) -> Result<(), JwsError> {
        let refused = REFUSED.iter().find(|&&name| {
            self.parameters.contains_key(name) && !tolerated.iter().any(|other| other == name)
        });
        if let Some(name) = refused {
            return Err(JwsError::Parameter(name));
        }
        for name in ["kid", "typ", "cty"] {
            if self.get(name).is_some_and(|value| !value.is_string()) {
                return Err(JwsError::Parameter(name));
            }
        }
        let Some(critical) = self.get("crit") else { return Ok(()) };
        let critical = critical.as_array().ok_or(JwsError::CriticalMalformed)?;
        let mut names = Vec::with_capacity(critical.len());
        for name in critical {
            let name = name.as_str().ok_or(JwsError::CriticalMalformed)?;
            if OWN.contains(&name) || names.contains(&name) || self.get(name).is_none() {
                return Err(JwsError::CriticalMalformed);
            }
            names.push(name);
        }
        if names.is_empty() {
            return Err(JwsError::CriticalMalformed);
        }
        match names.iter().all(|name| understood.iter().any(|other| other == name)) {
            true => Ok(()),
            false => Err(JwsError::CriticalUnknown),
        }
    }
}
