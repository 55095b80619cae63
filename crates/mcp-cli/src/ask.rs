//! Questions of a server, asked on the terminal.
//!
//! People see who asks, in the course of what, everything that will be sent, and can change it, decline or cancel. The
//! questions go to standard error: standard output is for results.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use mcp_core::client::{AskedBy, ClientBuilder, ElicitAnswer, FormRequest, UrlRequest};
use serde_json::{Map, Value};

use crate::text;

/// How often a field is asked for before the question counts as cancelled.
const ATTEMPTS: usize = 5;

/// Lets a client ask people, if there is a terminal. Without one it does not say that it can.
pub(crate) fn on_terminal(builder: ClientBuilder) -> ClientBuilder {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return builder;
    }
    // Several questions can come at the same time; people answer one after the other.
    let turn = Arc::new(Mutex::new(()));
    let (forms, pages) = (Arc::clone(&turn), turn);
    builder
        .on_elicit_form(move |request| in_turn(Arc::clone(&forms), move || form(&request)))
        .on_elicit_url(move |request| in_turn(Arc::clone(&pages), move || page(&request)))
}

async fn in_turn(
    turn: Arc<Mutex<()>>,
    ask: impl FnOnce() -> Option<ElicitAnswer> + Send + 'static,
) -> ElicitAnswer {
    let asked = tokio::task::spawn_blocking(move || {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        ask()
    });
    // The end of the input is the end of the question.
    asked.await.ok().flatten().unwrap_or(ElicitAnswer::Cancel)
}

fn say(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

fn read(prompt: &str) -> Option<String> {
    say(prompt);
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(1..) => Some(line.trim().to_owned()),
        _ => None,
    }
}

fn introduce(by: &AskedBy, message: &str) {
    let server = by.server.as_ref().map_or("a server that does not say who it is", |s| &s.name);
    let about = by.name.as_deref().unwrap_or(&by.method);
    say(&format!(
        "\n{} asks, in the course of {}:\n{}\n",
        text::short(server, 100),
        text::short(about, 100),
        text::lines(message)
    ));
}

fn form(request: &FormRequest) -> Option<ElicitAnswer> {
    introduce(&request.asked_by, &request.message);
    let schema = serde_json::to_value(&request.schema).ok()?;
    let fields = schema.get("properties")?.as_object()?;
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|all| all.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    loop {
        let mut answers = Map::new();
        for (name, field) in fields {
            if let Some(answer) = ask_field(name, field, required.contains(&name.as_str()))? {
                answers.insert(name.clone(), answer);
            }
        }
        say("This will be sent:\n");
        for (name, answer) in &answers {
            say(&format!("  {}: {}\n", text::line(name), text::line(&shown(answer))));
        }
        match read("[s]end, [e]dit, [d]ecline or [c]ancel? ")?.as_str() {
            "s" | "send" => return Some(ElicitAnswer::accept(&answers)),
            "d" | "decline" => return Some(ElicitAnswer::Decline),
            "e" | "edit" => {}
            _ => return Some(ElicitAnswer::Cancel),
        }
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Asks for one field; `None` if the input ends or makes no sense again and again, and `Some(None)` if it is left out.
fn ask_field(name: &str, field: &Value, required: bool) -> Option<Option<Value>> {
    let words = |key: &str| field.get(key).and_then(Value::as_str);
    let mut prompt = text::short(words("title").unwrap_or(name), 100);
    if let Some(description) = words("description") {
        prompt.push_str(&format!(" ({})", text::short(description, 300)));
    }
    let choices = choices(field);
    if !choices.is_empty() {
        let all: Vec<_> = choices.iter().map(|(_, title)| text::short(title, 60)).collect();
        prompt.push_str(&format!(" [{}]", all.join(", ")));
        if words("type") == Some("array") {
            prompt.push_str(", several with commas");
        }
    } else if words("type") == Some("boolean") {
        prompt.push_str(" [yes, no]");
    }
    let default = field.get("default").filter(|default| !default.is_null());
    match default {
        Some(default) => prompt.push_str(&format!(" <{}>", text::short(&shown(default), 100))),
        None if !required => prompt.push_str(" <leave out>"),
        None => {}
    }
    prompt.push_str(": ");
    for _ in 0..ATTEMPTS {
        let line = read(&prompt)?;
        match (line.is_empty(), default) {
            (true, Some(default)) => return Some(Some(default.clone())),
            (true, None) if !required => return Some(None),
            _ => {}
        }
        match parse(&line, field, &choices) {
            Some(value) => return Some(Some(value)),
            None => say("That is not one of the possible answers.\n"),
        }
    }
    None
}

/// Values and what they are called.
fn choices(field: &Value) -> Vec<(String, String)> {
    let from = field.get("items").unwrap_or(field);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = |key: &str| from.get(key).and_then(Value::as_array);
    if let Some(values) = list("enum") {
        let names = from.get("enumNames").and_then(Value::as_array);
        let name = |at: usize| names.and_then(|names| names.get(at)).and_then(text);
        let both = values.iter().enumerate().filter_map(|(at, value)| {
            let value = text(value)?;
            Some((value.clone(), name(at).unwrap_or(value)))
        });
        return both.collect();
    }
    let titled = list("oneOf").or_else(|| list("anyOf")).into_iter().flatten();
    let both = titled.filter_map(|one| {
        let value = one.get("const").and_then(text)?;
        Some((value.clone(), one.get("title").and_then(text).unwrap_or(value)))
    });
    both.collect()
}

fn parse(line: &str, field: &Value, choices: &[(String, String)]) -> Option<Value> {
    let choose = |word: &str| {
        let mut fits = choices.iter().filter(|(value, title)| value == word || title == word);
        fits.next().map(|(value, _)| Value::from(value.as_str()))
    };
    match field.get("type").and_then(Value::as_str)? {
        "boolean" => match line.to_lowercase().as_str() {
            "yes" | "y" | "true" => Some(true.into()),
            "no" | "n" | "false" => Some(false.into()),
            _ => None,
        },
        "integer" => line.parse::<i64>().ok().map(Value::from),
        "number" => serde_json::from_str(line).ok().filter(Value::is_number),
        "array" => {
            let words = line.split(',').map(str::trim).filter(|word| !word.is_empty());
            words.map(choose).collect::<Option<Vec<_>>>().map(Value::from)
        }
        _ if !choices.is_empty() => choose(line),
        _ => Some(line.into()),
    }
}

fn page(request: &UrlRequest) -> Option<ElicitAnswer> {
    introduce(&request.asked_by, &request.message);
    say(&format!(
        "It wants this page to be opened, at {}:\n  {}\n",
        text::line(request.host()),
        text::line(&request.url)
    ));
    if request.is_suspicious() {
        say("The address may look like another one than it is. Read it twice.\n");
    }
    say("Open it in a browser if you trust it; it is not opened from here.\n");
    match read("[o]pened, [d]ecline or [c]ancel? ")?.as_str() {
        "o" | "opened" => Some(ElicitAnswer::opened()),
        "d" | "decline" => Some(ElicitAnswer::Decline),
        _ => Some(ElicitAnswer::Cancel),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_by_their_fields() {
        let of = |field: Value, line: &str| parse(line, &field, &choices(&field));
        assert_eq!(of(json!({"type":"string"}), "5"), Some(json!("5")));
        assert_eq!(of(json!({"type":"integer"}), "5"), Some(json!(5)));
        assert_eq!(of(json!({"type":"integer"}), "x"), None);
        assert_eq!(of(json!({"type":"number"}), "0.5"), Some(json!(0.5)));
        assert_eq!(of(json!({"type":"number"}), "\"0.5\""), None);
        assert_eq!(of(json!({"type":"boolean"}), "Yes"), Some(json!(true)));
        assert_eq!(of(json!({"type":"boolean"}), "perhaps"), None);
        let plain = json!({"type":"string","enum":["a","b"],"enumNames":["First","Second"]});
        assert_eq!(of(plain.clone(), "Second"), Some(json!("b")));
        assert_eq!(of(plain, "c"), None);
        let titled = json!({"type":"string","oneOf":[{"const":"a","title":"First"}]});
        assert_eq!(of(titled, "First"), Some(json!("a")));
        let several = json!({"type":"array","items":{"anyOf":[{"const":"a","title":"A"},{"const":"b","title":"B"}]}});
        assert_eq!(of(several.clone(), "A, b"), Some(json!(["a", "b"])));
        assert_eq!(of(several, "A, x"), None);
    }
}
