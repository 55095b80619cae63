//! Signed agent cards and catalogs: what holds, and that nothing else does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::time::{Duration, SystemTime};

use mcp_identity::agent_card::{AgentCapabilities, AgentCard, AgentInterface, AgentSkill};
use mcp_identity::catalog::{Catalog, CatalogEntry, HostInfo, Subject, TrustManifest};
use mcp_identity::did::{KeyProblem, MethodOrReference};
use mcp_identity::sign::*;
use mcp_identity::{DidDocument, DidWeb, media_type};
use mcp_trust::canonical::Canonical;
use mcp_trust::jws::{self, Header, JwsError, JwsVerifier};
use mcp_trust::keys::jwk::JwkError;
use mcp_trust::keys::{Algorithm, KeyError, Keychain, SignError, Signer, SigningKey, Validity};
use serde_json::{Value, json};

/// Runs a future that needs no waiting.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the future waits"),
    }
}

const DID: &str = "did:web:example.com";

fn did() -> DidWeb {
    DID.parse().unwrap()
}

fn key(algorithm: Algorithm, name: &str) -> SigningKey {
    SigningKey::generate(algorithm).unwrap().with_key_id(did().key_id(name))
}

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn agent() -> AgentCard {
    let modes = || ["text/plain".to_owned()];
    let skill =
        AgentSkill::new("search", "Suche", "Findet Wörter: € und \"mehr\".", ["t".to_owned()]);
    let interface = AgentInterface::new("https://example.com/a2a", "JSONRPC", "1.0");
    let capabilities = AgentCapabilities::new().with_streaming(false);
    AgentCard::new("Docs", "Texts.", [interface], "1.0.0", capabilities, modes(), modes(), [skill])
}

fn signed_agent(signer: &dyn Signer) -> String {
    let mut card = agent();
    now(sign_agent_card(&mut card, signer)).unwrap();
    serde_json::to_string(&card).unwrap()
}

/// Every text that differs in one bit, lacks a byte or its end, or has a byte more.
fn damaged(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1 << bit;
            all.push(changed);
        }
        all.push(bytes[..at].to_vec());
        all.push([&bytes[..at], &bytes[at + 1..]].concat());
        for inserted in [b' ', b'"', b'0', b'A', b'\\', b',', b'-', 0, 0xff] {
            all.push([&bytes[..at], &[inserted], &bytes[at..]].concat());
        }
    }
    all
}

/// White space between the parts of a text changes nothing of what it says.
fn says_the_same(one: &[u8], other: &str) -> bool {
    Canonical::from_slice(one)
        .is_ok_and(|one| one == Canonical::from_slice(other.as_bytes()).unwrap())
}

#[test]
fn no_damaged_agent_card_is_accepted() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm, "k");
        let text = signed_agent(&key);
        let verifier = JwsVerifier::new(key.verifying_key());
        let verified = verify_agent_card(text.as_bytes(), &verifier).unwrap();
        assert_eq!((verified.key_id.as_deref(), verified.index), (Some(key.key_id()), 0));
        assert!(!verified.pruned);
        let (mut refused, mut same) = (0, 0);
        for changed in damaged(&text) {
            let accepted = verify_agent_card(&changed, &verifier).is_ok();
            let says_the_same = says_the_same(&changed, &text);
            assert_eq!(accepted, says_the_same, "{}", String::from_utf8_lossy(&changed));
            *(if accepted { &mut same } else { &mut refused }) += 1;
        }
        assert!(refused > 10_000 && same > 0, "{refused} refused, {same} the same");
    }
}

#[test]
fn headers_that_bring_keys_are_refused_by_name() {
    let key = key(Algorithm::Es256, "k");
    let verifier = JwsVerifier::new(key.verifying_key());
    let card = serde_json::to_value(agent()).unwrap();
    let payload = agent_card_payload(card.to_string().as_bytes()).unwrap();
    let refused = |header: Header, unprotected: Value| {
        let signed = jws::sign_now(header, payload.as_bytes(), &key).unwrap();
        let mut card = card.clone();
        card["signatures"] = json!([{
            "protected": signed.protected(), "signature": signed.signature(), "header": unprotected,
        }]);
        match verify_agent_card(card.to_string().as_bytes(), &verifier) {
            Err(AgentCardError::Refused(reasons)) => reasons.into_iter().next().unwrap(),
            other => panic!("{other:?}"),
        }
    };
    for name in ["b64", "jku", "jwk", "x5c", "x5u"] {
        let reason = refused(Header::new().with_type("JOSE").with(name, "x"), json!({}));
        assert!(matches!(reason, JwsError::Parameter(found) if found == name), "{name}: {reason}");
        let reason = refused(Header::new().with_type("JOSE"), json!({name: "x"}));
        assert!(matches!(reason, JwsError::Parameter(found) if found == name), "{name}: {reason}");
    }
    let reason = refused(Header::new().with_type("ai-catalog+jws"), json!({}));
    assert!(matches!(reason, JwsError::Type));
    let reason = refused(Header::new().with_critical("exp", 1), json!({}));
    assert!(matches!(reason, JwsError::CriticalUnknown));
}

#[test]
fn one_signature_that_holds_is_enough_and_none_is_named() {
    let (old, new) = (key(Algorithm::EdDsa, "old"), key(Algorithm::Es256, "new"));
    let mut card = agent();
    now(sign_agent_card(&mut card, &old)).unwrap();
    now(sign_agent_card(&mut card, &new)).unwrap();
    let text = serde_json::to_vec(&card).unwrap();
    for (key, index) in [(&old, 0), (&new, 1)] {
        let verified = verify_agent_card(&text, &JwsVerifier::new(key.verifying_key())).unwrap();
        assert_eq!((verified.index, verified.key_id.as_deref()), (index, Some(key.key_id())));
    }
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let refused = verify_agent_card(&text, &JwsVerifier::new(stranger.verifying_key()));
    let Err(AgentCardError::Refused(reasons)) = refused else { panic!() };
    assert!(matches!(
        reasons[..],
        [JwsError::Key(KeyError::AlgorithmMismatch), JwsError::Key(KeyError::Signature)]
    ));

    let verifier = JwsVerifier::new(new.verifying_key());
    card.signatures = None;
    let text = serde_json::to_vec(&card).unwrap();
    assert!(matches!(verify_agent_card(&text, &verifier), Err(AgentCardError::Unsigned)));
    card.signatures =
        Some(vec![mcp_identity::agent_card::AgentCardSignature::new("e30", "AA"); 17]);
    let text = serde_json::to_vec(&card).unwrap();
    assert!(matches!(verify_agent_card(&text, &verifier), Err(AgentCardError::TooMany { .. })));
    let twice = signed_agent(&new).replacen('{', r#"{"name":"Docs","#, 1);
    let refused = verify_agent_card(twice.as_bytes(), &verifier);
    assert!(matches!(refused, Err(AgentCardError::Document(_))));
}

/// A2A 1.0, section 8.4.1: a value that is a default says what its absence does.
#[test]
fn defaults_are_not_part_of_what_is_signed() {
    let key = key(Algorithm::Es256, "k");
    let verifier = JwsVerifier::new(key.verifying_key());
    let card: Value = serde_json::from_str(&signed_agent(&key)).unwrap();
    let with = |at: &str, value: Value| {
        let mut card = card.clone();
        let (holder, member) = at.rsplit_once('/').unwrap();
        card.pointer_mut(holder).unwrap()[member] = value;
        verify_agent_card(card.to_string().as_bytes(), &verifier).is_ok()
    };
    for (at, default, other) in [
        ("/supportedInterfaces/0/tenant", json!(""), json!("a")),
        ("/capabilities/extensions", json!([]), json!([{}])),
        ("/skills/0/examples", json!([]), json!(["a"])),
        ("/securitySchemes", json!({}), json!({"a": {"mtlsSecurityScheme": {}}})),
        ("/securityRequirements", json!([]), json!([{"schemes": {}}])),
    ] {
        assert!(with(at, default), "{at}");
        // Also what the SDKs would leave out of the payload.
        assert!(!with(at, other), "{at}");
    }
    // Set explicitly, or unknown to A2A.
    for (at, value) in [
        ("/capabilities/pushNotifications", json!(false)),
        ("/x-unknown", json!(0)),
        ("/skills/0/x-unknown", json!(false)),
    ] {
        assert!(!with(at, value), "{at}");
    }
}

/// The SDKs leave out what is empty although A2A asks for it.
#[test]
fn cards_that_others_pruned_are_known() {
    let key = key(Algorithm::Es256, "k");
    let verifier = JwsVerifier::new(key.verifying_key());
    let mut card = serde_json::to_value(agent()).unwrap();
    (card["description"], card["capabilities"]) = (json!(""), json!({}));
    let mut pruned = card.clone();
    pruned
        .as_object_mut()
        .unwrap()
        .retain(|name, _| name != "description" && name != "capabilities");
    let payload = Canonical::of(&pruned).unwrap();
    let signed = jws::sign_now(Header::new().with_type("JOSE"), payload.as_bytes(), &key).unwrap();
    card["signatures"] =
        json!([{"protected": signed.protected(), "signature": signed.signature()}]);
    assert!(verify_agent_card(card.to_string().as_bytes(), &verifier).unwrap().pruned);
    for (member, value) in
        [("iconUrl", json!("")), ("securityRequirements", json!([{"schemes": {}}]))]
    {
        let mut more = card.clone();
        more[member] = value;
        let refused = verify_agent_card(more.to_string().as_bytes(), &verifier);
        assert!(matches!(refused, Err(AgentCardError::Refused(_))), "{member}");
    }
}

struct Published {
    key: SigningKey,
    entry: CatalogEntry,
    document: DidDocument,
}

const CARD: &[u8] = br#"{"name":"com.example/docs"}"#;
const NAME: &str = "urn:air:example.com:mcp:docs";

fn lifetime() -> Lifetime {
    Lifetime { issued_at: time(0), expires_at: Some(time(86_400)) }
}

fn publish() -> Published {
    let key = key(Algorithm::Es256, "k");
    let digest = artifact_digest(CARD);
    let subject = Subject::new(NAME, media_type::SERVER_CARD).with_digest(digest.as_str());
    let mut manifest = TrustManifest::new(DID).with_subject(subject);
    now(sign_manifest(&mut manifest, &did(), &key, lifetime())).unwrap();
    let entry = CatalogEntry::typed(NAME, media_type::SERVER_CARD)
        .with_url("https://example.com/mcp/server-card")
        .with_digest(digest)
        .with_trust_manifests([manifest]);
    let public = mcp_trust::keys::PublishedKey::new(
        key.key_id(),
        key.verifying_key().clone(),
        Validity::always(),
    );
    let keys = mcp_trust::keys::KeySet::new([public]).unwrap();
    Published { key, entry, document: DidDocument::of(&did(), &keys) }
}

fn check(
    entry: &CatalogEntry,
    document: &DidDocument,
    at: SystemTime,
) -> Result<Endorsement, TrustError> {
    verify_manifest(entry, &entry.trust_manifests.as_ref().unwrap()[0], document, at)
}

#[test]
fn a_publisher_stands_for_its_entry() {
    let Published { entry, document, key } = publish();
    Catalog::of([entry.clone()]).validate().unwrap();
    let endorsement = check(&entry, &document, time(1)).unwrap();
    assert_eq!(endorsement.signer, did());
    assert_eq!(endorsement.key_id, key.key_id());
    assert!(endorsement.is_publisher);
    endorsement.check_artifact(CARD).unwrap();
    assert!(matches!(endorsement.check_artifact(b"{}"), Err(TrustError::Digest)));

    let mut other = entry.clone();
    other.identifier = "urn:air:other.example:mcp:docs".to_owned();
    other.trust_manifests.as_mut().unwrap()[0].subject.as_mut().unwrap().identifier =
        other.identifier.clone();
    now(sign_manifest(&mut other.trust_manifests.as_mut().unwrap()[0], &did(), &key, lifetime()))
        .unwrap();
    assert!(!check(&other, &document, time(1)).unwrap().is_publisher);
}

#[test]
fn times_are_kept() {
    let Published { entry, document, .. } = publish();
    for (at, expected) in [
        (time(0) - Duration::from_secs(61), Some("NotYet")),
        (time(0) - Duration::from_secs(60), None),
        (time(86_459), None),
        (time(86_460), Some("Expired")),
    ] {
        let found = check(&entry, &document, at).err().map(|error| format!("{error:?}"));
        assert_eq!(found.as_deref(), expected);
    }
}

#[test]
fn what_differs_from_the_entry_is_named() {
    let Published { entry, document, .. } = publish();
    let changed = |change: fn(&mut CatalogEntry)| {
        let mut entry = entry.clone();
        change(&mut entry);
        check(&entry, &document, time(1)).unwrap_err()
    };
    type Change = fn(&mut CatalogEntry);
    let changes: [(Change, &str); 4] = [
        (|entry| entry.identifier.push('x'), "identifier"),
        (|entry| entry.media_type = Some("text/html".to_owned()), "type"),
        (|entry| entry.version = Some("1".to_owned()), "version"),
        (|entry| entry.digest = Some(artifact_digest(b"")), "digest"),
    ];
    for (change, name) in changes {
        assert!(matches!(changed(change), TrustError::Subject(found) if found == name), "{name}");
    }
    fn manifest(entry: &mut CatalogEntry) -> &mut TrustManifest {
        &mut entry.trust_manifests.as_mut().unwrap()[0]
    }
    fn signature(entry: &mut CatalogEntry) -> &mut mcp_identity::catalog::SignatureObject {
        manifest(entry).signature.as_mut().unwrap()
    }
    assert!(matches!(changed(|entry| manifest(entry).signature = None), TrustError::Unsigned));
    let other =
        |entry: &mut CatalogEntry| manifest(entry).contributor = "did:web:a.example".to_owned();
    assert!(matches!(changed(other), TrustError::NotThe("contributor")));
    let profile = |entry: &mut CatalogEntry| signature(entry).profile = "did-web-v2".to_owned();
    assert!(matches!(changed(profile), TrustError::Profile));
    let time = |entry: &mut CatalogEntry| signature(entry).issued_at = "yesterday".to_owned();
    assert!(matches!(changed(time), TrustError::Time));
    let holds = |entry: &mut CatalogEntry| signature(entry).expires_at = None;
    assert!(matches!(changed(holds), TrustError::Jws(JwsError::Key(KeyError::Signature))));
    let subject = |entry: &mut CatalogEntry| manifest(entry).subject = None;
    assert!(matches!(changed(subject), TrustError::Jws(JwsError::Key(KeyError::Signature))));
}

#[test]
fn keys_are_those_that_the_document_says() {
    let Published { entry, document, key } = publish();
    let changed = |change: &dyn Fn(&mut DidDocument)| {
        let mut document = document.clone();
        change(&mut document);
        check(&entry, &document, time(1)).unwrap_err()
    };
    let methods = |document: &mut DidDocument| document.verification_method.take().unwrap();
    assert!(matches!(
        changed(&|d| d.id = "did:web:a.example".to_owned()),
        TrustError::OtherDocument
    ));
    // Listed, but not for statements.
    let unnamed = changed(&|d| d.assertion_method = None);
    assert!(matches!(unnamed, TrustError::Key(KeyProblem::Dangling)));
    assert!(matches!(changed(&|d| drop(methods(d))), TrustError::Key(KeyProblem::Dangling)));
    let twice = changed(&|d| {
        let one = methods(d).remove(0);
        d.verification_method = Some(vec![one.clone(), one]);
    });
    assert!(matches!(twice, TrustError::Key(KeyProblem::Ambiguous)));
    let stolen = changed(&|d| d.verification_method.as_mut().unwrap()[0].controller.push('x'));
    assert!(matches!(stolen, TrustError::Key(KeyProblem::Controller)));
    let jwk = |value: Value| {
        changed(&|d| {
            let mut jwk: Value = d.verification_method.as_ref().unwrap()[0]
                .public_key_jwk
                .as_ref()
                .unwrap()
                .parse()
                .unwrap();
            jwk.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
            d.verification_method.as_mut().unwrap()[0].public_key_jwk = Some(jwk.into());
        })
    };
    let secret = jwk(json!({"d": "AA"}));
    assert!(matches!(secret, TrustError::Key(KeyProblem::Jwk(JwkError::Secret))));
    for (member, value) in [("alg", "EdDSA"), ("use", "enc")] {
        let refused = jwk(json!({member: value}));
        assert!(
            matches!(refused, TrustError::Key(KeyProblem::Jwk(JwkError::Purpose(found))) if found == member)
        );
    }
    let purpose = jwk(json!({"key_ops": ["sign"]}));
    assert!(matches!(purpose, TrustError::Key(KeyProblem::Jwk(JwkError::Purpose("key_ops")))));
    let expired = jwk(json!({"exp": 1}));
    assert!(matches!(expired, TrustError::Jws(JwsError::Key(KeyError::Expired))));
    // Written within the list, and by its fragment alone.
    for embedded in [true, false] {
        let mut document = document.clone();
        let mut method = methods(&mut document).remove(0);
        method.id = method.id.replace(DID, "");
        document.assertion_method = Some(vec![if embedded {
            MethodOrReference::Method(method)
        } else {
            let id = method.id.clone();
            document.verification_method = Some(vec![method]);
            MethodOrReference::Reference(id)
        }]);
        let _ = check(&entry, &document, time(1)).unwrap();
        assert_eq!(document.assertion_keys().unwrap().keys()[0].key_id(), key.key_id());
    }
}

#[test]
fn the_profile_takes_es256_of_the_domain_alone() {
    let mut manifest = TrustManifest::new(DID).with_subject(Subject::new(NAME, "x"));
    let root = did();
    let mut refused = |did: &DidWeb, key: &SigningKey, lifetime| match now(sign_manifest(
        &mut manifest,
        did,
        key,
        lifetime,
    )) {
        Err(SignError::Form(reason)) => reason.to_string(),
        other => panic!("{other:?}"),
    };
    let good = key(Algorithm::Es256, "k");
    assert!(refused(&root, &key(Algorithm::EdDsa, "k"), lifetime()).contains("ES256"));
    let foreign = SigningKey::generate(Algorithm::Es256).unwrap();
    assert!(refused(&root, &foreign, lifetime()).contains("the key's name"));
    let path: DidWeb = "did:web:example.com:a".parse().unwrap();
    assert!(refused(&path, &good, lifetime()).contains("domains alone"));
    let over = Lifetime { issued_at: time(1), expires_at: Some(time(1)) };
    assert!(refused(&root, &good, over).contains("over before"));

    // Whoever signs otherwise is not believed.
    let Published { entry, document, key } = publish();
    for (header, expected) in [
        (Header::new().with_type("ai-catalog+jws"), "Type"),
        (Header::new(), "Type"),
        (
            Header::new().with_type("ai-catalog-trust-manifest+jws").with("jku", "x"),
            "Parameter(\"jku\")",
        ),
        (
            Header::new().with_type("ai-catalog-trust-manifest+jws").with("b64", true),
            "Parameter(\"b64\")",
        ),
    ] {
        let mut entry = entry.clone();
        let manifest = &mut entry.trust_manifests.as_mut().unwrap()[0];
        let mut payload = serde_json::to_value(&*manifest).unwrap();
        payload["signature"].as_object_mut().unwrap().remove("jws");
        let payload = Canonical::of(&payload).unwrap();
        let signed = jws::sign_now(header, payload.as_bytes(), &key).unwrap();
        manifest.signature.as_mut().unwrap().jws = signed.detached();
        let found = check(&entry, &document, time(1)).unwrap_err();
        assert_eq!(format!("{found:?}"), format!("Jws({expected})"));
    }
    let mut entry = entry;
    let manifest = &mut entry.trust_manifests.as_mut().unwrap()[0];
    let alien = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id("did:web:a.example#k");
    let header = Header::new().with_type("ai-catalog-trust-manifest+jws");
    manifest.signature.as_mut().unwrap().jws =
        jws::sign_now(header, b"x", &alien).unwrap().detached();
    assert!(matches!(check(&entry, &document, time(1)), Err(TrustError::KeyId)));
}

#[test]
fn no_damaged_catalog_is_accepted() {
    let Published { entry, document, key } = publish();
    let mut catalog = Catalog::of([entry]).with_host(HostInfo::new("Example"));
    now(sign_catalog(&mut catalog, &did(), &key, lifetime())).unwrap();
    let text = serde_json::to_string(&catalog).unwrap();
    assert_eq!(verify_catalog(text.as_bytes(), &document, time(1)).unwrap(), catalog);
    let mut refused = 0;
    for changed in damaged(&text) {
        let accepted = verify_catalog(&changed, &document, time(1)).is_ok();
        assert_eq!(
            accepted,
            says_the_same(&changed, &text),
            "{}",
            String::from_utf8_lossy(&changed)
        );
        refused += usize::from(!accepted);
    }
    assert!(refused > 10_000, "{refused}");

    // What is kept for later is no part of it, whatever is in it.
    let later = text.replacen('{', r#"{"additionalSignatures":[1],"#, 1);
    verify_catalog(later.as_bytes(), &document, time(1)).unwrap();
    let mut other = catalog.clone();
    other.host.as_mut().unwrap().identifier = Some("did:web:a.example".to_owned());
    let other = serde_json::to_vec(&other).unwrap();
    assert!(matches!(verify_catalog(&other, &document, time(1)), Err(TrustError::NotThe(_))));
    let mut hostless = catalog;
    hostless.host = None;
    assert!(now(sign_catalog(&mut hostless, &did(), &key, lifetime())).is_err());
}

#[test]
fn documents_have_old_and_new_keys_while_they_rotate() {
    let chain = Keychain::new()
        .with(key(Algorithm::Es256, "old"), Validity::always().until(time(200)))
        .unwrap()
        .with(key(Algorithm::Es256, "new"), Validity::always().from(time(100)))
        .unwrap();
    let names = |at| {
        let document = DidDocument::of(&did(), &chain.key_set(time(at)));
        document.validate().unwrap();
        let text = serde_json::to_vec(&document).unwrap();
        let keys = DidDocument::judge(&text).unwrap().assertion_keys().unwrap();
        assert_eq!(keys, chain.key_set(time(at)));
        keys.keys().len()
    };
    assert_eq!([0, 150, 199, 200].map(names), [2, 2, 2, 1]);
}
