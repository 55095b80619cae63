//! The rules of the AI Catalog specification for documents, and those of the `did:web` profiles for signatures.

use std::collections::HashSet;

use mcp_trust::digest::Digest;
use serde_json::Value;

use crate::finding::{Judge, Problem, is_uri, rule};
use crate::time::Timestamp;

pub(super) fn catalog(catalog: &mut Judge<'_>) {
    if catalog.object().is_none() {
        return;
    }
    catalog.required("specVersion", |version| match version.text().map(major) {
        Some(Some(1)) | None => {}
        Some(Some(_)) => version.found(Problem::Version),
        Some(None) => version.found(Problem::Form("a version of the form major.minor")),
    });
    catalog.required("entries", |entries| {
        entries.each(entry);
        unique(entries);
    });
    catalog.optional("host", host);
    catalog.optional("extensions", extensions);
    catalog.optional("signature", signature);
}

/// The major version of a text of the form `1.0`.
fn major(version: &str) -> Option<u64> {
    let (major, minor) = version.split_once('.')?;
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    number(minor)?;
    number(major)
}

/// Names are unique, with their versions where they have them.
fn unique(entries: &mut Judge<'_>) {
    let mut seen = HashSet::new();
    let text =
        |entry: &Value, member: &str| entry.get(member).and_then(Value::as_str).map(str::to_owned);
    let repeated: Vec<usize> = entries
        .entries()
        .iter()
        .enumerate()
        .filter(|(_, entry)| match text(entry, "identifier") {
            Some(identifier) => !seen.insert((identifier, text(entry, "version"))),
            None => false,
        })
        .map(|(at, _)| at)
        .collect();
    for at in repeated {
        entries.found_at(&at.to_string(), Problem::Repeated("an identifier and its version"));
    }
}

fn host(host: &mut Judge<'_>) {
    if host.object().is_none() {
        return;
    }
    host.required("displayName", rule::string);
    for name in ["identifier", "documentationUrl", "logoUrl"] {
        host.optional(name, rule::string);
    }
}

fn entry(entry: &mut Judge<'_>) {
    if entry.object().is_none() {
        return;
    }
    entry.required("identifier", rule::filled);
    if entry.member("type").is_some() || entry.member("mediaType").is_none() {
        entry.required("type", rule::filled);
    } else {
        entry.found_at("mediaType", Problem::Forbidden("the member is called type"));
    }
    entry.exactly_one_of(&["data", "url"]);
    entry.optional("url", rule::uri);
    for name in ["displayName", "description", "version"] {
        entry.optional(name, rule::string);
    }
    entry.optional("tags", rule::strings);
    entry.optional("updatedAt", timestamp);
    entry.optional("digest", digest);
    entry.optional("extensions", extensions);
    entry.optional("publisher", |publisher| {
        if publisher.object().is_some() {
            publisher.required("identifier", rule::string);
            publisher.required("displayName", rule::string);
            publisher.optional("identityType", rule::string);
        }
    });
    let holder = Holder::of(entry);
    entry.optional("trustManifests", |manifests| manifests.each(|one| manifest(one, &holder)));
}

/// The members of an entry that the subjects of its manifests repeat.
struct Holder<'a>([(&'static str, Option<&'a str>); 5]);

impl<'a> Holder<'a> {
    fn of(entry: &Judge<'a>) -> Self {
        Self(
            ["identifier", "type", "digest", "version", "url"]
                .map(|name| (name, entry.member_text(name))),
        )
    }
}

fn manifest(manifest: &mut Judge<'_>, holder: &Holder<'_>) {
    if manifest.object().is_none() {
        return;
    }
    manifest.required("contributor", rule::uri);
    let filled = |name| match manifest.member(name) {
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
        Some(_) => true,
        None => false,
    };
    const SAYS: &[&str] = &["signature", "trustSchema", "attestations", "provenance", "extensions"];
    if !SAYS.iter().any(|name| filled(name)) {
        manifest.found(Problem::NoneOf(SAYS));
    }
    if manifest.member("signature").is_some() {
        manifest.required("subject", |_| {});
    }
    manifest.optional("subject", |one| subject(one, holder));
    let contributor = manifest.member_text("contributor");
    manifest.optional("signature", |one| {
        signature(one);
        if let (Some(signer), Some(contributor)) = (one.member_text("signer"), contributor)
            && signer != contributor
        {
            one.found_at("signer", Problem::Differs("the contributor"));
        }
    });
    manifest.optional("trustSchema", |schema| {
        if schema.object().is_some() {
            schema.required("identifier", rule::string);
            schema.required("version", rule::string);
            schema.optional("governanceUri", rule::string);
            schema.optional("verificationMethods", rule::strings);
        }
    });
    manifest.optional("attestations", |all| all.each(attestation));
    manifest.optional("provenance", |all| all.each(provenance));
    manifest.optional("extensions", extensions);
}

fn subject(subject: &mut Judge<'_>, Holder(holder): &Holder<'_>) {
    if subject.object().is_none() {
        return;
    }
    subject.required("identifier", rule::filled);
    subject.required("type", rule::filled);
    subject.optional("digest", digest);
    subject.optional("version", rule::string);
    subject.optional("url", |url| {
        url.form("an https URL", |text| is_uri(text) && text.starts_with("https://"))
    });
    if subject.member("digest").is_none() && subject.member("url").is_none() {
        subject.found(Problem::NoneOf(&["digest", "url"]));
    }
    for &(name, expected) in holder {
        let found = subject.member_text(name);
        // The entry's URL need not be repeated where there is a digest.
        if found != expected && !(name == "url" && found.is_none()) {
            subject.found_at(name, Problem::Differs("the entry"));
        }
    }
}

pub(super) fn signature(signature: &mut Judge<'_>) {
    if signature.object().is_none() {
        return;
    }
    signature.required("signer", rule::uri);
    signature.required("profile", rule::filled);
    signature.required("issuedAt", timestamp);
    signature.required("jws", |jws| jws.form("a detached JWS", is_detached));
    signature.optional("expiresAt", timestamp);
    let time = |name| signature.member_text(name).and_then(Timestamp::parse);
    if let (Some(issued), Some(expires)) = (time("issuedAt"), time("expiresAt"))
        && expires <= issued
    {
        signature.found_at("expiresAt", Problem::Form("later than issuedAt"));
    }
}

fn is_detached(jws: &str) -> bool {
    let part = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    jws.split_once("..").is_some_and(|(header, signature)| part(header) && part(signature))
}

fn attestation(attestation: &mut Judge<'_>) {
    if attestation.object().is_none() {
        return;
    }
    attestation.required("type", rule::string);
    attestation.required("uri", rule::uri);
    attestation.optional("digest", digest);
    attestation.optional("size", |size| size.natural());
    attestation.optional("description", rule::string);
}

fn provenance(link: &mut Judge<'_>) {
    if link.object().is_none() {
        return;
    }
    link.required("relation", rule::string);
    link.required("sourceId", rule::string);
    link.optional("sourceDigest", digest);
    for name in ["registryUri", "statementUri", "signatureRef"] {
        link.optional(name, rule::string);
    }
}

fn extensions(extensions: &mut Judge<'_>) {
    let Some(members) = extensions.object() else { return };
    for key in members.keys().filter(|key| !is_extension_key(key)) {
        extensions.found_at(key, Problem::Form("under a URL or a name in reverse-DNS form"));
    }
}

/// A URL, or labels with dots between them.
fn is_extension_key(key: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    is_uri(key) || (key.contains('.') && key.split('.').all(label))
}

fn timestamp(value: &mut Judge<'_>) {
    value.form("a time of RFC 3339", |text| Timestamp::parse(text).is_some());
}

/// `sha256:` and its digits, or another algorithm that is as strong.
fn digest(value: &mut Judge<'_>) {
    value.form("a digest of SHA-256 or stronger", |text| {
        let hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        match text.split_once(':') {
            Some(("sha256", _)) => text.parse::<Digest>().is_ok(),
            Some(("sha384", digits)) => hex(digits, 96),
            Some(("sha512", digits)) => hex(digits, 128),
            _ => false,
        }
    });
}
