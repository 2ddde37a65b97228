//! A kept connection of one viewer: writes a request, reads the whole answer, keeps no more of it than asked. HTTP/1.1 with
//! Content-Length only, which is what both servers speak.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Read at once. One buffer for all connections of a thread: ten thousand of their own would not fit any cache.
const BUFFER: usize = 256 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER]);
}

/// A connection.
pub(super) struct Connection(TcpStream);

/// What to do with a body.
pub(super) enum Body<'a> {
    Keep(&'a mut Vec<u8>),
    /// Read and counted.
    Count,
}

impl Connection {
    /// Connects.
    pub(super) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Asks and reads the whole body, which must come with status 200. Its length.
    pub(super) async fn get(&mut self, path: &str, agent: &str, mut body: Body<'_>) -> anyhow::Result<u64> {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: bench.example\r\nuser-agent: {agent}\r\naccept: */*\r\n\r\n");
        self.0.write_all(request.as_bytes()).await?;
        let (mut head, mut length, mut got) = (Vec::new(), None, 0);
        loop {
            self.0.readable().await?;
            let done = SCRATCH.with_borrow_mut(|scratch| {
                let read = match self.0.try_read(scratch) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                    read => read?,
                };
                ensure!(read > 0, "the connection ended after {got} of {} bytes", length.unwrap_or(0));
                let mut bytes = &scratch[..read];
                if length.is_none() {
                    head.extend_from_slice(bytes);
                    let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
                    length = Some(content_length(&head[..end])?);
                    // What belongs to the head came with this read or with one before it.
                    bytes = &bytes[read - (head.len() - end - 4)..];
                }
                got += bytes.len() as u64;
                if let Body::Keep(body) = &mut body {
                    body.extend_from_slice(bytes);
                }
                Ok(length.is_some_and(|length| got >= length))
            })?;
            if done {
                ensure!(Some(got) == length, "{got} bytes instead of {}", length.unwrap_or(0));
                return Ok(got);
            }
        }
    }
}

fn content_length(head: &[u8]) -> anyhow::Result<u64> {
    let head = std::str::from_utf8(head).context("a head in ASCII")?;
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200") {
        bail!("answered {status}");
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    length.context("no content-length")
}
