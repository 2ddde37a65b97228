//! Sessions: who watches, and who may not. Connections of lines are leases, which cannot leak (`lease.rs`); lines and networks are
//! banned for a time (`ban.rs`).
//!
//! Not here: URLs, tokens and responses, which are delivery's. Reading for operators takes one short lock, and none that a segment takes.

mod ban;
pub(crate) mod lease;

pub use ban::{Ban, Banned, NewBan};

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use mast_model::{ChannelId, Classified, ErrorClass, LineId, Side};
use mast_store::{Change, StateStore, StoreError};
use serde::Serialize;

use crate::events::Events;
use crate::tuner::Feed;
use ban::Bans;
use lease::{Kind, Lease, Leases};

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
    /// The country of that address, where a trusted proxy said so: two letters.
    pub country: Option<String>,
    /// What the player called itself then, at most 256 bytes.
    pub user_agent: String,
    /// When it was opened, or came back after the host was restarted.
    pub since: Timestamp,
    /// Bytes of playlists, segments or MPEG-TS handed to it.
    pub bytes: u64,
    /// `hls`, `mpegts` or `file`.
    pub output: &'static str,
}

impl SessionView {
    fn of(lease: &Lease<Feed>) -> Self {
        Self {
            id: format!("{:016x}", lease.id),
            line: lease.line,
            channel: lease.channel,
            address: lease.address,
            country: lease.country.map(|letters| letters.map(char::from).iter().collect()),
            user_agent: lease.user_agent.to_string(),
            since: lease.since,
            bytes: lease.bytes(),
            output: match lease.kind() {
                Kind::Hls => "hls",
                Kind::Continuous => "mpegts",
                Kind::File => "file",
            },
        }
    }

    /// Its place among all sessions, oldest first.
    fn place(&self) -> (Timestamp, &str) {
        (self.since, &self.id)
    }
}

/// Why a session or a ban is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionsError {
    /// It is over, or never was.
    #[error("there is no session {0}")]
    NoSuchSession(String),
    /// It is over, or never was.
    #[error("there is no ban {0}")]
    NoSuchBan(u64),
    /// No room.
    #[error("there are {0} bans already; lift some first")]
    TooMany(usize),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host could not do the work.
    #[error("nothing was changed: {0}")]
    Interrupted(String),
}

impl Classified for SessionsError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::NoSuchSession(_) | Self::NoSuchBan(_) => ErrorClass::NotFound,
            Self::TooMany(_) => ErrorClass::Conflict,
            Self::Store(error) => error.class(),
            Self::Interrupted(_) => ErrorClass::Internal,
        }
    }

    fn side(&self) -> Side {
        Side::Host
    }
}

/// Who watches, and who may not. Made before the rooms that count connections. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    pub(crate) leases: Arc<Leases<Feed>>,
    pub(crate) bans: Arc<Bans>,
    store: Arc<dyn StateStore>,
}

impl Sessions {
    /// Nobody watches yet; the bans of the store hold on. Blocks.
    pub fn open(store: Arc<dyn StateStore>, events: Events) -> Result<Self, StoreError> {
        let bans = Arc::new(Bans::open(&*store)?);
        Ok(Self { leases: Arc::new(Leases::telling(events)), bans, store })
    }

    /// Connections of a line now, for the plugins' services.
    pub fn counter(&self) -> Arc<dyn Fn(LineId) -> u32 + Send + Sync> {
        let leases = Arc::clone(&self.leases);
        Arc::new(move |line| leases.in_use(line))
    }

    /// How many there are: HLS, continuous MPEG-TS, files.
    pub fn count(&self) -> [usize; 3] {
        self.leases.count()
    }

    /// Sessions that are `wanted`, oldest first, behind a place in that order. The list is as long as there are viewers.
    pub fn list(&self, after: Option<(Timestamp, &str)>, wanted: impl Fn(&SessionView) -> bool) -> Vec<SessionView> {
        let all = self.leases.all();
        let views = all.iter().map(|lease| SessionView::of(lease));
        let mut views: Vec<_> =
            views.filter(|view| after.is_none_or(|after| view.place() > after) && wanted(view)).collect();
        views.sort_by(|a, b| a.place().cmp(&b.place()));
        views
    }

    /// Ends a session. Its connection is closed, or its next request refused; the viewer may open the channel anew.
    pub async fn kick(&self, id: String, change: Change) -> Result<(), SessionsError> {
        let number = u64::from_str_radix(&id, 16).ok().filter(|_| id.len() == 16);
        let found = self.leases.all().into_iter().find(|lease| Some(lease.id) == number);
        let view = found.map(|lease| SessionView::of(&lease)).ok_or(SessionsError::NoSuchSession(id))?;
        let (store, leases) = (Arc::clone(&self.store), Arc::clone(&self.leases));
        blocking(move || {
            change.commit(&*store, "note that a session was ended", |transaction| {
                let subject = format!("line/{}", view.line);
                transaction.audit(&change.actor, "session.kick", subject, (Some(&view), None))?;
                Ok::<_, SessionsError>(())
            })?;
            leases.kick(|lease| Some(lease.id) == number);
            Ok(())
        })
        .await
    }

    /// Bans a line or a network, in place of a ban for the same, and ends its sessions: the ban, and how many there were.
    pub async fn ban(&self, new: NewBan, change: Change) -> Result<(Ban, usize), SessionsError> {
        let (store, bans, leases) = (Arc::clone(&self.store), Arc::clone(&self.bans), Arc::clone(&self.leases));
        blocking(move || {
            let ban = bans.add(&*store, new, &change)?;
            let ended = leases.kick(|lease| ban.banned.concerns(lease.line, lease.address));
            Ok((ban, ended))
        })
        .await
    }

    /// Lifts a ban.
    pub async fn lift(&self, id: u64, change: Change) -> Result<(), SessionsError> {
        let (store, bans) = (Arc::clone(&self.store), Arc::clone(&self.bans));
        blocking(move || bans.lift(&*store, id, &change)).await
    }

    /// The bans that hold, oldest first.
    pub fn bans(&self) -> Vec<Ban> {
        self.bans.list()
    }
}

/// Runs to the end even where the caller goes away, so that memory follows the store.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SessionsError> + Send + 'static,
) -> Result<T, SessionsError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(SessionsError::Interrupted(error.to_string())))
}
