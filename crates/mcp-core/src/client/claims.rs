//! Results of a type that an extension claims.

use crate::RawJson;
use crate::client::core::ProgressFn;
use crate::client::{Client, ClientError};
use crate::protocol::{InputRequests, InputResponses, ProgressNotificationParams};

/// A result of a type that an extension claims, for its resolver.
///
/// The resolver finds the final result, which is then read as the method's own: for a task, it waits
/// until the task has finished, and answers its questions in between.
#[non_exhaustive]
pub struct ClaimedResult {
    /// The client, for further requests.
    pub client: Client,
    /// The method of the request.
    pub method: String,
    /// The tool, prompt or resource that the request was about.
    pub name: Option<String>,
    /// The result as it came.
    pub result: RawJson,
    pub(crate) progress: Option<ProgressFn>,
}

impl ClaimedResult {
    /// Answers questions of the server's with the application's handlers, all at the same time.
    ///
    /// # Errors
    /// [`ClientError::NoHandler`] if one of them cannot be answered; nobody is asked anything then.
    pub async fn answer(&self, questions: InputRequests) -> Result<InputResponses, ClientError> {
        self.client.answer(questions, &self.method, self.name.as_deref()).await
    }

    /// Tells the caller of progress, if it wants to hear of it.
    pub fn progress(&self, progress: ProgressNotificationParams) {
        if let Some(tell) = &self.progress {
            tell(progress);
        }
    }
}
