//! Leases: connections of lines, counted so that none can leak. A lease owns its socket (continuous MPEG-TS: the guard is dropped with the
//! response body) or expires (HLS: three target durations without a request). There is no counter: connections in use are the
//! leases that live.
//!
//! Two indexes. By line, behind one lock, for granting and ending; by channel, each channel with its own lock, for finding
//! a session on the segment path. The path of a segment takes the channel's read lock and stores an atomic, nothing else.
//!
//! What holds a channel on air (`T`, the tuner's feed) lives in the lease and goes with it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use mast_model::{AboveLimit, ChannelId, LineId, Profiles};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::events::Events;

mod share;
#[cfg(test)]
mod tests;

pub(crate) use share::Share;

/// An HLS lease lives at least this long without a request, however short the segments are.
const SHORTEST: Duration = Duration::from_secs(10);

/// A player that lost its socket to zapping opens its channel again; two devices that look alike would take turns for ever.
const RETURN: Duration = Duration::from_secs(30);

/// Kicked sessions that are remembered; of more, the first are forgotten.
const KICKED: usize = 1024;

/// Who asks: the line's device as far as the host can tell. Hash of address and user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Device(pub(crate) [u8; 16]);

/// How a lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With its last request, after a while.
    Hls,
    /// With its socket.
    Continuous,
    /// A while after its last request: a player asks for a file piece by piece, and sometimes twice at once ([`Share`]).
    File,
}

/// Why no connection is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoLease {
    /// The line has as many as it may.
    Full,
    /// An operator ended this session.
    Kicked,
}

/// One connection of a line.
pub(crate) struct Lease<T> {
    pub(crate) id: u64,
    pub(crate) line: LineId,
    pub(crate) channel: ChannelId,
    /// What the line may watch, as it was when the lease was granted.
    pub(crate) profiles: Profiles,
    device: Device,
    kind: Kind,
    /// The channel that the device left for this one.
    left: Option<ChannelId>,
    /// The other device, and its channel, that was stopped for this one.
    stopped: Option<(Device, ChannelId)>,
    pub(crate) address: IpAddr,
    /// Two letters, where a trusted proxy said so.
    pub(crate) country: Option<[u8; 2]>,
    pub(crate) user_agent: Box<str>,
    pub(crate) since: Timestamp,
    bytes: AtomicU64,
    /// Requests that are under way, of a file.
    shares: AtomicU32,
    /// Milliseconds after `Leases::epoch`.
    granted: u64,
    /// Milliseconds after `Leases::epoch`.
    seen: AtomicU64,
    /// Milliseconds without a request after which it is over.
    patience: AtomicU64,
    /// Cancelled when the lease ends for another reason than its own.
    pub(crate) ended: CancellationToken,
    /// Set once the channel plays; a lease is granted before the channel is tuned, so that a line over its limit cannot tune.
    feed: Mutex<Option<T>>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) line: LineId,
    pub(crate) channel: ChannelId,
    pub(crate) device: Device,
    pub(crate) kind: Kind,
    /// Connections allowed, at least 1.
    pub(crate) limit: u32,
    /// The session to bring back rather than a new one.
    pub(crate) session: Option<u64>,
    /// What happens when the line has as many as it may.
    pub(crate) above_limit: AboveLimit,
    /// What the line may watch.
    pub(crate) profiles: &'a Profiles,
    pub(crate) address: IpAddr,
    pub(crate) country: Option<[u8; 2]>,
    pub(crate) user_agent: &'a str,
}

/// All leases.
pub(crate) struct Leases<T> {
    epoch: Instant,
    lines: Mutex<HashMap<LineId, Vec<Arc<Lease<T>>>>>,
    channels: ArcSwap<HashMap<ChannelId, Arc<OfChannel<T>>>>,
    /// Sessions that an operator ended, oldest first; their players must not bring them back.
    kicked: Mutex<VecDeque<u64>>,
    /// Told of begins and ends.
    events: Option<Events>,
}

struct OfChannel<T> {
    leases: RwLock<HashMap<u64, Arc<Lease<T>>>>,
}

impl<T> Lease<T> {
    /// Keeps the channel on air from here on, and sets how long the lease lives without requests.
    pub(crate) fn hold(&self, feed: T, target_duration: u32) {
        *self.feed.lock().unwrap_or_else(PoisonError::into_inner) = Some(feed);
        let patience = SHORTEST.max(Duration::from_secs(3 * u64::from(target_duration)));
        self.patience.store(millis(patience), Ordering::Relaxed);
    }

    /// Sets how long the lease lives without requests, where no channel has to be kept on air.
    pub(crate) fn lasts(&self, patience: Duration) {
        self.patience.store(millis(patience), Ordering::Relaxed);
    }

    /// Bytes were handed to its player.
    pub(crate) fn sent(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes handed to its player so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Looks at what keeps the channel on air; none before it plays.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }
}

impl<T> Leases<T> {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            lines: Mutex::default(),
            channels: ArcSwap::default(),
            kicked: Mutex::default(),
            events: None,
        }
    }

    /// Leases that tell when they begin and end.
    pub(crate) fn telling(events: Events) -> Self {
        Self { events: Some(events), ..Self::new() }
    }

    fn tell(&self, kind: &'static str, lease: &Lease<T>) {
        let Some(events) = &self.events else { return };
        let mut about = json!({
            "session": format!("{:016x}", lease.id), "line": lease.line, "channel": lease.channel, "address": lease.address,
            "bytes": lease.bytes(),
        });
        if let Some(title) = lease.channel.as_file() {
            about["channel"] = json!(0);
            about["title"] = json!(title);
        }
        events.publish(kind, about);
    }

    fn now(&self) -> u64 {
        millis(self.epoch.elapsed())
    }

    fn alive(&self, lease: &Lease<T>) -> bool {
        let silent = self.now().saturating_sub(lease.seen.load(Ordering::Relaxed));
        let held = lease.kind == Kind::Continuous || lease.shares.load(Ordering::Relaxed) > 0;
        !lease.ended.is_cancelled() && (held || silent < lease.patience.load(Ordering::Relaxed))
    }

    /// Whether a device that asks for something else gives up this lease of its own.
    fn gives_way(&self, lease: &Lease<T>, wanted: &Wanted<'_>) -> bool {
        match (lease.kind, wanted.kind) {
            // Its session cannot take the connection back.
            (Kind::Hls | Kind::File, _) => true,
            (Kind::Continuous, Kind::Continuous) => {
                let age = self.now().saturating_sub(lease.seen.load(Ordering::Relaxed));
                let returns = lease.left == Some(wanted.channel) && age < millis(RETURN);
                lease.channel != wanted.channel && !returns
            }
            (Kind::Continuous, Kind::Hls | Kind::File) => false,
        }
    }

    /// Grants a connection, or none when the line has as many as it may.
    ///
    /// The same device asking for the same channel over HLS gets the lease that it has. A device that asks for another channel over
    /// HLS while the line is at its limit gives up its oldest HLS lease in the same step: that is zapping, and the player of the old channel cannot
    /// take it back. Over continuous MPEG-TS it gives up its own socket on another channel, or its HLS lease on any; the channel whose socket
    /// was left cannot take the connection back for a while, because a player that lost its socket opens it again by itself. Another device's
    /// lease is taken only where the line says so ([`AboveLimit::StopOldest`]): the one that was granted first, and not by the device that
    /// it was just taken from for the same channel. A session that is to be brought back takes nothing.
    pub(crate) fn grant(&self, wanted: Wanted<'_>, new_id: impl FnOnce() -> u64) -> Result<Arc<Lease<T>>, NoLease> {
        if wanted.session.is_some_and(|id| self.kicked().contains(&id)) {
            return Err(NoLease::Kicked);
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let leases = lines.entry(wanted.line).or_default();
        let (alive, over): (Vec<_>, Vec<_>) = leases.drain(..).partition(|lease| self.alive(lease));
        *leases = alive;
        over.iter().for_each(|lease| self.forget(lease));
        let same = |lease: &&Arc<Lease<T>>| {
            let shared = lease.kind == wanted.kind && lease.kind != Kind::Continuous;
            let reusable = shared && lease.channel == wanted.channel;
            let as_wanted = lease.device == wanted.device && lease.profiles == *wanted.profiles;
            reusable && wanted.session.map_or(as_wanted, |id| lease.id == id)
        };
        if let Some(lease) = leases.iter().find(same) {
            lease.seen.store(self.now(), Ordering::Relaxed);
            return Ok(Arc::clone(lease));
        }
        let (mut left, mut stopped) = (None, None);
        let mut own = leases.iter().position(|lease| lease.device == wanted.device && self.gives_way(lease, &wanted));
        // A line whose limit was lowered may have more than one too many.
        while leases.len() >= wanted.limit as usize {
            if wanted.session.is_some() {
                return Err(NoLease::Full);
            }
            let place = match own.take() {
                Some(own) => own,
                None if wanted.above_limit == AboveLimit::StopOldest && !self.was_stopped(leases, &wanted) => 0,
                None => return Err(NoLease::Full),
            };
            let superseded = leases.remove(place);
            if superseded.device == wanted.device {
                left = Some(superseded.channel);
            } else {
                stopped = Some((superseded.device, superseded.channel));
            }
            self.forget(&superseded);
        }
        let lease = Arc::new(Lease {
            id: wanted.session.unwrap_or_else(new_id),
            line: wanted.line,
            channel: wanted.channel,
            profiles: wanted.profiles.clone(),
            device: wanted.device,
            kind: wanted.kind,
            left,
            stopped,
            address: wanted.address,
            country: wanted.country,
            user_agent: wanted.user_agent.into(),
            since: Timestamp::now(),
            bytes: AtomicU64::new(0),
            shares: AtomicU32::new(0),
            granted: self.now(),
            seen: AtomicU64::new(self.now()),
            // Until the channel plays, the request that waits for it keeps the lease; `hold` sets the real value.
            patience: AtomicU64::new(millis(Duration::from_secs(120))),
            ended: CancellationToken::new(),
            feed: Mutex::new(None),
        });
        leases.push(Arc::clone(&lease));
        self.of_channel(wanted.channel)
            .leases
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(lease.id, Arc::clone(&lease));
        self.tell("session.began", &lease);
        Ok(lease)
    }

    /// Whether the device lost this very channel to another one a moment ago: players open it again by themselves, and two of them would
    /// take turns for ever.
    fn was_stopped(&self, leases: &[Arc<Lease<T>>], wanted: &Wanted<'_>) -> bool {
        let lost = Some((wanted.device, wanted.channel));
        leases.iter().any(|lease| lease.stopped == lost && self.now().saturating_sub(lease.granted) < millis(RETURN))
    }

    /// Every lease that lives, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Lease<T>>> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.values().flatten().filter(|lease| self.alive(lease)).cloned().collect()
    }

    /// Ends the leases that an operator does not want, for good: their players must open the channel anew. How many there were.
    pub(crate) fn kick(&self, unwanted: impl Fn(&Lease<T>) -> bool) -> usize {
        let found: Vec<_> = self.all().into_iter().filter(|lease| unwanted(lease)).collect();
        // First, so that no player comes back in between.
        let mut kicked = self.kicked();
        kicked.extend(found.iter().map(|lease| lease.id));
        let most = kicked.len().saturating_sub(KICKED);
        kicked.drain(..most);
        drop(kicked);
        found.iter().for_each(|lease| self.release(lease));
        found.len()
    }

    fn kicked(&self) -> std::sync::MutexGuard<'_, VecDeque<u64>> {
        self.kicked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease of a session, touched; none when it is over.
    pub(crate) fn touch(&self, channel: ChannelId, id: u64) -> Option<Arc<Lease<T>>> {
        let channels = self.channels.load();
        let lease =
            channels.get(&channel)?.leases.read().unwrap_or_else(PoisonError::into_inner).get(&id).map(Arc::clone)?;
        if !self.alive(&lease) {
            return None;
        }
        lease.seen.store(self.now(), Ordering::Relaxed);
        Some(lease)
    }

    /// Ends a lease.
    pub(crate) fn release(&self, lease: &Arc<Lease<T>>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leases) = lines.get_mut(&lease.line) {
            leases.retain(|other| !Arc::ptr_eq(other, lease));
            if leases.is_empty() {
                lines.remove(&lease.line);
            }
        }
        self.forget(lease);
    }

    /// Ends what expired by itself, and every lease that `keep` does not want.
    pub(crate) fn sweep(&self, keep: impl Fn(&Lease<T>) -> bool) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|_, leases| {
            leases.retain(|lease| {
                let stays = self.alive(lease) && keep(lease);
                if !stays {
                    self.forget(lease);
                }
                stays
            });
            !leases.is_empty()
        });
        let empty = |of: &Arc<OfChannel<T>>| of.leases.read().unwrap_or_else(PoisonError::into_inner).is_empty();
        // Holding the line lock: nobody adds to a channel in between.
        if self.channels.load().values().any(empty) {
            self.channels.rcu(|old| {
                old.iter().filter(|(_, of)| !empty(of)).map(|(id, of)| (*id, Arc::clone(of))).collect::<HashMap<_, _>>()
            });
        }
    }

    /// Connections of a line now.
    pub(crate) fn in_use(&self, line: LineId) -> u32 {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let count = lines.get(&line).map_or(0, |leases| leases.iter().filter(|lease| self.alive(lease)).count());
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Leases by kind: HLS, continuous, files.
    pub(crate) fn count(&self) -> [usize; 3] {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |kind| lines.values().flatten().filter(|lease| lease.kind == kind).count();
        [Kind::Hls, Kind::Continuous, Kind::File].map(of)
    }

    /// Takes a lease out of the channel's index, tells its owner, lets go of the channel. The caller holds the line lock and has taken it out
    /// of the line.
    fn forget(&self, lease: &Arc<Lease<T>>) {
        if let Some(of) = self.channels.load().get(&lease.channel) {
            let mut leases = of.leases.write().unwrap_or_else(PoisonError::into_inner);
            if leases.get(&lease.id).is_some_and(|other| Arc::ptr_eq(other, lease)) {
                leases.remove(&lease.id);
            }
        }
        if !lease.ended.is_cancelled() {
            self.tell("session.ended", lease);
        }
        lease.ended.cancel();
        drop(lease.feed.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn of_channel(&self, channel: ChannelId) -> Arc<OfChannel<T>> {
        if let Some(of) = self.channels.load().get(&channel) {
            return Arc::clone(of);
        }
        let fresh = Arc::new(OfChannel { leases: RwLock::default() });
        self.channels.rcu(|old| {
            let mut new = HashMap::clone(old);
            new.entry(channel).or_insert_with(|| Arc::clone(&fresh));
            new
        });
        self.channels.load().get(&channel).map_or(fresh, Arc::clone)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
