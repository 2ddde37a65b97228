//! Proxies, local addresses and certificates that are not checked.

use super::*;

fn through(proxy: &str, url: &str) -> OutboundRequest {
    OutboundRequest { route: Route { proxy: Some(UpstreamUrl::new(proxy)), ..Route::default() }, ..get(url) }
}

async fn text(
    outbound: &Outbound,
    rules: &DestinationRules,
    request: OutboundRequest,
) -> Result<String, OutboundError> {
    let mut response = outbound.send(rules, request).await?;
    Ok(String::from_utf8(read_all(&mut response).await?).unwrap())
}

/// A SOCKS5 proxy without authentication that is also the server it connects to. Remembers what it was asked for.
async fn socks(asked: Arc<Mutex<Vec<String>>>) -> (SocketAddr, tokio_util::sync::DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let serve = stop.clone().run_until_cancelled_owned(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut greeting = [0; 2];
            socket.read_exact(&mut greeting).await.unwrap();
            let mut methods = vec![0; usize::from(greeting[1])];
            socket.read_exact(&mut methods).await.unwrap();
            socket.write_all(&[5, 0]).await.unwrap();
            let mut request = [0; 4];
            socket.read_exact(&mut request).await.unwrap();
            let host = match request[3] {
                1 => {
                    let mut ip = [0; 4];
                    socket.read_exact(&mut ip).await.unwrap();
                    format!("address {}", IpAddr::from(ip))
                }
                3 => {
                    let mut name = vec![0; usize::from(socket.read_u8().await.unwrap())];
                    socket.read_exact(&mut name).await.unwrap();
                    format!("name {}", String::from_utf8(name).unwrap())
                }
                kind => panic!("address type {kind}"),
            };
            let port = socket.read_u16().await.unwrap();
            asked.lock().unwrap().push(format!("{host} {port}"));
            socket.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            read_head(&mut socket).await;
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nsocks").await.unwrap();
        }
    });
    TaskTracker::new().spawn(serve);
    (address, stop.drop_guard())
}

#[tokio::test]
async fn an_http_proxy_gets_the_whole_url_and_its_own_credentials() {
    let proxy =
        Server::start(|_, _| "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nproxy".to_owned()).await;
    let outbound = Outbound::new().unwrap();
    let rules = DestinationRules { any_http: true, ..Default::default() };
    let route = format!("http://me:hunter2@{}", proxy.address);
    let answer = text(&outbound, &rules, through(&route, "http://tv.example/live/1.ts")).await.unwrap();
    assert_eq!(answer, "proxy");
    let head = proxy.heads().remove(0);
    assert!(head.starts_with("GET http://tv.example/live/1.ts HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic "), "{head}");
    // A proxy is no way round the rules.
    let error = text(&outbound, &rules, through(&route, "http://127.0.0.1:1/")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Refused(Refused::PrivateAddress(_))), "{error:?}");
}

#[tokio::test]
async fn socks_proxies_resolve_names_or_do_not() {
    let asked = Arc::default();
    let (address, _stop) = socks(Arc::clone(&asked)).await;
    let rules = DestinationRules { any_http: true, ..Default::default() };
    let outbound = Outbound::with_lookup(FakeDns::new(&[&["127.0.0.1"]])).unwrap();
    let url = "http://tv.example:8080/1.ts";
    let answer = text(&outbound, &rules, through(&format!("socks5h://{address}"), url)).await.unwrap();
    assert_eq!(
        (answer.as_str(), asked.lock().unwrap().as_slice()),
        ("socks", &["name tv.example 8080".to_owned()][..])
    );
    // Resolved here, and so checked here.
    let error = text(&outbound, &rules, through(&format!("socks5://{address}"), url)).await.unwrap_err();
    assert!(matches!(error, OutboundError::Refused(Refused::PrivateAddress(_))), "{error:?}");
    assert_eq!(asked.lock().unwrap().len(), 1, "nobody was asked");
    let allowed = through(&format!("socks5://{address}"), "http://localhost:8080/1.ts");
    assert_eq!(text(&outbound, &loopback(), allowed).await.unwrap(), "socks");
    let last = asked.lock().unwrap().pop().unwrap();
    assert!(last.ends_with(" 8080") && last.starts_with("address "), "{last}");
}

#[tokio::test]
async fn connections_are_made_from_the_address_that_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let route = Route { bind: Some("127.0.0.7".parse().unwrap()), ..Route::default() };
    let request = OutboundRequest { route, ..get(url) };
    let sent = async { Outbound::new().unwrap().send(&loopback(), request).await.map(|_| ()) };
    let accepted = async {
        let (mut socket, peer) = listener.accept().await.unwrap();
        read_head(&mut socket).await;
        socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        peer
    };
    let (sent, peer) = tokio::join!(sent, accepted);
    sent.unwrap();
    assert_eq!(peer.ip(), "127.0.0.7".parse::<IpAddr>().unwrap());
}
