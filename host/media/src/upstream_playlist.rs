//! HLS playlists of upstreams: read as providers really send them, a variant chosen, the live end followed.
//!
//! Not the playlists that we write (`playlist`), and not their strict oracle (`lint`): a provider's mistakes are forgiven here
//! as far as there is something to play. URIs stay as they stand in the playlist; resolving them against its address and
//! asking whether they may be fetched is the caller's.
//!
//! Invariants: whatever comes in, reading takes linear time and keeps a bounded number of entries; no media sequence number
//! overflows; nothing that holds a URI prints it, because providers put credentials there.

mod attributes;
mod follow;
mod media;
mod multivariant;
mod policy;
mod protection;
#[cfg(test)]
mod tests;

pub use follow::{Dead, Fetch, Follower, FollowerConfig, Seam, Step};
pub use policy::{UnknownPolicy, VariantPolicy};
pub use protection::{Key, Protection, Refused};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

/// Longer playlists are refused, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// Entries kept of a media playlist: the newest ones, because those are what a live channel needs.
pub const MAX_ENTRIES: usize = 20_000;

/// Either kind of playlist.
#[derive(Debug, Clone, PartialEq)]
pub enum Playlist {
    /// Lists segments.
    Media(Media),
    /// Lists variants.
    Multivariant(Multivariant),
}

/// Why a text is no playlist that can be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlaylistError {
    /// It does not start with #EXTM3U.
    NotAPlaylist,
    /// More than [`MAX_BYTES`].
    TooLarge,
    /// An M3U file that lists channels or links rather than segments.
    Links,
    /// A multivariant playlist without variants.
    NoVariants,
}

impl fmt::Display for PlaylistError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAPlaylist => "the playlist does not start with #EXTM3U",
            Self::TooLarge => "the playlist is larger than 4 MiB",
            Self::Links => "the playlist lists channels or links, not segments: import it as a source instead",
            Self::NoVariants => "the multivariant playlist lists no variants",
        })
    }
}

impl std::error::Error for PlaylistError {}

/// A URI as it stands in a playlist: absolute or relative, with whatever credentials the provider put there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uri(Arc<str>);

impl Uri {
    /// The text itself. Every caller is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Uri {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Uri(…)")
    }
}

/// A part of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// The first byte.
    pub offset: u64,
    /// How many bytes; offset and length together do not overflow.
    pub length: u64,
}

/// What a media playlist says.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// EXT-X-TARGETDURATION, or the longest segment where that is missing; from 1 s to 60 s.
    pub target: Duration,
    /// Oldest first, with consecutive sequence numbers.
    pub entries: Vec<Entry>,
    /// EXT-X-ENDLIST: nothing will be added.
    pub ended: bool,
}

/// A segment in a media playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where it is.
    pub uri: Uri,
    /// The part of it that is the segment; none for all.
    pub range: Option<ByteRange>,
    /// Media sequence number.
    pub sequence: u64,
    /// EXTINF, or the target duration where that cannot be read; at most one hour.
    pub duration: Duration,
    /// EXT-X-DISCONTINUITY in front of it.
    pub discontinuity: bool,
    /// Discontinuity sequence number.
    pub discontinuity_sequence: u64,
    /// EXT-X-GAP: listed, but not there.
    pub gap: bool,
    /// EXT-X-PROGRAM-DATE-TIME, counted on from the last one in the same discontinuity sequence.
    pub date: Option<Timestamp>,
    /// Whether and how it is encrypted.
    pub protection: Protection,
    /// EXT-X-MAP: what must be read before it. Segments with one are fragmented MP4, not MPEG-TS.
    pub map: Option<Arc<Map>>,
}

impl Entry {
    /// The initialisation vector of AES-128: the key's own, else the media sequence number (RFC 8216, 5.2).
    pub fn iv(&self, key: &Key) -> [u8; 16] {
        key.iv.unwrap_or_else(|| u128::from(self.sequence).to_be_bytes())
    }
}

/// A media initialisation section.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Map {
    /// Where it is.
    pub uri: Uri,
    /// The part of it that is the section; none for all.
    pub range: Option<ByteRange>,
    /// Whether and how it is encrypted; a key then has a vector of its own (RFC 8216, 4.3.2.5).
    pub protection: Protection,
}

/// What a multivariant playlist says.
#[derive(Debug, Clone, PartialEq)]
pub struct Multivariant {
    /// In the order of the playlist; never empty.
    pub variants: Vec<Variant>,
}

/// A variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Of its media playlist.
    pub uri: Uri,
    /// BANDWIDTH, in bits per second; 0 where that is missing.
    pub bandwidth: u64,
    /// Width and height in pixels.
    pub resolution: Option<(u32, u32)>,
    /// CODECS; empty where that is missing.
    pub codecs: Vec<String>,
    /// The media playlist that its sound is in, where that is one of its own and this one has the picture only; of several the default one.
    pub separate_audio: Option<Uri>,
}

impl Variant {
    /// Whether it has sound and no picture, as far as its attributes tell.
    pub fn audio_only(&self) -> bool {
        const AUDIO: [&str; 8] = ["mp4a", "ac-3", "ec-3", "ac-4", "mp3", "opus", "flac", "dts"];
        let is_audio = |codec: &String| {
            AUDIO.iter().any(|audio| codec.get(..audio.len()).is_some_and(|c| c.eq_ignore_ascii_case(audio)))
        };
        self.resolution.is_none() && !self.codecs.is_empty() && self.codecs.iter().all(is_audio)
    }
}

impl Playlist {
    /// Reads a playlist.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlaylistError> {
        if bytes.len() > MAX_BYTES {
            return Err(PlaylistError::TooLarge);
        }
        // What is not UTF-8 is a title or a comment, if anything.
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}');
        let mut lines = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
        if !lines.next().is_some_and(|first| first.starts_with("#EXTM3U")) {
            return Err(PlaylistError::NotAPlaylist);
        }
        if lines.clone().any(|line| line.starts_with("#EXT-X-STREAM-INF")) {
            return multivariant::read(lines).map(Self::Multivariant);
        }
        media::read(lines).map(Self::Media)
    }
}

/// Name and value of a tag; none for comments.
fn tag(line: &str) -> Option<(&str, &str)> {
    let tag = line.strip_prefix("#EXT")?;
    Some(tag.split_once(':').map_or((tag, ""), |(name, value)| (name.trim_end(), value.trim())))
}
