//! Messages of any method of the core: the unions that the schema has for them.
//!
//! Useful for tests and tools that look at traffic. A server routes by method and parses the params
//! by itself, a client knows what it asked for.

use super::methods;
use super::union::tagged_union;
use super::{
    CallToolRequest, CancelledNotification, CompleteRequest, DiscoverRequest, GetPromptRequest,
    ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest, ListToolsRequest,
    LoggingMessageNotification, ProgressNotification, PromptListChangedNotification,
    ReadResourceRequest, ResourceListChangedNotification, ResourceUpdatedNotification,
    SubscriptionsAcknowledgedNotification, SubscriptionsListenRequest, ToolListChangedNotification,
};

tagged_union! {
    /// Any request of a client.
    ///
    /// ```
    /// use mcp_core::protocol::{ClientRequest, DiscoverRequest, RequestParams};
    ///
    /// let request = ClientRequest::from(DiscoverRequest::new(1, RequestParams::new()));
    /// let text = serde_json::to_string(&request)?;
    /// assert_eq!(serde_json::from_str::<ClientRequest>(&text)?, request);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum ClientRequest by "method" {
        /// Asks what the server is and can do.
        Discover(DiscoverRequest) = methods::SERVER_DISCOVER,
        /// Lists the resources.
        ListResources(ListResourcesRequest) = methods::RESOURCES_LIST,
        /// Lists the resource templates.
        ListResourceTemplates(ListResourceTemplatesRequest) = methods::RESOURCES_TEMPLATES_LIST,
        /// Reads a resource.
        ReadResource(ReadResourceRequest) = methods::RESOURCES_READ,
        /// Opens a stream of change notifications.
        SubscriptionsListen(SubscriptionsListenRequest) = methods::SUBSCRIPTIONS_LISTEN,
        /// Lists the prompts.
        ListPrompts(ListPromptsRequest) = methods::PROMPTS_LIST,
        /// Gets a prompt.
        GetPrompt(GetPromptRequest) = methods::PROMPTS_GET,
        /// Lists the tools.
        ListTools(ListToolsRequest) = methods::TOOLS_LIST,
        /// Calls a tool.
        CallTool(CallToolRequest) = methods::TOOLS_CALL,
        /// Asks for completions of an argument.
        Complete(CompleteRequest) = methods::COMPLETION_COMPLETE,
    }
}

tagged_union! {
    /// Any notification of a client.
    pub enum ClientNotification by "method" {
        /// Cancels a request.
        Cancelled(CancelledNotification) = methods::NOTIFICATIONS_CANCELLED,
    }
}

tagged_union! {
    /// Any notification of a server.
    pub enum ServerNotification by "method" {
        /// Ends a subscription over stdio.
        Cancelled(CancelledNotification) = methods::NOTIFICATIONS_CANCELLED,
        /// Reports progress on a request.
        Progress(ProgressNotification) = methods::NOTIFICATIONS_PROGRESS,
        /// Says that the list of resources changed.
        ResourceListChanged(ResourceListChangedNotification) = methods::NOTIFICATIONS_RESOURCES_LIST_CHANGED,
        /// Says what a stream will carry.
        SubscriptionsAcknowledged(SubscriptionsAcknowledgedNotification) = methods::NOTIFICATIONS_SUBSCRIPTIONS_ACKNOWLEDGED,
        /// Says that one resource changed.
        ResourceUpdated(ResourceUpdatedNotification) = methods::NOTIFICATIONS_RESOURCES_UPDATED,
        /// Says that the list of prompts changed.
        PromptListChanged(PromptListChangedNotification) = methods::NOTIFICATIONS_PROMPTS_LIST_CHANGED,
        /// Says that the list of tools changed.
        ToolListChanged(ToolListChangedNotification) = methods::NOTIFICATIONS_TOOLS_LIST_CHANGED,
        /// Carries a log message.
        LoggingMessage(LoggingMessageNotification) = methods::NOTIFICATIONS_MESSAGE,
    }
}
