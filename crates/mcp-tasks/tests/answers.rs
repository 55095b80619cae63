//! What calls come to as tasks, over the wire: within the grace and after it, what the direct call is
//! answered with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::time::Duration;

use mcp_core::protocol::{
    CallToolResult, ClientCapabilities, ElicitRequestFormParams, ErrorObject, Meta,
};
use mcp_core::server::{Args, Cx, HandlerError, ServedTool, Server};
use mcp_core::{ApplicationCode, Error, RawJson, Shutdown, StoredError};
use mcp_tasks::store::MemoryStore;
use mcp_tasks::{TaskPolicy, TaskTool, Tasks};
use mcp_testkit::{Message, RawClient, call_tool, request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Which {
    which: String,
}

fn data(value: Value) -> RawJson {
    RawJson::from_serialize(&value).unwrap()
}

/// One end of each kind.
async fn end(cx: Cx, Args(Which { which }): Args<Which>) -> Result<CallToolResult, HandlerError> {
    let error = match &*which {
        "result" => {
            let mut result = CallToolResult::text("done");
            let mut meta = Meta::new();
            meta.insert("com.example/kept", &json!({ "a": 1 })).unwrap();
            result.meta = Some(meta);
            return Ok(result);
        }
        "tool error" => return Ok(CallToolResult::error("not today")),
        "told" => return Err(HandlerError::tell("not like this")),
        "hidden" => return Err(std::io::Error::other("in /home/ada").into()),
        "panic" => panic!("on purpose"),
        "invalid params" => Error::invalid_params_with("wrong", data(json!({ "at": "/x" }))),
        "no data" => Error::invalid_params("wrong"),
        "undeclared elicitation" => {
            let form: ElicitRequestFormParams = serde_json::from_value(json!({
                "mode": "form", "message": "?", "requestedSchema": {
                    "type": "object", "properties": { "name": { "type": "string" } } }
            }))
            .unwrap();
            cx.elicit_form("name", form).await?;
            return Ok(CallToolResult::text("asked in vain"));
        }
        "undeclared extension" => {
            let required = json!({ "extensions": { "com.example/x": { "level": 2 } } });
            Error::missing_capability(
                serde_json::from_value::<ClientCapabilities>(required).unwrap(),
            )
        }
        "version" => Error::UnsupportedProtocolVersion {
            supported: ["2026-07-28".to_owned()].into(),
            requested: "2099-01-01".to_owned(),
        },
        "method" => Error::MethodNotFound("x/y".to_owned()),
        "header" => Error::HeaderMismatch("Mcp-Name".to_owned()),
        "internal" => Error::Internal,
        "timeout" => Error::Timeout,
        "overloaded" => Error::Overloaded,
        "application" => Error::Application {
            code: ApplicationCode::new(4001),
            message: "sold out".to_owned(),
            data: Some(data(json!([1, { "left": 0 }]))),
        },
        "stored" => {
            let object = json!({ "code": -32021, "message": "another's words",
                "data": { "requiredCapabilities": { "roots": {} }, "hint": 7 },
                "more": { "b": 1.5 } });
            let object: ErrorObject = serde_json::from_value(object).unwrap();
            Error::Stored(StoredError::try_new(object).unwrap())
        }
        other => panic!("{other}"),
    };
    Err(HandlerError::Protocol(error))
}

const ENDS: [(&str, i64); 13] = [
    ("panic", -32603),
    ("invalid params", -32602),
    ("no data", -32602),
    ("undeclared elicitation", -32021),
    ("undeclared extension", -32021),
    ("version", -32022),
    ("method", -32601),
    ("header", -32020),
    ("internal", -32603),
    ("timeout", -32603),
    ("overloaded", -32603),
    ("application", 4001),
    ("stored", -32021),
];

fn client() -> RawClient {
    let policy = TaskPolicy::allowed().poll_interval(Duration::from_millis(20));
    let server = Server::builder("app", "1")
        .tool(ServedTool::new("end", end).task(policy.clone().grace(Duration::from_secs(20))))
        .tool(ServedTool::new("later", end).task(policy))
        .extension(Tasks::new(MemoryStore::new()))
        .build()
        .unwrap();
    let background = server.clone();
    let (trigger, shutdown) = Shutdown::new();
    tokio::spawn(async move {
        background.run_extensions(shutdown).await;
        drop(trigger);
    });
    RawClient::new(&server)
}

fn call(which: &str) -> Message {
    call_tool("end", json!({ "which": which }))
}

fn declared(message: Message) -> Message {
    message.declaring_raw("io.modelcontextprotocol/tasks", json!({}))
}

fn as_task(which: &str) -> Message {
    declared(call(which))
}

/// The task that the call becomes, when it has ended.
async fn ended(client: &RawClient, which: &str) -> Value {
    let call = declared(call_tool("later", json!({ "which": which })));
    let created = client.send(call).await.assert_result_type("task").clone();
    let looking = async {
        loop {
            let get = request("tasks/get").param("taskId", &created["taskId"]);
            let task = client.send(declared(get)).await.assert_result_type("complete").clone();
            if task["status"] != "working" {
                return task;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.expect("not within 30 s")
}

const RESULTS: [(&str, Option<&str>); 4] = [
    ("result", Some("done")),
    ("tool error", Some("not today")),
    ("told", Some("not like this")),
    ("hidden", None),
];

#[tokio::test]
async fn errors_have_the_code_and_the_data_of_the_direct_call() {
    let client = client();
    for (which, code) in ENDS {
        let direct = client.send(call(which)).await.assert_error(code).clone();
        let graced = client.send(as_task(which)).await;
        assert_eq!(graced.assert_error(code), &direct, "{which}");
        let needs_data = matches!(code, -32022 | 4001) || which.starts_with("undeclared");
        assert!(!needs_data || direct["data"] != Value::Null, "{which}: {direct}");
    }
}

#[tokio::test]
async fn results_are_those_of_the_direct_call() {
    let client = client();
    for (which, text) in RESULTS {
        let direct = client.send(call(which)).await.assert_result_type("complete").clone();
        let graced = client.send(as_task(which)).await;
        assert_eq!(graced.assert_result_type("complete"), &direct, "{which}");
        if let Some(text) = text {
            assert_eq!(direct["content"][0]["text"], text);
        }
        assert!(!direct.to_string().contains("/home/ada"), "{direct}");
    }
}

#[tokio::test]
async fn a_failed_task_has_the_error_of_the_direct_call() {
    let client = client();
    for (which, code) in ENDS {
        let direct = client.send(call(which)).await.assert_error(code).clone();
        let task = ended(&client, which).await;
        assert_eq!((&task["status"], &task["error"]), (&json!("failed"), &direct), "{which}");
        assert_eq!(task["statusMessage"], direct["message"], "{which}");
        assert!(task.get("result").is_none() && task.get("inputRequests").is_none(), "{task}");
    }
}

#[tokio::test]
async fn a_completed_task_has_the_result_of_the_direct_call() {
    let client = client();
    for (which, _) in RESULTS {
        let mut direct = client.send(call(which)).await.assert_result_type("complete").clone();
        let mut task = ended(&client, which).await;
        assert_eq!(task["status"], "completed", "{which}: a tool's own failure is no failed task");
        assert!(task.get("error").is_none() && task.get("inputRequests").is_none(), "{task}");
        let result = task["result"].as_object_mut().unwrap();
        // What the call is answered with besides is the envelope's, and there around the task.
        let own = "com.example/kept";
        let members = direct.as_object_mut().unwrap();
        members.remove("resultType");
        let meta = members.remove("_meta");
        if let Some(kept) = meta.as_ref().and_then(|meta| meta.get(own)) {
            members.insert("_meta".to_owned(), json!({ own: kept }));
        }
        assert_eq!(members.contains_key("_meta"), which == "result");
        result.remove("resultType");
        assert_eq!(&Value::Object(result.clone()), &direct, "{which}");
    }
}
