//! Tasks in `subscriptions/listen`.

mcp_core::wire! {
    /// The part of a subscription's filter that names tasks.
    #[derive(Default)]
    pub struct TaskSubscriptionNotifications {
        optional {
            /// The tasks whose changes the client wants to hear of.
            task_ids: Vec<String> = "taskIds" => with_task_ids,
        }
    }
}

mcp_core::wire! {
    /// The part of an acknowledgement that names tasks.
    #[derive(Default)]
    pub struct TaskSubscriptionAcknowledgedNotifications {
        optional {
            /// The tasks whose changes the server will tell.
            task_ids: Vec<String> = "taskIds" => with_task_ids,
        }
    }
}
