//! Follows a media playlist: what to fetch next and when to load it again (RFC 8216, 6.3.3 and 6.3.4). Pure: whoever drives it
//! makes the requests and tells the time.
//!
//! The driver asks [`Follower::next`] whenever it can take another segment and does what it says: it answers `Reload` with
//! [`Follower::reloaded`] or [`Follower::reload_failed`], and reports the bytes of segments with [`Follower::fetched`]. It may ask
//! again while a segment is still on its way, to fetch the next one ahead.
//!
//! Invariants: sequence numbers of segments handed out only grow, except across [`Seam::Restarted`]; where what is handed out does
//! not continue what was handed out before, a seam says so; every step either hands out a segment, asks for a
//! reload, waits or ends.

mod listing;
mod novelty;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Entry, Media};
use listing::{Change, Listing};
use novelty::Novelty;

/// How a playlist is followed.
#[derive(Debug, Clone)]
pub struct FollowerConfig {
    /// How far from the end of a live playlist to start, in target durations. RFC 8216 wants three; what lies between is fetched at
    /// once, which gives a channel its first segments at once too.
    pub start_behind: u32,
    /// The upstream is dead when it has had nothing new for this long, or for three target durations where that is longer.
    pub patience: Duration,
    /// Whether a loop that the upstream declares (by EXT-X-DISCONTINUITY, or by dates that go on) is nothing new either. A slate or a
    /// channel that repeats one film looks like that.
    pub refuse_declared_loops: bool,
}

impl Default for FollowerConfig {
    fn default() -> Self {
        Self { start_behind: 3, patience: Duration::from_secs(10), refuse_declared_loops: false }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Fetch this segment.
    Fetch(Fetch),
    /// Load the playlist again.
    Reload,
    /// Nothing before this moment; then ask again.
    Wait(Instant),
    /// The playlist has ended and every segment of it was handed out.
    Ended,
    /// There is nothing new.
    Dead(Dead),
}

/// A segment to fetch.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetch {
    /// The segment.
    pub entry: Entry,
    /// Why it does not continue the segment handed out before; none where it does.
    pub seam: Option<Seam>,
    /// Counts seams, so that a repetition inside one era is told from one that was declared.
    era: u64,
}

/// Why a segment does not continue the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seam {
    /// EXT-X-DISCONTINUITY.
    Discontinuity,
    /// So many segments left the playlist before they were seen, or the numbers jumped.
    Missed(u64),
    /// The numbers went back: the origin was restarted.
    Restarted,
    /// EXT-X-GAP: segments that the upstream itself does not have.
    Gap,
}

/// In what way there is nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dead {
    /// No segments are added to the playlist.
    Frozen,
    /// Segments are added, but they are the same bytes again and again.
    Looping,
}

/// Follows one media playlist.
#[derive(Debug)]
pub struct Follower {
    config: FollowerConfig,
    target: Duration,
    queue: VecDeque<Fetch>,
    listing: Listing,
    novelty: Novelty,
    /// What the next segment that is queued comes after.
    seam: Option<Seam>,
    era: u64,
    began: Instant,
    /// None while a reload is on its way.
    reload_at: Option<Instant>,
    /// When a segment was last added to the playlist.
    grew_at: Instant,
    dead: Option<Dead>,
    ended: bool,
}

impl Follower {
    /// Follows a playlist. Whoever has loaded it already calls [`Self::reloaded`] at once.
    pub fn new(config: FollowerConfig, now: Instant) -> Self {
        Self {
            config,
            target: Duration::ZERO,
            queue: VecDeque::new(),
            listing: Listing::default(),
            novelty: Novelty::default(),
            seam: None,
            era: 0,
            began: now,
            reload_at: Some(now),
            grew_at: now,
            dead: None,
            ended: false,
        }
    }

    /// What to do now.
    pub fn next(&mut self, now: Instant) -> Step {
        if let Some(dead) = self.dead {
            return Step::Dead(dead);
        }
        if let Some(fetch) = self.queue.pop_front() {
            return Step::Fetch(fetch);
        }
        match self.reload_at {
            _ if self.ended => Step::Ended,
            Some(at) if at > now => Step::Wait(at),
            Some(_) => {
                (self.began, self.reload_at) = (now, None);
                Step::Reload
            }
            // The driver knows when its request is over.
            None => Step::Wait(now + self.patience()),
        }
    }

    /// The playlist as it is now.
    pub fn reloaded(&mut self, playlist: &Media, now: Instant) {
        self.target = playlist.target;
        let fresh = self.fresh(playlist);
        let grew = !fresh.is_empty();
        for entry in fresh {
            self.queue(entry);
        }
        self.ended = playlist.ended;
        let last = playlist.entries.last().map_or(self.target, |last| last.duration);
        // The target duration is often far longer than any segment. Half of it is what RFC 8216 allows anyway after no change.
        let wait = if grew { last.clamp(self.target / 2, self.target) } else { self.target / 2 };
        self.reload_at = Some(self.began + wait);
        if grew {
            self.grew_at = now;
        }
        self.check_growth(now);
    }

    /// The playlist could not be loaded.
    pub fn reload_failed(&mut self, now: Instant) {
        let target = self.target.max(Duration::from_secs(1));
        self.reload_at = Some((self.began + target / 2).max(now + target / 4));
        self.check_growth(now);
    }

    /// The bytes of a segment came, and this is their digest, taken as they were sent (before decryption). A digest of the length and
    /// the first tens of kilobytes is enough: timestamps of live segments differ.
    pub fn fetched(&mut self, fetch: &Fetch, digest: u64, now: Instant) {
        let since = self.novelty.looping_since(fetch, digest, self.config.refuse_declared_loops, now);
        let too_long = since.is_some_and(|since| now.saturating_duration_since(since) >= self.patience());
        if too_long && !self.ended {
            self.dead = Some(Dead::Looping);
        }
    }

    /// The target duration of the playlist; zero before it was loaded.
    pub fn target(&self) -> Duration {
        self.target
    }

    /// How much of a live playlist waits to be handed out. Much of it means that the driver is behind. An ended playlist waits whole and
    /// hurries nobody.
    pub fn backlog(&self) -> Duration {
        if self.ended { Duration::ZERO } else { self.queue.iter().map(|fetch| fetch.entry.duration).sum() }
    }

    /// How long to wait for something new.
    fn patience(&self) -> Duration {
        self.config.patience.max(3 * self.target)
    }

    fn check_growth(&mut self, now: Instant) {
        if !self.ended && now.saturating_duration_since(self.grew_at) >= self.patience() {
            self.dead = Some(Dead::Frozen);
        }
    }

    /// The entries that were not there before.
    fn fresh<'a>(&mut self, playlist: &'a Media) -> &'a [Entry] {
        let (start, seam) = match self.listing.compare(playlist) {
            Change::Nothing => return &[],
            Change::First => (self.start(playlist), None),
            Change::Grew(from) => (from, None),
            Change::Missed(count) => (self.start(playlist), Some(Seam::Missed(count))),
            Change::Restarted => (self.start(playlist), Some(Seam::Restarted)),
        };
        if self.seam != Some(Seam::Restarted) {
            self.seam = seam.or(self.seam);
        }
        playlist.entries.get(start..).unwrap_or_default()
    }

    /// The newest segment that starts far enough from the end; the first one of a playlist that is not live.
    fn start(&self, playlist: &Media) -> usize {
        if playlist.ended {
            return 0;
        }
        let wanted = self.config.start_behind * playlist.target;
        let mut behind = Duration::ZERO;
        let enough = playlist.entries.iter().rposition(|entry| {
            behind += entry.duration;
            behind >= wanted
        });
        enough.unwrap_or(0)
    }

    fn queue(&mut self, entry: &Entry) {
        if entry.gap {
            self.seam = self.seam.or(Some(Seam::Gap));
            return;
        }
        let first = self.era == 0;
        let seam = self.seam.take().or(entry.discontinuity.then_some(Seam::Discontinuity)).filter(|_| !first);
        self.era += u64::from(seam.is_some() || first);
        self.queue.push_back(Fetch { entry: entry.clone(), seam, era: self.era });
    }
}
