//! `tools/list` and `tools/call`.
//!
//! Source: specification, *Server features → Tools*.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::extension::ExtensionId;
use crate::param_headers::ParamHeaders;
use crate::server::handler::{ErasedCall, HandlerOutcome};
use crate::server::listing::Listed;
use crate::server::results::text_outcome;
use crate::server::{Cx, HandlerError, Inner, Outcome};
use crate::{Error, RawJson};

/// What extensions keep at a tool, by type.
pub(crate) type ToolValues = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// A tool, checked and compiled.
pub(crate) struct CompiledTool {
    pub(crate) definition: crate::protocol::Tool,
    pub(crate) rendered: RawJson,
    pub(crate) call: ErasedCall,
    pub(crate) timeout: Option<Duration>,
    pub(crate) values: ToolValues,
    pub(crate) param_headers: Option<ParamHeaders>,
    /// The extension that owns it, unless everyone may use it.
    pub(crate) gate: Option<(usize, ExtensionId)>,
    #[cfg(feature = "validation")]
    pub(crate) input: crate::schema::Validator,
    #[cfg(feature = "validation")]
    pub(crate) output: Option<crate::schema::Validator>,
}

impl Listed for CompiledTool {
    const MEMBER: &'static str = "tools";

    fn key(&self) -> &str {
        &self.definition.name
    }

    fn rendered(&self) -> &RawJson {
        &self.rendered
    }

    fn gate(&self) -> u64 {
        self.gate.map_or(0, |(index, _)| 1 << index)
    }
}

pub(crate) fn list(cx: &Cx) -> Result<Outcome, Error> {
    let server = &cx.call.server;
    let cursor = cx.request.cursor()?;
    let page = server.tools.table().page(
        cx.call.profile.agreed,
        cursor.as_deref(),
        &server.list_settings.tools,
        None,
    )?;
    Ok(Outcome::rendered(page))
}

impl CompiledTool {
    /// The answer to arguments that do not fit.
    #[cfg_attr(not(feature = "validation"), allow(clippy::unused_self))]
    pub(crate) fn check_arguments(&self, arguments: &str) -> Result<Option<Outcome>, Error> {
        #[cfg(feature = "validation")]
        if let Err(violations) = self.input.validate(arguments) {
            return text_outcome(&violations_text("the arguments", &violations), true).map(Some);
        }
        let _ = arguments;
        Ok(None)
    }
}

/// The tool that is called, if this client may use it.
pub(crate) fn find(cx: &Cx) -> Result<Arc<CompiledTool>, Error> {
    let name = cx.request.name()?;
    let tool =
        cx.call.server.tools.get(&name).ok_or_else(|| Error::invalid_params("unknown tool"))?;
    if let Some((index, owner)) = tool.gate {
        cx.call.profile.require(index, owner)?;
    }
    Ok(tool)
}

pub(crate) async fn call(cx: Cx) -> Result<Outcome, Error> {
    let server = Arc::clone(&cx.call.server);
    let tool = find(&cx)?;
    let request = Arc::clone(&cx.request);
    let arguments = request.arguments()?;
    server.open_round(&cx)?;
    if let Some(answer) = tool.check_arguments(arguments)? {
        return Ok(answer);
    }
    let running = (tool.call)(cx, arguments);
    let result = match tool.timeout.or(server.limits.handler_timeout) {
        None => running.await,
        Some(limit) => match tokio::time::timeout(limit, running).await {
            Ok(result) => result,
            Err(_) => return Err(Error::Timeout),
        },
    };
    let outcome = answer(&server, &tool.definition.name, result)?;
    #[cfg(feature = "validation")]
    check_result(&tool, &outcome)?;
    Ok(outcome)
}

/// A handler's error as the caller may see it.
fn answer(server: &Inner, tool: &str, result: HandlerOutcome) -> Result<Outcome, Error> {
    match result {
        Ok(outcome) => Ok(outcome),
        Err(HandlerError::Protocol(error)) => Err(error),
        Err(HandlerError::Tell(text)) => text_outcome(&text, true),
        Err(HandlerError::Hidden(error)) => {
            tracing::error!(tool, %error, "a tool failed");
            if server.show_errors {
                text_outcome(&error.to_string(), true)
            } else {
                text_outcome("The tool failed.", true)
            }
        }
    }
}

#[cfg(feature = "validation")]
fn violations_text(what: &str, violations: &[crate::schema::Violation]) -> String {
    use std::fmt::Write;
    let mut text = format!("{what} do not fit the schema:");
    for violation in violations {
        let place = match violation.instance_path.as_str() {
            "" => "(root)",
            path => path,
        };
        let _ = write!(text, "\n- {place}: {}", violation.message);
    }
    text
}

/// A structured result that does not fit its schema is a mistake of the tool and never sent.
#[cfg(feature = "validation")]
fn check_result(tool: &CompiledTool, outcome: &Outcome) -> Result<(), Error> {
    #[derive(serde::Deserialize)]
    struct Structured<'a> {
        #[serde(borrow, rename = "structuredContent", default, deserialize_with = "present")]
        content: Option<&'a serde_json::value::RawValue>,
        #[serde(rename = "isError", default)]
        is_error: bool,
    }
    fn present<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<&'de serde_json::value::RawValue>, D::Error> {
        serde::Deserialize::deserialize(deserializer).map(Some)
    }
    let Some(validator) = &tool.output else { return Ok(()) };
    if !outcome.is_complete() {
        return Ok(());
    }
    let result: Structured<'_> =
        serde_json::from_str(outcome.body()).map_err(|_| Error::Internal)?;
    if result.is_error {
        return Ok(());
    }
    let Some(content) = result.content else {
        tracing::error!(
            tool = tool.definition.name,
            "a tool with an output schema returned no structured content"
        );
        return Err(Error::Internal);
    };
    validator.validate(content.get()).map_err(|violations| {
        tracing::error!(
            tool = tool.definition.name,
            "{}",
            violations_text("a tool's structured results", &violations)
        );
        Error::Internal
    })
}
