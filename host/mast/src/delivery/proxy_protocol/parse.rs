//! The header of the PROXY protocol, versions 1 and 2 (HAProxy's specification of 2020, sections 2.1 and 2.2). Bytes in, an address out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What every header of version 2 begins with.
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// What every header of version 1 begins with.
pub(super) const PREFIX: &[u8; 6] = b"PROXY ";
/// The longest header of version 1, with its line end.
pub(super) const LONGEST_LINE: usize = 107;
/// The fixed part of version 2.
pub(super) const FIXED: usize = 16;
/// The longest rest of version 2 that is read: addresses and a few extensions.
pub(super) const LONGEST_REST: usize = 2048;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Who connected to the proxy.
    Client(SocketAddr),
    /// The proxy itself, for a health check, or somebody whom it cannot name.
    Unknown,
}

/// A line of version 1 without its line end.
pub(super) fn line(line: &[u8]) -> Option<Source> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix("PROXY ")?;
    // Whatever follows UNKNOWN is to be ignored.
    if text == "UNKNOWN" || text.starts_with("UNKNOWN ") {
        return Some(Source::Unknown);
    }
    let mut fields = text.split(' ');
    let family = fields.next()?;
    let (source, target): (IpAddr, IpAddr) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let (source_port, _) = (port(fields.next()?)?, port(fields.next()?)?);
    let fits = match family {
        "TCP4" => source.is_ipv4() && target.is_ipv4(),
        "TCP6" => source.is_ipv6() && target.is_ipv6(),
        _ => false,
    };
    (fits && fields.next().is_none()).then(|| Source::Client(SocketAddr::new(source, source_port)))
}

fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// How many bytes follow the fixed part of version 2; none where it is no such header, or too long.
pub(super) fn rest(fixed: &[u8; FIXED]) -> Option<usize> {
    let is_version_2 = fixed[..12] == SIGNATURE && fixed[12] >> 4 == 2;
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    (is_version_2 && length <= LONGEST_REST).then_some(length)
}

/// Version 2: the fixed part and the rest.
pub(super) fn binary(fixed: &[u8; FIXED], rest: &[u8]) -> Option<Source> {
    match fixed[12] & 0x0f {
        0 => return Some(Source::Unknown),
        1 => {}
        _ => return None,
    }
    // Family in the upper half, transport in the lower.
    match fixed[13] {
        0x11 => {
            let ([a, b, c, d], port) = (*rest.first_chunk::<4>()?, *rest.get(8..12)?.first_chunk::<2>()?);
            Some(Source::Client(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes(port))))
        }
        0x21 => {
            let (address, port) = (*rest.first_chunk::<16>()?, *rest.get(32..36)?.first_chunk::<2>()?);
            Some(Source::Client(SocketAddr::new(Ipv6Addr::from(address).into(), u16::from_be_bytes(port))))
        }
        // A Unix socket, UDP or nothing that has a name: to be taken as unknown.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => Some(Source::Unknown),
        _ => None,
    }
}
