//! `mcp discover` and `mcp card`, against `docs-server` and files.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Docs, answer, host, mcp};

fn write(path: &Path, value: &Value) -> String {
    std::fs::write(path, value.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_server_with_identity_is_discovered_and_drift_is_named() {
    let docs = Docs::start(&["--identity"]);
    let found = mcp(&["discover", docs.origin(), "--allow-loopback"]);
    assert_eq!(found.code, 0, "{found:?}");
    assert!(found.out.contains("docs-server") && found.out.contains(&docs.url), "{found:?}");
    let json = mcp(&["--json", "discover", docs.origin(), "--allow-loopback"]).json();
    let server = &json["servers"][0];
    assert_eq!(server["endpoints"][0], docs.url.as_str());
    assert_eq!((&json["troubles"], &server["findings"]), (&json!([]), &json!([])));
    let card = server["card"].clone();
    // Its own card is right.
    for card in [&docs.url, &format!("{}/server-card", docs.url)] {
        let same = mcp(&["card", "drift", card, "--allow-loopback"]);
        assert_eq!(same.code, 0, "{same:?}");
        assert!(same.out.contains("version: same"), "{same:?}");
    }
    // One with another version is not, in the version alone.
    let mut changed = card;
    changed["version"] = "9.9.9".into();
    let file = write(&docs.folder.path().join("card.json"), &changed);
    let drift = mcp(&["card", "drift", &file, "--allow-loopback"]);
    assert_eq!(drift.code, 1, "{drift:?}");
    assert!(drift.out.contains("version: differs: card 9.9.9, server"), "{drift:?}");
    let drift = mcp(&["--json", "card", "drift", &file, "--allow-loopback"]).json();
    let differing: Vec<_> = drift["fields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|field| field["verdict"] == "differs")
        .map(|field| field["field"].as_str().unwrap())
        .collect();
    assert_eq!(differing, ["version"]);
    // A token goes to nobody whom only the card names.
    let token = ["--json", "card", "drift", &file, "--allow-loopback", "--header", "A: b"];
    assert_eq!(mcp(&token).failure(), "usage");
    let named = [&token[..], &["--server", &docs.url]].concat();
    assert_eq!(mcp(&named).code, 1);
    // Without the switch nobody here is asked, whoever names the address.
    for words in
        [&["discover", docs.origin()][..], &["card", "show", &docs.url], &["card", "drift", &file]]
    {
        let refused = mcp(&[&["--json"], words].concat());
        assert_eq!(refused.code, 3, "{refused:?}");
        assert!(["not-found", "insecure"].contains(&refused.failure().as_str()), "{refused:?}");
    }
}

#[test]
fn a_card_is_shown_and_judged() {
    let docs = Docs::start(&["--identity"]);
    let shown = mcp(&["--json", "card", "show", &docs.url, "--allow-loopback"]);
    assert_eq!(shown.json()["remotes"][0]["url"], docs.url.as_str());
    let good = mcp(&["card", "verify", &docs.url, "--allow-loopback"]);
    assert_eq!(good.code, 0, "{good:?}");
    let bad = write(
        &docs.folder.path().join("bad.json"),
        &json!({ "name": "no-slash", "version": "1", "description": "" }),
    );
    let bad = mcp(&["--json", "card", "verify", &bad]);
    assert_eq!((bad.code, bad.failure().as_str()), (5, "content"), "{bad:?}");
    let long = write(
        &docs.folder.path().join("long.json"),
        &json!({
            "$schema": mcp_identity::card::SCHEMA,
            "name": "com.example/x", "version": "1", "description": "x".repeat(101),
        }),
    );
    let long = mcp(&["--json", "card", "verify", &long]);
    assert_eq!((long.code, &long.json()["findings"][0]["at"]), (1, &"/description".into()));
    let twice = docs.folder.path().join("twice.json");
    std::fs::write(&twice, r#"{"name":"a/b","name":"c/d"}"#).unwrap();
    let twice = mcp(&["--json", "card", "verify", twice.to_str().unwrap()]);
    assert_eq!((twice.code, twice.failure().as_str()), (5, "content"));
}

#[test]
fn a_card_is_signed_and_everything_that_is_changed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let card = json!({
        "$schema": mcp_identity::card::SCHEMA,
        "name": "com.example/weather", "version": "1.0.0", "description": "Forecasts.",
    });
    let card_file = write(&folder.path().join("card.json"), &card);
    let (key, entry, did) = (at("key.jwk"), at("entry.json"), at("did.json"));
    assert_eq!(mcp(&["keys", "new", &key]).code, 0);
    let sign = [
        "card",
        "sign",
        &card_file,
        "--key",
        &key,
        "--did",
        "did:web:example.com",
        "--url",
        "https://example.com/mcp/server-card",
        "--out",
        &entry,
        "--did-out",
        &did,
    ];
    let signed = mcp(&sign);
    assert_eq!(signed.code, 0, "{signed:?}");
    assert_eq!(mcp(&[&["--json"], &sign[..]].concat()).failure(), "file-exists");
    let verify = |card: &str, entry: &str, did: &str, more: &[&str]| {
        let words = ["--json", "card", "verify", card, "--entry", entry, "--did", did];
        mcp(&[&words[..], more].concat())
    };
    let good = verify(&card_file, &entry, &did, &["--require", "signed"]);
    assert_eq!((good.code, &good.json()["trust"]["level"]), (0, &"signed".into()), "{good:?}");
    let words = ["--require", "pinned"];
    assert_eq!(verify(&card_file, &entry, &did, &words).code, 1);
    let words = ["--require", "pinned", "--pin", "did:web:example.com"];
    assert_eq!(verify(&card_file, &entry, &did, &words).code, 0);
    // In a catalog too.
    let value: Value = serde_json::from_slice(&std::fs::read(&entry).unwrap()).unwrap();
    let catalog = json!({ "specVersion": "1.0", "entries": [value] });
    let catalog = write(&folder.path().join("catalog.json"), &catalog);
    assert_eq!(verify(&card_file, &catalog, &did, &["--require", "signed"]).code, 0);
    // Another card.
    let other = at("other.json");
    std::fs::write(&other, std::fs::read_to_string(&card_file).unwrap() + "\n").unwrap();
    let refused = verify(&other, &entry, &did, &[]);
    assert_eq!((refused.code, &refused.json()["trust"]), (1, &Value::Null), "{refused:?}");
    // Another key under the same name.
    let (key2, did2, entry2) = (at("key2.jwk"), at("did2.json"), at("entry2.json"));
    assert_eq!(mcp(&["keys", "new", &key2]).code, 0);
    let resign = [
        "card",
        "sign",
        &card_file,
        "--key",
        &key2,
        "--did",
        "did:web:example.com",
        "--url",
        "https://example.com/mcp/server-card",
        "--out",
        &entry2,
        "--did-out",
        &did2,
    ];
    assert_eq!(mcp(&resign).code, 0);
    let refused = verify(&card_file, &entry, &did2, &["--require", "signed"]);
    assert_eq!(refused.code, 1);
    assert_eq!(refused.json()["trust"]["failed"].as_array().unwrap().len(), 1);
    // What cannot be signed.
    let ed25519 = at("ed25519.jwk");
    assert_eq!(mcp(&["keys", "new", &ed25519, "--algorithm", "ed25519"]).code, 0);
    let wrong = [
        "--json",
        "card",
        "sign",
        &card_file,
        "--key",
        &ed25519,
        "--did",
        "did:web:example.com",
        "--url",
        "https://example.com/mcp/server-card",
    ];
    assert_eq!(mcp(&wrong).failure(), "sign");
}

#[test]
fn a_hostile_catalog_shows_nothing_but_text() {
    let address = host(|head, _, stream| match head.split(' ').nth(1) {
        Some("/.well-known/ai-catalog.json") => {
            let entry = |n: u32, url: &str| json!({ "identifier": format!("\u{1b}[2J{n}"), "type": "application/mcp-server-card+json", "url": url });
            let entries = [
                entry(1, "http://169.254.169.254/latest"),
                entry(2, "/card"),
                entry(3, "https://127.0.0.1.nip.invalid/"),
            ];
            let catalog = json!({ "specVersion": "1.0", "entries": entries });
            answer(stream, "application/ai-catalog+json", &catalog.to_string());
        }
        _ => {
            let card = json!({
                "$schema": mcp_identity::card::SCHEMA,
                "name": "com.example/x", "version": "1\u{1b}]0;owned\u{7}", "title": "a\nmcp: all good\u{202e}",
                "description": "x",
            });
            answer(stream, "application/mcp-server-card+json", &card.to_string());
        }
    });
    let ran = mcp(&["discover", &format!("http://{address}"), "--allow-loopback"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let odd = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!ran.out.contains(odd) && !ran.err.contains(odd), "{ran:?}");
    assert!(!ran.out.lines().any(|line| line.starts_with("mcp: all good")), "{}", ran.out);
    assert!(ran.out.contains("link-local"), "{}", ran.out);
}

#[test]
fn a_system_without_certificates_can_ask_itself() {
    let docs = Docs::start(&["--identity"]);
    let empty = docs.folder.path().join("none.pem");
    std::fs::write(&empty, "").unwrap();
    let run = |words: &[&str]| {
        let mut command = crate::support::command();
        command.env("SSL_CERT_FILE", &empty).env_remove("SSL_CERT_DIR");
        command.args(words).output().unwrap().status.code()
    };
    assert_eq!(run(&["discover", docs.origin(), "--allow-loopback"]), Some(0));
    assert_eq!(run(&["discover", "example.com"]), Some(3));
}
