//! The base interfaces of the schema: parts that several types share.
//!
//! The types themselves repeat these members. What is here serves programs that handle any of them
//! alike: parse an object as one of these and find the rest in its `extra`.
//!
//! ```
//! use mcp_core::protocol::base::BaseMetadata;
//!
//! let text = r#"{"name":"now","title":"The time","inputSchema":{"type":"object"}}"#;
//! let anything: BaseMetadata = serde_json::from_str(text)?;
//! assert_eq!(anything.title.as_deref(), Some("The time"));
//! # Ok::<(), serde_json::Error>(())
//! ```

use super::methods::has_request_meta;
use super::tools::AnyMembers;
use super::wire::wire;
use super::{Icon, JsonObject, Meta, PaginatedRequestParams, RequestId, RequestMetaObject};

wire! {
    /// Something with a name.
    pub struct BaseMetadata {
        required {
            /// The name for programs, and for people if there is no title.
            name: String = "name",
        }
        optional {
            /// The name for people.
            title: String = "title" => with_title,
        }
    }
}

wire! {
    /// Something that pictures can stand for.
    #[derive(Default)]
    pub struct Icons {
        optional {
            /// The pictures.
            icons: Vec<Icon> = "icons" => with_icons,
        }
    }
}

wire! {
    /// The contents of a resource, whether text or bytes.
    pub struct ResourceContents {
        required {
            /// The URI of what these are the contents of.
            uri: String = "uri" { "format": "uri" },
        }
        optional {
            /// The media type.
            mime_type: String = "mimeType" => with_mime_type,
            /// Metadata of the contents.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

wire! {
    /// Params that name a resource.
    pub struct ResourceRequestParams {
        required {
            /// The resource.
            uri: String = "uri" { "format": "uri" },
        }
        implied {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
    }
}

has_request_meta!(ResourceRequestParams);

wire! {
    /// A request without its JSON-RPC envelope.
    pub struct Request {
        required {
            /// What is asked for.
            method: String = "method",
        }
        optional {
            /// What the method needs to know.
            params: JsonObject as AnyMembers = "params" => with_params,
        }
    }
}

wire! {
    /// A notification without its JSON-RPC envelope.
    pub struct Notification {
        required {
            /// What has happened.
            method: String = "method",
        }
        optional {
            /// What the method has to say.
            params: JsonObject as AnyMembers = "params" => with_params,
        }
    }
}

wire! {
    /// A request for a page of a list, whatever the list.
    pub struct PaginatedRequest
    [tag "jsonrpc" = "2.0"]
    {
        required {
            /// Ties the answer to this request.
            id: RequestId = "id",
            /// What is asked for.
            method: String = "method",
            /// Which page.
            params: PaginatedRequestParams = "params",
        }
    }
}
