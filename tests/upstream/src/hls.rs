//! A clip as a live HLS upstream: `/{name}/index.m3u8` lists the last segments, `/{name}/{n}.ts` is one of them or an older one, and under
//! `/{name}/aes/` stand the same segments encrypted with AES-128, beside their key. The clip repeats with timestamps that go on.
//!
//! Multivariant playlists, protected ones and other oddities are texts: see [`crate::Upstream::set_text`].

use std::fmt;
use std::fmt::Write;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use bytes::Bytes;

use crate::channel::Feed;
use crate::clip::Clip;
use crate::fault::Fault;
use crate::restamp::shift;
use crate::server::{Channel, Condition};
use crate::ts;

/// Segments in a playlist.
const LISTED: u64 = 6;

/// The key of every encrypted segment.
const KEY: &[u8; 16] = b"a key for tests!";

/// What can be wrong with an HLS upstream in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HlsFault {
    /// The playlist no longer changes.
    Frozen,
    /// The last three segments are listed again and again under new numbers.
    Looping,
    /// The numbers start anew, once.
    Restarted,
    /// The playlist has ended.
    Ended,
    /// Every third segment is missing.
    Holes,
    /// Timestamps start anew with every round of the clip, and the playlist says so.
    Seams,
    /// Segments come as slowly as they play.
    Slow,
}

const NAMES: [(HlsFault, &str); 7] = [
    (HlsFault::Frozen, "hls-frozen"),
    (HlsFault::Looping, "hls-looping"),
    (HlsFault::Restarted, "hls-restarted"),
    (HlsFault::Ended, "hls-ended"),
    (HlsFault::Holes, "hls-holes"),
    (HlsFault::Seams, "hls-seams"),
    (HlsFault::Slow, "hls-slow"),
];

impl fmt::Display for HlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(fault, _)| fault == self).map_or("hls", |(_, name)| name))
    }
}

impl FromStr for HlsFault {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = NAMES.iter().find(|(_, name)| *name == text).map(|(fault, _)| *fault);
        found.ok_or_else(|| {
            anyhow::anyhow!("no fault \"{text}\": use one of {}", NAMES.map(|(_, name)| name).join(", "))
        })
    }
}

/// What a path below a channel's name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asset {
    kind: Kind,
    encrypted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Playlist,
    Segment(u64),
    Key,
}

/// An answer's body and content type.
pub(crate) struct Content {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: &'static str,
    /// Faults in the middle of a body concern it.
    pub(crate) is_segment: bool,
    /// How long sending it should take.
    pub(crate) over: Duration,
}

/// Takes `/{name}/index.m3u8` and the like apart.
pub(crate) fn asset(path: &str) -> Option<(&str, Asset)> {
    let (name, rest) = path.strip_prefix('/')?.split_once('/')?;
    let (encrypted, file) = rest.strip_prefix("aes/").map_or((false, rest), |file| (true, file));
    let kind = match file {
        "index.m3u8" => Kind::Playlist,
        "key" if encrypted => Kind::Key,
        _ => Kind::Segment(file.strip_suffix(".ts")?.parse().ok()?),
    };
    Some((name, Asset { kind, encrypted }))
}

/// What is there; none for 404.
pub(crate) fn content(channel: &Channel, asset: Asset) -> Option<Content> {
    let Feed::Clip(clip) = &channel.spec.feed else { return None };
    let live = Live { clip, segment: channel.spec.segment, condition: channel.condition.borrow().clone(), channel };
    let plain = |bytes: Bytes, content_type| Content { bytes, content_type, is_segment: false, over: Duration::ZERO };
    match asset.kind {
        Kind::Playlist => Some(plain(live.playlist(asset.encrypted).into(), "application/vnd.apple.mpegurl")),
        Kind::Key => Some(plain(Bytes::from_static(KEY), "application/octet-stream")),
        Kind::Segment(number) => {
            let bytes = live.segment(number)?;
            let bytes = if asset.encrypted { encrypted(bytes, number) } else { bytes };
            let over = if live.is(HlsFault::Slow) { live.segment } else { Duration::ZERO };
            Some(Content { bytes: bytes.into(), content_type: "video/mp2t", is_segment: true, over })
        }
    }
}

/// A clip as it is now.
struct Live<'a> {
    clip: &'a Arc<Clip>,
    segment: Duration,
    condition: Condition,
    channel: &'a Channel,
}

impl Live<'_> {
    fn is(&self, fault: HlsFault) -> bool {
        self.condition.fault == Some(Fault::Hls(fault))
    }

    /// Segments in a round of the clip.
    fn round(&self) -> u64 {
        (self.clip.duration().as_millis() / self.segment.as_millis()).max(1) as u64
    }

    /// How many segments there have been. One round is over when the channel starts, so there is always something to list.
    fn count(&self) -> u64 {
        self.round() + (self.channel.origin.elapsed().as_millis() / self.segment.as_millis()) as u64
    }

    /// How many there had been when the fault began.
    fn count_then(&self) -> u64 {
        let elapsed = self.condition.since.map_or(Duration::ZERO, |since| since - self.channel.origin);
        self.round() + (elapsed.as_millis() / self.segment.as_millis()) as u64
    }

    fn playlist(&self, encrypted: bool) -> String {
        let stands = self.is(HlsFault::Frozen) || self.is(HlsFault::Ended);
        let end = if stands { self.count_then() } else { self.count() };
        // One segment more than was there when the numbers started anew.
        let zero = if self.is(HlsFault::Restarted) { self.count_then().saturating_sub(1) } else { 0 };
        let first = end.saturating_sub(LISTED).max(zero);
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:{}\n",
            self.segment.as_millis().div_ceil(1000),
            first - zero
        );
        if self.is(HlsFault::Seams) {
            // A seam stands before the first segment of each round.
            text += &format!("#EXT-X-DISCONTINUITY-SEQUENCE:{}\n", first.div_ceil(self.round()));
        }
        for number in first..end {
            if self.is(HlsFault::Seams) && number.is_multiple_of(self.round()) {
                text += "#EXT-X-DISCONTINUITY\n";
            }
            let named = if self.is(HlsFault::Looping) { self.looped(number) } else { number };
            if encrypted {
                // The first half of each round has vectors of its own, the second has those that follow from the numbers.
                let own = number % self.round() < self.round() / 2 || named != number || zero > 0;
                let iv = own.then(|| format!(",IV=0x{named:032x}"));
                let _ = writeln!(text, "#EXT-X-KEY:METHOD=AES-128,URI=\"key\"{}", iv.unwrap_or_default());
            }
            let _ = writeln!(text, "#EXTINF:{:.3},\n{named}.ts", self.segment.as_secs_f64());
        }
        if self.is(HlsFault::Ended) {
            text += "#EXT-X-ENDLIST\n";
        }
        text
    }

    fn looped(&self, number: u64) -> u64 {
        let then = self.count_then();
        if number < then { number } else { then - 3 + (number - then) % 3 }
    }

    fn segment(&self, number: u64) -> Option<Vec<u8>> {
        if number >= self.count() || (self.is(HlsFault::Holes) && number.is_multiple_of(3)) {
            return None;
        }
        let (round, place) = (number / self.round(), number % self.round());
        // A keyframe stands a little after the clock reference before it.
        let at = |place: u64| match u32::try_from(place).unwrap_or(0) {
            0 => 0,
            place => self.clip.entry_before(self.segment * place + Duration::from_millis(400)).0,
        };
        let end = if place + 1 == self.round() { self.clip.bytes().len() } else { at(place + 1) };
        let mut packets = self.clip.bytes()[at(place)..end].to_vec();
        let shown_round = if self.is(HlsFault::Seams) { 0 } else { round };
        let ticks = shown_round * self.clip.duration().as_millis() as u64 * 90 + self.condition.jump_ticks;
        let counts = counters(self.clip.bytes());
        for packet in packets.chunks_exact_mut(ts::PACKET) {
            shift(packet, ticks);
            let whole = counts[usize::from(ts::pid(packet))];
            packet[3] = packet[3] & 0xf0 | (packet[3] & 15).wrapping_add((whole * round) as u8) & 15;
        }
        Some(packets)
    }
}

/// How far each PID's continuity counter goes in a round.
fn counters(packets: &[u8]) -> Vec<u64> {
    let mut counts = vec![0; 8192];
    for packet in packets.chunks_exact(ts::PACKET).filter(|packet| packet[3] & 0x10 != 0) {
        counts[usize::from(ts::pid(packet))] += 1;
    }
    counts
}

fn encrypted(mut bytes: Vec<u8>, number: u64) -> Vec<u8> {
    let padding = 16 - bytes.len() % 16;
    bytes.resize(bytes.len() + padding, padding as u8);
    let key = UnboundCipherKey::new(&AES_128, KEY).and_then(EncryptingKey::cbc).expect("a key has 16 bytes");
    let iv = EncryptionContext::Iv128(u128::from(number).to_be_bytes().into());
    key.less_safe_encrypt(&mut bytes, iv).expect("whole blocks are encrypted");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let of = |kind, encrypted| Some(("one", Asset { kind, encrypted }));
        for (path, expected) in [
            ("/one/index.m3u8", of(Kind::Playlist, false)),
            ("/one/12.ts", of(Kind::Segment(12), false)),
            ("/one/aes/index.m3u8", of(Kind::Playlist, true)),
            ("/one/aes/12.ts", of(Kind::Segment(12), true)),
            ("/one/aes/key", of(Kind::Key, true)),
            ("/one/key", None),
            ("/one.ts", None),
            ("/one/x.ts", None),
            ("/", None),
        ] {
            assert_eq!(asset(path), expected, "{path}");
        }
    }

    #[test]
    fn names_round_trip() {
        for (fault, name) in NAMES {
            assert_eq!((fault.to_string().as_str(), name.parse::<HlsFault>().unwrap()), (name, fault));
        }
        assert!("hls".parse::<HlsFault>().is_err());
    }
}
