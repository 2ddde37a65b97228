//! Requests that two servers in a row could understand differently, on raw sockets: each is refused, and whatever stands behind it is
//! never answered.

use mast_tests::TestHost;
use tokio::net::TcpStream;

use crate::edge::say;

/// What is hidden behind each of them; an answer to it would be a second one.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nhost: hidden\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_mean_two_things_means_nothing() {
    let host = TestHost::start(&[]);
    let length = HIDDEN.len();
    let head = "POST /healthz HTTP/1.1\r\nhost: a\r\n";
    for (what, request) in [
        (
            "length and encoding",
            format!("{head}content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"),
        ),
        (
            "encoding and length",
            format!("{head}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{HIDDEN}"),
        ),
        ("two hosts", "GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n".to_owned()),
        ("no host", "GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned()),
        ("two lengths", format!("{head}content-length: 0\r\ncontent-length: {length}\r\n\r\n{HIDDEN}")),
        ("one length twice", format!("{head}content-length: 0\r\ncontent-length: 0\r\n\r\n{HIDDEN}")),
        ("a list of lengths", format!("{head}content-length: 0, 0\r\n\r\n{HIDDEN}")),
        ("a length with a sign", format!("{head}content-length: +0\r\n\r\n{HIDDEN}")),
        ("a folded field", format!("{head}x: a\r\n b\r\n\r\n{HIDDEN}")),
        ("a folded length", format!("{head}content-length:\r\n {length}\r\n\r\n{HIDDEN}")),
        ("a space before the colon", format!("{head}content-length : {length}\r\n\r\n{HIDDEN}")),
        ("a bare line feed", format!("POST /healthz HTTP/1.1\nhost: a\n\n{HIDDEN}")),
        ("one bare line feed", format!("{head}x: y\n\r\n{HIDDEN}")),
        ("a bare carriage return", format!("{head}x: a\rcontent-length: {length}\r\n\r\n{HIDDEN}")),
        ("a null byte", format!("{head}x: a\0b\r\n\r\n{HIDDEN}")),
        ("an encoding that is none", format!("{head}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{HIDDEN}")),
        ("two encodings", format!("{head}transfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n{HIDDEN}")),
        (
            "an encoding twice",
            format!("{head}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"),
        ),
        (
            "an encoding in HTTP/1.0",
            format!("POST /healthz HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"),
        ),
        (
            "a chunk that is too long for a number",
            format!("{head}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{HIDDEN}"),
        ),
    ] {
        let answer = say(TcpStream::connect(host.address()).await.unwrap(), request.as_bytes()).await;
        assert!(answer.matches("HTTP/1.1 ").count() + answer.matches("HTTP/1.0 ").count() <= 1, "{what}: {answer}");
        assert!(!answer.contains(" 200 "), "{what}: {answer}");
    }
    // And what means one thing is answered, one after the other.
    let clear = format!("{HIDDEN}{}", HIDDEN.replace("host: hidden", "host: hidden\r\nconnection: close"));
    let answer = say(TcpStream::connect(host.address()).await.unwrap(), clear.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
}
