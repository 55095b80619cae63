//! Sampling: a server asks the client's model. Deprecated by the specification (specification,
//! "Sampling").

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::methods::{SAMPLING_CREATE_MESSAGE, request_method};
use super::peek::parse_as;
use super::strings::string_enum;
use super::tools::AnyMembers;
use super::union::tagged_union;
use super::wire::wire;
use super::{
    AudioContent, ContentBlock, ImageContent, JsonObject, Meta, Number, Role, TextContent, Tool,
};
use crate::RawJson;

request_method! {
    /// Asks for an answer of the client's model; only inside an input request.
    CreateMessage =
        SAMPLING_CREATE_MESSAGE, CreateMessageRequestParams => CreateMessageResult
}

wire! {
    /// Asks for an answer of the client's model.
    pub struct CreateMessageRequest
    [tag "method" = "sampling/createMessage"]
    {
        required {
            /// What to ask, and how.
            params: CreateMessageRequestParams = "params",
        }
    }
}

wire! {
    /// What to ask the model, and how.
    ///
    /// ```
    /// use mcp_core::protocol::{CreateMessageRequestParams, SamplingMessage};
    ///
    /// let params = CreateMessageRequestParams::new(
    ///     [SamplingMessage::user("What is the capital of France?")],
    ///     100_u64,
    /// );
    /// # let _ = params;
    /// ```
    pub struct CreateMessageRequestParams {
        required {
            /// The conversation so far.
            messages: Vec<SamplingMessage> = "messages",
            /// The most tokens the answer may have.
            max_tokens: u64 = "maxTokens",
        }
        optional {
            /// Which model would be best. The client is free to take another.
            model_preferences: ModelPreferences = "modelPreferences" => with_model_preferences,
            /// The system prompt. The client may change it or leave it out.
            system_prompt: String = "systemPrompt" => with_system_prompt,
            /// Context of MCP servers to put into the prompt. Absent means none.
            include_context: IncludeContext = "includeContext" => with_include_context,
            /// The sampling temperature.
            temperature: Number = "temperature" => with_temperature,
            /// Texts at which the model stops.
            stop_sequences: Vec<String> = "stopSequences" => with_stop_sequences,
            /// More for the provider of the model, in its own terms.
            metadata: JsonObject = "metadata" => with_metadata,
            /// Tools that the model may use. Needs the capability `sampling.tools`.
            tools: Vec<Tool> = "tools" => with_tools,
            /// How the model may use the tools. Needs the capability `sampling.tools`.
            tool_choice: ToolChoice = "toolChoice" => with_tool_choice,
        }
    }
}

string_enum! {
    /// Which servers' context goes into the prompt.
    pub enum IncludeContext {
        /// None.
        None = "none",
        /// That of the server that asks. Deprecated before sampling itself was.
        ThisServer = "thisServer",
        /// That of all servers. Deprecated before sampling itself was.
        AllServers = "allServers",
    }
}

wire! {
    /// How a model may use tools.
    #[derive(Default)]
    pub struct ToolChoice {
        optional {
            /// How. Absent means `auto`.
            mode: ToolChoiceMode = "mode" => with_mode,
        }
    }
}

string_enum! {
    /// How a model may use tools.
    pub enum ToolChoiceMode {
        /// As it likes.
        Auto = "auto",
        /// It must use one.
        Required = "required",
        /// Not at all.
        None = "none",
    }
}

wire! {
    /// Which model would be best. All of it is advice.
    #[derive(Default)]
    pub struct ModelPreferences {
        optional {
            /// Names of models, the best first.
            hints: Vec<ModelHint> = "hints" => with_hints,
            /// How important a low price is, from 0 to 1.
            cost_priority: Number
                = "costPriority" => with_cost_priority { "minimum": 0, "maximum": 1 },
            /// How important speed is, from 0 to 1.
            speed_priority: Number
                = "speedPriority" => with_speed_priority { "minimum": 0, "maximum": 1 },
            /// How important the model's abilities are, from 0 to 1.
            intelligence_priority: Number
                = "intelligencePriority" => with_intelligence_priority
                { "minimum": 0, "maximum": 1 },
        }
    }
}

wire! {
    /// A model that would do.
    #[derive(Default)]
    pub struct ModelHint {
        optional {
            /// A part of the model's name.
            name: String = "name" => with_name,
        }
    }
}

wire! {
    /// One message of a conversation with a model.
    pub struct SamplingMessage {
        required {
            /// Who says it.
            role: Role = "role",
            /// What is said.
            content: SamplingContent = "content",
        }
        optional {
            /// Metadata of the message.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

impl SamplingMessage {
    /// A message of the person.
    pub fn user(content: impl Into<SamplingContent>) -> Self {
        Self::new(Role::User, content)
    }

    /// A message of the model.
    pub fn assistant(content: impl Into<SamplingContent>) -> Self {
        Self::new(Role::Assistant, content)
    }
}

/// What a message to or from a model says: one piece, or a list of them.
///
/// The two are kept apart because they are written differently.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SamplingContent {
    /// One piece, written as an object.
    One(SamplingMessageContentBlock),
    /// Pieces, written as an array.
    Many(Vec<SamplingMessageContentBlock>),
}

impl SamplingContent {
    /// The pieces, whichever way they are written.
    pub fn blocks(&self) -> &[SamplingMessageContentBlock] {
        match self {
            Self::One(block) => std::slice::from_ref(block),
            Self::Many(blocks) => blocks,
        }
    }
}

impl From<SamplingMessageContentBlock> for SamplingContent {
    fn from(block: SamplingMessageContentBlock) -> Self {
        Self::One(block)
    }
}

impl From<Vec<SamplingMessageContentBlock>> for SamplingContent {
    fn from(blocks: Vec<SamplingMessageContentBlock>) -> Self {
        Self::Many(blocks)
    }
}

impl From<&str> for SamplingContent {
    fn from(text: &str) -> Self {
        Self::One(TextContent::new(text).into())
    }
}

impl From<String> for SamplingContent {
    fn from(text: String) -> Self {
        Self::One(TextContent::new(text).into())
    }
}

impl<'de> Deserialize<'de> for SamplingContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        if raw.is_array() { parse_as(&raw).map(Self::Many) } else { parse_as(&raw).map(Self::One) }
    }
}

impl JsonSchema for SamplingContent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SamplingContent".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let block = generator.subschema_for::<SamplingMessageContentBlock>();
        json_schema!({ "anyOf": [block, { "type": "array", "items": block }] })
    }
}

tagged_union! {
    /// One piece of a message to or from a model.
    pub enum SamplingMessageContentBlock by "type" {
        /// Text.
        Text(TextContent) = "text",
        /// A picture.
        Image(ImageContent) = "image",
        /// Sound.
        Audio(AudioContent) = "audio",
        /// The model's wish to call a tool.
        ToolUse(ToolUseContent) = "tool_use",
        /// What the tool answered.
        ToolResult(ToolResultContent) = "tool_result",
    }
    other Other
}

wire! {
    /// The model's wish to call a tool.
    pub struct ToolUseContent
    [tag "type" = "tool_use"]
    {
        required {
            /// Ties the tool's answer to this wish.
            id: String = "id",
            /// The tool.
            name: String = "name",
            /// The arguments.
            input: JsonObject as AnyMembers = "input",
        }
        optional {
            /// Metadata of this piece, to be kept in later requests.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

wire! {
    /// What a tool answered.
    pub struct ToolResultContent
    [tag "type" = "tool_result"]
    {
        required {
            /// The wish that this answers.
            tool_use_id: String = "toolUseId",
            /// The result for a model to read.
            content: Vec<ContentBlock> = "content",
        }
        optional {
            /// The tool failed. Absent means that it did not.
            is_error: bool = "isError" => with_is_error,
            /// Metadata of this piece, to be kept in later requests.
            meta: Meta = "_meta" => with_meta,
        }
        nullable {
            /// The result for a program to read: any JSON value, `null` among them.
            structured_content: RawJson = "structuredContent" => with_structured_content,
        }
    }
}

wire! {
    /// The model's answer.
    pub struct CreateMessageResult {
        required {
            /// Who says it.
            role: Role = "role",
            /// What is said.
            content: SamplingContent = "content",
            /// The model that said it.
            model: String = "model",
        }
        optional {
            /// Why it stopped.
            stop_reason: StopReason = "stopReason" => with_stop_reason,
            /// Metadata of the message.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

impl CreateMessageResult {
    /// The first text of the answer, if there is one.
    pub fn text(&self) -> Option<&str> {
        self.content.blocks().iter().find_map(|block| match block {
            SamplingMessageContentBlock::Text(content) => Some(content.text.as_str()),
            _ => None,
        })
    }
}

string_enum! {
    /// Why a model stopped.
    pub open enum StopReason {
        /// It had said what it had to say.
        EndTurn = "endTurn",
        /// It came to a text at which it was to stop.
        StopSequence = "stopSequence",
        /// It came to the most tokens it was to say.
        MaxTokens = "maxTokens",
        /// It wants to use tools.
        ToolUse = "toolUse",
    }
}
