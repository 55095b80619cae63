//! Discovery, from a domain to its servers, on a network in memory.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../fetch/support.rs"]
#[allow(dead_code)]
mod support;

use mcp_identity::ServerCard;
use mcp_identity::check::resource_of;
use mcp_identity::discover::{DiscoverLimits, DiscoverOptions, Listing, Step, discover};
use mcp_identity::trust::TrustLevel;
use mcp_trust::canonical::Canonical;
use mcp_trust::digest::Digest;

use support::{Internet, PUBLIC, Request};

const CARD: &str = "application/mcp-server-card+json";
const CATALOG: &str = "application/ai-catalog+json";

fn card(name: &str) -> String {
    serde_json::to_string(&ServerCard::new(name, "1.0.0", "A server.")).unwrap()
}

fn document(kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn catalog(entries: &[String]) -> String {
    format!(r#"{{"specVersion":"1.0","entries":[{}]}}"#, entries.join(","))
}

fn entry(name: &str, kind: &str, url: &str) -> String {
    format!(r#"{{"identifier":"urn:air:a.example:mcp:{name}","type":"{kind}","url":"{url}"}}"#)
}

fn not_found() -> String {
    "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned()
}

fn internet(answer: impl Fn(&Request) -> String + Send + Sync + 'static) -> Internet {
    Internet::answering(answer)
        .name("a.example", &[&[PUBLIC]])
        .name("b.example", &[&["9.9.9.10"]])
        .name("inside.example", &[&["10.0.0.1"]])
}

async fn found(internet: &Internet, target: &str) -> Listing {
    found_with(internet, target, |_| ()).await
}

async fn found_with(
    internet: &Internet,
    target: &str,
    limit: impl FnOnce(&mut DiscoverLimits),
) -> Listing {
    let mut options = DiscoverOptions::default();
    limit(&mut options.limits);
    discover(&internet.fetcher(), &target.parse().unwrap(), &options).await.unwrap()
}

fn names(listing: &Listing) -> Vec<&str> {
    listing.servers.iter().map(|server| server.card.name.as_str()).collect()
}

fn troubles(listing: &Listing) -> Vec<&'static str> {
    listing.troubles.iter().map(|trouble| trouble.reason.name()).collect()
}

#[tokio::test]
async fn a_domain_leads_to_its_servers() {
    let internet = internet(|request| match (request.header("host").unwrap(), request.path()) {
        ("a.example", "/.well-known/ai-catalog.json") => document(
            CATALOG,
            &catalog(&[
                entry("one", CARD, "/one/server-card"),
                r#"{"identifier":"x","type":"application/a2a-agent-card+json","url":"/agent"}"#
                    .into(),
                entry("more", CATALOG, "https://b.example/catalog.json"),
                format!(
                    r#"{{"identifier":"urn:air:a.example:mcp:two","mediaType":"{CARD}","data":{}}}"#,
                    card("example.a/two")
                ),
            ]),
        ),
        ("a.example", "/one/server-card") => document(CARD, &card("example.a/one")),
        ("b.example", "/catalog.json") => {
            document("application/json", &catalog(&[entry("three", CARD, "three/card")]))
        }
        ("b.example", "/three/card") => document(CARD, &card("example.b/three")),
        _ => not_found(),
    });
    let listing = found(&internet, "a.example").await;
    assert_eq!(names(&listing), ["example.a/one", "example.a/two", "example.b/three"]);
    assert!(listing.troubles.is_empty(), "{:?}", listing.troubles);
    assert_eq!(listing.catalogs.len(), 2);
    // The catalog's form is of before spring 2026 in one entry: told, and read all the same.
    assert!(!listing.catalogs[0].findings.is_empty());
    let [one, two, three] = &listing.servers[..] else { panic!() };
    assert!(one.notes.is_empty() && two.notes.is_empty(), "{:?}", two.notes);
    let notes: Vec<_> = three.notes.iter().map(|note| note.name()).collect();
    assert_eq!(notes, ["publisher-elsewhere", "name-differs"]);
    assert_eq!(two.trail.last(), Some(&Step::Inline));
    // From the domain through two catalogs to the card.
    assert_eq!(three.trail.len(), 5);
    let Step::Fetched { url, .. } = &three.trail[4] else { panic!() };
    assert_eq!(url.as_str(), "https://b.example/three/card");
    assert_eq!(one.trust.level, TrustLevel::Unsigned);
}

#[tokio::test]
async fn any_address_of_a_server_will_do() {
    let internet = internet(|request| match request.path() {
        "/mcp/server-card" => document(CARD, &card("example.a/one")),
        "/card.json" => document("application/json", &card("example.a/one")),
        "/catalog.json" => {
            document("application/json", &catalog(&[entry("one", CARD, "/card.json")]))
        }
        "/mcp" => "HTTP/1.1 405 Method Not Allowed\r\n\r\n".to_owned(),
        "/page" => document("text/html", "<html>"),
        "/page/server-card" => document(CARD, &card("example.a/page")),
        "/server-card" => document(CARD, &card("example.a/root")),
        _ => not_found(),
    });
    for (target, name) in [
        ("https://a.example/mcp", "example.a/one"),
        ("https://a.example/mcp/server-card", "example.a/one"),
        ("https://a.example/card.json", "example.a/one"),
        ("https://a.example/catalog.json", "example.a/one"),
        ("https://a.example/page", "example.a/page"),
        ("https://a.example", "example.a/root"),
        ("a.example", "example.a/root"),
    ] {
        assert_eq!(names(&found(&internet, target).await), [name], "{target}");
    }
}

#[tokio::test]
async fn where_nothing_is_every_attempt_is_told() {
    let internet = internet(|request| match request.path() {
        "/odd/server-card" => document(CARD, r#"{"name":"a/b","name":"c/d"}"#),
        "/v2" => document(CATALOG, r#"{"specVersion":"2.0","entries":[]}"#),
        _ => not_found(),
    });
    for (target, expected) in [
        ("a.example", &["status", "status"][..]),
        ("https://a.example/mcp", &["status", "status"]),
        ("https://a.example/odd", &["status", "card-invalid"]),
        ("https://a.example/v2", &["catalog-invalid"]),
        // Nobody is asked a second time in vain.
        ("https://inside.example/mcp", &["address-private"]),
        ("https://127.0.0.1/", &["address-loopback"]),
        ("https://unknown.example/", &["resolve"]),
    ] {
        let options = DiscoverOptions::default();
        let found = discover(&internet.fetcher(), &target.parse().unwrap(), &options).await;
        let tried: Vec<_> =
            found.unwrap_err().tried.iter().map(|tried| tried.reason.name()).collect();
        assert_eq!(tried, expected, "{target}");
    }
}

#[tokio::test]
async fn one_bad_entry_does_not_hide_the_others() {
    let internet = internet(|request| match request.path() {
        "/.well-known/ai-catalog.json" => document(
            CATALOG,
            &catalog(&[
                entry("a", CARD, "https://inside.example/card"),
                entry("b", CARD, "https://169.254.169.254/latest"),
                entry("c", CARD, "file:///etc/passwd"),
                entry("d", CARD, "/missing"),
                entry("e", CARD, "/broken"),
                entry("f", CARD, "/page"),
                format!(r#"{{"identifier":"g","type":"{CARD}"}}"#),
                format!(r#"{{"identifier":"h","type":"{CARD}","url":"/card","data":{{}}}}"#),
                format!(r#"{{"identifier":"i","type":"{CATALOG}","data":{{"a":1}}}}"#),
                entry("one", CARD, "/card"),
            ]),
        ),
        "/broken" => document(CARD, "{"),
        "/page" => document("text/html", "x"),
        "/card" => document(CARD, &card("example.a/one")),
        _ => not_found(),
    });
    let listing = found(&internet, "a.example").await;
    assert_eq!(names(&listing), ["example.a/one"]);
    let mut troubles = troubles(&listing);
    troubles.sort_unstable();
    assert_eq!(
        troubles,
        [
            "address-link-local",
            "address-private",
            "card-invalid",
            "catalog-invalid",
            "entry-content",
            "entry-content",
            "media-type",
            "status",
            "url-scheme",
        ]
    );
}

#[tokio::test]
async fn circles_and_depths_come_to_an_end() {
    // Each catalog names itself, the first one, and one that is deeper.
    let internet = internet(|request| {
        let path = request.path();
        let deeper = format!("{path}x");
        document(
            CATALOG,
            &catalog(&[
                entry("self", CATALOG, path),
                entry("first", CATALOG, "/.well-known/ai-catalog.json"),
                entry("deeper", CATALOG, &deeper),
            ]),
        )
    });
    let listing = found(&internet, "a.example").await;
    assert_eq!(listing.catalogs.len(), 4);
    assert_eq!(internet.requests().len(), 4);
    let troubles = troubles(&listing);
    assert_eq!(troubles.iter().filter(|name| **name == "catalog-cycle").count(), 1 + 1 + 2 + 2);
    assert_eq!(troubles.iter().filter(|name| **name == "too-deep").count(), 3);
    // Inline catalogs are as deep.
    let mut inline = catalog(&[]);
    for _ in 0..6 {
        let entry = format!(r#"{{"identifier":"i","type":"{CATALOG}","data":{inline}}}"#);
        inline = catalog(&[entry]);
    }
    let internet = crate::internet(move |_| document(CATALOG, &inline));
    let listing = found(&internet, "a.example").await;
    assert_eq!((listing.catalogs.len(), crate::troubles(&listing)), (4, vec!["too-deep"]));
}

#[tokio::test]
async fn a_redirect_into_a_circle_is_one() {
    let internet = internet(|request| match request.path() {
        "/back" => support::redirect("/.well-known/ai-catalog.json"),
        _ => document(CATALOG, &catalog(&[entry("a", CATALOG, "/back")])),
    });
    let listing = found(&internet, "a.example").await;
    assert_eq!(troubles(&listing), ["catalog-cycle"]);
}

#[tokio::test]
async fn a_catalog_that_is_named_twice_is_read_once() {
    let internet = internet(|request| match request.path() {
        "/shared" => document(CATALOG, &catalog(&[entry("one", CARD, "/card")])),
        "/left" | "/right" => document(CATALOG, &catalog(&[entry("s", CATALOG, "/shared")])),
        "/card" => document(CARD, &card("example.a/one")),
        _ => document(
            CATALOG,
            &catalog(&[entry("l", CATALOG, "/left"), entry("r", CATALOG, "/right")]),
        ),
    });
    let listing = found(&internet, "a.example").await;
    assert_eq!(names(&listing), ["example.a/one"]);
    assert_eq!((listing.catalogs.len(), listing.troubles.len()), (4, 0));
}

#[tokio::test]
async fn numbers_are_bounded_and_the_bound_is_named_once() {
    let many = internet(|request| match request.path() {
        "/.well-known/ai-catalog.json" => {
            let entries = (0..200).map(|n| entry(&format!("s{n}"), CARD, &format!("/{n}")));
            document(CATALOG, &catalog(&entries.collect::<Vec<_>>()))
        }
        _ => document(CARD, &card("example.a/s")),
    });
    let listing = found(&many, "a.example").await;
    assert_eq!((listing.servers.len(), troubles(&listing)), (63, vec!["too-many-documents"]));
    assert_eq!(many.requests().len(), 64);
    let listing = found_with(&many, "a.example", |limits| limits.entries = 10).await;
    assert_eq!((listing.servers.len(), troubles(&listing)), (10, vec!["too-many-entries"]));
    let listing = found_with(&many, "a.example", |limits| {
        limits.documents = 1000;
        limits.bytes = 30_000;
    })
    .await;
    assert_eq!(troubles(&listing), ["too-many-bytes"]);
    assert!(listing.servers.len() < 200);
    // Wide and nested: catalogs count as documents.
    let wide = internet(|request| {
        let path = request.path();
        let entries = (0..20).map(|n| entry(&format!("c{n}"), CATALOG, &format!("{path}/{n}")));
        document(CATALOG, &catalog(&entries.collect::<Vec<_>>()))
    });
    let listing = found(&wide, "a.example").await;
    assert_eq!((listing.catalogs.len(), troubles(&listing)), (64, vec!["too-many-documents"]));
}

#[tokio::test]
async fn what_is_told_of_bad_documents_is_bounded() {
    // Three findings in three bytes, and a name that every entry below it would repeat.
    let empty = format!(r#"{{"specVersion":"1.0","entries":[{}{{}}]}}"#, "{},".repeat(300_000));
    let name = "x".repeat(100_000);
    let inner =
        catalog(&(0..500).map(|n| entry(&n.to_string(), CARD, "ftp:x")).collect::<Vec<_>>());
    let nested = catalog(&[
        format!(r#"{{"identifier":"{name}","type":"{CATALOG}","data":{inner}}}"#),
        entry("empty", CATALOG, "/empty"),
    ]);
    let internet = internet(move |request| match request.path() {
        "/empty" => document(CATALOG, &empty),
        _ => document(CATALOG, &nested),
    });
    let listing = found(&internet, "a.example").await;
    assert_eq!(listing.troubles.len(), 501);
    let steps = listing.troubles.iter().flat_map(|trouble| &trouble.trail);
    let length = |step: &Step| match step {
        Step::Entry(name) => name.len(),
        _ => 0,
    };
    assert!(steps.map(length).max() < Some(300));
    let findings = listing.troubles.iter().find_map(|trouble| match &trouble.reason {
        mcp_identity::discover::TroubleReason::Catalog(findings) => Some(findings.len()),
        _ => None,
    });
    assert_eq!(findings, Some(mcp_identity::finding::MOST));
}

#[tokio::test(start_paused = true)]
async fn time_is_bounded() {
    let internet = Internet::playing(|request: Request, mut stream: support::Stream| async move {
        use tokio::io::AsyncWriteExt;
        if request.path() != "/.well-known/ai-catalog.json" {
            tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        }
        let path = format!("{}x", request.path());
        let body = catalog(&[entry("deeper", CATALOG, &path)]);
        let _ = stream.write_all(document(CATALOG, &body).as_bytes()).await;
    });
    let internet = internet.name("a.example", &[&[PUBLIC]]);
    let listing = found_with(&internet, "a.example", |limits| {
        limits.depth = 1000;
        limits.total = std::time::Duration::from_secs(30);
    })
    .await;
    assert_eq!((listing.catalogs.len(), troubles(&listing)), (8, vec!["deadline"]));
}

#[tokio::test]
async fn digests_are_held_against_cards() {
    let text = card("example.a/one");
    let right = Digest::of(text.as_bytes());
    let inline = Digest::of(Canonical::from_slice(text.as_bytes()).unwrap().as_bytes());
    let spaced = text.replace(':', ": ");
    let entry = |digest: &str, content: &str| {
        format!(
            r#"{{"identifier":"urn:air:a.example:mcp:one","type":"{CARD}","digest":"{digest}",{content}}}"#
        )
    };
    let wrong = Digest::of(b"another");
    let spaced = spaced.replace("https: //", "https://");
    let body = catalog(&[
        entry(&right.to_string(), r#""url":"/card""#),
        entry(&inline.to_string(), &format!(r#""data":{spaced}"#)),
        entry(&wrong.to_string(), r#""url":"/card""#),
        entry(&format!("sha512:{}", "0".repeat(128)), r#""url":"/card""#),
    ]);
    let internet = internet(move |request| match request.path() {
        "/card" => document(CARD, &text),
        _ => document(CATALOG, &body),
    });
    let listing = found(&internet, "a.example").await;
    let levels: Vec<_> = listing.servers.iter().map(|server| server.trust.level).collect();
    use TrustLevel::{DigestMatched, Unsigned};
    assert_eq!(levels, [DigestMatched, DigestMatched, Unsigned]);
    assert_eq!(listing.servers[2].trust.failed.len(), 1);
    assert_eq!(troubles(&listing), ["digest-mismatch"]);
}

#[tokio::test]
async fn a_card_that_points_inside_is_marked() {
    let internet = internet(|_| {
        let mut card: serde_json::Value = serde_json::from_str(&card("example.a/one")).unwrap();
        card["remotes"] =
            serde_json::json!([{"type":"streamable-http","url":"http://127.0.0.1:9/mcp"}]);
        document(CARD, &card.to_string())
    });
    let listing = found(&internet, "https://a.example/card").await;
    let notes: Vec<_> = listing.servers[0].notes.iter().map(|note| note.name()).collect();
    assert_eq!(notes, ["endpoint-inside"]);
}

#[tokio::test]
async fn the_resource_of_a_server_is_asked_for() {
    let internet = internet(|request| match request.path() {
        "/.well-known/oauth-protected-resource/mcp" => {
            document("application/json", r#"{"resource":"https://a.example/mcp"}"#)
        }
        "/.well-known/oauth-protected-resource/odd" => document("application/json", "{}"),
        "/.well-known/oauth-protected-resource" if request.header("host") == Some("b.example") => {
            document("application/json", r#"{"resource":"https://b.example"}"#)
        }
        _ => not_found(),
    });
    let fetcher = internet.fetcher();
    let of = |endpoint: &str| {
        let (fetcher, endpoint) = (fetcher.clone(), support::url(endpoint));
        async move { resource_of(&fetcher, &endpoint).await }
    };
    assert_eq!(of("https://a.example/mcp").await.unwrap().unwrap(), "https://a.example/mcp");
    assert_eq!(of("https://b.example/any/where").await.unwrap().unwrap(), "https://b.example");
    assert_eq!(of("https://a.example/other").await.unwrap(), None);
    assert!(of("https://a.example/odd").await.is_err());
    assert!(of("https://inside.example/mcp").await.is_err());
}

mod signed {
    use std::time::{Duration, SystemTime};

    use mcp_identity::catalog::{CatalogEntry, Subject, TrustManifest};
    use mcp_identity::sign::{Lifetime, artifact_digest, sign_manifest};
    use mcp_identity::{DidDocument, DidWeb, media_type};
    use mcp_trust::keys::{Algorithm, Keychain, SigningKey};

    use super::*;

    const NAME: &str = "urn:air:a.example:mcp:one";

    async fn entry(did: &str, key: &SigningKey, text: &str) -> CatalogEntry {
        let did: DidWeb = did.parse().unwrap();
        let digest = artifact_digest(text.as_bytes());
        let subject = Subject::new(NAME, media_type::SERVER_CARD).with_digest(digest.as_str());
        let mut manifest = TrustManifest::new(did.as_str()).with_subject(subject);
        let now = SystemTime::now();
        let lifetime =
            Lifetime { issued_at: now, expires_at: Some(now + Duration::from_secs(600)) };
        sign_manifest(&mut manifest, &did, key, lifetime).await.unwrap();
        CatalogEntry::typed(NAME, media_type::SERVER_CARD)
            .with_url("/card")
            .with_digest(digest)
            .with_trust_manifests([manifest])
    }

    fn key(did: &str) -> SigningKey {
        SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(format!("{did}#k"))
    }

    fn document_of(did: &str, key: SigningKey) -> String {
        let set = Keychain::single(key).key_set(SystemTime::now());
        serde_json::to_string(&DidDocument::of(&did.parse().unwrap(), &set)).unwrap()
    }

    async fn listing(
        signer: &'static str,
        tamper: impl Fn(&str) -> String,
        pinned: &[&str],
        did_answer: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Listing {
        let key = key(signer);
        let text = card("example.a/one").replace("https: //", "https://");
        let entry = entry(signer, &key, &text).await;
        let entry = serde_json::to_string(&entry).unwrap();
        let body = tamper(&catalog(&[entry.replace("\"/card\"", "\"https://a.example/card\"")]));
        let did = document_of(signer, key);
        let internet = internet(move |request| match request.path() {
            "/.well-known/ai-catalog.json" => super::document(CATALOG, &body),
            "/.well-known/did.json" => did_answer(&did),
            "/card" => super::document(CARD, &text),
            _ => not_found(),
        });
        let mut options = DiscoverOptions::default();
        options.pinned = pinned.iter().map(|&name| name.to_owned()).collect();
        let target = "a.example".parse().unwrap();
        discover(&internet.fetcher(), &target, &options).await.unwrap()
    }

    fn plain(did: &str) -> String {
        super::document("application/did+json", did)
    }

    #[tokio::test]
    async fn the_publisher_and_those_who_are_known_count() {
        let (a, b) = ("did:web:a.example", "did:web:b.example");
        for (signer, pinned, level) in [
            (a, &[][..], TrustLevel::Signed),
            (a, &[a], TrustLevel::Pinned),
            (a, &[b], TrustLevel::Signed),
            // Anybody can sign in a name of their own.
            (b, &[], TrustLevel::DigestMatched),
            (b, &[b], TrustLevel::Pinned),
        ] {
            let listing = listing(signer, str::to_owned, pinned, plain).await;
            let trust = &listing.servers[0].trust;
            assert_eq!(trust.level, level, "{signer} {pinned:?} {trust:?}");
            assert_eq!((trust.signers.len(), trust.failed.len()), (1, 0));
            assert_eq!(trust.signers[0].is_publisher, signer == a);
        }
    }

    #[tokio::test]
    async fn what_does_not_hold_is_told_and_counts_for_nothing() {
        let signer = "did:web:a.example";
        let same = |text: &str| text.to_owned();
        let later = |text: &str| text.replacen("\"expiresAt\":\"2", "\"expiresAt\":\"3", 1);
        for (tamper, answer) in [
            (&later as &dyn Fn(&str) -> String, plain as fn(&str) -> String),
            (&same, |_| not_found()),
            (&same, |_| plain("{}")),
            (&same, |did| plain(&did.replace("a.example", "b.example"))),
            (&same, |_| support::redirect("https://b.example/.well-known/did.json?x")),
        ] {
            let listing = listing(signer, tamper, &[signer], answer).await;
            let trust = &listing.servers[0].trust;
            assert_eq!(trust.level, TrustLevel::DigestMatched, "{trust:?}");
            assert_eq!((trust.signers.len(), trust.failed.len()), (0, 1), "{trust:?}");
        }
    }
}
