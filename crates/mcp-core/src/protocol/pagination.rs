//! Lists in pages (specification, "Pagination").

use super::methods::has_request_meta;
use super::wire::wire;
use super::{Meta, RequestMetaObject, ResultMetaObject, ResultType};

/// A place in a list, opaque to clients.
pub type Cursor = String;

wire! {
    /// The params of a request that lists things.
    ///
    /// ```
    /// use mcp_core::protocol::PaginatedRequestParams;
    ///
    /// let next_page = PaginatedRequestParams::new().with_cursor("eyJwYWdlIjogMn0=");
    /// # let _ = next_page;
    /// ```
    #[derive(Default)]
    pub struct PaginatedRequestParams {
        implied {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
        optional {
            /// Where to go on, from the result before. Absent means from the start.
            cursor: Cursor = "cursor" => with_cursor,
        }
    }
}

has_request_meta!(PaginatedRequestParams);

wire! {
    /// The part that all lists share. Parse a result as this to learn whether there is more, whatever
    /// its method; everything else is in `extra`.
    #[derive(Default)]
    pub struct PaginatedResult {
        defaulted {
            /// How the result is to be read.
            result_type: ResultType = "resultType" => with_result_type,
        }
        optional {
            /// Where the next page starts. Absent means that this is the last.
            next_cursor: Cursor = "nextCursor" => with_next_cursor,
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}
