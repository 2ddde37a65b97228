//! A small file server that does what such servers do on good and on bad days: one file, versions, parts of it, connections that break.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A server of one file, whatever the path, and of answers to what says otherwise.
pub(crate) struct FileServer {
    address: std::net::SocketAddr,
    state: Arc<Mutex<State>>,
    /// Ends with the server.
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct State {
    body: Arc<Vec<u8>>,
    version: u64,
    manner: Manner,
    requests: Vec<Asked>,
    /// Bodies for what is asked for with these words in it; the last one counts.
    answers: Vec<(String, Arc<Vec<u8>>)>,
}

/// How it answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    #[default]
    Well,
    /// Breaks off after so many bytes, once; well from then on.
    BreaksOnce(usize),
    /// Never comes to an end.
    Crawls,
    Status(u16),
}

/// What was asked for, and the status that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) status: u16,
    pub(crate) range: Option<String>,
    pub(crate) if_range: Option<String>,
    pub(crate) if_none_match: Option<String>,
}

impl FileServer {
    pub(crate) async fn start(body: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { body: Arc::new(body.into()), version: 1, ..State::default() }));
        let (mut tasks, shared) = (JoinSet::new(), Arc::clone(&state));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                connections.spawn(serve(socket, Arc::clone(&shared)));
            }
        });
        Self { address, state, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/guide", self.address)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Another version of the file.
    pub(crate) fn set(&self, body: impl Into<Vec<u8>>) {
        let mut state = self.state.lock().unwrap();
        state.body = Arc::new(body.into());
        state.version += 1;
    }

    /// Answers with this body whatever has these words in its path or query.
    pub(crate) fn answer(&self, words: &str, body: impl Into<Vec<u8>>) {
        self.state.lock().unwrap().answers.push((words.to_owned(), Arc::new(body.into())));
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    pub(crate) fn requests(&self) -> Vec<Asked> {
        self.state.lock().unwrap().requests.clone()
    }
}

async fn serve(mut socket: TcpStream, state: Arc<Mutex<State>>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if socket.read_buf(&mut head).await.unwrap_or_default() == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let field = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let (body, tag, manner) = {
        let mut state = state.lock().unwrap();
        let manner = state.manner;
        if matches!(manner, Manner::BreaksOnce(_)) {
            state.manner = Manner::Well;
        }
        let own = state.answers.iter().rev().find(|(words, _)| target.contains(words.as_str()));
        let body = own.map_or(&state.body, |(_, body)| body);
        (Arc::clone(body), format!("\"v{}\"", state.version), manner)
    };
    let (range, if_range, if_none_match) = (field("range"), field("if-range"), field("if-none-match"));
    let from = range
        .as_ref()
        .filter(|_| if_range.as_ref() == Some(&tag))
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let (status, sent, more) = match (manner, from) {
        (Manner::Status(status), _) => (status, &[][..], String::new()),
        _ if if_none_match.as_ref() == Some(&tag) => (304, &[][..], String::new()),
        (_, Some(from)) => {
            (206, &body[from..], format!("content-range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len()))
        }
        (_, None) => (200, &body[..], String::new()),
    };
    state.lock().unwrap().requests.push(Asked { target, status, range, if_range, if_none_match });
    let length = sent.len();
    let head =
        format!("HTTP/1.1 {status} X\r\netag: {tag}\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n");
    // Whoever hangs up has what was wanted.
    let _ = socket.write_all(head.as_bytes()).await;
    match manner {
        Manner::BreaksOnce(count) => {
            let _ = socket.write_all(&sent[..count.min(length)]).await;
        }
        Manner::Crawls => {
            for byte in sent {
                if socket.write_all(&[*byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        Manner::Well | Manner::Status(_) => {
            let _ = socket.write_all(sent).await;
        }
    }
    let _ = socket.shutdown().await;
}
