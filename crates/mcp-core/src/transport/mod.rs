//! How messages travel. Streamable HTTP is in its own crate, `mcp-http`.

#[cfg(feature = "process")]
mod child_process;
mod line_client;
mod lines;
mod memory;
mod network;
mod queue;
mod stdio;

#[cfg(feature = "process")]
pub use child_process::{ChildOptions, ChildProcess, Stderr};
pub use line_client::{LineOptions, LineTransport};
pub use lines::{LineError, LineReader};
pub use memory::MemoryTransport;
pub use network::Network;
#[cfg(feature = "stdio")]
pub use stdio::serve_stdio;
pub use stdio::{StdioOptions, serve_lines};
