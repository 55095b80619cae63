//! What the tests of the protocol's types share.

#![allow(unreachable_pub, dead_code, reason = "each test program uses a part of it")]

use std::path::PathBuf;

/// The folder with the published schemas and examples: `MCP_SPEC_DIR`, or `shared/spec` beside the
/// repository. `None`, with a note, where it is absent.
pub fn spec_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("MCP_SPEC_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec"),
        PathBuf::from,
    );
    if dir.is_dir() {
        Some(dir)
    } else {
        eprintln!("skipped: {} does not exist (set MCP_SPEC_DIR)", dir.display());
        None
    }
}
