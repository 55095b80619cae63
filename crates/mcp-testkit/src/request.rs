//! Messages of a client, well-formed unless told otherwise.

use bytes::Bytes;
use mcp_core::extension::Extension;
use mcp_core::protocol::{LoggingLevel, SUPPORTED_VERSIONS, meta_keys};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Begins a request of `method`: complete with the `_meta` that every request carries, for a client
/// that declares nothing.
///
/// ```
/// use mcp_testkit::request;
/// use serde_json::json;
///
/// let message = request("tools/call").param("name", "echo").id("a").to_json();
/// assert_eq!(message["params"]["name"], "echo");
/// assert_eq!(
///     message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"],
///     json!({})
/// );
/// ```
pub fn request(method: impl Into<String>) -> Message {
    let version = SUPPORTED_VERSIONS.first().copied().unwrap_or_default();
    Message::new(method, Some(json!(1)))
        .meta(meta_keys::PROTOCOL_VERSION, version)
        .meta(meta_keys::CLIENT_CAPABILITIES, json!({}))
        .meta(meta_keys::CLIENT_INFO, json!({ "name": "mcp-testkit", "version": "0" }))
}

/// Begins a call of the tool `name`.
///
/// ```
/// use mcp_testkit::call_tool;
/// use serde_json::json;
///
/// let message = call_tool("add", json!({ "a": 1 })).to_json();
/// assert_eq!(message["method"], "tools/call");
/// assert_eq!(message["params"]["arguments"]["a"], 1);
/// ```
pub fn call_tool(name: &str, arguments: impl Serialize) -> Message {
    request("tools/call").param("name", name).param("arguments", arguments)
}

/// Begins a notification of `method`, without parameters.
///
/// ```
/// use mcp_testkit::notification;
/// use serde_json::json;
///
/// let message = notification("notifications/cancelled").param("requestId", 1).to_json();
/// assert_eq!(message, json!({
///     "jsonrpc": "2.0",
///     "method": "notifications/cancelled",
///     "params": { "requestId": 1 },
/// }));
/// ```
pub fn notification(method: impl Into<String>) -> Message {
    Message::new(method, None)
}

/// A message in the making.
///
/// Values that do not serialise are a mistake in the test: they become `null`, which no server takes
/// for something else.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a message does nothing until it is sent"]
pub struct Message {
    id: Option<Value>,
    /// Whether the test chose the id itself.
    pub(crate) has_own_id: bool,
    method: String,
    /// Something that is no object, if the test wants that.
    whole_params: Option<Value>,
    params: Map<String, Value>,
    meta: Option<Map<String, Value>>,
}

fn value(from: impl Serialize) -> Value {
    serde_json::to_value(from).unwrap_or(Value::Null)
}

impl Message {
    fn new(method: impl Into<String>, id: Option<Value>) -> Self {
        Self {
            id,
            has_own_id: false,
            method: method.into(),
            whole_params: None,
            params: Map::new(),
            meta: None,
        }
    }

    /// Sets the id: anything, even what JSON-RPC forbids. A [`RawClient`](crate::RawClient) numbers
    /// requests that have none of their own.
    pub fn id(mut self, id: impl Serialize) -> Self {
        self.id = Some(value(id));
        self.has_own_id = true;
        self
    }

    pub(crate) fn numbered(mut self, id: u64) -> Self {
        if self.id.is_some() && !self.has_own_id {
            self.id = Some(json!(id));
        }
        self
    }

    /// Sets a member of the parameters.
    pub fn param(mut self, name: &str, member: impl Serialize) -> Self {
        self.params.insert(name.to_owned(), value(member));
        self
    }

    /// Sets all members of `members`, an object, beside `_meta`. Something else than an object
    /// replaces the parameters as a whole, `_meta` included: that is how malformed ones are made.
    pub fn params(mut self, members: impl Serialize) -> Self {
        match value(members) {
            Value::Object(members) => {
                self.whole_params = None;
                for (name, member) in members {
                    match (name.as_str(), member) {
                        ("_meta", Value::Object(meta)) => {
                            self.meta.get_or_insert_default().extend(meta);
                        }
                        (_, member) => {
                            self.params.insert(name, member);
                        }
                    }
                }
            }
            other => self.whole_params = Some(other),
        }
        self
    }

    /// Sets a member of `_meta`.
    pub fn meta(mut self, key: &str, member: impl Serialize) -> Self {
        self.meta.get_or_insert_default().insert(key.to_owned(), value(member));
        self
    }

    /// Leaves `_meta` out.
    pub fn without_meta(mut self) -> Self {
        self.meta = None;
        self
    }

    /// Leaves one member of `_meta` out.
    pub fn without_meta_key(mut self, key: &str) -> Self {
        if let Some(meta) = &mut self.meta {
            meta.remove(key);
        }
        self
    }

    /// Sets the revision of the protocol.
    pub fn version(self, version: &str) -> Self {
        self.meta(meta_keys::PROTOCOL_VERSION, version)
    }

    /// Declares a capability of the client, such as `elicitation`.
    pub fn capability(mut self, name: &str, settings: impl Serialize) -> Self {
        let meta = self.meta.get_or_insert_default();
        let capabilities =
            meta.entry(meta_keys::CLIENT_CAPABILITIES).or_insert_with(|| Value::Object(Map::new()));
        // Whatever else stood there, the test wants an object now.
        if !capabilities.is_object() {
            *capabilities = Value::Object(Map::new());
        }
        if let Value::Object(capabilities) = capabilities {
            capabilities.insert(name.to_owned(), value(settings));
        }
        self
    }

    /// Declares the extension `E` with these settings, as a client that knows it does.
    ///
    /// ```
    /// use mcp_core::extension::{Extension, ExtensionId, NoSettings};
    /// use mcp_testkit::request;
    ///
    /// struct Weather;
    /// impl Extension for Weather {
    ///     const ID: ExtensionId = ExtensionId::new("com.example/weather");
    ///     type ClientSettings = NoSettings;
    ///     type ServerSettings = NoSettings;
    /// }
    ///
    /// let message = request("weather/now").declaring::<Weather>(&NoSettings {}).to_json();
    /// let capabilities = &message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    /// assert_eq!(capabilities["extensions"]["com.example/weather"], serde_json::json!({}));
    /// ```
    pub fn declaring<E: Extension>(self, settings: &E::ClientSettings) -> Self {
        self.declaring_raw(E::ID.as_str(), settings)
    }

    /// Declares the extension `id` with any settings, even wrong ones.
    pub fn declaring_raw(self, id: &str, settings: impl Serialize) -> Self {
        let mut declared = self
            .meta
            .as_ref()
            .and_then(|meta| meta.get(meta_keys::CLIENT_CAPABILITIES))
            .and_then(|capabilities| capabilities.get("extensions"))
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        declared.insert(id.to_owned(), value(settings));
        self.capability("extensions", declared)
    }

    /// Asks for progress under `token`.
    pub fn progress_token(self, token: impl Serialize) -> Self {
        self.meta(meta_keys::PROGRESS_TOKEN, token)
    }

    /// Asks for log messages of at least `level`.
    pub fn log_level(self, level: LoggingLevel) -> Self {
        self.meta(meta_keys::LOG_LEVEL, level)
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The member of the parameters named `name`, as it is to be sent.
    #[must_use]
    pub fn get_param(&self, name: &str) -> Option<&Value> {
        match &self.whole_params {
            Some(whole) => whole.get(name),
            None => self.params.get(name),
        }
    }

    /// The message as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut message = Map::new();
        message.insert("jsonrpc".to_owned(), json!("2.0"));
        if let Some(id) = &self.id {
            message.insert("id".to_owned(), id.clone());
        }
        message.insert("method".to_owned(), json!(self.method));
        if let Some(params) = self.params_to_json() {
            message.insert("params".to_owned(), params);
        }
        Value::Object(message)
    }

    fn params_to_json(&self) -> Option<Value> {
        if let Some(whole) = &self.whole_params {
            return Some(whole.clone());
        }
        let mut params = self.params.clone();
        if let Some(meta) = &self.meta {
            params.insert("_meta".to_owned(), Value::Object(meta.clone()));
        }
        // A request without parameters still has them: its `_meta`. A notification need not.
        (!params.is_empty()).then_some(Value::Object(params))
    }

    /// The message's bytes, one line without its end.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        Bytes::from(self.to_json().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_extensions_are_declared_side_by_side() {
        let message =
            request("x").declaring_raw("a/b", json!({})).declaring_raw("c/d", 7).to_json();
        let capabilities = &message["params"]["_meta"][meta_keys::CLIENT_CAPABILITIES];
        assert_eq!(capabilities["extensions"], json!({ "a/b": {}, "c/d": 7 }));
    }

    #[test]
    fn parameters_that_are_no_object_replace_everything() {
        let message = request("x").param("a", 1).params(json!([1]));
        assert_eq!(message.to_json()["params"], json!([1]));
        let message = message.params(json!({ "b": 2, "_meta": { "k": 3 } })).to_json();
        assert_eq!(message["params"]["a"], 1);
        assert_eq!(message["params"]["b"], 2);
        assert_eq!(message["params"]["_meta"]["k"], 3);
        assert!(message["params"]["_meta"][meta_keys::PROTOCOL_VERSION].is_string());
    }

    #[test]
    fn an_id_of_the_tests_own_is_kept() {
        assert_eq!(request("x").numbered(7).to_json()["id"], 7);
        assert_eq!(request("x").id("own").numbered(7).to_json()["id"], "own");
        assert_eq!(request("x").id(Value::Null).numbered(7).to_json()["id"], Value::Null);
        assert!(notification("x").numbered(7).to_json().get("id").is_none());
    }

    #[test]
    fn metadata_can_be_left_out() {
        assert!(request("x").without_meta().to_json().get("params").is_none());
        let message = request("x").without_meta_key(meta_keys::CLIENT_CAPABILITIES).to_json();
        assert!(message["params"]["_meta"].get(meta_keys::CLIENT_CAPABILITIES).is_none());
    }
}
