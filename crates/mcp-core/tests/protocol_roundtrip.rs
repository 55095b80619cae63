//! Whatever these types can hold comes back as it was, and is valid by the published schema.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod support;

use std::collections::BTreeMap;

use mcp_core::RawJson;
use mcp_core::protocol::{
    self as p, ContentBlock, ElicitRequestFormParams, Extra, InputRequest, JsonMap, JsonObject,
    Number, RequestId, RoundTrip, Tagged,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,8}", any::<String>(), Just("\u{0}\"\\\n\u{2028}😀".to_owned())]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(text(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// JSON in several notations.
fn raw() -> impl Strategy<Value = RawJson> {
    (json(), any::<bool>()).prop_map(|(value, pretty)| {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        RawJson::from_string(text).unwrap()
    })
}

fn object() -> impl Strategy<Value = JsonObject> {
    btree_map(text(), json(), 0..4)
        .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into())
}

/// Members that no type has a field for.
fn extra() -> impl Strategy<Value = Extra> {
    btree_map("x-[a-zé]{0,6}", raw(), 0..3).prop_map(|members| members.into_iter().collect())
}

fn meta() -> impl Strategy<Value = p::Meta> {
    extra().prop_map(p::Meta::from)
}

fn id() -> impl Strategy<Value = RequestId> {
    prop_oneof![any::<i64>().prop_map(RequestId::from), text().prop_map(RequestId::from)]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_map(Number::from),
    ]
}

fn annotations() -> impl Strategy<Value = p::Annotations> {
    (
        of(vec(select(p::Role::ALL), 0..3)),
        of((0.0..=1.0).prop_map(Number::from)),
        of(text()),
        extra(),
    )
        .prop_map(|(audience, priority, last_modified, extra)| {
            let mut annotations = p::Annotations::new();
            annotations.audience = audience;
            annotations.priority = priority;
            annotations.last_modified = last_modified;
            annotations.extra = extra;
            annotations
        })
}

fn content() -> impl Strategy<Value = ContentBlock> {
    let plain = prop_oneof![
        text().prop_map(ContentBlock::text),
        (text(), text()).prop_map(|(data, kind)| ContentBlock::image(data, kind)),
        (text(), text()).prop_map(|(data, kind)| ContentBlock::audio(data, kind)),
        (text(), text(), any::<u64>()).prop_map(|(uri, name, size)| {
            p::ResourceLink::new(uri, name).with_size(size).into()
        }),
        (text(), text())
            .prop_map(|(uri, text)| ContentBlock::resource(p::ResourceContents::text(uri, text))),
        (text(), text())
            .prop_map(|(uri, blob)| ContentBlock::resource(p::ResourceContents::blob(uri, blob))),
    ];
    (plain, of(annotations()), of(meta()), extra()).prop_map(
        |(mut block, annotations, meta, extra)| {
            macro_rules! fill {
                ($($variant:ident)*) => {
                    match &mut block {
                        $(ContentBlock::$variant(content) => {
                            content.annotations = annotations;
                            content.meta = meta;
                            content.extra = extra;
                        })*
                        other => panic!("{other:?}"),
                    }
                };
            }
            fill!(Text Image Audio ResourceLink Resource);
            block
        },
    )
}

fn icon() -> impl Strategy<Value = p::Icon> {
    (text(), of(vec(text(), 0..2)), of(select(p::IconTheme::ALL)), extra()).prop_map(
        |(src, sizes, theme, extra)| {
            let mut icon = p::Icon::new(src);
            icon.sizes = sizes;
            icon.theme = theme;
            icon.extra = extra;
            icon
        },
    )
}

fn tool() -> impl Strategy<Value = p::Tool> {
    let schema = btree_map("[a-z]{1,6}", json(), 0..3).prop_map(|mut keywords: BTreeMap<_, _>| {
        keywords.insert("type".to_owned(), "object".into());
        JsonObject::from(keywords.into_iter().collect::<Map<_, _>>())
    });
    (text(), schema, of(text()), of(any::<bool>()), of(vec(icon(), 0..2)), of(meta()), extra())
        .prop_map(|(name, schema, title, hint, icons, meta, extra)| {
            let mut tool = p::Tool::new(name, schema.clone());
            tool.output_schema = title.is_some().then_some(schema);
            tool.title = title;
            tool.annotations = hint.map(|hint| p::ToolAnnotations::new().with_read_only_hint(hint));
            tool.icons = icons;
            tool.meta = meta;
            tool.extra = extra;
            tool
        })
}

fn call_result() -> impl Strategy<Value = p::CallToolResult> {
    (vec(content(), 0..4), of(raw()), of(any::<bool>()), of(meta()), extra()).prop_map(
        |(content, structured, is_error, meta, extra)| {
            let mut result = p::CallToolResult::new(content);
            result.structured_content = structured;
            result.is_error = is_error;
            result.meta = meta;
            result.extra = extra;
            result
        },
    )
}

fn capabilities() -> impl Strategy<Value = p::ClientCapabilities> {
    (of(btree_map(text(), object(), 0..3)), any::<[bool; 4]>(), extra()).prop_map(
        |(extensions, [elicitation, url, roots, sampling], extra)| {
            let mut capabilities = p::ClientCapabilities::new();
            capabilities.extensions = extensions.map(|members| members.into_iter().collect());
            capabilities.elicitation = elicitation.then(|| {
                let modes = p::ElicitationCapability::new();
                if url { modes.with_url(JsonObject::new()) } else { modes }
            });
            capabilities.roots = roots.then(p::RootsCapability::new);
            capabilities.sampling = sampling.then(p::SamplingCapability::new);
            capabilities.extra = extra;
            capabilities
        },
    )
}

fn request_meta() -> impl Strategy<Value = p::RequestMetaObject> {
    (text(), capabilities(), of(text()), of(id()), of(select(p::LoggingLevel::ALL)), extra())
        .prop_map(|(version, capabilities, client, token, level, extra)| {
            let mut meta =
                p::RequestMetaObject::new(version).with_client_capabilities(capabilities);
            meta.client_info = client.map(|name| p::Implementation::new(name, "1"));
            meta.progress_token = token.map(|token| match token {
                RequestId::Integer(integer) => integer.into(),
                RequestId::String(string) => string.into(),
            });
            meta.log_level = level;
            meta.extra = extra;
            meta
        })
}

fn call() -> impl Strategy<Value = p::CallToolRequest> {
    (id(), text(), request_meta(), of(object()), of(text()), extra(), extra()).prop_map(
        |(id, name, meta, arguments, state, inner, outer)| {
            let mut params = p::CallToolRequestParams::new(name).with_meta(meta);
            params.arguments = arguments;
            params.request_state = state;
            params.extra = inner;
            let mut request = p::CallToolRequest::new(id, params);
            request.extra = outer;
            request
        },
    )
}

fn field() -> impl Strategy<Value = p::PrimitiveSchemaDefinition> {
    let options = || vec(text(), 0..3);
    let titled = || {
        vec((text(), text()), 0..3).prop_map(|options| {
            options
                .into_iter()
                .map(|(value, title)| p::EnumOption::new(value, title))
                .collect::<Vec<_>>()
        })
    };
    prop_oneof![
        (of(text()), of(any::<u64>()), of(select(p::StringFormat::ALL))).prop_map(
            |(default, most, format)| {
                let mut schema = p::StringSchema::new();
                schema.default = default;
                schema.max_length = most;
                schema.format = format;
                schema.into()
            }
        ),
        (select(p::NumberType::ALL), of(number()), of(number())).prop_map(
            |(kind, least, default)| {
                let mut schema = p::NumberSchema::new(kind);
                schema.minimum = least;
                schema.default = default;
                schema.into()
            }
        ),
        any::<bool>().prop_map(|default| p::BooleanSchema::new().with_default(default).into()),
        options().prop_map(|options| p::UntitledSingleSelectEnumSchema::new(options).into()),
        titled().prop_map(|options| p::TitledSingleSelectEnumSchema::new(options).into()),
        options().prop_map(|options| {
            p::UntitledMultiSelectEnumSchema::new(p::UntitledItems::new(options)).into()
        }),
        titled().prop_map(|options| {
            p::TitledMultiSelectEnumSchema::new(p::TitledItems::new(options)).into()
        }),
        options().prop_map(|options| {
            p::LegacyTitledEnumSchema::new(options.clone()).with_enum_names(options).into()
        }),
    ]
}

fn input_request() -> impl Strategy<Value = InputRequest> {
    let form = (text(), btree_map(text(), field(), 0..4), of(vec(text(), 0..2)), any::<bool>())
        .prop_map(|(message, fields, required, with_mode)| {
            let mut form = p::RequestedSchema::new(fields.into_iter().collect::<JsonMap<_>>());
            form.required = required;
            let mut params = ElicitRequestFormParams::new(message, form);
            params.mode = with_mode.then_some(p::FormMode);
            InputRequest::elicit(params)
        });
    let url = (text(), text()).prop_map(|(message, url)| {
        InputRequest::elicit(p::ElicitRequestUrlParams::new(message, url))
    });
    let sampling = (text(), vec(text(), 0..3), object(), raw(), any::<u64>()).prop_map(
        |(message, many, input, structured, tokens)| {
            let result = p::ToolResultContent::new("1", [ContentBlock::text("a")])
                .with_structured_content(structured);
            let mut blocks: Vec<p::SamplingMessageContentBlock> =
                many.into_iter().map(|text| p::TextContent::new(text).into()).collect();
            blocks.push(p::ToolUseContent::new("1", "tool", input).into());
            blocks.push(result.into());
            let messages =
                [p::SamplingMessage::user(message), p::SamplingMessage::assistant(blocks)];
            InputRequest::CreateMessage(p::CreateMessageRequest::new(
                p::CreateMessageRequestParams::new(messages, tokens),
            ))
        },
    );
    let roots = of(meta()).prop_map(|meta| {
        let mut request = p::ListRootsRequest::new();
        request.params = meta.map(|meta| p::ListRootsRequestParams::new().with_meta(meta));
        InputRequest::ListRoots(request)
    });
    prop_oneof![form, url, sampling, roots]
}

fn input_required() -> impl Strategy<Value = p::InputRequiredResult> {
    (of(btree_map(text(), input_request(), 0..3)), of(text()), of(meta()), extra()).prop_map(
        |(requests, state, meta, extra)| {
            let mut result = p::InputRequiredResult::new();
            result.input_requests = requests.map(|requests| requests.into_iter().collect());
            result.request_state = state;
            result.meta = meta;
            result.extra = extra;
            result
        },
    )
}

/// Writes a value, reads it again in two ways, and checks it against the published schema.
fn check<T>(value: &T, definition: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *value, "{text}");
    assert_eq!(serde_json::from_reader::<_, T>(text.as_bytes()).unwrap(), *value, "{text}");
    if let Err(error) = validate(&text, definition) {
        panic!("not a valid {definition}: {error}\n{text}");
    }
}

#[cfg(feature = "validation")]
fn validate(text: &str, definition: &str) -> Result<(), String> {
    use std::sync::LazyLock;

    static PUBLISHED: LazyLock<Option<Value>> = LazyLock::new(|| {
        let file = support::spec_dir()?.join("mcp-2026-07-28.schema.json");
        Some(serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap())
    });
    thread_local! {
        static VALIDATORS: std::cell::RefCell<BTreeMap<String, jsonschema::Validator>> =
            const { std::cell::RefCell::new(BTreeMap::new()) };
    }

    let Some(published) = &*PUBLISHED else { return Ok(()) };
    VALIDATORS.with_borrow_mut(|validators| {
        let validator = validators.entry(definition.to_owned()).or_insert_with(|| {
            let mut schema = published.clone();
            // The one definition of the published schema that is wrong by its own source: JSON values
            // lost `null` and fractions. See docs/schema-differences.md.
            schema["$defs"]["JSONValue"] = Value::Bool(true);
            schema["$ref"] = format!("#/$defs/{definition}").into();
            jsonschema::validator_for(&schema).unwrap()
        });
        let value = serde_json::from_str(text).unwrap();
        validator.validate(&value).map_err(|error| error.to_string())
    })
}

#[cfg(not(feature = "validation"))]
fn validate(_text: &str, _definition: &str) -> Result<(), String> {
    Ok(())
}

#[test]
#[cfg(feature = "validation")]
fn the_check_against_the_published_schema_can_fail() {
    if support::spec_dir().is_some() {
        assert!(validate(r#"{"name":"a"}"#, "Tool").unwrap_err().contains("inputSchema"));
        assert!(validate(r#"{"name":"a","inputSchema":{"type":"object"}}"#, "Tool").is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn raw_json_keeps_its_text(raw in raw()) {
        let back: RawJson = serde_json::from_str(&serde_json::to_string(&raw).unwrap()).unwrap();
        prop_assert_eq!(back.get(), raw.get());
        prop_assert_eq!(raw.parse::<Value>().unwrap(), serde_json::to_value(&raw).unwrap());
    }

    #[test]
    fn ids(id in id()) {
        check(&id, "RequestId");
    }

    #[test]
    fn content_blocks(block in content()) {
        check(&block, "ContentBlock");
    }

    #[test]
    fn tools(tool in tool()) {
        check(&tool, "Tool");
    }

    #[test]
    fn lists_of_tools(tools in vec(tool(), 0..3), ttl in any::<u64>(), cursor in of(text())) {
        let mut result = p::ListToolsResult::new(tools).with_ttl_ms(ttl);
        result.next_cursor = cursor;
        check(&Tagged(result), "ListToolsResult");
    }

    #[test]
    fn tool_calls(request in call()) {
        check(&request, "CallToolRequest");
        let text = serde_json::to_string(&request).unwrap();
        let any: p::ClientRequest = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(any, request.into());
        let message: p::JsonRpcMessage = serde_json::from_str(&text).unwrap();
        prop_assert!(matches!(message, p::JsonRpcMessage::Request(_)));
    }

    #[test]
    fn tool_results(result in call_result(), id in id()) {
        check(&Tagged(result.clone()), "CallToolResult");
        let round = RoundTrip::Complete(result);
        check(&p::CallToolResultResponse::new(id, round), "CallToolResultResponse");
    }

    #[test]
    fn requests_for_input(result in input_required(), id in id()) {
        check(&Tagged(result.clone()), "InputRequiredResult");
        let round = RoundTrip::InputRequired(result);
        check(&p::GetPromptResultResponse::new(id, round), "GetPromptResultResponse");
    }

    #[test]
    fn form_fields(field in field()) {
        check(&field, "PrimitiveSchemaDefinition");
    }

    #[test]
    fn errors(id in of(id()), code in any::<i64>(), message in text(), data in of(raw()), extra in extra()) {
        let mut error = p::ErrorObject::new(code, message);
        error.data = data;
        error.extra = extra;
        check(&p::JsonRpcErrorResponse::new(id, error), "JSONRPCErrorResponse");
    }

    #[test]
    fn progress(token in id(), progress in number(), total in of(number()), meta in of(id())) {
        let token = match token {
            RequestId::Integer(integer) => p::ProgressToken::from(integer),
            RequestId::String(string) => string.into(),
        };
        let mut params = p::ProgressNotificationParams::new(token, progress);
        params.total = total;
        params.meta = meta.map(|id| p::NotificationMetaObject::new().with_subscription_id(id));
        check(&p::ProgressNotification::new(params), "ProgressNotification");
    }

    #[test]
    fn nothing_that_is_read_panics(text in any::<String>(), value in json()) {
        for text in [text, value.to_string()] {
            let _ = serde_json::from_str::<p::JsonRpcMessage>(&text);
            let _ = serde_json::from_str::<p::ClientRequest>(&text);
            let _ = serde_json::from_str::<RoundTrip<p::CallToolResult>>(&text);
            let _ = serde_json::from_str::<p::PrimitiveSchemaDefinition>(&text);
            let _ = serde_json::from_str::<InputRequest>(&text);
        }
    }
}

/// What `new` and the shortcuts build has all that the schema requires.
#[test]
fn what_constructors_build_is_valid() {
    check(&Tagged(p::CallToolResult::error("no")), "CallToolResult");
    let discover = p::DiscoverResult::new(
        [p::LATEST_PROTOCOL_VERSION.to_owned()],
        p::ServerCapabilities::new(),
    );
    check(&Tagged(discover), "DiscoverResult");
    check(&Tagged(p::ListToolsResult::new([])), "ListToolsResult");
    check(&Tagged(p::ListPromptsResult::new([])), "ListPromptsResult");
    check(&Tagged(p::ListResourcesResult::new([])), "ListResourcesResult");
    check(&Tagged(p::ListResourceTemplatesResult::new([])), "ListResourceTemplatesResult");
    check(&Tagged(p::ReadResourceResult::new([])), "ReadResourceResult");
    check(&Tagged(p::GetPromptResult::new([p::PromptMessage::user("hi")])), "GetPromptResult");
    let completion = p::Completion::first((0..300).map(|n| n.to_string()));
    check(&Tagged(p::CompleteResult::new(completion)), "CompleteResult");
    check(&Tagged(p::EmptyResult::new()), "EmptyResult");
    let ended = p::SubscriptionsListenResult::ended(&7.into()).unwrap();
    check(&Tagged(ended), "SubscriptionsListenResult");
    check(&p::DiscoverRequest::new(1, p::RequestParams::new()), "DiscoverRequest");
    check(&p::ListToolsRequest::new("a", p::PaginatedRequestParams::new()), "ListToolsRequest");
    check(&p::ToolListChangedNotification::new(None), "ToolListChangedNotification");
    let params = p::NotificationParams::new();
    check(&p::ToolListChangedNotification::new(Some(params)), "ToolListChangedNotification");
    check(
        &p::CancelledNotification::new(p::CancelledNotificationParams::new(1)),
        "CancelledNotification",
    );
    check(&p::ElicitResult::cancel(), "ElicitResult");
}
