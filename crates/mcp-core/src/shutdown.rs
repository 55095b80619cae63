//! Telling long-running work that the server is about to stop.

use tokio::sync::watch;

/// A signal that is given once and then stays given.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use mcp_core::Shutdown;
///
/// let (trigger, shutdown) = Shutdown::new();
/// assert!(!shutdown.is_requested());
/// trigger.request();
/// shutdown.requested().await;
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Gives the signal of a [`Shutdown`]. Dropping it does not.
#[derive(Debug, Clone)]
pub struct ShutdownTrigger(watch::Sender<bool>);

impl Shutdown {
    /// A signal and the one who gives it.
    #[must_use]
    pub fn new() -> (ShutdownTrigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (ShutdownTrigger(sender), Self(receiver))
    }

    /// Whether the signal was given.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for the signal; for ever, if nobody is left to give it.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|requested| *requested).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl ShutdownTrigger {
    /// Gives the signal. Giving it again changes nothing.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}
