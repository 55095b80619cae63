//! `mcp call`: calls a tool. One that becomes a task is followed to its end.

use std::io::Write;

use mcp_core::client::Client;
use mcp_core::protocol::{CallToolResult, ContentBlock, ProgressNotificationParams};
use serde_json::Value;

use crate::cli::CallOptions;
use crate::failure::Failure;
use crate::list::to_value;
use crate::report::{Mark, Report};
use crate::{arguments, connect, text};

pub(crate) async fn run(options: CallOptions) -> Result<Report, Failure> {
    let (server, words) = match (options.command.is_empty(), options.words.as_slice()) {
        (true, [server, words @ ..]) => (Some(server.as_str()), words),
        (_, words) => (None, words),
    };
    let [tool, words @ ..] = words else {
        return Err(Failure::usage("there is no tool: mcp call SERVER TOOL [NAME=VALUE]…"));
    };
    let client = connect::to_either(server, &options.command, &options.http)?;
    let result = call(&client, tool, words, options.args.as_deref()).await;
    client.close().await;
    shown(&result?)
}

async fn call(
    client: &Client,
    tool: &str,
    words: &[String],
    object: Option<&str>,
) -> Result<CallToolResult, Failure> {
    client.probe().await?;
    let tools = client.list_tools().await?;
    let found = tools.iter().find(|found| found.name == tool);
    let found = found.ok_or_else(|| Failure::NoTool(tool.to_owned()))?;
    let arguments = arguments::of_call(object, words, &found.input_schema)?;
    Ok(client.call(tool).arguments(&arguments).progress(tell).send().await?)
}

/// How far it is, on standard error.
fn tell(progress: ProgressNotificationParams) {
    let mut told = progress.progress.to_string();
    if let Some(total) = progress.total {
        told.push_str(&format!("/{total}"));
    }
    if let Some(message) = &progress.message {
        told.push_str(&format!(" {}", text::short(message, 200)));
    }
    let _ = writeln!(std::io::stderr().lock(), "… {told}");
}

fn shown(result: &CallToolResult) -> Result<Report, Failure> {
    let failed = result.is_error == Some(true);
    let mut report = Report::new(to_value(result)?);
    let mark = if failed { Mark::Bad } else { Mark::Plain };
    for block in &result.content {
        match block {
            ContentBlock::Text(content) => report.line(mark, text::lines(&content.text)),
            other => report.line(Mark::Faint, described(&to_value(other)?)),
        }
    }
    if result.content.is_empty()
        && let Some(structured) = &result.structured_content
    {
        let value: Value = structured.parse().unwrap_or_default();
        report.line(mark, text::lines(&serde_json::to_string_pretty(&value).unwrap_or_default()));
    }
    Ok(report.no_if(failed))
}

/// Content that is no text, in a line.
fn described(block: &Value) -> String {
    let word = |value: &Value, key: &str| {
        let found = value.get(key).and_then(Value::as_str);
        found.map(|found| text::short(found, 200))
    };
    let mut line = vec![word(block, "type").unwrap_or_else(|| "something".to_owned())];
    let inner = block.get("resource").unwrap_or(block);
    line.extend(["uri", "name", "mimeType"].iter().filter_map(|key| word(inner, key)));
    let data = inner.get("data").or_else(|| inner.get("blob")).and_then(Value::as_str);
    if let Some(data) = data {
        line.push(format!("{} bytes of base64", data.len()));
    }
    let described = format!("[{}]", line.join(" "));
    match inner.get("text").and_then(Value::as_str) {
        Some(words) => format!("{described}\n{}", text::lines(words)),
        None => described,
    }
}
