//! A server's reasoned "no" to a client's settings.

use crate::Error;
use crate::RawJson;
use crate::extension::ExtensionId;
use crate::protocol::{ClientCapabilities, JsonObject};

/// Why a server does not agree to the settings that a client declared for an extension.
///
/// On the wire it is `-32021` if the refusal says what would be acceptable, else `-32602`; both with
/// `data.extension` or `data.requiredCapabilities` naming the extension.
///
/// ```
/// use mcp_core::extension::Refusal;
///
/// let refusal = Refusal::new("this server speaks version 2 only")
///     .accepting(&serde_json::json!({ "version": 2 }));
/// assert_eq!(refusal.reason(), "this server speaks version 2 only");
/// ```
#[derive(Debug, Clone)]
pub struct Refusal {
    reason: String,
    required: Option<JsonObject>,
    details: Vec<(&'static str, RawJson)>,
}

impl Refusal {
    /// A refusal with its reason, in words for a developer.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), required: None, details: Vec::new() }
    }

    /// Names settings that would be accepted.
    #[must_use]
    pub fn accepting<T: serde::Serialize>(mut self, settings: &T) -> Self {
        self.required = JsonObject::from_serialize(settings).ok();
        self
    }

    /// Adds a member to the `data` of the `-32602` that answers: what a program can act on, such as the versions that
    /// are spoken. Without effect after [`accepting`](Self::accepting), whose answer says what to declare instead.
    ///
    /// ```
    /// use mcp_core::extension::Refusal;
    ///
    /// let refusal = Refusal::new("another major version").detail("versions", &["2.0"]);
    /// # let _ = refusal;
    /// ```
    #[must_use]
    pub fn detail<T: serde::Serialize>(mut self, member: &'static str, value: &T) -> Self {
        if let Ok(value) = RawJson::from_serialize(value) {
            self.details.push((member, value));
        }
        self
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub(crate) fn to_error(&self, id: ExtensionId) -> Error {
        match &self.required {
            Some(required) => Error::missing_capability(requiring(id, required.clone())),
            None => {
                let message = format!("extension {id}: {}", self.reason);
                let mut data = crate::protocol::Extra::new();
                for (member, value) in &self.details {
                    data.insert(*member, value.clone());
                }
                for (member, value) in [("extension", id.as_str()), ("reason", &self.reason)] {
                    if let Ok(value) = RawJson::from_serialize(value) {
                        data.insert(member, value);
                    }
                }
                match RawJson::from_serialize(&data) {
                    Ok(data) => Error::invalid_params_with(message, data),
                    Err(_) => Error::invalid_params(message),
                }
            }
        }
    }
}

/// The capabilities by which a client declares the extension `id` with `settings`.
pub(crate) fn requiring(id: ExtensionId, settings: JsonObject) -> ClientCapabilities {
    ClientCapabilities::new().with_extension(id.as_str(), settings)
}

/// `-32021` asking for the extension `id`.
pub(crate) fn undeclared(id: ExtensionId) -> Error {
    Error::missing_capability(requiring(id, JsonObject::new()))
}
