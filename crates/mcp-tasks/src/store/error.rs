//! Why a store did not do it.

use std::sync::Arc;

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such task, or not for this principal, or no longer. These are not told apart.
    #[error("no such task")]
    NotFound,
    /// The worker's claim is over: the task was cancelled, has ended, or was claimed by another.
    #[error("the claim is over")]
    Stale,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    Conflict,
    /// The task would outgrow what the store keeps for one.
    #[error("the task would have {size} bytes, more than {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The store itself failed; whether the change was made is not known. It may work later.
    #[error("the store failed: {0}")]
    Unavailable(Arc<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Wraps a failure of the store's own.
    pub fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(Arc::from(error.into()))
    }
}

impl From<super::Stale> for StoreError {
    fn from(_: super::Stale) -> Self {
        Self::Stale
    }
}
