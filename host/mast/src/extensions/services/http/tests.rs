use std::io::Write;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::*;

/// Answers one request with these bytes and then keeps the connection open or closes it.
async fn serve(answer: Vec<u8>, keep_open: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    TaskTracker::new().spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            socket.read_buf(&mut head).await.unwrap();
        }
        socket.write_all(&answer).await.unwrap();
        if keep_open {
            std::future::pending::<()>().await;
        }
    });
    address
}

async fn fetch(url: &str, rules: &DestinationRules, longest_pause: Duration) -> Result<Vec<u8>, ServiceError> {
    let service = HttpService { outbound: Outbound::new().unwrap(), longest_pause };
    let (method, url) = ("GET".to_owned(), url.to_owned());
    let request = HttpRequest { method, url, headers: Vec::new(), body: None, timeout: Duration::from_secs(10) };
    let mut response = service.fetch(&InstanceId::new("provider").unwrap(), rules, request).await?;
    let mut all = Vec::new();
    while let Some(bytes) = response.body.next().await? {
        all.extend_from_slice(&bytes);
    }
    assert!(matches!(response.body.next().await, Ok(None)));
    Ok(all)
}

fn loopback() -> DestinationRules {
    DestinationRules { allow_private: vec!["127.0.0.1/32".parse().unwrap()], any_http: true, ..Default::default() }
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn answer(fields: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{fields}\r\n", body.len()).as_bytes(), body].concat()
}

#[tokio::test]
async fn gzip_is_taken_off_however_it_is_declared() {
    let text = "#EXTM3U\n".repeat(1000);
    for (fields, body) in [
        ("", text.clone().into_bytes()),
        ("content-encoding: gzip\r\n", packed(&text)),
        ("content-type: application/octet-stream\r\n", packed(&text)),
    ] {
        let address = serve(answer(fields, &body), false).await;
        let all = fetch(&format!("http://{address}/"), &loopback(), LONGEST_PAUSE).await.unwrap();
        assert!(all == text.as_bytes(), "{fields}");
    }
}

#[tokio::test]
async fn what_is_cut_short_is_an_error() {
    let packed = packed(&"#EXTM3U\n".repeat(1000));
    let cut = &packed[..packed.len() / 2];
    for (fields, code) in [("content-encoding: gzip\r\n", "unavailable"), ("", "malformed")] {
        let address = serve(answer(fields, cut), false).await;
        let error = fetch(&format!("http://{address}/"), &loopback(), LONGEST_PAUSE).await.unwrap_err();
        assert_eq!(error.code, code, "{error}");
    }
}

#[tokio::test]
async fn a_body_that_pauses_is_given_up() {
    let address = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello".to_vec(), true).await;
    let error = fetch(&format!("http://{address}/"), &loopback(), Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(error.code, "unavailable");
    assert_eq!(error.message, "the answer paused for more than 100ms");
}

#[tokio::test]
async fn a_refusal_names_what_to_add() {
    let open = DestinationRules { any_http: true, ..Default::default() };
    for (url, rules, code, message) in [
        (
            "https://cdn.example/list.m3u?password=hunter2",
            &DestinationRules::default(),
            "not-granted",
            "https://cdn.example:443 is not granted; add \"https://cdn.example:443\" to http under [grant] in provider.toml",
        ),
        (
            "http://127.0.0.1:9/",
            &open,
            "not-granted",
            "127.0.0.1 is a private or reserved address; if that is meant, add \"127.0.0.1\" to net_allow_private under \
             [grant] in provider.toml",
        ),
        ("gopher://a.example/", &open, "malformed", "scheme \"gopher\" is not allowed"),
        ("list.m3u", &open, "malformed", "not an absolute http or https URL"),
    ] {
        let error = fetch(url, rules, LONGEST_PAUSE).await.unwrap_err();
        assert_eq!(error, ServiceError { code, message: message.to_owned() });
    }
}
