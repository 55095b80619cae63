//! Params that have nothing but metadata.

use super::methods::has_request_meta;
use super::wire::wire;
use super::{NotificationMetaObject, RequestMetaObject};

wire! {
    /// The params of a request that needs to say nothing else.
    #[derive(Default)]
    pub struct RequestParams {
        implied {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
    }
}

has_request_meta!(RequestParams);

wire! {
    /// The params of a notification that needs to say nothing else.
    #[derive(Default)]
    pub struct NotificationParams {
        optional {
            /// Metadata of the notification.
            meta: NotificationMetaObject = "_meta" => with_meta,
        }
    }
}
