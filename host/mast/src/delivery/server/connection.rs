//! One connection, from accept to close: whom it comes from, what is spoken on it, how long it may take. Owned by the accept loop's
//! tracker.
//!
//! Most of the thousands that a host has are idle: their players wait for the next segment. hyper keeps a buffer of 8 KiB and more for
//! each, so between two requests a connection is taken away from it: what is left is a socket and a timer. hyper gets it back with the next
//! bytes, unless they are a request that goes the short way (`express`).

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderValue, Request, Version, header};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::super::limits::AddressSlot;
use super::super::peer::Peer;
use super::super::{proxy_protocol, tls};
use super::progress::{Progress, Readable};
use super::{Door, Edge, express, http2};
use crate::metrics::{ConnectionGuard, Limit};

/// A connection on which nothing could be written for this long is gone: several times the longest segment.
const WRITE_TIMEOUT: Duration = Duration::from_secs(40);
/// Between two requests of a connection: more than three target durations, so that HLS players keep theirs.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// A connection that was let in.
pub(super) struct Connection {
    pub(super) edge: Arc<Edge>,
    pub(super) door: Door,
    pub(super) peer: Peer,
    /// None where the peer has no limit, or speaks for others.
    pub(super) address_slot: Option<AddressSlot>,
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
    pub(super) async fn serve(mut self, mut socket: TcpStream, from: SocketAddr) {
        // Without it the last packet of each segment waits for an acknowledgement.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it began");
            return;
        }
        if self.door.proxy_protocol && self.peer.proxied && !self.find_client(&mut socket, from).await {
            return;
        }
        match self.door.tls.clone() {
            None => self.http1(Progress::new(socket, WRITE_TIMEOUT)).await,
            // In memory of its own: plain connections need none for it.
            Some(tls) => Box::pin(self.secure(&tls, socket)).await,
        }
    }

    /// Reads the PROXY header; false where the connection ends with it.
    async fn find_client(&mut self, socket: &mut TcpStream, from: SocketAddr) -> bool {
        let client = match timeout(self.edge.header_timeout, proxy_protocol::read(socket)).await {
            Ok(Ok(Some(client))) => client,
            Ok(Ok(None)) => return true,
            Ok(Err(error)) => {
                tracing::debug!(%error, peer = %from, "a trusted proxy began a connection without a usable PROXY header");
                return false;
            }
            Err(_) => return false,
        };
        self.peer = self.edge.trust.connected(client.ip(), self.peer.secure);
        match self.edge.address_slot(self.peer) {
            Ok(slot) => self.address_slot = slot,
            Err(()) => {
                self.edge.metrics.limited(Limit::Connections);
                return false;
            }
        }
        true
    }

    /// A handshake, then what the client chose to speak.
    async fn secure(mut self, tls: &TlsAcceptor, socket: TcpStream) {
        // Signing costs more than anything else that a stranger can ask for.
        let unlimited = self.peer.exempt || self.peer.proxied;
        if !unlimited && self.edge.limiter.handshake(self.peer.client).is_err() {
            return;
        }
        let handshake = async {
            let _turn = self.edge.handshakes.acquire().await.ok()?;
            let shaken = tls.accept(socket).await;
            shaken.inspect_err(|error| tracing::debug!(%error, peer = %self.peer.client, "no TLS")).ok()
        };
        let Ok(Some(io)) = timeout(self.edge.header_timeout, handshake).await else { return };
        self.peer.secure = true;
        let spoken = io.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let io = Progress::new(io, WRITE_TIMEOUT);
        match spoken.as_deref() {
            Some(tls::HTTP2_ALPN) => http2::serve(self, io.unchecked()).await,
            // The handshake was the answer.
            Some(tls::ACME_ALPN) => {}
            _ => self.http1(io).await,
        }
    }

    async fn http1<S>(self, mut idle: Progress<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
        Progress<S>: Readable,
    {
        // The first head follows no pause, so it has no excuse for taking longer.
        let first = Instant::now() + self.edge.header_timeout;
        let (mut answered, mut due) = (false, first);
        loop {
            tokio::select! {
                readable = timeout_at(due, idle.readable()) => if !matches!(readable, Ok(Ok(()))) {
                    return;
                },
                () = self.edge.shutdown.cancelled() => return,
            }
            if let Some(plain) = idle.plain() {
                match express::request(plain) {
                    Err(_) => return,
                    Ok(None) => {}
                    Ok(Some(request)) => {
                        let answer = respond(&self.edge, self.peer, self.edge.router.clone(), request);
                        let sending = async {
                            let Ok(response) = answer.await;
                            express::send(plain, response).await
                        };
                        match Box::pin(sending).await {
                            Ok(true) => (answered, due) = (true, Instant::now() + KEEP_ALIVE),
                            Ok(false) => return,
                            Err(error) => return self.ended_early(&error),
                        }
                        continue;
                    }
                }
            }
            let head_due = if answered { Instant::now() + self.edge.header_timeout } else { first };
            // In memory of its own, which only lasts as long as there is something to do.
            let Some(socket) = Box::pin(self.answer(idle, head_due)).await else { return };
            idle = socket;
            if idle.activity().pause() {
                (answered, due) = (true, Instant::now() + KEEP_ALIVE);
            }
        }
    }

    /// Lets hyper have the connection until it is idle.
    async fn answer<S>(&self, socket: Progress<S>, head_due: Instant) -> Option<Progress<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let activity = Arc::clone(socket.activity());
        let service = service_fn(|request: Request<hyper::body::Incoming>| {
            let begun = activity.begin(!request.body().is_end_stream());
            // Where its body ends is only known to hyper.
            let last = request.headers().contains_key(header::TRANSFER_ENCODING);
            let answer = respond(&self.edge, self.peer, self.edge.router.clone(), request.map(Body::new));
            async move {
                let mut response = answer.await?.map(|body| begun.answer(body));
                if last {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // hyper counts the pause between two requests as part of reading a head, where it is not taken away from it.
            .header_read_timeout(self.edge.header_timeout.max(KEEP_ALIVE))
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
                () = self.edge.shutdown.cancelled(), if !stopping => {
                    stopping = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        if let Err(error) = ended {
            self.ended_early(&error);
        }
        None
    }

    /// Viewers vanish all the time; this is no event for the operator.
    fn ended_early(&self, error: &dyn std::error::Error) {
        tracing::debug!(%error, peer = %self.peer.client, "a connection ended early");
    }
}

/// Says who asks, and hands the request over.
pub(super) fn respond(
    edge: &Edge,
    peer: Peer,
    mut router: Router,
    mut request: Request<Body>,
) -> impl Future<Output = Result<axum::response::Response, Infallible>> + use<> {
    // HTTP/2 has the host in the URI.
    let host = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = host.filter(|_| request.version() == Version::HTTP_2) {
        request.headers_mut().insert(header::HOST, host);
    }
    let peer = edge.trust.requesting(peer, request.headers());
    request.extensions_mut().insert(peer);
    router.call(request)
}
