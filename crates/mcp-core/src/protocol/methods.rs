//! The names of the methods, and the traits that tie a method to its types.
//!
//! A method is a type without values that implements [`RequestMethod`] or [`NotificationMethod`];
//! [`JsonRpcRequest<CallTool>`](super::JsonRpcRequest) is a whole request. Extensions define further
//! ones outside this crate.
//!
//! ```
//! use mcp_core::protocol::{CallTool, RequestMethod, methods};
//!
//! assert_eq!(CallTool::METHOD, methods::TOOLS_CALL);
//! assert_eq!(methods::name_field("resources/read"), Some("uri"));
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RequestMetaObject;

/// A method that is answered.
///
/// ```
/// use mcp_core::protocol::{EmptyResult, JsonRpcRequest, RequestMethod, RequestParams};
///
/// #[derive(Clone, Debug, PartialEq)]
/// enum Ping {}
///
/// impl RequestMethod for Ping {
///     const METHOD: &'static str = "com.example/ping";
///     type Params = RequestParams;
///     type Result = EmptyResult;
/// }
///
/// let ping = JsonRpcRequest::<Ping>::new(1, RequestParams::new());
/// assert!(serde_json::to_string(&ping)?.contains(r#""method":"com.example/ping""#));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub trait RequestMethod {
    /// The name of the method on the wire.
    const METHOD: &'static str;
    /// The request's `params`.
    type Params: Serialize + DeserializeOwned + Send;
    /// The result of a request that is complete, without its `resultType`.
    type Result: Serialize + DeserializeOwned + Send;
}

/// A method that is not answered.
pub trait NotificationMethod {
    /// The name of the method on the wire.
    const METHOD: &'static str;
    /// The notification's `params`.
    type Params: Serialize + DeserializeOwned + Send;
    /// Whether `params` must be in the message. If not, `Params` is an `Option`.
    const PARAMS_REQUIRED: bool = true;

    /// Whether these params are to be left out of the message.
    fn omits(_params: &Self::Params) -> bool {
        false
    }
}

/// A method whose request names one thing, which HTTP mirrors in the `Mcp-Name` header
/// (specification, "Streamable HTTP", "Standard Request Headers").
pub trait NamedRequest: RequestMethod {
    /// The member of `params` that has the name.
    const NAME_FIELD: &'static str;

    /// The name in these params.
    fn name(params: &Self::Params) -> &str;
}

/// Params that carry a request's `_meta`.
pub trait HasRequestMeta {
    /// The request's `_meta`.
    fn request_meta(&self) -> &RequestMetaObject;

    /// The request's `_meta`, to be completed before it is sent.
    fn request_meta_mut(&mut self) -> &mut RequestMetaObject;
}

/// Implements [`HasRequestMeta`] for types with a field `meta: RequestMetaObject`.
macro_rules! has_request_meta {
    ($($name:ident)*) => {
        $(
            impl $crate::protocol::HasRequestMeta for $name {
                fn request_meta(&self) -> &$crate::protocol::RequestMetaObject {
                    &self.meta
                }

                fn request_meta_mut(&mut self) -> &mut $crate::protocol::RequestMetaObject {
                    &mut self.meta
                }
            }
        )*
    };
}

pub(crate) use has_request_meta;

/// Defines the type of a method that is answered.
macro_rules! request_method {
    ($(#[doc = $doc:literal])* $name:ident = $method:expr, $params:ty => $result:ty) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name {}

        impl $crate::protocol::RequestMethod for $name {
            const METHOD: &'static str = $method;
            type Params = $params;
            type Result = $result;
        }
    };
}

pub(crate) use request_method;

/// Defines the type of a method that is not answered; `optional` if its params may be absent.
macro_rules! notification_method {
    ($(#[doc = $doc:literal])* $name:ident = $method:expr, $params:ty) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name {}

        impl $crate::protocol::NotificationMethod for $name {
            const METHOD: &'static str = $method;
            type Params = $params;
        }
    };
    ($(#[doc = $doc:literal])* $name:ident = $method:expr, optional $params:ty) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name {}

        impl $crate::protocol::NotificationMethod for $name {
            const METHOD: &'static str = $method;
            type Params = Option<$params>;
            const PARAMS_REQUIRED: bool = false;

            fn omits(params: &Self::Params) -> bool {
                params.is_none()
            }
        }
    };
}

pub(crate) use notification_method;

/// Declares constants with a documentation that names what they are for.
macro_rules! method_names {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)*) => {
        $($(#[doc = $doc])* pub const $name: &str = $text;)*

        /// Every method of the core protocol, requests and notifications, in alphabetical order.
        pub const ALL: &[&str] = &[$($text),*];
    };
}

method_names! {
    /// Asks for completions of an argument.
    COMPLETION_COMPLETE = "completion/complete";
    /// Asks the user for input; only inside an input request.
    ELICITATION_CREATE = "elicitation/create";
    /// Cancels a request, or ends a subscription over stdio.
    NOTIFICATIONS_CANCELLED = "notifications/cancelled";
    /// Carries a log message. Deprecated by the specification.
    NOTIFICATIONS_MESSAGE = "notifications/message";
    /// Reports progress on a request.
    NOTIFICATIONS_PROGRESS = "notifications/progress";
    /// Says that the list of prompts changed.
    NOTIFICATIONS_PROMPTS_LIST_CHANGED = "notifications/prompts/list_changed";
    /// Says that the list of resources changed.
    NOTIFICATIONS_RESOURCES_LIST_CHANGED = "notifications/resources/list_changed";
    /// Says that one resource changed.
    NOTIFICATIONS_RESOURCES_UPDATED = "notifications/resources/updated";
    /// Opens the stream of a subscription.
    NOTIFICATIONS_SUBSCRIPTIONS_ACKNOWLEDGED = "notifications/subscriptions/acknowledged";
    /// Says that the list of tools changed.
    NOTIFICATIONS_TOOLS_LIST_CHANGED = "notifications/tools/list_changed";
    /// Gets a prompt.
    PROMPTS_GET = "prompts/get";
    /// Lists the prompts.
    PROMPTS_LIST = "prompts/list";
    /// Lists the resources.
    RESOURCES_LIST = "resources/list";
    /// Reads a resource.
    RESOURCES_READ = "resources/read";
    /// Lists the resource templates.
    RESOURCES_TEMPLATES_LIST = "resources/templates/list";
    /// Asks for the client's roots; only inside an input request. Deprecated by the specification.
    ROOTS_LIST = "roots/list";
    /// Asks for a model's answer; only inside an input request. Deprecated by the specification.
    SAMPLING_CREATE_MESSAGE = "sampling/createMessage";
    /// Asks what the server is and can do.
    SERVER_DISCOVER = "server/discover";
    /// Opens a stream of change notifications.
    SUBSCRIPTIONS_LISTEN = "subscriptions/listen";
    /// Calls a tool.
    TOOLS_CALL = "tools/call";
    /// Lists the tools.
    TOOLS_LIST = "tools/list";
}

/// The member of `params` that HTTP mirrors in the `Mcp-Name` header, for a method of the core.
pub fn name_field(method: &str) -> Option<&'static str> {
    match method {
        TOOLS_CALL | PROMPTS_GET => Some("name"),
        RESOURCES_READ => Some("uri"),
        _ => None,
    }
}

/// Whether a request of the core may be answered with
/// [`InputRequiredResult`](super::InputRequiredResult) (specification, "Multi Round-Trip Requests",
/// "Supported Requests").
pub fn may_require_input(method: &str) -> bool {
    matches!(method, TOOLS_CALL | PROMPTS_GET | RESOURCES_READ)
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn the_list_of_methods_is_sorted_and_without_repetition() {
        assert!(ALL.is_sorted_by(|left, right| left < right));
    }
}
