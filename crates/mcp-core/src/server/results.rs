//! What handlers may return.

use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::protocol::{
    CallToolResult, CompleteResult, Completion, ContentBlock, GetPromptResult, PromptMessage,
    ReadResourceResult, ResultBody,
};
use crate::server::handler::{IntoResult, kind, untitled};
use crate::server::{HandlerError, Outcome};
use crate::{Error, RawJson};

/// A structured result: any serialisable value.
///
/// It is sent as `structuredContent` and, for clients that know no structured content, as JSON text
/// in `content`. The type's JSON Schema becomes the tool's `outputSchema`.
///
/// ```
/// use mcp_core::server::Json;
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct Sum {
///     sum: i64,
/// }
///
/// async fn add() -> Json<Sum> {
///     Json(Sum { sum: 4 })
/// }
/// # let _ = add;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A tool result borrowed from what the handler made; serialised once, straight into the answer.
#[derive(Serialize)]
struct TextResult<'a> {
    content: [Text<'a>; 1],
    #[serde(rename = "structuredContent", skip_serializing_if = "Option::is_none")]
    structured: Option<&'a RawJson>,
    #[serde(rename = "isError", skip_serializing_if = "std::ops::Not::not")]
    is_error: bool,
}

#[derive(Serialize)]
struct Text<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

impl ResultBody for TextResult<'_> {
    fn is_error(&self) -> bool {
        self.is_error
    }

    fn length_hint(&self) -> usize {
        let [text] = &self.content;
        text.text.len() + self.structured.map_or(0, |raw| raw.get().len())
    }
}

/// A tool's result of one text.
pub(crate) fn text_outcome(text: &str, is_error: bool) -> Result<Outcome, Error> {
    Outcome::complete(TextResult {
        content: [Text { kind: "text", text }],
        structured: None,
        is_error,
    })
}

impl IntoResult<kind::Tool> for () {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(Outcome::complete(CallToolResult::new(Vec::new()))?)
    }
}

impl IntoResult<kind::Tool> for String {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(text_outcome(&self, false)?)
    }
}

impl IntoResult<kind::Tool> for &'static str {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(text_outcome(self, false)?)
    }
}

impl IntoResult<kind::Tool> for ContentBlock {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(Outcome::complete(CallToolResult::new(vec![self]))?)
    }
}

impl IntoResult<kind::Tool> for Vec<ContentBlock> {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(Outcome::complete(CallToolResult::new(self))?)
    }
}

impl IntoResult<kind::Tool> for CallToolResult {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(Outcome::complete(self)?)
    }
}

impl<T: Serialize + JsonSchema> IntoResult<kind::Tool> for Json<T> {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        let structured = RawJson::from_serialize(&self.0)?;
        Ok(Outcome::complete(TextResult {
            content: [Text { kind: "text", text: structured.get() }],
            structured: Some(&structured),
            is_error: false,
        })?)
    }

    fn output_schema() -> Option<Schema> {
        Some(untitled::<T>())
    }
}

impl IntoResult<kind::Prompt> for GetPromptResult {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(Outcome::complete(self)?)
    }
}

impl IntoResult<kind::Prompt> for Vec<PromptMessage> {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(Outcome::complete(GetPromptResult::new(self))?)
    }
}

/// One message of the user.
impl IntoResult<kind::Prompt> for String {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        vec![PromptMessage::user(ContentBlock::text(self))].into_outcome()
    }
}

/// One message of the user.
impl IntoResult<kind::Prompt> for &'static str {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        IntoResult::<kind::Prompt>::into_outcome(self.to_owned())
    }
}

impl IntoResult<kind::Resource> for ReadResourceResult {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(Outcome::complete(self)?)
    }
}

/// As made by the handler, but with no more values than a result may have.
impl IntoResult<kind::Completion> for CompleteResult {
    fn into_outcome(mut self) -> Result<Outcome, HandlerError> {
        if self.completion.values.len() > Completion::MAX_VALUES {
            let count = self.completion.values.len() as u64;
            self.completion.total.get_or_insert(count);
            self.completion.values.truncate(Completion::MAX_VALUES);
            self.completion.has_more = Some(true);
        }
        Ok(Outcome::complete(self)?)
    }
}

/// All matches, best first; the core sends the first hundred and says how many there are.
impl IntoResult<kind::Completion> for Vec<String> {
    fn into_outcome(mut self) -> Result<Outcome, HandlerError> {
        let total = self.len();
        self.truncate(Completion::MAX_VALUES);
        let mut completion = Completion::new(self);
        completion.total = Some(total as u64);
        completion.has_more = Some(total > Completion::MAX_VALUES);
        Ok(Outcome::complete(CompleteResult::new(completion))?)
    }
}
