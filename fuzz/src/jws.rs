//! No text is a signature but one that was made, and that one in one spelling only.
//!
//! Input: a byte that chooses, then a text that is taken for a signature, or a payload that is signed.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mcp_trust::jws::{self, Header, JwsVerifier};
use mcp_trust::keys::SigningKey;

/// The key of RFC 8037, appendix A: what fails once fails again.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let jwk = br#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k"}"#;
    SigningKey::from_jwk(jwk).expect("the RFC's key")
});

fuzz_target!(|data: &[u8]| {
    let verifier = JwsVerifier::new(KEY.verifying_key()).limit(4096);
    let Some((&choice, data)) = data.split_first() else { return };
    if choice % 2 == 0 {
        let Ok(text) = std::str::from_utf8(data) else { return };
        if let Ok(verified) = verifier.compact(text) {
            // The key is in this file, but libFuzzer cannot sign: it can only find what was made once.
            let again = jws::sign_now(verified.header, &verified.payload, &KEY).expect("signs");
            assert_eq!(text.rsplit('.').next(), Some(again.signature()), "a second signature");
        }
        let _ = verifier.detached(text, b"payload");
        let _ = jws::peek(text);
        return;
    }
    let Ok(signed) = jws::sign_now(Header::new(), data, &KEY) else { return };
    let compact = signed.compact();
    match verifier.compact(&compact) {
        Ok(verified) => assert_eq!(verified.payload, data),
        Err(_) => assert!(compact.len() > 4096, "what was signed does not hold"),
    }
    let at = usize::from(choice / 2) * 31 % compact.len();
    let mut changed = compact.clone().into_bytes();
    changed[at] ^= 1;
    if let Ok(changed) = String::from_utf8(changed) {
        assert!(verifier.compact(&changed).is_err(), "byte {at} does not matter");
    }
});
