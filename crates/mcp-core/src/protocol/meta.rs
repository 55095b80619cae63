//! `_meta`: metadata of requests, notifications and results.
//!
//! Source: specification, *Base protocol → General fields → `_meta`*.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::wire::wire;
use crate::RawJson;
use crate::protocol::{ClientCapabilities, Implementation, LoggingLevel, ProgressToken, RequestId};

/// The keys that the specification reserves.
pub mod meta_keys {
    /// The token for progress notifications.
    pub const PROGRESS_TOKEN: &str = "progressToken";
    /// The revision of the protocol that a request is written in.
    pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    /// Who the client says it is.
    pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
    /// What the client can do for this request.
    pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    /// The least level of log messages that the client wants.
    pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
    /// The subscription that a notification belongs to.
    pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
    /// Who the server says it is.
    pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
    /// W3C trace context: the caller's span.
    pub const TRACEPARENT: &str = "traceparent";
    /// W3C trace context: vendors' state.
    pub const TRACESTATE: &str = "tracestate";
    /// W3C baggage.
    pub const BAGGAGE: &str = "baggage";
}

/// An open `_meta` object: values by key, each kept as it came.
///
/// ```
/// use mcp_core::protocol::Meta;
///
/// let mut meta = Meta::default();
/// meta.insert("com.example/label", &"secret")?;
/// assert_eq!(meta.get::<String>("com.example/label")?.as_deref(), Some("secret"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Meta(BTreeMap<String, RawJson>);

impl Meta {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value under `key` as a type; `None` if there is none.
    ///
    /// # Errors
    /// If it does not fit.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, serde_json::Error> {
        self.0.get(key).map(RawJson::parse).transpose()
    }

    /// The value under `key` as it came.
    #[must_use]
    pub fn raw(&self, key: &str) -> Option<&RawJson> {
        self.0.get(key)
    }

    /// Sets the value under `key`.
    ///
    /// # Errors
    /// If it does not serialise.
    pub fn insert<T: Serialize + ?Sized>(
        &mut self,
        key: impl Into<String>,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        self.0.insert(key.into(), RawJson::from_serialize(value)?);
        Ok(())
    }

    /// Sets the value under `key` unless there is one.
    pub fn entry_or_insert(&mut self, key: &str, value: &RawJson) {
        if !self.0.contains_key(key) {
            self.0.insert(key.to_owned(), value.clone());
        }
    }

    /// Takes the value under `key` out.
    pub fn remove(&mut self, key: &str) -> Option<RawJson> {
        self.0.remove(key)
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawJson)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }
}

impl Extend<(String, RawJson)> for Meta {
    fn extend<I: IntoIterator<Item = (String, RawJson)>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

impl FromIterator<(String, RawJson)> for Meta {
    fn from_iter<I: IntoIterator<Item = (String, RawJson)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl IntoIterator for Meta {
    type Item = (String, RawJson);
    type IntoIter = std::collections::btree_map::IntoIter<String, RawJson>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// `_meta` of things in lists and of content.
pub type MetaObject = Meta;

wire! {
    /// `_meta` of a request.
    pub struct RequestMetaObject {
        required {
            /// The revision of the protocol that the request is written in.
            "io.modelcontextprotocol/protocolVersion" protocol_version: String,
            /// What the client can do for this request.
            "io.modelcontextprotocol/clientCapabilities" client_capabilities: ClientCapabilities,
        }
        optional {
            /// Asks for progress notifications under this token.
            "progressToken" progress_token: ProgressToken,
            /// Who the client says it is.
            "io.modelcontextprotocol/clientInfo" client_info: Implementation,
            /// The least level of log messages that the client wants.
            "io.modelcontextprotocol/logLevel" log_level: LoggingLevel,
        }
    }
}

wire! {
    /// `_meta` of a notification.
    #[derive(Default)]
    pub struct NotificationMetaObject {
        optional {
            /// The subscription that the notification belongs to.
            "io.modelcontextprotocol/subscriptionId" subscription_id: RequestId,
        }
    }
}

impl NotificationMetaObject {
    /// That of a notification of the subscription `id`.
    #[must_use]
    pub fn for_subscription(id: RequestId) -> Self {
        Self { subscription_id: Some(id), ..Self::default() }
    }
}

wire! {
    /// `_meta` of a result.
    #[derive(Default)]
    pub struct ResultMetaObject {
        optional {
            /// Who the server says it is.
            "io.modelcontextprotocol/serverInfo" server_info: Implementation,
        }
    }
}

wire! {
    /// `_meta` of the result that ends a subscription.
    pub struct SubscriptionsListenResultMetaObject {
        required {
            /// The subscription.
            "io.modelcontextprotocol/subscriptionId" subscription_id: RequestId,
        }
        optional {
            /// Who the server says it is.
            "io.modelcontextprotocol/serverInfo" server_info: Implementation,
        }
    }
}

/// Whether a `_meta` key is well-formed: an optional prefix of labels and a slash, then a name.
///
/// ```
/// use mcp_core::protocol::is_valid_meta_key;
///
/// assert!(is_valid_meta_key("com.example/label"));
/// assert!(!is_valid_meta_key("com..example/label"));
/// ```
#[must_use]
pub fn is_valid_meta_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_label = |label: &str| {
        label.starts_with(|first: char| first.is_ascii_alphabetic())
            && label.ends_with(|last: char| last.is_ascii_alphanumeric())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_name = name.is_empty()
        || (name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.ends_with(|last: char| last.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
    prefix.is_none_or(|prefix| prefix.split('.').all(is_label)) && is_name
}

/// Whether a prefix (without its slash) is kept for MCP: its second label is `modelcontextprotocol`
/// or `mcp`.
///
/// ```
/// use mcp_core::protocol::is_reserved_prefix;
///
/// assert!(is_reserved_prefix("io.modelcontextprotocol"));
/// assert!(!is_reserved_prefix("com.example.mcp"));
/// ```
#[must_use]
pub fn is_reserved_prefix(prefix: &str) -> bool {
    matches!(prefix.split('.').nth(1), Some("modelcontextprotocol" | "mcp"))
}
