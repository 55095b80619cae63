//! What clients reach that declared the extension, and what the others are told.

use mcp_core::protocol::methods;
use serde_json::{Value, json};

use crate::request::{Message, notification, request};
use crate::suite::Rule;
use crate::suite::probe::{OTHER, Probe, no_result};

/// Methods: a result with the declaration, `-32021` without it, whatever the parameters.
pub(crate) async fn methods(probe: &mut Probe<'_>) {
    for case in &probe.suite.methods {
        let subject = format!("method {}", case.name);
        let message = request(case.name).params(&case.params);
        if let Some(answer) = probe.ask(&subject, probe.declared(message.clone())).await {
            probe.check(Rule::Works, &subject, no_result(&answer));
        }
        let other = message.clone().declaring_raw(OTHER, json!({}));
        // The gate comes before the parameters: what is wrong with them is not for outsiders.
        for outside in [message, other, request(case.name)] {
            gated(probe, &subject, outside).await;
        }
    }
}

async fn gated(probe: &mut Probe<'_>, subject: &str, message: Message) {
    if let Some(answer) = probe.ask_outside(subject, message).await {
        let problem = probe.not_gated(&answer);
        probe.check(Rule::Gated, subject, problem);
    }
}

/// Notifications: taken with the declaration, refused without it.
pub(crate) async fn notifications(probe: &mut Probe<'_>) {
    for (name, params) in &probe.suite.notifications {
        let subject = format!("notification {name}");
        let message = notification(*name).params(params);
        let declared = probe.declared(message.clone());
        if let Some(taken) = probe.notify(&subject, declared).await {
            let problem = taken.err().map(|error| format!("refused: {error}"));
            probe.check(Rule::Works, &subject, problem);
        }
        let other = message.clone().declaring_raw(OTHER, json!({}));
        let bare = message.clone().capability("roots", json!({}));
        for outside in [message, bare, other] {
            if let Some(outcome) = probe.notify(&subject, outside).await {
                let problem = probe.not_gated_error(&outcome);
                probe.check(Rule::Gated, &subject, problem);
            }
        }
    }
}

/// Tools, prompts, resources and templates.
pub(crate) async fn offers(probe: &mut Probe<'_>) {
    for offer in &probe.suite.offers {
        let subject = offer.subject();
        if let Some(answer) = probe.ask(&subject, probe.declared(offer.request())).await {
            probe.check(Rule::Works, &subject, no_result(&answer));
        }
        if offer.gated {
            gated(probe, &subject, offer.request()).await;
            gated(probe, &subject, offer.request().declaring_raw(OTHER, json!({}))).await;
        } else if let Some(answer) = probe.ask_outside(&subject, offer.request()).await {
            probe.check(Rule::Works, &subject, no_result(&answer));
        }
    }
}

/// Filter fields of subscriptions: acknowledged with the declaration only.
pub(crate) async fn topics(probe: &mut Probe<'_>) {
    for (field, filter) in &probe.suite.topics {
        let subject = format!("topic {field}");
        let message = request(methods::SUBSCRIPTIONS_LISTEN)
            .param("notifications", json!({ *field: filter }));
        let declared = probe.declared(message.clone());
        match acknowledged(probe, &subject, declared).await {
            Some(fields) if fields.get(field).is_none() => {
                probe.check(Rule::Topic, &subject, Some(format!("not acknowledged: {fields}")));
            }
            Some(_) => probe.check(Rule::Topic, &subject, None),
            None => {}
        }
        if probe.suite.strict_topics.contains(field) {
            gated(probe, &subject, message).await;
            continue;
        }
        if let Some(fields) = acknowledged(probe, &subject, message).await {
            let problem =
                fields.get(field).map(|_| format!("acknowledged to an outsider: {fields}"));
            probe.check(Rule::Invisible, &subject, problem);
        }
    }
}

/// The fields that a subscription's first message acknowledges.
async fn acknowledged(probe: &mut Probe<'_>, subject: &str, message: Message) -> Option<Value> {
    let sent = message.to_json();
    let problem = match probe.client.open(message).try_next().await {
        Ok(Some(mut first))
            if first["method"] == methods::NOTIFICATIONS_SUBSCRIPTIONS_ACKNOWLEDGED =>
        {
            return Some(first["params"]["notifications"].take());
        }
        Ok(Some(other)) => format!("expected the acknowledgement, got {other}"),
        Ok(None) => "the subscription ended without a message".to_owned(),
        Err(error) => error.to_string(),
    };
    probe.check(Rule::Topic, subject, Some(format!("{problem}\n    for {sent}")));
    None
}

/// Result types and notifications of the server: for clients that declared the extension only.
pub(crate) async fn results(probe: &mut Probe<'_>) {
    for (tag, message) in &probe.suite.result_types {
        let subject = format!("result type {tag}");
        if let Some(answer) = probe.ask(&subject, probe.declared(message.clone())).await {
            let problem = (answer.result_type() != Some(tag))
                .then(|| format!("expected this type, got {}", answer.response()));
            probe.check(Rule::Works, &subject, problem);
        }
        probe.ask_outside(&subject, message.clone()).await;
    }
    for (name, message) in &probe.suite.sends {
        let subject = format!("notification {name}");
        if let Some(answer) = probe.ask(&subject, probe.declared(message.clone())).await {
            let problem = answer
                .notifications_of(name)
                .is_empty()
                .then(|| format!("it was not sent; the answer is {}", answer.response()));
            probe.check(Rule::Works, &subject, problem);
        }
        probe.ask_outside(&subject, message.clone()).await;
    }
}
