//! The schemas that the extension publishes ([`mcp_core::extension::catalogue`]) against what it
//! does.

use mcp_core::extension::{ExtensionDescriptor, catalogue};
use mcp_core::protocol::methods;
use mcp_core::schema::{SchemaLimits, Validator};
use schemars::Schema;
use serde_json::Value;

use crate::request::request;
use crate::suite::Rule;
use crate::suite::probe::Probe;

/// Does nothing for an extension that is not in the catalogue: it publishes no schemas.
pub(crate) async fn published(probe: &mut Probe<'_>) {
    let id = probe.suite.id;
    let Some(descriptor) = catalogue().into_iter().find(|descriptor| descriptor.id == id) else {
        return;
    };
    let problem = departs((descriptor.client_settings)(), &probe.suite.settings);
    probe.check(Rule::Schemas, "client settings", problem);
    if let Some(answer) = probe.ask("server/discover", request(methods::SERVER_DISCOVER)).await {
        let shown = &answer.response()["result"]["capabilities"]["extensions"][id.as_str()];
        let problem = departs((descriptor.server_settings)(), shown);
        probe.check(Rule::Schemas, "server settings", problem);
    }
    messages(probe, descriptor).await;
}

async fn messages(probe: &mut Probe<'_>, descriptor: &ExtensionDescriptor) {
    for message in descriptor.messages {
        let Some(result) = message.result else {
            let named = probe.suite.notifications.iter().find(|(name, _)| *name == message.method);
            if let Some((name, params)) = named {
                let problem = departs((message.params)(), params);
                probe.check(Rule::Schemas, &format!("parameters of {name}"), problem);
            }
            continue;
        };
        let named = probe.suite.methods.iter().find(|case| case.name == message.method);
        let Some(case) = named else {
            let problem = "it is in the catalogue, but the suite was not told of it".to_owned();
            probe.check(Rule::Schemas, &format!("method {}", message.method), Some(problem));
            continue;
        };
        let problem = departs((message.params)(), &case.params);
        probe.check(Rule::Schemas, &format!("parameters of {}", case.name), problem);
        let subject = format!("result of {}", case.name);
        let asked = probe.declared(request(case.name).params(&case.params));
        if let Some(answer) = probe.ask(&subject, asked).await
            && let Some(result_sent) = answer.result()
        {
            let mut own = result_sent.clone();
            // Every result has these two; a schema that does not mention them may forbid others, one
            // that does (such as those of `mcp_core::wire!`) may demand them.
            if let Some(members) = own.as_object_mut() {
                members.remove("_meta");
                members.remove("resultType");
            }
            let problem =
                departs(result(), &own).filter(|_| departs(result(), result_sent).is_some());
            probe.check(Rule::Schemas, &subject, problem);
        }
    }
}

/// How `value` departs from `schema`.
fn departs(schema: Schema, value: &Value) -> Option<String> {
    let schema = schema.to_value().to_string();
    let validator = match Validator::compile(&schema, &SchemaLimits::default()) {
        Ok(validator) => validator,
        Err(error) => return Some(format!("the schema does not compile: {error}")),
    };
    let violations = validator.validate_value(value).err()?;
    let places: Vec<_> = violations
        .iter()
        .map(|violation| format!("{:?}: {}", violation.instance_path, violation.message))
        .collect();
    Some(format!("{value} departs from its schema at {}", places.join("; ")))
}
