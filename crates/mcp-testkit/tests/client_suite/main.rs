//! The suite passes a sound client's half and catches each flaw by the rule that it breaks.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the flaws of the sample extension")]

mod borrowing;

use std::time::Duration;

use borrowing::{Borrowing, Careless, Flaw, Reader, Shelf, Strict};
use mcp_core::client::Client;
use mcp_core::extension::Extension;
use mcp_testkit::{ClientExtensionSuite, Report, Rule};
use serde_json::json;

fn suite(flaw: Flaw) -> ClientExtensionSuite<Borrowing> {
    suite_with::<Borrowing>(flaw)
}

/// `E` is how the half sees the server's settings.
fn suite_with<E: Extension>(flaw: Flaw) -> ClientExtensionSuite<Borrowing> {
    ClientExtensionSuite::new(Borrowing::ID, move || {
        let half = Borrowing::new(flaw);
        (Client::builder("reader", "1.0.0").extension(half.clone()), half)
    })
    .declares(json!({ "version": 2 }))
    .server_settings::<E>(json!({ "versions": [2] }))
    .refused_server_settings(json!({ "versions": "all" }))
    .call("lending/find", json!({ "books": ["Emma"] }), async |client: Client, half: Borrowing| {
        half.find(&client).await.map(drop)
    })
    .routing("lending/find", "shelf")
    .refused_result("lending/find", json!({ "books": 1 }))
    .notifies("notifications/lending/returned", async |client: Client, half: Borrowing| {
        half.give_back(&client).await
    })
    .notification("notifications/lending/looked", json!({ "shelf": "A" }), |half| half.heard("A"))
    .refused_notification("notifications/lending/looked", json!({ "shelf": 1 }))
    .claim("loan", json!({ "desk": "3" }), |request| {
        (request["method"] == "lending/collect").then(|| json!({ "content": [] }))
    })
    .refused_claim("loan", json!({ "desk": 3 }))
    .request_meta::<Reader>("lending/find")
    .request_meta::<Reader>("tools/call")
    .result_meta::<Shelf>("A", 7, |half| half.heard("shelf"))
    // Short where there is no answer to wait for; long enough for any machine where there is.
    .deadline(if flaw == Flaw::Hangs {
        Duration::from_millis(300)
    } else {
        Duration::from_secs(60)
    })
}

#[tokio::test]
async fn a_sound_half_passes() {
    let report = suite(Flaw::None).run().await;
    report.assert_passed();
    assert!(report.findings().len() > 100, "{report}");
    // Every rule that there is for clients was looked at.
    for rule in [
        Rule::Built,
        Rule::Announced,
        Rule::Works,
        Rule::Gated,
        Rule::Settings,
        Rule::Shadowing,
        Rule::Invisible,
        Rule::Routed,
        Rule::Parameters,
        Rule::Metadata,
        Rule::Robust,
    ] {
        assert!(report.findings().iter().any(|finding| finding.rule == rule), "{rule}");
    }
}

fn found(report: &Report, what: &str, rule: Rule, subject: &str) {
    assert!(!report.passed(), "{what} was not found");
    let found =
        report.problems().any(|finding| finding.rule == rule && finding.subject.contains(subject));
    assert!(found, "{what} was not found as `{rule}: {subject}`, but\n{report}");
}

/// Checks that the suite finds the flaw, under this rule and on this subject.
async fn caught(flaw: Flaw, rule: Rule, subject: &str) {
    found(&suite(flaw).run().await, &format!("{flaw:?}"), rule, subject);
}

#[tokio::test]
async fn a_wrong_declaration_is_caught() {
    caught(Flaw::DeclaresAnother, Rule::Announced, "tools/call").await;
    caught(Flaw::DeclaresAnother, Rule::Announced, "notifications/lending/returned").await;
}

#[tokio::test]
async fn what_other_servers_notice_is_caught() {
    caught(Flaw::UndocumentedMeta, Rule::Invisible, "tools/list").await;
    caught(Flaw::NotGuarded, Rule::Gated, "lending/find").await;
}

#[tokio::test]
async fn settings_that_are_read_wrongly_are_caught() {
    let strict = suite_with::<Strict>(Flaw::None).run().await;
    found(&strict, "a strict reader", Rule::Settings, "mcp-testkit.unknown");
    let careless = suite_with::<Careless>(Flaw::None).run().await;
    found(&careless, "a careless reader", Rule::Settings, r#"{"versions":"all"}"#);
}

#[tokio::test]
async fn requests_that_go_wrong_are_caught() {
    caught(Flaw::StrictResult, Rule::Works, "lending/find").await;
    caught(Flaw::UntypedResult, Rule::Parameters, "lending/find").await;
    caught(Flaw::SwallowsErrors, Rule::Works, "lending/find").await;
    caught(Flaw::IndexesResult, Rule::Robust, "lending/find").await;
    caught(Flaw::Hangs, Rule::Robust, "lending/find").await;
    caught(Flaw::MisspelledMethod, Rule::Works, "lending/find").await;
    caught(Flaw::NoRouting, Rule::Routed, "lending/find").await;
    caught(Flaw::NoRouting, Rule::Shadowing, "lending/find").await;
    caught(Flaw::WrongRouting, Rule::Routed, "lending/find").await;
}

#[tokio::test]
async fn notifications_that_go_wrong_are_caught() {
    caught(Flaw::Silent, Rule::Works, "notifications/lending/returned").await;
    caught(Flaw::Requests, Rule::Works, "notifications/lending/returned").await;
    caught(Flaw::MisspelledNotification, Rule::Works, "notifications/lending/looked").await;
    caught(Flaw::MisspelledNotification, Rule::Shadowing, "notifications/lending/looked").await;
    caught(Flaw::UntypedNotification, Rule::Parameters, "notifications/lending/looked").await;
    caught(Flaw::StrictNotification, Rule::Works, "notifications/lending/looked").await;
    caught(Flaw::NotificationPanics, Rule::Robust, "notifications/lending/looked").await;
}

#[tokio::test]
async fn claims_that_go_wrong_are_caught() {
    caught(Flaw::NoClaim, Rule::Works, "loan").await;
    caught(Flaw::NoClaim, Rule::Shadowing, "loan").await;
    caught(Flaw::UntypedClaim, Rule::Parameters, "loan").await;
    caught(Flaw::ClaimPanics, Rule::Robust, "loan").await;
    caught(Flaw::ClaimSwallowsErrors, Rule::Works, "loan").await;
}

#[tokio::test]
async fn metadata_that_goes_wrong_is_caught() {
    caught(Flaw::NoRequestMeta, Rule::Metadata, "com.example/reader").await;
    caught(Flaw::NoRequestMeta, Rule::Shadowing, "com.example/reader").await;
    caught(Flaw::RequestMetaOfAnotherType, Rule::Metadata, "com.example/reader").await;
    caught(Flaw::NoResultMeta, Rule::Metadata, "com.example/shelf").await;
    caught(Flaw::UntypedResultMeta, Rule::Metadata, "com.example/shelf").await;
}

#[tokio::test]
async fn a_client_without_the_extension_is_caught() {
    let report = ClientExtensionSuite::new(Borrowing::ID, || {
        (Client::builder("reader", "1.0.0"), Borrowing::new(Flaw::None))
    })
    .run()
    .await;
    assert_eq!(report.problems().next().unwrap().rule, Rule::Built);
    let report = ClientExtensionSuite::new(Borrowing::ID, || {
        let half = Borrowing::new(Flaw::None);
        let builder = Client::builder("reader", "1.0.0");
        (builder.extension(half.clone()).extension(half.clone()), half)
    })
    .run()
    .await;
    assert_eq!(report.problems().next().unwrap().rule, Rule::Built);
}

#[tokio::test]
async fn a_suite_that_contradicts_itself_fails() {
    let report = ClientExtensionSuite::new(Borrowing::ID, || {
        let half = Borrowing::new(Flaw::None);
        (Client::builder("reader", "1.0.0").extension(half.clone()), half)
    })
    .declares(json!({ "version": 2 }))
    .routing("lending/find", "shelf")
    .refused_claim("loan", json!({}))
    .run()
    .await;
    let misuses = report.problems().filter(|finding| finding.subject == "the suite").count();
    assert_eq!(misuses, 2, "{report}");
    // The key that it writes was not named.
    found(&report, "an unnamed key", Rule::Invisible, "tools/call");
}
