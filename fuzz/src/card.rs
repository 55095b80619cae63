//! Cards, catalogs, DID documents: what is judged good is good again after it was written, and addresses are read in one way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_identity::url::{Url, UrlError};
use mcp_identity::{AgentCard, AirUrn, Catalog, DidDocument, DidWeb, ServerCard};

fuzz_target!(|data: &[u8]| {
    macro_rules! judged {
        ($($document:ident),*) => {$(
            if let Ok(document) = $document::judge(data) {
                document.validate().expect("a good document is none");
                let text = serde_json::to_vec(&document).expect("it can be written");
                let again = $document::judge(&text).expect("what was written is no good document");
                assert_eq!(again, document);
            }
        )*};
    }
    judged!(ServerCard, Catalog, AgentCard, DidDocument);
    if let Ok(document) = mcp_trust::strict::from_slice::<DidDocument>(data) {
        let _ = document.assertion_keys();
    }
    if let Ok(catalog) = mcp_trust::strict::from_slice::<Catalog>(data) {
        for entry in &catalog.entries {
            let _ = (entry.kind(), entry.air(), entry.label());
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(url) = text.parse::<Url>() {
        let again: Url = url.as_str().parse().expect("its own form");
        assert_eq!(again, url);
        assert_eq!([url.origin(), url.target()].concat(), url.as_str());
        assert!(url.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        let joined = url.join(url.as_str()).expect("itself");
        assert_eq!(joined, url);
    }
    let base: Url = "https://example.com/a/b?c".parse().expect("an address");
    if let Ok(joined) = base.join(text) {
        assert_eq!(joined.as_str().parse(), Ok(joined.clone()));
    }
    if let Ok(urn) = text.parse::<AirUrn>() {
        assert_eq!(urn.as_str(), text);
    }
    if let Ok(did) = text.parse::<DidWeb>() {
        assert_eq!(did.as_str(), text);
        // Long names and names of one label are names, but nobody is asked for their documents.
        match did.document_url().parse::<Url>() {
            Ok(url) => assert!(url.is_secure()),
            Err(UrlError::TooLong) => {}
            Err(error) => assert!(!did.host().contains('.'), "{error}"),
        }
    }
});
