//! What is checked, one function for each thing that a client's half can do.

use mcp_core::client::{Client, ClientError};
use serde_json::{Value, json};

use crate::FakeServer;
use crate::client_suite::probe::{
    Actor, Probe, UNKNOWN_KEY, extended, odd_values, raw, spoilt, stage,
};
use crate::client_suite::stage::{Sent, plain_result};
use crate::client_suite::{CallCase, ClaimCase, NotificationCase};
use crate::suite::Rule;

/// Requests that have nothing to do with any extension.
const ORDINARY: [&str; 4] = ["server/discover", "tools/list", "tools/call", "resources/read"];

/// With a server that does not have the extension, the client does what it did without it.
pub(crate) async fn inert<H: Clone + Send + Sync + 'static>(probe: &mut Probe<'_, H>) {
    for method in ORDINARY {
        let (bare, log) = stage(json!({}), |_| None);
        let Ok(client) = Client::builder("mcp-testkit", "1.0.0").connect(bare) else { continue };
        let expected = raw(&client, method).await.ok();
        let wanted: Vec<_> = log.all().iter().map(|sent| stripped(sent, &[])).collect();

        let Some(actor) = probe.actor_before(stage(json!({}), |_| None)) else { return };
        let client = actor.client.clone();
        let found = probe.watch(method, async move { raw(&client, method).await }).await;
        let Some(found) = found else { continue };
        let problem = match found {
            Ok(found) if Some(&found) == expected.as_ref() => None,
            Ok(found) => Some(format!("the result is not handed on as it came: {found}")),
            Err(error) => Some(format!("it fails where it worked without the extension: {error}")),
        };
        probe.check(Rule::Invisible, method, problem);
        let named: Vec<_> = probe.suite.request_meta.iter().map(|case| case.key).collect();
        let sent: Vec<_> = actor.log.all().iter().map(|sent| stripped(sent, &named)).collect();
        let problem = (sent != wanted).then(|| {
            format!("other messages go out than without it: {sent:?} instead of {wanted:?}")
        });
        probe.check(Rule::Invisible, method, problem);
        probe.declared(method, &actor.log.all());
    }
    for case in &probe.suite.calls {
        let Some(actor) = probe.actor_before(stage(json!({}), |_| None)) else { return };
        // An error, or whatever the half does where there is no such server: but it ends.
        probe.watch(case.method, (case.drive)(actor.client, actor.half)).await;
    }
}

/// A message without what declares the extension, and without the keys that it is known to add.
fn stripped(sent: &Sent, named: &[&str]) -> Value {
    let mut message = sent.message.clone();
    if let Some(meta) = message["params"]["_meta"].as_object_mut() {
        meta.remove("io.modelcontextprotocol/clientCapabilities");
        meta.remove("io.modelcontextprotocol/clientInfo");
        for key in named {
            meta.remove(*key);
        }
    }
    message
}

/// The server's settings: typed, optional, refused by name where they do not fit.
pub(crate) async fn settings<H: Clone + Send + Sync + 'static>(probe: &mut Probe<'_, H>) {
    let Some(read) = probe.suite.read_settings else { return };
    let id = probe.suite.id;
    let shown = |settings: &Value| json!({ id.as_str(): settings });
    let valid = probe.suite.server.clone();
    let fits = [valid.clone(), extended(&valid)].map(|settings| (shown(&settings), Some(true)));
    let no_objects = odd_values().into_iter().filter(|odd| !odd.is_object());
    let refused = no_objects.chain(probe.suite.refused_server_settings.iter().cloned());
    let cases = fits
        .into_iter()
        .chain([(json!({}), Some(false))])
        .chain(refused.map(|settings| (shown(&settings), None)));
    for (extensions, expected) in cases.collect::<Vec<_>>() {
        let subject = format!("the server's settings {extensions}");
        let Some(actor) = probe.actor_before(stage(extensions.clone(), |_| None)) else { return };
        let client = actor.client.clone();
        let Some(found) = probe.watch(&subject, read(client)).await else { continue };
        let problem = match (&found, expected) {
            (Ok(there), Some(expected)) if *there == expected => None,
            (Err(ClientError::ServerSettings { id: named, .. }), None) if *named == id => None,
            // What is no object is no discovery at all.
            (Err(ClientError::UnexpectedResult { .. }), None) => None,
            (found, Some(_)) => Some(format!("expected to be read, got {found:?}")),
            (found, None) => {
                Some(format!("expected an error that names the extension, got {found:?}"))
            }
        };
        probe.check(Rule::Settings, &subject, problem);
        // Whatever the server shows, calls end.
        for case in &probe.suite.calls {
            let stage = stage(extensions.clone(), |_| None);
            let Some(actor) = probe.actor_before(stage) else { return };
            probe.watch(&subject, (case.drive)(actor.client, actor.half)).await;
        }
    }
}

/// Requests of the half's own.
pub(crate) async fn calls<H: Clone + Send + Sync + 'static>(probe: &mut Probe<'_, H>) {
    for case in &probe.suite.calls {
        let valid = case.result.clone();
        for result in [valid.clone(), extended(&valid), with_unknown_meta(&valid)] {
            let Some((actor, done)) = drive(probe, case, answering(case.method, result)).await
            else {
                continue;
            };
            let problem = done.err().map(|error| format!("a valid result is refused: {error}"));
            probe.check(Rule::Works, case.method, problem);
            let sent = actor.log.of(case.method);
            let unsent = sent.is_empty().then(|| "it was not sent".to_owned());
            probe.check(Rule::Works, case.method, unsent);
            probe.declared(case.method, &actor.log.all());
            routed(probe, case, &sent);
        }
        for result in &case.refused {
            let Some((_, done)) = drive(probe, case, answering(case.method, result.clone())).await
            else {
                continue;
            };
            let problem = done.is_ok().then(|| format!("{result} is taken"));
            probe.check(Rule::Parameters, case.method, problem);
        }
        for result in spoilt(&valid).into_iter().chain(odd_values()) {
            drive(probe, case, answering(case.method, result)).await;
        }
        failures(probe, case).await;
        without(probe, case).await;
    }
    for (method, drive) in &probe.suite.notifies {
        let Some(actor) = probe.actor(|_| None) else { return };
        let log = actor.log.clone();
        let Some(done) = probe.watch(method, drive(actor.client, actor.half)).await else {
            continue;
        };
        let problem = match (done, log.of(method).first()) {
            (Err(error), _) => Some(error.to_string()),
            (Ok(()), None) => Some("it was not sent".to_owned()),
            (Ok(()), Some(sent)) if sent.message.get("id").is_some() => {
                Some("it is a request, no notification".to_owned())
            }
            (Ok(()), Some(_)) => None,
        };
        probe.check(Rule::Works, method, problem);
        probe.declared(method, &log.all());
    }
}

type Answering = Box<dyn Fn(&Value) -> Option<Vec<Value>> + Send + Sync>;

/// Answers requests of `method` with `result`.
fn answering(method: &'static str, result: Value) -> Answering {
    Box::new(move |request| {
        (request["method"] == method).then(|| vec![FakeServer::result(request, &result)])
    })
}

async fn drive<H: Clone + Send + Sync + 'static>(
    probe: &mut Probe<'_, H>,
    case: &CallCase<H>,
    script: Answering,
) -> Option<(Actor<H>, Result<(), ClientError>)> {
    let actor = probe.actor(script)?;
    let running = (case.drive)(actor.client.clone(), actor.half.clone());
    let done = probe.watch(case.method, running).await?;
    Some((actor, done))
}

fn routed<H: Clone + Send + Sync + 'static>(
    probe: &mut Probe<'_, H>,
    case: &CallCase<H>,
    sent: &[Sent],
) {
    for sent in sent {
        let wanted = case.routing.and_then(|field| sent.message["params"][field].as_str());
        let problem = match case.routing {
            Some(field) if wanted.is_none() => Some(format!("`{field}` is no string")),
            _ if wanted != sent.name.as_deref() => {
                Some(format!("routed by {:?}, not {wanted:?}", sent.name))
            }
            _ => None,
        };
        probe.check(Rule::Routed, case.method, problem);
    }
}

/// What goes wrong at the server or on the way is told to the caller.
async fn failures<H: Clone + Send + Sync + 'static>(probe: &mut Probe<'_, H>, case: &CallCase<H>) {
    let method = case.method;
    let refusing: Answering = Box::new(move |request| {
        (request["method"] == method).then(|| vec![FakeServer::error(request, 4001, "refused")])
    });
    let breaking: Answering = Box::new(move |request| (request["method"] == method).then(Vec::new));
    for (what, script) in [("an error", refusing), ("a broken connection", breaking)] {
        let Some((_, done)) = drive(probe, case, script).await else { continue };
        let problem = done.is_ok().then(|| format!("{what} is kept from the caller"));
        probe.check(Rule::Works, method, problem);
    }
}

/// A client that does not have the extension sends nothing of it.
async fn without<H: Clone + Send + Sync + 'static>(probe: &mut Probe<'_, H>, case: &CallCase<H>) {
    let (server, log) = probe.stage(answering(case.method, case.result.clone()));
    let Ok(client) = Client::builder("mcp-testkit", "1.0.0").connect(server) else { return };
    let (_, half) = (probe.suite.build)();
    let Some(done) = probe.watch(case.method, (case.drive)(client, half)).await else { return };
    let problem = if !log.of(case.method).is_empty() {
        Some("it is sent by a client that does not declare the extension".to_owned())
    } else if let Err(ClientError::ExtensionNotEnabled(id)) = &done
        && *id == probe.suite.id
    {
        None
    } else {
        Some(format!("expected the error that the extension is not enabled, got {done:?}"))
    };
    probe.check(Rule::Gated, case.method, problem);
}

/// Notifications that the half hears.
pub(crate) async fn notifications<H: Clone + Send + Sync + 'static>(probe: &mut Probe<'_, H>) {
    for case in &probe.suite.notifications {
        for params in [case.params.clone(), extended(&case.params)] {
            let Some((_, seen)) = tell(probe, case, &params).await else { continue };
            let problem = (!seen).then(|| format!("{params} is not heard"));
            probe.check(Rule::Works, case.method, problem);
        }
        for params in &case.refused {
            let Some((_, seen)) = tell(probe, case, params).await else { continue };
            let problem = seen.then(|| format!("{params} is taken"));
            probe.check(Rule::Parameters, case.method, problem);
        }
        for params in spoilt(&case.params) {
            tell(probe, case, &params).await;
        }
    }
}

/// Sends the notification with an ordinary result, which must not suffer.
async fn tell<H: Clone + Send + Sync + 'static>(
    probe: &mut Probe<'_, H>,
    case: &NotificationCase<H>,
    params: &Value,
) -> Option<(Actor<H>, bool)> {
    let told = FakeServer::notification(case.method, params);
    let actor = probe.actor(move |request| {
        let answers = request["method"] == "tools/call";
        answers.then(|| vec![told.clone(), FakeServer::result(request, plain_result())])
    })?;
    let called = probe.call_plain(case.method, &actor).await?;
    let problem = called.err().map(|error| format!("{params} makes a call fail: {error}"));
    probe.check(Rule::Robust, case.method, problem);
    let seen = (case.seen)(&actor.half);
    Some((actor, seen))
}

/// Results of a type of the extension's.
pub(crate) async fn claims<H: Clone + Send + Sync + 'static>(probe: &mut Probe<'_, H>) {
    for case in &probe.suite.claims {
        let mut asks = false;
        for result in [case.result.clone(), extended(&case.result)] {
            let Some((actor, found)) = claim(probe, case, &result, true).await else { continue };
            asks |= actor.log.all().len() > 1;
            let problem = match found {
                Ok(_) => None,
                Err(error) => Some(format!("{result} is not resolved: {error}")),
            };
            probe.check(Rule::Works, case.tag, problem);
        }
        for result in &case.refused {
            let Some((_, found)) = claim(probe, case, result, true).await else { continue };
            let problem = found.is_ok().then(|| format!("{result} is taken"));
            probe.check(Rule::Parameters, case.tag, problem);
        }
        for result in spoilt(&case.result) {
            claim(probe, case, &result, true).await;
        }
        if asks && let Some((_, found)) = claim(probe, case, &case.result, false).await {
            let problem = found.is_ok().then(|| "an error is kept from the caller".to_owned());
            probe.check(Rule::Works, case.tag, problem);
        }
    }
}

/// Calls a tool that answers with `result`, and serves what is asked for after it.
async fn claim<H: Clone + Send + Sync + 'static>(
    probe: &mut Probe<'_, H>,
    case: &ClaimCase,
    result: &Value,
    serves: bool,
) -> Option<(Actor<H>, Result<Value, ClientError>)> {
    let mut result = result.clone();
    if let Some(members) = result.as_object_mut() {
        members.insert("resultType".to_owned(), case.tag.into());
    }
    let then = std::sync::Arc::clone(&case.then);
    let actor = probe.actor(move |request| {
        if request["method"] == "tools/call" && request["params"]["name"] == "plain" {
            return Some(vec![FakeServer::result(request, &result)]);
        }
        if !serves {
            return Some(vec![FakeServer::error(request, 4001, "refused")]);
        }
        then(request).map(|result| vec![FakeServer::result(request, result)])
    })?;
    let found = probe.call_plain(case.tag, &actor).await?;
    Some((actor, found))
}

/// `_meta` of requests and results.
pub(crate) async fn metadata<H: Clone + Send + Sync + 'static>(probe: &mut Probe<'_, H>) {
    for case in &probe.suite.request_meta {
        let subject = format!("request `_meta` key {} of {}", case.key, case.method);
        let call = probe.suite.calls.iter().find(|call| call.method == case.method);
        let actor = match call {
            Some(call) => {
                let script = answering(call.method, call.result.clone());
                drive(probe, call, script).await.map(|(actor, _)| actor)
            }
            None => match probe.actor(|_| None) {
                None => None,
                Some(actor) => {
                    let (client, method) = (actor.client.clone(), case.method);
                    let done = async move { raw(&client, method).await };
                    probe.watch(&subject, done).await.map(|_| actor)
                }
            },
        };
        let Some(actor) = actor else { continue };
        let sent = actor.log.of(case.method);
        let problem = match sent.first().and_then(|sent| sent.meta().get(case.key)) {
            None => Some("it is not there".to_owned()),
            Some(value) => {
                (case.fits)(value).err().map(|error| format!("{value} is not of its type: {error}"))
            }
        };
        probe.check(Rule::Metadata, &subject, problem);
    }
    for case in &probe.suite.result_meta {
        let subject = format!("result `_meta` key {}", case.key);
        let odd = odd_values().map(|value| (value, None));
        let cases = [(case.valid.clone(), Some(true)), (case.invalid.clone(), Some(false))];
        for (value, expected) in cases.into_iter().chain(odd) {
            let mut result = with_unknown_meta(&plain_result());
            result["_meta"][case.key] = value.clone();
            let script = answering("tools/call", result.clone());
            let Some(actor) = probe.actor(script) else { return };
            let Some(found) = probe.call_plain(&subject, &actor).await else { continue };
            let problem = match found {
                Ok(found) if found == result => None,
                Ok(found) => Some(format!("the result is not handed on as it came: {found}")),
                Err(error) => Some(format!("{value} makes a call fail: {error}")),
            };
            probe.check(Rule::Metadata, &subject, problem);
            let seen = (case.seen)(&actor.half);
            let problem = match expected {
                Some(true) if !seen => Some(format!("{value} is not read")),
                Some(false) if seen => Some(format!("{value} is taken")),
                _ => None,
            };
            probe.check(Rule::Metadata, &subject, problem);
        }
    }
}

fn with_unknown_meta(result: &Value) -> Value {
    let mut result = result.clone();
    if result.is_object() {
        result["_meta"][UNKNOWN_KEY] = json!({ "deep": [1, null, "ü"] });
    }
    result
}
