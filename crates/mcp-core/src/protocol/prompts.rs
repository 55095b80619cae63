//! Prompts: messages that a server has ready for people to use (specification, "Prompts").

use super::methods::{
    NOTIFICATIONS_PROMPTS_LIST_CHANGED, PROMPTS_GET, PROMPTS_LIST, has_request_meta,
    notification_method, request_method,
};
use super::result::result_body;
use super::wire::wire;
use super::{
    CacheScope, ContentBlock, Cursor, Icon, InputResponses, JsonMap, JsonRpcNotification,
    JsonRpcRequest, JsonRpcResultResponse, Meta, NamedRequest, NotificationParams,
    PaginatedRequestParams, RequestMetaObject, ResultMetaObject, Role, RoundTrip, Tagged, TtlMs,
};

request_method! {
    /// Lists the prompts.
    ListPrompts = PROMPTS_LIST, PaginatedRequestParams => ListPromptsResult
}

request_method! {
    /// Gets a prompt.
    GetPrompt = PROMPTS_GET, GetPromptRequestParams => GetPromptResult
}

impl NamedRequest for GetPrompt {
    const NAME_FIELD: &'static str = "name";

    fn name(params: &GetPromptRequestParams) -> &str {
        &params.name
    }
}

notification_method! {
    /// Says that the list of prompts changed.
    PromptListChanged = NOTIFICATIONS_PROMPTS_LIST_CHANGED, optional NotificationParams
}

/// A `prompts/list` request.
pub type ListPromptsRequest = JsonRpcRequest<ListPrompts>;
/// The answer to a `prompts/list` request.
pub type ListPromptsResultResponse = JsonRpcResultResponse<Tagged<ListPromptsResult>>;
/// A `prompts/get` request.
pub type GetPromptRequest = JsonRpcRequest<GetPrompt>;
/// The answer to a `prompts/get` request.
pub type GetPromptResultResponse = JsonRpcResultResponse<RoundTrip<GetPromptResult>>;
/// A `notifications/prompts/list_changed` notification.
pub type PromptListChangedNotification = JsonRpcNotification<PromptListChanged>;

wire! {
    /// A prompt, as a server lists it.
    ///
    /// ```
    /// use mcp_core::protocol::{Prompt, PromptArgument};
    ///
    /// let prompt = Prompt::new("review")
    ///     .with_arguments([PromptArgument::new("code").with_required(true)]);
    /// # let _ = prompt;
    /// ```
    pub struct Prompt {
        required {
            /// The name by which the prompt is got.
            name: String = "name",
        }
        optional {
            /// The name for people.
            title: String = "title" => with_title,
            /// What the prompt is for.
            description: String = "description" => with_description,
            /// What can be filled in.
            arguments: Vec<PromptArgument> = "arguments" => with_arguments,
            /// Pictures that stand for the prompt.
            icons: Vec<Icon> = "icons" => with_icons,
            /// Metadata of the prompt.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

wire! {
    /// Something to fill in in a prompt.
    pub struct PromptArgument {
        required {
            /// The name for programs, and for people if there is no title.
            name: String = "name",
        }
        optional {
            /// The name for people.
            title: String = "title" => with_title,
            /// What to fill in.
            description: String = "description" => with_description,
            /// It must be filled in. Absent means that it need not be.
            required: bool = "required" => with_required,
        }
    }
}

wire! {
    /// A page of the list of prompts.
    pub struct ListPromptsResult
    [result "complete"]
    {
        required {
            /// The prompts.
            prompts: Vec<Prompt> = "prompts",
        }
        lenient {
            /// For how long this stays fresh, in milliseconds. Absent means not at all.
            ttl_ms: TtlMs = "ttlMs" => with_ttl_ms,
            /// Who may use a cached copy. Absent means whoever may have asked for it.
            cache_scope: CacheScope = "cacheScope" => with_cache_scope,
        }
        optional {
            /// Where the next page starts. Absent means that this is the last.
            next_cursor: Cursor = "nextCursor" => with_next_cursor,
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

wire! {
    /// The params of a `prompts/get` request.
    ///
    /// ```
    /// use mcp_core::protocol::GetPromptRequestParams;
    ///
    /// let params = GetPromptRequestParams::new("review")
    ///     .with_arguments([("code", "fn main() {}".to_owned())]);
    /// # let _ = params;
    /// ```
    pub struct GetPromptRequestParams {
        required {
            /// The prompt.
            name: String = "name",
        }
        implied {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
        optional {
            /// What is filled in, by the names of the arguments.
            arguments: JsonMap<String> = "arguments" => with_arguments,
            /// The answers to the input requests of the round before.
            input_responses: InputResponses = "inputResponses" => with_input_responses,
            /// The request state of the round before, unchanged.
            request_state: String = "requestState" => with_request_state,
        }
    }
}

has_request_meta!(GetPromptRequestParams);

wire! {
    /// A prompt, filled in.
    ///
    /// ```
    /// use mcp_core::protocol::{GetPromptResult, PromptMessage};
    ///
    /// let result = GetPromptResult::new([PromptMessage::user("Please review this.")]);
    /// # let _ = result;
    /// ```
    pub struct GetPromptResult
    [result "complete"]
    {
        required {
            /// The messages to begin the conversation with.
            messages: Vec<PromptMessage> = "messages",
        }
        optional {
            /// What the prompt is for.
            description: String = "description" => with_description,
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

result_body!(ListPromptsResult GetPromptResult);

wire! {
    /// One message of a prompt.
    pub struct PromptMessage {
        required {
            /// Who says it.
            role: Role = "role",
            /// What is said.
            content: ContentBlock = "content",
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
