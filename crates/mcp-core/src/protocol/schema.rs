//! The JSON Schemas of these types, under the names of the published schema.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::*;
use crate::RawJson;

/// The JSON Schema of every definition of the published schema, in alphabetical order.
///
/// References are to `#/$defs/` and the name of another definition.
///
/// ```
/// let definitions = mcp_core::protocol::schema::definitions();
/// let (_, tool) = definitions.iter().find(|(name, _)| *name == "Tool").unwrap();
/// assert_eq!(tool.pointer("/properties/name/type"), Some(&"string".into()));
/// ```
pub fn definitions() -> Vec<(&'static str, Schema)> {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let generator = &mut generator;

    macro_rules! schemas {
        ($($name:literal => $ty:ty,)*) => {
            vec![$(($name, <$ty>::json_schema(generator))),*]
        };
    }

    schemas! {
        "Annotations" => Annotations,
        "AudioContent" => AudioContent,
        "BaseMetadata" => base::BaseMetadata,
        "BlobResourceContents" => BlobResourceContents,
        "BooleanSchema" => BooleanSchema,
        "CacheableResult" => CacheableResult,
        "CallToolRequest" => CallToolRequest,
        "CallToolRequestParams" => CallToolRequestParams,
        "CallToolResult" => CallToolResult,
        "CallToolResultResponse" => CallToolResultResponse,
        "CancelledNotification" => CancelledNotification,
        "CancelledNotificationParams" => CancelledNotificationParams,
        "ClientCapabilities" => ClientCapabilities,
        "ClientNotification" => ClientNotification,
        "ClientRequest" => ClientRequest,
        "ClientResult" => AnyResult,
        "CompleteRequest" => CompleteRequest,
        "CompleteRequestParams" => CompleteRequestParams,
        "CompleteResult" => CompleteResult,
        "CompleteResultResponse" => CompleteResultResponse,
        "ContentBlock" => ContentBlock,
        "CreateMessageRequest" => CreateMessageRequest,
        "CreateMessageRequestParams" => CreateMessageRequestParams,
        "CreateMessageResult" => CreateMessageResult,
        "Cursor" => Cursor,
        "DiscoverRequest" => DiscoverRequest,
        "DiscoverResult" => DiscoverResult,
        "DiscoverResultResponse" => DiscoverResultResponse,
        "ElicitRequest" => ElicitRequest,
        "ElicitRequestFormParams" => ElicitRequestFormParams,
        "ElicitRequestParams" => ElicitRequestParams,
        "ElicitRequestURLParams" => ElicitRequestUrlParams,
        "ElicitResult" => ElicitResult,
        "EmbeddedResource" => EmbeddedResource,
        "EmptyResult" => EmptyResult,
        "EnumSchema" => EnumSchema,
        "Error" => ErrorObject,
        "GetPromptRequest" => GetPromptRequest,
        "GetPromptRequestParams" => GetPromptRequestParams,
        "GetPromptResult" => GetPromptResult,
        "GetPromptResultResponse" => GetPromptResultResponse,
        "HeaderMismatchError" => HeaderMismatchError,
        "Icon" => Icon,
        "Icons" => base::Icons,
        "ImageContent" => ImageContent,
        "Implementation" => Implementation,
        "InputRequest" => InputRequest,
        "InputRequests" => InputRequests,
        "InputRequiredResult" => InputRequiredResult,
        "InputResponse" => InputResponse,
        "InputResponseRequestParams" => InputResponseRequestParams,
        "InputResponses" => InputResponses,
        "InternalError" => InternalError,
        "InvalidParamsError" => InvalidParamsError,
        "InvalidRequestError" => InvalidRequestError,
        "JSONArray" => Vec<RawJson>,
        "JSONObject" => JsonObject,
        "JSONRPCErrorResponse" => JsonRpcErrorResponse,
        "JSONRPCMessage" => JsonRpcMessage,
        "JSONRPCNotification" => AnyNotification,
        "JSONRPCRequest" => AnyRequest,
        "JSONRPCResponse" => JsonRpcResponse,
        "JSONRPCResultResponse" => JsonRpcResultResponse,
        "JSONValue" => RawJson,
        "LegacyTitledEnumSchema" => LegacyTitledEnumSchema,
        "ListPromptsRequest" => ListPromptsRequest,
        "ListPromptsResult" => ListPromptsResult,
        "ListPromptsResultResponse" => ListPromptsResultResponse,
        "ListResourceTemplatesRequest" => ListResourceTemplatesRequest,
        "ListResourceTemplatesResult" => ListResourceTemplatesResult,
        "ListResourceTemplatesResultResponse" => ListResourceTemplatesResultResponse,
        "ListResourcesRequest" => ListResourcesRequest,
        "ListResourcesResult" => ListResourcesResult,
        "ListResourcesResultResponse" => ListResourcesResultResponse,
        "ListRootsRequest" => ListRootsRequest,
        "ListRootsResult" => ListRootsResult,
        "ListToolsRequest" => ListToolsRequest,
        "ListToolsResult" => ListToolsResult,
        "ListToolsResultResponse" => ListToolsResultResponse,
        "LoggingLevel" => LoggingLevel,
        "LoggingMessageNotification" => LoggingMessageNotification,
        "LoggingMessageNotificationParams" => LoggingMessageNotificationParams,
        "MetaObject" => Meta,
        "MethodNotFoundError" => MethodNotFoundError,
        "MissingRequiredClientCapabilityError" => MissingRequiredClientCapabilityError,
        "ModelHint" => ModelHint,
        "ModelPreferences" => ModelPreferences,
        "MultiSelectEnumSchema" => MultiSelectEnumSchema,
        "Notification" => base::Notification,
        "NotificationMetaObject" => NotificationMetaObject,
        "NotificationParams" => NotificationParams,
        "NumberSchema" => NumberSchema,
        "PaginatedRequest" => base::PaginatedRequest,
        "PaginatedRequestParams" => PaginatedRequestParams,
        "PaginatedResult" => PaginatedResult,
        "ParseError" => ParseError,
        "PrimitiveSchemaDefinition" => PrimitiveSchemaDefinition,
        "ProgressNotification" => ProgressNotification,
        "ProgressNotificationParams" => ProgressNotificationParams,
        "ProgressToken" => ProgressToken,
        "Prompt" => Prompt,
        "PromptArgument" => PromptArgument,
        "PromptListChangedNotification" => PromptListChangedNotification,
        "PromptMessage" => PromptMessage,
        "PromptReference" => PromptReference,
        "ReadResourceRequest" => ReadResourceRequest,
        "ReadResourceRequestParams" => ReadResourceRequestParams,
        "ReadResourceResult" => ReadResourceResult,
        "ReadResourceResultResponse" => ReadResourceResultResponse,
        "Request" => base::Request,
        "RequestId" => RequestId,
        "RequestMetaObject" => RequestMetaObject,
        "RequestParams" => RequestParams,
        "Resource" => Resource,
        "ResourceContents" => base::ResourceContents,
        "ResourceLink" => ResourceLink,
        "ResourceListChangedNotification" => ResourceListChangedNotification,
        "ResourceRequestParams" => base::ResourceRequestParams,
        "ResourceTemplate" => ResourceTemplate,
        "ResourceTemplateReference" => ResourceTemplateReference,
        "ResourceUpdatedNotification" => ResourceUpdatedNotification,
        "ResourceUpdatedNotificationParams" => ResourceUpdatedNotificationParams,
        "Result" => AnyResult,
        "ResultMetaObject" => ResultMetaObject,
        "ResultType" => ResultType,
        "Role" => Role,
        "Root" => Root,
        "SamplingMessage" => SamplingMessage,
        "SamplingMessageContentBlock" => SamplingMessageContentBlock,
        "ServerCapabilities" => ServerCapabilities,
        "ServerNotification" => ServerNotification,
        "ServerResult" => ServerResult,
        "SingleSelectEnumSchema" => SingleSelectEnumSchema,
        "StringSchema" => StringSchema,
        "SubscriptionFilter" => SubscriptionFilter,
        "SubscriptionsAcknowledgedNotification" => SubscriptionsAcknowledgedNotification,
        "SubscriptionsAcknowledgedNotificationParams" => SubscriptionsAcknowledgedNotificationParams,
        "SubscriptionsListenRequest" => SubscriptionsListenRequest,
        "SubscriptionsListenRequestParams" => SubscriptionsListenRequestParams,
        "SubscriptionsListenResult" => SubscriptionsListenResult,
        "SubscriptionsListenResultMetaObject" => SubscriptionsListenResultMetaObject,
        "SubscriptionsListenResultResponse" => SubscriptionsListenResultResponse,
        "TextContent" => TextContent,
        "TextResourceContents" => TextResourceContents,
        "TitledMultiSelectEnumSchema" => TitledMultiSelectEnumSchema,
        "TitledSingleSelectEnumSchema" => TitledSingleSelectEnumSchema,
        "Tool" => Tool,
        "ToolAnnotations" => ToolAnnotations,
        "ToolChoice" => ToolChoice,
        "ToolListChangedNotification" => ToolListChangedNotification,
        "ToolResultContent" => ToolResultContent,
        "ToolUseContent" => ToolUseContent,
        "UnsupportedProtocolVersionError" => UnsupportedProtocolVersionError,
        "UntitledMultiSelectEnumSchema" => UntitledMultiSelectEnumSchema,
        "UntitledSingleSelectEnumSchema" => UntitledSingleSelectEnumSchema,
    }
}

/// Any result of a server. A definition alone: no program reads a result without knowing what it asked
/// for.
struct ServerResult;

impl JsonSchema for ServerResult {
    fn schema_name() -> Cow<'static, str> {
        "ServerResult".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<AnyResult>(),
                generator.subschema_for::<InputRequiredResult>(),
                generator.subschema_for::<DiscoverResult>(),
                generator.subschema_for::<ListResourcesResult>(),
                generator.subschema_for::<ListResourceTemplatesResult>(),
                generator.subschema_for::<ReadResourceResult>(),
                generator.subschema_for::<SubscriptionsListenResult>(),
                generator.subschema_for::<ListPromptsResult>(),
                generator.subschema_for::<GetPromptResult>(),
                generator.subschema_for::<ListToolsResult>(),
                generator.subschema_for::<CallToolResult>(),
                generator.subschema_for::<CompleteResult>(),
            ]
        })
    }
}
