//! `_meta`: metadata beside the content of a message (specification, "General fields").
//!
//! [`Meta`] is the general form, a map from keys to JSON. Requests have [`RequestMetaObject`], whose
//! required members every request must carry; notifications [`NotificationMetaObject`].

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::wire::wire;
use super::{
    ClientCapabilities, Extra, Implementation, JsonMap, LATEST_PROTOCOL_VERSION, LoggingLevel,
    ProgressToken, RequestId,
};
use crate::RawJson;

/// The keys that the specification reserves.
pub mod keys {
    /// Opts a request into progress notifications.
    pub const PROGRESS_TOKEN: &str = "progressToken";
    /// The revision of the protocol that a request uses.
    pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    /// The client's name and version.
    pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
    /// The client's capabilities for a request.
    pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    /// The lowest level of log message that a request asks for.
    pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
    /// The subscription that a notification belongs to.
    pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
    /// The server's name and version.
    pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
    /// The W3C trace context of a message.
    pub const TRACEPARENT: &str = "traceparent";
    /// The vendor part of the W3C trace context of a message.
    pub const TRACESTATE: &str = "tracestate";
    /// The W3C baggage of a message.
    pub const BAGGAGE: &str = "baggage";

    /// All of them.
    pub const ALL: &[&str] = &[
        PROGRESS_TOKEN,
        PROTOCOL_VERSION,
        CLIENT_INFO,
        CLIENT_CAPABILITIES,
        LOG_LEVEL,
        SUBSCRIPTION_ID,
        SERVER_INFO,
        TRACEPARENT,
        TRACESTATE,
        BAGGAGE,
    ];
}

/// The members of a `_meta` object, in order and with their values as they came.
///
/// It dereferences to [`JsonMap`] for everything that is not typed.
///
/// ```
/// use mcp_core::protocol::Meta;
///
/// let mut meta = Meta::new();
/// meta.insert("com.example/cost", &3)?;
/// assert_eq!(meta.get::<u8>("com.example/cost")?, Some(3));
/// assert_eq!(meta.get::<u8>("com.example/other")?, None);
/// assert!(meta.get::<String>("com.example/cost").is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Meta(Extra);

impl Meta {
    /// Metadata without members. Does not allocate.
    pub const fn new() -> Self {
        Self(JsonMap::new())
    }

    /// The value at a key as a type, or `None` when there is no such member.
    ///
    /// # Errors
    ///
    /// When the value does not have the shape of `T`. The message starts with the key.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, serde_json::Error> {
        self.0.parse(key)
    }

    /// The value at a key as it came.
    pub fn get_raw(&self, key: &str) -> Option<&RawJson> {
        self.0.get(key)
    }

    /// Sets the value at a key and returns the one it replaces.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON.
    pub fn insert<T>(
        &mut self,
        key: impl Into<String>,
        value: &T,
    ) -> Result<Option<RawJson>, serde_json::Error>
    where
        T: Serialize + ?Sized,
    {
        Ok(self.0.insert(key, RawJson::from_serialize(value)?))
    }

    /// Sets the value at a key, as JSON, and returns the one it replaces.
    pub fn insert_raw(&mut self, key: impl Into<String>, value: RawJson) -> Option<RawJson> {
        self.0.insert(key, value)
    }

    /// The server that says it made this result, if it says so.
    ///
    /// # Errors
    ///
    /// When the member is there but not an [`Implementation`].
    pub fn server_info(&self) -> Result<Option<Implementation>, serde_json::Error> {
        self.get(keys::SERVER_INFO)
    }

    /// The subscription this result or notification belongs to, if any.
    ///
    /// # Errors
    ///
    /// When the member is there but not a [`RequestId`].
    pub fn subscription_id(&self) -> Result<Option<RequestId>, serde_json::Error> {
        self.get(keys::SUBSCRIPTION_ID)
    }

    /// The members as a plain map.
    pub fn into_members(self) -> Extra {
        self.0
    }
}

impl Deref for Meta {
    type Target = Extra;

    fn deref(&self) -> &Extra {
        &self.0
    }
}

impl DerefMut for Meta {
    fn deref_mut(&mut self) -> &mut Extra {
        &mut self.0
    }
}

impl From<Extra> for Meta {
    fn from(members: Extra) -> Self {
        Self(members)
    }
}

impl<K: Into<String>> FromIterator<(K, RawJson)> for Meta {
    fn from_iter<I: IntoIterator<Item = (K, RawJson)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

impl IntoIterator for Meta {
    type Item = (String, RawJson);
    type IntoIter = std::vec::IntoIter<(String, RawJson)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl JsonSchema for Meta {
    fn schema_name() -> Cow<'static, str> {
        "MetaObject".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "Metadata whose keys are owned by whoever defines them.",
        })
    }
}

wire! {
    /// The `_meta` of a request: who asks, by which revision, and what the client can do.
    ///
    /// The default asks by [`LATEST_PROTOCOL_VERSION`] and declares no capabilities.
    ///
    /// ```
    /// use mcp_core::protocol::{ClientCapabilities, Implementation, RequestMetaObject};
    ///
    /// let meta = RequestMetaObject::default()
    ///     .with_client_info(Implementation::new("example", "1.0"))
    ///     .with_client_capabilities(ClientCapabilities::new());
    /// assert_eq!(meta.protocol_version, "2026-07-28");
    /// ```
    pub struct RequestMetaObject {
        required {
            /// The revision of the protocol that this request uses. Over HTTP it equals the
            /// `MCP-Protocol-Version` header.
            protocol_version: String = "io.modelcontextprotocol/protocolVersion",
        }
        implied {
            /// What the client can do, for this request alone. A server infers nothing from earlier
            /// requests.
            client_capabilities: ClientCapabilities
                = "io.modelcontextprotocol/clientCapabilities" => with_client_capabilities,
        }
        optional {
            /// The client's name and version as it states them: for display and logs, not for
            /// decisions.
            client_info: Implementation
                = "io.modelcontextprotocol/clientInfo" => with_client_info,
            /// Asks for log messages of this level and above; without it none are sent. Deprecated
            /// by the specification.
            log_level: LoggingLevel = "io.modelcontextprotocol/logLevel" => with_log_level,
            /// Asks for progress notifications with this token.
            progress_token: ProgressToken = "progressToken" => with_progress_token,
        }
    }
}

impl Default for RequestMetaObject {
    fn default() -> Self {
        Self::new(LATEST_PROTOCOL_VERSION)
    }
}

wire! {
    /// The `_meta` of a notification.
    #[derive(Default)]
    pub struct NotificationMetaObject {
        optional {
            /// The id of the `subscriptions/listen` request on whose stream this was sent.
            subscription_id: RequestId
                = "io.modelcontextprotocol/subscriptionId" => with_subscription_id,
        }
    }
}

wire! {
    /// The `_meta` of a result, with what the specification defines for it.
    ///
    /// Results hold the general [`Meta`], so that a malformed `serverInfo` does not cost the result;
    /// this type is for those who want all of it checked.
    #[derive(Default)]
    pub struct ResultMetaObject {
        optional {
            /// The server's name and version as it states them: for display and logs, not for
            /// decisions.
            server_info: Implementation
                = "io.modelcontextprotocol/serverInfo" => with_server_info,
        }
    }
}

macro_rules! meta_conversions {
    ($($name:ident)*) => {
        $(
            impl TryFrom<&Meta> for $name {
                type Error = serde_json::Error;

                fn try_from(meta: &Meta) -> Result<Self, serde_json::Error> {
                    RawJson::from_serialize(meta)?.parse()
                }
            }

            impl TryFrom<&$name> for Meta {
                type Error = serde_json::Error;

                fn try_from(meta: &$name) -> Result<Self, serde_json::Error> {
                    RawJson::from_serialize(meta)?.parse()
                }
            }
        )*
    };
}

meta_conversions!(RequestMetaObject NotificationMetaObject ResultMetaObject);

#[cfg(test)]
mod tests {
    use super::{Meta, RequestMetaObject, ResultMetaObject};
    use crate::protocol::Implementation;

    #[test]
    fn a_request_without_version_or_capabilities_is_named() {
        for (text, key) in [
            (r#"{"io.modelcontextprotocol/clientCapabilities":{}}"#, "protocolVersion"),
            (r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#, "clientCapabilities"),
        ] {
            let error = serde_json::from_str::<RequestMetaObject>(text).unwrap_err().to_string();
            assert!(
                error.contains(&format!(
                    "missing field `io.modelcontextprotocol/{key}` of `RequestMetaObject`"
                )),
                "{error}"
            );
        }
    }

    #[test]
    fn a_repeated_key_is_refused() {
        let error = serde_json::from_str::<Meta>(r#"{"a/b":1,"a/b":1}"#).unwrap_err().to_string();
        assert!(error.contains("repeats the key `a/b`"), "{error}");
    }

    #[test]
    fn unknown_reserved_keys_survive() {
        let text = r#"{"io.modelcontextprotocol/new":{"b":[1.50,null],"a":{}},"io.modelcontextprotocol/none":null,"dev.mcp/n":7,"com.example/own":"x"}"#;
        let meta: Meta = serde_json::from_str(text).unwrap();
        let written: serde_json::Value = serde_json::to_value(&meta).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(text).unwrap());
        let new = meta.get_raw("io.modelcontextprotocol/new").unwrap();
        assert_eq!(new.get(), r#"{"b":[1.50,null],"a":{}}"#, "as it was written");
        // Among the keys that are known, too.
        let known = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/new":[7]}"#;
        let request: RequestMetaObject = serde_json::from_str(known).unwrap();
        let written = serde_json::to_value(&request).unwrap();
        assert_eq!(written["io.modelcontextprotocol/new"], serde_json::json!([7]));
    }

    #[test]
    fn the_server_is_read_from_general_metadata() {
        let info = Implementation::new("srv", "1");
        let meta = Meta::try_from(&ResultMetaObject::new().with_server_info(info.clone())).unwrap();
        assert_eq!(meta.server_info().unwrap(), Some(info));
        let broken: Meta =
            serde_json::from_str(r#"{"io.modelcontextprotocol/serverInfo":1}"#).unwrap();
        assert!(broken.server_info().is_err());
        assert!(ResultMetaObject::try_from(&broken).is_err());
    }
}
