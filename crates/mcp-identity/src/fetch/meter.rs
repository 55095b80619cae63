//! A bound on what a connection may bring, whatever it is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Connection;

/// Counts what a connection brings, and fails once that is more than a limit.
pub(super) struct Metered<T> {
    connection: T,
    limit: u64,
    count: Arc<AtomicU64>,
}

impl<T> Metered<T> {
    pub(super) fn new(connection: T, limit: u64) -> (Self, Meter) {
        let count = Arc::new(AtomicU64::new(0));
        (Self { connection, limit, count: Arc::clone(&count) }, Meter { limit, count })
    }
}

/// Tells what the connection brought: errors lose their names on the way up.
pub(super) struct Meter {
    limit: u64,
    count: Arc<AtomicU64>,
}

impl Meter {
    pub(super) fn is_exceeded(&self) -> bool {
        self.read() > self.limit
    }

    pub(super) fn read(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl<T: Connection> AsyncRead for Metered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.connection).poll_read(context, buffer))?;
        let read = buffer.filled().len().saturating_sub(before) as u64;
        if self.count.fetch_add(read, Ordering::Relaxed) + read > self.limit {
            return Poll::Ready(Err(io::Error::other("the connection brought too much")));
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Connection> AsyncWrite for Metered<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}
