//! `notifications/progress`.
//!
//! Source: specification, *Patterns → Progress*.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::jsonrpc::integer_or_string;
use super::wire::wire;
use crate::protocol::NotificationMetaObject;

integer_or_string! {
    /// What ties progress notifications to a request.
    ProgressToken
}

wire! {
    /// How far a request is.
    pub struct ProgressNotificationParams {
        required {
            /// The request's token.
            "progressToken" progress_token: ProgressToken,
            /// How far it is; more each time.
            "progress" progress: f64,
        }
        optional {
            /// When it will be done.
            "total" total: f64,
            /// What is going on, for people.
            "message" message: String,
            /// The notification's metadata.
            "_meta" meta: NotificationMetaObject,
        }
    }
}
