//! A site over HTTP: what is where, how it is answered, and when it is made anew.
#![cfg(feature = "serve")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use mcp_core::server::{ServedPrompt, ServedTool, Server};
use mcp_http::HttpService;
use mcp_identity::agent_card::AgentInterface;
use mcp_identity::card::{KeyValueInput, Repository};
use mcp_identity::catalog::{CatalogEntry, HostInfo};
use mcp_identity::serve::{MCP_BINDING, ServedServer, ServerCards, Site, SiteBuilder, SiteError};
use mcp_identity::sign::{verify_agent_card, verify_catalog, verify_manifest};
use mcp_identity::{AgentCard, Catalog, DidDocument, DidWeb, ServerCard, media_type};
use mcp_trust::jws::JwsVerifier;
use mcp_trust::keys::{
    Algorithm, Keychain, SignError, Signer, Signing, SigningKey, Validity, VerifyingKey,
};
use tower_layer::Layer;
use tower_service::Service;

const ORIGIN: &str = "https://example.com";
const CARD: &str = "/mcp/server-card";
const CATALOG: &str = "/.well-known/ai-catalog.json";
const AGENT: &str = "/.well-known/agent-card.json";
const DID: &str = "/.well-known/did.json";

fn server() -> Server {
    Server::builder("docs", "1.2.0")
        .title("Documents")
        .description("Finds passages.")
        .tool(ServedTool::new("search", async || "found").description("Finds a word."))
        .prompt(ServedPrompt::new("summary", async || "Sum up."))
        .extension(ServerCards)
        .build()
        .unwrap()
}

fn site(server: &Server) -> SiteBuilder {
    let served = ServedServer::new(server, "com.example", "/mcp")
        .repository(Repository::new("https://example.com/git", "git"))
        .header(KeyValueInput::new("Authorization").with_is_secret(true));
    Site::builder(ORIGIN).server(served).host(HostInfo::new("Example"))
}

async fn send<S, B>(service: &mut S, request: Request<Empty<Bytes>>) -> Response<Bytes>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let (parts, body) = service.call(request).await.unwrap().into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

async fn ask(site: &Site, method: Method, path: &str, known: &str) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(path);
    if !known.is_empty() {
        request = request.header(header::IF_NONE_MATCH, known);
    }
    send(&mut site.service(), request.body(Empty::new()).unwrap()).await
}

async fn get(site: &Site, path: &str) -> Response<Bytes> {
    ask(site, Method::GET, path, "").await
}

fn shown<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn did() -> DidWeb {
    "did:web:example.com".parse().unwrap()
}

fn key(algorithm: Algorithm, name: &str) -> SigningKey {
    SigningKey::generate(algorithm).unwrap().with_key_id(did().key_id(name))
}

#[tokio::test]
async fn documents_say_what_the_server_says() {
    let site = site(&server()).build().unwrap();
    let card = get(&site, CARD).await;
    assert_eq!(shown(&card, "content-type"), "application/mcp-server-card+json");
    let card_bytes = card.body().clone();
    let card = ServerCard::judge(&card_bytes).unwrap();
    assert_eq!((card.name.as_str(), card.version.as_str()), ("com.example/docs", "1.2.0"));
    assert_eq!(
        (card.title.as_deref(), card.description.as_str()),
        (Some("Documents"), "Finds passages.")
    );
    let remote = &card.remotes.as_ref().unwrap()[0];
    assert_eq!(remote.url, "https://example.com/mcp");
    assert_eq!(remote.supported_protocol_versions.as_deref().unwrap(), ["2026-07-28"]);
    assert_eq!(remote.headers.as_ref().unwrap()[0].name, "Authorization");

    let agent = get(&site, AGENT).await;
    assert_eq!(shown(&agent, "content-type"), "application/json");
    let agent_bytes = agent.body().clone();
    let agent = AgentCard::judge(&agent_bytes).unwrap();
    let skills: Vec<_> =
        agent.skills.iter().map(|it| (it.id.as_str(), it.description.as_str())).collect();
    assert_eq!(skills, [("tools/search", "Finds a word."), ("prompts/summary", "summary")]);
    assert_eq!(agent.supported_interfaces[0].protocol_binding, MCP_BINDING);
    assert!(agent.signatures.is_none());

    let catalog = get(&site, CATALOG).await;
    assert_eq!(shown(&catalog, "content-type"), "application/ai-catalog+json");
    let catalog = Catalog::judge(catalog.body()).unwrap();
    let entries: Vec<_> = catalog
        .entries
        .iter()
        .map(|entry| {
            (entry.identifier.as_str(), entry.kind().unwrap(), entry.url.as_deref().unwrap())
        })
        .collect();
    assert_eq!(
        entries,
        [
            (
                "urn:air:example.com:mcp:docs",
                media_type::SERVER_CARD,
                "https://example.com/mcp/server-card"
            ),
            (
                "urn:air:example.com:a2a:docs",
                media_type::AGENT_CARD,
                "https://example.com/.well-known/agent-card.json"
            ),
        ]
    );
    for (entry, bytes) in catalog.entries.iter().zip([&card_bytes, &agent_bytes]) {
        let digest = mcp_identity::sign::artifact_digest(bytes);
        assert_eq!(entry.digest.as_deref(), Some(digest.as_str()));
    }
    for path in [DID, "/.well-known/mcp.json", "/.well-known/mcp/server-card.json", "/", "/mcp"] {
        assert_eq!(get(&site, path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn answers_are_what_browsers_and_caches_need() {
    let site = site(&server()).older_paths(true).build().unwrap();
    for path in [CARD, CATALOG, AGENT, "/.well-known/mcp.json", "/.well-known/mcp/server-card.json"]
    {
        let found = get(&site, path).await;
        assert_eq!(found.status(), StatusCode::OK, "{path}");
        let etag = shown(&found, "etag").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 40, "{etag}");
        let common = [
            ("etag", etag.as_str()),
            ("cache-control", "public, max-age=3600"),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "GET"),
            ("access-control-allow-headers", "Content-Type, If-None-Match"),
            ("access-control-expose-headers", "ETag, Link"),
            ("link", "<https://example.com/.well-known/ai-catalog.json>; rel=\"ai-catalog\""),
        ];
        for (name, value) in common {
            assert_eq!(shown(&found, name), value, "{path}");
        }
        assert_eq!(shown(&found, "content-length"), found.body().len().to_string());

        let head = ask(&site, Method::HEAD, path, "").await;
        assert_eq!((head.headers(), head.body().len()), (found.headers(), 0));

        for known in [
            etag.clone(),
            format!("W/{etag}"),
            format!("\"other\", {etag}"),
            format!("\"a,b\",{etag} "),
            "*".to_owned(),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let unchanged = ask(&site, method, path, &known).await;
                assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED, "{known}");
                assert!(unchanged.body().is_empty());
                for (name, value) in common {
                    assert_eq!(shown(&unchanged, name), value, "{path}");
                }
                assert!(!unchanged.headers().contains_key(header::CONTENT_TYPE));
            }
        }
        for other in ["\"other\"", "", "x", etag.trim_matches('"'), &etag[..etag.len() - 1]] {
            assert_eq!(ask(&site, Method::GET, path, other).await.status(), StatusCode::OK);
        }
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let refused = ask(&site, method, path, "").await;
            assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(shown(&refused, "allow"), "GET, HEAD, OPTIONS");
            assert_eq!(shown(&refused, "access-control-allow-origin"), "*");
        }
        let preflight = ask(&site, Method::OPTIONS, path, "").await;
        assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
        assert_eq!(shown(&preflight, "access-control-allow-methods"), "GET");
        assert_eq!(
            shown(&preflight, "access-control-allow-headers"),
            "Content-Type, If-None-Match"
        );
    }
}

#[tokio::test]
async fn the_endpoint_behind_it_goes_on() {
    let server = server();
    let site = site(&server).build().unwrap();
    let endpoint = HttpService::builder(server).path("/mcp").build();
    let mut service = site.layer().layer(endpoint);
    let request = |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        request.body(Empty::<Bytes>::new()).unwrap()
    };
    let card = send(&mut service, request(Method::GET, CARD)).await;
    assert_eq!(card.status(), StatusCode::OK);
    // The endpoint says so, and where the catalog is.
    let refused = send(&mut service, request(Method::GET, "/mcp")).await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(shown(&refused, "link").ends_with("rel=\"ai-catalog\""));
    let posted = send(&mut service, request(Method::POST, "/mcp")).await;
    assert_eq!(posted.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(shown(&posted, "link"), "");
    let app: axum::Router = axum::Router::new().fallback_service(service);
    let _ = app.layer(site.layer());
}

#[tokio::test]
async fn documents_follow_the_server() {
    let server = server();
    let site = site(&server).build().unwrap();
    let skills =
        async |site: &Site| AgentCard::judge(get(site, AGENT).await.body()).unwrap().skills.len();
    let etag = async |path| shown(&get(&site, path).await, "etag").to_owned();
    assert_eq!(skills(&site).await, 2);
    let (card, catalog, agent) = (etag(CARD).await, etag(CATALOG).await, etag(AGENT).await);
    assert_eq!(etag(AGENT).await, agent);
    server.handle().add_tool(ServedTool::new("more", async || "more")).unwrap();
    assert_eq!(skills(&site).await, 3);
    assert_eq!(etag(CARD).await, card);
    assert_ne!(etag(AGENT).await, agent);
    // The catalog has the agent card's digest.
    assert_ne!(etag(CATALOG).await, catalog);
    for tool in ["more", "search"] {
        assert!(server.handle().remove_tool(tool));
    }
    assert!(server.handle().remove_prompt("summary"));
    assert_eq!(get(&site, AGENT).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(Catalog::judge(get(&site, CATALOG).await.body()).unwrap().entries.len(), 1);
}

#[tokio::test]
async fn one_catalog_has_many_servers_and_others() {
    let (one, two) =
        (server(), Server::builder("maps", "2.0.0").description("Maps.").build().unwrap());
    let elsewhere = CatalogEntry::typed("urn:air:a.example:mcp:x", media_type::SERVER_CARD)
        .with_url("https://a.example/mcp/server-card");
    let site = site(&one)
        .server(
            ServedServer::new(&two, "com.example", "/maps/")
                .public_url("https://maps.example.com/mcp"),
        )
        .entry(elsewhere)
        .without_agent_card()
        .build()
        .unwrap();
    let paths: Vec<_> = site.paths().collect();
    assert_eq!(paths, [CATALOG, "/maps/server-card", CARD]);
    let catalog = Catalog::judge(get(&site, CATALOG).await.body()).unwrap();
    let urls: Vec<_> = catalog.server_cards().map(|entry| entry.url.as_deref().unwrap()).collect();
    assert_eq!(
        urls,
        [
            "https://example.com/mcp/server-card",
            "https://maps.example.com/mcp/server-card",
            "https://a.example/mcp/server-card",
        ]
    );
    let maps = ServerCard::judge(get(&site, "/maps/server-card").await.body()).unwrap();
    assert_eq!(maps.remotes.unwrap()[0].url, "https://maps.example.com/mcp");
}

#[test]
fn what_is_not_in_order_is_named() {
    let server = server();
    let at = |path: &str| ServedServer::new(&server, "com.example", path);
    for origin in [
        "",
        "example.com",
        "http://example.com",
        "ftp://localhost",
        "https://example.com/x",
        "https://user@example.com",
        "https://example.com?x",
        "https://",
    ] {
        let refused = Site::builder(origin).server(at("/mcp")).build().unwrap_err();
        assert!(matches!(refused, SiteError::Origin), "{origin}: {refused}");
    }
    for origin in
        ["http://127.0.0.1:8080", "http://[::1]:1", "http://localhost", "https://a.example:8443/"]
    {
        Site::builder(origin).server(at("/mcp")).build().unwrap();
    }
    assert!(matches!(Site::builder(ORIGIN).build(), Err(SiteError::NoServer)));
    for path in ["", "mcp", "/a b", "/mcp?x"] {
        let refused = Site::builder(ORIGIN).server(at(path)).build();
        assert!(matches!(refused, Err(SiteError::Path(_))), "{path}");
    }
    let twice = Site::builder(ORIGIN).server(at("/mcp")).server(at("/other")).build();
    assert!(matches!(twice, Err(SiteError::Catalog(_))), "{twice:?}");
    let other = Server::builder("other", "1").description("x").build().unwrap();
    let twice = Site::builder(ORIGIN)
        .server(at("/mcp"))
        .server(ServedServer::new(&other, "com.example", "/mcp/"))
        .build();
    assert!(matches!(twice, Err(SiteError::SamePath(path)) if path == CARD));
    let bare = Server::builder("bare", "^1").build().unwrap();
    let refused =
        Site::builder(ORIGIN).server(ServedServer::new(&bare, "com.example", "/mcp")).build();
    let Err(SiteError::Card { server, findings }) = refused else { panic!("{refused:?}") };
    assert_eq!((server.as_str(), findings.len()), ("bare", 2));
    let stranger = Keychain::single(SigningKey::generate(Algorithm::Es256).unwrap());
    let refused = site(&self::server()).keys(did(), stranger).build();
    assert!(matches!(refused, Err(SiteError::KeyName(_))));
    let over = Validity::always().until(SystemTime::UNIX_EPOCH);
    let keys = Keychain::new().with(key(Algorithm::Es256, "k"), over).unwrap();
    assert!(matches!(site(&self::server()).keys(did(), keys).build(), Err(SiteError::NoKey)));
}

/// A clock that tests set.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }

    fn time(&self) -> SystemTime {
        time(self.0.load(Ordering::SeqCst))
    }
}

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

/// Takes all signed documents as a client does that knows nothing but the domain. The names of the keys that signed.
async fn verified(site: &Site, at: SystemTime) -> [String; 3] {
    let document = get(site, DID).await;
    assert_eq!(shown(&document, "content-type"), "application/did+json");
    assert_eq!(shown(&document, "cache-control"), "public, max-age=300");
    let document = DidDocument::judge(document.body()).unwrap();
    let keys = document.assertion_keys().unwrap();

    let agent = get(site, AGENT).await;
    let agent = verify_agent_card(agent.body(), &JwsVerifier::new(&keys).at(at)).unwrap();
    assert!(!agent.pruned);

    let catalog = verify_catalog(get(site, CATALOG).await.body(), &document, at).unwrap();
    let entry = catalog.server_cards().next().unwrap();
    let manifest = &entry.trust_manifests.as_ref().unwrap()[0];
    let endorsement = verify_manifest(entry, manifest, &document, at).unwrap();
    assert!(endorsement.is_publisher);
    endorsement.check_artifact(get(site, CARD).await.body()).unwrap();
    let host = catalog.signature.unwrap();
    let host = mcp_trust::jws::peek(&host.jws).unwrap().key_id().unwrap().to_owned();
    [agent.key_id.unwrap(), endorsement.key_id, host]
}

#[tokio::test]
async fn keys_rotate_with_overlap_and_signatures_are_renewed() {
    let hand = Hand::default();
    let keys = Keychain::new()
        .with(key(Algorithm::Es256, "old"), Validity::always().until(time(2_000)))
        .unwrap()
        .with(key(Algorithm::Es256, "new"), Validity::always().from(time(1_000)))
        .unwrap();
    let clock = hand.clone();
    let site = site(&server())
        .keys(did(), keys)
        .signature_lifetime(Duration::from_secs(600))
        .clock(move || clock.time())
        .build()
        .unwrap();
    let expect = async |seconds: u64, name: &str, published: usize| {
        hand.set(seconds);
        let names = verified(&site, hand.time()).await;
        assert!(names.iter().all(|found| *found == did().key_id(name)), "{seconds}: {names:?}");
        let document = DidDocument::judge(get(&site, DID).await.body()).unwrap();
        assert_eq!(document.assertion_keys().unwrap().keys().len(), published, "{seconds}");
        shown(&get(&site, CATALOG).await, "etag").to_owned()
    };
    let first = expect(0, "old", 2).await;
    assert_eq!(expect(299, "old", 2).await, first);
    assert_ne!(expect(300, "old", 2).await, first);
    expect(999, "old", 2).await;
    expect(1_000, "new", 2).await;
    expect(1_999, "new", 2).await;
    expect(2_000, "new", 1).await;

    // A key that was lost is replaced at once, without overlap.
    site.replace_keys(Keychain::single(key(Algorithm::Es256, "newest"))).unwrap();
    expect(2_001, "newest", 1).await;
    let stranger = Keychain::single(SigningKey::generate(Algorithm::Es256).unwrap());
    assert!(matches!(site.replace_keys(stranger), Err(SiteError::KeyName(_))));
    expect(2_002, "newest", 1).await;
}

#[tokio::test]
async fn keys_of_the_other_kind_sign_what_they_can() {
    let keys = Keychain::single(key(Algorithm::EdDsa, "k"));
    let site = site(&server()).keys(did(), keys).build().unwrap();
    let document = DidDocument::judge(get(&site, DID).await.body()).unwrap();
    let keys = document.assertion_keys().unwrap();
    verify_agent_card(get(&site, AGENT).await.body(), &JwsVerifier::new(&keys)).unwrap();
    let catalog = Catalog::judge(get(&site, CATALOG).await.body()).unwrap();
    assert!(catalog.signature.is_none() && catalog.entries[0].trust_manifests.is_none());
}

/// A key that another service keeps, and that can be out of reach.
struct Remote {
    key: SigningKey,
    reachable: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Signer for Remote {
    fn key_id(&self) -> &str {
        self.key.key_id()
    }

    fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            match self.reachable.load(Ordering::SeqCst) {
                true => self.key.sign_now(message),
                false => Err(SignError::Unavailable("nobody answers".into())),
            }
        })
    }
}

#[tokio::test]
async fn a_signer_out_of_reach_does_not_take_the_documents_away() {
    let (hand, reachable, asked) =
        (Hand::default(), Arc::new(AtomicBool::new(false)), Arc::default());
    let remote = Remote {
        key: key(Algorithm::Es256, "k"),
        reachable: Arc::clone(&reachable),
        asked: Arc::clone(&asked),
    };
    let clock = hand.clone();
    let keys = Keychain::new().with(remote, Validity::always()).unwrap();
    let site = site(&server())
        .keys(did(), keys)
        .signature_lifetime(Duration::from_secs(600))
        .clock(move || clock.time())
        .build()
        .unwrap();
    assert!(site.prepare().await.is_err());
    let refused = get(&site, CATALOG).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shown(&refused, "retry-after"), "5");
    reachable.store(true, Ordering::SeqCst);
    site.prepare().await.unwrap();
    let first = get(&site, CATALOG).await;

    reachable.store(false, Ordering::SeqCst);
    hand.set(300);
    let before = asked.load(Ordering::SeqCst);
    for _ in 0..10 {
        assert_eq!(get(&site, CATALOG).await.body(), first.body());
    }
    // Tried once, and not again for a while.
    assert_eq!(asked.load(Ordering::SeqCst), before + 1);
    reachable.store(true, Ordering::SeqCst);
    assert_eq!(get(&site, CATALOG).await.body(), first.body());
    hand.set(305);
    assert_ne!(get(&site, CATALOG).await.body(), first.body());

    // Many who ask at once wait for one making.
    hand.set(700);
    let before = asked.load(Ordering::SeqCst);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let site = site.clone();
        all.spawn(async move { get(&site, CATALOG).await.body().clone() });
    }
    let bodies = all.join_all().await;
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    // The agent card, two entries, the catalog.
    assert_eq!(asked.load(Ordering::SeqCst), before + 4);
}

#[tokio::test]
async fn operators_change_the_agent_card() {
    let site = site(&server())
        .adjust_agent_card(|mut card| {
            card.skills.retain(|skill| skill.id != "prompts/summary");
            card.supported_interfaces
                .insert(0, AgentInterface::new("https://example.com/a2a", "JSONRPC", "1.0"));
            card
        })
        .build()
        .unwrap();
    let card = AgentCard::judge(get(&site, AGENT).await.body()).unwrap();
    assert_eq!((card.skills.len(), card.supported_interfaces.len()), (1, 2));
    let empty = self::site(&server()).adjust_agent_card(|mut card| {
        card.skills.clear();
        card
    });
    let error = empty.build().unwrap().prepare().await.unwrap_err();
    assert_eq!(error.to_string(), "the agent card is refused: /skills is empty");
}
