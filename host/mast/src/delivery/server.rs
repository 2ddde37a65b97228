//! The accept loop. It owns the listener and every connection; no error of one connection, and none of `accept`, ends it.
//!
//! Bounds: connections by a semaphore, request heads by a deadline, writes by a deadline without progress, shutdown by a
//! deadline after which connections are dropped.

mod activity;
mod connection;
mod express;
mod heads;
mod http2;
mod progress;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::LimitsConfig;
use super::limits::{AddressSlot, Addresses, Limiter};
use super::peer::{Peer, Trust};
use crate::metrics::{Limit, Metrics};
use connection::Connection;

/// As many as the kernel keeps while the loop is busy (it caps this at net.core.somaxconn).
const BACKLOG: u32 = 4096;
/// Connections above the limit that are told so at the same time; more are just closed.
const REFUSALS: usize = 64;
/// TLS handshakes under way at once; others wait, and count as slow where that takes too long.
const HANDSHAKES: usize = 64;
/// How long such a connection may take to listen.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// How long responses may go on after shutdown began.
const GRACE: Duration = Duration::from_secs(5);
/// What is answered above the limit; the connection closes behind it.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 5\r\n\
    content-length: 44\r\nconnection: close\r\n\r\nall connections are in use, try again later\n";
/// The same for an address that has all of its connections open.
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: text/plain\r\nretry-after: 5\r\n\
    content-length: 46\r\nconnection: close\r\n\r\ntoo many connections from this address at once\n";

/// Binds the listener.
pub(super) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What all listeners share.
pub(super) struct Edge {
    pub(super) router: Router,
    pub(super) trust: Trust,
    pub(super) limiter: Arc<Limiter>,
    pub(super) metrics: Metrics,
    pub(super) shutdown: CancellationToken,
    header_timeout: Duration,
    addresses: Arc<Addresses>,
    slots: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    handshakes: Semaphore,
}

impl Edge {
    pub(super) fn new(
        router: Router,
        trust: Trust,
        limiter: Arc<Limiter>,
        limits: &LimitsConfig,
        metrics: Metrics,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            router,
            trust,
            limiter,
            metrics,
            shutdown,
            header_timeout: limits.header_timeout,
            addresses: Arc::new(Addresses::new(limits.connections_per_address)),
            slots: Arc::new(Semaphore::new(limits.connections)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            handshakes: Semaphore::new(HANDSHAKES),
        }
    }

    /// What an address needs for one more connection; nothing where it has no limit.
    fn address_slot(&self, peer: Peer) -> Result<Option<AddressSlot>, ()> {
        if peer.exempt || peer.proxied {
            return Ok(None);
        }
        self.addresses.connect(peer.client).map(Some).ok_or(())
    }
}

/// What is special about one listener.
#[derive(Clone)]
pub(super) struct Door {
    /// Trusted proxies begin with a PROXY header.
    pub(super) proxy_protocol: bool,
    /// What speaks TLS here; none on plain listeners.
    pub(super) tls: Option<TlsAcceptor>,
}

/// Accepts until shutdown, then waits for what is under way.
pub(super) async fn run(listener: TcpListener, door: Door, edge: Arc<Edge>) {
    let connections = TaskTracker::new();
    let abandon = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = edge.shutdown.cancelled() => break,
        };
        let (socket, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: others' connections must end before a new one can begin.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        match admit(&edge, &door, from) {
            Ok(connection) => {
                let abandoned = abandon.clone();
                connections.spawn(async move {
                    tokio::select! {
                        () = connection.serve(socket, from) => {}
                        () = abandoned.cancelled() => {}
                    }
                });
            }
            Err(answer) => {
                // Over TLS a plain answer would only confuse.
                let turn = Arc::clone(&edge.refusals).try_acquire_owned();
                if let (Ok(turn), None) = (turn, &door.tls) {
                    connections.spawn(refuse(socket, answer, turn));
                }
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::info!(left = connections.len(), "dropping connections that are still open");
        abandon.cancel();
        connections.wait().await;
    }
}

/// Room for a connection, or what to answer where there is none.
fn admit(edge: &Arc<Edge>, door: &Door, from: SocketAddr) -> Result<Connection, &'static [u8]> {
    let peer = edge.trust.connected(from.ip(), false);
    let Ok(slot) = Arc::clone(&edge.slots).try_acquire_owned() else {
        edge.metrics.connection_refused();
        return Err(FULL);
    };
    let address_slot = edge.address_slot(peer).map_err(|()| {
        edge.metrics.limited(Limit::Connections);
        TOO_MANY
    })?;
    Ok(Connection {
        edge: Arc::clone(edge),
        door: door.clone(),
        peer,
        address_slot,
        slot,
        counted: edge.metrics.connection_opened(),
    })
}

/// Says why there is no room. Closing a socket with unread bytes would reset the connection and take the answer with it.
async fn refuse(mut socket: TcpStream, text: &'static [u8], _turn: OwnedSemaphorePermit) {
    let answer = async {
        socket.write_all(text).await?;
        socket.shutdown().await?;
        tokio::io::copy(&mut (&mut socket).take(16 * 1024), &mut tokio::io::sink()).await
    };
    // Whoever does not listen is not waited for.
    let _ = tokio::time::timeout(REFUSAL_TIME, answer).await;
}

#[cfg(test)]
mod tests {
    use super::super::config::HttpConfig;
    use super::*;

    async fn serve(limits: LimitsConfig) -> (SocketAddr, CancellationToken) {
        serve_at(Door { proxy_protocol: false, tls: None }, limits).await
    }

    async fn serve_at(door: Door, limits: LimitsConfig) -> (SocketAddr, CancellationToken) {
        let listener = listen(([127, 0, 0, 1], 0).into()).expect("a port");
        let address = listener.local_addr().expect("bound");
        let slow = async || {
            tokio::time::sleep(Duration::from_millis(200)).await;
            "late"
        };
        let router = Router::new()
            .route("/slow", axum::routing::get(slow))
            .route("/hls/segment", axum::routing::get(segment))
            .fallback(async |_body: axum::body::Bytes| "hello");
        let shutdown = CancellationToken::new();
        let metrics = Metrics::default();
        let trust = Trust::new(&HttpConfig::default(), &limits);
        let limiter = Arc::new(Limiter::new(&limits, metrics.clone()));
        let edge = Edge::new(router, trust, limiter, &limits, metrics, shutdown.clone());
        let run = run(listener, door, Arc::new(edge));
        // The test's runtime ends it.
        drop(TaskTracker::new().spawn(run));
        (address, shutdown)
    }

    fn bytes_of_segment() -> Vec<u8> {
        (0..SEGMENT).map(|n| (n % 251) as u8).collect()
    }

    /// As the handler of segments answers.
    async fn segment() -> axum::response::Response {
        let (mut file, bytes) = (mast_media::PageFile::default(), bytes_of_segment());
        let pages = file.keep([&bytes[..]].into_iter(), bytes.len());
        assert!(pages.in_file());
        let mut response = axum::response::Response::new(axum::body::Body::from(bytes));
        response.extensions_mut().insert(pages);
        response
    }

    /// More than a socket takes at once.
    const SEGMENT: usize = 8 << 20;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_segment_comes_whole_out_of_its_file() {
        let (address, shutdown) = serve(LimitsConfig::default()).await;
        let mut socket = connect(address).await;
        let request = b"GET /hls/segment HTTP/1.1\r\nhost: a\r\n\r\n";
        for _ in 0..2 {
            socket.write_all(request).await.expect("written");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.expect("a head"));
            }
            let head = String::from_utf8(head).expect("text");
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert!(head.contains(&format!("content-length: {SEGMENT}\r\n")) && head.contains("date: "), "{head}");
            let mut body = vec![0; SEGMENT];
            // Slowly at first: the socket is full then.
            socket.read_exact(&mut body[..100_000]).await.expect("some");
            tokio::time::sleep(Duration::from_millis(50)).await;
            socket.read_exact(&mut body[100_000..]).await.expect("the rest");
            assert!(body == bytes_of_segment());
        }
        shutdown.cancel();
    }

    /// The short way and hyper take turns on a connection, and neither swallows what is the other's.
    #[tokio::test(flavor = "multi_thread")]
    async fn requests_in_a_row_are_all_answered_whoever_they_go_to() {
        let (address, shutdown) = serve(LimitsConfig::default()).await;
        let requests = "GET /hls/a HTTP/1.1\r\nhost: a\r\n\r\n\
                        GET / HTTP/1.1\r\nhost: a\r\n\r\n\
                        POST /hls/a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc\
                        GET /hls/a HTTP/1.1\r\nhost: a\r\n\r\n";
        let last = "GET /hls/a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        for pieces in [1, 7, 60, 10_000] {
            let mut socket = connect(address).await;
            for piece in format!("{requests}{requests}{last}").as_bytes().chunks(pieces) {
                socket.write_all(piece).await.expect("written");
                if pieces < 60 {
                    tokio::task::yield_now().await;
                }
            }
            let answers = read_to_end(&mut socket).await;
            assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 9, "{answers}");
            assert_eq!(answers.matches("hello").count(), 9, "{answers}");
        }
        // Nor does what is no request get through in the company of one.
        let mut socket = connect(address).await;
        let mixed = "GET /hls/a HTTP/1.1\r\nhost: a\r\n\r\nGET /hls/a HTTP/1.1\nhost: a\r\n\r\n";
        socket.write_all(mixed.as_bytes()).await.expect("written");
        assert!(!read_to_end(&mut socket).await.contains("200 OK"));
        shutdown.cancel();
    }

    async fn connect(address: SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.expect("accepted")
    }

    async fn read_to_end(socket: &mut TcpStream) -> String {
        let mut text = String::new();
        let read = socket.read_to_string(&mut text);
        tokio::time::timeout(Duration::from_secs(30), read).await.expect("closed in time").expect("text");
        text
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_connection_too_many_is_told_so() {
        let (address, shutdown) = serve(LimitsConfig { connections: 1, ..LimitsConfig::default() }).await;
        let mut first = connect(address).await;
        first.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("written");
        let mut head = [0; 15];
        first.read_exact(&mut head).await.expect("answered");
        let mut second = connect(address).await;
        // A request that is under way must not turn the answer into a reset.
        second.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("written");
        let answer = read_to_end(&mut second).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
        assert!(head.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
        drop(first);
        let mut third = String::new();
        while !third.starts_with("HTTP/1.1 200") {
            let mut socket = connect(address).await;
            socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.expect("written");
            third = read_to_end(&mut socket).await;
        }
        shutdown.cancel();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_client_that_sends_no_head_is_given_up() {
        let header_timeout = Duration::from_millis(100);
        let (address, shutdown) = serve(LimitsConfig { header_timeout, ..LimitsConfig::default() }).await;
        let mut silent = connect(address).await;
        assert_eq!(read_to_end(&mut silent).await, "");
        let mut slow = connect(address).await;
        slow.write_all(b"GET / HT").await.expect("written");
        assert_eq!(read_to_end(&mut slow).await, "");
        shutdown.cancel();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn http2_is_spoken_where_a_client_offers_it() {
        let (acceptor, connector) = super::super::tls::for_tests("tv.example");
        let door = Door { proxy_protocol: false, tls: Some(acceptor) };
        let (address, shutdown) = serve_at(door, LimitsConfig::default()).await;
        let name = "tv.example".try_into().expect("a name");
        let io = connector.connect(name, connect(address).await).await.expect("a handshake");
        assert_eq!(io.get_ref().1.alpn_protocol(), Some(super::super::tls::HTTP2_ALPN));
        let (executor, io) = (hyper_util::rt::TokioExecutor::new(), hyper_util::rt::TokioIo::new(io));
        let (client, connection) = hyper::client::conn::http2::handshake(executor, io).await.expect("HTTP/2");
        let ended = TaskTracker::new().spawn(connection);
        let ask = |path: &str| {
            let uri = format!("https://tv.example{path}");
            // The host is in the URI, and nowhere else.
            let request = http::Request::get(uri).body(axum::body::Body::empty()).expect("a request");
            let mut client = client.clone();
            async move { client.send_request(request).await.expect("answered") }
        };
        // Many at once on one connection.
        let answers =
            futures_util::future::join_all((0..40).map(|number| ask(if number % 2 == 0 { "/slow" } else { "/" })));
        assert!(answers.await.iter().all(|answer| answer.status() == 200));
        shutdown.cancel();
        drop(client);
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await.expect("ended in time");
        ended.expect("no panic").expect("said goodbye");
    }

    /// One request after the other in bytes that do not respect where one ends.
    #[tokio::test(flavor = "multi_thread")]
    async fn requests_may_come_in_pieces_and_together() {
        let (address, shutdown) = serve(LimitsConfig::default()).await;
        let one = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let requests = one.repeat(10);
        for piece in [1, 7, 50, 100, requests.len()] {
            let mut socket = connect(address).await;
            let mut answers = String::new();
            for bytes in requests.as_bytes().chunks(piece) {
                socket.write_all(bytes).await.expect("written");
                // Lets the host find the connection idle, or in the middle of a request.
                tokio::task::yield_now().await;
            }
            socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.expect("written");
            answers.push_str(&read_to_end(&mut socket).await);
            assert_eq!(answers.matches("HTTP/1.1 200").count(), 21, "{piece} bytes at a time: {answers}");
            assert_eq!(answers.matches("\r\n\r\nhello").count(), 21, "{piece} bytes at a time: {answers}");
        }
        shutdown.cancel();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_later_head_may_take_no_longer_than_the_first() {
        let header_timeout = Duration::from_millis(100);
        let (address, shutdown) = serve(LimitsConfig { header_timeout, ..LimitsConfig::default() }).await;
        let mut socket = connect(address).await;
        socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("written");
        let mut head = vec![0; 15];
        socket.read_exact(&mut head).await.expect("answered");
        socket.write_all(b"GET / HT").await.expect("written");
        assert!(read_to_end(&mut socket).await.ends_with("hello"), "and nothing behind it");
        shutdown.cancel();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_response_may_take_longer_than_a_head() {
        let limits = LimitsConfig { header_timeout: Duration::from_millis(50), ..LimitsConfig::default() };
        let (address, shutdown) = serve(limits).await;
        let mut socket = connect(address).await;
        socket.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.expect("written");
        assert!(read_to_end(&mut socket).await.ends_with("late"));
        shutdown.cancel();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pause_between_requests_is_no_slow_head() {
        let header_timeout = Duration::from_millis(100);
        let (address, shutdown) = serve(LimitsConfig { header_timeout, ..LimitsConfig::default() }).await;
        let mut socket = connect(address).await;
        socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("written");
        let mut one = vec![0; 15];
        socket.read_exact(&mut one).await.expect("answered");
        let closed = tokio::time::timeout(3 * header_timeout, read_to_end(&mut socket)).await;
        assert!(closed.is_err(), "closed in the pause");
        shutdown.cancel();
        read_to_end(&mut socket).await;
    }
}
