//! The rules of DID Core for the members that this crate uses.

use crate::finding::{Judge, rule};

pub(super) fn document(document: &mut Judge<'_>) {
    if document.object().is_none() {
        return;
    }
    document.required("id", |id| id.form("a DID", is_did));
    document.optional("verificationMethod", |methods| methods.each(method));
    document.optional("assertionMethod", |methods| {
        methods.each(|one| {
            if one.is_text() { one.form("the name of a key", is_key_name) } else { method(one) }
        });
    });
    document.optional("service", |services| {
        services.each(|service| {
            if service.object().is_some() {
                service.required("id", rule::string);
                service.required("type", |_| {});
                service.required("serviceEndpoint", |_| {});
            }
        });
    });
}

fn method(method: &mut Judge<'_>) {
    if method.object().is_none() {
        return;
    }
    method.required("id", |id| id.form("the name of a key", is_key_name));
    method.required("type", rule::filled);
    method.required("controller", |controller| controller.form("a DID", is_did));
    method.optional("publicKeyJwk", |jwk| {
        if jwk.object().is_some() {
            jwk.required("kty", rule::filled);
            if jwk.member("d").is_some() {
                let problem = crate::finding::Problem::Forbidden("the key is secret");
                jwk.found_at("d", problem);
            }
        }
    });
}

/// `did:`, a method, a colon and what the method has there (DID Core, section 3.1).
fn is_did(text: &str) -> bool {
    let Some((method, id)) = text.strip_prefix("did:").and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    !method.is_empty()
        && method.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && !id.is_empty()
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_%:".contains(&byte))
}

fn is_key_name(text: &str) -> bool {
    text.split_once('#').is_some_and(|(did, fragment)| {
        (did.is_empty() || is_did(did)) && !fragment.is_empty() && !fragment.contains('#')
    })
}
