//! `notifications/message`. Deprecated by the protocol.
//!
//! Source: specification, *Server utilities → Logging*.

use super::wire::{strings, wire};
use crate::RawJson;
use crate::protocol::NotificationMetaObject;

strings! {
    /// Severities of RFC 5424, least first.
    pub enum LoggingLevel {
        /// For developers.
        Debug = "debug",
        /// Ordinary events.
        Info = "info",
        /// Ordinary but significant events.
        Notice = "notice",
        /// Something may go wrong.
        Warning = "warning",
        /// Something went wrong.
        Error = "error",
        /// A component fails.
        Critical = "critical",
        /// Someone must act.
        Alert = "alert",
        /// Nothing works.
        Emergency = "emergency",
    }
}

wire! {
    /// A log message.
    pub struct LoggingMessageNotificationParams {
        required {
            /// How severe it is.
            "level" level: LoggingLevel,
            /// The message: any value. No secrets, no personal data.
            "data" data: RawJson,
        }
        optional {
            /// Who logs.
            "logger" logger: String,
            /// The notification's metadata.
            "_meta" meta: NotificationMetaObject,
        }
    }
}
