//! Noticing changes in the folder.
//!
//! By looking again, which works on every platform and on network folders. A large folder is looked at
//! less often: a look may take a tenth of the time at most.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_core::Shutdown;
use mcp_core::server::ServerHandle;

use crate::library::{Changes, Library, uri};

const SOON: Duration = Duration::from_millis(500);

/// Tells listeners of changes until `shutdown`.
pub(crate) async fn watch(library: Arc<Library>, server: ServerHandle, shutdown: Shutdown) {
    let mut pause = SOON;
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let looking = Arc::clone(&library);
        let began = Instant::now();
        let Ok(changes) = tokio::task::spawn_blocking(move || looking.rescan()).await else {
            return;
        };
        pause = SOON.max(began.elapsed() * 10);
        tell(&server, &changes);
    }
}

/// Tells listeners what changed.
pub(crate) fn tell(server: &ServerHandle, changes: &Changes) {
    if changes.list {
        server.resources_changed();
    }
    for path in &changes.updated {
        server.resource_updated(&uri(path));
    }
}
