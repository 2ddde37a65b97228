//! Real sockets on loopback; only DNS is faked.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use mast_model::Refused;
use mast_plugin::services::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::*;

mod routes;

/// Answers each request with what `answer` makes of its head, byte for byte, and closes. Remembers the heads.
struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    _stop: tokio_util::sync::DropGuard,
}

impl Server {
    async fn start(answer: impl Fn(&str, SocketAddr) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let stop = tokio_util::sync::CancellationToken::new();
        let tasks = TaskTracker::new();
        let (seen, token) = (Arc::clone(&heads), stop.clone());
        tasks.spawn(token.run_until_cancelled_owned(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let head = read_head(&mut socket).await;
                seen.lock().unwrap().push(head.clone());
                let answer = answer(&head, address);
                if answer.is_empty() {
                    // Hangs: the socket stays open until the test ends.
                    std::future::pending::<()>().await;
                }
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        }));
        Self { address, heads, _stop: stop.drop_guard() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = socket.read_buf(&mut head).await.unwrap();
        if read == 0 {
            break;
        }
    }
    String::from_utf8(head).unwrap()
}

/// Names that resolve as told, one answer after the other; the last one stays.
struct FakeDns(Mutex<VecDeque<Vec<IpAddr>>>);

impl FakeDns {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |set: &&[&str]| set.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().map(parse).collect())))
    }
}

impl Lookup for FakeDns {
    fn lookup(&self, _name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(std::future::ready(Ok(answer.unwrap_or_default())))
    }
}

fn loopback() -> DestinationRules {
    DestinationRules { allow_private: vec!["127.0.0.0/8".parse().unwrap()], any_http: true, ..Default::default() }
}

fn get(url: impl Into<String>) -> OutboundRequest {
    OutboundRequest {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: None,
        head_timeout: Duration::from_secs(10),
        decompress: false,
        route: Route::default(),
    }
}

async fn read_all(response: &mut OutboundResponse) -> Result<Vec<u8>, OutboundError> {
    let mut all = Vec::new();
    while let Some(bytes) = response.chunk().await? {
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

async fn body_of(url: String) -> Result<Vec<u8>, OutboundError> {
    let mut response = Outbound::new()?.send(&loopback(), get(url)).await?;
    read_all(&mut response).await
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn bodies_arrive_whole_or_not_at_all() {
    let server = Server::start(|head, _| {
        let path = head.split(' ').nth(1).unwrap();
        match path {
            "/length" => ok("hello"),
            "/close" => "HTTP/1.0 200 OK\r\n\r\nhello".to_owned(),
            "/chunked" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned(),
            "/odd" => "HTTP/1.1 200 OK\r\nbad header: x\r\ncontent-length : 5\r\n\r\nhello".to_owned(),
            "/short" => "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello".to_owned(),
            "/short-chunked" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n".to_owned(),
            "/short-head" => "HTTP/1.1 200 OK\r\ncontent-le".to_owned(),
            "/garbage" => "\u{0}\u{1}\u{2} not http at all\r\n\r\n".to_owned(),
            other => panic!("{other}"),
        }
    })
    .await;
    for whole in ["/length", "/close", "/chunked", "/odd"] {
        assert_eq!(body_of(server.url(whole)).await.unwrap(), b"hello", "{whole}");
    }
    for broken in ["/short", "/short-chunked", "/short-head", "/garbage"] {
        let error = body_of(server.url(broken)).await.unwrap_err();
        assert!(matches!(error, OutboundError::Broken { .. }), "{broken}: {error:?}");
        assert!(!error.to_string().contains(broken), "{error}");
    }
}

#[tokio::test]
async fn private_addresses_need_their_own_grant() {
    let server = Server::start(|_, _| ok("secret")).await;
    let outbound = Outbound::new().unwrap();
    let rules = DestinationRules { any_http: true, ..Default::default() };
    for url in [
        server.url("/"),
        format!("http://localhost:{}/", server.address.port()),
        format!("http://[::ffff:127.0.0.1]:{}/", server.address.port()),
        format!("http://2130706433:{}/", server.address.port()),
        "http://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let error = outbound.send(&rules, get(&url)).await.err().expect(&url);
        assert!(matches!(error, OutboundError::Refused(Refused::PrivateAddress(_))), "{url}: {error:?}");
    }
    assert_eq!(server.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_granted_is_refused_before_dns() {
    let rules = DestinationRules { allow: vec!["http://a.example".parse().unwrap()], ..Default::default() };
    let outbound = Outbound::with_lookup(FakeDns::new(&[&[]])).unwrap();
    let message = async |url: &str| outbound.send(&rules, get(url)).await.err().unwrap().to_string();
    assert_eq!(message("http://b.example/path?token=abc").await, "http://b.example:80 is not granted");
    assert_eq!(message("ftp://a.example/").await, "scheme \"ftp\" is not allowed");
    assert_eq!(message("nonsense").await, "not an absolute http or https URL");
    assert_eq!(message("http://a.example/path").await, "a.example does not resolve");
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_address_that_is_used() {
    let server = Server::start(|_, _| ok("hello")).await;
    let url = format!("http://rebind.example:{}/", server.address.port());
    let rules = DestinationRules { any_http: true, ..Default::default() };

    // A name that turns private between two requests.
    let outbound = Outbound::with_lookup(FakeDns::new(&[&[], &["127.0.0.1"]])).unwrap();
    assert!(matches!(outbound.send(&rules, get(&url)).await, Err(OutboundError::Dns { .. })));
    let error = outbound.send(&rules, get(&url)).await.err().unwrap();
    assert!(matches!(error, OutboundError::Refused(Refused::PrivateAddress(_))), "{error:?}");

    // A connection that a grant opened is not lent to an instance without the grant.
    let outbound = Outbound::with_lookup(FakeDns::new(&[&["127.0.0.1"]])).unwrap();
    let mut response = outbound.send(&loopback(), get(&url)).await.unwrap();
    assert_eq!(read_all(&mut response).await.unwrap(), b"hello");
    assert!(matches!(outbound.send(&rules, get(&url)).await, Err(OutboundError::Refused(_))));

    // Of several addresses only the allowed ones are tried.
    let only = DestinationRules { allow_private: vec!["127.0.0.1/32".parse().unwrap()], ..rules.clone() };
    let outbound = Outbound::with_lookup(FakeDns::new(&[&["169.254.169.254", "10.0.0.1", "127.0.0.1"]])).unwrap();
    assert_eq!(outbound.send(&only, get(&url)).await.unwrap().status, 200);
}

#[tokio::test]
async fn redirects_are_followed_and_checked() {
    let server = Server::start(|head, me| match head.split(' ').nth(1).unwrap() {
        "/start" => redirect("/middle"),
        "/middle" => redirect(&format!("http://{me}/end")),
        "/end" => ok("end"),
        "/loop" => redirect("/loop"),
        "/nowhere" => redirect("http://"),
        "/private" => redirect("http://10.0.0.1/metadata"),
        "/file" => redirect("file:///etc/passwd"),
        other => panic!("{other}"),
    })
    .await;
    let outbound = Outbound::new().unwrap();
    let mut response = outbound.send(&loopback(), get(server.url("/start"))).await.unwrap();
    assert_eq!(response.url, server.url("/end"));
    assert_eq!(read_all(&mut response).await.unwrap(), b"end");

    for path in ["/loop", "/nowhere"] {
        let error = outbound.send(&loopback(), get(server.url(path))).await.err().unwrap();
        assert!(matches!(error, OutboundError::Redirects { .. }), "{path}: {error:?}");
    }
    assert_eq!(server.heads().iter().filter(|head| head.contains("/loop")).count(), 1 + MAX_REDIRECTS);
    let error = outbound.send(&loopback(), get(server.url("/private"))).await.err().unwrap();
    assert!(matches!(error, OutboundError::Refused(Refused::PrivateAddress(_))), "{error:?}");
    let error = outbound.send(&loopback(), get(server.url("/file"))).await.err().unwrap();
    assert!(matches!(error, OutboundError::Redirects { .. } | OutboundError::Refused(Refused::Scheme(_))), "{error:?}");
}

#[tokio::test]
async fn a_redirect_to_an_ungranted_host_is_refused() {
    let server = Server::start(|_, _| redirect("http://elsewhere.example/?token=abc")).await;
    let rules = DestinationRules {
        allow: vec![server.url("").parse().unwrap()],
        allow_private: vec!["127.0.0.1/32".parse().unwrap()],
        any_http: false,
    };
    let error = Outbound::new().unwrap().send(&rules, get(server.url("/"))).await.err().unwrap();
    assert_eq!(error.to_string(), "http://elsewhere.example:80 is not granted");
}

#[tokio::test]
async fn credentials_stay_with_the_host_they_were_meant_for() {
    let other = Server::start(|_, _| ok("other")).await;
    let target = other.url("/other");
    let server = Server::start(move |head, _| match head.split(' ').nth(1).unwrap() {
        "/same" => redirect("/target"),
        "/cross" => redirect(&target),
        _ => ok("same"),
    })
    .await;
    let outbound = Outbound::new().unwrap();
    let fields = [("authorization", "Bearer abc"), ("Cookie", "a=b"), ("X-Note", "kept"), ("Host", "evil.example")];
    for path in ["/same", "/cross"] {
        let mut request = get(server.url(path));
        request.headers = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(outbound.send(&loopback(), request).await.unwrap().status, 200);
    }
    let same = server.heads()[1].to_ascii_lowercase();
    let cross = other.heads()[0].to_ascii_lowercase();
    assert!(same.contains("authorization: bearer abc") && same.contains("cookie: a=b"), "{same}");
    assert!(!cross.contains("authorization") && !cross.contains("cookie"), "{cross}");
    for head in [&same, &cross] {
        assert!(head.contains("x-note: kept") && !head.contains("evil.example"), "{head}");
    }

    let url = server.url("/cross").replace("http://", "http://me:p%40ss@");
    outbound.send(&loopback(), get(url)).await.unwrap();
    // "me:p@ss"
    assert!(server.heads().last().unwrap().contains("authorization: Basic bWU6cEBzcw=="));
    assert!(!other.heads().last().unwrap().contains("authorization"));
}

#[tokio::test]
async fn methods_after_redirects() {
    let server = Server::start(|head, _| match head.split(' ').nth(1).unwrap() {
        "/303" => {
            "HTTP/1.1 303 See Other\r\nlocation: /end\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
        }
        "/307" => "HTTP/1.1 307 Temporary Redirect\r\nlocation: /end\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            .to_owned(),
        _ => ok("end"),
    })
    .await;
    let outbound = Outbound::new().unwrap();
    for (path, expected) in [("/303", "GET /end"), ("/307", "POST /end")] {
        let mut request = get(server.url(path));
        request.method = "POST".into();
        request.body = Some(b"x".to_vec());
        assert_eq!(outbound.send(&loopback(), request).await.unwrap().status, 200);
        assert!(server.heads().last().unwrap().starts_with(expected), "{:?}", server.heads());
    }
}

#[tokio::test]
async fn a_server_that_hangs_runs_into_the_deadline() {
    let server = Server::start(|_, _| String::new()).await;
    let mut request = get(server.url("/?token=abc"));
    request.head_timeout = Duration::from_millis(100);
    let error = Outbound::new().unwrap().send(&loopback(), request).await.err().unwrap();
    assert_eq!(error.to_string(), format!("{} did not answer within 100ms", server.address));
}

#[tokio::test]
async fn a_closed_port_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = Outbound::new().unwrap().send(&loopback(), get(format!("http://{address}/path"))).await.err().unwrap();
    assert!(matches!(error, OutboundError::Connect { .. }), "{error:?}");
    assert!(error.to_string().starts_with(&format!("could not connect to {address}: ")), "{error}");
    assert!(!error.to_string().contains("path"), "{error}");
}

#[tokio::test]
async fn dropping_a_response_closes_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let tasks = TaskTracker::new();
    let served = tasks.spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_head(&mut socket).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nhello").await.unwrap();
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).await
    });
    let mut response = Outbound::new().unwrap().send(&loopback(), get(url)).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "hello");
    drop(response);
    let closed = tokio::time::timeout(Duration::from_secs(10), served).await.expect("the socket is closed").unwrap();
    assert!(matches!(closed, Ok(0)), "{closed:?}");
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_not_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let tasks = TaskTracker::new();
    // Says that the connection may be used again, and closes it when it is.
    let served = tasks.spawn(async move {
        let mut heads = 0;
        for closes in [true, false] {
            let (mut socket, _) = listener.accept().await.unwrap();
            heads += 1;
            read_head(&mut socket).await;
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
            if closes {
                read_head(&mut socket).await;
                heads += 1;
            }
        }
        heads
    });
    let outbound = Outbound::new().unwrap();
    for _ in 0..2 {
        let mut response = outbound.send(&loopback(), get(url.clone())).await.unwrap();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.unwrap() {
            body.extend_from_slice(&piece);
        }
        assert_eq!(body, b"hello");
    }
    let heads = tokio::time::timeout(Duration::from_secs(10), served).await.expect("two connections").unwrap();
    assert_eq!(heads, 3);
}
