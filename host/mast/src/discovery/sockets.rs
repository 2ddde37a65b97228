//! The sockets of discovery. Nothing of what is said.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// Hops that announcements may take, as UPnP asks for.
const HOPS: u32 = 2;

/// A port that is this host's alone, and where it is (port 0 picks a free one).
pub(super) fn own(bind: Ipv4Addr, port: u16) -> io::Result<(UdpSocket, SocketAddrV4)> {
    let socket = open(SocketAddrV4::new(bind, port), false)?;
    let address = place(&socket, bind)?;
    Ok((UdpSocket::from_std(socket.into())?, address))
}

/// A port that other programs of the machine may listen on as well, to speak to a group from.
pub(super) fn shared(bind: Ipv4Addr, port: u16) -> io::Result<(UdpSocket, SocketAddrV4)> {
    let socket = open(SocketAddrV4::new(bind, port), true)?;
    socket.set_multicast_ttl_v4(HOPS)?;
    if !bind.is_unspecified() {
        socket.set_multicast_if_v4(&bind)?;
    }
    let address = place(&socket, bind)?;
    Ok((UdpSocket::from_std(socket.into())?, address))
}

/// Joins a group on the network of `bind`. What is sent to the group comes in by `socket` where that is open for every address; by one more
/// socket, which is handed out, where it is bound to an address of its own.
pub(super) fn join(socket: &UdpSocket, bind: Ipv4Addr, group: SocketAddrV4) -> io::Result<Option<UdpSocket>> {
    if bind.is_unspecified() {
        socket.join_multicast_v4(*group.ip(), bind)?;
        return Ok(None);
    }
    let members = open(group, true)?;
    // Otherwise this socket also gets what comes in for groups that other programs have joined on other networks.
    members.set_multicast_all_v4(false)?;
    members.join_multicast_v4(group.ip(), &bind)?;
    Ok(Some(UdpSocket::from_std(members.into())?))
}

fn open(address: SocketAddrV4, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn place(socket: &Socket, bind: Ipv4Addr) -> io::Result<SocketAddrV4> {
    let address = socket.local_addr()?.as_socket_ipv4();
    Ok(address.unwrap_or(SocketAddrV4::new(bind, 0)))
}
