//! MPEG-TS in datagrams, bare or in RTP, from a multicast group or sent to an address of this machine.
//!
//! `udp://239.1.2.3:5000`, `rtp://239.1.2.3:5000`, `udp://@239.1.2.3:5000` as players write it, `udp://192.0.2.9@232.1.2.3:5000` for one
//! sender of a group, `udp://192.0.2.2:5000` for what is sent to that address of ours. Nothing of it is granted unless it is named.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use mast_media::rtp::Depacketizer;
use mast_model::DestinationRules;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use url::Url;

use super::{Piece, UpstreamBytes};
use crate::outbound::OutboundError;
use crate::tuner::fault::{Failure, UpstreamFault};

/// Largest datagram there is.
const DATAGRAM: usize = 65_536;
/// Handed on at once, if that much is waiting.
const BATCH: usize = 64 * 1024;
/// For the time between two turns of the channel's task: a second at 16 Mb/s. The system may allow less.
const RECEIVE_BUFFER: usize = 2 * 1024 * 1024;

/// What a URL asks for.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    address: SocketAddr,
    /// The only sender of the group that is wanted.
    sender: Option<IpAddr>,
}

/// Listens; the first datagram may be long in coming.
pub(in crate::tuner) fn open(
    url: &str,
    rules: &DestinationRules,
    interface: Option<IpAddr>,
) -> Result<UpstreamBytes, Failure> {
    let place = place(url, rules)?;
    let socket = socket(&place, interface)
        .map_err(|error| Failure { fault: UpstreamFault::Connect, detail: error.to_string() })?;
    let receiver = Receiver { socket, depacketizer: Depacketizer::default(), buffer: BytesMut::new() };
    Ok(stream::try_unfold(receiver, async |mut receiver: Receiver| {
        let bytes = receiver.next().await?;
        Ok(Some((Piece::Bytes(bytes), receiver)))
    })
    .boxed())
}

fn place(url: &str, rules: &DestinationRules) -> Result<Place, Failure> {
    let url = Url::parse(url).map_err(|_| UpstreamFault::InvalidAddress)?;
    rules.check_url(&url).map_err(|refused| Failure::from(OutboundError::from(refused)))?;
    let ip = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let host = url.host_str().and_then(ip).ok_or(UpstreamFault::InvalidAddress)?;
    let port = url.port().ok_or(UpstreamFault::InvalidAddress)?;
    let sender = match url.username() {
        "" => None,
        name => Some(ip(name).ok_or(UpstreamFault::InvalidAddress)?),
    };
    rules.check_address(host).map_err(|refused| Failure::from(OutboundError::from(refused)))?;
    Ok(Place { address: SocketAddr::new(host, port), sender })
}

fn socket(place: &Place, interface: Option<IpAddr>) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(place.address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // More channels than one, and other programs, may listen to a group.
    socket.set_reuse_address(place.address.ip().is_multicast())?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    // Bound to the group, so that nothing else that is sent to the port comes in.
    socket.bind(&place.address.into())?;
    match (place.address.ip(), place.sender, interface) {
        (IpAddr::V4(group), sender, interface) if group.is_multicast() => {
            let interface = match interface {
                Some(IpAddr::V4(address)) => address,
                _ => Ipv4Addr::UNSPECIFIED,
            };
            match sender {
                Some(IpAddr::V4(sender)) => socket.join_ssm_v4(&sender, &group, &interface)?,
                _ => socket.join_multicast_v4(&group, &interface)?,
            }
        }
        (IpAddr::V6(group), ..) if group.is_multicast() => socket.join_multicast_v6(&group, 0)?,
        _ => {}
    }
    UdpSocket::from_std(socket.into())
}

struct Receiver {
    socket: UdpSocket,
    depacketizer: Depacketizer,
    buffer: BytesMut,
}

impl Receiver {
    /// Everything that has come, at most a batch.
    async fn next(&mut self) -> Result<Bytes, Failure> {
        let broken = |error: std::io::Error| Failure { fault: UpstreamFault::Broken, detail: error.to_string() };
        let mut out = BytesMut::new();
        loop {
            self.socket.readable().await.map_err(broken)?;
            while out.len() < BATCH {
                self.buffer.reserve(DATAGRAM);
                match self.socket.try_recv_buf(&mut self.buffer) {
                    Ok(_) => self.depacketizer.push(&self.buffer.split().freeze(), &mut out),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(broken(error)),
                }
            }
            if !out.is_empty() {
                return Ok(out.freeze());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rules(granted: &[&str], private: &[&str]) -> DestinationRules {
        DestinationRules {
            allow: granted.iter().map(|text| text.parse().unwrap()).collect(),
            allow_private: private.iter().map(|text| text.parse().unwrap()).collect(),
            any_http: true,
        }
    }

    #[test]
    fn only_named_places() {
        let everything = rules(&["udp://*:5000", "rtp://239.1.2.3:5000"], &["239.0.0.0/8"]);
        for (url, expected) in [
            ("udp://239.1.2.3:5000", Ok(None)),
            ("udp://@239.1.2.3:5000", Ok(None)),
            ("udp://192.0.2.9@239.1.2.3:5000", Ok(Some("192.0.2.9".parse().unwrap()))),
            ("rtp://239.1.2.3:5000", Ok(None)),
            ("rtp://239.1.2.4:5000", Err(UpstreamFault::NotGranted)),
            ("udp://239.1.2.3:5001", Err(UpstreamFault::NotGranted)),
            ("udp://127.0.0.1:5000", Err(UpstreamFault::NotGranted)),
            ("udp://tv.example:5000", Err(UpstreamFault::InvalidAddress)),
            ("udp://nobody@239.1.2.3:5000", Err(UpstreamFault::InvalidAddress)),
            ("udp://", Err(UpstreamFault::NotGranted)),
        ] {
            let found = place(url, &everything).map(|place| place.sender).map_err(|failure| failure.fault);
            assert_eq!(found, expected, "{url}");
        }
        let nothing = place("udp://239.1.2.3:5000", &rules(&[], &["239.0.0.0/8"])).unwrap_err();
        assert_eq!(nothing.fault, UpstreamFault::NotGranted);
        assert!(nothing.detail.contains("udp://239.1.2.3:5000"), "{}", nothing.detail);
    }

    #[tokio::test]
    async fn datagrams_become_mpeg_ts() {
        for multicast in [false, true] {
            let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            // A port that is free now.
            let port = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
            let host = if multicast { "239.255.77.1" } else { "127.0.0.1" };
            let rules = rules(&["udp://*", &format!("udp://{host}:{port}")], &["127.0.0.0/8", "239.255.0.0/16"]);
            let local = Some("127.0.0.1".parse().unwrap());
            let mut pieces = open(&format!("udp://{host}:{port}"), &rules, local).unwrap();
            let packet = [0x47u8; 188 * 7];
            let received = async {
                loop {
                    sender.send_to(&packet, (host, port)).await.unwrap();
                    let piece = tokio::time::timeout(Duration::from_millis(200), pieces.next()).await;
                    if let Ok(piece) = piece {
                        return piece.unwrap().unwrap();
                    }
                }
            };
            let piece = tokio::time::timeout(Duration::from_secs(20), received).await.unwrap();
            let Piece::Bytes(bytes) = piece else { panic!("{piece:?}") };
            assert!(bytes.len().is_multiple_of(packet.len()) && bytes.starts_with(&packet));
        }
    }
}
