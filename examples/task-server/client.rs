//! A client that shows how far its task is, and can be killed.
#![allow(clippy::print_stdout)]

use std::io::{BufRead, Write};
use std::path::Path;

use mcp_core::client::{Client, ElicitAnswer, FormRequest};
use mcp_http::HttpTransport;
use mcp_tasks::TasksClient;
use mcp_tasks::client::{RunningTask, Started, TaskHandle};
use serde_json::json;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// What is needed to go on after a restart.
const KEPT: &str = "task-server.json";

fn connect(tasks: &TasksClient, url: &str) -> Result<Client, Box<dyn std::error::Error>> {
    let client = Client::builder("task-client", env!("CARGO_PKG_VERSION"))
        .extension(tasks.clone())
        .on_elicit_form(ask)
        .connect(HttpTransport::new(url)?)?;
    Ok(client)
}

/// Asks the person at the terminal: the only question of this server is one of yes or no.
async fn ask(form: FormRequest) -> ElicitAnswer {
    let answer = tokio::task::spawn_blocking(move || {
        print!("\n{} [y/n] ", form.message);
        let _ = std::io::stdout().flush();
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    match answer.await {
        Ok(Ok(line)) if line.trim().eq_ignore_ascii_case("y") => {
            ElicitAnswer::accept(&json!({ "overwrite": true }))
        }
        Ok(Ok(line)) if !line.is_empty() => ElicitAnswer::Decline,
        _ => ElicitAnswer::Cancel,
    }
}

/// Starts a task, or gets the result at once.
pub(crate) async fn index(folder: &str, url: &str) -> Outcome {
    let tasks = TasksClient::new().listening();
    let client = connect(&tasks, url)?;
    match tasks.start(&client, "index", &json!({ "folder": folder })).await? {
        Started::Done(result) => println!("{}", result.all_text()),
        Started::Task(task) => follow(*task).await?,
    }
    Ok(())
}

/// Goes on with the task that was started last.
pub(crate) async fn resume(url: &str) -> Outcome {
    let kept = std::fs::read_to_string(KEPT).map_err(|_| "there is no task to go on with")?;
    let handle: TaskHandle = serde_json::from_str(&kept)?;
    let tasks = TasksClient::new().listening();
    let client = connect(&tasks, url)?;
    follow(tasks.resume(&client, handle)).await
}

fn keep(task: &RunningTask) -> Outcome {
    std::fs::write(KEPT, serde_json::to_string(task.handle())?)?;
    Ok(())
}

async fn follow(mut task: RunningTask) -> Outcome {
    keep(&task)?;
    while let Some(state) = task.changed().await? {
        keep(&task)?;
        let words = state.task().status_message.unwrap_or_default();
        println!("{:<15} {} {words}", state.status().as_str(), bar(&words));
    }
    let result = task.result().await;
    std::fs::remove_file(Path::new(KEPT))?;
    println!("{}", result?.all_text());
    Ok(())
}

/// A bar for words that end in "(3 of 7)".
fn bar(words: &str) -> String {
    const WIDTH: usize = 30;
    let numbers = words.rsplit_once('(').and_then(|(_, rest)| {
        let (done, all) = rest.strip_suffix(')')?.split_once(" of ")?;
        Some((done.parse::<f64>().ok()?, all.parse::<f64>().ok()?))
    });
    let part = numbers.map_or(0.0, |(done, all)| (done / all.max(1.0)).clamp(0.0, 1.0));
    let full = (part * WIDTH as f64) as usize;
    format!("[{}{}]", "#".repeat(full), "-".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn a_bar_shows_how_far_it_is() {
        assert_eq!(bar("files (15 of 30)"), format!("[{}{}]", "#".repeat(15), "-".repeat(15)));
        assert_eq!(bar(""), format!("[{}]", "-".repeat(30)));
        assert_eq!(bar("files (9 of 0)"), format!("[{}]", "#".repeat(30)));
    }
}
