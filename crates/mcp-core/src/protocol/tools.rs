//! Tools: what a server can do for a model (specification, "Tools").

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::methods::{
    NOTIFICATIONS_TOOLS_LIST_CHANGED, TOOLS_CALL, TOOLS_LIST, has_request_meta,
    notification_method, request_method,
};
use super::result::{ResultBody, result_body};
use super::wire::wire;
use super::{
    CacheScope, ContentBlock, Cursor, Icon, InputResponses, JsonObject, JsonRpcNotification,
    JsonRpcRequest, JsonRpcResultResponse, Meta, NamedRequest, NotificationParams,
    PaginatedRequestParams, RequestMetaObject, ResultMetaObject, RoundTrip, Tagged, TtlMs,
};
use crate::RawJson;

request_method! {
    /// Lists the tools.
    ListTools = TOOLS_LIST, PaginatedRequestParams => ListToolsResult
}

request_method! {
    /// Calls a tool.
    CallTool = TOOLS_CALL, CallToolRequestParams => CallToolResult
}

impl NamedRequest for CallTool {
    const NAME_FIELD: &'static str = "name";

    fn name(params: &CallToolRequestParams) -> &str {
        &params.name
    }
}

notification_method! {
    /// Says that the list of tools changed.
    ToolListChanged = NOTIFICATIONS_TOOLS_LIST_CHANGED, optional NotificationParams
}

/// A `tools/list` request.
pub type ListToolsRequest = JsonRpcRequest<ListTools>;
/// The answer to a `tools/list` request.
pub type ListToolsResultResponse = JsonRpcResultResponse<Tagged<ListToolsResult>>;
/// A `tools/call` request.
pub type CallToolRequest = JsonRpcRequest<CallTool>;
/// The answer to a `tools/call` request.
pub type CallToolResultResponse = JsonRpcResultResponse<RoundTrip<CallToolResult>>;
/// A `notifications/tools/list_changed` notification.
pub type ToolListChangedNotification = JsonRpcNotification<ToolListChanged>;

/// The published schema of `inputSchema`: a JSON Schema whose root is an object.
pub(crate) struct InputSchema;

impl JsonSchema for InputSchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "InputSchema".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "$schema": { "type": "string" },
                "type": { "type": "string", "const": "object" },
            },
            "required": ["type"],
            "additionalProperties": {},
        })
    }
}

/// The published schema of `outputSchema`: a JSON Schema.
pub(crate) struct OutputSchema;

impl JsonSchema for OutputSchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OutputSchema".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": { "$schema": { "type": "string" } },
            "additionalProperties": {},
        })
    }
}

wire! {
    /// A tool, as a server lists it.
    ///
    /// `input_schema` is kept as it came and is not checked here: a client that lists tools decides
    /// tool by tool whether to use one, and a server checks its own when it is built.
    ///
    /// ```
    /// use mcp_core::protocol::{Tool, ToolAnnotations};
    /// use schemars::JsonSchema;
    ///
    /// #[derive(JsonSchema)]
    /// struct Arguments {
    ///     city: String,
    /// }
    ///
    /// let tool = Tool::new("forecast", schemars::schema_for!(Arguments))
    ///     .with_description("The weather of the next days.")
    ///     .with_annotations(ToolAnnotations::new().with_read_only_hint(true));
    /// assert!(tool.input_schema.get().contains("city"));
    /// ```
    pub struct Tool {
        required {
            /// The name by which the tool is called.
            name: String = "name",
            /// The JSON Schema of the arguments. Its `type` is `object`.
            input_schema: JsonObject as InputSchema = "inputSchema",
        }
        optional {
            /// The name for people. Comes before `annotations.title`.
            title: String = "title" => with_title,
            /// What the tool does, in words for a model.
            description: String = "description" => with_description,
            /// The JSON Schema of the structured content of the tool's results.
            output_schema: JsonObject as OutputSchema = "outputSchema" => with_output_schema,
            /// Hints on how the tool behaves.
            annotations: ToolAnnotations = "annotations" => with_annotations,
            /// Pictures that stand for the tool.
            icons: Vec<Icon> = "icons" => with_icons,
            /// Metadata of the tool.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

wire! {
    /// Hints on how a tool behaves. All are claims of the server: a client that does not trust the
    /// server decides nothing by them.
    #[derive(Default)]
    pub struct ToolAnnotations {
        optional {
            /// The name for people, if the tool has no title.
            title: String = "title" => with_title,
            /// The tool changes nothing. Absent means that it may.
            read_only_hint: bool = "readOnlyHint" => with_read_only_hint,
            /// The tool may destroy or overwrite something. Absent means that it may. Says something
            /// only of a tool that is not read-only.
            destructive_hint: bool = "destructiveHint" => with_destructive_hint,
            /// Calling the tool again with the same arguments changes nothing more. Absent means that
            /// it may. Says something only of a tool that is not read-only.
            idempotent_hint: bool = "idempotentHint" => with_idempotent_hint,
            /// The tool deals with things outside of a closed world, such as the web. Absent means
            /// that it may.
            open_world_hint: bool = "openWorldHint" => with_open_world_hint,
        }
    }
}

wire! {
    /// A page of the list of tools.
    pub struct ListToolsResult
    [result "complete"]
    {
        required {
            /// The tools.
            tools: Vec<Tool> = "tools",
        }
        lenient {
            /// For how long this stays fresh, in milliseconds. Absent means not at all.
            ttl_ms: TtlMs = "ttlMs" => with_ttl_ms,
            /// Who may use a cached copy. Absent means whoever may have asked for it.
            cache_scope: CacheScope = "cacheScope" => with_cache_scope,
        }
        optional {
            /// Where the next page starts. Absent means that this is the last.
            next_cursor: Cursor = "nextCursor" => with_next_cursor,
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

wire! {
    /// The params of a `tools/call` request.
    ///
    /// ```
    /// use mcp_core::protocol::{CallToolRequestParams, JsonObject};
    /// use serde_json::json;
    ///
    /// let arguments = JsonObject::from_serialize(&json!({ "city": "Bern" }))?;
    /// let params = CallToolRequestParams::new("forecast").with_arguments(arguments);
    /// # let _ = params;
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct CallToolRequestParams {
        required {
            /// The tool.
            name: String = "name",
        }
        implied {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
        optional {
            /// The arguments, as the tool's `inputSchema` wants them.
            arguments: JsonObject as AnyMembers = "arguments" => with_arguments,
            /// The answers to the input requests of the round before.
            input_responses: InputResponses = "inputResponses" => with_input_responses,
            /// The request state of the round before, unchanged.
            request_state: String = "requestState" => with_request_state,
        }
    }
}

has_request_meta!(CallToolRequestParams);

/// The published schema of objects with members of any kind.
pub(crate) struct AnyMembers;

impl JsonSchema for AnyMembers {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyMembers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": {} })
    }
}

wire! {
    /// What a tool has to say.
    ///
    /// An error that the model can mend, such as a wrong argument, is a result with `is_error`; a tool
    /// that does not exist is a JSON-RPC error.
    ///
    /// ```
    /// use mcp_core::protocol::CallToolResult;
    ///
    /// let ok = CallToolResult::text("It rains.");
    /// let failed = CallToolResult::error("The date must not be in the past.");
    /// let both = CallToolResult::structured(&serde_json::json!({ "rain": true }))?;
    /// assert_eq!(both.structured_content.as_ref().map(|raw| raw.get()), Some(r#"{"rain":true}"#));
    /// # let _ = (ok, failed);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct CallToolResult
    [result "complete"]
    {
        required {
            /// The result for a model to read.
            content: Vec<ContentBlock> = "content",
        }
        optional {
            /// The tool failed. Absent means that it did not.
            is_error: bool = "isError" => with_is_error,
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
        nullable {
            /// The result for a program to read: any JSON value, `null` among them, as the tool's
            /// `outputSchema` has it.
            structured_content: RawJson = "structuredContent" => with_structured_content,
        }
    }
}

result_body!(ListToolsResult);

impl ResultBody for CallToolResult {
    fn take_meta(&mut self) -> Option<Meta> {
        self.meta.take()
    }

    fn is_error(&self) -> bool {
        self.is_error == Some(true)
    }

    fn length_hint(&self) -> usize {
        let content = self.content.iter().map(|block| match block {
            ContentBlock::Text(text) => text.text.len(),
            ContentBlock::Image(image) => image.data.len(),
            ContentBlock::Audio(audio) => audio.data.len(),
            ContentBlock::Resource(embedded) => embedded.resource.length(),
            _ => 0,
        });
        let structured = self.structured_content.as_ref().map_or(0, |raw| raw.get().len());
        content.sum::<usize>() + structured
    }
}

impl CallToolResult {
    /// The texts of the content, joined by line ends.
    pub fn all_text(&self) -> String {
        let texts: Vec<_> = self.content.iter().filter_map(ContentBlock::as_text).collect();
        texts.join("\n")
    }

    /// A result of one text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new([ContentBlock::text(text)])
    }

    /// A failure that the model can mend, told in one text.
    pub fn error(text: impl Into<String>) -> Self {
        Self::text(text).with_is_error(true)
    }

    /// A structured result, and the same JSON as text for models that read only that.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON.
    pub fn structured<T>(value: &T) -> Result<Self, serde_json::Error>
    where
        T: serde::Serialize + ?Sized,
    {
        let raw = RawJson::from_serialize(value)?;
        Ok(Self::text(raw.get()).with_structured_content(raw))
    }
}
