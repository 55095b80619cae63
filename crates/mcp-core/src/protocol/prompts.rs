//! Prompts.
//!
//! Source: specification, *Server features → Prompts*.

use std::collections::BTreeMap;

use super::wire::{results, wire};
use crate::protocol::{
    CacheScope, ContentBlock, Icon, InputResponses, Meta, RequestMetaObject, ResultType, Role,
};

wire! {
    /// A prompt, as clients see it.
    pub struct Prompt {
        required {
            /// Its name, for programs.
            "name" name: String,
        }
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it is for.
            "description" description: String,
            /// Its arguments.
            "arguments" arguments: Vec<PromptArgument>,
            /// Its icons.
            "icons" icons: Vec<Icon>,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// An argument of a prompt.
    pub struct PromptArgument {
        required {
            /// Its name, for programs.
            "name" name: String,
        }
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it means.
            "description" description: String,
            /// Whether it must be given.
            "required" required: bool,
        }
    }
}

wire! {
    /// A page of prompts.
    pub struct ListPromptsResult {
        required {
            /// The prompts.
            "prompts" prompts: Vec<Prompt>,
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
results!(ListPromptsResult);

wire! {
    /// The parameters of `prompts/get`.
    pub struct GetPromptRequestParams {
        required {
            /// The request's metadata.
            "_meta" meta: RequestMetaObject,
            /// The prompt.
            "name" name: String,
        }
        optional {
            /// The arguments.
            "arguments" arguments: BTreeMap<String, String>,
            /// Answers to the questions of the round before.
            "inputResponses" input_responses: InputResponses,
            /// The state of the round before, as it came.
            "requestState" request_state: String,
        }
    }
}

wire! {
    /// A prompt, filled in.
    pub struct GetPromptResult {
        required {
            /// The messages.
            "messages" messages: Vec<PromptMessage>,
        }
        optional {
            /// What the prompt is for.
            "description" description: String,
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(GetPromptResult);

wire! {
    /// A message of a prompt.
    pub struct PromptMessage {
        required {
            /// Who says it.
            "role" role: Role,
            /// What is said.
            "content" content: ContentBlock,
        }
    }
}

impl PromptMessage {
    /// A message of the person.
    pub fn user(content: impl Into<ContentBlock>) -> Self {
        Self::new(Role::User, content)
    }

    /// A message of the model.
    pub fn assistant(content: impl Into<ContentBlock>) -> Self {
        Self::new(Role::Assistant, content)
    }
}
