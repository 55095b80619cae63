//! A request with its options.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::client::core::Call;
use crate::client::outgoing::OWN_KEYS;
use crate::client::rounds::{Step, may_ask, round_fields};
use crate::client::{Client, ClientError};
use crate::protocol::{CallTool, GetPrompt, RequestMethod};
use crate::protocol::{
    InputRequiredResult, InputResponses, LoggingLevel, MetaKey as KeyName,
    ProgressNotificationParams,
};
use crate::trace_context::TraceContext;
use crate::{RawJson, Shutdown};

/// A request that is being put together.
///
/// Made by [`Client::call`], [`Client::read`], [`Client::prompt`] and [`Client::prepare`]; nothing is
/// sent before [`send`](Self::send). Mistakes in what is put together come out there.
///
/// ```
/// # async fn show(client: mcp_core::client::Client) -> Result<(), mcp_core::client::ClientError> {
/// use std::time::Duration;
///
/// let result = client
///     .call("export")
///     .arguments(&serde_json::json!({ "format": "csv" }))
///     .timeout(Duration::from_secs(10))
///     .progress(|progress| println!("{} done", progress.progress))
///     .send()
///     .await?;
/// println!("{}", result.all_text());
/// # Ok(())
/// # }
/// ```
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'c, M> {
    client: &'c Client,
    call: Call,
    wrong: Option<ClientError>,
    method: PhantomData<fn() -> M>,
}

/// What one round of a request came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Round<R> {
    /// The final result.
    Complete(R),
    /// Questions. Answer them and send the request again, with [`Request::answers`].
    InputRequired(InputRequiredResult),
    /// A result of a type that an enabled extension claims, as it came.
    Extension {
        /// The type.
        result_type: Box<str>,
        /// The result.
        result: RawJson,
    },
}

impl<'c, M: RequestMethod> Request<'c, M> {
    pub(crate) fn new(client: &'c Client) -> Self {
        let call = Call::new(M::METHOD);
        Self { client, call, wrong: None, method: PhantomData }
    }

    /// Sets a member of the parameters.
    pub fn param<T: Serialize + ?Sized>(mut self, name: &'static str, value: &T) -> Self {
        match RawJson::from_serialize(value) {
            Ok(value) => {
                self.call.fields.insert(Cow::Borrowed(name), value);
            }
            Err(error) => {
                self.wrong.get_or_insert(ClientError::Parameters {
                    method: M::METHOD.to_owned(),
                    reason: crate::message::without_values(&error),
                });
            }
        }
        self
    }

    /// Sets all parameters at once. What the client itself writes into `_meta` (the revision, the
    /// capabilities and so on) is replaced; the rest of `_meta` is kept.
    pub fn params<T: Serialize + ?Sized>(mut self, params: &T) -> Self {
        match crate::client::outgoing::split(M::METHOD, params) {
            Ok((fields, meta)) => {
                self.call.fields = fields;
                self.call.meta.extend(meta);
            }
            Err(error) => {
                self.wrong.get_or_insert(error);
            }
        }
        self
    }

    /// How long to wait without progress, instead of the client's default.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.call.options.idle = Some(limit);
        self
    }

    /// How long to wait at most, whatever progress there is, instead of the client's default.
    pub fn max_timeout(mut self, limit: Duration) -> Self {
        self.call.options.maximum = Some(limit);
        self
    }

    /// Asks for progress. It also keeps the request from timing out, up to its maximum. `tell` must be
    /// quick: the request waits for it.
    pub fn progress(
        mut self,
        tell: impl Fn(ProgressNotificationParams) + Send + Sync + 'static,
    ) -> Self {
        self.call.options.progress = Some(Arc::new(tell));
        self
    }

    /// Adds a value to `_meta`. Keys that the client itself writes cannot be set.
    pub fn meta<T: Serialize + ?Sized>(mut self, key: &str, value: &T) -> Self {
        if OWN_KEYS.contains(&key) || KeyName::parse(key).is_err() {
            self.wrong.get_or_insert(ClientError::MetaKey(key.to_owned()));
        } else if let Err(error) = self.call.meta.insert(key, value) {
            self.wrong.get_or_insert(ClientError::Parameters {
                method: M::METHOD.to_owned(),
                reason: crate::message::without_values(&error),
            });
        }
        self
    }

    /// The least level of log messages of this request, for the handler given to
    /// [`on_log`](crate::client::ClientBuilder::on_log).
    pub fn log_level(mut self, level: LoggingLevel) -> Self {
        self.call.options.log_level = Some(level);
        self
    }

    /// The trace that the request belongs to; the server gets a child of it.
    pub fn trace(mut self, parent: TraceContext) -> Self {
        self.call.options.trace = Some(parent);
        self
    }

    /// Cancels the request when the signal is given. Dropping the future of [`send`](Self::send) does
    /// the same.
    pub fn cancel_on(mut self, signal: Shutdown) -> Self {
        self.call.options.cancel = Some(signal);
        self
    }

    /// Asks the server, even if there is a cached answer.
    pub fn fresh(mut self) -> Self {
        self.call.options.fresh = true;
        self
    }

    /// Brings the answers to the questions of a round before, and its state as it came.
    pub fn answers(mut self, asked: &InputRequiredResult, answers: &InputResponses) -> Self {
        let answers = asked.input_requests.as_ref().map(|_| answers);
        match round_fields(M::METHOD, answers, asked.request_state.as_deref()) {
            Ok(fields) => {
                self.call.fields.remove("inputResponses");
                self.call.fields.remove("requestState");
                self.call.fields.extend(fields);
            }
            Err(error) => {
                self.wrong.get_or_insert(error);
            }
        }
        self
    }

    /// Sends the request and waits for its final result. The server's questions are answered by the
    /// client's handlers.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn send(self) -> Result<M::Result, ClientError>
    where
        M::Result: 'static,
    {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let name = self.client.core.name_of(&self.call);
        let result = self.client.run(self.call).await?;
        self.client.typed::<M>(name.as_deref(), result)
    }

    /// Sends the request and hands out whatever comes first: the final result, or questions, which
    /// are then the caller's to answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn send_once(self) -> Result<Round<M::Result>, ClientError>
    where
        M::Result: 'static,
    {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let name = self.client.core.name_of(&self.call);
        Ok(match self.client.run_once(self.call).await? {
            Step::Complete(result) => {
                Round::Complete(self.client.typed::<M>(name.as_deref(), result)?)
            }
            Step::InputRequired(asked) => Round::InputRequired(asked),
            Step::Other(result_type, result) => Round::Extension { result_type, result },
        })
    }

    /// Whether servers may ask for input in the course of this method.
    #[must_use]
    pub fn may_ask(&self) -> bool {
        may_ask(M::METHOD)
    }
}

impl Request<'_, CallTool> {
    /// Sets the arguments: anything that serialises to a JSON object.
    pub fn arguments<T: Serialize + ?Sized>(self, arguments: &T) -> Self {
        self.object("arguments", arguments)
    }
}

impl Request<'_, GetPrompt> {
    /// Sets the arguments: anything that serialises to a JSON object of strings.
    pub fn arguments<T: Serialize + ?Sized>(self, arguments: &T) -> Self {
        self.object("arguments", arguments)
    }
}

impl<M: RequestMethod> Request<'_, M> {
    fn object<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Self {
        let mut request = self.param(name, value);
        let set = request.call.fields.get(name);
        if set.is_some_and(|value| !value.get().starts_with('{')) {
            request.call.fields.remove(name);
            request.wrong.get_or_insert(ClientError::Parameters {
                method: M::METHOD.to_owned(),
                reason: format!("`{name}` is no object"),
            });
        }
        request
    }
}
