//! The short way of what sessions ask for over plain HTTP/1, which is nearly everything that a host is asked: playlists and segments. The
//! request goes to the router as any other; what comes back is written without hyper in between, and a segment is sent by the kernel
//! out of its file. Whatever is not a plain GET in one piece is left to hyper, byte for byte.

use std::io;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::response::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use mast_media::{FileRun, Pages};
use rustix::fs::sendfile;
use socket2::SockRef;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::progress::{LEAST, Progress};

/// What is asked for in this way.
const PREFIX: &str = "/hls/";
/// Players' requests have a few hundred bytes.
const LONGEST: usize = 2048;
const MOST_FIELDS: usize = 32;
/// A body up to here goes out in one piece with its head.
const SMALL: u64 = 64 * 1024;

/// The request that has come, where it is one for the short way. Otherwise what has come is still to be read.
pub(super) fn request(socket: &mut Progress<TcpStream>) -> io::Result<Option<Request<Body>>> {
    let mut some = [0; LONGEST];
    let read = socket.take(&mut some)?;
    let bytes = &some[..read];
    let parsed = parse(bytes);
    let used = parsed.as_ref().map_or(0, |(_, used)| *used);
    socket.put_back(&bytes[used..]);
    Ok(parsed.map(|(request, _)| request))
}

fn parse(bytes: &[u8]) -> Option<(Request<Body>, usize)> {
    if !bytes.starts_with(b"GET /hls/") {
        return None;
    }
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(used) = parsed.parse(bytes).ok()? else { return None };
    let path = parsed.path.filter(|path| path.starts_with(PREFIX) && parsed.version == Some(1))?;
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = Uri::try_from(path).ok()?;
    for field in parsed.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        let plain = match name {
            header::CONNECTION => field.value.eq_ignore_ascii_case(b"keep-alive"),
            header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::EXPECT | header::UPGRADE => false,
            _ => true,
        };
        if !plain {
            return None;
        }
        request.headers_mut().append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    Some((request, used))
}

/// Writes a response. Whether the connection can go on.
pub(super) async fn send(socket: &mut Progress<TcpStream>, response: Response<Body>) -> io::Result<bool> {
    let (mut parts, mut body) = response.into_parts();
    let length = body.size_hint().exact();
    let pages = parts.extensions.remove::<Pages>();
    let mut head = head(&parts, length);
    match (length, pages.filter(Pages::in_file)) {
        (Some(_), Some(pages)) => {
            begin(socket, &head).await?;
            send_pages(socket, &pages).await?;
        }
        (Some(0..=SMALL), None) => {
            let body = body.collect().await.map_err(io::Error::other)?;
            head.extend_from_slice(&body.to_bytes());
            socket.write_all(&head).await?;
        }
        _ => {
            socket.write_all(&head).await?;
            while let Some(frame) = body.frame().await {
                if let Ok(bytes) = frame.map_err(io::Error::other)?.into_data() {
                    socket.write_all(&bytes).await?;
                }
            }
        }
    }
    Ok(length.is_some())
}

fn head(parts: &Parts, length: Option<u64>) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    let reason = parts.status.canonical_reason().unwrap_or("");
    head.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_u16()).as_bytes());
    for (name, value) in &parts.headers {
        if name != header::CONTENT_LENGTH && name != header::DATE {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
    }
    match length {
        Some(length) => head.extend_from_slice(format!("content-length: {length}\r\n").as_bytes()),
        // It ends with the connection.
        None => head.extend_from_slice(b"connection: close\r\n"),
    }
    // No year in which this could fail is near.
    if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now()) {
        head.extend_from_slice(format!("date: {date}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Writes a head that more follows: it goes out in one packet with the first of it.
async fn begin(socket: &mut Progress<TcpStream>, head: &[u8]) -> io::Result<()> {
    let plain = socket.inner();
    let sent = plain.try_io(Interest::WRITABLE, || SockRef::from(plain).send_with_flags(head, libc::MSG_MORE));
    match sent {
        Ok(sent) => socket.write_all(&head[sent..]).await,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.write_all(head).await,
        Err(error) => Err(error),
    }
}

/// Has the kernel send pages out of their file, as long as the peer takes some.
async fn send_pages(socket: &Progress<TcpStream>, pages: &Pages) -> io::Result<()> {
    let (plain, limit) = (socket.inner(), socket.limit());
    let (mut sent, mut due, mut taken) = (0, None::<Instant>, 0);
    while let Some(FileRun { file, mut start, len }) = pages.file(sent) {
        match plain.try_io(Interest::WRITABLE, || Ok(sendfile(plain, file, Some(&mut start), len)?)) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(some) => {
                sent += some;
                taken += some;
                if taken >= LEAST {
                    (due, taken) = (None, 0);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let due = *due.get_or_insert_with(|| after(limit));
                timeout_at(due, plain.writable()).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn after(limit: Duration) -> Instant {
    Instant::now() + limit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let parsed = parse(text.as_bytes());
        let found = parsed.as_ref().map(|(request, used)| (request.uri().path(), &text[*used..]));
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn plain_requests_of_sessions_go_the_short_way() {
        check("GET /hls/t/1/5.ts HTTP/1.1\r\nhost: a\r\n\r\n", Some(("/hls/t/1/5.ts", "")));
        check(
            "GET /hls/t/1/5.ts HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\nGET",
            Some(("/hls/t/1/5.ts", "GET")),
        );
        for left_to_hyper in [
            "",
            "GET /hls/",
            "GET /hls/t/1/5.ts HTTP/1.1\r\nhost: a\r\n",
            "GET /hls/t/1/5.ts HTTP/1.0\r\n\r\n",
            "HEAD /hls/t/1/5.ts HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /live/a/b/1.ts HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET http://a/hls/t/1/5.ts HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /hls/t/1/5.ts HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            "GET /hls/t/1/5.ts HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
            "GET /hls/t/1/5.ts HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
            "GET /hls/t/1/5.ts HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET /hls/t/1/5.ts HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\r\n",
            "GET /hls/t/1/5.ts HTTP/1.1\r\nhost : a\r\n\r\n",
            "GET /hls/\u{1} HTTP/1.1\r\nhost: a\r\n\r\n",
        ] {
            check(left_to_hyper, None);
        }
    }
}
