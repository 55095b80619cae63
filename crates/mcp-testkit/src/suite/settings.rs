//! Settings: what the server shows, and what it refuses.

use mcp_core::protocol::methods;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::request::{Message, request};
use crate::suite::Rule;
use crate::suite::probe::Probe;

/// What no settings can be. A server may refuse every request that declares such, as malformed
/// capabilities; it names the extension then.
fn never_settings() -> [Value; 6] {
    [Value::Null, json!(true), json!(7), json!("settings"), json!([]), json!([{}])]
}

/// `server/discover` shows the extension with its settings, to everyone.
pub(crate) async fn announced(probe: &mut Probe<'_>) {
    let id = probe.suite.id.as_str();
    let Some(answer) =
        probe.ask_outside("server/discover", request(methods::SERVER_DISCOVER)).await
    else {
        return;
    };
    let shown = answer.result().and_then(|result| result["capabilities"]["extensions"].get(id));
    let problem = match shown {
        Some(Value::Object(_)) => None,
        Some(other) => Some(format!("its settings are no object: {other}")),
        None => Some(format!("not in `capabilities.extensions`: {}", answer.response())),
    };
    probe.check(Rule::Announced, id, problem);
}

/// A request that needs the extension, if there is one.
fn needing(probe: &Probe<'_>) -> Option<Message> {
    let method = probe.suite.methods.first();
    let offer = probe.suite.offers.iter().find(|offer| offer.gated);
    method
        .map(|case| request(case.name).params(&case.params))
        .or_else(|| offer.map(crate::suite::Offer::request))
}

/// Settings that do not fit are refused by a named error where the extension is needed, and make no
/// difference elsewhere.
pub(crate) async fn refused(probe: &mut Probe<'_>) {
    let id = probe.suite.id.as_str();
    let listing = request(methods::SERVER_DISCOVER);
    let before = probe.ask("server/discover", listing.clone()).await;
    let needing = needing(probe);
    let refused = never_settings().into_iter().chain(probe.suite.refused_settings.iter().cloned());
    for settings in refused {
        let subject = format!("settings {settings}");
        if let Some(message) = &needing {
            let message = message.clone().declaring_raw(id, &settings);
            if let Some(answer) = probe.ask_outside(&subject, message).await {
                let problem = not_named(id, &answer);
                probe.check(Rule::Settings, &subject, problem);
            }
        }
        let elsewhere = listing.clone().declaring_raw(id, &settings);
        let after = probe.ask_outside(&subject, elsewhere).await;
        if let (Some(before), Some(after)) = (&before, after) {
            // What is no object is malformed for everyone; what the extension refuses is not.
            let malformed = !settings.is_object() && not_named(id, &after).is_none();
            let problem = (!malformed && before.result() != after.result())
                .then(|| format!("other requests suffer: {}", after.response()));
            probe.check(Rule::Settings, &subject, problem);
        }
    }
    odd_settings(probe, needing).await;
}

/// Settings of which one member is of another type: refused or not, but never a failure.
async fn odd_settings(probe: &mut Probe<'_>, needing: Option<Message>) {
    let (Some(message), Some(valid)) = (needing, probe.suite.settings.as_object()) else { return };
    let id = probe.suite.id.as_str();
    for name in valid.keys() {
        for odd in never_settings() {
            let mut settings = valid.clone();
            settings.insert(name.clone(), odd);
            let settings = Value::Object(settings);
            let subject = format!("settings {settings}");
            let message = message.clone().declaring_raw(id, &settings);
            if let Some(answer) = probe.ask(&subject, message).await
                && answer.error().is_some()
            {
                let problem = not_named(id, &answer);
                probe.check(Rule::Settings, &subject, problem);
            }
        }
    }
}

/// Why an answer is no refusal that names the extension.
fn not_named(id: &str, answer: &Answer) -> Option<String> {
    let error = answer.error().unwrap_or(&Value::Null);
    let data = &error["data"];
    let message = error["message"].as_str().unwrap_or_default();
    let named = match answer.error_code() {
        Some(-32602) => data["extension"] == id || message.contains(id),
        Some(-32021) => data["requiredCapabilities"]["extensions"].get(id).is_some(),
        _ => false,
    };
    (!named).then(|| {
        format!(
            "expected -32602 that names the extension, or -32021 with what is accepted; got {}",
            answer.response()
        )
    })
}
