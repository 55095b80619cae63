//! Completion of arguments.
//!
//! Source: specification, *Server utilities → Completion*.

use std::collections::BTreeMap;

use super::wire::{results, tagged, wire};
use crate::protocol::{Meta, RequestMetaObject, ResultType};

wire! {
    /// The parameters of `completion/complete`.
    pub struct CompleteRequestParams {
        required {
            /// The request's metadata.
            "_meta" meta: RequestMetaObject,
            /// What is being filled in.
            "ref" reference: CompletionReference,
            /// The argument that is being typed.
            "argument" argument: CompletionArgument,
        }
        optional {
            /// What is known already.
            "context" context: CompletionContext,
        }
    }
}

tagged! {
    /// What is being filled in.
    pub enum CompletionReference by "type" {
        /// A prompt.
        "ref/prompt" => Prompt(PromptReference),
        /// A resource template.
        "ref/resource" => ResourceTemplate(ResourceTemplateReference),
    }
}

wire! {
    /// A prompt by its name.
    pub struct PromptReference {
        tag "type" = "ref/prompt";
        required {
            /// The name.
            "name" name: String,
        }
        optional {
            /// Its name, for people.
            "title" title: String,
        }
    }
}

wire! {
    /// A resource template by itself, or a URI that fits one.
    pub struct ResourceTemplateReference {
        tag "type" = "ref/resource";
        required {
            /// The URI template.
            "uri" uri: String,
        }
    }
}

wire! {
    /// The argument that is being typed.
    pub struct CompletionArgument {
        required {
            /// Its name.
            "name" name: String,
            /// What was typed so far.
            "value" value: String,
        }
    }
}

wire! {
    /// What is known already.
    #[derive(Default)]
    pub struct CompletionContext {
        optional {
            /// Values of other arguments.
            "arguments" arguments: BTreeMap<String, String>,
        }
    }
}

wire! {
    /// What may be meant.
    pub struct CompleteResult {
        required {
            /// The proposals.
            "completion" completion: Completion,
        }
        optional {
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(CompleteResult);

wire! {
    /// Proposals.
    pub struct Completion {
        required {
            /// The proposals, best first; at most a hundred.
            "values" values: Vec<String>,
        }
        optional {
            /// How many there are in all.
            "total" total: u64,
            /// Whether there are more than these.
            "hasMore" has_more: bool,
        }
    }
}

impl Completion {
    /// As many proposals are sent at most.
    pub const MAX_VALUES: usize = 100;
}
