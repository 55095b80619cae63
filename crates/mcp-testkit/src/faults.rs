//! Streams that fail in the ways that networks do.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What happens to one direction of a stream. Counts are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// After so many bytes nothing moves any more, until [`FaultHandle::release`]. A client that stops
    /// reading looks so to a server that writes.
    StallAfter(usize),
    /// After so many bytes the stream ends, as if the other side had gone: reading gives the end,
    /// writing the error `BrokenPipe`.
    CutAfter(usize),
    /// After so many bytes every read and write gives the error `ConnectionReset`.
    ResetAfter(usize),
    /// At most so many bytes move at a time (at least one), with a pause for other tasks before each.
    Drip(usize),
}

/// A stream with a fault in either direction or both.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use mcp_testkit::{Fault, Faulty};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let (near, mut far) = tokio::io::duplex(64);
/// let (mut near, _) = Faulty::new(near, Some(Fault::CutAfter(3)), None);
/// far.write_all(b"hello").await.unwrap();
///
/// let mut text = String::new();
/// near.read_to_string(&mut text).await.unwrap();
/// assert_eq!(text, "hel");
/// # }
/// ```
#[derive(Debug)]
pub struct Faulty<S> {
    stream: S,
    read: Direction,
    write: Direction,
    stalls: Arc<Mutex<Stalls>>,
}

/// Ends the stalls of a [`Faulty`] stream.
#[derive(Debug, Clone)]
pub struct FaultHandle(Arc<Mutex<Stalls>>);

#[derive(Debug, Default)]
struct Stalls {
    released: bool,
    wakers: Vec<Waker>,
}

#[derive(Debug)]
struct Direction {
    fault: Option<Fault>,
    moved: usize,
    /// Whether other tasks had their turn since the last drop.
    paused: bool,
}

/// What a direction lets happen now.
enum Step {
    /// So many bytes may move.
    Move(usize),
    End,
    Reset,
    Wait,
}

impl FaultHandle {
    /// Lets stalled directions go on for good.
    pub fn release(&self) {
        let wakers = {
            let mut stalls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            stalls.released = true;
            std::mem::take(&mut stalls.wakers)
        };
        for waker in wakers {
            waker.wake();
        }
    }
}

impl<S> Faulty<S> {
    /// Puts a fault on reading from `stream` and one on writing to it.
    pub fn new(stream: S, read: Option<Fault>, write: Option<Fault>) -> (Self, FaultHandle) {
        let stalls = Arc::<Mutex<Stalls>>::default();
        let direction = |fault| Direction { fault, moved: 0, paused: false };
        let (read, write) = (direction(read), direction(write));
        let handle = FaultHandle(Arc::clone(&stalls));
        (Self { stream, read, write, stalls }, handle)
    }
}

impl Direction {
    fn step(&mut self, stalls: &Mutex<Stalls>, context: &Context<'_>) -> Step {
        let left = |limit: usize| limit.saturating_sub(self.moved);
        match self.fault {
            None => Step::Move(usize::MAX),
            Some(Fault::StallAfter(limit)) => {
                let mut stalls = stalls.lock().unwrap_or_else(PoisonError::into_inner);
                if stalls.released {
                    return Step::Move(usize::MAX);
                }
                if left(limit) > 0 {
                    return Step::Move(left(limit));
                }
                stalls.wakers.push(context.waker().clone());
                Step::Wait
            }
            Some(Fault::CutAfter(limit)) if left(limit) == 0 => Step::End,
            Some(Fault::ResetAfter(limit)) if left(limit) == 0 => Step::Reset,
            Some(Fault::CutAfter(limit) | Fault::ResetAfter(limit)) => Step::Move(left(limit)),
            Some(Fault::Drip(size)) => {
                if self.paused {
                    return Step::Move(size.max(1));
                }
                self.paused = true;
                context.waker().wake_by_ref();
                Step::Wait
            }
        }
    }

    fn moved(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(bytes);
        self.paused = false;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Faulty<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let most = match this.read.step(&this.stalls, context) {
            Step::Wait => return Poll::Pending,
            Step::End => return Poll::Ready(Ok(())),
            Step::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Step::Move(most) => most.min(buffer.remaining()),
        };
        let mut bytes = vec![0; most.min(64 * 1024)];
        let mut part = ReadBuf::new(&mut bytes);
        match Pin::new(&mut this.stream).poll_read(context, &mut part) {
            Poll::Ready(Ok(())) => {
                buffer.put_slice(part.filled());
                this.read.moved(part.filled().len());
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Faulty<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let most = match this.write.step(&this.stalls, context) {
            Step::Wait => return Poll::Pending,
            Step::End => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Step::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Step::Move(most) => most.min(bytes.len()),
        };
        let part = bytes.get(..most).unwrap_or(bytes);
        let written = Pin::new(&mut this.stream).poll_write(context, part);
        if let Poll::Ready(Ok(count)) = written {
            this.write.moved(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_stalled_direction_goes_on_when_released() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut near, handle) = Faulty::new(near, Some(Fault::StallAfter(2)), None);
        far.write_all(b"hello").await.unwrap();
        let mut start = [0; 2];
        near.read_exact(&mut start).await.unwrap();
        let rest = tokio::spawn(async move {
            let mut rest = [0; 3];
            near.read_exact(&mut rest).await.unwrap();
            rest
        });
        tokio::task::yield_now().await;
        assert!(!rest.is_finished());
        handle.release();
        assert_eq!(&rest.await.unwrap(), b"llo");
    }

    #[tokio::test]
    async fn a_cut_stream_breaks_the_writer() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut near, _) = Faulty::new(near, None, Some(Fault::CutAfter(4)));
        let error = near.write_all(b"hello").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        drop(near);
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hell");
    }

    #[tokio::test]
    async fn a_reset_stream_says_so_on_both_sides() {
        let (near, mut far) = tokio::io::duplex(64);
        let reset = Some(Fault::ResetAfter(0));
        let (mut near, _) = Faulty::new(near, reset, reset);
        far.write_all(b"x").await.unwrap();
        assert_eq!(near.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(near.write_u8(1).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_drip_loses_nothing() {
        let (near, far) = tokio::io::duplex(64);
        let drip = Some(Fault::Drip(3));
        let (mut near, _) = Faulty::new(near, drip, drip);
        let (mut read, mut write) = tokio::io::split(far);
        let sent: Vec<u8> = (0..200).collect();
        let copy = tokio::spawn(async move { tokio::io::copy(&mut read, &mut write).await });
        let (mut own_read, mut own_write) = tokio::io::split(&mut near);
        let mut back = vec![0; sent.len()];
        let (written, read) =
            tokio::join!(own_write.write_all(&sent), own_read.read_exact(&mut back));
        written.unwrap();
        read.unwrap();
        assert_eq!(back, sent);
        copy.abort();
    }
}
