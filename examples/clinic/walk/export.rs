//! The part of the walk where records are exported: a task, its progress, and the files.
#![allow(clippy::print_stdout)]

use std::io::Write;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use mcp_core::client::Client;
use mcp_core::protocol::CallToolResult;
use mcp_ext_healthcare::client::HealthcareClient;
use mcp_tasks::TasksClient;
use mcp_tasks::client::Started;
use mcp_trust::digest::Digest;
use serde::Deserialize;
use serde_json::json;

use super::{Error, Visit, transport};

/// How wide the bar is.
const WIDTH: usize = 24;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    resource_type: String,
    uri: String,
    count: u64,
    digest: String,
}

#[derive(Deserialize)]
struct Files {
    files: Vec<File>,
}

/// Exports the patient's records as the host asks for them, and fetches the files. Gives the result, how many records there were, and all
/// of their text.
pub(super) async fn export(
    visit: &Visit<'_>,
    host: &HealthcareClient,
) -> Result<(CallToolResult, u64, String), Error> {
    let tasks = TasksClient::new();
    let client = Client::builder("clinic-client", env!("CARGO_PKG_VERSION"))
        .extension(host.clone())
        .extension(tasks.clone())
        .connect(transport(visit)?)?;
    let result = match tasks.start(&client, "bulk_export", &json!({ "level": "patient" })).await? {
        Started::Done(result) => *result,
        Started::Task(mut task) => {
            while let Some(state) = task.changed().await? {
                match state.task().status_message.as_deref() {
                    _ if state.status().is_terminal() => show("done (1 of 1)"),
                    Some(message) => show(message),
                    None => show("begun (0 of 1)"),
                }
            }
            println!();
            task.result().await?
        }
    };
    client.close().await;
    let structured = result.structured_content.as_ref().ok_or_else(|| result.all_text())?;
    let (mut count, mut all) = (0, String::new());
    for file in structured.parse::<Files>()?.files {
        let text = fetch(visit, &file.uri).await?;
        if Digest::of(text.as_bytes()).to_string() != file.digest {
            return Err(
                format!("the file of {} is not the one exported", file.resource_type).into()
            );
        }
        println!("   {} {}: {}", file.count, file.resource_type, file.uri);
        count += file.count;
        all.push_str(&text);
    }
    Ok((result, count, all))
}

/// A line that is written over by the next: the bar, and what the server says.
fn show(message: &str) {
    let part = message.rsplit_once('(').and_then(|(_, part)| part.strip_suffix(')'));
    let part = part.and_then(|part| part.split_once(" of "));
    let part = part
        .and_then(|(done, all)| Some((done.parse::<usize>().ok()?, all.parse::<usize>().ok()?)));
    let filled = match part {
        Some((done, all)) if all > 0 => (WIDTH * done / all).min(WIDTH),
        _ => 0,
    };
    print!("\r   [{:WIDTH$}] {message:40}", "#".repeat(filled));
    let _ = std::io::stdout().flush();
}

/// A file, for whoever has the doctor's token.
async fn fetch(visit: &Visit<'_>, uri: &str) -> Result<String, Error> {
    let request = Request::get(uri)
        .header("Authorization", format!("Bearer {}", visit.token))
        .body(Empty::<Bytes>::new())?;
    let answer = HttpClient::builder(TokioExecutor::new()).build_http().request(request).await?;
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("the file was answered {status}").into());
    }
    Ok(String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?)
}
