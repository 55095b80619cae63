//! DID documents.

use mcp_core::RawJson;
use mcp_trust::keys::jwk::{JwkError, PublicJwk};
use mcp_trust::keys::{KeySet, PublishedKey, Validity};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{DidWeb, judge};
use crate::finding::{self, Findings};

mcp_core::wire! {
    /// A DID document, as far as signatures need it.
    pub struct DidDocument {
        required {
            /// The name that the document belongs to.
            id: String = "id",
        }
        optional {
            /// The vocabularies of a document in JSON-LD.
            context: RawJson = "@context" => with_context,
            /// The keys.
            verification_method: Vec<VerificationMethod> = "verificationMethod" => with_verification_method,
            /// The keys whose signatures are statements of the owner.
            assertion_method: Vec<MethodOrReference> = "assertionMethod" => with_assertion_method,
            /// What the owner serves, and where.
            service: Vec<Service> = "service" => with_service,
        }
    }
}

mcp_core::wire! {
    /// A key in a DID document.
    pub struct VerificationMethod {
        required {
            /// The key's name: the document's, `#` and a fragment.
            id: String = "id",
            /// How the key is written, such as `JsonWebKey`.
            kind: String = "type",
            /// Whose key it is.
            controller: String = "controller",
        }
        optional {
            /// The public key as a JSON Web Key.
            public_key_jwk: RawJson = "publicKeyJwk" => with_public_key_jwk,
        }
    }
}

mcp_core::wire! {
    /// Something that the owner of a DID serves.
    pub struct Service {
        required {
            /// Its name.
            id: String = "id",
            /// What it is.
            kind: RawJson = "type",
            /// Where it is.
            service_endpoint: RawJson = "serviceEndpoint",
        }
    }
}

/// An entry of `assertionMethod`: a key, or the name of one of the document.
#[derive(Debug, Clone, PartialEq)]
pub enum MethodOrReference {
    /// The key itself.
    Method(VerificationMethod),
    /// The name of a key, whole or as `#` and a fragment.
    Reference(String),
}

impl Serialize for MethodOrReference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Method(method) => method.serialize(serializer),
            Self::Reference(id) => id.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for MethodOrReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        let read = if raw.is_object() {
            raw.parse().map(Self::Method)
        } else {
            raw.parse().map(Self::Reference)
        };
        read.map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for MethodOrReference {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MethodOrReference".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let method = generator.subschema_for::<VerificationMethod>();
        schemars::json_schema!({ "anyOf": [method, { "type": "string" }] })
    }
}

/// Why a key of a document is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// `assertionMethod` names a key that the document does not have.
    #[error("the document does not have the key that assertionMethod names")]
    Dangling,
    /// The document has two keys of this name.
    #[error("the document has two keys of one name")]
    Ambiguous,
    /// The key's name is not the document's, `#` and a fragment.
    #[error("the key's name does not belong to the document")]
    Name,
    /// The key belongs to somebody else.
    #[error("the key's controller is another")]
    Controller,
    /// The key is not written as a JSON Web Key.
    #[error("the key is no JSON Web Key")]
    NoJwk,
    /// The key is refused: see [`JwkError`].
    #[error(transparent)]
    Jwk(#[from] JwkError),
}

/// The vocabularies that resolvers which read JSON-LD expect.
const CONTEXT: [&str; 2] =
    ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"];
/// How the keys of our documents are written, as DID resolvers know it.
const JSON_WEB_KEY: &str = "JsonWebKey2020";

impl DidDocument {
    /// The document of a name whose keys for statements are these.
    ///
    /// While keys rotate, the set has the old and the new ones: see [`Keychain::key_set`](mcp_trust::keys::Keychain::key_set). Keys
    /// whose names are not `did`, `#` and a fragment are left out.
    ///
    /// ```
    /// use mcp_identity::{DidDocument, DidWeb};
    /// use mcp_trust::keys::{Algorithm, KeySet, PublishedKey, SigningKey, Validity};
    ///
    /// let did: DidWeb = "did:web:example.com".parse()?;
    /// let key = SigningKey::generate(Algorithm::Es256)?;
    /// let public = PublishedKey::new(did.key_id("2026"), key.verifying_key().clone(), Validity::always());
    /// let document = DidDocument::of(&did, &KeySet::new([public])?);
    /// document.validate()?;
    /// assert_eq!(document.assertion_keys()?.keys()[0].key_id(), "did:web:example.com#2026");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(did: &DidWeb, keys: &KeySet) -> Self {
        let own = keys.keys().iter().filter(|key| did.fragment_of(key.key_id()).is_some());
        let methods: Vec<_> = own
            .map(|key| {
                let mut jwk = key.to_jwk();
                // The method's own name is the key's; another could only differ.
                jwk.kid = None;
                let jwk = RawJson::from_string(jwk.to_json()).unwrap_or_else(|_| RawJson::null());
                VerificationMethod::new(key.key_id(), JSON_WEB_KEY, did.as_str())
                    .with_public_key_jwk(jwk)
            })
            .collect();
        let references =
            methods.iter().map(|method| MethodOrReference::Reference(method.id.clone()));
        let references: Vec<_> = references.collect();
        Self::new(did.as_str())
            .with_context(RawJson::from(serde_json::json!(CONTEXT)))
            .with_verification_method(methods)
            .with_assertion_method(references)
    }

    /// Reads a document that is everything that DID Core asks for, as far as this crate uses it.
    ///
    /// # Errors
    /// Everything that it is not.
    pub fn judge(text: &[u8]) -> Result<Self, Findings> {
        finding::judge(text, judge::document)
    }

    /// Judges a document that this program made.
    ///
    /// # Errors
    /// As [`judge`](Self::judge).
    pub fn validate(&self) -> Result<(), Findings> {
        finding::validate(self, judge::document)
    }

    /// The keys whose signatures are statements of the owner, each under its whole name.
    ///
    /// As the profile `did-web-v1` has it: a key that is only listed says nothing, `assertionMethod` must name it; its
    /// controller must be the document's owner; it must be written as a JSON Web Key.
    ///
    /// # Errors
    /// If a key brings its secret along: whoever wrote the document must not be trusted then. Every other key that cannot be used is
    /// left out; [`assertion_key`](Self::assertion_key) says why.
    pub fn assertion_keys(&self) -> Result<KeySet, JwkError> {
        let mut keys: Vec<PublishedKey> = Vec::new();
        for entry in self.assertion_method.iter().flatten() {
            let id = self.absolute(match entry {
                MethodOrReference::Method(method) => &method.id,
                MethodOrReference::Reference(id) => id,
            });
            if keys.iter().any(|key| key.key_id() == id) {
                continue;
            }
            match self.assertion_key(&id) {
                Ok(key) => keys.push(key),
                Err(KeyProblem::Jwk(error @ (JwkError::Secret | JwkError::Random))) => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        KeySet::new(keys)
    }

    /// The key of this whole name, if its signatures are statements of the owner.
    ///
    /// # Errors
    /// Why it is none of the owner's keys for statements.
    pub fn assertion_key(&self, key_id: &str) -> Result<PublishedKey, KeyProblem> {
        let embedded = self.assertion_method.iter().flatten().filter_map(|entry| match entry {
            MethodOrReference::Method(method) => Some(method),
            MethodOrReference::Reference(_) => None,
        });
        let named = self.assertion_method.iter().flatten().any(|entry| match entry {
            MethodOrReference::Method(_) => false,
            MethodOrReference::Reference(id) => self.absolute(id) == key_id,
        });
        let listed = self.verification_method.iter().flatten().filter(|_| named);
        let mut found = embedded.chain(listed).filter(|method| self.absolute(&method.id) == key_id);
        let method = found.next().ok_or(KeyProblem::Dangling)?;
        if found.next().is_some() {
            return Err(KeyProblem::Ambiguous);
        }
        let fragment =
            key_id.strip_prefix(self.id.as_str()).and_then(|rest| rest.strip_prefix('#'));
        if fragment.is_none_or(str::is_empty) {
            return Err(KeyProblem::Name);
        }
        if method.controller != self.id {
            return Err(KeyProblem::Controller);
        }
        let jwk = method.public_key_jwk.as_ref().ok_or(KeyProblem::NoJwk)?;
        let jwk = PublicJwk::from_slice(jwk.get().as_bytes())?;
        if jwk.key_ops.as_ref().is_some_and(|all| !all.iter().any(|one| one == "verify")) {
            return Err(JwkError::Purpose("key_ops").into());
        }
        let mut validity = Validity::always();
        let time =
            |seconds| std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds));
        // A time beyond what the clock can say never comes.
        if let Some(until) = jwk.exp.and_then(time) {
            validity = validity.until(until);
        }
        match jwk.nbf.map(time) {
            Some(Some(from)) => validity = validity.from(from),
            Some(None) => return Err(JwkError::Purpose("nbf").into()),
            None => {}
        }
        Ok(PublishedKey::new(key_id, jwk.verifying_key()?, validity))
    }

    /// A name within the document, made whole (DID Core, section 3.2.2).
    fn absolute(&self, id: &str) -> String {
        if id.starts_with('#') { format!("{}{id}", self.id) } else { id.to_owned() }
    }
}
