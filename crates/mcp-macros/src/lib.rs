//! Attribute macros that turn plain async functions into MCP tools, prompts and resources.
//!
//! [`macro@tool`], [`macro@prompt`] and [`macro@resource`] replace an async function by one of the same name
//! that makes what a server serves:
//!
//! ```
//! use mcp_core::server::{Server, HandlerError};
//! use mcp_macros::tool;
//!
//! /// Adds two numbers.
//! #[tool(read_only)]
//! async fn add(
//!     /// The first number.
//!     a: i64,
//!     /// The second number; 1 if it is left out.
//!     #[arg(default = 1)]
//!     b: i64,
//! ) -> Result<String, HandlerError> {
//!     let sum = a.checked_add(b).ok_or_else(|| HandlerError::tell("the sum is too large"))?;
//!     Ok(sum.to_string())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let server = Server::builder("calculator", "1.0.0").tool(add).build().unwrap();
//! assert_eq!(server.view().tools()[0].description.as_deref(), Some("Adds two numbers."));
//!
//! // The function itself is there to be tested:
//! assert_eq!(add::call(2, 3).await.unwrap(), "5");
//! # }
//! ```
//!
//! The crate that uses them depends on `mcp-core` besides, on nothing else. Everything can be
//! written without the macros too: see `mcp_core::server::ServedTool`.
//!
//! # Parameters
//!
//! | parameter | is |
//! |---|---|
//! | `Cx`, `&Cx` | the call's context |
//! | `&T` | a state of the server, given to `ServerBuilder::state` |
//! | `State<T>` | the same, to keep beyond the call |
//! | `Negotiated<E>`, `Option<Negotiated<E>>` | the proof that the client declared extension `E` |
//! | `Principal`, `Option<Principal>` | the authenticated caller |
//! | `Args<T>`, `RawArgs` | all arguments as one value |
//! | `#[from_call] x: T` | any other type that is `mcp_core::server::FromCall` |
//! | everything else, or `#[arg] x: T` | one argument of the call |
//!
//! They are known by their names, so `use … as` other names needs `#[from_call]`, and an argument
//! type of your own that is called `Cx`, say, needs `#[arg]`.
//!
//! # Arguments
//!
//! An argument's type is `serde::Deserialize` and `schemars::JsonSchema`. Its doc comment becomes its
//! description; an `Option` may be left out. In `#[arg(…)]` can stand:
//!
//! - `rename = "…"`: another name on the wire;
//! - `default`, `default = expression`: what it is if left out;
//! - `header = "Region"` (tools): its value, a string, integer or boolean, is mirrored into the HTTP
//!   header `Mcp-Param-Region` (an enum needs `#[schemars(inline)]`);
//! - `complete = function` (prompts, templates): proposes values while a person types;
//! - `minimum`, `maximum`, `exclusive_minimum`, `exclusive_maximum`, `multiple_of`, `min_length`,
//!   `max_length`, `pattern`, `format`, `min_items`, `max_items`, `unique_items`, each with a value:
//!   the JSON Schema keyword;
//! - `title`, `example`, `deprecated`, `range(…)`, `length(…)`, `regex(…)`, `email`, `url`,
//!   `inner(…)`, `with`, `schema_with`, `extend(…)`: handed on to schemars.
//!
//! A tool refuses arguments that it does not have. Prompts and templates get strings: numbers and
//! truth values are read from them.
//!
//! # Mistakes
//!
//! Mistakes are compile errors that point at the place:
//!
//! ```compile_fail
//! #[mcp_macros::tool]
//! fn not_async(a: i64) -> String {
//!     a.to_string()
//! }
//! ```
//!
//! ```compile_fail
//! #[mcp_macros::tool]
//! async fn borrowed(text: &str) -> String {
//!     text.to_owned()
//! }
//! ```
#![forbid(unsafe_code)]

mod arg;
mod docs;
mod expand;
mod gather;
mod options;
mod param;
mod template;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

use crate::options::Kind;

/// Makes a tool of an async function.
///
/// In place of the function `f` there is then one that makes a `mcp_core::server::ServedTool`, to be
/// given to the server as `f`, and the function itself as `f::call`. The doc comment is the
/// description for the model. The function returns what `mcp_core::server::IntoResult` knows for tools: text,
/// content blocks, `Json<T>` for structured results, or a `Result` of one of them.
///
/// In the parentheses can stand:
///
/// - `name = "…"`, `title = "…"`, `description = "…"`: instead of the function's name and doc comment;
/// - `read_only`, `destructive`, `idempotent`, `open_world`: the hints for clients; with `= false`
///   the contrary;
/// - `timeout = "30s"` (`ms`, `s`, `m`, `h`): then the call is answered `-32603`;
/// - `header(region = "Region")`: as `#[arg(header = "Region")]` on the argument;
/// - `trust_result`: does not validate structured results;
/// - `crate = path`: where `mcp_core` is, for crates that hand it on.
///
/// Parameters and `#[arg]`: see the [crate's documentation](crate).
///
/// ```
/// use std::collections::BTreeMap;
///
/// use mcp_core::server::{Cx, HandlerError, OrTell, Server};
/// use mcp_macros::tool;
///
/// struct Dictionary(BTreeMap<String, String>);
///
/// /// Looks a word up.
/// #[tool(title = "Look up", read_only, open_world = false, timeout = "5s")]
/// async fn look_up(
///     cx: Cx,
///     dictionary: &Dictionary,
///     /// The word, in lower case.
///     #[arg(min_length = 1, max_length = 64)]
///     word: String,
/// ) -> Result<String, HandlerError> {
///     cx.progress(1, 1, "searching");
///     dictionary.0.get(&word).cloned().or_tell("there is no such word")
/// }
///
/// let server = Server::builder("dictionary", "1.0.0")
///     .state(Dictionary(BTreeMap::new()))
///     .tool(look_up)
///     .build()?;
/// # Ok::<(), mcp_core::server::BuildErrors>(())
/// ```
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Tool, attribute.into(), item.into()).into()
}

/// Makes a prompt of an async function.
///
/// In place of the function `f` there is then one that makes a `mcp_core::server::ServedPrompt`, and
/// the function itself as `f::call`. Arguments are strings on the wire. It returns what
/// `mcp_core::server::IntoResult` knows for prompts: text, messages, or a `Result` of one of them.
///
/// In the parentheses can stand `name = "…"`, `title = "…"`, `description = "…"` and `crate = path`.
///
/// ```
/// use mcp_core::server::{Args, CompletionInput, Server};
/// use mcp_macros::prompt;
///
/// async fn languages(Args(input): Args<CompletionInput>) -> Vec<String> {
///     let known = ["French", "Finnish"].into_iter();
///     known.filter(|name| name.starts_with(&input.value)).map(str::to_owned).collect()
/// }
///
/// /// Asks for a translation.
/// #[prompt(title = "Translate")]
/// async fn translate(
///     /// What to translate.
///     text: String,
///     /// Into which language.
///     #[arg(default = "English", complete = languages)]
///     language: String,
/// ) -> String {
///     format!("Translate into {language}: {text}")
/// }
///
/// let server = Server::builder("translator", "1.0.0").prompt(translate).build()?;
/// assert!(server.capabilities().completions.is_some());
/// # Ok::<(), mcp_core::server::BuildErrors>(())
/// ```
#[proc_macro_attribute]
pub fn prompt(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Prompt, attribute.into(), item.into()).into()
}

/// Makes a resource, or a family of them, of an async function.
///
/// The first thing in the parentheses is the URI, or a URI template (RFC 6570) whose variables are
/// the function's arguments. In place of the function `f` there is then one that makes a
/// `mcp_core::server::ServedResource` or, for a template, a `mcp_core::server::ServedTemplate`, to be
/// given to the server with `resource` or `template`; the function itself is `f::call`.
///
/// After the URI can stand `name = "…"`, `title = "…"`, `description = "…"`, `mime_type = "…"` and
/// `crate = path`.
///
/// ```
/// use mcp_core::protocol::{ReadResourceResult, ResourceContents};
/// use mcp_core::server::Server;
/// use mcp_macros::resource;
///
/// /// A greeting for anybody.
/// #[resource("greeting://{name}", mime_type = "text/plain")]
/// async fn greeting(name: String) -> ReadResourceResult {
///     ReadResourceResult::new([ResourceContents::text(format!("greeting://{name}"), format!("Hello, {name}!"))])
/// }
///
/// let server = Server::builder("greeter", "1.0.0").template(greeting).build()?;
/// assert_eq!(server.view().templates().len(), 1);
/// # Ok::<(), mcp_core::server::BuildErrors>(())
/// ```
#[proc_macro_attribute]
pub fn resource(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Resource, attribute.into(), item.into()).into()
}
