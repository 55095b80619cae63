//! `mcp list` and `mcp call`.

use serde_json::{Value, json};

use crate::support::{Docs, Tasks, answer, example, host, mcp, mcp_with_input};

#[test]
fn a_server_is_listed_over_http_and_as_a_child() {
    let docs = Docs::start(&[]);
    let over_http = mcp(&["list", &docs.url]);
    assert_eq!(over_http.code, 0, "{over_http:?}");
    for words in ["docs-server", "Tools", "search", "Prompts", "summarize", "docs:///note.md"] {
        assert!(over_http.out.contains(words), "{words}: {}", over_http.out);
    }
    assert!(!over_http.out.contains('\u{1b}'), "colours in a pipe");
    let program = example("docs-server");
    let words = ["list", "--only", "tools", "--json", "--", program.to_str().unwrap()];
    let folder = docs.folder.path().to_str().unwrap();
    let as_child = mcp(&[&words[..], &[folder, "--stdio"]].concat());
    let tools = as_child.json()["tools"].clone();
    assert!(tools.as_array().unwrap().iter().any(|tool| tool["name"] == "search"));
    assert!(as_child.json().get("prompts").is_none());
}

#[test]
fn arguments_are_given_in_three_ways() {
    let docs = Docs::start(&[]);
    let singly = mcp(&["call", &docs.url, "search", "query=lease", "limit=1"]);
    assert_eq!(singly.code, 0, "{singly:?}");
    assert!(singly.out.contains("note.md"));
    let object = mcp(&["call", &docs.url, "search", "--args", r#"{"query":"lease"}"#]);
    assert!(object.out.contains("note.md"), "{object:?}");
    let words = ["call", &docs.url, "search", "limit:=1", "--args", "-"];
    let input = mcp_with_input(&words, r#"{"query":"lease"}"#);
    assert!(input.out.contains("note.md"), "{input:?}");
    let json = mcp(&["--json", "call", &docs.url, "search", "query=lease"]).json();
    assert_eq!(json["structuredContent"]["hits"][0]["path"], "note.md");
}

#[test]
fn what_goes_wrong_has_a_name_and_a_code() {
    let docs = Docs::start(&[]);
    let url = docs.url.as_str();
    for (words, code, name) in [
        (&["call", url, "nope"][..], 4, "no-such-tool"),
        (&["call", url, "search", "query"], 2, "usage"),
        (&["call", url, "search", "query=a", "limit=many"], 2, "usage"),
        (&["call", url, "search", "--args", "[]"], 2, "usage"),
        (&["call", url, "search", "--args", r#"{"query":"a","query":"b"}"#], 2, "usage"),
        (&["call", url], 2, "usage"),
        (&["call", "example.com", "search"], 2, "usage"),
        (&["list", url, "--bearer-env", "MCP_CLI_TEST_UNSET"], 2, "usage"),
        (&["list", "http://127.0.0.1:1/mcp"], 3, "unreachable"),
        (&["list", "--", "/no/such/program"], 3, "unreachable"),
        (&["list", "--", "true"], 3, "unreachable"),
    ] {
        let ran = mcp(&[&["--json"], words].concat());
        assert_eq!((ran.code, ran.failure().as_str()), (code, name), "{words:?}");
        assert_eq!(ran.out, "", "{words:?}");
        let plain = mcp(words);
        assert_eq!(plain.code, code);
        assert!(plain.err.contains("mcp: "), "{plain:?}");
    }
    // A tool that fails is an answer.
    let failed = mcp(&["call", url, "search"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert_eq!(failed.err, "");
    assert_eq!(mcp(&["no-such-command"]).code, 2);
    assert_eq!(mcp(&["--help"]).code, 0);
    assert!(mcp(&["--version"]).out.starts_with("mcp "));
}

#[test]
fn a_question_without_a_terminal_is_named() {
    let docs = Docs::start(&[]);
    let words = ["call", &docs.url, "rename", "from=note.md", "to=other.md"];
    let ran = mcp(&[&["--json"], &words[..]].concat());
    assert_eq!((ran.code, ran.failure().as_str()), (6, "no-terminal"), "{ran:?}");
    assert!(docs.folder.path().join("note.md").exists());
    assert!(mcp(&words).err.contains("there is no terminal"));
}

#[test]
fn a_task_is_driven_to_its_result() {
    let tasks = Tasks::start();
    let ran = mcp(&["call", &tasks.url, "index", "folder=texts"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(tasks.folder.path().join("texts.index.tsv").exists(), "{ran:?}");
}

#[test]
fn progress_is_told_on_standard_error() {
    let address = host(|_, body, stream| {
        let request: Value = serde_json::from_str(&body).unwrap();
        let complete = |mut result: Value| {
            result["resultType"] = "complete".into();
            json!({ "jsonrpc": "2.0", "id": request["id"], "result": result })
        };
        let cached = |mut result: Value| {
            (result["ttlMs"], result["cacheScope"]) = (0.into(), "private".into());
            complete(result).to_string()
        };
        match request["method"].as_str().unwrap() {
            "server/discover" => {
                let result =
                    json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} } });
                answer(stream, "application/json", &cached(result));
            }
            "tools/list" => {
                let tool = json!({ "name": "steps", "inputSchema": { "type": "object" } });
                answer(stream, "application/json", &cached(json!({ "tools": [tool] })));
            }
            _ => {
                let step = |progress: u32, message: &str| {
                    let token = &request["params"]["_meta"]["progressToken"];
                    json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params":
                        { "progressToken": token, "progress": progress, "total": 2, "message": message } })
                };
                let text = json!({ "type": "text", "text": "done" });
                let events = [
                    step(1, "first"),
                    step(2, "second\u{1b}[2J"),
                    complete(json!({ "content": [text] })),
                ];
                let events: String =
                    events.iter().map(|event| format!("data: {event}\n\n")).collect();
                answer(stream, "text/event-stream", &events);
            }
        }
    });
    let ran = mcp(&["call", &format!("http://{address}/mcp"), "steps"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "done\n"), "{ran:?}");
    assert_eq!(ran.err, "… 1/2 first\n… 2/2 second\\u{1b}[2J\n");
}
