//! Log messages. Deprecated by the specification (specification, "Logging").

use super::methods::{NOTIFICATIONS_MESSAGE, notification_method};
use super::strings::string_enum;
use super::wire::wire;
use super::{JsonRpcNotification, NotificationMetaObject};
use crate::RawJson;

notification_method! {
    /// Carries a log message.
    LoggingMessage = NOTIFICATIONS_MESSAGE, LoggingMessageNotificationParams
}

/// A `notifications/message` notification.
pub type LoggingMessageNotification = JsonRpcNotification<LoggingMessage>;

string_enum! {
    /// How severe a log message is: the levels of RFC 5424, section 6.2.1, from the least severe to
    /// the most.
    ///
    /// ```
    /// use mcp_core::protocol::LoggingLevel;
    ///
    /// assert!(LoggingLevel::Error > LoggingLevel::Info);
    /// ```
    #[derive(PartialOrd, Ord)]
    pub enum LoggingLevel [inline = false] {
        /// For those who look for a fault.
        Debug = "debug",
        /// For the record.
        Info = "info",
        /// Normal and worth a note.
        Notice = "notice",
        /// Something may be wrong.
        Warning = "warning",
        /// Something failed.
        Error = "error",
        /// A part of the system failed.
        Critical = "critical",
        /// Somebody must act now.
        Alert = "alert",
        /// The system cannot be used.
        Emergency = "emergency",
    }
}

wire! {
    /// The params of a `notifications/message` notification.
    ///
    /// ```
    /// use mcp_core::{RawJson, protocol::{LoggingLevel, LoggingMessageNotificationParams}};
    ///
    /// let data = RawJson::from_serialize("disk is full")?;
    /// let params = LoggingMessageNotificationParams::new(LoggingLevel::Error, data);
    /// # let _ = params;
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct LoggingMessageNotificationParams {
        required {
            /// How severe it is.
            level: LoggingLevel = "level",
            /// The message: any JSON value.
            data: RawJson = "data",
        }
        optional {
            /// Which part of the program says it.
            logger: String = "logger" => with_logger,
            /// Metadata of the notification.
            meta: NotificationMetaObject = "_meta" => with_meta,
        }
    }
}
