//! Lets programs find a tuner of `output-hdhomerun` by themselves: HDHomeRun's own question by broadcast, and UPnP's (SSDP).
//!
//! It says where the tuner is; what is there is the plugin's. `app` owns the tasks. Nothing of it runs unless `[discovery]` says so, and a port
//! that cannot be had is logged and keeps nobody from watching.
//!
//! Anybody can send a datagram in somebody else's name, so: only private addresses are answered, each a few times a second, each question
//! with at most a few datagrams. Where the tuner is holds a line's token: it is never logged.

mod allowance;
pub mod config;
mod hdhomerun;
mod sockets;
mod ssdp;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use allowance::Allowance;
use config::{DiscoveryConfig, Tuner};

/// Longer datagrams are cut, and then nothing that is answered.
const DATAGRAM: usize = 2_048;
/// After an error of a socket; that an earlier answer found nobody is one.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Starts what the settings ask for, until `stop`.
pub fn start(config: Option<&DiscoveryConfig>, tasks: &TaskTracker, stop: &CancellationToken) {
    let Some(config) = config else { return };
    if config.hdhomerun {
        let port = config.hdhomerun_port;
        match start_hdhomerun(config, tasks, stop) {
            Ok(address) => tracing::info!(%address, "programs that look for HDHomeRun tuners find this host"),
            Err(error) => tell(&error, config.bind, port, "hdhomerun"),
        }
    }
    if config.ssdp {
        match start_ssdp(config, tasks, stop) {
            Ok(address) => tracing::info!(%address, "programs that look for UPnP devices find this host"),
            Err(error) => tell(&error, config.bind, config.ssdp_port, "ssdp"),
        }
    }
}

fn tell(error: &io::Error, bind: Ipv4Addr, port: u16, key: &str) {
    tracing::error!(
        %error,
        "programs will not find this host: UDP port {port} of {bind} cannot be used; see {key}_port and bind in [discovery], or set {key} = false"
    );
}

fn start_hdhomerun(
    config: &DiscoveryConfig,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> io::Result<SocketAddrV4> {
    let (socket, address) = sockets::own(config.bind, config.hdhomerun_port)?;
    let (socket, tuner) = (Arc::new(socket), config.tuner.clone());
    let answers = move |packet: &[u8]| hdhomerun::answer(&tuner, packet).into_iter().collect();
    tasks.spawn(answer(Arc::clone(&socket), socket, answers, stop.clone()));
    Ok(address)
}

fn start_ssdp(config: &DiscoveryConfig, tasks: &TaskTracker, stop: &CancellationToken) -> io::Result<SocketAddrV4> {
    let (socket, address) = sockets::shared(config.bind, config.ssdp_port)?;
    let group = SocketAddrV4::new(ssdp::GROUP, address.port());
    let socket = Arc::new(socket);
    match sockets::join(&socket, config.bind, group) {
        // Questions to the group, answered from the port that announcements come from.
        Ok(Some(members)) => listen_to_group(members, &socket, config, tasks, stop),
        Ok(None) => {}
        Err(error) => tracing::warn!(
            %error,
            "no multicast on this network: programs find this host only where they ask it by its address; see bind in [discovery]"
        ),
    }
    let tuner = config.tuner.clone();
    let answers = move |packet: &[u8]| ssdp::answers(&tuner, packet);
    tasks.spawn(answer(Arc::clone(&socket), Arc::clone(&socket), answers, stop.clone()));
    tasks.spawn(announce(socket, group, config.tuner.clone(), stop.clone()));
    Ok(address)
}

fn listen_to_group(
    members: UdpSocket,
    socket: &Arc<UdpSocket>,
    config: &DiscoveryConfig,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let tuner = config.tuner.clone();
    let answers = move |packet: &[u8]| ssdp::answers(&tuner, packet);
    tasks.spawn(answer(Arc::new(members), Arc::clone(socket), answers, stop.clone()));
}

/// Answers what comes in by `hears` through `speaks`.
async fn answer<A>(hears: Arc<UdpSocket>, speaks: Arc<UdpSocket>, answers: A, stop: CancellationToken)
where
    A: Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
{
    let mut allowance = Allowance::default();
    let mut datagram = vec![0; DATAGRAM];
    loop {
        let received = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            received = hears.recv_from(&mut datagram) => received,
        };
        let (length, from) = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "a question could not be read");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => continue,
                }
            }
        };
        let SocketAddr::V4(from) = from else { continue };
        if !may_ask(from) {
            continue;
        }
        let answers = answers(&datagram[..length]);
        if answers.is_empty() || !allowance.take(*from.ip(), Instant::now()) {
            continue;
        }
        tracing::debug!(%from, "a program asks for tuners");
        for answer in answers {
            // Where the socket is full the answer is lost, as datagrams are; programs ask again.
            if let Err(error) = speaks.try_send_to(&answer, from.into()) {
                tracing::debug!(%from, %error, "an answer could not be sent");
            }
        }
    }
}

/// Whether a question can have come from the network that this host is on.
fn may_ask(from: SocketAddrV4) -> bool {
    let ip = from.ip();
    from.port() != 0 && (ip.is_loopback() || ip.is_private() || ip.is_link_local())
}

/// Says to the group that the tuner is there, as often as it would be forgotten otherwise, and that it goes.
async fn announce(socket: Arc<UdpSocket>, group: SocketAddrV4, tuner: Tuner, stop: CancellationToken) {
    let mut rounds = tokio::time::interval(ssdp::MAX_AGE / 3);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = rounds.tick() => {}
        }
        if let Err(error) = tell_group(&socket, group, &ssdp::alive(&tuner, group)).await {
            tracing::warn!(%error, "the tuner could not be announced by multicast; see bind in [discovery]");
        }
    }
    let goodbye = ssdp::byebye(&tuner, group);
    let goodbye = tell_group(&socket, group, &goodbye);
    if !matches!(tokio::time::timeout(GOODBYE, goodbye).await, Ok(Ok(()))) {
        tracing::debug!("the goodbye could not be sent");
    }
}

async fn tell_group(socket: &UdpSocket, group: SocketAddrV4, messages: &[Vec<u8>]) -> io::Result<()> {
    for message in messages {
        socket.send_to(message, group).await?;
    }
    Ok(())
}
