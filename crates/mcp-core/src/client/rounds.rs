//! A request from its first message to its final result.
//!
//! Source: specification, *Patterns → Multi round-trip requests*; *Streamable HTTP → Client
//! behavior* (headers from tool parameters).

use std::any::Any;
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::RawJson;
use crate::client::cache::{CacheKey, Stale};
use crate::client::claims::ClaimedResult;
use crate::client::core::Call;
use crate::client::exchange::{Answer, ResultHead};
use crate::client::extension::RequestInfo;
use crate::client::outgoing::Fields;
use crate::client::{Client, ClientError, cache, hints};
use crate::protocol::{
    CallToolResult, InputRequiredResult, InputResponses, ListToolsResult, ResultType, methods,
};
use crate::protocol::{ListTools, RequestMethod, codes};

/// What one round came to.
pub(crate) enum Step {
    Complete(RawJson),
    InputRequired(InputRequiredResult),
    Other(Box<str>, RawJson),
}

/// The methods that may take several rounds.
pub(crate) fn may_ask(method: &str) -> bool {
    matches!(method, methods::TOOLS_CALL | methods::PROMPTS_GET | methods::RESOURCES_READ)
}

/// What a round adds to the parameters of the next.
pub(crate) fn round_fields(
    method: &str,
    responses: Option<&InputResponses>,
    state: Option<&str>,
) -> Result<Fields, ClientError> {
    let raw = |error: serde_json::Error| ClientError::Parameters {
        method: method.to_owned(),
        reason: crate::message::without_values(&error),
    };
    let mut fields = Fields::new();
    if let Some(responses) = responses {
        let responses = RawJson::from_serialize(responses).map_err(raw)?;
        fields.insert(Cow::Borrowed("inputResponses"), responses);
    }
    if let Some(state) = state {
        let state = RawJson::from_serialize(state).map_err(raw)?;
        fields.insert(Cow::Borrowed("requestState"), state);
    }
    Ok(fields)
}

impl Client {
    /// Runs a call to its complete result: from the cache, or in as many rounds as it takes.
    pub(crate) async fn run(&self, call: Call) -> Result<RawJson, ClientError> {
        match call.options.cancel.clone() {
            None => self.run_rounds(call).await,
            Some(cancel) => tokio::select! {
                biased;
                () = cancel.requested() => Err(ClientError::Cancelled),
                result = self.run_rounds(call) => result,
            },
        }
    }

    async fn run_rounds(&self, mut call: Call) -> Result<RawJson, ClientError> {
        let core = &self.core;
        let name = self.begin(&mut call);
        let info = RequestInfo { method: &call.method, name: name.as_deref() };
        let key = CacheKey::of(&call.method, &call.fields, &call.meta);
        if let Some(key) = key.as_ref().filter(|_| !call.options.fresh)
            && let Some(result) = core.cache.get(key)
        {
            return Ok(result);
        }
        let invalidations = core.cache.invalidations();
        let mut round = Fields::new();
        let mut pauses = Pauses::default();
        for rounds in 0..core.limits.rounds.max(1) {
            match self.step(&call, &info, &round).await? {
                Step::Complete(result) => {
                    if let Some(key) = key.filter(|_| rounds == 0) {
                        let ttl = hints::ttl(result.get());
                        core.cache.put(key, &result, ttl, invalidations);
                    }
                    return Ok(result);
                }
                Step::Other(tag, result) => return self.resolve(&call, &info, &tag, result).await,
                Step::InputRequired(asked) => {
                    let responses = match asked.input_requests {
                        None => {
                            pauses.next().await;
                            None
                        }
                        Some(requests) => {
                            let asked_by = core.asked_by(info.method, info.name);
                            let answers = core.handlers.answer(requests, asked_by, info.method);
                            Some(answers.await?)
                        }
                    };
                    let state = asked.request_state.as_deref();
                    round = round_fields(info.method, responses.as_ref(), state)?;
                }
            }
        }
        Err(ClientError::TooManyRounds(core.limits.rounds))
    }

    /// Runs one round of a call and hands out what the server answered.
    pub(crate) async fn run_once(&self, mut call: Call) -> Result<Step, ClientError> {
        let name = self.begin(&mut call);
        let info = RequestInfo { method: &call.method, name: name.as_deref() };
        let round = Fields::new();
        let step = self.step(&call, &info, &round);
        match call.options.cancel.clone() {
            None => step.await,
            Some(cancel) => tokio::select! {
                biased;
                () = cancel.requested() => Err(ClientError::Cancelled),
                step = step => step,
            },
        }
    }

    /// Adds what extensions want to add; answers the name that the request is about.
    fn begin(&self, call: &mut Call) -> Option<String> {
        let name = self.core.name_of(call);
        let info = RequestInfo { method: &call.method, name: name.as_deref() };
        self.core.extensions.write_meta(&info, &mut call.meta);
        name
    }

    /// One round: one message and its answer, or two where the headers were out of date.
    async fn step(
        &self,
        call: &Call,
        info: &RequestInfo<'_>,
        round: &Fields,
    ) -> Result<Step, ClientError> {
        let core = &self.core;
        let headers = self.prepare_tool(call, info).await?;
        let answer = match core.attempt(call, round, &headers).await {
            Err(ClientError::Rpc(error))
                if error.code == codes::HEADER_MISMATCH
                    && call.method == methods::TOOLS_CALL
                    && core.transport.mirrors_parameters() =>
            {
                // The tool's annotations may have changed since it was listed.
                core.invalidate(Stale::Tools);
                let headers = self.prepare_tool(call, info).await?;
                core.attempt(call, round, &headers).await?
            }
            answer => answer?,
        };
        self.classify(info, answer)
    }

    fn classify(&self, info: &RequestInfo<'_>, answer: Answer) -> Result<Step, ClientError> {
        let unexpected = |reason: String| ClientError::unexpected(info.method, reason);
        match answer.kind {
            ResultType::Complete => Ok(Step::Complete(answer.result)),
            ResultType::InputRequired if !may_ask(info.method) => {
                Err(unexpected("this method must not ask for input".to_owned()))
            }
            ResultType::InputRequired => {
                let asked: InputRequiredResult = answer
                    .result
                    .parse()
                    .map_err(|error| unexpected(crate::message::without_values(&error)))?;
                if asked.input_requests.is_none() && asked.request_state.is_none() {
                    let reason = "it asks for input with neither questions nor a state";
                    return Err(unexpected(reason.to_owned()));
                }
                Ok(Step::InputRequired(asked))
            }
            ResultType::Other(tag) if self.core.extensions.resolver(&tag).is_some() => {
                Ok(Step::Other(tag.into(), answer.result))
            }
            ResultType::Other(tag) => {
                let tag: String = tag.chars().take(64).collect();
                Err(unexpected(format!("its result type {tag:?} is not known")))
            }
        }
    }

    /// Lets the extension that claims a result type find the final result.
    async fn resolve(
        &self,
        call: &Call,
        info: &RequestInfo<'_>,
        tag: &str,
        result: RawJson,
    ) -> Result<RawJson, ClientError> {
        let Some(resolver) = self.core.extensions.resolver(tag) else {
            return Err(ClientError::unexpected(info.method, "its result type is not known"));
        };
        let claimed = ClaimedResult {
            client: self.clone(),
            method: info.method.to_owned(),
            name: info.name.map(str::to_owned),
            result,
            progress: call.options.progress.clone(),
        };
        let result = resolver(claimed).await?;
        let head = ResultHead::read(info.method, result.get())?;
        if head.kind() != ResultType::Complete {
            let reason = "an extension's resolver found a result that is not complete";
            return Err(ClientError::unexpected(info.method, reason));
        }
        Ok(result)
    }

    /// Learns of a tool what must be known before it is called; answers its headers.
    async fn prepare_tool(
        &self,
        call: &Call,
        info: &RequestInfo<'_>,
    ) -> Result<Vec<(String, String)>, ClientError> {
        let (methods::TOOLS_CALL, Some(name)) = (info.method, info.name) else {
            return Ok(Vec::new());
        };
        let core = &self.core;
        let mirrors = core.transport.mirrors_parameters();
        if mirrors && core.tools.get(name).is_none() && !core.tools.is_complete() {
            match self.read_tools().await {
                Ok(()) => {}
                // A server without a list of tools has none with annotations.
                Err(ClientError::Rpc(error)) => {
                    tracing::debug!(code = error.code, "the tools cannot be listed before a call");
                    core.tools.completed();
                }
                Err(error) => return Err(error),
            }
        }
        let Some(tool) = core.tools.get(name) else { return Ok(Vec::new()) };
        if core.check_results {
            tool.prepare(name)?;
        }
        if !mirrors {
            return Ok(Vec::new());
        }
        tool.headers(name, call.fields.get("arguments").map_or("{}", RawJson::get))
    }

    /// Reads all pages of `tools/list`, for what the tool book keeps of them.
    fn read_tools(&self) -> Pin<Box<dyn Future<Output = Result<(), ClientError>> + Send + '_>> {
        Box::pin(async move { self.collect::<ListTools>().await.map(drop) })
    }

    /// A complete result as the method's type, with all that clients check of it.
    pub(crate) fn typed<M: RequestMethod>(
        &self,
        name: Option<&str>,
        result: RawJson,
    ) -> Result<M::Result, ClientError>
    where
        M::Result: 'static,
    {
        let result = if cache::is_cacheable(M::METHOD) { hints::complete(result) } else { result };
        let mut result: M::Result = result.parse().map_err(|error| {
            ClientError::unexpected(M::METHOD, crate::message::without_values(&error))
        })?;
        let any: &mut dyn Any = &mut result;
        if let Some(list) = any.downcast_mut::<ListToolsResult>() {
            let mirrors = self.core.transport.mirrors_parameters();
            self.core.tools.note(&mut list.tools, mirrors);
        } else if let Some(called) = any.downcast_ref::<CallToolResult>()
            && let Some((name, tool)) =
                name.and_then(|name| Some((name, self.core.tools.get(name)?)))
            && self.core.check_results
        {
            tool.check(name, called)?;
        }
        Ok(result)
    }
}

/// Pauses between rounds of a server that asks for nothing but another try: none at first, then
/// longer and longer ones.
#[derive(Default)]
struct Pauses(u32);

impl Pauses {
    async fn next(&mut self) {
        if let Some(doublings) = self.0.checked_sub(1) {
            let pause = Duration::from_millis(100) * 2_u32.pow(doublings.min(5));
            tokio::time::sleep(pause).await;
        }
        self.0 += 1;
    }
}
