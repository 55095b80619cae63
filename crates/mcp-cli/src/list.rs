//! `mcp list`: what a server offers.

use mcp_core::client::Client;
use mcp_core::protocol::ServerCapabilities;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cli::{Kind, ListOptions};
use crate::failure::Failure;
use crate::report::{Mark, Report};
use crate::{connect, text};

pub(crate) async fn run(options: ListOptions) -> Result<Report, Failure> {
    let client = connect::to_either(options.server.as_deref(), &options.command, &options.http)?;
    let report = list(&client, options.only).await;
    client.close().await;
    report
}

async fn list(client: &Client, only: Option<Kind>) -> Result<Report, Failure> {
    let discovered = client.probe().await?;
    let offers =
        |kind| only.is_none_or(|only| only == kind) && is_offered(&discovered.capabilities, kind);
    let info = client.server_info();
    let mut value = Map::new();
    value.insert("server".to_owned(), to_value(&info.as_deref())?);
    value.insert("versions".to_owned(), json!(discovered.supported_versions));
    let mut lines = Vec::new();
    if offers(Kind::Tools) {
        let tools = client.list_tools().await?;
        let of = |tool: &mcp_core::protocol::Tool| {
            (tool.name.clone(), tool.title.clone(), tool.description.clone())
        };
        section(&mut lines, "Tools", tools.iter().map(of));
        value.insert("tools".to_owned(), to_value(&tools)?);
    }
    if offers(Kind::Prompts) {
        let prompts = client.list_prompts().await?;
        section(
            &mut lines,
            "Prompts",
            prompts.iter().map(|p| (p.name.clone(), p.title.clone(), p.description.clone())),
        );
        value.insert("prompts".to_owned(), to_value(&prompts)?);
    }
    if offers(Kind::Resources) {
        let resources = client.list_resources().await?;
        section(
            &mut lines,
            "Resources",
            resources.iter().map(|r| (r.uri.clone(), r.title.clone(), r.description.clone())),
        );
        value.insert("resources".to_owned(), to_value(&resources)?);
    }
    if offers(Kind::Templates) {
        let templates = client.list_resource_templates().await?;
        section(
            &mut lines,
            "Templates",
            templates
                .iter()
                .map(|t| (t.uri_template.clone(), t.title.clone(), t.description.clone())),
        );
        value.insert("templates".to_owned(), to_value(&templates)?);
    }
    let mut report = Report::new(Value::Object(value));
    let (name, version) = info.as_ref().map_or(("a server without a name", ""), |info| {
        (info.name.as_str(), info.version.as_str())
    });
    report.line(
        Mark::Heading,
        format!("{} {}", text::short(name, 100), text::short(version, 50)).trim_end(),
    );
    for (mark, line) in lines {
        report.line(mark, line);
    }
    Ok(report)
}

fn is_offered(capabilities: &ServerCapabilities, kind: Kind) -> bool {
    match kind {
        Kind::Tools => capabilities.tools.is_some(),
        Kind::Prompts => capabilities.prompts.is_some(),
        Kind::Resources | Kind::Templates => capabilities.resources.is_some(),
    }
}

type Offered = (String, Option<String>, Option<String>);

fn section(lines: &mut Vec<(Mark, String)>, what: &str, offered: impl Iterator<Item = Offered>) {
    lines.push((Mark::Heading, format!("\n{what}")));
    let before = lines.len();
    for (name, title, description) in offered {
        let name = text::short(&name, 200);
        let words = description.or(title).unwrap_or_default();
        // The first line says what it is; the rest is for models.
        let first = words.lines().next().unwrap_or_default();
        lines.push((Mark::Plain, format!("  {name}")));
        if !first.is_empty() {
            lines.push((Mark::Faint, format!("      {}", text::short(first, 200))));
        }
    }
    if lines.len() == before {
        lines.push((Mark::Faint, "  none".to_owned()));
    }
}

/// Anything as JSON; what cannot be expressed is a server's fault.
pub(crate) fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::Unreachable(Box::new(error)))
}
