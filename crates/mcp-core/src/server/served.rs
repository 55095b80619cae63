//! Tools, prompts, resources and templates together with the handlers that serve them.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::Schema;

use crate::protocol::{
    Annotations, Icon, JsonObject, Meta, Prompt, PromptArgument, Resource, ResourceTemplate, Tool,
    ToolAnnotations,
};
use crate::server::handler::{ErasedCall, Handler, Needs, erase, kind};

/// A tool and the function that serves it.
///
/// ```
/// use mcp_core::server::{Args, ServedTool};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Echo {
///     /// What comes back.
///     text: String,
/// }
///
/// let tool = ServedTool::new("echo", async |Args(echo): Args<Echo>| echo.text)
///     .title("Echo")
///     .description("Says the same again.");
/// assert_eq!(tool.definition().name, "echo");
/// ```
pub struct ServedTool {
    pub(crate) definition: Tool,
    pub(crate) call: ErasedCall,
    pub(crate) needs: Needs,
    pub(crate) timeout: Option<Duration>,
    pub(crate) check_result: bool,
    pub(crate) values: crate::server::tools::ToolValues,
}

impl ServedTool {
    /// A tool named `name`. Its input schema is that of the handler's
    /// [`Args`](crate::server::Args) (no arguments without one), its output schema that of the
    /// [`Json`](crate::server::Json) which the handler returns.
    pub fn new<M: 'static>(name: impl Into<String>, handler: impl Handler<kind::Tool, M>) -> Self {
        let needs = handler.needs();
        let input = match needs.arguments {
            Some(schema) => bare(schema()),
            None => serde_json::json!({ "type": "object", "additionalProperties": false }),
        };
        let mut definition = Tool::new(name, raw(&input));
        definition.output_schema = handler.output_schema().map(|schema| raw(&bare(schema)));
        Self {
            definition,
            call: erase(handler),
            needs,
            timeout: None,
            check_result: true,
            values: Default::default(),
        }
    }

    /// Sets the hints about its behaviour.
    #[must_use]
    pub fn annotations(mut self, annotations: ToolAnnotations) -> Self {
        self.definition.annotations = Some(annotations);
        self
    }

    /// Gives the input schema as data, for handlers that take
    /// [`RawArgs`](crate::server::RawArgs) or need what a Rust type cannot say.
    #[must_use]
    pub fn input_schema(mut self, schema: JsonObject) -> Self {
        self.definition.input_schema = schema;
        self
    }

    /// Gives the output schema as data.
    #[must_use]
    pub fn output_schema(mut self, schema: JsonObject) -> Self {
        self.definition.output_schema = Some(schema);
        self
    }

    /// Mirrors a parameter into the HTTP header `Mcp-Param-{name}` (`x-mcp-header`), so that proxies
    /// can route by it. Never for secrets or personal data: headers are logged.
    ///
    /// Source: specification, *Streamable HTTP → Custom headers from tool parameters*.
    #[must_use]
    pub fn mirror_header(mut self, parameter: &str, name: &str) -> Self {
        if let Ok(serde_json::Value::Object(mut schema)) = self.definition.input_schema.parse()
            && let serde_json::Value::Object(properties) =
                schema.entry("properties").or_insert_with(|| serde_json::json!({}))
        {
            // Instead of `true`, say, an object that says as little.
            let parameter = properties.entry(parameter).or_insert_with(|| serde_json::json!({}));
            if !parameter.is_object() {
                *parameter = serde_json::json!({});
            }
            parameter["x-mcp-header"] = name.into();
            self.definition.input_schema = raw(&schema.into());
        }
        self
    }

    /// Answers `-32603` (reason `timeout`) and drops the handler when it takes longer.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Keeps a value at the tool, one for each type, for an extension that has a say in how tools
    /// are run; it reads it with [`ServerHandle::tool_value`](crate::server::ServerHandle::tool_value).
    /// Clients do not see it.
    #[must_use]
    pub fn value<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.values.insert(std::any::TypeId::of::<T>(), std::sync::Arc::new(value));
        self
    }

    /// Does not validate structured results against the output schema: for results that are known
    /// to fit and large enough to matter.
    #[must_use]
    pub fn trust_result(mut self) -> Self {
        self.check_result = false;
        self
    }
}

/// A prompt and the function that serves it.
pub struct ServedPrompt {
    pub(crate) definition: Prompt,
    pub(crate) call: ErasedCall,
    pub(crate) needs: Needs,
    pub(crate) completions: BTreeMap<String, ErasedCall>,
}

impl ServedPrompt {
    /// A prompt named `name`. Its arguments are the fields of the handler's
    /// [`Args`](crate::server::Args), with their doc comments as descriptions; all values come as
    /// strings.
    pub fn new<M: 'static>(
        name: impl Into<String>,
        handler: impl Handler<kind::Prompt, M>,
    ) -> Self {
        let needs = handler.needs();
        let mut definition = Prompt::new(name);
        if let Some(schema) = needs.arguments {
            definition.arguments = Some(prompt_arguments(&bare(schema())));
        }
        Self { definition, call: erase(handler), needs, completions: BTreeMap::new() }
    }

    /// Gives the arguments as data, for handlers that take [`RawArgs`](crate::server::RawArgs).
    #[must_use]
    pub fn arguments(mut self, arguments: Vec<PromptArgument>) -> Self {
        self.definition.arguments = Some(arguments);
        self
    }

    /// Completes `argument` while a person types it. The handler's
    /// [`Args`](crate::server::Args) are a
    /// [`CompletionInput`](crate::server::CompletionInput).
    #[must_use]
    pub fn complete<M: 'static>(
        mut self,
        argument: impl Into<String>,
        handler: impl Handler<kind::Completion, M>,
    ) -> Self {
        self.completions.insert(argument.into(), erase(handler));
        self
    }
}

/// A resource with a fixed URI and the function that reads it.
pub struct ServedResource {
    pub(crate) definition: Resource,
    pub(crate) call: ErasedCall,
    pub(crate) needs: Needs,
}

impl ServedResource {
    /// A resource at `uri`, named `name`.
    pub fn new<M: 'static>(
        uri: impl Into<String>,
        name: impl Into<String>,
        handler: impl Handler<kind::Resource, M>,
    ) -> Self {
        let needs = handler.needs();
        Self { definition: Resource::new(uri, name), call: erase(handler), needs }
    }

    /// Sets the media type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.definition.mime_type = Some(mime_type.into());
        self
    }

    /// Sets the hints for clients.
    #[must_use]
    pub fn annotations(mut self, annotations: Annotations) -> Self {
        self.definition.annotations = Some(annotations);
        self
    }
}

/// A family of resources and the function that reads one.
pub struct ServedTemplate {
    pub(crate) definition: ResourceTemplate,
    pub(crate) call: ErasedCall,
    pub(crate) needs: Needs,
    pub(crate) completions: BTreeMap<String, ErasedCall>,
}

impl ServedTemplate {
    /// The resources whose URIs match `uri_template` (RFC 6570), named `name`. The handler's
    /// [`Args`](crate::server::Args) are filled from the template's variables, all strings.
    pub fn new<M: 'static>(
        uri_template: impl Into<String>,
        name: impl Into<String>,
        handler: impl Handler<kind::Resource, M>,
    ) -> Self {
        let needs = handler.needs();
        let definition = ResourceTemplate::new(uri_template, name);
        Self { definition, call: erase(handler), needs, completions: BTreeMap::new() }
    }

    /// Sets the media type that all of them have.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.definition.mime_type = Some(mime_type.into());
        self
    }

    /// Sets the hints for clients.
    #[must_use]
    pub fn annotations(mut self, annotations: Annotations) -> Self {
        self.definition.annotations = Some(annotations);
        self
    }

    /// Completes `variable` while a person types it; see [`ServedPrompt::complete`].
    #[must_use]
    pub fn complete<M: 'static>(
        mut self,
        variable: impl Into<String>,
        handler: impl Handler<kind::Completion, M>,
    ) -> Self {
        self.completions.insert(variable.into(), erase(handler));
        self
    }
}

/// What tools, prompts, resources and templates all have for people and clients.
macro_rules! described {
    ($($served:ty: $definition:ty),*) => {$(
        impl $served {
            /// As clients see it.
            #[must_use]
            pub fn definition(&self) -> &$definition {
                &self.definition
            }

            /// Sets the name for people.
            #[must_use]
            pub fn title(mut self, title: impl Into<String>) -> Self {
                self.definition.title = Some(title.into());
                self
            }

            /// Sets the description, for the model as for people.
            #[must_use]
            pub fn description(mut self, description: impl Into<String>) -> Self {
                self.definition.description = Some(description.into());
                self
            }

            /// Sets its icons.
            #[must_use]
            pub fn icons(mut self, icons: Vec<Icon>) -> Self {
                self.definition.icons = Some(icons);
                self
            }

            /// Sets its `_meta`.
            #[must_use]
            pub fn meta(mut self, meta: Meta) -> Self {
                self.definition.meta = Some(meta);
                self
            }
        }
    )*};
}
described!(
    ServedTool: Tool,
    ServedPrompt: Prompt,
    ServedResource: Resource,
    ServedTemplate: ResourceTemplate
);

/// A function that makes one is as good as one: what `#[tool]` and its siblings define is such a
/// function, given to the server by its name.
macro_rules! from_functions {
    ($($served:ty),*) => {$(
        impl<F: FnOnce() -> $served> From<F> for $served {
            fn from(make: F) -> Self {
                make()
            }
        }
    )*};
}
from_functions!(ServedTool, ServedPrompt, ServedResource, ServedTemplate);

/// A schema without `$schema`: 2020-12 is what its absence means.
fn bare(mut schema: Schema) -> serde_json::Value {
    schema.remove("$schema");
    // A root that is a reference would hide `type: object`.
    let mut value = schema.to_value();
    if value.get("type").is_none()
        && let Some(inlined) = value
            .get("$ref")
            .and_then(serde_json::Value::as_str)
            .and_then(|path| path.strip_prefix('#'))
            .and_then(|pointer| value.pointer(pointer))
            .cloned()
        && let (Some(root), serde_json::Value::Object(inlined)) = (value.as_object_mut(), inlined)
    {
        root.remove("$ref");
        root.extend(inlined);
    }
    value
}

fn raw(value: &serde_json::Value) -> JsonObject {
    JsonObject::from_serialize(value).unwrap_or_default()
}

/// A prompt's arguments from the schema of its handler's arguments.
fn prompt_arguments(schema: &serde_json::Value) -> Vec<PromptArgument> {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .map(|names| names.iter().filter_map(serde_json::Value::as_str).collect())
        .unwrap_or_default();
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    properties
        .iter()
        .map(|(name, property)| {
            let mut argument = PromptArgument::new(name.clone());
            argument.description = property["description"].as_str().map(str::to_owned);
            argument.title = property["title"].as_str().map(str::to_owned);
            argument.required = Some(required.contains(&name.as_str()));
            argument
        })
        .collect()
}
