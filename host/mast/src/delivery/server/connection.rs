//! One connection, from accept to close.
//!
//! Most of the thousands that a host has are idle: their players wait for the next segment. hyper keeps a buffer of 8 KiB and more for
//! each, so between two requests a connection is taken away from it: what is left is a socket and a timer. hyper gets it back with the next
//! bytes.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::super::viewer::Peer;
use super::progress::Progress;
use crate::metrics::ConnectionGuard;

/// A connection on which nothing could be written for this long is gone: several times the longest segment.
const WRITE_TIMEOUT: Duration = Duration::from_secs(40);
/// Between two requests of a connection: more than three target durations, so that HLS players keep theirs.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// What a connection needs.
pub(super) struct Connection {
    pub(super) router: Router,
    /// For a head, from its first byte to its last; for the first one from the beginning.
    pub(super) header_timeout: Duration,
    pub(super) shutdown: CancellationToken,
    #[expect(dead_code, reason = "held as long as the connection")]
    pub(super) slot: OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held as long as the connection")]
    pub(super) counted: ConnectionGuard,
}

/// What became of a connection that hyper had.
enum Step {
    Idle,
    Ended(hyper::Result<()>),
}

impl Connection {
    /// Answers requests until either side ends it.
    pub(super) async fn serve(self, socket: TcpStream, peer: SocketAddr) {
        // Without it the last packet of each segment waits for an acknowledgement.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it began");
            return;
        }
        let mut idle = Progress::new(socket, WRITE_TIMEOUT);
        // The first head follows no pause, so it has no excuse for taking longer.
        let first = Instant::now() + self.header_timeout;
        let (mut answered, mut due) = (false, first);
        loop {
            tokio::select! {
                readable = timeout_at(due, idle.readable()) => if !matches!(readable, Ok(Ok(()))) {
                    return;
                },
                () = self.shutdown.cancelled() => return,
            }
            let head_due = if answered { Instant::now() + self.header_timeout } else { first };
            // In memory of its own, which only lasts as long as there is something to do.
            let Some(socket) = Box::pin(self.answer(idle, peer, head_due)).await else { return };
            idle = socket;
            if idle.activity().pause() {
                (answered, due) = (true, Instant::now() + KEEP_ALIVE);
            }
        }
    }

    /// Lets hyper have the connection until it is idle.
    async fn answer(
        &self,
        socket: Progress<TcpStream>,
        peer: SocketAddr,
        head_due: Instant,
    ) -> Option<Progress<TcpStream>> {
        let activity = Arc::clone(socket.activity());
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
            let begun = activity.begin(!request.body().is_end_stream());
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            let answer = self.router.clone().call(request);
            async move { answer.await.map(|response| response.map(|body| begun.answer(body))) }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // hyper counts the pause between two requests as part of reading a head, where it is not taken away from it.
            .header_read_timeout(self.header_timeout.max(KEEP_ALIVE))
            .serve_connection(TokioIo::new(socket), service);
        let mut head_is_due = pin!(sleep_until(head_due));
        let (mut waiting, mut stopping) = (true, false);
        let ended = loop {
            let step = poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
                Poll::Ready(ended) => Poll::Ready(Step::Ended(ended)),
                Poll::Pending if activity.idle() => Poll::Ready(Step::Idle),
                Poll::Pending => Poll::Pending,
            });
            tokio::select! {
                step = step => match step {
                    Step::Ended(ended) => break ended,
                    Step::Idle => {
                        let parts = connection.into_parts();
                        return Some(parts.io.into_inner().unread(parts.read_buf));
                    }
                },
                () = head_is_due.as_mut(), if waiting => {
                    waiting = false;
                    if !activity.heard() {
                        return None;
                    }
                }
                () = self.shutdown.cancelled(), if !stopping => {
                    stopping = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        if let Err(error) = ended {
            // Viewers vanish all the time; this is no event for the operator.
            tracing::debug!(%error, %peer, "a connection ended early");
        }
        None
    }
}
