//! Typed keys of `_meta`.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A key of `_meta` and the type of its value.
///
/// An extension registers the keys it reads and writes
/// ([`Contributions::request_meta`](super::Contributions::request_meta)), so that their schemas are
/// published and malformed values are refused; a handler reads one by its type
/// ([`Cx::request_meta`](crate::server::Cx::request_meta)).
///
/// ```
/// use mcp_core::extension::MetaKey;
///
/// struct Purpose;
///
/// impl MetaKey for Purpose {
///     const KEY: &'static str = "com.example/purpose";
///     type Value = String;
/// }
/// ```
pub trait MetaKey: Send + Sync + 'static {
    /// The key, with its vendor prefix.
    const KEY: &'static str;
    /// What it holds.
    type Value: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
}
