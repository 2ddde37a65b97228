//! A socket whose writes must make progress: when the peer takes nothing for a while, writing fails, and with it the connection. It
//! tells the connection's [`Activity`] what it does.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;

pub(super) struct Progress<S> {
    inner: S,
    limit: Duration,
    /// Runs from the first write that had to wait until one succeeds.
    waiting: Option<Pin<Box<Sleep>>>,
    /// Was read already, and comes first.
    before: Bytes,
    activity: Arc<Activity>,
}

impl<S> Progress<S> {
    pub(super) fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit, waiting: None, before: Bytes::new(), activity: Arc::default() }
    }

    /// Takes back what was read and not used.
    pub(super) fn unread(mut self, bytes: Bytes) -> Self {
        self.before = if self.before.is_empty() { bytes } else { [bytes, self.before].concat().into() };
        self
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.activity.wrote(written.is_ready());
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(waiting.as_mut().poll(cx));
        // Polling again after this is the caller's mistake; a fresh deadline keeps it harmless.
        waiting.as_mut().reset(Instant::now() + limit);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing in")))
    }
}

impl Progress<TcpStream> {
    /// Waits until there may be something to read.
    pub(super) async fn readable(&self) -> io::Result<()> {
        if self.before.is_empty() { self.inner.readable().await } else { Ok(()) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Progress<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.before.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        } else {
            let taken = self.before.len().min(buf.remaining());
            buf.put_slice(&self.before[..taken]);
            self.before.advance(taken);
        }
        if buf.filled().len() > before {
            self.activity.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Progress<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_ends_the_connection() {
        let (ours, theirs) = duplex(16);
        let mut ours = Progress::new(ours, Duration::from_secs(40));
        let started = Instant::now();
        let failed = ours.write_all(&[0; 64]).await.expect_err("nobody reads");
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(started.elapsed() >= Duration::from_secs(40));
        drop(theirs);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_peer_does_not() {
        let (ours, mut theirs) = duplex(16);
        let mut ours = Progress::new(ours, Duration::from_secs(40));
        let reader = async {
            let mut taken = 0;
            while taken < 64 {
                sleep(Duration::from_secs(30)).await;
                let mut some = [0; 16];
                taken += theirs.read(&mut some).await.expect("written");
            }
        };
        let (written, ()) = tokio::join!(ours.write_all(&[0; 64]), reader);
        written.expect("30 s a time is slow, not dead");
    }
}
