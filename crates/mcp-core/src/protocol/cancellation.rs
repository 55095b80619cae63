//! `notifications/cancelled`.
//!
//! Source: specification, *Patterns → Cancellation*.

use super::wire::wire;
use crate::protocol::{NotificationMetaObject, RequestId};

wire! {
    /// A request that is no longer wanted.
    pub struct CancelledNotificationParams {
        required {
            /// The request.
            "requestId" request_id: RequestId,
        }
        optional {
            /// Why, for logs.
            "reason" reason: String,
            /// The notification's metadata.
            "_meta" meta: NotificationMetaObject,
        }
    }
}
