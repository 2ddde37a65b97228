//! The window: the segments of one channel that can be downloaded, and which of them the playlist lists.
//!
//! It owns the numbers (media sequence, discontinuity sequence, target duration) and the HLS rules of RFC 8216 6.2.2. It
//! belongs to one channel's task; what viewers see is the immutable list that `listed` and `downloadable` hand out.
//!
//! Target duration. A window has one from its first segment to its end: the learned one, else the larger of the configured
//! one and the first segment's duration, rounded up (a tenth of a second above a whole second is forgiven). The tuner then
//! sets the segmenter's `max_duration` to it, so that longer GOPs are cut. A segment that is longer anyhow is listed
//! as long as the target duration allows: the playlist stays valid, the next segment's date is the true one. When GOPs keep
//! overrunning, `proposal` is their length for a later window of the channel: clients may not see it change.
//!
//! Dates. A segment's date is where the one before ended, so that dates advance like the media and not like the arrival of
//! bytes. After a discontinuity it is the time of arrival, never before the end of the segment before.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::playlist::{Entry, MediaPlaylist};
use crate::segment::{Segment, SegmentPayload};
use crate::segmenter::Cut;

/// GOPs that must overrun before a longer target duration is proposed: one hiccup shall not slow a channel for ever.
const OVERRUNS: u32 = 3;
/// The longest target duration that is learned, in seconds.
const MAX_LEARNED: u32 = 12;
/// Segments that `shrink_to` leaves.
const FEWEST: usize = 3;

/// How much to keep.
#[derive(Debug, Clone)]
pub struct WindowConfig {
    /// Segments in the playlist, at least; never less than 3 target durations' worth once there is that much.
    pub listed_segments: usize,
    /// Playlist length in time, at least (rewinding inside live); zero for `listed_segments` only.
    pub listed_duration: Duration,
    /// Target duration in seconds to start with when none was learned; a longer first segment raises it. EXTINF never
    /// rounds above it.
    pub target_duration: u32,
    /// What segment URIs start with: variants of one channel are told apart by it.
    pub uri_prefix: String,
}

/// Where the numbers go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceBase {
    /// The next segment's media sequence number.
    pub media: u64,
    /// The next segment's discontinuity sequence number if it continues the one before; one more if it does not.
    pub discontinuity: u64,
    /// The channel's target duration in seconds, if it has one already.
    pub target_duration: Option<u32>,
}

/// The window of one channel.
#[derive(Debug)]
pub struct Window {
    config: WindowConfig,
    /// Fixed from the first segment on.
    target_duration: Option<u32>,
    next_media: u64,
    discontinuity: u64,
    /// No segment was pushed yet; whether the first one is a discontinuity.
    first: Option<bool>,
    segments: Vec<Arc<Segment>>,
    /// One for each of `segments`.
    kept: Vec<Kept>,
    /// How many of `segments`, from the oldest on, are no longer listed.
    unlisted: usize,
    bytes: usize,
    /// Where the newest segment ends.
    ends_at: Timestamp,
    overrun: Overrun,
}

/// How long a segment must stay.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// The longest playlist that listed it.
    longest: Duration,
    /// When it may go; set when it leaves the playlist.
    until: Timestamp,
}

/// GOPs that had to be cut.
#[derive(Debug, Default)]
struct Overrun {
    count: u32,
    longest: Duration,
    /// The GOP that is going on, and whether it was cut.
    gop: Duration,
    cut: bool,
}

impl Window {
    /// An empty window.
    pub fn new(config: WindowConfig, base: SequenceBase) -> Self {
        Self {
            config,
            target_duration: base.target_duration.filter(|seconds| *seconds > 0),
            next_media: base.media,
            discontinuity: base.discontinuity,
            first: Some(base.media > 0 || base.discontinuity > 0),
            segments: Vec::new(),
            kept: Vec::new(),
            unlisted: 0,
            bytes: 0,
            ends_at: Timestamp::UNIX_EPOCH,
            overrun: Overrun::default(),
        }
    }

    /// Numbers and adds a segment, drops what no viewer may still ask for (a removed segment stays downloadable for its own
    /// duration plus the longest playlist that listed it). The first segment after `new` is a discontinuity unless both
    /// numbers start at 0.
    pub fn push(&mut self, cut: Cut, now: Timestamp) -> Arc<Segment> {
        let target = *self
            .target_duration
            .get_or_insert_with(|| whole_seconds(cut.duration).max(self.config.target_duration).max(1));
        self.overrun.note(&cut);
        let first = self.first.take();
        let discontinuity = first.unwrap_or(cut.discontinuity);
        // Rounded only where it is written: rounding errors must not add up over days.
        let starts_at = match first {
            Some(_) => cut.started_at,
            None if discontinuity => cut.started_at.max(self.ends_at),
            None => self.ends_at,
        };
        self.ends_at = after(starts_at, cut.duration);
        self.discontinuity += u64::from(discontinuity);
        let segment = Arc::new(Segment {
            sequence: self.next_media,
            discontinuity_sequence: self.discontinuity,
            discontinuity,
            duration: listed_duration(cut.duration, target),
            started_at: to_millis(starts_at),
            independent: cut.independent,
            payload: SegmentPayload::MpegTs(cut.payload),
        });
        self.next_media += 1;
        self.bytes += segment.payload.len();
        self.segments.push(Arc::clone(&segment));
        self.kept.push(Kept { longest: Duration::ZERO, until: Timestamp::MAX });
        self.relist(now);
        self.expire(now);
        segment
    }

    /// The numbers that the next segment gets, in this window or the next one.
    pub fn next(&self) -> SequenceBase {
        let target_duration = self.target_duration;
        SequenceBase { media: self.next_media, discontinuity: self.discontinuity, target_duration }
    }

    /// The target duration in seconds that the channel should have, where its own has turned out to be too short. For a window that
    /// begins when no client of this one is left.
    pub fn proposal(&self) -> Option<u32> {
        self.overrun.proposal().filter(|seconds| Some(*seconds) > self.target_duration)
    }

    /// Target duration in seconds; before the first segment the one that it will be at least.
    pub fn target_duration(&self) -> u32 {
        self.target_duration.unwrap_or(self.config.target_duration.max(1))
    }

    /// Segments in the playlist, oldest first.
    pub fn listed(&self) -> &[Arc<Segment>] {
        &self.segments[self.unlisted..]
    }

    /// Segments that can be downloaded, oldest first: the listed ones and those that left the playlist lately.
    pub fn downloadable(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// Bytes held by `downloadable`.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops the oldest segments that no playlist lists, then the oldest listed ones down to three, until at most `bytes` are
    /// held. True when that was possible. For the global byte budget.
    pub fn shrink_to(&mut self, bytes: usize) -> bool {
        while self.bytes > bytes && (self.unlisted > 0 || self.segments.len() > FEWEST) {
            self.drop_oldest();
        }
        self.bytes <= bytes
    }

    /// Whether enough is there for a first playlist (one segment).
    pub fn playable(&self) -> bool {
        !self.listed().is_empty()
    }

    /// The media playlist as it is now.
    pub fn playlist(&self) -> MediaPlaylist {
        let listed = self.listed();
        let entry = |segment: &Arc<Segment>| Entry {
            uri: format!("{}{}.ts", self.config.uri_prefix, segment.sequence),
            duration: segment.duration,
            started_at: segment.started_at,
            discontinuity: segment.discontinuity,
        };
        MediaPlaylist {
            target_duration: self.target_duration(),
            media_sequence: listed.first().map_or(self.next_media, |segment| segment.sequence),
            // The first segment's number counts its own tag, which is still in the playlist (RFC 8216, 6.2.2).
            discontinuity_sequence: listed.first().map_or(self.discontinuity, |segment| {
                segment.discontinuity_sequence - u64::from(segment.discontinuity)
            }),
            independent_segments: listed.iter().all(|segment| segment.independent),
            entries: listed.iter().map(entry).collect(),
        }
    }

    /// Takes the oldest segments off the playlist as far as it stays long enough without them.
    fn relist(&mut self, now: Timestamp) {
        let target = Duration::from_secs(u64::from(self.target_duration()));
        let shortest = (3 * target).max(self.config.listed_duration);
        let mut length: Duration = self.listed().iter().map(|segment| segment.duration).sum();
        while let [oldest, _, ..] = self.listed()
            && self.listed().len() > self.config.listed_segments
            && length - oldest.duration >= shortest
        {
            let duration = oldest.duration;
            length -= duration;
            let kept = &mut self.kept[self.unlisted];
            kept.until = after(now, duration + kept.longest);
            self.unlisted += 1;
        }
        for kept in &mut self.kept[self.unlisted..] {
            kept.longest = kept.longest.max(length);
        }
    }

    fn expire(&mut self, now: Timestamp) {
        while self.unlisted > 0 && self.kept[0].until <= now {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let segment = self.segments.remove(0);
        self.kept.remove(0);
        self.bytes -= segment.payload.len();
        self.unlisted = self.unlisted.saturating_sub(1);
    }
}

impl Overrun {
    fn note(&mut self, cut: &Cut) {
        if !cut.independent {
            self.gop += cut.duration;
            self.cut = true;
            return;
        }
        if self.cut {
            self.count += 1;
            self.longest = self.longest.max(self.gop);
        }
        (self.gop, self.cut) = (cut.duration, false);
    }

    fn proposal(&self) -> Option<u32> {
        (self.count >= OVERRUNS).then(|| whole_seconds(self.longest).min(MAX_LEARNED))
    }
}

/// Rounded up, a tenth of a second forgiven.
fn whole_seconds(duration: Duration) -> u32 {
    let millis = duration.as_millis().saturating_sub(100).div_ceil(1000);
    u32::try_from(millis).unwrap_or(u32::MAX).max(1)
}

/// Whole milliseconds, at least one, and rounding to at most the target duration.
fn listed_duration(duration: Duration, target: u32) -> Duration {
    let longest = u64::from(target) * 1000 + 499;
    let millis = u64::try_from((duration.as_micros() + 500) / 1000).unwrap_or(longest);
    Duration::from_millis(millis.clamp(1, longest))
}

fn to_millis(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

fn after(time: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| time.checked_add(duration).ok())
        .unwrap_or(Timestamp::MAX)
}
