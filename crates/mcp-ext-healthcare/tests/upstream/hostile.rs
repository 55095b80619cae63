//! Servers that are wrong, slow or hostile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use mcp_ext_healthcare::server::{Records, Search, SourceError};
use mcp_ext_healthcare::upstream::{Credentials, CredentialsError, UpstreamLimits};
use serde_json::{Value, json};

use crate::PLANTED;
use crate::fake::{Fake, JSON, Reply};
use crate::honest::to;

fn small() -> UpstreamLimits {
    let mut limits = UpstreamLimits::default();
    limits.body = 64 * 1024;
    limits.entries = 10;
    limits.pages = 5;
    limits.request = Duration::from_millis(500);
    limits
}

/// What comes of a search that is answered so.
async fn searched(
    reply: impl Fn(&str) -> Reply + Send + Sync + 'static,
) -> Result<usize, SourceError> {
    let fake = Fake::start(move |_, base| reply(base)).await;
    let server = to(&fake).limits(small()).build().unwrap();
    let search = Search::new("Observation").parameter("status", "final");
    server.search(&search).await.map(|found| found.matches.len() + found.included.len())
}

fn bundle(base: &str, change: impl FnOnce(&mut Value)) -> Reply {
    let mut bundle = json!({
        "resourceType": "Bundle", "type": "searchset",
        "link": [{ "relation": "self", "url": format!("{base}/Observation?status=final") }],
        "entry": [{ "fullUrl": format!("{base}/Observation/1"), "search": { "mode": "match" },
            "resource": { "resourceType": "Observation", "id": "1", "status": "final" } }],
    });
    change(&mut bundle);
    Reply::Json(bundle)
}

#[tokio::test]
async fn answers_that_are_not_right_are_not_used() {
    use SourceError::{Unavailable, UnknownParameter};
    assert_eq!(searched(|base| bundle(base, |_| {})).await, Ok(1));
    type Change = fn(&mut Value);
    let changes: [(Change, SourceError); 27] = [
        (|it| it["type"] = json!("collection"), Unavailable),
        (|it| it["resourceType"] = json!("List"), Unavailable),
        (|it| it["entry"] = json!({}), Unavailable),
        (|it| it["entry"][0]["resource"] = json!(null), Unavailable),
        (|it| it["entry"][0]["resource"]["resourceType"] = json!("Patient"), Unavailable),
        (|it| it["entry"][0]["resource"]["id"] = json!("2"), Unavailable),
        (|it| it["entry"][0]["resource"]["id"] = json!("../1"), Unavailable),
        (|it| it["entry"][0]["resource"]["id"] = json!(1), Unavailable),
        (|it| it["entry"][0]["resource"]["meta"] = json!(1), Unavailable),
        (|it| it["entry"][0]["resource"]["resourceType"] = json!("Bundle"), Unavailable),
        (
            |it| it["entry"][0]["fullUrl"] = json!("https://elsewhere.example/fhir/Observation/1"),
            Unavailable,
        ),
        (|it| it["entry"][0]["fullUrl"] = json!("Observation/1/../2"), Unavailable),
        (|it| it["entry"][0]["search"]["mode"] = json!("extra"), Unavailable),
        (|it| it["entry"][0]["search"]["mode"] = json!(7), Unavailable),
        (|it| it["entry"] = json!(vec![it["entry"][0].clone(); 11]), Unavailable),
        (|it| it["link"] = json!("x"), Unavailable),
        (|it| it["link"][0]["url"] = json!(7), Unavailable),
        (|it| it["link"] = json!([it["link"][0], it["link"][0]]), Unavailable),
        (|it| it["link"] = json!([]), UnknownParameter),
        (|it| it["link"][0]["url"] = json!("Observation"), UnknownParameter),
        (
            |it| it["link"][0]["url"] = json!("Observation?_count=100&status:not=final"),
            UnknownParameter,
        ),
        (|it| it["entry"][0] = outcome("error", "processing"), Unavailable),
        (|it| it["entry"][0] = outcome("fatal", "security"), Unavailable),
        (|it| it["entry"][0] = outcome("warning", "not-supported"), UnknownParameter),
        (|it| it["entry"][0] = outcome("warning", "invalid"), UnknownParameter),
        (|it| it["entry"][0] = outcome("colour", "invalid"), Unavailable),
        (|it| it["entry"][0]["resource"]["extension"] = deep(), Unavailable),
    ];
    for (number, (change, expected)) in changes.into_iter().enumerate() {
        let found = searched(move |base| bundle(base, change)).await;
        assert_eq!(found, Err(expected), "change {number}");
    }
    let found =
        searched(|base| bundle(base, |it| it["entry"][0] = outcome("information", "x"))).await;
    assert_eq!(found, Ok(0));
}

fn outcome(severity: &str, code: &str) -> Value {
    json!({ "search": { "mode": "outcome" }, "resource": { "resourceType": "OperationOutcome",
        "issue": [{ "severity": severity, "code": code, "diagnostics": PLANTED }] } })
}

fn deep() -> Value {
    (0..100).fold(json!(1), |inner, _| json!([inner]))
}

#[tokio::test]
async fn what_is_no_json_that_can_be_read_in_one_way_is_not_used() {
    let twice = r#"{"resourceType":"Bundle","type":"searchset","link":[{"relation":"self","url":"Observation?status=final"}],
        "entry":[{"resource":{"resourceType":"Observation","id":"1","status":"final","status":"amended"}}]}"#;
    for body in [
        "",
        "{",
        "[]",
        "null",
        twice,
        "\u{feff}{}",
        "{\"resourceType\":\"Bundle\"}",
        "<Bundle xmlns=\"http://hl7.org/fhir\"/>",
    ] {
        let found = searched(move |_| Reply::text(body)).await;
        assert_eq!(found, Err(SourceError::Unavailable), "{body}");
    }
    let utf8 = searched(|_| Reply::Raw(200, vec![JSON], vec![b'"', 0xff, b'"'])).await;
    assert_eq!(utf8, Err(SourceError::Unavailable));
    for content_type in ["text/html", "application/fhir+xml", "application/jsonp"] {
        let found = searched(move |_| {
            Reply::Raw(200, vec![("content-type", content_type.to_owned())], b"{}".to_vec())
        })
        .await;
        assert_eq!(found, Err(SourceError::Unavailable), "{content_type}");
    }
    let coded = |_: &str| {
        Reply::Raw(200, vec![JSON, ("content-encoding", "gzip".to_owned())], vec![31, 139])
    };
    assert_eq!(searched(coded).await, Err(SourceError::Unavailable));
}

#[tokio::test]
async fn what_is_slow_or_large_ends() {
    assert_eq!(searched(|_| Reply::Drip).await, Err(SourceError::Unavailable));
    assert_eq!(searched(|_| Reply::Silence).await, Err(SourceError::Unavailable));
    assert_eq!(searched(|_| Reply::Flood).await, Err(SourceError::Unavailable));
    assert_eq!(searched(|_| Reply::Cut).await, Err(SourceError::Unavailable));
    let large = |_: &str| Reply::text(" ".repeat(100_000));
    assert_eq!(searched(large).await, Err(SourceError::Unavailable));
    // Nobody listens there any more.
    let fake = Fake::start(|_, _| Reply::Drip).await;
    let nowhere = fake.url.replace("127.0.0.1", "127.0.0.2");
    let server = mcp_ext_healthcare::upstream::FhirServer::builder(
        &nowhere,
        mcp_ext_healthcare::fhir::FhirVersion::R4,
    );
    let server = server.limits(small()).build().unwrap();
    let error = server.search(&Search::new("Patient")).await.unwrap_err();
    assert_eq!(error, SourceError::Unavailable);
}

#[tokio::test]
async fn statuses_say_what_they_say_and_no_more() {
    use SourceError::{Unavailable, UnknownPage, UnknownParameter, Unsupported};
    for (status, search, page, read) in [
        (400, UnknownParameter, UnknownPage, Err(Unavailable)),
        (401, Unavailable, Unavailable, Err(Unavailable)),
        (403, Unavailable, Unavailable, Ok(())),
        (404, Unsupported, UnknownPage, Ok(())),
        (405, Unsupported, Unavailable, Err(Unavailable)),
        (410, Unsupported, UnknownPage, Ok(())),
        (422, UnknownParameter, Unavailable, Err(Unavailable)),
        (429, Unavailable, Unavailable, Err(Unavailable)),
        (500, Unavailable, Unavailable, Err(Unavailable)),
        (503, Unavailable, Unavailable, Err(Unavailable)),
    ] {
        let fake = Fake::start(move |_, _| Reply::status(status)).await;
        let server = to(&fake).build().unwrap();
        let mut asked = Search::new("Observation");
        assert_eq!(server.search(&asked).await.unwrap_err(), search, "{status}");
        asked.page = Some("1 /Observation?page=2".to_owned());
        assert_eq!(server.search(&asked).await.unwrap_err(), page, "{status}");
        let found = server.read(&"Observation/1".parse().unwrap()).await;
        assert_eq!(found.map(|one| assert!(one.is_none())), read, "{status}");
    }
    // Redirects are not followed.
    let target = Fake::start(|_, _| Reply::status(500)).await;
    let location = target.url.clone();
    let fake =
        Fake::start(move |_, _| Reply::Raw(307, vec![("location", location.clone())], Vec::new()))
            .await;
    let server = to(&fake).bearer("secret").build().unwrap();
    assert!(server.search(&Search::new("Observation")).await.is_err());
    assert!(server.read(&"Observation/1".parse().unwrap()).await.is_err());
    assert!(target.asked().is_empty());
}

#[tokio::test]
async fn another_record_than_asked_for_is_none() {
    for body in [
        r#"{"resourceType":"Observation","id":"2"}"#,
        r#"{"resourceType":"Patient","id":"1"}"#,
        r#"{"resourceType":"OperationOutcome","issue":[]}"#,
        r#"{"resourceType":"Observation","id":"1","id":"1"}"#,
    ] {
        let fake = Fake::start(move |_, _| Reply::text(body)).await;
        let server = to(&fake).build().unwrap();
        let error = server.read(&"Observation/1".parse().unwrap()).await.unwrap_err();
        assert_eq!(error, SourceError::Unavailable, "{body}");
    }
}

#[tokio::test]
async fn pages_are_followed_at_home_and_not_for_ever() {
    let other = Fake::start(|_, _| Reply::status(500)).await;
    let elsewhere = format!("{}/Observation?page=2", other.url);
    for next in [
        elsewhere.as_str(),
        "https://elsewhere.example/fhir/Observation?page=2",
        "//elsewhere.example/fhir",
        "/admin",
        "../admin",
        "BASE/../admin",
        "BASEx/Observation",
        "file:///etc/passwd",
    ] {
        let next = next.to_owned();
        let found = searched(move |base| {
            let next = next.replace("BASE", base);
            bundle(base, |it| {
                it["link"].as_array_mut().unwrap().push(json!({ "relation": "next", "url": next }));
            })
        })
        .await;
        assert_eq!(found, Err(SourceError::Unavailable));
    }
    assert!(other.asked().is_empty());
    // A page whose next is itself, and one page after the other without end.
    for is_growing in [false, true] {
        let count = Arc::new(AtomicUsize::new(0));
        let fake = Fake::start(move |_, base| {
            let number = if is_growing { count.fetch_add(1, Ordering::Relaxed) } else { 0 };
            bundle(base, |it| {
                let next = json!({ "relation": "next", "url": format!("{base}/Observation?status=final&page={number}") });
                it["link"].as_array_mut().unwrap().push(next);
            })
        })
        .await;
        let server = to(&fake).limits(small()).build().unwrap();
        let mut search = Search::new("Observation").parameter("status", "final");
        let error = loop {
            match server.search(&search).await {
                Ok(found) => search.page = found.next,
                Err(error) => break error,
            }
        };
        assert_eq!(error, SourceError::Unavailable);
        assert_eq!(fake.asked().len(), if is_growing { 5 } else { 2 });
    }
    // Pages that nobody gave.
    let fake = Fake::start(|_, _| Reply::status(500)).await;
    let server = to(&fake).build().unwrap();
    for page in [
        "",
        "x",
        "1",
        "1 ",
        "1 http://elsewhere.example/",
        "1 /../admin",
        "1 //x",
        "1 @elsewhere.example/",
        "1 .elsewhere.example/",
        "-1 /a",
        "1 /a\r\nX: y",
    ] {
        let mut search = Search::new("Observation");
        search.page = Some(page.to_owned());
        let error = server.search(&search).await.unwrap_err();
        let expected =
            if page == "1 " { SourceError::Unavailable } else { SourceError::UnknownPage };
        assert_eq!(error, expected, "{page}");
    }
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn what_is_not_known_here_is_not_asked() {
    let fake = Fake::start(|_, _| Reply::status(500)).await;
    let server = to(&fake).build().unwrap();
    for (name, value) in [
        ("colour", "red"),
        ("_format", "xml"),
        ("_summary", "true"),
        ("_cursor", "x"),
        ("status", ""),
    ] {
        let search = Search::new("Observation").parameter(name, value);
        assert_eq!(
            server.search(&search).await.unwrap_err(),
            SourceError::UnknownParameter,
            "{name}"
        );
    }
    for kind in ["", "Nothing", "../Patient", "Observation/1", "$everything", "Observation?x"] {
        let error = server.search(&Search::new(kind)).await.unwrap_err();
        assert_eq!(error, SourceError::UnknownParameter, "{kind}");
    }
    assert!(fake.asked().is_empty());
}

/// Gives one token after the other, and none at the end.
struct Tokens(AtomicUsize);

#[async_trait]
impl Credentials for Tokens {
    async fn authorization(&self) -> Result<Option<HeaderValue>, CredentialsError> {
        match self.0.load(Ordering::SeqCst) {
            number @ 0..3 => Ok(Some(HeaderValue::try_from(format!("Bearer t{number}"))?)),
            _ => Err("no more tokens".into()),
        }
    }

    async fn refused(&self) -> Result<bool, CredentialsError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(true)
    }
}

#[tokio::test]
async fn credentials_are_renewed_once_for_each_request() {
    let fake = Fake::start(|asked, _| match asked.headers["authorization"].as_str() {
        "Bearer t1" => Reply::text(r#"{"resourceType":"Patient","id":"1"}"#),
        _ => Reply::status(401),
    })
    .await;
    let server = to(&fake).credentials(Tokens(AtomicUsize::new(0))).build().unwrap();
    let patient = "Patient/1".parse().unwrap();
    assert!(server.read(&patient).await.unwrap().is_some());
    assert_eq!(fake.asked().len(), 2);
    let server = to(&fake).credentials(Tokens(AtomicUsize::new(1))).build().unwrap();
    assert!(server.read(&patient).await.unwrap().is_some());
    let server = to(&fake).credentials(Tokens(AtomicUsize::new(2))).build().unwrap();
    fake.asked();
    assert_eq!(server.read(&patient).await.unwrap_err(), SourceError::Unavailable);
    assert_eq!(fake.asked().len(), 1, "without credentials nothing is sent");
}
