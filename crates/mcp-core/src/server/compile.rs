//! Checking definitions and making them ready to serve.

use std::any::TypeId;

use crate::RawJson;
use crate::extension::ExtensionId;
use crate::param_headers::ParamHeaders;
use crate::server::handler::Needs;
use crate::server::prompts::CompiledPrompt;
use crate::server::resources::{CompiledResource, CompiledTemplate};
use crate::server::tools::CompiledTool;
use crate::server::{
    BuildError, Inner, ServedPrompt, ServedResource, ServedTemplate, ServedTool, dispatch,
};
use crate::uri_template::UriTemplate;

/// What handlers may need: known before anything is compiled.
pub(crate) struct Known<'a> {
    pub(crate) states: &'a dispatch::States,
    pub(crate) extensions: Vec<ExtensionId>,
}

impl Inner {
    pub(crate) fn known(&self) -> Known<'_> {
        Known {
            states: &self.states,
            extensions: self.extensions.iter().map(|slot| slot.id).collect(),
        }
    }
}

/// The extension that a client must have declared, as a place and an identifier.
pub(crate) type Gate = Option<(usize, ExtensionId)>;

impl Known<'_> {
    fn check(&self, user: &str, needs: &Needs, errors: &mut Vec<BuildError>) {
        for (state, name) in &needs.states {
            let state: &TypeId = state;
            if !self.states.contains_key(state) {
                errors.push(BuildError::MissingState { user: user.to_owned(), state: name });
            }
        }
        for extension in &needs.extensions {
            if !self.extensions.contains(extension) {
                errors.push(BuildError::MissingExtension {
                    user: user.to_owned(),
                    extension: *extension,
                });
            }
        }
    }
}

pub(crate) fn compile_tool(
    tool: ServedTool,
    gate: Gate,
    known: &Known<'_>,
) -> Result<CompiledTool, Vec<BuildError>> {
    let mut errors = Vec::new();
    let ServedTool { definition, call, needs, timeout, check_result, values } = tool;
    let name = definition.name.clone();
    check_name("tool", &name, &mut errors);
    known.check(&name, &needs, &mut errors);
    let mut wrong = |which: &'static str, reason: String| {
        errors.push(BuildError::Schema { tool: name.clone(), which, reason });
    };

    let input = definition.input_schema.get();
    #[derive(serde::Deserialize)]
    struct Root {
        #[serde(rename = "type", default)]
        kind: Option<String>,
    }
    match serde_json::from_str::<Root>(input) {
        Ok(Root { kind: Some(kind) }) if kind == "object" => {}
        _ => wrong("input", "its root must say `\"type\": \"object\"`".to_owned()),
    }
    let param_headers = match ParamHeaders::from_schema(input) {
        Ok(headers) if headers.entries().is_empty() => None,
        Ok(headers) => Some(headers),
        Err(error) => {
            wrong("x-mcp-header", error.to_string());
            None
        }
    };
    #[cfg(feature = "validation")]
    let compiled = {
        use crate::schema::{SchemaLimits, Validator};
        let limits = SchemaLimits::default();
        let input = Validator::compile(input, &limits)
            .map_err(|error| wrong("input", error.to_string()))
            .ok();
        let output = definition.output_schema.as_ref().and_then(|schema| {
            Validator::compile(schema.get(), &limits)
                .map_err(|error| wrong("output", error.to_string()))
                .ok()
        });
        (input, output.filter(|_| check_result))
    };
    #[cfg(not(feature = "validation"))]
    let _ = check_result;

    let rendered = render(&definition, &definition.name, &mut errors);
    #[cfg(feature = "validation")]
    if let (Some(rendered), (Some(input), output)) = (rendered, compiled)
        && errors.is_empty()
    {
        return Ok(CompiledTool {
            definition,
            rendered,
            call,
            timeout,
            values,
            param_headers,
            gate,
            input,
            output,
        });
    }
    #[cfg(not(feature = "validation"))]
    if let Some(rendered) = rendered
        && errors.is_empty()
    {
        return Ok(CompiledTool {
            definition,
            rendered,
            call,
            timeout,
            values,
            param_headers,
            gate,
        });
    }
    Err(errors)
}

pub(crate) fn compile_prompt(
    prompt: ServedPrompt,
    gate: Gate,
    known: &Known<'_>,
) -> Result<CompiledPrompt, Vec<BuildError>> {
    let mut errors = Vec::new();
    let ServedPrompt { definition, call, needs, completions } = prompt;
    check_name("prompt", &definition.name, &mut errors);
    known.check(&definition.name, &needs, &mut errors);
    match render(&definition, &definition.name, &mut errors) {
        Some(rendered) if errors.is_empty() => {
            Ok(CompiledPrompt { definition, rendered, call, completions, gate })
        }
        _ => Err(errors),
    }
}

pub(crate) fn compile_resource(
    resource: ServedResource,
    gate: Gate,
    known: &Known<'_>,
) -> Result<CompiledResource, Vec<BuildError>> {
    let mut errors = Vec::new();
    let ServedResource { definition, call, needs } = resource;
    if !is_uri(&definition.uri) {
        errors.push(BuildError::Name { what: "resource URI", name: definition.uri.clone() });
    }
    known.check(&definition.uri, &needs, &mut errors);
    match render(&definition, &definition.uri, &mut errors) {
        Some(rendered) if errors.is_empty() => {
            Ok(CompiledResource { definition, rendered, call, gate })
        }
        _ => Err(errors),
    }
}

pub(crate) fn compile_template(
    template: ServedTemplate,
    gate: Gate,
    known: &Known<'_>,
) -> Result<CompiledTemplate, Vec<BuildError>> {
    let mut errors = Vec::new();
    let ServedTemplate { definition, call, needs, completions } = template;
    known.check(&definition.uri_template, &needs, &mut errors);
    let matcher = UriTemplate::parse(&definition.uri_template).map_err(|error| {
        errors.push(BuildError::Template {
            template: definition.uri_template.clone(),
            reason: error.to_string(),
        });
    });
    match (render(&definition, &definition.uri_template, &mut errors), matcher) {
        (Some(rendered), Ok(matcher)) if errors.is_empty() => {
            Ok(CompiledTemplate { definition, rendered, matcher, call, completions, gate })
        }
        _ => Err(errors),
    }
}

fn render<T: serde::Serialize>(
    definition: &T,
    name: &str,
    errors: &mut Vec<BuildError>,
) -> Option<RawJson> {
    RawJson::from_serialize(definition)
        .map_err(|_| errors.push(BuildError::Serialize(name.to_owned())))
        .ok()
}

/// Names as the specification recommends them; others break some clients.
fn check_name(what: &'static str, name: &str, errors: &mut Vec<BuildError>) {
    let fits = (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if !fits {
        errors.push(BuildError::Name { what, name: name.to_owned() });
    }
}

/// RFC 3986: a URI begins with a scheme and has no characters but those that the RFC gives it; what
/// has others stands there percent-encoded.
fn is_uri(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && rest.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
            })
            && crate::uri_template::percents_are_whole(rest)
    })
}
