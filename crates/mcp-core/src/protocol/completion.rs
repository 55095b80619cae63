//! Completion of arguments while they are typed (specification, "Completion").

use super::methods::{COMPLETION_COMPLETE, has_request_meta, request_method};
use super::result::result_body;
use super::union::tagged_union;
use super::wire::wire;
use super::{
    JsonMap, JsonRpcRequest, JsonRpcResultResponse, Meta, RequestMetaObject, ResultMetaObject,
    Tagged,
};

request_method! {
    /// Asks for completions of an argument.
    Complete = COMPLETION_COMPLETE, CompleteRequestParams => CompleteResult
}

/// A `completion/complete` request.
pub type CompleteRequest = JsonRpcRequest<Complete>;
/// The answer to a `completion/complete` request.
pub type CompleteResultResponse = JsonRpcResultResponse<Tagged<CompleteResult>>;

tagged_union! {
    /// What has the argument to be completed.
    pub enum CompletionReference by "type" [inline = true] {
        /// A prompt.
        Prompt(PromptReference) = "ref/prompt",
        /// A resource template.
        Resource(ResourceTemplateReference) = "ref/resource",
    }
}

wire! {
    /// Names a prompt.
    pub struct PromptReference
    [tag "type" = "ref/prompt"]
    {
        required {
            /// The prompt.
            name: String = "name",
        }
        optional {
            /// The prompt's name for people.
            title: String = "title" => with_title,
        }
    }
}

wire! {
    /// Names a resource template, or a resource.
    pub struct ResourceTemplateReference
    [tag "type" = "ref/resource"]
    {
        required {
            /// The URI template, or the URI.
            uri: String = "uri" { "format": "uri-template" },
        }
    }
}

wire! {
    /// The params of a `completion/complete` request.
    ///
    /// ```
    /// use mcp_core::protocol::{CompleteRequestParams, CompletionArgument, PromptReference};
    ///
    /// let params = CompleteRequestParams::new(
    ///     PromptReference::new("review"),
    ///     CompletionArgument::new("language", "py"),
    /// );
    /// # let _ = params;
    /// ```
    pub struct CompleteRequestParams {
        required {
            /// What has the argument.
            reference: CompletionReference = "ref",
            /// The argument.
            argument: CompletionArgument = "argument",
        }
        implied {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
        optional {
            /// What is known already.
            context: CompletionContext = "context" => with_context,
        }
    }
}

has_request_meta!(CompleteRequestParams);

wire! {
    /// An argument that is being typed.
    pub struct CompletionArgument
    [inline = true]
    {
        required {
            /// The name of the argument.
            name: String = "name",
            /// What is typed so far.
            value: String = "value",
        }
    }
}

wire! {
    /// What is known while an argument is typed.
    #[derive(Default)]
    pub struct CompletionContext
    [inline = true]
    {
        optional {
            /// Arguments that are filled in already.
            arguments: JsonMap<String> = "arguments" => with_arguments,
        }
    }
}

wire! {
    /// Completions of an argument.
    ///
    /// ```
    /// use mcp_core::protocol::{CompleteResult, Completion};
    ///
    /// let result = CompleteResult::new(Completion::new(["python".to_owned(), "pytorch".to_owned()]));
    /// # let _ = result;
    /// ```
    pub struct CompleteResult
    [result "complete"]
    {
        required {
            /// The completions.
            completion: Completion = "completion",
        }
        optional {
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

result_body!(CompleteResult);

wire! {
    /// Completions, the best first.
    pub struct Completion
    [inline = true]
    {
        required {
            /// What the argument could be: at most [`Completion::MAX_VALUES`].
            values: Vec<String> = "values" { "maxItems": 100 },
        }
        optional {
            /// How many there are in all, with those that are not sent.
            total: u64 = "total" => with_total,
            /// There are more than these.
            has_more: bool = "hasMore" => with_has_more,
        }
    }
}

impl Completion {
    /// How many values a result may have.
    pub const MAX_VALUES: usize = 100;

    /// The first [`MAX_VALUES`](Self::MAX_VALUES) of these values, with `total` and `has_more` set
    /// accordingly.
    ///
    /// ```
    /// use mcp_core::protocol::Completion;
    ///
    /// let completion = Completion::first((0..250).map(|n| n.to_string()));
    /// assert_eq!(completion.values.len(), 100);
    /// assert_eq!((completion.total, completion.has_more), (Some(250), Some(true)));
    /// ```
    pub fn first(values: impl IntoIterator<Item = String>) -> Self {
        let mut values = values.into_iter();
        let sent: Vec<String> = values.by_ref().take(Self::MAX_VALUES).collect();
        let rest = values.count();
        let total = sent.len() as u64 + rest as u64;
        Self::new(sent).with_total(total).with_has_more(rest > 0)
    }
}
