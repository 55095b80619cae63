//! Sampling. Deprecated by the protocol.
//!
//! Source: specification, *Client features → Sampling*.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire::{strings, tagged, wire};
use crate::RawJson;
use crate::protocol::{
    AudioContent, ImageContent, Meta, Role, TextContent, Tool, ToolResultContent, ToolUseContent,
};

wire! {
    /// The parameters of `sampling/createMessage`.
    pub struct CreateMessageRequestParams {
        required {
            /// The conversation so far.
            "messages" messages: Vec<SamplingMessage>,
            /// As many tokens may be sampled.
            "maxTokens" max_tokens: i64,
        }
        optional {
            /// Which model is wanted.
            "modelPreferences" model_preferences: ModelPreferences,
            /// The system prompt.
            "systemPrompt" system_prompt: String,
            /// Context of servers to include.
            "includeContext" include_context: IncludeContext,
            /// The sampling temperature.
            "temperature" temperature: f64,
            /// Where to stop.
            "stopSequences" stop_sequences: Vec<String>,
            /// For the model's provider.
            "metadata" metadata: RawJson,
            /// Tools that the model may use.
            "tools" tools: Vec<Tool>,
            /// How it may use them.
            "toolChoice" tool_choice: ToolChoice,
        }
    }
}

strings! {
    /// Context of servers to include.
    pub enum IncludeContext {
        /// None.
        None = "none",
        /// Of the asking server.
        ThisServer = "thisServer",
        /// Of all servers.
        AllServers = "allServers",
    }
}

wire! {
    /// How a model may use tools.
    #[derive(Default)]
    pub struct ToolChoice {
        optional {
            /// Whether it may, must or must not.
            "mode" mode: ToolChoiceMode,
        }
    }
}

strings! {
    /// Whether a model may, must or must not use tools.
    pub enum ToolChoiceMode {
        /// It may.
        Auto = "auto",
        /// It must.
        Required = "required",
        /// It must not.
        None = "none",
    }
}

wire! {
    /// Which model is wanted. Priorities go from 0 to 1.
    #[derive(Default)]
    pub struct ModelPreferences {
        optional {
            /// Names, most wanted first.
            "hints" hints: Vec<ModelHint>,
            /// How much cost matters.
            "costPriority" cost_priority: f64,
            /// How much speed matters.
            "speedPriority" speed_priority: f64,
            /// How much ability matters.
            "intelligencePriority" intelligence_priority: f64,
        }
    }
}

wire! {
    /// A wanted model.
    #[derive(Default)]
    pub struct ModelHint {
        optional {
            /// A part of its name.
            "name" name: String,
        }
    }
}

wire! {
    /// A message to or from a model.
    pub struct SamplingMessage {
        required {
            /// Who says it.
            "role" role: Role,
            /// What is said.
            "content" content: SamplingContent,
        }
        optional {
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

impl SamplingMessage {
    /// A text of the person.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, SamplingMessageContentBlock::Text(TextContent::new(text)))
    }

    /// A text of the model.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, SamplingMessageContentBlock::Text(TextContent::new(text)))
    }
}

/// What is said in a message: one piece or several.
#[derive(Debug, Clone, PartialEq)]
pub enum SamplingContent {
    /// One piece.
    One(Box<SamplingMessageContentBlock>),
    /// Several.
    Many(Vec<SamplingMessageContentBlock>),
}

impl SamplingContent {
    /// The pieces.
    #[must_use]
    pub fn blocks(&self) -> &[SamplingMessageContentBlock] {
        match self {
            Self::One(block) => std::slice::from_ref(block),
            Self::Many(blocks) => blocks,
        }
    }
}

impl From<SamplingMessageContentBlock> for SamplingContent {
    fn from(block: SamplingMessageContentBlock) -> Self {
        Self::One(Box::new(block))
    }
}

impl From<Vec<SamplingMessageContentBlock>> for SamplingContent {
    fn from(blocks: Vec<SamplingMessageContentBlock>) -> Self {
        Self::Many(blocks)
    }
}

impl Serialize for SamplingContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(block) => block.serialize(serializer),
            Self::Many(blocks) => blocks.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for SamplingContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let raw = RawJson::deserialize(deserializer)?;
        if raw.get().starts_with('[') {
            raw.parse().map(Self::Many)
        } else {
            raw.parse().map(Self::One)
        }
        .map_err(|error| D::Error::custom(crate::message::without_values(&error)))
    }
}

impl JsonSchema for SamplingContent {
    fn schema_name() -> Cow<'static, str> {
        "SamplingContent".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<SamplingMessageContentBlock>().to_value();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

tagged! {
    /// A piece of a message to or from a model.
    pub enum SamplingMessageContentBlock by "type" {
        /// Text.
        "text" => Text(TextContent),
        /// A picture.
        "image" => Image(ImageContent),
        /// A sound.
        "audio" => Audio(AudioContent),
        /// The model asks for a tool to be used.
        "tool_use" => ToolUse(ToolUseContent),
        /// What the tool answered.
        "tool_result" => ToolResult(ToolResultContent),
    }
}

wire! {
    /// What a model said.
    pub struct CreateMessageResult {
        required {
            /// Who says it.
            "role" role: Role,
            /// What is said.
            "content" content: SamplingContent,
            /// The model that said it.
            "model" model: String,
        }
        optional {
            /// Why it stopped: `endTurn`, `stopSequence`, `maxTokens`, `toolUse`, or another.
            "stopReason" stop_reason: String,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

impl CreateMessageResult {
    /// The first text, if there is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.content.blocks().iter().find_map(|block| match block {
            SamplingMessageContentBlock::Text(content) => Some(content.text.as_str()),
            _ => None,
        })
    }
}
