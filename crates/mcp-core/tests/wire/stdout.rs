//! Standard output of a server's process. The process is this very test program: started again with a
//! variable set, `serve` below serves on its standard streams. The test harness writes there too,
//! before it runs `serve`; what counts comes after a line that `serve` writes first.

use std::fmt::Debug;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use mcp_core::Shutdown;
use mcp_core::protocol::LoggingLevel;
use mcp_core::server::{Cx, HandlerError, ServedTool};
use mcp_core::transport::{StdioOptions, serve_stdio};
use serde_json::{Value, json};

use crate::common::{call, declaring};
use crate::support::{builder, echo, everything, listen};

const ROLE: &str = "MCP_TEST_STDOUT";
const BEGIN: &str = "-- from here on";

/// Writes everything that is traced to standard error.
struct Loud;

struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

impl tracing::Subscriber for Loud {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        eprintln!("span {}", span.metadata().name());
        tracing::span::Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        eprintln!("{}{}", event.metadata().level(), line.0);
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// The child's side.
#[test]
fn serve() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    println!("\n{BEGIN}");
    tracing::subscriber::set_global_default(Loud).unwrap();
    tracing::warn!("something is odd about the configuration");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = builder()
            .tool(ServedTool::new("panics", async || -> String { panic!("a bug") }))
            .tool(ServedTool::new("fails", async || -> Result<String, HandlerError> {
                Err(std::io::Error::other("the disk is gone"))?
            }))
            .tool(ServedTool::new("loud", async |cx: Cx| {
                cx.log(LoggingLevel::Error, None, &"to the client");
                tracing::error!("to the operator");
                "said"
            }))
            .build()
            .unwrap();
        let (_trigger, shutdown) = Shutdown::new();
        serve_stdio(server, StdioOptions::default(), shutdown).await.unwrap();
    });
    // Before the harness reports its results there.
    std::process::exit(0);
}

#[test]
fn stdout_is_only_messages() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stdout::serve", "--nocapture", "--test-threads=1"])
        .env(ROLE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut form = declaring(everything(), "tools/call", json!({ "name": "form" }));
    form["params"]["_meta"]["progressToken"] = json!("t");
    let mut loud = call("loud", json!({}));
    loud["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("debug");
    let mut calls = [call("panics", json!({})), call("fails", json!({})), loud, form];
    for (id, call) in calls.iter_mut().enumerate() {
        call["id"] = json!(id);
    }
    let mut input: Vec<String> = calls.iter().map(Value::to_string).collect();
    input.push(echo("e", "a\nb").to_string());
    input.push("nonsense".to_owned());
    input.push(listen("s", json!({ "toolsListChanged": true })).to_string());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{}\n", input.join("\n")).as_bytes()).unwrap();
    drop(stdin);
    let mut stderr = child.stderr.take().unwrap();
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text).unwrap()
    });
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(child.wait().unwrap().success());
    let (_, output) = output.split_once(&format!("{BEGIN}\n")).unwrap();
    let mut ids = Vec::new();
    for line in output.lines() {
        let message: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        if message.get("method").is_none() {
            ids.push(message["id"].to_string());
        }
    }
    ids.sort();
    assert_eq!(ids, [r#""e""#, r#""s""#, "0", "1", "2", "3", "null"], "{output}");
    // The rest was said, elsewhere.
    let errors = errors.join().unwrap();
    for said in ["something is odd", "to the operator", "panicked", "the disk is gone"] {
        assert!(errors.contains(said), "{said}: {errors}");
    }
}
