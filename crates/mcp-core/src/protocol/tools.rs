//! Tools.
//!
//! Source: specification, *Server features → Tools*.

use super::wire::{results, wire};
use crate::RawJson;
use crate::protocol::{
    CacheScope, ContentBlock, Icon, InputResponses, Meta, RequestMetaObject, ResultType,
};

wire! {
    /// A tool, as clients see it.
    pub struct Tool {
        required {
            /// Its name, for programs.
            "name" name: String,
            /// The JSON Schema of its arguments: an object's.
            "inputSchema" input_schema: RawJson,
        }
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it does, for models.
            "description" description: String,
            /// The JSON Schema of its structured result.
            "outputSchema" output_schema: RawJson,
            /// Hints about its behaviour; untrusted unless the server is trusted.
            "annotations" annotations: ToolAnnotations,
            /// Its icons.
            "icons" icons: Vec<Icon>,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// Hints about a tool's behaviour. Never a basis for trust.
    #[derive(Default)]
    pub struct ToolAnnotations {
        optional {
            /// A name for people.
            "title" title: String,
            /// It changes nothing. Assumed false.
            "readOnlyHint" read_only_hint: bool,
            /// It may destroy something. Assumed true.
            "destructiveHint" destructive_hint: bool,
            /// Calling it again changes nothing more. Assumed false.
            "idempotentHint" idempotent_hint: bool,
            /// It deals with an open world. Assumed true.
            "openWorldHint" open_world_hint: bool,
        }
    }
}

wire! {
    /// The parameters of list requests.
    pub struct PaginatedRequestParams {
        required {
            /// The request's metadata.
            "_meta" meta: RequestMetaObject,
        }
        optional {
            /// Where the page begins, from the page before.
            "cursor" cursor: String,
        }
    }
}

wire! {
    /// A page of something.
    #[derive(Default)]
    pub struct PaginatedResult {
        optional {
            /// Where the next page begins.
            "nextCursor" next_cursor: String,
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(PaginatedResult);

wire! {
    /// A page of tools.
    pub struct ListToolsResult {
        required {
            /// The tools.
            "tools" tools: Vec<Tool>,
            /// For how many milliseconds the result may be considered fresh.
            "ttlMs" ttl_ms: u64,
            /// Who may reuse it.
            "cacheScope" cache_scope: CacheScope,
        }
        optional {
            /// Where the next page begins.
            "nextCursor" next_cursor: String,
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(ListToolsResult);

wire! {
    /// The parameters of `tools/call`.
    pub struct CallToolRequestParams {
        required {
            /// The request's metadata.
            "_meta" meta: RequestMetaObject,
            /// The tool.
            "name" name: String,
        }
        optional {
            /// The arguments: an object.
            "arguments" arguments: RawJson,
            /// Answers to the questions of the round before.
            "inputResponses" input_responses: InputResponses,
            /// The state of the round before, as it came.
            "requestState" request_state: String,
        }
    }
}

wire! {
    /// What a tool answered.
    pub struct CallToolResult {
        required {
            /// The answer, for models.
            "content" content: Vec<ContentBlock>,
        }
        nullable {
            /// The answer as a value that fits the tool's output schema.
            "structuredContent" structured_content,
        }
        optional {
            /// Whether the tool failed in a way that a model may mend.
            "isError" is_error: bool,
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(CallToolResult);

impl CallToolResult {
    /// One text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(vec![ContentBlock::text(text)])
    }

    /// A failure that a model may mend.
    pub fn error(text: impl Into<String>) -> Self {
        Self { is_error: Some(true), ..Self::text(text) }
    }

    /// Whether the tool failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.is_error == Some(true)
    }

    /// The texts of the answer, joined by line ends.
    #[must_use]
    pub fn all_text(&self) -> String {
        let texts: Vec<_> = self.content.iter().filter_map(ContentBlock::as_text).collect();
        texts.join("\n")
    }
}
