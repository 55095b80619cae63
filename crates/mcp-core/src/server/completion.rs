//! `completion/complete`.
//!
//! Source: specification, *Server utilities → Completion*.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::protocol::{CompleteRequestParams, CompletionReference};
use crate::server::{Cx, Outcome, protocol_error};

/// What a completion handler gets, as its [`Args`](crate::server::Args).
///
/// ```
/// use mcp_core::server::{Args, CompletionInput};
///
/// async fn cities(Args(input): Args<CompletionInput>) -> Vec<String> {
///     ["Paris", "Porto"]
///         .into_iter()
///         .filter(|city| city.starts_with(&input.value))
///         .map(str::to_owned)
///         .collect()
/// }
/// # let _ = cities;
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CompletionInput {
    /// The argument or variable that is being typed.
    pub argument: String,
    /// What was typed so far.
    pub value: String,
    /// Values that other arguments have already.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
}

pub(crate) async fn complete(cx: Cx) -> Result<Outcome, Error> {
    let server = Arc::clone(&cx.call.server);
    let params: CompleteRequestParams = cx.request.parse_params()?;
    let argument = params.argument.name;
    let input = CompletionInput {
        argument: argument.clone(),
        value: params.argument.value,
        context: params.context.and_then(|context| context.arguments).unwrap_or_default(),
    };
    let handler = match &params.reference {
        CompletionReference::Prompt(prompt) => {
            let prompt = server
                .prompts
                .get(&prompt.name)
                .ok_or_else(|| Error::invalid_params("unknown prompt"))?;
            if let Some((index, owner)) = prompt.gate {
                cx.call.profile.require(index, owner)?;
            }
            let known = prompt.definition.arguments.iter().flatten();
            if !known.into_iter().any(|known| known.name == argument) {
                return Err(unknown("the prompt has no argument", &argument));
            }
            prompt.completions.get(&argument).cloned()
        }
        CompletionReference::ResourceTemplate(reference) => {
            let table = server.templates.table();
            let template = table
                .get(&reference.uri)
                .or_else(|| {
                    table.items().iter().find(|item| item.matcher.matches(&reference.uri).is_some())
                })
                .ok_or_else(|| Error::invalid_params("unknown resource template"))?;
            if let Some((index, owner)) = template.gate {
                cx.call.profile.require(index, owner)?;
            }
            if !template.matcher.variables().iter().any(|variable| *variable == argument) {
                return Err(unknown("the template has no variable", &argument));
            }
            template.completions.get(&argument).cloned()
        }
    };
    let Some(handler) = handler else {
        // Known, but nothing to propose.
        return crate::server::handler::IntoResult::<crate::server::kind::Completion>::into_outcome(
            Vec::<String>::new(),
        )
        .map_err(|error| protocol_error(&server, error));
    };
    let arguments = serde_json::to_string(&input).map_err(|_| Error::Internal)?;
    let running = handler(cx, &arguments);
    server.limited(running).await?.map_err(|error| protocol_error(&server, error))
}

fn unknown(what: &str, name: &str) -> Error {
    let name: Cow<'_, str> = name.chars().take(64).collect::<String>().into();
    Error::invalid_params(format!("{what} `{name}`"))
}
