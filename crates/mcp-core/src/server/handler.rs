//! Handlers are plain async functions.
//!
//! A function is a handler if each parameter says how it comes from a call ([`FromCall`]) and the
//! return type says what it becomes ([`IntoResult`]).

use std::any::TypeId;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use crate::extension::{Extension, ExtensionId, Negotiated};
use crate::message::without_values;
use crate::server::{Cx, HandlerError, Outcome};
use crate::{Error, Principal, RawJson};

/// A boxed future, owned and sendable.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a handler serves; the parameter of [`Handler`] and [`IntoResult`].
pub mod kind {
    /// `tools/call`.
    #[derive(Debug)]
    pub enum Tool {}
    /// `prompts/get`.
    #[derive(Debug)]
    pub enum Prompt {}
    /// `resources/read`, of a resource or a template.
    #[derive(Debug)]
    pub enum Resource {}
    /// `completion/complete`.
    #[derive(Debug)]
    pub enum Completion {}
}

/// A parameter of a handler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler's parameter",
    label = "no `FromCall`: does not come from a call",
    note = "arguments come as `Args<T>`, where `T` is `serde::Deserialize` and `schemars::JsonSchema`",
    note = "states of the server come as `State<T>`",
    note = "others are `Cx`, `RawArgs`, `Principal`, `Negotiated<E>`, and `Option` of the last two"
)]
pub trait FromCall: Sized + Send + 'static {
    /// Takes it from a call whose arguments are the JSON object `arguments`.
    ///
    /// # Errors
    /// Answers the call instead of the handler.
    fn from_call(cx: &Cx, arguments: &str) -> Result<Self, HandlerError>;

    /// Says what it needs, so that a missing piece is found when the server is built.
    fn describe(needs: &mut Needs) {
        let _ = needs;
    }
}

/// What a handler's parameters need.
#[derive(Default)]
pub struct Needs {
    pub(crate) arguments: Option<fn() -> Schema>,
    pub(crate) states: Vec<(TypeId, &'static str)>,
    pub(crate) extensions: Vec<ExtensionId>,
}

impl Needs {
    /// Needs arguments of this shape.
    pub fn arguments<T: JsonSchema>(&mut self) {
        self.arguments = Some(untitled::<T>);
    }

    /// Needs a state of this type.
    pub fn state<T: Send + Sync + 'static>(&mut self) {
        self.states.push((TypeId::of::<T>(), std::any::type_name::<T>()));
    }

    /// Needs this extension to be enabled on the server.
    pub fn extension<E: Extension>(&mut self) {
        self.extensions.push(E::ID);
    }
}

/// The schema of `T` without what only the Rust code calls it. A title that the type was given
/// stays.
pub(crate) fn untitled<T: JsonSchema>() -> Schema {
    let mut schema = schemars::schema_for!(T);
    let name = T::schema_name();
    if schema.get("title").and_then(serde_json::Value::as_str) == Some(&*name) {
        schema.remove("title");
    }
    schema
}

/// The call's arguments as a type.
///
/// Its JSON Schema becomes the tool's `inputSchema`; its fields become a prompt's arguments or are
/// filled from a resource template's variables.
#[derive(Debug, Clone, Copy)]
pub struct Args<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> FromCall for Args<T> {
    fn from_call(_: &Cx, arguments: &str) -> Result<Self, HandlerError> {
        serde_json::from_str(arguments).map(Self).map_err(|error| {
            HandlerError::tell(format!("the arguments do not fit: {}", without_values(&error)))
        })
    }

    fn describe(needs: &mut Needs) {
        needs.arguments::<T>();
    }
}

/// The call's arguments as the text they came in. The tool then gives its input schema itself.
#[derive(Debug, Clone)]
pub struct RawArgs(pub RawJson);

impl FromCall for RawArgs {
    fn from_call(_: &Cx, arguments: &str) -> Result<Self, HandlerError> {
        Ok(Self(serde_json::from_str(arguments)?))
    }
}

/// A value that the server was built with
/// ([`ServerBuilder::state`](crate::server::ServerBuilder::state)), shared by all handlers.
#[derive(Debug)]
pub struct State<T>(Arc<T>);

impl<T> State<T> {
    /// The shared value itself, to keep beyond the call.
    #[must_use]
    pub fn into_inner(self) -> Arc<T> {
        self.0
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> FromCall for State<T> {
    fn from_call(cx: &Cx, _: &str) -> Result<Self, HandlerError> {
        // Building the server has checked that it is there.
        cx.shared_state::<T>().map(Self).ok_or(HandlerError::Protocol(Error::Internal))
    }

    fn describe(needs: &mut Needs) {
        needs.state::<T>();
    }
}

impl FromCall for Cx {
    fn from_call(cx: &Cx, _: &str) -> Result<Self, HandlerError> {
        Ok(cx.clone())
    }
}

/// The authenticated caller; without one the call is answered `-32602`.
impl FromCall for Principal {
    fn from_call(cx: &Cx, _: &str) -> Result<Self, HandlerError> {
        cx.principal().cloned().ok_or_else(|| {
            HandlerError::Protocol(Error::invalid_params("this needs an authenticated caller"))
        })
    }
}

impl FromCall for Option<Principal> {
    fn from_call(cx: &Cx, _: &str) -> Result<Self, HandlerError> {
        Ok(cx.principal().cloned())
    }
}

/// The proof that the client declared `E`; without it the call is answered `-32021`.
impl<E: Extension> FromCall for Negotiated<E> {
    fn from_call(cx: &Cx, _: &str) -> Result<Self, HandlerError> {
        cx.negotiated::<E>().map_err(HandlerError::Protocol)
    }

    fn describe(needs: &mut Needs) {
        needs.extension::<E>();
    }
}

impl<E: Extension> FromCall for Option<Negotiated<E>> {
    fn from_call(cx: &Cx, _: &str) -> Result<Self, HandlerError> {
        Ok(cx.negotiated::<E>().ok())
    }
}

/// A return type of a handler of kind `K`.
#[diagnostic::on_unimplemented(
    message = "a handler of this kind cannot return `{Self}`",
    label = "no `IntoResult<{K}>`: does not become a result",
    note = "tools return text, `Json<T>` for any `T` that is `Serialize` and `JsonSchema`, `ContentBlock`s, `CallToolResult` or nothing",
    note = "prompts return text, `Vec<PromptMessage>` or `GetPromptResult`; resources return `ReadResourceResult`; completion returns `Vec<String>` or `CompleteResult`",
    note = "all may return a `Result` of it whose error converts into `HandlerError`"
)]
pub trait IntoResult<K> {
    /// Makes the outcome.
    ///
    /// # Errors
    /// What the handler returned as its error, or `-32603` if the value does not serialise.
    fn into_outcome(self) -> Result<Outcome, HandlerError>;

    /// The JSON Schema of a tool's structured result.
    #[must_use]
    fn output_schema() -> Option<Schema> {
        None
    }
}

impl<K, R: IntoResult<K>, E: Into<HandlerError>> IntoResult<K> for Result<R, E> {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        self.map_err(Into::into)?.into_outcome()
    }

    fn output_schema() -> Option<Schema> {
        R::output_schema()
    }
}

/// For middleware and handlers that already have an outcome.
impl<K> IntoResult<K> for Outcome {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(self)
    }
}

/// An async function that serves calls of kind `K`. `M` only keeps the implementations apart.
///
/// Implemented for functions and closures of up to eight [`FromCall`] parameters.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handler for `{K}`",
    label = "no handler for `{K}`",
    note = "a handler is an async function or closure whose future is `Send`",
    note = "it has at most eight parameters, each of which is `FromCall`: `Args<T>`, `State<T>`, `Cx` and so on",
    note = "it returns what `IntoResult` knows for its kind: for tools text or `Json<T>`, say, or a `Result` of it with an error that converts into `HandlerError`"
)]
pub trait Handler<K, M>: Send + Sync + 'static {
    /// What its parameters need.
    fn needs(&self) -> Needs;
    /// The schema of its structured result.
    fn output_schema(&self) -> Option<Schema>;
    /// Calls it.
    fn call(
        &self,
        cx: Cx,
        arguments: &str,
    ) -> Pin<Box<dyn Future<Output = Result<Outcome, HandlerError>> + Send>>;
}

macro_rules! handler {
    ($($parameter:ident),*) => {
        impl<K, F, Fut, R, $($parameter),*> Handler<K, ($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoResult<K>,
            $($parameter: FromCall,)*
        {
            fn needs(&self) -> Needs {
                #[allow(unused_mut)]
                let mut needs = Needs::default();
                $($parameter::describe(&mut needs);)*
                needs
            }

            fn output_schema(&self) -> Option<Schema> {
                R::output_schema()
            }

            #[allow(unused_variables, non_snake_case)]
            fn call(&self, cx: Cx, arguments: &str) -> BoxFuture<Result<Outcome, HandlerError>> {
                $(
                    let $parameter = match $parameter::from_call(&cx, arguments) {
                        Ok(value) => value,
                        Err(error) => return Box::pin(std::future::ready(Err(error))),
                    };
                )*
                let future = self($($parameter),*);
                Box::pin(async move { future.await.into_outcome() })
            }
        }
    };
}

handler!();
handler!(A);
handler!(A, B);
handler!(A, B, C);
handler!(A, B, C, D);
handler!(A, B, C, D, E);
handler!(A, B, C, D, E, G);
handler!(A, B, C, D, E, G, H);
handler!(A, B, C, D, E, G, H, I);

/// What a handler comes to.
pub(crate) type HandlerOutcome = Result<Outcome, HandlerError>;

pub(crate) type ErasedCall =
    Arc<dyn Fn(Cx, &str) -> BoxFuture<Result<Outcome, HandlerError>> + Send + Sync>;

pub(crate) fn erase<K: 'static, M: 'static>(handler: impl Handler<K, M>) -> ErasedCall {
    Arc::new(move |cx, arguments| handler.call(cx, arguments))
}
