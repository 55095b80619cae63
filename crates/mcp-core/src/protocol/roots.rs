//! Roots: the folders that a client lets a server work in. Deprecated by the specification
//! (specification, "Roots").

use super::Meta;
use super::methods::{ROOTS_LIST, request_method};
use super::wire::wire;

request_method! {
    /// Asks for the client's roots; only inside an input request.
    ListRoots = ROOTS_LIST, ListRootsRequestParams => ListRootsResult
}

wire! {
    /// Asks for the client's roots.
    #[derive(Default)]
    pub struct ListRootsRequest
    [tag "method" = "roots/list"]
    {
        optional {
            /// Metadata of the request.
            params: ListRootsRequestParams = "params" => with_params,
        }
    }
}

wire! {
    /// The params of a `roots/list` request.
    #[derive(Default)]
    pub struct ListRootsRequestParams
    [inline = true]
    {
        optional {
            /// Metadata of the request.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

wire! {
    /// The client's roots.
    ///
    /// ```
    /// use mcp_core::protocol::{ListRootsResult, Root};
    ///
    /// let result = ListRootsResult::new([Root::new("file:///home/ann/project")]);
    /// # let _ = result;
    /// ```
    pub struct ListRootsResult {
        required {
            /// The roots.
            roots: Vec<Root> = "roots",
        }
    }
}

wire! {
    /// A folder or file that a server may work in.
    pub struct Root {
        required {
            /// Where it is: a `file:` URI.
            uri: String = "uri" { "format": "uri" },
        }
        optional {
            /// A name for people.
            name: String = "name" => with_name,
            /// Metadata of the root.
            meta: Meta = "_meta" => with_meta,
        }
    }
}
