//! The types against the extension's published schema, and against input of all kinds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use mcp_core::protocol::{ResultBody, Tagged};
use mcp_tasks::protocol::*;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn published() -> Option<Value> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut files = here.ancestors().map(|folder| folder.join("shared/spec/tasks.schema.json"));
    match files.find_map(|file| std::fs::read_to_string(file).ok()) {
        Some(text) => Some(serde_json::from_str(&text).unwrap()),
        None => {
            println!("skipped: the published schema is not here");
            None
        }
    }
}

fn schema_of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}

/// The members of an object, each with whether it is required and what it may be.
type Members = BTreeMap<String, (bool, String)>;

fn target<'a>(schema: &'a Value, defs: &'a Value) -> &'a Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => target(&defs[reference.strip_prefix("#/$defs/").unwrap()], defs),
        None => schema,
    }
}

/// The alternatives that a schema of objects has.
fn alternatives(schema: &Value, defs: &Value) -> Vec<Members> {
    let schema = target(schema, defs);
    let mut all = vec![Members::new()];
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let required = schema.get("required").and_then(Value::as_array);
        for (name, value) in properties {
            let needed = required.is_some_and(|names| names.contains(&json!(name)));
            all[0].insert(name.clone(), (needed, kind(value, defs)));
        }
    }
    let mut with = |parts: Vec<Members>| {
        all = all
            .iter()
            .flat_map(|left| {
                parts.iter().map(|right| {
                    let mut both = left.clone();
                    for (name, (needed, kind)) in right {
                        let entry = both.entry(name.clone()).or_insert((false, kind.clone()));
                        entry.0 |= needed;
                    }
                    both
                })
            })
            .collect();
    };
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        with(alternatives(part, defs));
    }
    if let Some(parts) = schema.get("anyOf").and_then(Value::as_array) {
        with(parts.iter().flat_map(|part| alternatives(part, defs)).collect());
    }
    all.sort();
    all
}

/// What a member may be, in one way of writing: that of the schema generators differs.
fn kind(schema: &Value, defs: &Value) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.strip_prefix("#/$defs/").unwrap();
        return match name {
            // Named in one of the two, repeated in the other.
            "TaskStatus" | "InputRequests" | "InputResponses" => kind(&defs[name], defs),
            "JSONObject" => "object".to_owned(),
            name => name.to_owned(),
        };
    }
    let mut texts: Vec<String> = Vec::new();
    for part in ["anyOf", "oneOf", "enum", "type", "allOf"].iter().filter_map(|key| schema.get(key))
    {
        match part {
            Value::Array(parts) => texts.extend(parts.iter().map(|part| match part {
                Value::String(text) => text.clone(),
                part => kind(part, defs),
            })),
            Value::String(text)
                if schema.get("const").is_none() && schema.get("enum").is_none() =>
            {
                texts.push(text.clone());
            }
            _ => {}
        }
    }
    if let Some(text) = schema.get("const") {
        texts.push(text.as_str().unwrap().to_owned());
    }
    if let Some(items) = schema.get("items") {
        texts.push(format!("of {}", kind(items, defs)));
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| **values != json!({}))
    {
        texts.push(format!("of {}", kind(values, defs)));
    }
    texts.sort();
    texts.dedup();
    texts.join("|")
}

fn compare<T: JsonSchema>(published: &Value, name: &str, pointer: &str) -> usize {
    let theirs = &published["$defs"];
    let schema = theirs[name].pointer(pointer).unwrap_or_else(|| panic!("{name}{pointer}"));
    let ours = schema_of::<T>();
    let mut found = alternatives(&ours, &ours["$defs"]);
    let expected = alternatives(schema, theirs);
    if pointer.contains("params") {
        // The published requests say nothing of `_meta`.
        for members in &mut found {
            members.remove("_meta");
        }
    }
    assert_eq!(found, expected, "{name}");
    expected.iter().map(Members::len).sum()
}

#[test]
fn the_members_are_those_of_the_published_schema() {
    let Some(published) = published() else { return };
    let params = "/allOf/1/properties/params";
    let counts = [
        compare::<Task>(&published, "Task", ""),
        compare::<WorkingTask>(&published, "WorkingTask", ""),
        compare::<InputRequiredTask>(&published, "InputRequiredTask", ""),
        compare::<CompletedTask>(&published, "CompletedTask", ""),
        compare::<FailedTask>(&published, "FailedTask", ""),
        compare::<CancelledTask>(&published, "CancelledTask", ""),
        compare::<DetailedTask>(&published, "DetailedTask", ""),
        compare::<CreateTaskResult>(&published, "CreateTaskResult", ""),
        compare::<GetTaskResult>(&published, "GetTaskResult", ""),
        compare::<UpdateTaskResult>(&published, "UpdateTaskResult", ""),
        compare::<CancelTaskResult>(&published, "CancelTaskResult", ""),
        compare::<TaskStatusNotificationParams>(&published, "TaskStatusNotificationParams", ""),
        compare::<TaskSubscriptionNotifications>(&published, "TaskSubscriptionNotifications", ""),
        compare::<TaskSubscriptionAcknowledgedNotifications>(
            &published,
            "TaskSubscriptionAcknowledgedNotifications",
            "",
        ),
        compare::<GetTaskParams>(&published, "GetTaskRequest", params),
        compare::<UpdateTaskParams>(&published, "UpdateTaskRequest", params),
        compare::<CancelTaskParams>(&published, "CancelTaskRequest", params),
    ];
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    let status = kind(&schema_of::<TaskStatus>(), &Value::Null);
    assert_eq!(status, kind(&published["$defs"]["TaskStatus"], &Value::Null));
    assert_eq!(status, "cancelled|completed|failed|input_required|working");
}

fn base(status: &str) -> Value {
    json!({
        "taskId": "786512e2", "status": status, "statusMessage": "as it is",
        "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:01Z",
        "ttlMs": 60000, "pollIntervalMs": 500,
    })
}

fn with(mut value: Value, more: Value) -> Value {
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value
}

/// One example of each status.
fn tasks() -> Vec<Value> {
    let ask = json!({ "method": "elicitation/create", "params": {
        "mode": "form", "message": "?", "requestedSchema": { "type": "object", "properties": {} } } });
    vec![
        base("working"),
        with(base("working"), json!({ "ttlMs": null })),
        with(base("input_required"), json!({ "inputRequests": { "name": ask } })),
        with(base("completed"), json!({ "result": { "content": [], "isError": true } })),
        with(base("failed"), json!({ "error": { "code": -32603, "message": "no" } })),
        base("cancelled"),
    ]
}

/// Reads, writes, and holds both texts to the published definition.
fn round_trips<T: DeserializeOwned + Serialize>(name: &str, examples: &[Value]) {
    let validator = published().map(|schema| {
        let root = json!({ "$ref": format!("#/$defs/{name}"), "$defs": schema["$defs"] });
        jsonschema::validator_for(&root).unwrap()
    });
    for example in examples {
        for example in [example.clone(), with(example.clone(), json!({ "x-new": { "a": [1.50] } }))]
        {
            let read: T = serde_json::from_value(example.clone())
                .unwrap_or_else(|error| panic!("{name}: {error}: {example}"));
            let written = serde_json::to_value(&read).unwrap();
            assert_eq!(written, example, "{name}");
            if let Some(validator) = &validator {
                assert!(validator.is_valid(&written), "{name}: {written}");
            }
        }
    }
}

#[test]
fn examples_come_back_as_they_were() {
    let tagged = |tag: &'static str| move |task: Value| with(task, json!({ "resultType": tag }));
    round_trips::<Task>("Task", &[base("working"), base("failed")]);
    round_trips::<DetailedTask>("DetailedTask", &tasks());
    round_trips::<TaskStatusNotificationParams>("TaskStatusNotificationParams", &tasks());
    let got: Vec<_> = tasks().into_iter().map(tagged("complete")).collect();
    round_trips::<Tagged<GetTaskResult>>("GetTaskResult", &got);
    round_trips::<Tagged<CreateTaskResult>>("CreateTaskResult", &[tagged("task")(base("working"))]);
    let empty = json!({ "resultType": "complete", "_meta": { "a/b": 1 } });
    round_trips::<Tagged<UpdateTaskResult>>("UpdateTaskResult", std::slice::from_ref(&empty));
    round_trips::<Tagged<CancelTaskResult>>("CancelTaskResult", &[empty]);
    let ids = json!({ "taskIds": ["a", "b"] });
    round_trips::<TaskSubscriptionNotifications>("TaskSubscriptionNotifications", &[ids]);
}

#[test]
fn what_is_no_task_is_refused_by_name() {
    let error =
        |value: Value| serde_json::from_value::<DetailedTask>(value).unwrap_err().to_string();
    let mut no_id = base("working");
    no_id.as_object_mut().unwrap().remove("taskId");
    let mut no_ttl = base("working");
    no_ttl.as_object_mut().unwrap().remove("ttlMs");
    for (value, told) in [
        (no_id, "missing field `taskId`"),
        (no_ttl, "missing field `ttlMs`"),
        (base("submitted"), "unknown DetailedTask \"submitted\""),
        (base("completed"), "missing field `result`"),
        (base("failed"), "missing field `error`"),
        (with(base("completed"), json!({ "result": [] })), "result: "),
        (with(base("working"), json!({ "ttlMs": 1.5 })), "ttlMs: "),
        (with(base("working"), json!({ "ttlMs": -1 })), "ttlMs: "),
        (json!([]), "object"),
    ] {
        assert!(error(value.clone()).contains(told), "{} for {value}", error(value.clone()));
    }
    let task = with(base("working"), json!({ "resultType": "task" }));
    assert!(serde_json::from_value::<Tagged<GetTaskResult>>(task).is_err());
}

#[test]
fn metadata_of_an_answer_is_taken_out_once() {
    let text = with(base("working"), json!({ "resultType": "complete", "_meta": { "a/b": 1 } }));
    let mut got: GetTaskResult = serde_json::from_value(text).unwrap();
    assert!(got.take_meta().unwrap().contains_key("a/b"));
    assert!(got.take_meta().is_none());
    assert_eq!(serde_json::to_value(&got).unwrap(), base("working"));
}
