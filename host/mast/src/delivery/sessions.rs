//! Viewers' sessions as operators see and end them. What the admin API needs of delivery, and all of it.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use mast_model::{ChannelId, LineId};
use serde::Serialize;

use super::Connections;
use super::ban::{Ban, BanError, Banned};
use super::lease::{Kind, Lease};
use crate::tuner::Feed;

/// A session that lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// Names it to [`Sessions::kick`]: sixteen hexadecimal digits.
    pub id: String,
    /// Whose it is.
    pub line: LineId,
    /// What is watched.
    pub channel: ChannelId,
    /// Where it was opened from.
    pub address: IpAddr,
    /// What the player called itself then, at most 256 bytes.
    pub user_agent: String,
    /// When it was opened, or came back after the host was restarted.
    pub since: Timestamp,
    /// Bytes of playlists, segments or MPEG-TS handed to it.
    pub bytes: u64,
    /// `hls` or `mpegts`.
    pub output: &'static str,
}

impl SessionView {
    fn of(lease: &Lease<Feed>) -> Self {
        Self {
            id: format!("{:016x}", lease.id),
            line: lease.line,
            channel: lease.channel,
            address: lease.address,
            user_agent: lease.user_agent.to_string(),
            since: lease.since,
            bytes: lease.bytes(),
            output: match lease.kind() {
                Kind::Hls => "hls",
                Kind::Continuous => "mpegts",
            },
        }
    }
}

/// Who watches. Cheap to clone. Reading takes one short lock, and none that a segment takes.
#[derive(Clone)]
pub struct Sessions {
    connections: Connections,
}

impl Sessions {
    pub(super) fn new(connections: Connections) -> Self {
        Self { connections }
    }

    /// Every session, or those of a line, oldest first. The list is as long as there are viewers.
    pub fn list(&self, line: Option<LineId>) -> Vec<SessionView> {
        let mut leases = self.connections.leases.all();
        leases.retain(|lease| line.is_none_or(|line| lease.line == line));
        leases.sort_by_key(|lease| (lease.since, lease.id));
        leases.iter().map(|lease| SessionView::of(lease)).collect()
    }

    /// Ends a session; false where there is none of this id. Its connection is closed, or its next request refused; the viewer may open
    /// the channel anew.
    pub fn kick(&self, id: &str) -> bool {
        let Some(id) = u64::from_str_radix(id, 16).ok().filter(|_| id.len() == 16) else { return false };
        self.connections.leases.kick(|lease| lease.id == id) > 0
    }

    /// Ends every session of a line; how many there were.
    pub fn kick_line(&self, line: LineId) -> usize {
        self.connections.leases.kick(|lease| lease.line == line)
    }

    /// Bans a line or a network, and ends its sessions; how many there were. A ban for the same that is there already is replaced.
    pub async fn ban(&self, ban: Ban) -> Result<usize, BanError> {
        let bans = Arc::clone(&self.connections.bans);
        let banned = ban.banned;
        let added = blocking(move || bans.add(ban)).await;
        // Where the ban could not be kept it holds now.
        let ended = match (&added, banned) {
            (Err(BanError::TooMany), _) => 0,
            (_, Banned::Line(line)) => self.kick_line(line),
            (_, Banned::Network(network)) => self.connections.leases.kick(|lease| network.contains(&lease.address)),
        };
        added.map(|()| ended)
    }

    /// Lifts a ban; false where there was none.
    pub async fn lift(&self, banned: Banned) -> Result<bool, BanError> {
        let bans = Arc::clone(&self.connections.bans);
        blocking(move || bans.lift(&banned)).await
    }

    /// The bans that hold.
    pub fn bans(&self) -> Vec<Ban> {
        self.connections.bans.list()
    }
}

/// Runs to the end even where the caller goes away.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BanError> + Send + 'static,
) -> Result<T, BanError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(BanError::Interrupted))
}
