//! `subscriptions/listen`.
//!
//! Source: specification, *Patterns → Subscriptions*.

use super::wire::wire;
use crate::protocol::{
    NotificationMetaObject, RequestMetaObject, ResultType, SubscriptionsListenResultMetaObject,
};

wire! {
    /// What a client wants to hear of. Extensions add fields.
    #[derive(Default)]
    pub struct SubscriptionFilter {
        optional {
            /// Changes of the list of tools.
            "toolsListChanged" tools_list_changed: bool,
            /// Changes of the list of prompts.
            "promptsListChanged" prompts_list_changed: bool,
            /// Changes of the list of resources.
            "resourcesListChanged" resources_list_changed: bool,
            /// Changes of these resources.
            "resourceSubscriptions" resource_subscriptions: Vec<String>,
        }
    }
}

wire! {
    /// The parameters of `subscriptions/listen`.
    pub struct SubscriptionsListenRequestParams {
        required {
            /// The request's metadata.
            "_meta" meta: RequestMetaObject,
            /// What the client wants to hear of.
            "notifications" notifications: SubscriptionFilter,
        }
    }
}

wire! {
    /// A subscription has ended cleanly.
    pub struct SubscriptionsListenResult {
        required {
            /// The result's metadata.
            "_meta" meta: SubscriptionsListenResultMetaObject,
        }
        optional {
            /// What kind of result it is.
            "resultType" result_type: ResultType,
        }
    }
}

wire! {
    /// What the server will tell.
    pub struct SubscriptionsAcknowledgedNotificationParams {
        required {
            /// The part of the filter that it honours.
            "notifications" notifications: SubscriptionFilter,
        }
        optional {
            /// The notification's metadata.
            "_meta" meta: NotificationMetaObject,
        }
    }
}
