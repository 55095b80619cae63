//! What every benchmark subject shares, so that none of it can make a difference between them:
//! the workload, the control channel to the driver, the runtime and the HTTP accept loop.

mod allocations;
mod control;
mod http;
mod runtime;
pub mod tasks;
pub mod workload;

pub use allocations::{HeapProbe, count_allocations};
pub use control::{CONTROL_VARIABLE, Control};
pub use http::serve_http;
pub use runtime::{WORKERS_VARIABLE, runtime};

/// The error of the benchmark's programs: they only ever report it and stop.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
