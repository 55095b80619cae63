//! Waiting for what comes by itself.

use std::time::Duration;

use crate::fail::fail;

/// What `look` finds, as soon as it finds something. For what other tasks bring about, and nobody tells.
///
/// Panics if nothing is found within a minute: a test that waits for what never comes fails rather than hangs.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let mut looks = 0;
/// let found = mcp_testkit::eventually(|| {
///     looks += 1;
///     std::future::ready((looks == 3).then_some("there"))
/// });
/// assert_eq!(found.await, "there");
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn eventually<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(60), looking).await {
        Ok(found) => found,
        Err(_) => fail(format_args!("what was waited for did not come within a minute")),
    }
}
