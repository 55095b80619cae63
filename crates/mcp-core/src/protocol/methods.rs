//! Names of methods and notifications, and the types that go with them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::protocol as p;

/// A method: its name, parameters and result.
///
/// ```
/// use mcp_core::protocol::methods::{CallTool, RequestMethod};
///
/// assert_eq!(CallTool::METHOD, "tools/call");
/// ```
pub trait RequestMethod {
    /// The name on the wire.
    const METHOD: &'static str;
    /// The parameters, `_meta` included.
    type Params: Serialize + DeserializeOwned;
    /// The complete result.
    type Result: Serialize + DeserializeOwned;
    /// The member of the parameters that HTTP mirrors into `Mcp-Name`.
    const ROUTED_BY: Option<&'static str> = None;
}

/// A notification: its name and parameters.
pub trait NotificationMethod {
    /// The name on the wire.
    const METHOD: &'static str;
    /// The parameters.
    type Params: Serialize + DeserializeOwned;
}

macro_rules! requests {
    ($($constant:ident = $name:literal: $marker:ident($params:ty) -> $result:ty $(, by $field:literal)?;)*) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: &str = $name;

            #[doc = concat!("The method `", $name, "`.")]
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum $marker {}

            impl RequestMethod for $marker {
                const METHOD: &'static str = $name;
                type Params = $params;
                type Result = $result;
                $(const ROUTED_BY: Option<&'static str> = Some($field);)?
            }
        )*

        /// The core's methods.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

macro_rules! notifications {
    ($($constant:ident = $name:literal: $marker:ident($params:ty);)*) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: &str = $name;

            #[doc = concat!("The notification `", $name, "`.")]
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum $marker {}

            impl NotificationMethod for $marker {
                const METHOD: &'static str = $name;
                type Params = $params;
            }
        )*

        /// The core's notifications.
        pub const ALL_NOTIFICATIONS: &[&str] = &[$($name),*];
    };
}

requests! {
    SERVER_DISCOVER = "server/discover": Discover(p::RequestParams) -> p::DiscoverResult;
    TOOLS_LIST = "tools/list": ListTools(p::PaginatedRequestParams) -> p::ListToolsResult;
    TOOLS_CALL = "tools/call": CallTool(p::CallToolRequestParams) -> p::CallToolResult, by "name";
    PROMPTS_LIST = "prompts/list": ListPrompts(p::PaginatedRequestParams) -> p::ListPromptsResult;
    PROMPTS_GET = "prompts/get": GetPrompt(p::GetPromptRequestParams) -> p::GetPromptResult, by "name";
    RESOURCES_LIST = "resources/list": ListResources(p::PaginatedRequestParams) -> p::ListResourcesResult;
    RESOURCES_TEMPLATES_LIST = "resources/templates/list": ListResourceTemplates(p::PaginatedRequestParams) -> p::ListResourceTemplatesResult;
    RESOURCES_READ = "resources/read": ReadResource(p::ReadResourceRequestParams) -> p::ReadResourceResult, by "uri";
    COMPLETION_COMPLETE = "completion/complete": Complete(p::CompleteRequestParams) -> p::CompleteResult;
    SUBSCRIPTIONS_LISTEN = "subscriptions/listen": SubscriptionsListen(p::SubscriptionsListenRequestParams) -> p::SubscriptionsListenResult;
}

notifications! {
    NOTIFICATIONS_CANCELLED = "notifications/cancelled": Cancelled(p::CancelledNotificationParams);
    NOTIFICATIONS_PROGRESS = "notifications/progress": Progress(p::ProgressNotificationParams);
    NOTIFICATIONS_MESSAGE = "notifications/message": LoggingMessage(p::LoggingMessageNotificationParams);
    NOTIFICATIONS_RESOURCES_UPDATED = "notifications/resources/updated": ResourceUpdated(p::ResourceUpdatedNotificationParams);
    NOTIFICATIONS_RESOURCES_LIST_CHANGED = "notifications/resources/list_changed": ResourceListChanged(p::NotificationParams);
    NOTIFICATIONS_TOOLS_LIST_CHANGED = "notifications/tools/list_changed": ToolListChanged(p::NotificationParams);
    NOTIFICATIONS_PROMPTS_LIST_CHANGED = "notifications/prompts/list_changed": PromptListChanged(p::NotificationParams);
    NOTIFICATIONS_SUBSCRIPTIONS_ACKNOWLEDGED = "notifications/subscriptions/acknowledged": SubscriptionsAcknowledged(p::SubscriptionsAcknowledgedNotificationParams);
}

/// `elicitation/create`, carried in `inputRequests`.
pub const ELICITATION_CREATE: &str = "elicitation/create";
/// `sampling/createMessage`, carried in `inputRequests`.
pub const SAMPLING_CREATE_MESSAGE: &str = "sampling/createMessage";
/// `roots/list`, carried in `inputRequests`.
pub const ROOTS_LIST: &str = "roots/list";
