//! The two ends that the host holds of a worker's pipes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{ChildStdin, ChildStdout};

/// What a worker writes: MPEG-TS. If nobody reads it, the worker waits.
#[derive(Debug)]
pub struct WorkerOutput(pub(super) ChildStdout);

impl AsyncRead for WorkerOutput {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

/// What a worker reads. A worker that is slow makes the writer wait; one that is told to stop makes it fail with
/// [`io::ErrorKind::BrokenPipe`]. Shutting it down, or dropping it, tells the worker that its input ended.
#[derive(Debug)]
pub struct WorkerInput(Arc<Mutex<Shared>>);

/// The worker's own handle to close the input, however busy its writer is: FFmpeg waiting for input ignores SIGTERM.
#[derive(Debug, Clone, Default)]
pub(super) struct InputValve(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    pipe: Option<ChildStdin>,
    writer: Option<Waker>,
}

impl WorkerInput {
    pub(super) fn new(pipe: ChildStdin) -> (Self, InputValve) {
        let shared = Arc::new(Mutex::new(Shared { pipe: Some(pipe), writer: None }));
        (Self(Arc::clone(&shared)), InputValve(shared))
    }

    fn with_pipe<T>(
        &self,
        context: &mut Context<'_>,
        work: impl FnOnce(Pin<&mut ChildStdin>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.writer = Some(context.waker().clone());
        match &mut shared.pipe {
            Some(pipe) => work(Pin::new(pipe), context),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl InputValve {
    pub(super) fn close(&self) {
        let (pipe, writer) = {
            let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (shared.pipe.take(), shared.writer.take())
        };
        drop(pipe);
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

impl Drop for WorkerInput {
    fn drop(&mut self) {
        InputValve(Arc::clone(&self.0)).close();
    }
}

impl AsyncWrite for WorkerInput {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with_pipe(context, |pipe, context| pipe.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with_pipe(context, |pipe, context| pipe.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        InputValve(Arc::clone(&self.0)).close();
        Poll::Ready(Ok(()))
    }
}
