//! HTTP/2 of one connection. Bounds: streams at once, head size, and the same silence as between two requests of HTTP/1: a connection
//! on which nothing begins and nothing moves for that long is ended, whatever it has open.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Connection, KEEP_ALIVE, respond};

/// A browser asks for a handful of files at once.
const STREAMS: u32 = 64;
const LONGEST_HEAD: u32 = 32 * 1024;
/// Bytes of one stream that wait to be sent.
const SEND_BUFFER: usize = 128 * 1024;
const PING: Duration = Duration::from_secs(20);

/// Runs the exchanges of one connection, which end with it.
#[derive(Clone, Default)]
struct Exchanges {
    tasks: TaskTracker,
    ended: CancellationToken,
}

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Exchanges {
    fn execute(&self, exchange: F) {
        self.tasks.spawn(self.ended.clone().run_until_cancelled_owned(exchange));
    }
}

impl Exchanges {
    async fn end(self) {
        self.ended.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Serves until the client or the host ends it.
pub(super) async fn serve(connection: Connection, io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let router = connection.edge.router.clone();
    let moved = Arc::new(AtomicU64::new(0));
    let service = {
        let (edge, peer, moved) = (Arc::clone(&connection.edge), connection.peer, Arc::clone(&moved));
        service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            moved.fetch_add(1, Ordering::Relaxed);
            let (answer, moved) = (respond(&edge, peer, router.clone(), request.map(Body::new)), Arc::clone(&moved));
            async move { answer.await.map(|response| response.map(|body| Moving { body, moved })) }
        })
    };
    let exchanges = Exchanges::default();
    let served = http2::Builder::new(exchanges.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(LONGEST_HEAD)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .serve_connection(TokioIo::new(io), service);
    tokio::pin!(served);
    let mut silence = tokio::time::interval_at(tokio::time::Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
    let (mut before, mut stopping) = (0, false);
    loop {
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, peer = %connection.peer.client, "a connection ended early");
                }
                break;
            }
            _ = silence.tick() => {
                let now = moved.load(Ordering::Relaxed);
                if std::mem::replace(&mut before, now) == now {
                    break;
                }
            }
            () = connection.edge.shutdown.cancelled(), if !stopping => {
                stopping = true;
                served.as_mut().graceful_shutdown();
            }
        }
    }
    exchanges.end().await;
}

/// A body that says when some of it was taken.
struct Moving {
    body: Body,
    moved: Arc<AtomicU64>,
}

impl HttpBody for Moving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.moved.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
