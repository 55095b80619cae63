//! Answering what a server asks in the middle of a request, by the application's handlers.
//!
//! Source: specification, *Patterns → Multi round-trip requests*.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;

use crate::RawJson;
use crate::client::elicitation::{form_result, url_result};
use crate::client::unfold::try_join_all;
use crate::client::{AskedBy, ClientError, ElicitAnswer, FormRequest, UrlRequest, roots};
use crate::protocol::{
    ClientCapabilities, CreateMessageRequest, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequest, ElicitRequestParams, ElicitationCapability, InputRequest, InputRequests,
    InputResponse, InputResponses, JsonObject, ListRootsResult, Root, RootsCapability,
    SamplingCapability, methods,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Handler<Q, A> = Arc<dyn Fn(Q) -> BoxFuture<'static, A> + Send + Sync>;

/// A server's question to a model.
///
/// The handler respects `params.max_tokens`, shows the conversation to a person before and after, if
/// the model's provider is not trusted with it, and bounds how often tools are used.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SampleRequest {
    /// The conversation and how to go on with it.
    pub params: CreateMessageRequestParams,
    /// Who asks.
    pub asked_by: AskedBy,
}

/// The application's handlers. What is declared to servers follows from which of them are set.
#[derive(Default, Clone)]
pub(crate) struct Handlers {
    form: Option<Handler<FormRequest, ElicitAnswer>>,
    url: Option<Handler<UrlRequest, ElicitAnswer>>,
    sample: Option<Handler<SampleRequest, Result<CreateMessageResult, BoxError>>>,
    pub(crate) sampling_tools: bool,
    pub(crate) sampling_context: bool,
    roots: Option<Handler<AskedBy, Result<Vec<Root>, BoxError>>>,
}

impl Handlers {
    pub(crate) fn set_form<F, Fut>(&mut self, handler: F)
    where
        F: Fn(FormRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ElicitAnswer> + Send + 'static,
    {
        self.form = Some(Arc::new(move |form| Box::pin(handler(form))));
    }

    pub(crate) fn set_url<F, Fut>(&mut self, handler: F)
    where
        F: Fn(UrlRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ElicitAnswer> + Send + 'static,
    {
        self.url = Some(Arc::new(move |page| Box::pin(handler(page))));
    }

    pub(crate) fn set_sample<F, Fut, E>(&mut self, handler: F)
    where
        F: Fn(SampleRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<CreateMessageResult, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.sample = Some(Arc::new(move |request| {
            let answer = handler(request);
            Box::pin(async move { answer.await.map_err(Into::into) })
        }));
    }

    pub(crate) fn set_roots<F, Fut, E>(&mut self, handler: F)
    where
        F: Fn(AskedBy) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Root>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.roots = Some(Arc::new(move |asked_by| {
            let answer = handler(asked_by);
            Box::pin(async move { answer.await.map_err(Into::into) })
        }));
    }

    /// What the handlers can do, `extensions` apart.
    pub(crate) fn capabilities(&self) -> ClientCapabilities {
        let yes = || Some(JsonObject::new());
        let mut capabilities = ClientCapabilities::default();
        if self.form.is_some() || self.url.is_some() {
            capabilities.elicitation = Some(ElicitationCapability {
                form: self.form.as_ref().and_then(|_| yes()),
                url: self.url.as_ref().and_then(|_| yes()),
                ..ElicitationCapability::default()
            });
        }
        if self.sample.is_some() {
            capabilities.sampling = Some(SamplingCapability {
                tools: self.sampling_tools.then(JsonObject::new),
                context: self.sampling_context.then(JsonObject::new),
                ..SamplingCapability::default()
            });
        }
        if self.roots.is_some() {
            capabilities.roots = Some(RootsCapability::default());
        }
        capabilities
    }

    /// Answers all questions of a round at the same time. Nobody is asked anything if one of the
    /// questions cannot be answered at all.
    pub(crate) async fn answer(
        &self,
        requests: InputRequests,
        asked_by: impl Fn(String) -> AskedBy,
        method: &str,
    ) -> Result<InputResponses, ClientError> {
        let mut keys = Vec::with_capacity(requests.len());
        let mut answers: Vec<BoxFuture<'_, Result<RawJson, ClientError>>> = Vec::new();
        for (key, request) in requests {
            let asked_by = asked_by(key.clone());
            keys.push(key);
            answers.push(match request {
                InputRequest::Elicit(ElicitRequest {
                    params: ElicitRequestParams::Form(params),
                    ..
                }) => {
                    let handler = handler(self.form.as_ref(), "elicitation/create (form)")?;
                    let form = FormRequest::new(params, asked_by);
                    Box::pin(async move {
                        let schema = form.schema.clone();
                        raw(
                            &form_result(handler(form).await, &schema)?,
                            methods::ELICITATION_CREATE,
                        )
                    })
                }
                InputRequest::Elicit(ElicitRequest {
                    params: ElicitRequestParams::Url(params),
                    ..
                }) => {
                    let handler = handler(self.url.as_ref(), "elicitation/create (url)")?;
                    let page = UrlRequest::new(params, asked_by)
                        .map_err(|reason| ClientError::unexpected(method, reason))?;
                    Box::pin(async move {
                        raw(&url_result(&handler(page).await), methods::ELICITATION_CREATE)
                    })
                }
                InputRequest::CreateMessage(CreateMessageRequest { params, .. }) => {
                    let handler = handler(self.sample.as_ref(), "sampling/createMessage")?;
                    let params = self.checked_sampling(params)?;
                    let request = SampleRequest { params, asked_by };
                    Box::pin(async move {
                        let result =
                            handler(request).await.map_err(|source| ClientError::Handler {
                                method: methods::SAMPLING_CREATE_MESSAGE,
                                source,
                            })?;
                        raw(&result, methods::SAMPLING_CREATE_MESSAGE)
                    })
                }
                InputRequest::ListRoots(_) => {
                    let handler = handler(self.roots.as_ref(), "roots/list")?;
                    Box::pin(async move {
                        let roots = handler(asked_by).await.map_err(|source| {
                            ClientError::Handler { method: methods::ROOTS_LIST, source }
                        })?;
                        for root in &roots {
                            roots::check(root).map_err(|reason| ClientError::InvalidAnswer {
                                method: methods::ROOTS_LIST,
                                reason: reason.to_owned(),
                            })?;
                        }
                        raw(&ListRootsResult::new(roots), methods::ROOTS_LIST)
                    })
                }
            });
        }
        let answers = try_join_all(answers).await?;
        Ok(keys.into_iter().zip(answers.into_iter().map(InputResponse::from)).collect())
    }

    fn checked_sampling(
        &self,
        mut params: CreateMessageRequestParams,
    ) -> Result<CreateMessageRequestParams, ClientError> {
        if (params.tools.is_some() || params.tool_choice.is_some()) && !self.sampling_tools {
            return Err(ClientError::NoHandler { what: "sampling/createMessage (tools)" });
        }
        if !self.sampling_context && params.include_context.take().is_some() {
            // A wish, not a demand: what was not declared is left out.
            tracing::debug!("a server wishes for context that this client does not include");
        }
        params.check_conversation()?;
        Ok(params)
    }
}

fn handler<H: Clone>(handler: Option<&H>, what: &'static str) -> Result<H, ClientError> {
    handler.cloned().ok_or(ClientError::NoHandler { what })
}

fn raw<T: Serialize>(answer: &T, method: &'static str) -> Result<RawJson, ClientError> {
    RawJson::from_serialize(answer).map_err(|error| ClientError::InvalidAnswer {
        method,
        reason: crate::message::without_values(&error),
    })
}
