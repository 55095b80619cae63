//! Every published example is read as the type its folder names and written back as the same JSON
//! value; so is every variation of it that adds a member nobody knows. Variations that put wrong values
//! in are refused or kept, never changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod support;

use std::fs;

use mcp_core::protocol::{self as p};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// An example: the definition it is of, its file's name, and its text.
struct Example {
    definition: String,
    file: String,
    text: String,
}

impl Example {
    fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn name(&self) -> String {
        format!("{}/{}", self.definition, self.file)
    }
}

fn examples() -> Option<Vec<Example>> {
    let dir = support::spec_dir()?.join("examples/mcp-2026-07-28");
    let mut examples = Vec::new();
    for folder in fs::read_dir(&dir).unwrap() {
        let folder = folder.unwrap();
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            examples.push(Example {
                definition: folder.file_name().into_string().unwrap(),
                file: file.file_name().into_string().unwrap(),
                text: fs::read_to_string(file.path()).unwrap(),
            });
        }
    }
    examples.sort_by_key(Example::name);
    assert!(examples.len() >= 100, "only {} examples in {}", examples.len(), dir.display());
    eprintln!("{} examples", examples.len());
    Some(examples)
}

fn there_and_back<T: DeserializeOwned + Serialize>(text: &str) -> Result<String, String> {
    let value: T = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(serde_json::to_string(&value).unwrap())
}

/// Reads a text as the type of a definition and writes it again.
fn round_trip(definition: &str, text: &str) -> Result<Value, String> {
    macro_rules! by_name {
        ($($name:ident)*) => {
            match definition {
                $(stringify!($name) => there_and_back::<p::$name>(text),)*
                "ElicitRequestURLParams" => there_and_back::<p::ElicitRequestUrlParams>(text),
                // Results stand here with their `resultType`.
                "CallToolResult" => there_and_back::<p::Tagged<p::CallToolResult>>(text),
                "CompleteResult" => there_and_back::<p::Tagged<p::CompleteResult>>(text),
                "DiscoverResult" => there_and_back::<p::Tagged<p::DiscoverResult>>(text),
                "GetPromptResult" => there_and_back::<p::Tagged<p::GetPromptResult>>(text),
                "InputRequiredResult" => there_and_back::<p::Tagged<p::InputRequiredResult>>(text),
                "ListPromptsResult" => there_and_back::<p::Tagged<p::ListPromptsResult>>(text),
                "ListResourceTemplatesResult" => {
                    there_and_back::<p::Tagged<p::ListResourceTemplatesResult>>(text)
                }
                "ListResourcesResult" => there_and_back::<p::Tagged<p::ListResourcesResult>>(text),
                "ListToolsResult" => there_and_back::<p::Tagged<p::ListToolsResult>>(text),
                "ReadResourceResult" => there_and_back::<p::Tagged<p::ReadResourceResult>>(text),
                "SubscriptionsListenResult" => {
                    there_and_back::<p::Tagged<p::SubscriptionsListenResult>>(text)
                }
                _ => panic!("no type for the examples in {definition}"),
            }
        };
    }

    let text = by_name! {
        AudioContent BlobResourceContents BooleanSchema CallToolRequest CallToolRequestParams
        CallToolResultResponse CancelledNotification CancelledNotificationParams ClientCapabilities
        CompleteRequest CompleteRequestParams CompleteResultResponse CreateMessageRequest
        CreateMessageRequestParams CreateMessageResult DiscoverRequest DiscoverResultResponse
        ElicitRequest ElicitRequestFormParams ElicitResult EmbeddedResource GetPromptRequest
        GetPromptRequestParams GetPromptResultResponse HeaderMismatchError ImageContent InputRequests
        InputResponses InternalError InvalidParamsError ListPromptsRequest ListPromptsResultResponse
        ListResourceTemplatesRequest ListResourceTemplatesResultResponse ListResourcesRequest
        ListResourcesResultResponse ListRootsRequest ListRootsResult ListToolsRequest
        ListToolsResultResponse LoggingMessageNotification LoggingMessageNotificationParams
        MethodNotFoundError MissingRequiredClientCapabilityError ModelPreferences NumberSchema
        PaginatedRequestParams ParseError ProgressNotification ProgressNotificationParams
        PromptListChangedNotification ReadResourceRequest ReadResourceResultResponse Resource
        ResourceLink ResourceListChangedNotification ResourceUpdatedNotification
        ResourceUpdatedNotificationParams Root SamplingMessage ServerCapabilities StringSchema
        SubscriptionsAcknowledgedNotification SubscriptionsListenRequest
        SubscriptionsListenResultResponse TextContent TextResourceContents
        TitledMultiSelectEnumSchema TitledSingleSelectEnumSchema Tool ToolListChangedNotification
        ToolResultContent ToolUseContent UnsupportedProtocolVersionError
        UntitledMultiSelectEnumSchema UntitledSingleSelectEnumSchema
    }?;
    Ok(serde_json::from_str(&text).unwrap())
}

/// The pointers to all values inside of a value, itself among them.
fn pointers(value: &Value) -> Vec<String> {
    fn collect(value: &Value, at: &str, into: &mut Vec<String>) {
        into.push(at.to_owned());
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    collect(value, &format!("{at}/{key}"), into);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    collect(value, &format!("{at}/{index}"), into);
                }
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    collect(value, "", &mut all);
    all
}

/// Whether an object is a map whose values are of one type, and thus takes no member of another.
fn is_typed_map(definition: &str, pointer: &str) -> bool {
    match definition {
        "InputRequests" if pointer.is_empty() => true,
        "GetPromptRequest" | "GetPromptRequestParams" | "CompleteRequestParams" => {
            pointer.ends_with("/arguments")
        }
        _ => {
            pointer.ends_with("/inputRequests") || pointer.ends_with("/requestedSchema/properties")
        }
    }
}

/// Adds the `resultType` that is written into a result that was read without it.
fn with_result_type(mut value: Value, written: &Value, pointer: &str) -> Value {
    let result_type = written.pointer(pointer).and_then(|object| object.get("resultType"));
    if let (Some(result_type), Some(Value::Object(object))) =
        (result_type, value.pointer_mut(pointer))
    {
        assert_eq!(result_type, "complete");
        object.entry("resultType").or_insert_with(|| result_type.clone());
    }
    value
}

#[test]
fn every_example_comes_back_equal() {
    for example in examples().unwrap_or_default() {
        match round_trip(&example.definition, &example.text) {
            Ok(back) => assert_eq!(back, example.value(), "{}", example.name()),
            Err(error) => panic!("{}: {error}", example.name()),
        }
    }
}

#[test]
fn unknown_members_survive_in_every_object() {
    let unknown = json!({ "n": 1.0, "list": [null, { "deep": "é" }], "big": u64::MAX });
    let (mut open, mut closed) = (0, 0);
    for example in examples().unwrap_or_default() {
        let value = example.value();
        for pointer in pointers(&value) {
            let mut changed = value.clone();
            let Some(Value::Object(object)) = changed.pointer_mut(&pointer) else { continue };
            object.insert("x-unknown".into(), unknown.clone());
            let name = format!("{} at {pointer:?}", example.name());
            match round_trip(&example.definition, &changed.to_string()) {
                Ok(back) => {
                    assert_eq!(back, changed, "{name}");
                    open += 1;
                }
                Err(error) => {
                    assert!(is_typed_map(&example.definition, &pointer), "{name}: {error}");
                    assert!(error.contains("x-unknown"), "{name}: {error}");
                    closed += 1;
                }
            }
        }
    }
    println!("{open} objects kept the member, {closed} maps of one type refused it");
}

#[test]
fn a_repeated_member_is_refused() {
    for example in examples().unwrap_or_default() {
        let Value::Object(members) = example.value() else { panic!("{}", example.name()) };
        for (key, value) in &members {
            let body = example.text.trim().trim_end_matches('}').trim_end();
            let twice = format!("{body},{}:{value}}}", Value::from(key.as_str()));
            let error = round_trip(&example.definition, &twice)
                .expect_err(&format!("{} accepted two {key}", example.name()));
            assert!(
                error.contains("duplicate field") || error.contains("repeats the key"),
                "{}: {error}",
                example.name()
            );
        }
    }
}

#[test]
fn wrong_values_are_refused_or_kept_but_never_changed() {
    let others = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1.5),
        json!("other"),
        json!([]),
        json!([{}]),
        json!({}),
    ];
    let (mut refused, mut kept) = (0, 0);
    for example in examples().unwrap_or_default() {
        let value = example.value();
        for pointer in pointers(&value) {
            for other in &others {
                let mut changed = value.clone();
                *changed.pointer_mut(&pointer).unwrap() = other.clone();
                match round_trip(&example.definition, &changed.to_string()) {
                    Err(_) => refused += 1,
                    Ok(back) => {
                        kept += 1;
                        let name = format!("{} at {pointer:?}", example.name());
                        if *other == json!(null) && back != changed {
                            // An optional member that is null reads as absent.
                            let (parent, key) = pointer.rsplit_once('/').expect(&name);
                            let key = key.replace("~1", "/").replace("~0", "~");
                            let parent = changed.pointer_mut(parent).unwrap();
                            parent.as_object_mut().unwrap().remove(&key);
                        }
                        assert_eq!(back, with_result_type(changed, &back, &pointer), "{name}");
                    }
                }
            }
        }
    }
    println!("{refused} refused, {kept} kept");
}

#[test]
fn a_missing_member_is_refused_by_name_or_stays_missing() {
    for example in examples().unwrap_or_default() {
        let Value::Object(members) = example.value() else { panic!("{}", example.name()) };
        for key in members.keys() {
            let mut without = members.clone();
            without.remove(key);
            let without = Value::Object(without);
            match round_trip(&example.definition, &without.to_string()) {
                // Results of earlier servers have no `resultType`; it is written nevertheless.
                Ok(back) if key == "resultType" => assert_eq!(back, example.value()),
                Ok(back) => assert_eq!(back, without, "{} without {key}", example.name()),
                Err(error) => {
                    let named = error.contains(&format!("`{key}`")) || error.contains(key);
                    assert!(named, "{} without {key}: {error}", example.name());
                }
            }
        }
    }
}
