//! Writes HLS playlists (RFC 8216 and its successor draft). No parsing here; `lint` reads them back in tests.
//!
//! Whatever the fields hold, what is written stays a playlist: line breaks and the like in URIs are percent-encoded, in
//! quoted strings left out.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// Decimal EXTINF needs 3; nothing that is written needs more (RFC 8216, 7).
const VERSION: u32 = 3;

/// A live media playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaPlaylist {
    /// EXT-X-TARGETDURATION in seconds.
    pub target_duration: u32,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE: that of the first segment, less its own EXT-X-DISCONTINUITY tag if it has one.
    pub discontinuity_sequence: u64,
    /// Every segment starts at a random access point: EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// The segments, oldest first.
    pub entries: Vec<Entry>,
}

/// A segment in a media playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Relative URI: `{sequence}.ts`.
    pub uri: String,
    /// EXTINF, written with millisecond precision.
    pub duration: Duration,
    /// EXT-X-PROGRAM-DATE-TIME, written with millisecond precision.
    pub started_at: Timestamp,
    /// EXT-X-DISCONTINUITY in front of it.
    pub discontinuity: bool,
}

/// A multivariant playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct MultivariantPlaylist {
    /// Every variant's segments are independent.
    pub independent_segments: bool,
    /// The variants, the preferred one first.
    pub variants: Vec<Variant>,
}

/// A variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// URI of its media playlist.
    pub uri: String,
    /// BANDWIDTH: peak, bits per second.
    pub bandwidth: u64,
    /// AVERAGE-BANDWIDTH, bits per second.
    pub average_bandwidth: Option<u64>,
    /// CODECS, RESOLUTION and FRAME-RATE.
    pub codecs: crate::segment::Codecs,
}

impl fmt::Display for MediaPlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#EXTM3U\n#EXT-X-VERSION:{VERSION}")?;
        writeln!(f, "#EXT-X-TARGETDURATION:{}", self.target_duration)?;
        writeln!(f, "#EXT-X-MEDIA-SEQUENCE:{}", self.media_sequence)?;
        writeln!(f, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuity_sequence)?;
        if self.independent_segments {
            writeln!(f, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        // Legal on its own, at least three target durations; players that ignore it assume the same.
        writeln!(f, "#EXT-X-SERVER-CONTROL:HOLD-BACK={}.000", u64::from(self.target_duration) * 3)?;
        for entry in &self.entries {
            if entry.discontinuity {
                writeln!(f, "#EXT-X-DISCONTINUITY")?;
            }
            writeln!(f, "#EXT-X-PROGRAM-DATE-TIME:{:.3}", entry.started_at)?;
            let millis = entry.duration.as_millis();
            writeln!(f, "#EXTINF:{}.{:03},\n{}", millis / 1000, millis % 1000, Uri(&entry.uri))?;
        }
        Ok(())
    }
}

impl fmt::Display for MultivariantPlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#EXTM3U\n#EXT-X-VERSION:{VERSION}")?;
        if self.independent_segments {
            writeln!(f, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        self.variants.iter().try_for_each(|variant| variant.fmt(f))
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#EXT-X-STREAM-INF:BANDWIDTH={}", self.bandwidth)?;
        if let Some(average) = self.average_bandwidth {
            write!(f, ",AVERAGE-BANDWIDTH={average}")?;
        }
        if !self.codecs.names.is_empty() {
            write!(f, ",CODECS=\"{}\"", Quoted(&self.codecs.names.join(",")))?;
        }
        if let Some((width, height)) = self.codecs.resolution {
            write!(f, ",RESOLUTION={width}x{height}")?;
        }
        if let Some(rate) = self.codecs.frame_rate.filter(|rate| (0.001..1000.0).contains(rate)) {
            write!(f, ",FRAME-RATE={rate:.3}")?;
        }
        writeln!(f, "\n{}", Uri(&self.uri))
    }
}

/// A URI on a line of its own: never empty, never taken for a tag or a second line.
struct Uri<'a>(&'a str);

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("./");
        }
        for (at, char) in self.0.chars().enumerate() {
            if char.is_control() || char.is_whitespace() || char == '\u{feff}' || (at == 0 && char == '#') {
                for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                    write!(f, "%{byte:02X}")?;
                }
            } else {
                fmt::Write::write_char(f, char)?;
            }
        }
        Ok(())
    }
}

/// What may stand between quotes (RFC 8216, 4.2), and in the name of a codec at all.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let legal = |char: &char| char.is_ascii_graphic() && *char != '"';
        self.0.chars().filter(legal).try_for_each(|char| fmt::Write::write_char(f, char))
    }
}

#[cfg(test)]
mod tests;
