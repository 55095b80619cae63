//! Cancelling a request (specification, "Cancellation").

use super::methods::{NOTIFICATIONS_CANCELLED, notification_method};
use super::wire::wire;
use super::{JsonRpcNotification, NotificationMetaObject, RequestId};

notification_method! {
    /// Cancels a request; or, from a server over stdio, ends a subscription.
    Cancelled = NOTIFICATIONS_CANCELLED, CancelledNotificationParams
}

/// A `notifications/cancelled` notification.
pub type CancelledNotification = JsonRpcNotification<Cancelled>;

wire! {
    /// The params of a `notifications/cancelled` notification.
    ///
    /// ```
    /// use mcp_core::protocol::CancelledNotificationParams;
    ///
    /// let params = CancelledNotificationParams::new(123).with_reason("The user pressed stop");
    /// # let _ = params;
    /// ```
    pub struct CancelledNotificationParams {
        required {
            /// The request that is cancelled.
            request_id: RequestId = "requestId",
        }
        optional {
            /// Why, in words for people.
            reason: String = "reason" => with_reason,
            /// Metadata of the notification.
            meta: NotificationMetaObject = "_meta" => with_meta,
        }
    }
}
