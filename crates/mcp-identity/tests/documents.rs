//! The documents' types against what is published, and against input of all kinds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

use std::path::PathBuf;

use mcp_identity::finding::Problem;
use mcp_identity::{AgentCard, Catalog, DidDocument, Findings, ServerCard};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A folder of the published specification, if it is here.
fn published(path: &str) -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = here
        .ancestors()
        .map(|folder| folder.join("shared/spec").join(path))
        .find(|path| path.exists());
    if found.is_none() {
        println!("skipped: {path} of the published specification is not here");
    }
    found
}

#[test]
fn every_published_example_is_judged_as_its_folder_says() {
    let Some(folder) = published("examples/server-card/ServerCard") else { return };
    for (name, valid) in [("valid", true), ("invalid", false)] {
        let mut count = 0;
        for file in std::fs::read_dir(folder.join(name)).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read(&path).unwrap();
            match ServerCard::judge(&text) {
                Ok(card) => {
                    assert!(valid, "{} was accepted", path.display());
                    card.validate().unwrap();
                    let again = serde_json::to_value(&card).unwrap();
                    assert_eq!(again, serde_json::from_slice::<Value>(&text).unwrap());
                }
                Err(found) => assert!(!valid, "{}: {found}", path.display()),
            }
            count += 1;
        }
        assert!(count > 1, "{name} has {count} examples");
    }
}

#[test]
fn published_mistakes_have_names() {
    let Some(folder) = published("examples/server-card/ServerCard/invalid") else { return };
    let schema = Problem::Form("the schema of server cards, v1");
    for (file, at, problem) in [
        ("bad-name-pattern", "/name", Problem::Form("a namespace, a slash and a name")),
        ("wrong-schema-name", "/$schema", schema.clone()),
        ("date-versioned-schema", "/$schema", schema),
        ("missing-schema", "/$schema", Problem::Missing),
        ("missing-name", "/name", Problem::Missing),
    ] {
        let text = std::fs::read(folder.join(file).with_extension("json")).unwrap();
        let found = ServerCard::judge(&text).unwrap_err().into_vec();
        let found: Vec<_> = found.iter().map(|one| (one.at.as_str(), &one.problem)).collect();
        assert_eq!(found, [(at, &problem)], "{file}");
    }
}

fn card() -> Value {
    json!({
        "$schema": mcp_identity::card::SCHEMA,
        "name": "com.example/weather",
        "version": "1.0.0",
        "description": "Forecasts.",
        "title": "Weather",
        "websiteUrl": "https://example.com/",
        "repository": {"url": "https://example.com/git", "source": "github", "subfolder": "a/b"},
        "icons": [{"src": "https://example.com/i.png", "sizes": ["48x48"], "theme": "dark"}],
        "remotes": [{
            "type": "streamable-http",
            "url": "https://{tenant}.example.com/mcp",
            "headers": [{"name": "X-Key", "isSecret": true, "variables": {"a": {"format": "number"}}}],
            "variables": {"tenant": {"choices": ["a", "b"]}},
            "supportedProtocolVersions": ["2026-07-28"],
        }],
        "_meta": {"com.example/x": 1},
        "x-unknown": {"price": 1.50},
    })
}

fn catalog() -> Value {
    let digest = format!("sha256:{}", "0".repeat(64));
    json!({
        "specVersion": "1.0",
        "host": {"displayName": "Example", "identifier": "did:web:example.com"},
        "entries": [{
            "identifier": "urn:air:example.com:mcp:weather",
            "type": "application/mcp-server-card+json",
            "url": "https://example.com/mcp/server-card",
            "version": "1.0.0",
            "digest": digest,
            "updatedAt": "2026-01-01T00:00:00Z",
            "publisher": {"identifier": "did:web:example.com", "displayName": "Example"},
            "extensions": {"com.example.x": true},
            "trustManifests": [{
                "contributor": "did:web:example.com",
                "subject": {
                    "identifier": "urn:air:example.com:mcp:weather",
                    "type": "application/mcp-server-card+json",
                    "version": "1.0.0",
                    "digest": digest,
                },
                "signature": {
                    "signer": "did:web:example.com",
                    "profile": "did-web-v1",
                    "issuedAt": "2026-01-01T00:00:00Z",
                    "expiresAt": "2027-01-01T00:00:00Z",
                    "jws": "e30..AA",
                },
                "attestations": [{"type": "SOC2-Type2", "uri": "https://example.com/r", "size": 1}],
                "provenance": [{"relation": "publishedFrom", "sourceId": "x", "sourceDigest": digest}],
                "trustSchema": {"identifier": "urn:x:y", "version": "1"},
            }],
        }, {
            "identifier": "local",
            "type": "application/json",
            "data": {"any": ["thing", 1]},
        }],
        "x-unknown": null,
    })
}

fn agent() -> Value {
    json!({
        "name": "Weather",
        "description": "",
        "supportedInterfaces": [{"url": "https://example.com/a2a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
        "version": "1",
        "capabilities": {"streaming": false, "extensions": [{"uri": "urn:x:y", "required": true, "params": {"a": 1}}]},
        "defaultInputModes": ["text/plain"],
        "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "f", "name": "F", "description": "", "tags": ["t"], "examples": ["e"]}],
        "provider": {"url": "https://example.com", "organization": "Example"},
        "securitySchemes": {"google": {"openIdConnectSecurityScheme": {"openIdConnectUrl": "https://x"}}},
        "securityRequirements": [{"schemes": {"google": {"list": ["email"]}}}],
        "signatures": [{"protected": "e30", "signature": "AA", "header": {}}],
        "x-unknown": [],
    })
}

fn did() -> Value {
    let key = json!({
        "id": "did:web:example.com#a", "type": "JsonWebKey", "controller": "did:web:example.com",
        "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    });
    json!({
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": "did:web:example.com",
        "verificationMethod": [key],
        "assertionMethod": ["#a"],
        "service": [{"id": "#s", "type": "X", "serviceEndpoint": "https://example.com"}],
        "x-unknown": true,
    })
}

type Reread = fn(&[u8]) -> Result<Value, Findings>;

/// Reads a document strictly and writes it again.
const DOCUMENTS: [(fn() -> Value, Reread); 4] = [
    (card, |text| ServerCard::judge(text).map(|read| serde_json::to_value(read).unwrap())),
    (catalog, |text| Catalog::judge(text).map(|read| serde_json::to_value(read).unwrap())),
    (agent, |text| AgentCard::judge(text).map(|read| serde_json::to_value(read).unwrap())),
    (did, |text| DidDocument::judge(text).map(|read| serde_json::to_value(read).unwrap())),
];

#[test]
fn everything_survives() {
    for (document, reread) in DOCUMENTS {
        let value = document();
        assert_eq!(reread(value.to_string().as_bytes()).unwrap(), value);
    }
}

/// Every place of a value, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                places(
                    value,
                    &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            }
        }
        Value::Array(entries) => {
            for (index, value) in entries.iter().enumerate() {
                places(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// The places whose values belong to somebody else.
fn is_free(at: &str) -> bool {
    let free =
        ["x-unknown", "/_meta/", "/extensions/com", "/data", "params/", "/@context", "/service/0/"];
    free.iter().any(|part| at.contains(part))
        || ["/publicKeyJwk/x", "/publicKeyJwk/crv", "/header"].iter().any(|end| at.ends_with(end))
}

/// What no place takes: not even the members that may hold several kinds.
#[test]
fn a_value_of_the_wrong_kind_is_found_where_it_stands() {
    let mut count = 0;
    for (document, reread) in DOCUMENTS {
        let value = document();
        let mut all = Vec::new();
        places(&value, "", &mut all);
        for at in all.iter().filter(|at| !is_free(at)) {
            let mut wrong = value.clone();
            *wrong.pointer_mut(at).unwrap() = Value::Null;
            let found = reread(wrong.to_string().as_bytes()).unwrap_err();
            assert!(found.iter().any(|one| one.at.starts_with(at.as_str())), "{at}: {found}");
            count += 1;
        }
    }
    assert!(count > 100, "{count} places");
}

#[test]
fn every_rule_has_a_name() {
    let long = |length: usize| Value::from("x".repeat(length));
    let check = |index: usize, at: &str, wrong: Value, problem: Problem| {
        let (document, reread) = DOCUMENTS[index];
        let mut value = document();
        let (holder, key) = at.rsplit_once('/').unwrap();
        match value.pointer_mut(holder).unwrap() {
            Value::Object(members) => drop(members.insert(key.replace("~1", "/"), wrong)),
            Value::Array(entries) => entries[key.parse::<usize>().unwrap()] = wrong,
            other => panic!("{other}"),
        }
        let found = reread(value.to_string().as_bytes()).unwrap_err();
        assert!(
            found.iter().any(|one| one.problem == problem),
            "{at}: {found}, rather than {problem}"
        );
    };
    let range = Problem::Form("one version, rather than a range of them");
    for version in ["^1.2.3", "~1.2.3", ">=1.2.3", "1.x", "1.*", "*", "1 || 2", "1.0 - 2.0"] {
        check(0, "/version", version.into(), range.clone());
    }
    for version in ["1.0.2", "2.1.0-alpha", "2026.01", "1.0.0-x.7+b", "next", ""] {
        let mut value = card();
        value["version"] = version.into();
        ServerCard::judge(value.to_string().as_bytes()).unwrap();
    }
    check(0, "/description", long(101), Problem::TooLong { most: 100 });
    check(0, "/title", "".into(), Problem::TooShort { least: 1 });
    check(0, "/name", long(201), Problem::TooLong { most: 200 });
    check(0, "/name", "a/b/c".into(), Problem::Form("a namespace, a slash and a name"));
    check(0, "/version", long(256), Problem::TooLong { most: 255 });
    check(0, "/websiteUrl", "example.com".into(), Problem::Form("an absolute URI"));
    check(0, "/repository/subfolder", "../x".into(), Problem::Form("a clean relative path"));
    check(0, "/icons/0/theme", "blue".into(), Problem::NotOneOf(&["dark", "light"]));
    let transports = Problem::NotOneOf(&["sse", "streamable-http"]);
    check(0, "/remotes/0/type", "stdio".into(), transports);
    let remote = Problem::Form("an http or https URL, or a template of one");
    for url in ["ftp://x", "https://", "https://a b", "{1}/x", "{}", "{a", "/mcp"] {
        check(0, "/remotes/0/url", url.into(), remote.clone());
    }

    check(1, "/specVersion", "2.0".into(), Problem::Version);
    check(1, "/specVersion", "1".into(), Problem::Form("a version of the form major.minor"));
    check(1, "/entries/1/url", "https://x".into(), Problem::NotExactlyOne(&["data", "url"]));
    let entry = catalog()["entries"][1].clone();
    check(1, "/entries/0", entry, Problem::Repeated("an identifier and its version"));
    check(
        1,
        "/entries/0/digest",
        "sha1:00".into(),
        Problem::Form("a digest of SHA-256 or stronger"),
    );
    check(1, "/entries/0/version", "2.0.0".into(), Problem::Differs("the entry"));
    check(1, "/entries/0/identifier", "x".into(), Problem::Differs("the entry"));
    let manifest = "/entries/0/trustManifests/0";
    check(
        1,
        &format!("{manifest}/contributor"),
        "did:web:a.example".into(),
        Problem::Differs("the contributor"),
    );
    let says = &["signature", "trustSchema", "attestations", "provenance", "extensions"];
    check(1, manifest, json!({"contributor": "did:web:a.example"}), Problem::NoneOf(says));
    check(
        1,
        &format!("{manifest}/signature/expiresAt"),
        "2026-01-01T00:00:00Z".into(),
        Problem::Form("later than issuedAt"),
    );
    check(1, &format!("{manifest}/signature/jws"), "a.b.c".into(), Problem::Form("a detached JWS"));
    check(
        1,
        "/entries/0/extensions/short",
        1.into(),
        Problem::Form("under a URL or a name in reverse-DNS form"),
    );

    check(2, "/skills", json!([]), Problem::Empty);
    let skill = agent()["skills"][0].clone();
    check(2, "/skills", json!([skill, skill]), Problem::Repeated("a skill's id"));
    check(
        2,
        "/securitySchemes/google",
        json!({}),
        Problem::NotExactlyOne(&[
            "apiKeySecurityScheme",
            "httpAuthSecurityScheme",
            "oauth2SecurityScheme",
            "openIdConnectSecurityScheme",
            "mtlsSecurityScheme",
        ]),
    );

    check(3, "/id", "example.com".into(), Problem::Form("a DID"));
    check(
        3,
        "/verificationMethod/0/publicKeyJwk/d",
        "AA".into(),
        Problem::Forbidden("the key is secret"),
    );
}

#[test]
fn texts_that_readers_could_understand_differently_are_refused() {
    for (document, reread) in DOCUMENTS {
        let text = document().to_string();
        for wrong in [
            text.replacen('{', r#"{"x-unknown":1,"#, 1),
            format!("{text} x"),
            format!("\u{feff}{text}"),
            text.replacen('{', r#"{"y":9007199254740993,"#, 1),
            text.replacen('{', r#"{"y":"\ud800","#, 1),
            "".to_owned(),
        ] {
            let found = reread(wrong.as_bytes()).unwrap_err();
            assert!(matches!(found.into_vec()[0].problem, Problem::Json(_)));
        }
        let found = reread(b"[]").unwrap_err();
        assert_eq!(found.into_vec()[0].problem, Problem::Kind("an object"));
    }
}

/// Our own judgement and the published schema's, where both have a rule.
#[test]
fn the_generated_schema_has_the_published_members() {
    let Some(file) = published("server-card.schema.json") else { return };
    let published: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let ours: std::collections::BTreeMap<String, Value> = mcp_identity::schema::definitions()
        .into_iter()
        .map(|(name, schema)| (name, schema.to_value()))
        .collect();
    for (name, theirs) in published["$defs"].as_object().unwrap() {
        let Some(theirs_members) = theirs["properties"].as_object() else { continue };
        let ours = &ours[name];
        let sorted = |value: &Value| {
            let mut names: Vec<_> = value.as_array().into_iter().flatten().cloned().collect();
            names.sort_by_key(ToString::to_string);
            names
        };
        assert_eq!(sorted(&ours["required"]), sorted(&theirs["required"]), "{name}");
        let ours_members = ours["properties"].as_object().unwrap();
        let names =
            |members: &serde_json::Map<String, Value>| members.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(ours_members), names(theirs_members), "{name}");
        for (member, theirs) in theirs_members {
            if member == "$schema" {
                continue;
            }
            for keyword in ["pattern", "minLength", "maxLength", "enum", "format"] {
                assert_eq!(
                    ours_members[member].get(keyword),
                    theirs.get(keyword),
                    "{name}.{member}: {keyword}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(bytes: Vec<u8>, index in 0..4_usize, cut in any::<prop::sample::Index>(), byte: u8) {
        let (document, reread) = DOCUMENTS[index];
        let _ = reread(&bytes);
        let mut text = document().to_string().into_bytes();
        let at = cut.index(text.len());
        text[at] = byte;
        let _ = reread(&text);
        prop_assert!(reread(&text[..at]).is_err());
    }
}
