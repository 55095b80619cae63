//! Parameters that do not fit.

use serde_json::{Map, Value, json};

use crate::request::{call_tool, notification, request};
use crate::suite::probe::{Probe, not_refused};
use crate::suite::{OfferKind, Rule};

/// Values to put where others belong: each JSON type, and extremes of each.
fn odd_values() -> Vec<Value> {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(255),
        json!(u32::MAX),
        json!(0.5),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e308),
        json!(""),
        json!("\u{0}"),
        json!("../../../etc/passwd"),
        json!("💥".repeat(10_000)),
        json!([]),
        json!({}),
        deep,
    ]
}

/// The valid object with one member left out or replaced, each in turn.
fn variants(valid: &Map<String, Value>) -> Vec<Value> {
    let mut variants = vec![json!({})];
    for name in valid.keys() {
        let mut without = valid.clone();
        without.remove(name);
        variants.push(Value::Object(without));
        for odd in odd_values() {
            let mut changed = valid.clone();
            changed.insert(name.clone(), odd);
            variants.push(Value::Object(changed));
        }
    }
    variants
}

/// What is said in a report, without ten thousand explosions.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 120 {
        return text;
    }
    text.chars().take(120).chain("…".chars()).collect()
}

pub(crate) async fn methods(probe: &mut Probe<'_>) {
    for case in &probe.suite.methods {
        let subject = format!("method {}", case.name);
        for whole in [json!([]), json!("text"), json!(7)] {
            let message = request(case.name).params(&whole);
            if let Some(answer) = probe.ask(&subject, message).await {
                probe.check(Rule::Parameters, &subject, not_refused(&answer));
            }
        }
        for refused in &case.refused {
            let subject = format!("{subject} with {}", short(refused));
            let message = probe.declared(request(case.name).params(refused));
            if let Some(answer) = probe.ask(&subject, message).await {
                probe.check(Rule::Parameters, &subject, not_refused(&answer));
            }
        }
        let Some(valid) = case.params.as_object() else { continue };
        let mut refused = 0;
        for variant in variants(valid) {
            let subject = format!("{subject} with {}", short(&variant));
            let message = probe.declared(request(case.name).params(&variant));
            if let Some(answer) = probe.ask(&subject, message).await
                && answer.error_code() == Some(-32602)
            {
                refused += 1;
            }
        }
        if !valid.is_empty() {
            let problem = (refused == 0).then(|| {
                "it takes whatever it is given: no value of any type is refused".to_owned()
            });
            probe.check(Rule::Parameters, &subject, problem);
        }
    }
}

pub(crate) async fn notifications(probe: &mut Probe<'_>) {
    for (name, params) in &probe.suite.notifications {
        let subject = format!("notification {name}");
        let Some(valid) = params.as_object() else { continue };
        let mut refused = 0;
        for variant in variants(valid) {
            let message = probe.declared(notification(*name).params(&variant));
            let outcome = probe.notify(&subject, message).await;
            if matches!(outcome, Some(Err(error)) if error.code() == -32602) {
                refused += 1;
            }
        }
        if !valid.is_empty() {
            let problem = (refused == 0).then(|| {
                "it takes whatever it is given: no value of any type is refused".to_owned()
            });
            probe.check(Rule::Parameters, &subject, problem);
        }
    }
}

/// Tools answer odd arguments as they like, but they do not fail.
pub(crate) async fn tools(probe: &mut Probe<'_>) {
    for offer in probe.suite.offers.iter().filter(|offer| offer.kind == OfferKind::Tool) {
        let Some(valid) = offer.valid.as_object() else { continue };
        for variant in variants(valid) {
            let subject = format!("{} with {}", offer.subject(), short(&variant));
            probe.ask(&subject, probe.declared(call_tool(offer.name, &variant))).await;
        }
        let subject = offer.subject();
        let message = probe.declared(call_tool(offer.name, json!([])));
        if let Some(answer) = probe.ask(&subject, message).await {
            probe.check(Rule::Parameters, &subject, not_refused(&answer));
        }
    }
}
