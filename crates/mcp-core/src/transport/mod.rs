//! How messages travel. Streamable HTTP is in its own crate, `mcp-http`.

mod lines;
mod queue;
mod stdio;

pub use lines::{LineError, LineReader};
#[cfg(feature = "stdio")]
pub use stdio::serve_stdio;
pub use stdio::{StdioOptions, serve_lines};
