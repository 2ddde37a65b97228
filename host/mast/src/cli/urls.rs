//! The playlist URLs of a line, as `mast line add` prints them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::admin::LineView;
use crate::config::Config;

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Playlists for players.
#[derive(Debug, Serialize)]
pub(super) struct PlaylistUrls {
    /// M3U by username and password.
    m3u: String,
    /// M3U by token.
    m3u_token: String,
}

impl PlaylistUrls {
    pub(super) fn new(base: &str, line: &LineView, password: &str) -> Self {
        let encoded = |text| utf8_percent_encode(text, QUERY);
        let (username, password) = (encoded(&line.username), encoded(password));
        Self {
            m3u: format!("{base}/get.php?username={username}&password={password}&type=m3u_plus&output=ts"),
            m3u_token: format!("{base}/playlist/{}.m3u8", line.token.as_deref().unwrap_or_default()),
        }
    }

    /// For people, with what each is.
    pub(super) fn rows(&self) -> [(&'static str, &str); 2] {
        [("playlist", &self.m3u), ("by token", &self.m3u_token)]
    }
}

/// Where viewers reach the host; none where the port is not known before a server runs.
pub(super) fn base(config: &Config, listening: Option<SocketAddr>) -> Option<String> {
    if let Some(url) = &config.http.public_url {
        return Some(url.clone());
    }
    let mut address = listening.unwrap_or(config.http.listen);
    // Listening on every address is reached on this machine by loopback.
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    (address.port() != 0).then(|| format!("http://{address}"))
}
