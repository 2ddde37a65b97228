//! One HTTP/1.1 connection of one viewer, kept alive: for crowds, where each viewer must be a socket of its own and cost next to
//! nothing. Not a client for anything else.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// An open connection.
pub struct Connection {
    socket: BufReader<TcpStream>,
    host: SocketAddr,
    agent: String,
}

impl Connection {
    /// Connects; `agent` is the `User-Agent`, by which the host tells devices at one address apart.
    pub async fn open(host: SocketAddr, agent: impl Into<String>) -> Self {
        let socket = TcpStream::connect(host).await.unwrap_or_else(|error| panic!("{host}: {error}"));
        // A crowd of large buffers would be the largest thing in the test.
        Self { socket: BufReader::with_capacity(4096, socket), host, agent: agent.into() }
    }

    /// Status and body of a path; the connection stays open.
    pub async fn get(&mut self, path: &str) -> (u16, Vec<u8>) {
        let (status, length) = self.ask(path).await;
        let mut body = vec![0; length.unwrap_or_else(|| panic!("{path}: {status} without a length"))];
        self.socket.read_exact(&mut body).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        (status, body)
    }

    /// The text of a path that must answer 200.
    pub async fn text(&mut self, path: &str) -> String {
        let (status, body) = self.get(path).await;
        let text = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    /// The status of a path whose body has no end.
    pub async fn follow(&mut self, path: &str) -> u16 {
        self.ask(path).await.0
    }

    /// Reads and forgets so many bytes of a body without an end, with whatever frames them; false where it ends before.
    pub async fn skip(&mut self, bytes: u64) -> bool {
        let read = tokio::io::copy(&mut (&mut self.socket).take(bytes), &mut tokio::io::sink()).await;
        read.is_ok_and(|read| read == bytes)
    }

    async fn ask(&mut self, path: &str) -> (u16, Option<usize>) {
        let Self { host, agent, .. } = self;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\r\n");
        self.socket.write_all(request.as_bytes()).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let (mut status, mut length) = (None, None);
        loop {
            let mut line = String::new();
            let read = self.socket.read_line(&mut line).await;
            assert!(matches!(read, Ok(1..)), "{path}: the connection ended in the head: {read:?}");
            match line.trim_end().split_once(": ") {
                None if line == "\r\n" => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok(),
                _ => {}
            }
            // The first line has it.
            status = status.or_else(|| line.split(' ').nth(1)?.parse().ok());
        }
        (status.unwrap_or_else(|| panic!("{path}: an answer without a status")), length)
    }
}

/// The path of a URI in a playlist that was read from `base`.
pub fn resolve(base: &str, uri: &str) -> String {
    match base.rsplit_once('/') {
        Some((folder, _)) if !uri.starts_with('/') => format!("{folder}/{uri}"),
        _ => uri.to_owned(),
    }
}
