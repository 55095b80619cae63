//! A notification as it came.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::envelope::{MetaMembers, Object, params_text};
use super::text::Text;
use super::without_values;
use crate::Error;

/// A notification, its envelope read.
#[derive(Debug)]
pub struct IncomingNotification {
    pub(super) body: String,
    pub(super) method: Text,
}

impl IncomingNotification {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.get(&self.body)
    }

    /// The raw parameters; absent ones are an empty object.
    #[must_use]
    pub fn params(&self) -> &str {
        params_text(&self.body).unwrap_or("{}")
    }

    /// The parameters as a type.
    ///
    /// # Errors
    /// `-32602` if they do not fit.
    pub fn parse_params<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.params())
            .map_err(|error| Error::invalid_params(format!("`params`: {}", without_values(&error))))
    }

    /// The raw `clientCapabilities` of its `_meta`, by which an extension's notification shows that
    /// its sender declares the extension. Notifications of the core carry none.
    #[must_use]
    pub fn client_capabilities(&self) -> Option<&str> {
        #[derive(Deserialize)]
        struct Params<'a> {
            #[serde(borrow, rename = "_meta")]
            meta: &'a RawValue,
        }
        let params: Params<'_> = serde_json::from_str(self.params()).ok()?;
        let Object(meta): Object<MetaMembers<'_>> = serde_json::from_str(params.meta.get()).ok()?;
        meta.client_capabilities.map(RawValue::get)
    }
}
