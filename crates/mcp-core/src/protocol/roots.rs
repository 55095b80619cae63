//! Roots. Deprecated by the protocol.
//!
//! Source: specification, *Client features → Roots*.

use super::wire::wire;
use crate::protocol::Meta;

wire! {
    /// The parameters of `roots/list`.
    #[derive(Default)]
    pub struct ListRootsRequestParams {
        optional {
            /// The request's metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// The folders that a client works in.
    pub struct ListRootsResult {
        required {
            /// The folders.
            "roots" roots: Vec<Root>,
        }
    }
}

wire! {
    /// A folder that a client works in.
    pub struct Root {
        required {
            /// Its `file:` URI.
            "uri" uri: String,
        }
        optional {
            /// Its name, for people.
            "name" name: String,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}
