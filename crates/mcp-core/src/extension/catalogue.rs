//! Descriptions of the extensions that are linked into a program.

use schemars::{JsonSchema, Schema};

use crate::extension::{Extension, ExtensionId};

/// What is known of an extension without enabling it: for `cargo xtask schema` and for tools.
///
/// Submitted with [`register_extension!`](crate::register_extension). Being linked enables nothing.
pub struct ExtensionDescriptor {
    /// Its identifier.
    pub id: ExtensionId,
    /// Where its specification is, as a path in its crate or an address.
    pub specification: &'static str,
    /// The schema of what clients declare.
    pub client_settings: fn() -> Schema,
    /// The schema of what the server shows.
    pub server_settings: fn() -> Schema,
    /// Its methods and notifications.
    pub messages: &'static [MessageDescriptor],
    /// Its further schemas by name: `_meta` values, result types.
    pub definitions: &'static [(&'static str, fn() -> Schema)],
}

/// A method or notification of an extension.
pub struct MessageDescriptor {
    /// Its name on the wire.
    pub method: &'static str,
    /// The schema of its parameters.
    pub params: fn() -> Schema,
    /// The schema of its result; `None` for a notification.
    pub result: Option<fn() -> Schema>,
}

impl ExtensionDescriptor {
    /// Describes `E`, its specification being at `specification`.
    #[must_use]
    pub const fn of<E: Extension>(specification: &'static str) -> Self {
        Self {
            id: E::ID,
            specification,
            client_settings: schema_of::<E::ClientSettings>,
            server_settings: schema_of::<E::ServerSettings>,
            messages: &[],
            definitions: &[],
        }
    }

    /// Adds its methods and notifications.
    #[must_use]
    pub const fn with_messages(mut self, messages: &'static [MessageDescriptor]) -> Self {
        self.messages = messages;
        self
    }

    /// Adds further schemas by name.
    #[must_use]
    pub const fn with_definitions(
        mut self,
        definitions: &'static [(&'static str, fn() -> Schema)],
    ) -> Self {
        self.definitions = definitions;
        self
    }
}

impl MessageDescriptor {
    /// A method with its parameters and result.
    #[must_use]
    pub const fn method<P: JsonSchema, R: JsonSchema>(method: &'static str) -> Self {
        Self { method, params: schema_of::<P>, result: Some(schema_of::<R>) }
    }

    /// A notification with its parameters.
    #[must_use]
    pub const fn notification<P: JsonSchema>(method: &'static str) -> Self {
        Self { method, params: schema_of::<P>, result: None }
    }
}

/// The schema of `T`, as a function that constants can name.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Schema {
    schemars::schema_for!(T)
}

inventory::collect!(ExtensionDescriptor);

/// The descriptors of all extensions that are linked into this program, by identifier.
#[must_use]
pub fn catalogue() -> Vec<&'static ExtensionDescriptor> {
    let mut all: Vec<_> = inventory::iter::<ExtensionDescriptor>.into_iter().collect();
    all.sort_by_key(|descriptor| descriptor.id);
    all
}

/// Adds an extension to the [`catalogue`](crate::extension::catalogue()).
///
/// ```
/// use mcp_core::extension::{Extension, ExtensionDescriptor, ExtensionId, NoSettings};
///
/// struct Weather;
/// impl Extension for Weather {
///     const ID: ExtensionId = ExtensionId::new("com.example/weather");
///     type ClientSettings = NoSettings;
///     type ServerSettings = NoSettings;
/// }
///
/// mcp_core::register_extension!(ExtensionDescriptor::of::<Weather>("SPEC.md"));
///
/// # fn main() {
/// assert!(mcp_core::extension::catalogue().iter().any(|d| d.id == Weather::ID));
/// # }
/// ```
#[macro_export]
macro_rules! register_extension {
    ($descriptor:expr) => {
        $crate::__private::inventory::submit! { $descriptor }
    };
}
