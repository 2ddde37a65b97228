//! The accept loop. It owns the listener and every connection; no error of one connection, and none of `accept`, ends it.
//!
//! Bounds: connections by a semaphore, request heads by a deadline, writes by a deadline without progress, shutdown by a
//! deadline after which connections are dropped.

mod progress;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::config::LimitsConfig;
use super::viewer::Peer;
use crate::metrics::{ConnectionGuard, Metrics};
use progress::Progress;

/// As many as the kernel keeps while the loop is busy (it caps this at net.core.somaxconn).
const BACKLOG: u32 = 4096;
/// A connection on which nothing could be written for this long is gone: several times the longest segment.
const WRITE_TIMEOUT: Duration = Duration::from_secs(40);
/// How long responses may go on after shutdown began.
const GRACE: Duration = Duration::from_secs(5);
/// What is answered above the limit; the connection closes behind it.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 5\r\n\
    content-length: 43\r\nconnection: close\r\n\r\nall connections are in use, try again later\n";

/// Binds the listener.
pub(super) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until `shutdown`, then waits for what is under way.
pub(super) async fn run(
    listener: TcpListener,
    router: Router,
    limits: LimitsConfig,
    metrics: Metrics,
    shutdown: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    let abandon = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: others' connections must end before a new one can begin.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            metrics.connection_refused();
            // One attempt that cannot block: whoever does not take it in sees a closed connection.
            let _ = socket.try_write(FULL);
            continue;
        };
        let connection = Connection {
            router: router.clone(),
            header_timeout: limits.header_timeout,
            shutdown: shutdown.clone(),
            _slot: slot,
            _counted: metrics.connection_opened(),
        };
        let abandoned = abandon.clone();
        connections.spawn(async move {
            tokio::select! {
                () = connection.serve(socket, peer) => {}
                () = abandoned.cancelled() => {}
            }
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::info!(left = connections.len(), "dropping connections that are still open");
        abandon.cancel();
        connections.wait().await;
    }
}

struct Connection {
    router: Router,
    header_timeout: Duration,
    shutdown: CancellationToken,
    _slot: OwnedSemaphorePermit,
    _counted: ConnectionGuard,
}

impl Connection {
    async fn serve(self, socket: TcpStream, peer: SocketAddr) {
        // Without it the last packet of each segment waits for an acknowledgement.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it began");
            return;
        }
        let router = self.router.clone();
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .serve_connection(TokioIo::new(Progress::new(socket, WRITE_TIMEOUT)), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // Viewers vanish all the time; this is no event for the operator.
            tracing::debug!(%error, %peer, "a connection ended early");
        }
    }
}
