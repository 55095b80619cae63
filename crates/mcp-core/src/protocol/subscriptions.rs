//! Subscriptions: streams of change notifications (specification, "Subscriptions").

use super::methods::{
    NOTIFICATIONS_SUBSCRIPTIONS_ACKNOWLEDGED, SUBSCRIPTIONS_LISTEN, has_request_meta,
    notification_method, request_method,
};
use super::result::ResultBody;
use super::wire::wire;
use super::{
    Implementation, JsonRpcNotification, JsonRpcRequest, JsonRpcResultResponse, Meta,
    NotificationMetaObject, RequestId, RequestMetaObject, Tagged,
};

request_method! {
    /// Opens a stream of change notifications. It is answered when the server ends the stream.
    SubscriptionsListen =
        SUBSCRIPTIONS_LISTEN, SubscriptionsListenRequestParams => SubscriptionsListenResult
}

notification_method! {
    /// Says what a stream will carry; the first message of every stream.
    SubscriptionsAcknowledged =
        NOTIFICATIONS_SUBSCRIPTIONS_ACKNOWLEDGED, SubscriptionsAcknowledgedNotificationParams
}

/// A `subscriptions/listen` request.
pub type SubscriptionsListenRequest = JsonRpcRequest<SubscriptionsListen>;
/// The answer to a `subscriptions/listen` request.
pub type SubscriptionsListenResultResponse =
    JsonRpcResultResponse<Tagged<SubscriptionsListenResult>>;
/// A `notifications/subscriptions/acknowledged` notification.
pub type SubscriptionsAcknowledgedNotification = JsonRpcNotification<SubscriptionsAcknowledged>;

wire! {
    /// What a subscription carries. Whatever is not asked for is not sent.
    ///
    /// An extension's own topics are in `extra`.
    ///
    /// ```
    /// use mcp_core::protocol::SubscriptionFilter;
    ///
    /// let filter = SubscriptionFilter::new()
    ///     .with_tools_list_changed(true)
    ///     .with_resource_subscriptions(["file:///notes/today.md".to_owned()]);
    /// # let _ = filter;
    /// ```
    #[derive(Default)]
    pub struct SubscriptionFilter {
        optional {
            /// Changes of the list of tools.
            tools_list_changed: bool = "toolsListChanged" => with_tools_list_changed,
            /// Changes of the list of prompts.
            prompts_list_changed: bool = "promptsListChanged" => with_prompts_list_changed,
            /// Changes of the list of resources.
            resources_list_changed: bool = "resourcesListChanged" => with_resources_list_changed,
            /// Changes of these resources, by URI.
            resource_subscriptions: Vec<String>
                = "resourceSubscriptions" => with_resource_subscriptions,
        }
    }
}

wire! {
    /// The params of a `subscriptions/listen` request.
    pub struct SubscriptionsListenRequestParams {
        required {
            /// What the stream shall carry.
            notifications: SubscriptionFilter = "notifications",
        }
        implied {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
    }
}

has_request_meta!(SubscriptionsListenRequestParams);

wire! {
    /// The `_meta` of a [`SubscriptionsListenResult`].
    pub struct SubscriptionsListenResultMetaObject {
        required {
            /// The id of the request that opened the stream.
            subscription_id: RequestId = "io.modelcontextprotocol/subscriptionId",
        }
        optional {
            /// The server's name and version as it states them.
            server_info: Implementation
                = "io.modelcontextprotocol/serverInfo" => with_server_info,
        }
    }
}

wire! {
    /// The server has ended the stream in good order.
    ///
    /// Its `_meta` names the subscription, so unlike that of other results it must be there; a body
    /// whose `_meta` was taken out by [`take_meta`](ResultBody::take_meta) is written without.
    ///
    /// ```
    /// use mcp_core::protocol::{RequestId, SubscriptionsListenResult};
    ///
    /// let result = SubscriptionsListenResult::ended(&RequestId::from(7))?;
    /// assert_eq!(
    ///     serde_json::to_string(&result)?,
    ///     r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}"#
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct SubscriptionsListenResult
    [result "complete"]
    {
        lenient {
            /// Metadata of the result, with the id of the subscription.
            meta: Meta as SubscriptionsListenResultMetaObject = "_meta" => with_meta,
        }
    }
}

impl SubscriptionsListenResult {
    /// The end of the stream that the request with this id opened.
    ///
    /// # Errors
    ///
    /// Never in practice: writing an id as JSON does not fail.
    pub fn ended(subscription_id: &RequestId) -> Result<Self, serde_json::Error> {
        let mut meta = Meta::new();
        meta.insert(super::meta::keys::SUBSCRIPTION_ID, subscription_id)?;
        Ok(Self::new().with_meta(meta))
    }
}

impl ResultBody for SubscriptionsListenResult {
    fn take_meta(&mut self) -> Option<Meta> {
        self.meta.take()
    }
}

wire! {
    /// The params of a `notifications/subscriptions/acknowledged` notification.
    pub struct SubscriptionsAcknowledgedNotificationParams {
        required {
            /// What the stream will carry: what was asked for and the server has.
            notifications: SubscriptionFilter = "notifications",
        }
        optional {
            /// Metadata of the notification, with the id of the subscription.
            meta: NotificationMetaObject = "_meta" => with_meta,
        }
    }
}
