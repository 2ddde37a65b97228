//! The edge: limits of addresses and lines, whom the host believes to be whom, slow and oversized requests.

use std::net::{IpAddr, SocketAddr};

use mast_tests::{HlsPlayer, Instance, SOON, TestHost, eventually};
use reqwest::header;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::scene::Scene;

/// Nobody is exempt, and little is allowed.
const STRICT: &str = "[limits]\nexempt = []\nburst = \"2s\"\n";

fn host(settings: &str, http: &str) -> TestHost {
    let mut host = TestHost::prepare(settings, &[Instance::m3u_output("m3u")]);
    host.set_http(http);
    host.run();
    host
}

/// A client at one of the machine's own addresses.
fn client_at(address: &str) -> reqwest::Client {
    let address: IpAddr = address.parse().unwrap();
    reqwest::Client::builder().no_proxy().local_address(address).timeout(SOON).build().unwrap()
}

async fn connect_from(address: &str, host: &TestHost) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    socket.connect(host.address()).await.unwrap()
}

/// What a host answers to these bytes until it closes the connection.
pub(crate) async fn say(mut socket: TcpStream, bytes: &[u8]) -> String {
    // It may close before it has heard everything.
    let _ = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(SOON, socket.read_to_end(&mut answer)).await.expect("closed in time");
    // A reset takes what was not read with it; what counts is that nothing more was answered.
    drop(read);
    String::from_utf8_lossy(&answer).into_owned()
}

const ASK: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

async fn count(statuses: impl Iterator<Item = impl Future<Output = u16>>, wanted: u16) -> usize {
    let mut found = 0;
    for status in statuses {
        found += usize::from(status.await == wanted);
    }
    found
}

async fn metric(host: &TestHost, address: &str, name: &str) -> u64 {
    let text = client_at(address).get(host.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {text}"));
    line.trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_asks_too_often_is_told_to_wait() {
    let host = host(&format!("{STRICT}api_requests_per_second = 2\n"), "");
    let ask = async |client: &reqwest::Client, forged: &str| {
        let request = client.get(host.url("/healthz")).header("x-forwarded-for", forged).header("x-real-ip", forged);
        request.send().await.unwrap()
    };
    let one = client_at("127.0.0.1");
    let mut refused = None;
    for number in 0..40 {
        // Another name each time: it is nobody's proxy.
        let answer = ask(&one, &format!("203.0.113.{number}")).await;
        if answer.status() == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("at the latest the fortieth is too much");
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    assert_eq!(refused.headers()["mast-error"], "rate");
    assert_eq!(ask(&client_at("127.0.0.2"), "").await.status(), 200, "another address");
    assert!(metric(&host, "127.0.0.3", "mast_http_limited_total{limit=\"address\"}").await >= 1);
    eventually("it may ask again after the wait", async || (ask(&one, "").await.status() == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_may_not_ask_without_end_either() {
    let settings = "[limits]\nexempt = []\nburst = \"1s\"\nmedia_requests_per_second = 1000\nline_requests_per_second = 1\n\
                    [tuner]\nidle_timeout = \"1s\"\n[hls]\nsegment_duration = \"1s\"\n";
    let clip = mast_upstream::Clip::standard().unwrap();
    let scene = Scene::start_with(settings, [crate::scene::quick("one", &clip)]).await;
    let id = scene.channels(1).await["one"];
    let line = scene.host.add_line("solo", &[]);
    let player =
        HlsPlayer::open(&scene.host.url(&format!("/live/{}/{}/{id}.m3u8", line.username, line.password))).await;
    let ask = async |_| player.try_media().await.0;
    assert!(count((0..20).map(ask), 429).await > 0, "one request a second");
    // The other line has twenty connections, and a bucket of its own.
    let other = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    assert_eq!(count((0..20).map(async |_| other.try_media().await.0), 200).await, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trusted_proxies_speak_for_their_clients() {
    let settings = format!("{STRICT}api_requests_per_second = 2\nconnections_per_address = 1\n");
    let host = host(&settings, "trusted_proxies = [\"127.0.0.9\"]");
    let proxy = client_at("127.0.0.9");
    let ask = async |client: &reqwest::Client, fields: &[(&str, &str)]| {
        let mut request = client.get(host.url("/healthz"));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap().status().as_u16()
    };
    // Each of many clients may ask a few times, whatever names them, and on as many connections as the proxy likes.
    for field in ["x-forwarded-for", "cf-connecting-ip", "x-real-ip"] {
        for number in 0..5 {
            let client = format!("198.51.{}.{number}", field.len());
            assert_eq!(ask(&proxy, &[(field, &client)]).await, 200, "{field}: {client}");
        }
    }
    assert_eq!(ask(&proxy, &[("forwarded", "for=\"[2001:db8::1]:80\";proto=https")]).await, 200);
    // One client stays one client: what it writes itself stands left of what the proxy adds.
    let spoofing = |number: u8| format!("203.0.113.{number}, 198.51.100.200");
    let answers = (0..20).map(async |number| ask(&proxy, &[("x-forwarded-for", &spoofing(number))]).await);
    assert!(count(answers, 429).await > 0, "a client behind the proxy got round its limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_so_many_connections() {
    let host = host(&format!("{STRICT}connections_per_address = 3\n"), "");
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut socket = connect_from("127.0.0.5", &host).await;
        socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut head = [0; 15];
        socket.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        open.push(socket);
    }
    let refused = say(connect_from("127.0.0.5", &host).await, ASK.as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("retry-after: "), "{refused}");
    let other = say(connect_from("127.0.0.6", &host).await, ASK.as_bytes()).await;
    assert!(other.starts_with("HTTP/1.1 200"), "{other}");
    assert!(metric(&host, "127.0.0.7", "mast_http_limited_total{limit=\"connections\"}").await >= 1);
    drop(open);
    eventually("closed connections make room", async || {
        let answer = say(connect_from("127.0.0.5", &host).await, ASK.as_bytes()).await;
        answer.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_protocol_is_for_trusted_proxies() {
    let settings = format!("{STRICT}api_requests_per_second = 1\n");
    let host = host(&settings, "proxy_protocol = true\ntrusted_proxies = [\"127.0.0.9\"]");
    let through =
        async |header: &[u8]| say(connect_from("127.0.0.9", &host).await, &[header, ASK.as_bytes()].concat()).await;
    let line = |client: &str| format!("PROXY TCP4 {client} 192.0.2.1 5 80\r\n").into_bytes();
    for client in 0..10 {
        let answer = through(&line(&format!("203.0.113.{client}"))).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{client}: {answer}");
    }
    let mut limited = false;
    for _ in 0..20 {
        limited |= through(&line("198.51.100.1")).await.starts_with("HTTP/1.1 429");
    }
    assert!(limited, "one client behind the proxy");
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc6\x33\x64\x02\xc0\x00\x02\x01\x00\x05\x00\x50";
    assert!(through(binary).await.starts_with("HTTP/1.1 200"), "version 2");
    assert_eq!(through(b"").await, "", "a trusted proxy without a header");
    assert_eq!(through(b"PROXY TCP4 nobody\r\n").await, "");
    // From anybody else it is a request that makes no sense.
    let spoofed =
        say(connect_from("127.0.0.8", &host).await, &[&line("203.0.113.1")[..], ASK.as_bytes()].concat()).await;
    assert!(spoofed.starts_with("HTTP/1.1 400") || spoofed.is_empty(), "{spoofed}");
    let direct = say(connect_from("127.0.0.8", &host).await, ASK.as_bytes()).await;
    assert!(direct.starts_with("HTTP/1.1 200"), "{direct}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_and_oversized_requests_are_given_up() {
    let host = host("[limits]\nheader_timeout = \"300ms\"\nbody_timeout = \"300ms\"\n", "");
    let connect = async || TcpStream::connect(host.address()).await.unwrap();
    assert_eq!(say(connect().await, b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ").await, "", "half a head");
    assert_eq!(say(connect().await, b"").await, "", "no head");
    let get = "GET /get.php?username=a&password=b&type=m3u HTTP/1.1\r\nhost: a\r\n";
    let slow = say(connect().await, format!("{get}content-length: 100\r\n\r\nhalf").as_bytes()).await;
    assert!(slow.starts_with("HTTP/1.1 408"), "half a body: {slow}");
    let large = format!("{get}content-length: 100000\r\nconnection: close\r\n\r\n{}", "x".repeat(100_000));
    let large = say(connect().await, large.as_bytes()).await;
    assert!(large.starts_with("HTTP/1.1 413"), "a body of 100 kB: {large}");
    for (what, request) in [
        ("a field", format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(100_000))),
        ("many fields", format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(1_000))),
        ("a path", format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(100_000))),
    ] {
        let answer = say(connect().await, request.as_bytes()).await;
        let refused = ["HTTP/1.1 400", "HTTP/1.1 414", "HTTP/1.1 431"].iter().any(|status| answer.starts_with(status));
        assert!(refused || answer.is_empty(), "{what}: {answer}");
    }
    assert!(say(connect().await, ASK.as_bytes()).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_tokens_cannot_be_tried_out() {
    let host = host("[limits]\nexempt = []\nfailed_logins_per_minute = 5\nmedia_requests_per_second = 0\n", "");
    let guess = async |number: usize| {
        let token = format!("{number:064}");
        client_at("127.0.0.1").get(host.url(&format!("/hls/{token}/1/1.ts"))).send().await.unwrap().status().as_u16()
    };
    let mut statuses = Vec::new();
    for number in 0..20 {
        statuses.push(guess(number).await);
    }
    assert_eq!(statuses[0], 403, "{statuses:?}");
    assert!(statuses.contains(&429) && statuses.iter().all(|status| matches!(status, 403 | 429)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_origins_may_not_read() {
    let host = host("", "cors_origins = [\"https://tv.example\"]");
    let told = async |origin: &str| {
        let answer = client_at("127.0.0.1").get(host.url("/live/a/b/1.m3u8")).header(header::ORIGIN, origin).send();
        answer.await.unwrap().headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).cloned()
    };
    assert_eq!(told("https://tv.example").await.unwrap(), "https://tv.example");
    assert_eq!(told("https://other.example").await, None);
    let admin = client_at("127.0.0.1").get(host.url("/api/v1/lines")).send().await.unwrap();
    assert_eq!(admin.headers()[header::X_FRAME_OPTIONS], "DENY");
    assert!(!admin.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
}
