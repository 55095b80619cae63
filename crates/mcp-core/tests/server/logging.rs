//! Log messages of handlers, for clients that ask for them.

use mcp_core::ClientMessage;
use mcp_core::protocol::LoggingLevel;
use mcp_core::server::{Cx, ServedTool, Server, ServerBuilder};
use serde_json::{Value, json};

use crate::common::{answer, call, exchange, messages, request, result};

const LEVELS: [LoggingLevel; 8] = [
    LoggingLevel::Debug,
    LoggingLevel::Info,
    LoggingLevel::Notice,
    LoggingLevel::Warning,
    LoggingLevel::Error,
    LoggingLevel::Critical,
    LoggingLevel::Alert,
    LoggingLevel::Emergency,
];

const FLOOD: usize = 100_000;

fn builder() -> ServerBuilder {
    Server::builder("app", "1")
        .tool(ServedTool::new("logs", async |cx: Cx| {
            for level in LEVELS {
                cx.log(level, Some("here"), &json!({ "level": level }));
            }
            "done"
        }))
        .tool(ServedTool::new("floods", async |cx: Cx| {
            for number in 0..FLOOD {
                cx.log(LoggingLevel::Error, None, &number);
            }
            "done"
        }))
}

fn asking(tool: &str, level: &Value) -> Value {
    let mut message = call(tool, json!({}));
    message["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = level.clone();
    message
}

async fn logged(server: &Server, message: &Value) -> Vec<Value> {
    let mut seen = messages(exchange(server, message)).await;
    assert_eq!(seen.pop().unwrap()["result"]["content"][0]["text"], "done");
    for message in &seen {
        assert_eq!(message["method"], "notifications/message");
        assert!(message.get("id").is_none());
    }
    seen.into_iter().map(|message| message["params"].clone()).collect()
}

#[tokio::test]
async fn logging_is_declared() {
    let capabilities = async |server: &Server| {
        result(server, &request(1, "server/discover", json!({}))).await["capabilities"].clone()
    };
    let on = builder().logging().build().unwrap();
    assert_eq!(capabilities(&on).await["logging"], json!({}));
    assert_eq!(logged(&on, &asking("logs", &json!("debug"))).await.len(), 8);
    let off = builder().build().unwrap();
    assert!(capabilities(&off).await.get("logging").is_none());
    assert!(logged(&off, &asking("logs", &json!("debug"))).await.is_empty(), "not declared");
}

#[tokio::test]
async fn no_level_no_log() {
    let server = builder().logging().build().unwrap();
    // Exactly one message: the response.
    answer(&server, &call("logs", json!({}))).await;
}

#[tokio::test]
async fn levels_are_a_threshold() {
    let server = builder().logging().build().unwrap();
    for (at, level) in LEVELS.iter().enumerate() {
        let seen = logged(&server, &asking("logs", &json!(level))).await;
        let expected: Vec<_> = LEVELS[at..]
            .iter()
            .map(|level| json!({ "level": level, "logger": "here", "data": { "level": level } }))
            .collect();
        assert_eq!(seen, expected, "{level:?}");
    }
}

#[test]
fn unknown_level_is_refused() {
    for level in [json!("verbose"), json!("ERROR"), json!(""), json!(3), json!({})] {
        // Of every request, also of those for which nothing would be logged.
        let mut listed = request(1, "tools/list", json!({}));
        listed["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = level.clone();
        for message in [asking("logs", &level), listed] {
            let refused = ClientMessage::parse(message.to_string().into_bytes()).unwrap_err();
            assert_eq!(refused.error.code(), -32602, "{level}");
            assert_eq!(refused.id, Some(1.into()), "it is answered");
            assert!(refused.error.to_string().contains("logLevel"), "{}", refused.error);
        }
    }
    let fine = asking("logs", &json!("emergency"));
    assert!(ClientMessage::parse(fine.to_string().into_bytes()).is_ok());
}

#[tokio::test]
async fn log_flood_is_bounded() {
    let server = builder().logging().build().unwrap();
    // Nobody reads while the handler runs: the exchange polls it to its end first.
    let seen = logged(&server, &asking("floods", &json!("debug"))).await;
    assert!(!seen.is_empty() && seen.len() < 1000, "{} of {FLOOD} were kept", seen.len());
    for (number, message) in seen.iter().enumerate() {
        assert_eq!(message["data"], json!(number), "the first ones, in order");
    }
}
