//! The runtime that every subject runs on.

use tokio::runtime::{Builder, Runtime};

use crate::Result;

/// The environment variable with the number of worker threads; 0 is the current-thread runtime.
pub const WORKERS_VARIABLE: &str = "BENCH_WORKERS";

/// A runtime with as many workers as the driver asks for, else one that runs on this thread.
///
/// # Errors
///
/// The variable is no number, or the system gives no threads.
pub fn runtime() -> Result<Runtime> {
    let workers: usize = match std::env::var(WORKERS_VARIABLE) {
        Ok(number) => number.parse().map_err(|e| format!("{WORKERS_VARIABLE}={number}: {e}"))?,
        Err(_) => 0,
    };
    let mut builder = match workers {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if workers > 0 {
        builder.worker_threads(workers);
    }
    Ok(builder.enable_all().build()?)
}
