//! A socket whose writes must make progress: when the peer takes nothing for a while, writing fails, and with it the connection. It
//! tells the connection's [`Activity`] what it does.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::activity::Activity;
use super::heads::Heads;

/// Less than this in the time allowed is no progress: a peer that takes a byte now and then keeps a segment in memory for hours.
pub(super) const LEAST: usize = 16 * 1024;

pub(super) struct Progress<S> {
    inner: S,
    limit: Duration,
    /// Runs from the first write that had to wait until enough was taken.
    waiting: Option<Pin<Box<Sleep>>>,
    /// What was taken since then.
    taken: usize,
    /// Was read already, and comes first.
    before: Bytes,
    activity: Arc<Activity>,
    /// Looks at what HTTP/1 clients send; none for HTTP/2.
    heads: Option<Heads>,
    /// Nothing more is read.
    refused: bool,
}

impl<S> Progress<S> {
    pub(super) fn new(inner: S, limit: Duration) -> Self {
        Self {
            inner,
            limit,
            waiting: None,
            taken: 0,
            before: Bytes::new(),
            activity: Arc::default(),
            heads: Some(Heads::new()),
            refused: false,
        }
    }

    /// For what is not HTTP/1.
    pub(super) fn unchecked(mut self) -> Self {
        self.heads = None;
        self
    }

    /// How much of what was just read may be passed on. A request that could mean two things is made one that means nothing, which
    /// hyper answers with 400.
    fn checked(&mut self, new: &mut [u8]) -> usize {
        let clear = self.heads.as_mut().is_none_or(|heads| heads.feed(new).is_ok());
        if clear || new.is_empty() {
            return new.len();
        }
        self.refused = true;
        new[0] = 0;
        1
    }

    /// Takes back what was read and not used.
    pub(super) fn unread(mut self, bytes: Bytes) -> Self {
        self.before = if self.before.is_empty() { bytes } else { [bytes, self.before].concat().into() };
        self
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
        taken: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        self.activity.wrote(written.is_ready());
        if let Poll::Ready(done) = &written {
            self.taken = self.taken.saturating_add(done.as_ref().map_or(0, taken));
            if self.taken >= LEAST {
                (self.waiting, self.taken) = (None, 0);
            }
            return written;
        }
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| {
            self.taken = 0;
            Box::pin(sleep(limit))
        });
        ready!(waiting.as_mut().poll(cx));
        // Polling again after this is the caller's mistake; a fresh deadline keeps it harmless.
        waiting.as_mut().reset(Instant::now() + limit);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing in")))
    }
}

/// Can wait for the next request without memory for it.
pub(super) trait Readable {
    /// Waits until there may be something to read.
    fn readable(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// The same where nothing lies between it and the kernel.
    fn plain(&mut self) -> Option<&mut Progress<TcpStream>>;
}

impl Progress<TcpStream> {
    pub(super) fn inner(&self) -> &TcpStream {
        &self.inner
    }

    /// How long a peer may take nothing.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Reads what is there already, at most as much as fits.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.before.is_empty() {
            let taken = self.before.len().min(buffer.len());
            self.before.copy_to_slice(&mut buffer[..taken]);
            return Ok(taken);
        }
        match self.inner.try_read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => Ok(self.checked(&mut buffer[..read])),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Takes back the end of what [`Progress::take`] gave.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.before = [bytes, &self.before].concat().into();
        }
    }
}

impl Readable for Progress<TcpStream> {
    async fn readable(&mut self) -> io::Result<()> {
        if self.before.is_empty() { self.inner.readable().await } else { Ok(()) }
    }

    fn plain(&mut self) -> Option<&mut Progress<TcpStream>> {
        Some(self)
    }
}

impl Readable for Progress<TlsStream<TcpStream>> {
    /// What is readable may be no more than an alert, so a little is read.
    async fn readable(&mut self) -> io::Result<()> {
        if self.before.is_empty() {
            let mut some = [0; 256];
            let read = self.inner.read(&mut some).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let kept = self.checked(&mut some[..read]);
            self.before = Bytes::copy_from_slice(&some[..kept]);
        }
        Ok(())
    }

    fn plain(&mut self) -> Option<&mut Progress<TcpStream>> {
        None
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Progress<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.before.is_empty() {
            if self.refused {
                return Poll::Ready(Ok(()));
            }
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
            let kept = self.checked(&mut buf.filled_mut()[before..]);
            buf.set_filled(before + kept);
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
        self.watch(cx, written, |taken| *taken)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch(cx, written, |taken| *taken)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        // Everything is out: what comes later has all of its time.
        self.watch(cx, flushed, |()| LEAST)
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

    /// Takes `bytes` of 64 KiB every 30 seconds.
    async fn slow(bytes: usize) -> io::Result<()> {
        let (ours, mut theirs) = duplex(bytes);
        let mut ours = Progress::new(ours, Duration::from_secs(40));
        let reader = async {
            let mut some = vec![0; bytes];
            loop {
                sleep(Duration::from_secs(30)).await;
                theirs.read_exact(&mut some).await.expect("written");
            }
        };
        let all = vec![0; 64 * 1024];
        tokio::select! {
            written = ours.write_all(&all) => written,
            () = reader => unreachable!("it reads for ever"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_peer_does_not() {
        slow(LEAST).await.expect("30 s a time is slow, not dead");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_pretends_to_be_slow_does() {
        let failed = slow(16).await.expect_err("hours for a segment");
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_request_that_means_two_things_is_made_to_mean_nothing() {
        let (ours, mut theirs) = duplex(1024);
        let mut ours = Progress::new(ours, Duration::from_secs(40));
        theirs.write_all(b"GET / HTTP/1.1\r\nhost: a\n\r\nGET /secret").await.expect("written");
        theirs.write_all(b" HTTP/1.1\r\n\r\n").await.expect("written");
        let mut read = Vec::new();
        ours.read_to_end(&mut read).await.expect("an end");
        assert_eq!(read, b"\0");
    }
}
