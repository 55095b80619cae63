//! What a server offers, by the pages of the specification: text in, text out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../support/mod.rs"]
mod support;

mod capabilities;
mod completion;
mod elicitation;
mod lists;
mod logging;
mod prompts;
mod resources;
mod sampling;
mod tools;

/// Checks that a value is what the published schema says.
fn published(definition: &str, value: &serde_json::Value) {
    let Some(dir) = support::spec_dir() else { return };
    let text = std::fs::read_to_string(dir.join("mcp-2026-07-28.schema.json")).unwrap();
    let mut schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(schema["$defs"][definition].is_object(), "{definition} is not in the schema");
    schema["$ref"] = format!("#/$defs/{definition}").into();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let wrong: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "no {definition}: {value}\n{}", wrong.join("\n"));
}
