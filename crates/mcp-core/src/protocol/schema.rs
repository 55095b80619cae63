//! The JSON Schemas of the protocol's types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::protocol as p;

macro_rules! definitions {
    ($($type:ident),* $(,)?) => {
        /// The name and JSON Schema of each type, by the names of the published schema.
        ///
        /// Each schema stands alone: what it refers to is in its `$defs`.
        #[must_use]
        pub fn definitions() -> Vec<(&'static str, Schema)> {
            vec![$((stringify!($type), of::<p::$type>())),*]
        }
    };
}

fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>()
}

definitions! {
    Annotations, AudioContent, BlobResourceContents, BooleanSchema, CacheableResult,
    CallToolRequestParams, CallToolResult, CancelledNotificationParams, ClientCapabilities,
    CompleteRequestParams, CompleteResult, ContentBlock, CreateMessageRequestParams,
    CreateMessageResult, DiscoverResult, ElicitRequestFormParams, ElicitRequestParams,
    ElicitRequestUrlParams, ElicitResult, EmbeddedResource, EmptyResult, ErrorObject,
    GetPromptRequestParams, GetPromptResult, Icon, ImageContent, Implementation, InputRequest,
    InputRequiredResult, InputResponseRequestParams, LegacyTitledEnumSchema, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListRootsResult, ListToolsResult,
    LoggingLevel, LoggingMessageNotificationParams, ModelHint, ModelPreferences,
    NotificationMetaObject, NotificationParams, NumberSchema, PaginatedRequestParams,
    PaginatedResult, PrimitiveSchemaDefinition, ProgressNotificationParams, ProgressToken, Prompt,
    PromptArgument, PromptMessage, PromptReference, ReadResourceRequestParams, ReadResourceResult,
    RequestId, RequestMetaObject, RequestParams, Resource, ResourceLink, ResourceRequestParams,
    ResourceTemplate, ResourceTemplateReference, ResourceUpdatedNotificationParams,
    ResultMetaObject, ResultType, Role, Root, SamplingMessage, SamplingMessageContentBlock,
    ServerCapabilities, StringSchema, SubscriptionFilter,
    SubscriptionsAcknowledgedNotificationParams, SubscriptionsListenRequestParams,
    SubscriptionsListenResult, SubscriptionsListenResultMetaObject, TextContent,
    TextResourceContents, TitledMultiSelectEnumSchema, TitledSingleSelectEnumSchema, Tool,
    ToolAnnotations, ToolChoice, ToolResultContent, ToolUseContent,
    UntitledMultiSelectEnumSchema, UntitledSingleSelectEnumSchema,
}
