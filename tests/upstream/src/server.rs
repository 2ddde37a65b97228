//! The listener, the channels with their conditions, and the handle that tests hold.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::channel::{ChannelSpec, Feed};
use crate::fault::Fault;
use crate::pattern::Pattern;
use crate::respond::{Socket, respond};
use crate::text::{Hit, Text, Texts};

/// How a channel is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Condition {
    pub(crate) fault: Option<Fault>,
    /// When that began.
    pub(crate) since: Option<Instant>,
    /// Sum of all jumps so far.
    pub(crate) jump_ticks: u64,
    /// A running connection ends when this moves.
    pub(crate) disconnects: u64,
}

pub(crate) struct Channel {
    pub(crate) spec: Arc<ChannelSpec>,
    pub(crate) condition: watch::Sender<Condition>,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) origin: Instant,
    pub(crate) total: AtomicU64,
    pub(crate) current: AtomicUsize,
}

/// A connection that is being answered.
pub(crate) struct Reading(pub(crate) Arc<Channel>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.current.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Requests for one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Being answered now.
    pub current: usize,
    /// Since the start, refused ones included.
    pub total: u64,
}

impl Channel {
    pub(crate) fn connections(&self) -> Connections {
        Connections { current: self.current.load(Ordering::Relaxed), total: self.total.load(Ordering::Relaxed) }
    }
}

pub(crate) struct State {
    pub(crate) channels: BTreeMap<String, Arc<Channel>>,
    pub(crate) texts: Texts,
    /// By the path that they are served under, which ends with a slash.
    pub(crate) folders: Mutex<BTreeMap<String, PathBuf>>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl State {
    pub(crate) fn channel(&self, name: &str) -> Option<Arc<Channel>> {
        self.channels.get(name).cloned()
    }

    /// The file that a path stands for.
    pub(crate) fn file(&self, path: &str) -> Option<PathBuf> {
        let (folder, name) = path.split_at(path.rfind('/')? + 1);
        let folders = self.folders.lock().expect("nothing panics while it holds this lock");
        folders.get(folder).map(|folder| folder.join(name))
    }

    /// False where nothing has this name.
    pub(crate) fn set_fault(&self, name: &str, fault: Option<Fault>) -> bool {
        let Some(channel) = self.channels.get(name) else {
            return self.texts.set_fault(name, fault);
        };
        channel.condition.send_modify(|condition| {
            if let Some(Fault::PtsJump(span)) = fault {
                condition.jump_ticks += span.as_millis() as u64 * 90;
            }
            (condition.fault, condition.since) = (fault, Some(Instant::now()));
        });
        true
    }
}

enum Order {
    /// Connections are refused by the system (true) or accepted again.
    Refuse(bool, oneshot::Sender<()>),
}

/// A running upstream.
pub struct Upstream {
    state: Arc<State>,
    address: SocketAddr,
    orders: mpsc::Sender<Order>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.state.stop.cancel();
        self.state.tasks.close();
    }
}

impl Upstream {
    /// Starts on a free port of the loopback address.
    pub async fn start(channels: impl IntoIterator<Item = ChannelSpec>) -> anyhow::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), channels).await
    }

    /// Starts on this address.
    pub async fn start_at(
        address: SocketAddr,
        channels: impl IntoIterator<Item = ChannelSpec>,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
        let address = listener.local_addr()?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let specs: Vec<ChannelSpec> = channels.into_iter().collect();
        let texts = Texts::default();
        texts.set("/playlist.m3u", Text::m3u(playlist(&specs, address)));
        let mut map = BTreeMap::new();
        for spec in specs {
            spec.check()?;
            let spec = Arc::new(spec);
            let pattern = matches!(spec.feed, Feed::Pattern { .. })
                .then(|| Pattern::new(spec.clone(), tasks.clone(), stop.child_token()));
            let channel = Channel {
                condition: watch::Sender::default(),
                pattern,
                origin: Instant::now(),
                total: AtomicU64::new(0),
                current: AtomicUsize::new(0),
                spec: spec.clone(),
            };
            map.insert(spec.name.clone(), Arc::new(channel));
        }
        let state = Arc::new(State { channels: map, texts, folders: Mutex::default(), tasks, stop });
        let (orders, receiver) = mpsc::channel(1);
        state.tasks.spawn(listen(state.clone(), listener, address, receiver));
        Ok(Self { state, address, orders })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path that starts with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The URL of a clip's HLS playlist.
    pub fn hls_url(&self, channel: &str) -> String {
        self.at(&format!("/{channel}/index.m3u8"))
    }

    /// The URL of a channel.
    pub fn url(&self, channel: &str) -> String {
        self.at(&format!("/{channel}.ts"))
    }

    /// Sets or clears the fault of a channel, or of a text given by its path.
    ///
    /// # Panics
    /// Where nothing has this name.
    pub fn set_fault(&self, name: &str, fault: impl Into<Option<Fault>>) {
        assert!(self.state.set_fault(name, fault.into()), "the upstream has no channel or text {name}");
    }

    /// Ends the running connections of a channel once; new ones are served.
    pub fn disconnect(&self, channel: &str) {
        self.get(channel).condition.send_modify(|condition| condition.disconnects += 1);
    }

    /// How many connections a channel has and had.
    pub fn connections(&self, channel: &str) -> Connections {
        self.get(channel).connections()
    }

    fn get(&self, name: &str) -> &Channel {
        self.state.channels.get(name).unwrap_or_else(|| panic!("the upstream has no channel {name}"))
    }

    /// Waits until a channel's connections are as `wanted`, or panics after `deadline`.
    pub async fn wait_for_connections(&self, channel: &str, deadline: Duration, wanted: impl Fn(Connections) -> bool) {
        let reached = async {
            while !wanted(self.connections(channel)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(deadline, reached).await.is_err() {
            panic!("channel {channel} still has {:?} after {deadline:?}", self.connections(channel));
        }
    }

    /// Adds or changes a text.
    pub fn set_text(&self, path: &str, text: Text) {
        self.state.texts.set(path, text);
    }

    /// Serves the files of a folder, as they are when they are asked for, under a path that ends with a slash.
    pub fn set_folder(&self, path: &str, folder: &Path) {
        let mut folders = self.state.folders.lock().expect("nothing panics while it holds this lock");
        folders.insert(path.to_owned(), folder.to_owned());
    }

    /// Requests for a text so far.
    pub fn hits(&self, path: &str) -> Vec<Hit> {
        self.state.texts.hits(path)
    }

    /// Refuses connections to the whole server and cuts the running ones off, or listens again on the same port.
    pub async fn refuse(&self, refuse: bool) {
        let (done, waiting) = oneshot::channel();
        if self.orders.send(Order::Refuse(refuse, done)).await.is_ok() {
            let _ = waiting.await;
        }
    }

    /// Closes everything and waits until its processes are gone.
    pub async fn shutdown(self) {
        self.state.stop.cancel();
        self.state.tasks.close();
        self.state.tasks.wait().await;
    }
}

fn playlist(specs: &[ChannelSpec], address: SocketAddr) -> Bytes {
    let mut text = String::from("#EXTM3U\n");
    for spec in specs {
        let name = &spec.name;
        text += &format!("#EXTINF:-1 tvg-id=\"{name}\" tvg-name=\"{name}\" group-title=\"Test\",{name}\n");
        text += &format!("http://{address}/{name}.ts\n");
    }
    text.into()
}

async fn listen(state: Arc<State>, listener: TcpListener, address: SocketAddr, mut orders: mpsc::Receiver<Order>) {
    let mut listener = Some(listener);
    // Holds the port while connections are refused: bound, but not listening.
    let mut placeholder: Option<TcpSocket> = None;
    let mut connections = state.stop.child_token();
    loop {
        tokio::select! {
            () = state.stop.cancelled() => return,
            accepted = accept(listener.as_ref()) => {
                state.tasks.spawn(serve(state.clone(), accepted, connections.clone()));
            }
            order = orders.recv() => {
                let Some(Order::Refuse(refuse, done)) = order else { return };
                if refuse && listener.take().is_some() {
                    connections.cancel();
                    placeholder = hold(address);
                } else if !refuse && listener.is_none() {
                    connections = state.stop.child_token();
                    let socket = placeholder.take().or_else(|| hold(address));
                    listener = socket.and_then(|socket| socket.listen(1024).ok());
                }
                let _ = done.send(());
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((connection, _)) => return connection,
            // Out of file handles, for example: try again instead of dying.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn hold(address: SocketAddr) -> Option<TcpSocket> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.set_reuseaddr(true).ok()?;
    socket.bind(address).ok()?;
    Some(socket)
}

async fn serve(state: Arc<State>, connection: TcpStream, cut: CancellationToken) {
    let Ok((connection, socket)) = twin(connection) else { return };
    let service = service_fn(move |request| respond(state.clone(), request, socket.clone()));
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service);
    tokio::select! {
        () = cut.cancelled() => {}
        // How a connection ends is the client's business.
        _ = serving => {}
    }
}

/// Two handles of one socket: hyper owns the one, a fault reaches for the other.
fn twin(connection: TcpStream) -> std::io::Result<(TcpStream, Socket)> {
    connection.set_nodelay(true)?;
    let connection = connection.into_std()?;
    let twin = connection.try_clone()?;
    Ok((TcpStream::from_std(connection)?, Socket(Arc::new(TcpStream::from_std(twin)?))))
}
