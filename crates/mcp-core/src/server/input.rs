//! Asking the client for something: a person's answer, a model's text, its roots.

use std::future::Future;
use std::sync::PoisonError;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::protocol::{
    ClientCapabilities, ConversationError, CreateMessageRequest, CreateMessageRequestParams,
    CreateMessageResult, ElicitAction, ElicitRequestFormParams, ElicitRequestUrlParams,
    ElicitResult, ElicitationCapability, IncludeContext, InputRequest, JsonObject,
    ListRootsRequest, ListRootsResult, Root, RootsCapability, SamplingCapability,
};
use crate::server::form::form_schema;
use crate::server::interaction::Direct;
use crate::server::{Cx, HandlerError};
use crate::{Error, RawJson};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The user said no.
    #[error("the user declined")]
    Declined,
    /// The user closed the question without an answer.
    #[error("the user cancelled")]
    Cancelled,
    /// The conversation for the client's model does not hold together. Nobody was asked.
    #[error("the model was not asked: {0}")]
    Conversation(#[from] ConversationError),
    /// The page of an elicitation has no absolute `https:` or `http:` address. Nobody was asked.
    #[error("nobody was asked: the page's address is neither https: nor http:")]
    PageAddress,
    /// The client cannot be asked, or asking failed.
    #[error(transparent)]
    Protocol(#[from] Error),
}

impl InputError {
    pub(crate) fn into_handler_error(self) -> HandlerError {
        match self {
            Self::Declined | Self::Cancelled => HandlerError::Tell(self.to_string()),
            Self::Protocol(error) => HandlerError::Protocol(error),
            Self::Conversation(_) | Self::PageAddress => {
                // The handler's mistake: the caller can do nothing about it.
                tracing::error!(error = %self, "a handler asks in a way that is not possible");
                HandlerError::Protocol(Error::Internal)
            }
        }
    }
}

/// Marks work for `once` as going on, until dropped.
struct Keeping<'a>(&'a Cx);

impl<'a> Keeping<'a> {
    fn begin(cx: &'a Cx) -> Self {
        match &cx.interaction {
            Some(other) => other.keeping(true),
            None => cx.direct().keeping(true),
        }
        Self(cx)
    }
}

impl Drop for Keeping<'_> {
    fn drop(&mut self) {
        match &self.0.interaction {
            Some(other) => other.keeping(false),
            None => self.0.direct().keeping(false),
        }
    }
}

impl Cx {
    fn direct(&self) -> Direct<'_> {
        Direct { rounds: &self.call.rounds, outbox: &self.call.outbox }
    }

    /// Whichever way the call runs, a key names one question of a run: two would share an answer.
    fn claim_key(&self, key: &str, request: &InputRequest) -> Result<(), Error> {
        let mut questions = self.call.questions.lock().unwrap_or_else(PoisonError::into_inner);
        match questions.get(key) {
            Some(earlier) if earlier != request => {
                tracing::error!(key, "two questions under one key");
                Err(Error::Internal)
            }
            Some(_) => Ok(()),
            None => {
                questions.insert(key.to_owned(), request.clone());
                Ok(())
            }
        }
    }

    async fn ask(&self, key: &str, request: InputRequest) -> Result<RawJson, Error> {
        self.claim_key(key, &request)?;
        match &self.interaction {
            Some(other) => other.ask(key, request).await,
            None => self.direct().ask(key, request).await,
        }
    }

    async fn discard(&self, key: &str) -> Result<(), Error> {
        match &self.interaction {
            Some(other) => other.discard(key).await,
            None => {
                self.direct().discard(key);
                Ok(())
            }
        }
    }

    /// Asks until the answer is a `T` that `check` finds right.
    async fn ask_for<T: DeserializeOwned>(
        &self,
        key: &str,
        request: InputRequest,
        check: impl Fn(&T) -> bool,
    ) -> Result<T, Error> {
        loop {
            let answer = self.ask(key, request.clone()).await?;
            match answer.parse::<T>() {
                Ok(answer) if check(&answer) => return Ok(answer),
                _ => {
                    tracing::debug!(key, "an answer does not fit its question; asking again");
                    self.discard(key).await?;
                }
            }
        }
    }

    /// Asks a person to fill in a form with the fields of `T`.
    ///
    /// `key` names the question within this call: two questions need two keys. `T` is a struct of
    /// strings, numbers, booleans and enums of unit variants (a list of those is a multiple choice);
    /// its doc comments become the fields' descriptions. The answer is checked against the form, and
    /// asked again if it does not fit.
    ///
    /// Never ask for passwords, keys or other secrets in a form: that is what
    /// [`elicit_url`](Self::elicit_url) is for.
    ///
    /// The code before an unanswered question runs again when the answer comes, unless it is kept by
    /// [`once`](Self::once).
    ///
    /// # Errors
    /// [`InputError::Declined`], [`InputError::Cancelled`], `-32021` if the client cannot show forms,
    /// or `-32603` if this run asked another question under this key.
    pub async fn elicit<T>(&self, key: &str, message: impl Into<String>) -> Result<T, InputError>
    where
        T: DeserializeOwned + JsonSchema,
    {
        let schema = form_schema::<T>()?;
        let params = ElicitRequestFormParams::new(message, schema);
        // The form may allow what `T` does not, and is not checked at all without `validation`.
        let fits = |content: &str| serde_json::from_str::<T>(content).is_ok();
        let answer = self.ask_form(key, params, fits).await?;
        answer.parse().map_err(|_| InputError::Protocol(Error::Internal))
    }

    /// Asks a person to fill in a form given as data; the answer is the form's content.
    ///
    /// # Errors
    /// As [`elicit`](Self::elicit).
    pub async fn elicit_form(
        &self,
        key: &str,
        params: ElicitRequestFormParams,
    ) -> Result<RawJson, InputError> {
        self.ask_form(key, params, |_| true).await
    }

    async fn ask_form(
        &self,
        key: &str,
        params: ElicitRequestFormParams,
        fits: impl Fn(&str) -> bool,
    ) -> Result<RawJson, InputError> {
        let declared = self.client_capabilities().elicitation.as_ref();
        // A client that names no mode offers forms, as in earlier revisions.
        if !declared.is_some_and(|modes| modes.form.is_some() || modes.url.is_none()) {
            return Err(Error::missing_capability(elicitation(
                ElicitationCapability::new().with_form(JsonObject::new()),
            ))
            .into());
        }
        let check = form_check(&params)?;
        let request = InputRequest::elicit(params);
        let result: ElicitResult = self
            .ask_for(key, request, |result: &ElicitResult| {
                result.action != ElicitAction::Accept
                    || result
                        .content
                        .as_ref()
                        .is_some_and(|content| check(content.get()) && fits(content.get()))
            })
            .await?;
        let content = accepted(&result)?.content.clone();
        content.map(JsonObject::into_raw).ok_or(InputError::Protocol(Error::Internal))
    }

    /// Sends a person to a page of yours: for credentials, payments, and whatever must not pass
    /// through the client.
    ///
    /// Returns when the client says that the person agreed to open it. Whether they finished there,
    /// and who they are, only your page knows: check it before going on.
    ///
    /// # Errors
    /// [`InputError::Declined`], [`InputError::Cancelled`], [`InputError::PageAddress`], or `-32021`
    /// if the client cannot open pages.
    pub async fn elicit_url(
        &self,
        key: &str,
        message: impl Into<String>,
        url: impl Into<String>,
    ) -> Result<(), InputError> {
        let declared = self.client_capabilities().elicitation.as_ref();
        if declared.is_none_or(|modes| modes.url.is_none()) {
            return Err(Error::missing_capability(elicitation(
                ElicitationCapability::new().with_url(JsonObject::new()),
            ))
            .into());
        }
        let url = url.into();
        if !is_web_address(&url) {
            return Err(InputError::PageAddress);
        }
        let params = ElicitRequestUrlParams::new(message, url);
        let request = InputRequest::elicit(params);
        let result: ElicitResult = self.ask_for(key, request, |_| true).await?;
        accepted(&result).map(drop)
    }

    /// Asks the client's model for a message.
    ///
    /// Deprecated by the protocol: prefer calling a model provider.
    ///
    /// # Errors
    /// [`InputError::Conversation`] if a use of a tool is not followed by its result, whoever the
    /// client is; `-32021` if the client does not offer sampling, or not with the tools or the
    /// context of servers that are asked for.
    pub async fn sample(
        &self,
        key: &str,
        params: CreateMessageRequestParams,
    ) -> Result<CreateMessageResult, InputError> {
        params.check_conversation()?;
        let needed = needed_for(&params);
        let declared = self.client_capabilities().sampling.as_ref();
        if !declared.is_some_and(|declared| {
            (needed.tools.is_none() || declared.tools.is_some())
                && (needed.context.is_none() || declared.context.is_some())
        }) {
            let needed = ClientCapabilities::new().with_sampling(needed);
            return Err(Error::missing_capability(needed).into());
        }
        let request = InputRequest::CreateMessage(CreateMessageRequest::new(params));
        Ok(self.ask_for(key, request, |_| true).await?)
    }

    /// Asks for the folders that the client works in.
    ///
    /// Deprecated by the protocol: prefer tool arguments.
    ///
    /// # Errors
    /// `-32021` if the client does not offer roots.
    pub async fn roots(&self, key: &str) -> Result<Vec<Root>, InputError> {
        if self.client_capabilities().roots.is_none() {
            let needed = ClientCapabilities::new().with_roots(RootsCapability::new());
            return Err(Error::missing_capability(needed).into());
        }
        let result: ListRootsResult =
            self.ask_for(key, InputRequest::ListRoots(ListRootsRequest::new()), only_files).await?;
        Ok(result.roots)
    }

    /// Does work once for the whole call, whatever number of rounds it takes.
    ///
    /// The value is kept where the call's state is kept: sealed in `requestState`, or in the task
    /// store. It must therefore be small, and JSON. Errors are not kept.
    ///
    /// Side effects *outside* `once` may happen again in a later round. `work` itself is run to its
    /// end before a round ends, but a caller that goes away drops it like everything else.
    ///
    /// # Errors
    /// The work's own, or `-32603` if its value cannot be kept.
    pub async fn once<T, E, F>(&self, key: &str, work: F) -> Result<T, HandlerError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<HandlerError>,
        F: Future<Output = Result<T, E>>,
    {
        let kept = match &self.interaction {
            Some(other) => other.recall(key).await?,
            None => self.direct().recall(key),
        };
        if let Some(kept) = kept {
            return Ok(kept.parse()?);
        }
        let keeping = Keeping::begin(self);
        let value = work.await.map_err(Into::into)?;
        let raw = RawJson::from_serialize(&value)?;
        match &self.interaction {
            Some(other) => other.keep(key, raw).await?,
            None => self.direct().keep(key, raw),
        }
        drop(keeping);
        Ok(value)
    }
}

/// What a client must offer to be asked this of its model.
fn needed_for(params: &CreateMessageRequestParams) -> SamplingCapability {
    let tools = params.tools.is_some() || params.tool_choice.is_some();
    let context = params.include_context.as_ref().is_some_and(|of| *of != IncludeContext::None);
    let mut needed = SamplingCapability::new();
    needed.tools = tools.then(JsonObject::new);
    needed.context = context.then(JsonObject::new);
    needed
}

/// Roots are `file:` URIs; an answer with others is asked for again.
fn only_files(result: &ListRootsResult) -> bool {
    result.roots.iter().all(|root| root.uri.starts_with("file://"))
}

/// Whether a person can be sent there: an absolute `https:` or `http:` address without white space.
fn is_web_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
    }) && url.bytes().all(|byte| byte.is_ascii_graphic())
}

fn elicitation(modes: ElicitationCapability) -> ClientCapabilities {
    ClientCapabilities::new().with_elicitation(modes)
}

fn accepted(result: &ElicitResult) -> Result<&ElicitResult, InputError> {
    match result.action {
        ElicitAction::Accept => Ok(result),
        ElicitAction::Decline => Err(InputError::Declined),
        ElicitAction::Cancel => Err(InputError::Cancelled),
    }
}

#[cfg(feature = "validation")]
fn form_check(params: &ElicitRequestFormParams) -> Result<impl Fn(&str) -> bool + use<>, Error> {
    let schema = RawJson::from_serialize(&params.requested_schema).map_err(|_| Error::Internal)?;
    let validator =
        crate::schema::Validator::compile(schema.get(), &Default::default()).map_err(|error| {
            tracing::error!(%error, "a form's schema does not compile");
            Error::Internal
        })?;
    Ok(move |content: &str| validator.validate(content).is_ok())
}

/// Without the validator, the form's field names and the type of the answer are all that is checked.
#[cfg(not(feature = "validation"))]
fn form_check(params: &ElicitRequestFormParams) -> Result<impl Fn(&str) -> bool + use<>, Error> {
    let required = params.requested_schema.required.clone().unwrap_or_default();
    Ok(move |content: &str| {
        serde_json::from_str::<std::collections::BTreeMap<String, RawJson>>(content)
            .is_ok_and(|fields| required.iter().all(|name| fields.contains_key(name)))
    })
}
