//! The server's side.
//!
//! The way of a request: `service` (which answer at all), `guard` (who may ask), `body` in, `headers`
//! (do they agree with the body), the core, `body` out.

mod body;
#[cfg(feature = "compression")]
mod compression;
mod documents;
mod guard;
mod headers;
mod respond;
mod serve;
mod service;

pub use body::HttpBody;
pub use serve::{ServeOptions, serve, serve_with};
pub use service::{AuthenticateError, HttpService, HttpServiceBuilder};
