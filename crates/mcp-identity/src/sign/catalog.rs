//! Signatures of trust manifests and catalogs, by the profiles of `did:web`.
//!
//! Source: AI Catalog 1.0, "Signature Object" to "Catalog Authorization".

use std::time::{Duration, SystemTime};

use mcp_core::RawJson;
use mcp_trust::canonical::{Canonical, CanonicalError};
use mcp_trust::digest::Digest;
use mcp_trust::jws::{self, Header, JwsError, JwsVerifier};
use mcp_trust::keys::{Algorithm, KeySet, SignError, Signer};
use mcp_trust::strict;
use serde::Serialize;
use serde_json::Value;

use crate::catalog::{Catalog, CatalogEntry, SignatureObject, TrustManifest};
use crate::did::{DidDocument, DidWeb, DidWebError, KeyProblem};
use crate::finding::Findings;
use crate::time::Timestamp;

/// The profile: a domain's `did:web`, its document's keys for statements, ES256.
pub const DID_WEB_V1: &str = "did-web-v1";
/// By how much the clocks of signer and verifier may differ.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

const MANIFEST_TYPE: &str = "ai-catalog-trust-manifest+jws";
const CATALOG_TYPE: &str = "ai-catalog+jws";

/// When a signature was made, and until when it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// When it is made.
    pub issued_at: SystemTime,
    /// Until when it holds; `None` for as long as the key is listed.
    pub expires_at: Option<SystemTime>,
}

/// Signs a manifest as its contributor. A signature that it has is replaced.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::{Duration, SystemTime};
///
/// use mcp_identity::catalog::{CatalogEntry, Subject, TrustManifest};
/// use mcp_identity::sign::{Lifetime, artifact_digest, sign_manifest, verify_manifest};
/// use mcp_identity::{DidDocument, DidWeb, media_type};
/// use mcp_trust::keys::{Algorithm, Keychain, SigningKey};
///
/// let did: DidWeb = "did:web:example.com".parse()?;
/// let key = SigningKey::generate(Algorithm::Es256)?.with_key_id(did.key_id("2026"));
/// let card = br#"{"name": "com.example/weather"}"#;
///
/// let name = "urn:air:example.com:mcp:weather";
/// let digest = artifact_digest(card);
/// let mut manifest = TrustManifest::new(did.as_str())
///     .with_subject(Subject::new(name, media_type::SERVER_CARD).with_digest(digest.as_str()));
/// let now = SystemTime::now();
/// let lifetime = Lifetime { issued_at: now, expires_at: Some(now + Duration::from_secs(3600)) };
/// sign_manifest(&mut manifest, &did, &key, lifetime).await?;
/// let entry = CatalogEntry::typed(name, media_type::SERVER_CARD)
///     .with_url("https://example.com/mcp/server-card")
///     .with_digest(digest)
///     .with_trust_manifests([manifest]);
///
/// // A client has fetched the entry, the card and the document of did:web:example.com.
/// let document = DidDocument::of(&did, &Keychain::single(key).key_set(now));
/// let manifest = &entry.trust_manifests.as_deref().unwrap_or_default()[0];
/// let endorsement = verify_manifest(&entry, manifest, &document, now)?;
/// assert!(endorsement.is_publisher);
/// endorsement.check_artifact(card)?;
/// # Ok(())
/// # }
/// # use std::task::{Context, Poll, Waker};
/// # let mut future = Box::pin(example());
/// # let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
/// # assert!(matches!(polled, Poll::Ready(Ok(()))), "{polled:?}");
/// ```
///
/// # Errors
/// If the name or the key are not what the profile asks for, or the signer does not sign.
pub async fn sign_manifest(
    manifest: &mut TrustManifest,
    did: &DidWeb,
    signer: &dyn Signer,
    lifetime: Lifetime,
) -> Result<(), SignError> {
    manifest.contributor = did.to_string();
    manifest.signature = Some(unsigned(did, signer, lifetime)?);
    let jws = sign(&manifest, MANIFEST_TYPE, signer).await?;
    if let Some(signature) = &mut manifest.signature {
        signature.jws = jws;
    }
    Ok(())
}

/// Signs a catalog as its operator: its host becomes the signer. A signature that it has is replaced; manifests must be signed
/// before.
///
/// # Errors
/// If the name or the key are not what the profile asks for, the catalog has no host, or the signer does not sign.
pub async fn sign_catalog(
    catalog: &mut Catalog,
    did: &DidWeb,
    signer: &dyn Signer,
    lifetime: Lifetime,
) -> Result<(), SignError> {
    match &mut catalog.host {
        Some(host) => host.identifier = Some(did.to_string()),
        None => return Err(SignError::Form("the catalog names no host".into())),
    }
    catalog.signature = Some(unsigned(did, signer, lifetime)?);
    let jws = sign(&catalog, CATALOG_TYPE, signer).await?;
    if let Some(signature) = &mut catalog.signature {
        signature.jws = jws;
    }
    Ok(())
}

fn unsigned(
    did: &DidWeb,
    signer: &dyn Signer,
    lifetime: Lifetime,
) -> Result<SignatureObject, SignError> {
    let refused = |reason: &str| Err(SignError::Form(reason.into()));
    if !did.is_root() {
        return refused("the profile did-web-v1 takes domains alone, without port and path");
    }
    if did.fragment_of(signer.key_id()).is_none() {
        return refused("the key's name is not the signer's, # and a fragment");
    }
    if signer.verifying_key().algorithm() != Algorithm::Es256 {
        return refused("the profile did-web-v1 takes ES256 alone");
    }
    let issued_at = Timestamp::of(lifetime.issued_at);
    let mut object =
        SignatureObject::new(did.as_str(), DID_WEB_V1, issued_at.to_string(), String::new());
    if let Some(expires_at) = lifetime.expires_at.map(Timestamp::of) {
        if expires_at <= issued_at {
            return refused("the signature would be over before it begins");
        }
        object.expires_at = Some(expires_at.to_string());
    }
    Ok(object)
}

async fn sign<T: Serialize>(
    document: &T,
    kind: &str,
    signer: &dyn Signer,
) -> Result<String, SignError> {
    let payload = payload(document).map_err(|error| SignError::Form(error.into()))?;
    let signed = jws::sign(Header::new().with_type(kind), payload.as_bytes(), signer).await?;
    Ok(signed.detached())
}

/// A document without its own signature and without what the specification keeps for later.
fn payload<T: Serialize>(document: &T) -> Result<Canonical, CanonicalError> {
    let text = serde_json::to_vec(document).map_err(CanonicalError::Serialize)?;
    payload_of(strict::from_slice(&text)?)
}

fn payload_of(mut document: Value) -> Result<Canonical, CanonicalError> {
    if let Value::Object(members) = &mut document {
        members.remove("additionalSignatures");
        if let Some(Value::Object(signature)) = members.get_mut("signature") {
            signature.remove("jws");
        }
    }
    Canonical::of(&document)
}

/// Why nobody stands for an entry or a catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The catalog is not what its specification asks for, or no strict JSON.
    #[error("the catalog is refused: {0}")]
    Document(#[from] Findings),
    /// There is no canonical form of what was signed.
    #[error("what was signed has no canonical form")]
    Canonical(#[from] CanonicalError),
    /// There is no signature.
    #[error("there is no signature")]
    Unsigned,
    /// The signature follows rules that this crate does not know.
    #[error("the signature's profile is not supported")]
    Profile,
    /// The signer has no name that the profile takes.
    #[error("the signer is refused: {0}")]
    Signer(#[from] DidWebError),
    /// The signer's name has a port or a path.
    #[error("the signer is no domain alone")]
    SignerNotRoot,
    /// The signer is not the contributor, or not the catalog's host.
    #[error("the signer is not the {0}")]
    NotThe(&'static str),
    /// The DID document is another's.
    #[error("the DID document is not the signer's")]
    OtherDocument,
    /// The header names no key, or one that is not the signer's.
    #[error("the signature names no key of the signer")]
    KeyId,
    /// The key is none of the signer's for statements.
    #[error("the signature's key is refused: {0}")]
    Key(#[from] KeyProblem),
    /// The signature itself is refused, or does not hold.
    #[error("the signature is refused: {0}")]
    Jws(#[from] JwsError),
    /// A time is malformed.
    #[error("the signature's time is malformed")]
    Time,
    /// The signature's time has not begun.
    #[error("the signature is of the future")]
    NotYet,
    /// The signature's time is over.
    #[error("the signature has expired")]
    Expired,
    /// The manifest does not say which release it means.
    #[error("the manifest has no subject")]
    NoSubject,
    /// The manifest means another thing than the entry.
    #[error("the manifest's subject differs from the entry in {0}")]
    Subject(&'static str),
    /// The manifest binds neither bytes nor a place.
    #[error("the manifest's subject has neither a digest nor a URL")]
    Unbound,
    /// The digest is of an algorithm that this crate does not know.
    #[error("the digest's algorithm is not supported")]
    DigestUnsupported,
    /// The bytes are not those that were meant.
    #[error("the bytes have another digest")]
    Digest,
}

/// What a signature of a manifest was found to say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Endorsement {
    /// Who says it.
    pub signer: DidWeb,
    /// The key's whole name.
    pub key_id: String,
    /// Whether the signer is the publisher whose domain the entry's name bears. Otherwise it is somebody who
    /// says something about another's thing.
    pub is_publisher: bool,
    /// What the signature binds the claims to.
    pub binding: Binding,
}

/// What a manifest is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binding {
    /// These bytes. They must be compared: [`Endorsement::check_artifact`].
    Digest(Digest),
    /// Whatever is served at a place.
    Url(String),
}

impl Endorsement {
    /// Whether these are the bytes that were meant. A manifest that binds a place alone says nothing of
    /// bytes, and accepts all.
    ///
    /// # Errors
    /// If they are others.
    pub fn check_artifact(&self, bytes: &[u8]) -> Result<(), TrustError> {
        match &self.binding {
            Binding::Digest(digest) if Digest::of(bytes) != *digest => Err(TrustError::Digest),
            _ => Ok(()),
        }
    }
}

/// The digest of bytes, as catalogs write it.
///
/// ```
/// assert!(mcp_identity::sign::artifact_digest(b"abc").starts_with("sha256:ba7816bf"));
/// ```
#[must_use]
pub fn artifact_digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// Verifies a manifest of an entry by the DID document of its contributor: profile `did-web-v1`, and that the release meant is the
/// entry's. The entry has to come from a catalog that was [judged](Catalog::judge).
///
/// The thing itself is still to be fetched and compared: see [`Endorsement::check_artifact`]; for an entry with `data`
/// that is done here.
///
/// # Errors
/// If the contributor does not stand for it.
pub fn verify_manifest(
    entry: &CatalogEntry,
    manifest: &TrustManifest,
    document: &DidDocument,
    at: SystemTime,
) -> Result<Endorsement, TrustError> {
    let signature = manifest.signature.as_ref().ok_or(TrustError::Unsigned)?;
    if signature.signer != manifest.contributor {
        return Err(TrustError::NotThe("contributor"));
    }
    let (signer, key_id) =
        verify(signature, MANIFEST_TYPE, document, at, || Ok(payload(manifest)?))?;
    let binding = binding(entry, manifest)?;
    let is_publisher = entry.air().is_some_and(|urn| urn.publisher() == signer.host());
    let endorsement = Endorsement { signer, key_id, is_publisher, binding };
    if let Some(data) = &entry.data {
        endorsement.check_artifact(canonical(data)?.as_bytes())?;
    }
    Ok(endorsement)
}

fn canonical(data: &RawJson) -> Result<Canonical, CanonicalError> {
    Canonical::from_slice(data.get().as_bytes())
}

/// "Entry Release Coverage".
fn binding(entry: &CatalogEntry, manifest: &TrustManifest) -> Result<Binding, TrustError> {
    let subject = manifest.subject.as_ref().ok_or(TrustError::NoSubject)?;
    if subject.identifier != entry.identifier {
        return Err(TrustError::Subject("identifier"));
    }
    if Some(subject.kind.as_str()) != entry.kind() {
        return Err(TrustError::Subject("type"));
    }
    if subject.version != entry.version {
        return Err(TrustError::Subject("version"));
    }
    if subject.digest != entry.digest {
        return Err(TrustError::Subject("digest"));
    }
    if subject.url.is_some() && subject.url != entry.url {
        return Err(TrustError::Subject("url"));
    }
    match (&subject.digest, &subject.url) {
        (Some(digest), _) => {
            digest.parse().map(Binding::Digest).map_err(|_| TrustError::DigestUnsupported)
        }
        (None, Some(url)) if url.starts_with("https://") => Ok(Binding::Url(url.clone())),
        (None, Some(_)) => Err(TrustError::Subject("url")),
        (None, None) => Err(TrustError::Unbound),
    }
}

/// Verifies the signature of a whole catalog by the DID document of its host: the profile `did-web-v1`, and that the
/// host signs.
///
/// # Errors
/// If the catalog is not in order, or its host does not stand for it.
pub fn verify_catalog(
    text: &[u8],
    document: &DidDocument,
    at: SystemTime,
) -> Result<Catalog, TrustError> {
    let catalog = Catalog::judge(text)?;
    let signature = catalog.signature.as_ref().ok_or(TrustError::Unsigned)?;
    let host = catalog.host.as_ref().and_then(|host| host.identifier.as_deref());
    if host != Some(signature.signer.as_str()) {
        return Err(TrustError::NotThe("catalog's host"));
    }
    verify(signature, CATALOG_TYPE, document, at, || {
        let value: Value = strict::from_slice(text).map_err(CanonicalError::from)?;
        Ok(payload_of(value)?)
    })?;
    Ok(catalog)
}

/// "The did:web Signer Profile".
fn verify(
    signature: &SignatureObject,
    kind: &str,
    document: &DidDocument,
    at: SystemTime,
    payload: impl FnOnce() -> Result<Canonical, TrustError>,
) -> Result<(DidWeb, String), TrustError> {
    if signature.profile != DID_WEB_V1 {
        return Err(TrustError::Profile);
    }
    let signer: DidWeb = signature.signer.parse()?;
    if !signer.is_root() {
        return Err(TrustError::SignerNotRoot);
    }
    if document.id != signature.signer {
        return Err(TrustError::OtherDocument);
    }
    let issued_at = Timestamp::parse(&signature.issued_at).ok_or(TrustError::Time)?;
    let expires_at = match signature.expires_at.as_deref().map(Timestamp::parse) {
        Some(None) => return Err(TrustError::Time),
        Some(Some(expires_at)) => Some(expires_at),
        None => None,
    };
    if expires_at.is_some_and(|expires_at| expires_at <= issued_at) {
        return Err(TrustError::Time);
    }
    if at.checked_add(CLOCK_SKEW).is_some_and(|at| at < issued_at.to_system_time()) {
        return Err(TrustError::NotYet);
    }
    if expires_at.is_some_and(|expires_at| at >= expires_at.to_system_time() + CLOCK_SKEW) {
        return Err(TrustError::Expired);
    }
    let key_id = jws::peek(&signature.jws)?.key_id().map(str::to_owned).ok_or(TrustError::KeyId)?;
    if signer.fragment_of(&key_id).is_none() {
        return Err(TrustError::KeyId);
    }
    let key = document.assertion_key(&key_id)?;
    let keys = KeySet::new([key]).map_err(KeyProblem::Jwk)?;
    JwsVerifier::new(&keys)
        .at(at)
        .algorithms([Algorithm::Es256])
        .expect_type(kind)
        .detached(&signature.jws, payload()?.as_bytes())?;
    Ok((signer, key_id))
}
