//! Bytes through one worker: the upstream's into it, its own out of it, both in one run of pieces.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use mast_ffmpeg::{Worker, WorkerInput, WorkerOutput};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::task::TaskTracker;

use crate::tuner::fault::{Failure, UpstreamFault};
use crate::tuner::upstream::{Piece, UpstreamBytes};

/// Read from the worker at once; a pipe holds this much.
const READ: usize = 64 * 1024;

/// For a worker that closed its output to end by itself and say why.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Everything that one worker needs, in one place: dropping it ends the worker and the upstream.
struct Flow {
    output: WorkerOutput,
    buffer: BytesMut,
    feed: Option<Feed>,
    worker: Running,
}

/// What goes into the worker.
struct Feed {
    input: WorkerInput,
    pieces: UpstreamBytes,
    pending: VecDeque<Bytes>,
}

/// How the feed got on.
enum Fed {
    /// It moved bytes.
    Bytes,
    /// The upstream is well, and has nothing just now.
    Calm,
}

/// A worker that is stopped, gently and then hard, when its channel lets go of it.
struct Running {
    worker: Option<Worker>,
    tasks: TaskTracker,
}

/// The pieces that come out of the worker.
pub(super) fn run(mut worker: Worker, tasks: TaskTracker, feed: Option<(Vec<Bytes>, UpstreamBytes)>) -> UpstreamBytes {
    let output = worker.take_output().expect("a new worker has its output");
    let input = worker.take_input();
    let feed = input.zip(feed).map(|(input, (head, pieces))| Feed { input, pieces, pending: head.into() });
    let running = Running { worker: Some(worker), tasks };
    let flow = Flow { output, buffer: BytesMut::new(), feed, worker: running };
    stream::try_unfold(flow, async |mut flow: Flow| {
        let piece = flow.next().await?;
        Ok(Some((piece, flow)))
    })
    .boxed()
}

impl Flow {
    async fn next(&mut self) -> Result<Piece, Failure> {
        loop {
            self.buffer.reserve(READ);
            tokio::select! {
                read = self.output.read_buf(&mut self.buffer) => match read {
                    Ok(count) if count > 0 => return Ok(Piece::Bytes(self.buffer.split().freeze())),
                    _ => return Err(self.worker.ended().await),
                },
                fed = step(&mut self.feed) => if let Fed::Calm = fed? {
                    return Ok(Piece::Calm);
                },
            }
        }
    }
}

/// Gives the worker more to read; never returns without a feed. Safe to cancel.
async fn step(feed: &mut Option<Feed>) -> Result<Fed, Failure> {
    let Some(Feed { input, pieces, pending }) = feed else { return std::future::pending().await };
    let Some(bytes) = pending.front_mut() else {
        match pieces.next().await {
            Some(Ok(Piece::Bytes(bytes))) => pending.push_back(bytes),
            // FFmpeg finds jumps of the clock itself, and knows no dates.
            Some(Ok(Piece::Break | Piece::Date(_))) => {}
            Some(Ok(Piece::Calm)) => return Ok(Fed::Calm),
            Some(Err(failure)) => return Err(failure),
            None => return Err(UpstreamFault::Ended.into()),
        }
        return Ok(Fed::Bytes);
    };
    if bytes.has_remaining() {
        match input.write(bytes).await {
            Ok(written) => bytes.advance(written),
            // It has closed its input: why, its end will tell.
            Err(_) => {
                *feed = None;
                return Ok(Fed::Bytes);
            }
        }
    }
    if pending.front().is_some_and(|bytes| !bytes.has_remaining()) {
        pending.pop_front();
    }
    Ok(Fed::Bytes)
}

impl Running {
    /// Why the worker ended.
    async fn ended(&mut self) -> Failure {
        let Some(worker) = &self.worker else { return UpstreamFault::Transcoder.into() };
        // It has closed its output: it ends by itself, or is made to.
        let exit = match tokio::time::timeout(LAST_WORDS, worker.wait()).await {
            Ok(exit) => exit,
            Err(_) => {
                worker.stop();
                worker.wait().await
            }
        };
        Failure { fault: UpstreamFault::Transcoder, detail: exit.reason }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            self.tasks.spawn(async move {
                worker.stop();
                worker.wait().await;
            });
        }
    }
}
