//! What a client remembers of tools: what is mirrored into headers, and what results look like.
//!
//! Source: specification, *Tools → `x-mcp-header`*, *Tools → Output schema*.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::RawJson;
use crate::client::ClientError;
use crate::param_headers::{ParamHeaderError, ParamHeaders};
use crate::protocol::{CallToolResult, Tool};

/// Tools by their names, as the last list had them.
#[derive(Default)]
pub(crate) struct ToolBook {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tools: HashMap<String, Arc<KnownTool>>,
    /// Whether the whole list was read since it last changed.
    complete: bool,
}

/// What is remembered of a tool. Tools without any of it are not kept.
pub(crate) struct KnownTool {
    headers: Result<ParamHeaders, ParamHeaderError>,
    output: Option<Output>,
}

struct Output {
    schema: RawJson,
    #[cfg(feature = "validation")]
    validator: std::sync::OnceLock<Result<crate::schema::Validator, crate::schema::SchemaError>>,
}

impl ToolBook {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<KnownTool>> {
        self.lock().tools.get(name).cloned()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.lock().complete
    }

    /// The whole list was read.
    pub(crate) fn completed(&self) {
        self.lock().complete = true;
    }

    /// The list has changed.
    pub(crate) fn forget(&self) {
        *self.lock() = State::default();
    }

    /// Remembers a page of tools. With `mirrors`, those with invalid annotations are taken out of it.
    pub(crate) fn note(&self, tools: &mut Vec<Tool>, mirrors: bool) {
        let mut state = self.lock();
        tools.retain(|tool| {
            let headers = if mirrors {
                ParamHeaders::from_schema(tool.input_schema.get())
            } else {
                Ok(ParamHeaders::default())
            };
            if let Err(reason) = &headers {
                tracing::warn!(tool = tool.name, %reason, "a tool was left out: invalid definition");
            }
            let keep = headers.is_ok();
            let output = tool.output_schema.clone().map(|schema| Output {
                schema: schema.into_raw(),
                #[cfg(feature = "validation")]
                validator: std::sync::OnceLock::new(),
            });
            let plain = headers.as_ref().is_ok_and(|headers| headers.entries().is_empty());
            if plain && output.is_none() {
                state.tools.remove(&tool.name);
                return keep;
            }
            let unchanged = state.tools.get(&tool.name).is_some_and(|known| {
                known.headers == headers
                    && known.output.as_ref().map(|output| output.schema.get())
                        == output.as_ref().map(|output| output.schema.get())
            });
            if !unchanged {
                let known = Arc::new(KnownTool { headers, output });
                state.tools.insert(tool.name.clone(), known);
            }
            keep
        });
    }
}

impl KnownTool {
    /// The headers for a call: names without `Mcp-Param-`, and values before they are encoded.
    pub(crate) fn headers(
        &self,
        tool: &str,
        arguments: &str,
    ) -> Result<Vec<(String, String)>, ClientError> {
        let headers = self.headers.as_ref().map_err(|reason| {
            ClientError::InvalidToolDefinition { tool: tool.to_owned(), reason: reason.clone() }
        })?;
        let values = headers.extract(arguments).map_err(|error| ClientError::Parameters {
            method: crate::protocol::methods::TOOLS_CALL.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(values
            .into_iter()
            .filter_map(|(header, value)| Some((header.name.clone(), value?)))
            .collect())
    }

    /// Makes sure that the output schema can be used, before anything is sent.
    pub(crate) fn prepare(&self, tool: &str) -> Result<(), ClientError> {
        let Some(output) = &self.output else { return Ok(()) };
        output
            .prepare()
            .map_err(|reason| ClientError::OutputSchema { tool: tool.to_owned(), reason })
    }

    /// Checks a result against the output schema. A result with `isError` need not fit it.
    pub(crate) fn check(&self, tool: &str, result: &CallToolResult) -> Result<(), ClientError> {
        let Some(output) = &self.output else { return Ok(()) };
        if result.is_error == Some(true) {
            return Ok(());
        }
        output.check(result.structured_content.as_ref()).map_err(|reason| {
            ClientError::StructuredContent {
                tool: tool.to_owned(),
                reason,
                result: Box::new(result.clone()),
            }
        })
    }
}

#[cfg(feature = "validation")]
impl Output {
    fn validator(&self) -> Result<&crate::schema::Validator, String> {
        self.validator
            .get_or_init(|| {
                crate::schema::Validator::compile(self.schema.get(), &Default::default())
            })
            .as_ref()
            .map_err(ToString::to_string)
    }

    fn prepare(&self) -> Result<(), String> {
        self.validator().map(drop)
    }

    fn check(&self, content: Option<&RawJson>) -> Result<(), String> {
        let content = content.ok_or("there is no structured content")?;
        self.validator()?.validate(content.get()).map_err(|violations| {
            violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        })
    }
}

/// Without the validator only the presence of structured content is checked.
#[cfg(not(feature = "validation"))]
impl Output {
    fn prepare(&self) -> Result<(), String> {
        Ok(())
    }

    fn check(&self, content: Option<&RawJson>) -> Result<(), String> {
        content.map(drop).ok_or_else(|| "there is no structured content".to_owned())
    }
}
