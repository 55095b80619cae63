//! By what HTTP routes a method: `Mcp-Name`.

use mcp_core::{ClientMessage, IncomingRequest};
use serde_json::Value;

use crate::request::{Message, request};
use crate::suite::Rule;
use crate::suite::probe::Probe;

/// A value that needs care on its way into a header.
const AWKWARD: &str = "a\"b\\c ü\t";

pub(crate) fn methods(probe: &mut Probe<'_>) {
    for case in &probe.suite.methods {
        let subject = format!("method {}", case.name);
        let message = request(case.name).params(&case.params);
        let Some(field) = case.routing else {
            let found = routed_by(probe, &message);
            let problem = match found {
                Ok(None) => None,
                Ok(Some(value)) => Some(format!(
                    "it is routed by {value:?}, but the suite was told of no routing field"
                )),
                Err(error) => Some(error),
            };
            probe.check(Rule::Routed, &subject, problem);
            continue;
        };
        let expected = message.get_param(field).and_then(Value::as_str).map(str::to_owned);
        let Some(expected) = expected else {
            let problem = format!("the valid parameters have no string `{field}`");
            probe.check(Rule::Routed, &subject, Some(problem));
            continue;
        };
        let awkward = message.clone().param(field, AWKWARD);
        let no_string = message.clone().param(field, 7);
        for (message, expected) in
            [(message, Some(expected.as_str())), (awkward, Some(AWKWARD)), (no_string, None)]
        {
            let problem = match routed_by(probe, &message) {
                Ok(Some(found)) if found.as_deref() == expected => None,
                Ok(None) => Some(format!("it is not routed by `{field}`, nor by anything")),
                Ok(Some(found)) => Some(format!("expected {expected:?}, got {found:?}")),
                Err(error) => Some(error),
            };
            probe.check(Rule::Routed, &subject, problem);
        }
    }
}

/// What the HTTP transport would find: `None` if the method is not routed.
fn routed_by(probe: &Probe<'_>, message: &Message) -> Result<Option<Option<String>>, String> {
    let request = parse(probe.declared(message.clone()))?;
    let name = probe.server.routing_name(&request);
    Ok(name.map(|name| name.map(|name| name.into_owned())))
}

fn parse(message: Message) -> Result<IncomingRequest, String> {
    match ClientMessage::parse(message.to_bytes().to_vec()) {
        Ok(ClientMessage::Request(request)) => Ok(request),
        Ok(ClientMessage::Notification(_)) => Err("it is read as a notification".to_owned()),
        Err(rejection) => Err(rejection.error.to_string()),
    }
}
