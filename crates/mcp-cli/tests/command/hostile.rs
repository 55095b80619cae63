//! Servers that mean harm.

use std::io::Write;

use serde_json::{Value, json};

use crate::support::{answer, host, mcp};

/// A server whose every text is an attack on a terminal.
fn server() -> String {
    let address = host(|_, body, stream| {
        let request: Value = serde_json::from_str(&body).unwrap_or_default();
        let evil = "\u{1b}[31mevil\u{1b}[0m\r\u{9b}2J\u{202e}";
        let result = match request["method"].as_str().unwrap_or_default() {
            "server/discover" => json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": { "tools": {} }, "ttlMs": 0, "cacheScope": "private",
                "_meta": { "io.modelcontextprotocol/serverInfo": { "name": evil, "version": "1" } },
            }),
            "tools/list" => json!({
                "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
                "tools": [
                    { "name": "evil", "description": evil, "inputSchema": { "type": "object" } },
                    { "name": "error", "inputSchema": { "type": "object" } },
                    { "name": "silent", "inputSchema": { "type": "object" } },
                    { "name": "endless", "inputSchema": { "type": "object" } },
                ],
            }),
            "tools/call" => match request["params"]["name"].as_str().unwrap_or_default() {
                "evil" => json!({
                    "resultType": "complete",
                    "content": [
                        { "type": "text", "text": evil },
                        { "type": "resource_link", "uri": format!("x:{evil}"), "name": evil },
                    ],
                }),
                "silent" => {
                    // Until the other side gives up.
                    std::thread::park_timeout(std::time::Duration::from_secs(60));
                    return;
                }
                "endless" => {
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
                    let _ = stream.write_all(head.as_bytes());
                    while stream.write_all(&[b' '; 65536]).is_ok() {}
                    return;
                }
                _ => {
                    let error = json!({ "code": -32603, "message": evil });
                    let error = json!({ "jsonrpc": "2.0", "id": request["id"], "error": error });
                    return answer(stream, "application/json", &error.to_string());
                }
            },
            _ => json!({}),
        };
        let response = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
        answer(stream, "application/json", &response.to_string());
    });
    format!("http://{address}/mcp")
}

#[test]
fn no_text_of_theirs_commands_the_terminal() {
    let url = server();
    for (words, code) in
        [(&["list", &url][..], 0), (&["call", &url, "evil"], 0), (&["call", &url, "error"], 4)]
    {
        let ran = mcp(words);
        assert_eq!(ran.code, code, "{ran:?}");
        let odd = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!ran.out.contains(odd) && !ran.err.contains(odd), "{ran:?}");
        assert!(ran.out.contains("evil") || ran.err.contains("evil"), "{ran:?}");
    }
    // Scripts get what was said.
    let json = mcp(&["--json", "call", &url, "evil"]).json();
    assert!(json["content"][0]["text"].as_str().unwrap().contains('\u{1b}'));
}

#[test]
fn answers_that_do_not_come_or_do_not_end_are_given_up() {
    let url = server();
    let silent = mcp(&["--json", "call", &url, "silent", "--timeout", "1"]);
    assert_eq!((silent.code, silent.failure().as_str()), (3, "unreachable"));
    let endless = mcp(&["--json", "call", &url, "endless"]);
    assert_eq!((endless.code, endless.failure().as_str()), (3, "unreachable"));
}

#[test]
fn what_is_no_server_is_named() {
    let page = host(|_, _, stream| answer(stream, "text/html", "<html>"));
    let ran = mcp(&["--json", "list", &format!("http://{page}/")]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let gone = host(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    });
    let ran = mcp(&["--json", "list", &format!("http://{gone}/")]);
    assert_eq!(ran.code, 3, "{ran:?}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_waiting() {
    use std::process::Stdio;
    use std::sync::{Mutex, mpsc};

    let (asked, is_asked) = mpsc::channel();
    let asked = Mutex::new(asked);
    let address = host(move |_, _, _| {
        asked.lock().unwrap().send(()).unwrap();
        std::thread::park_timeout(std::time::Duration::from_secs(60));
    });
    let mut command = crate::support::command();
    command.args(["--json", "list", &format!("http://{address}/mcp")]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    is_asked.recv().unwrap();
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("interrupted"));
}
