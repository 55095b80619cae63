//! How messages travel. Streamable HTTP is in its own crate, `mcp-http`.

mod line_client;
mod lines;
mod memory;
mod queue;
mod stdio;

pub use line_client::{LineOptions, LineTransport};
pub use lines::{LineError, LineReader};
pub use memory::MemoryTransport;
#[cfg(feature = "stdio")]
pub use stdio::serve_stdio;
pub use stdio::{StdioOptions, serve_lines};
