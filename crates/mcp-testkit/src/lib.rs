//! What an author of MCP servers and extensions tests with.
#![forbid(unsafe_code)]

mod answer;
mod fail;
mod faults;
mod http;
mod lines;
mod published;
mod raw;
mod request;
mod suite;

pub use answer::Answer;
pub use faults::{Fault, FaultHandle, Faulty};
pub use http::{HttpConnection, HttpError, HttpHead, HttpRequest, HttpResponse, SseEvent};
pub use lines::{LineClient, LineClientError};
pub use published::{PublishedSchema, SchemaFileError, SchemaMismatch};
pub use raw::{RawClient, RawError, RawExchange};
pub use request::{Message, call_tool, notification, request};
pub use suite::{ExtensionSuite, Finding, Report, Rule};
