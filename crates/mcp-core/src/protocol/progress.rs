//! Progress of a request (specification, "Progress").

use super::methods::{NOTIFICATIONS_PROGRESS, notification_method};
use super::wire::wire;
use super::{JsonRpcNotification, NotificationMetaObject, Number, ProgressToken};

notification_method! {
    /// Reports progress on a request.
    Progress = NOTIFICATIONS_PROGRESS, ProgressNotificationParams
}

/// A `notifications/progress` notification.
pub type ProgressNotification = JsonRpcNotification<Progress>;

wire! {
    /// The params of a `notifications/progress` notification.
    ///
    /// ```
    /// use mcp_core::protocol::ProgressNotificationParams;
    ///
    /// let params = ProgressNotificationParams::new("abc123", 50)
    ///     .with_total(100)
    ///     .with_message("Reading files");
    /// # let _ = params;
    /// ```
    pub struct ProgressNotificationParams {
        required {
            /// The token of the request that progresses.
            progress_token: ProgressToken = "progressToken",
            /// How far it is. It grows with every notification.
            progress: Number = "progress",
        }
        optional {
            /// How far it will go, if that is known.
            total: Number = "total" => with_total,
            /// What is being done, in words for people.
            message: String = "message" => with_message,
            /// Metadata of the notification.
            meta: NotificationMetaObject = "_meta" => with_meta,
        }
    }
}
