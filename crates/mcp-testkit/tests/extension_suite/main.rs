//! The suite passes a sound extension and catches each flaw by the rule that it breaks.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the flaws of the sample extension")]

mod lending;

use std::time::Duration;

use lending::{Flaw, Lending, Reader, Shelf};
use mcp_core::extension::Extension;
use mcp_core::server::Server;
use mcp_testkit::{ExtensionSuite, Report, Rule, call_tool, request};
use serde_json::{Value, json};

fn find() -> Value {
    json!({ "shelf": "A", "title": "Emma" })
}

fn suite(flaw: Flaw) -> ExtensionSuite {
    ExtensionSuite::new(Lending::ID, move || {
        Server::builder("library", "1.0.0").extension(Lending(flaw))
    })
    .settings(json!({ "version": 2 }))
    .refused_settings(json!({}))
    .refused_settings(json!({ "version": 1 }))
    .method("lending/find", find())
    .routing("lending/find", "shelf")
    .refused_params("lending/find", json!({ "shelf": "A" }))
    .notification("notifications/lending/returned", json!({ "book": 7 }))
    .gated_tool("renew", json!({ "weeks": 2 }))
    .open_tool("borrow", json!({}))
    .gated_prompt("recommend", json!({}))
    .open_prompt("greet", json!({}))
    .gated_resource("lending://rules")
    .open_template("lending://book/{id}", "lending://book/1")
    .result_type("loan", call_tool("borrow", json!({})))
    .sends("notifications/lending/looked", request("lending/find").params(find()))
    .topic("shelves", json!(["A"]))
    .request_meta::<Reader>(7, "seven")
    .result_meta::<Shelf>(request("lending/find").params(find()))
    // Short where there is no answer to wait for; long enough for any machine where there is.
    .deadline(if flaw == Flaw::Hangs {
        Duration::from_millis(300)
    } else {
        Duration::from_secs(60)
    })
}

async fn report(flaw: Flaw) -> Report {
    suite(flaw).run().await
}

#[tokio::test]
async fn a_sound_extension_passes() {
    let report = report(Flaw::None).await;
    report.assert_passed();
    assert!(report.findings().len() > 100, "{report}");
    // Every rule was looked at.
    for rule in [
        Rule::Built,
        Rule::Announced,
        Rule::Works,
        Rule::Gated,
        Rule::Settings,
        Rule::Shadowing,
        Rule::Invisible,
        Rule::Listed,
        Rule::Routed,
        Rule::Parameters,
        Rule::Metadata,
        Rule::Topic,
        Rule::Schemas,
        Rule::Robust,
    ] {
        assert!(report.findings().iter().any(|finding| finding.rule == rule), "{rule}");
    }
}

/// Checks that the suite finds the flaw, under this rule and on this subject.
async fn caught(flaw: Flaw, rule: Rule, subject: &str) {
    let report = report(flaw).await;
    assert!(!report.passed(), "{flaw:?} was not found");
    let found =
        report.problems().any(|finding| finding.rule == rule && finding.subject.contains(subject));
    assert!(found, "{flaw:?} was not found as `{rule}: {subject}`, but\n{report}");
}

#[tokio::test]
async fn what_outsiders_see_is_caught() {
    caught(Flaw::ToolForEveryone, Rule::Gated, "tool renew").await;
    caught(Flaw::ToolForEveryone, Rule::Invisible, "tool renew").await;
    caught(Flaw::UnknownTool, Rule::Invisible, "burn").await;
    caught(Flaw::MetaForEveryone, Rule::Invisible, "tool borrow").await;
    caught(Flaw::TypeForEveryone, Rule::Robust, "tool borrow").await;
}

#[tokio::test]
async fn wrong_routing_is_caught() {
    caught(Flaw::NoRouting, Rule::Routed, "lending/find").await;
    caught(Flaw::WrongRouting, Rule::Routed, "lending/find").await;
}

#[tokio::test]
async fn what_is_missing_is_caught() {
    caught(Flaw::MisspelledMethod, Rule::Works, "lending/find").await;
    caught(Flaw::MisspelledMethod, Rule::Shadowing, "lending/find").await;
    caught(Flaw::NoTopic, Rule::Topic, "shelves").await;
    caught(Flaw::NoTopic, Rule::Shadowing, "shelves").await;
    caught(Flaw::Silent, Rule::Works, "notifications/lending/looked").await;
    caught(Flaw::NoResource, Rule::Listed, "lending://rules").await;
    caught(Flaw::MetaNotRegistered, Rule::Metadata, "com.example/reader").await;
    caught(Flaw::MetaOfAnotherType, Rule::Metadata, "com.example/shelf").await;
}

#[tokio::test]
async fn careless_input_is_caught() {
    caught(Flaw::UntypedParams, Rule::Parameters, "lending/find").await;
    caught(Flaw::Panics, Rule::Robust, "lending/find").await;
    caught(Flaw::FailsInside, Rule::Robust, "lending/find").await;
    caught(Flaw::NotificationPanics, Rule::Robust, "returned").await;
    caught(Flaw::Hangs, Rule::Robust, "lending/find").await;
    caught(Flaw::AgreesToAll, Rule::Settings, r#"{"version":1}"#).await;
}

#[tokio::test]
async fn broken_promises_are_caught() {
    caught(Flaw::Refuses, Rule::Works, "lending/find").await;
    caught(Flaw::AnotherResult, Rule::Schemas, "result of lending/find").await;
}

#[tokio::test]
async fn a_server_without_the_extension_is_caught() {
    let report =
        ExtensionSuite::new(Lending::ID, || Server::builder("library", "1.0.0")).run().await;
    assert_eq!(report.problems().next().unwrap().rule, Rule::Built);
    let report = ExtensionSuite::new(Lending::ID, || {
        Server::builder("library", "1.0.0")
            .extension(Lending(Flaw::None))
            .extension(Lending(Flaw::None))
    })
    .run()
    .await;
    assert_eq!(report.problems().next().unwrap().rule, Rule::Built);
}

#[tokio::test]
async fn a_suite_that_was_told_too_little_fails() {
    let report = ExtensionSuite::new(Lending::ID, || {
        Server::builder("library", "1.0.0").extension(Lending(Flaw::None))
    })
    .settings(json!({ "version": 2 }))
    .routing("lending/find", "shelf")
    .run()
    .await;
    let subjects: Vec<_> =
        report.problems().map(|finding| (finding.rule, finding.subject.as_str())).collect();
    assert!(subjects.contains(&(Rule::Built, "the suite")), "{report}");
    assert!(subjects.contains(&(Rule::Listed, "renew")), "{report}");
    assert!(subjects.contains(&(Rule::Invisible, "borrow")), "{report}");
    assert!(subjects.contains(&(Rule::Schemas, "method lending/find")), "{report}");
}

#[tokio::test]
#[should_panic(expected = "WRONG gated: tool renew")]
async fn a_failed_report_panics_with_its_problems() {
    report(Flaw::ToolForEveryone).await.assert_passed();
}
