use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::keys::{
    Algorithm, KeyError, KeySet, Keychain, PublishedKey, SignError, Signature, Signer, Signing,
    SigningKey, Validity, VerifyingKey,
};

/// RFC 8037, appendix A: an Ed25519 key, and a text that it signed.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519",
    "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const ED25519_SIGNED: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
    hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

/// RFC 7515, appendix A.3: a P-256 key, and a text that it signed.
const P256: &str = r#"{"kty":"EC","crv":"P-256",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
const P256_SIGNED: &str = "eyJhbGciOiJFUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn key(jwk: &str) -> SigningKey {
    SigningKey::from_jwk(jwk.as_bytes()).unwrap()
}

#[test]
fn examples_of_the_rfcs() {
    let ed25519 = key(ED25519);
    let verified = JwsVerifier::new(ed25519.verifying_key()).compact(ED25519_SIGNED).unwrap();
    assert_eq!(verified.payload, b"Example of Ed25519 signing");
    assert_eq!(verified.algorithm, Algorithm::EdDsa);
    // Ed25519 is deterministic, so signing gives the published signature.
    let (input, signature) = ED25519_SIGNED.rsplit_once('.').unwrap();
    let ours = ed25519.sign_now(input.as_bytes()).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(ours.as_bytes()), signature);

    let p256 = key(P256);
    let verified = JwsVerifier::new(p256.verifying_key()).compact(P256_SIGNED).unwrap();
    assert!(verified.payload.starts_with(b"{\"iss\":\"joe\""));
    assert_eq!(verified.algorithm, Algorithm::Es256);
    // Each by the other's key.
    for (text, key) in [(ED25519_SIGNED, &p256), (P256_SIGNED, &ed25519)] {
        let refused = JwsVerifier::new(key.verifying_key()).compact(text);
        assert!(matches!(refused, Err(JwsError::Key(KeyError::AlgorithmMismatch))));
    }
}

/// Signs a header exactly as it is written here.
fn forge(header: &str, key: &SigningKey) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("payload"));
    let signature = key.sign_now(input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_bytes()))
}

#[test]
fn what_a_header_must_not_say_is_refused_by_name() {
    let key = key(ED25519);
    let verifier = JwsVerifier::new(key.verifying_key());
    let refusal = |header: &str| match verifier.compact(&forge(header, &key)) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => format!("{error:?}"),
    };
    for (header, expected) in [
        (r#"{"alg":"EdDSA"}"#, "accepted"),
        (r#"{"alg":"Ed25519"}"#, "accepted"),
        (r#"{"alg":"EdDSA","x5t":"AQ","other":{"a":[1]}}"#, "accepted"),
        (r#"{"alg":"none"}"#, "AlgorithmNone"),
        (r#"{"alg":"nOnE"}"#, "AlgorithmNone"),
        (r#"{"alg":"HS256"}"#, "AlgorithmUnsupported"),
        (r#"{"alg":"RS256"}"#, "AlgorithmUnsupported"),
        (r#"{"alg":"eddsa"}"#, "AlgorithmUnsupported"),
        (r#"{"alg":7}"#, "AlgorithmUnsupported"),
        (r#"{}"#, "AlgorithmUnsupported"),
        (r#"{"alg":"ES256"}"#, "Key(AlgorithmMismatch)"),
        (r#"{"alg":"EdDSA","jwk":{}}"#, "Parameter(\"jwk\")"),
        (r#"{"alg":"EdDSA","jku":"https://example.com"}"#, "Parameter(\"jku\")"),
        (r#"{"alg":"EdDSA","x5u":"https://example.com"}"#, "Parameter(\"x5u\")"),
        (r#"{"alg":"EdDSA","x5c":[]}"#, "Parameter(\"x5c\")"),
        (r#"{"alg":"EdDSA","b64":true}"#, "Parameter(\"b64\")"),
        (r#"{"alg":"EdDSA","b64":false,"crit":["b64"]}"#, "Parameter(\"b64\")"),
        (r#"{"alg":"EdDSA","kid":7}"#, "Parameter(\"kid\")"),
        (r#"{"alg":"EdDSA","typ":null}"#, "Parameter(\"typ\")"),
        (r#"{"alg":"EdDSA","crit":[]}"#, "CriticalMalformed"),
        (r#"{"alg":"EdDSA","crit":"x","x":1}"#, "CriticalMalformed"),
        (r#"{"alg":"EdDSA","crit":[1]}"#, "CriticalMalformed"),
        (r#"{"alg":"EdDSA","crit":["x"]}"#, "CriticalMalformed"),
        (r#"{"alg":"EdDSA","crit":["x","x"],"x":1}"#, "CriticalMalformed"),
        (r#"{"alg":"EdDSA","crit":["alg"]}"#, "CriticalMalformed"),
        (r#"{"alg":"EdDSA","crit":["x"],"x":1}"#, "CriticalUnknown"),
        (r#"{"alg":"EdDSA","alg":"EdDSA"}"#, "Header(DuplicateKey { at: 15 })"),
        (r#"{"alg":"none","\u0061lg":"EdDSA"}"#, "Header(DuplicateKey { at: 14 })"),
        ("\u{feff}{}", "Header(ByteOrderMark)"),
    ] {
        assert_eq!(refusal(header), expected, "{header}");
    }
    assert!(refusal("[]").starts_with("Header(Form("));

    let lenient = verifier.clone().understands("x").ignores("jku").ignores("b64").ignores("alg");
    assert!(lenient.compact(&forge(r#"{"alg":"EdDSA","crit":["x"],"x":1}"#, &key)).is_ok());
    assert!(
        lenient.compact(&forge(r#"{"alg":"EdDSA","jku":"https://example.com"}"#, &key)).is_ok()
    );
    assert!(lenient.compact(&forge(r#"{"alg":"EdDSA","b64":true}"#, &key)).is_err());
    assert!(lenient.compact(&forge(r#"{"alg":"EdDSA","jwk":{}}"#, &key)).is_err());
    let b64 = lenient
        .understands("b64")
        .compact(&forge(r#"{"alg":"EdDSA","b64":false,"crit":["b64"]}"#, &key));
    assert!(matches!(b64, Err(JwsError::Parameter("b64"))));
}

#[test]
fn forms_are_not_mixed_up() {
    let key = key(ED25519);
    let verifier = JwsVerifier::new(key.verifying_key()).limit(200);
    let signed = sign_now(Header::new(), b"payload", &key).unwrap();
    assert_eq!(verifier.compact(&signed.compact()).unwrap().header.key_id(), Some(key.key_id()));
    assert!(verifier.detached(&signed.detached(), b"payload").is_ok());
    assert!(verifier.parts(signed.protected(), signed.signature(), b"payload").is_ok());

    assert!(matches!(verifier.detached(&signed.compact(), b"payload"), Err(JwsError::Form)));
    // An empty payload is signed like any other, and is not this one.
    assert!(matches!(
        verifier.compact(&signed.detached()),
        Err(JwsError::Key(KeyError::Signature))
    ));
    assert!(matches!(
        verifier.detached(&signed.detached(), &[0; 200]),
        Err(JwsError::TooLong { limit: 200 })
    ));
    for text in ["", ".", "a.b", "a.b.c.d", &signed.compact().replace('.', " ")] {
        assert!(matches!(verifier.compact(text), Err(JwsError::Form)), "{text}");
    }
    let (input, signature) = ED25519_SIGNED.rsplit_once('.').unwrap();
    for (text, part) in [
        (format!("{input}.{signature}=="), "signature"),
        // The last character's lowest bits belong to no byte.
        (format!("{input}.{}", signature.replace("0KAg", "0KAh")), "signature"),
        (format!("{input}.{}", signature.replace('_', "/")), "signature"),
        (ED25519_SIGNED.replacen("J9.", "J9=.", 1), "header"),
        (ED25519_SIGNED.replacen(".RX", ".\nRX", 1), "payload"),
    ] {
        match verifier.compact(&text) {
            Err(JwsError::Base64(found)) => assert_eq!(found, part),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(matches!(verifier.compact(&format!("{input}.AAAA")), Err(JwsError::Length)));
    assert!(matches!(verifier.compact(&format!("{input}.")), Err(JwsError::Length)));
    assert!(matches!(
        verifier.compact(&format!("{input}.{}", "A".repeat(200))),
        Err(JwsError::TooLong { .. })
    ));
}

#[test]
fn the_expected_type_and_algorithms_alone_are_accepted() {
    let key = key(P256);
    let signed = sign_now(Header::new().with_type("card"), b"x", &key).unwrap().compact();
    let verifier = JwsVerifier::new(key.verifying_key());
    assert_eq!(
        verifier.clone().expect_type("card").compact(&signed).unwrap().header.kind(),
        Some("card")
    );
    assert!(matches!(
        verifier.clone().expect_type("receipt").compact(&signed),
        Err(JwsError::Type)
    ));
    assert!(matches!(
        verifier.clone().expect_type("card").compact(P256_SIGNED),
        Err(JwsError::Type)
    ));
    let none = verifier.algorithms([]);
    assert!(matches!(none.compact(&signed), Err(JwsError::AlgorithmNotAllowed(Algorithm::Es256))));
}

#[test]
fn keys_rotate_with_overlap() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let new = || SigningKey::generate(Algorithm::EdDsa).unwrap();
    let chain = Keychain::new()
        .with(new().with_key_id("old"), Validity::always().until(at(200)))
        .unwrap()
        .with(new().with_key_id("new"), Validity::always().from(at(100)))
        .unwrap();
    let sign_at = |time| {
        let signer = chain.current(time).unwrap();
        now(sign(Header::new(), b"x", signer)).unwrap().compact()
    };
    let (old, new) = (sign_at(at(99)), sign_at(at(100)));
    // A verifier that fetched the set before the new key signed knows it already.
    let set = KeySet::from_slice(chain.key_set(at(0)).to_json().as_bytes()).unwrap();
    let verify = |text: &str, time| JwsVerifier::new(&set).at(time).compact(text).map(|_| ());
    assert!(verify(&old, at(99)).is_ok());
    assert!(verify(&old, at(199)).is_ok());
    assert!(verify(&new, at(100)).is_ok());
    assert!(matches!(verify(&new, at(99)), Err(JwsError::Key(KeyError::NotYetValid))));
    assert!(matches!(verify(&old, at(200)), Err(JwsError::Key(KeyError::Expired))));
    // The names do not make the keys.
    let swapped = KeySet::new([
        PublishedKey::new("old", set.get("new").unwrap().key().clone(), Validity::always()),
        PublishedKey::new("new", set.get("old").unwrap().key().clone(), Validity::always()),
    ]);
    let swapped = swapped.unwrap();
    let refused = JwsVerifier::new(&swapped).compact(&old);
    assert!(matches!(refused, Err(JwsError::Key(KeyError::Signature))));
}

/// Runs a future that needs no waiting.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the future waits"),
    }
}

#[test]
fn a_signer_that_signs_with_another_key_is_found_out() {
    struct Confused(SigningKey, VerifyingKey);
    impl Signer for Confused {
        fn key_id(&self) -> &str {
            "confused"
        }
        fn verifying_key(&self) -> &VerifyingKey {
            &self.1
        }
        fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
            self.0.sign(message)
        }
    }
    let other = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let confused = Confused(key(ED25519), other.verifying_key().clone());
    assert!(matches!(now(sign(Header::new(), b"x", &confused)), Err(SignError::Wrong)));
    let fine = Confused(key(ED25519), key(ED25519).verifying_key().clone());
    assert!(now(sign(Header::new(), b"x", &fine)).is_ok());
}

#[test]
fn critical_parameters_are_written_as_they_are_read() {
    let key = key(ED25519);
    let header = Header::new()
        .with_critical("a", 1)
        .with_critical("b", true)
        .with_content_type("text/plain");
    let signed = sign_now(header, b"x", &key).unwrap().compact();
    let verifier = JwsVerifier::new(key.verifying_key());
    assert!(matches!(
        verifier.clone().understands("a").compact(&signed),
        Err(JwsError::CriticalUnknown)
    ));
    let verified = verifier.understands("a").understands("b").compact(&signed).unwrap();
    assert_eq!(verified.header.get("crit"), Some(&serde_json::json!(["a", "b"])));
    assert_eq!(verified.header.text("cty"), Some("text/plain"));
}

#[test]
fn every_changed_bit_is_refused() {
    for jwk in [ED25519, P256] {
        let key = key(jwk);
        let signed = sign_now(Header::new().with_type("card"), br#"{"a":1}"#, &key).unwrap();
        let set = KeySet::new([PublishedKey::new(
            key.key_id(),
            key.verifying_key().clone(),
            Validity::always(),
        )]);
        let set = set.unwrap();
        let verifier = JwsVerifier::new(&set).at(SystemTime::UNIX_EPOCH);
        for (text, payload) in [(signed.compact(), None), (signed.detached(), Some(br#"{"a":1}"#))]
        {
            let verify = |text: &str| match payload {
                None => verifier.compact(text),
                Some(payload) => verifier.detached(text, payload),
            };
            verify(&text).unwrap();
            for bit in 0..text.len() * 8 {
                let mut bytes = text.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                // Most bits that make another character of the text are not UTF-8 any more.
                if let Ok(changed) = String::from_utf8(bytes) {
                    assert!(verify(&changed).is_err(), "bit {bit}");
                }
            }
            for length in 0..text.len() {
                assert!(verify(&text[..length]).is_err());
            }
            assert!(verify(&format!("{text}A")).is_err());
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "[A-Za-z0-9_.=-]{0,80}|.{0,40}", payload: Vec<u8>) {
        let key = key(ED25519);
        let verifier = JwsVerifier::new(key.verifying_key());
        prop_assert!(verifier.compact(&text).is_err());
        prop_assert!(verifier.detached(&text, &payload).is_err());
    }

    #[test]
    fn any_payload_is_signed(payload: Vec<u8>, other: Vec<u8>) {
        for jwk in [ED25519, P256] {
            let key = key(jwk);
            let signed = sign_now(Header::new(), &payload, &key).unwrap();
            let verifier = JwsVerifier::new(key.verifying_key());
            prop_assert_eq!(&verifier.compact(&signed.compact()).unwrap().payload, &payload);
            prop_assert_eq!(verifier.detached(&signed.detached(), &other).is_ok(), payload == other);
        }
    }

    #[test]
    fn no_other_signature_holds(bytes in prop::collection::vec(any::<u8>(), 64)) {
        let key = key(P256);
        let signature = Signature::from_slice(&bytes).unwrap();
        prop_assert!(key.verifying_key().verify(b"x", &signature).is_err());
    }
}
