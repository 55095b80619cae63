//! The server's side.
//!
//! The way of a request: `service` (which answer at all), `guard` (who may ask), `body` in, `headers`
//! (do they agree with the body), the core, `body` out.

mod body;
mod builder;
#[cfg(feature = "compression")]
mod compression;
mod cors;
mod documents;
mod guard;
mod headers;
mod respond;
mod serve;
mod service;

pub use body::HttpBody;
pub use builder::{AuthenticateError, HttpServiceBuilder};
pub use serve::{ServeOptions, serve, serve_layered, serve_with};
pub use service::HttpService;
