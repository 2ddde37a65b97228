//! Reads a playlist line by line (RFC 8216, 4).

use std::time::Duration;

use jiff::Timestamp;

use super::Violation;

/// A playlist as a client sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// EXT-X-VERSION; 1 without.
    pub version: u64,
    /// Line and value of EXT-X-TARGETDURATION.
    pub target_duration: Option<(usize, u64)>,
    /// EXT-X-MEDIA-SEQUENCE; 0 without.
    pub media_sequence: u64,
    /// Where it stands; 0 without.
    pub media_sequence_line: usize,
    /// EXT-X-DISCONTINUITY-SEQUENCE; 0 without.
    pub discontinuity_sequence: u64,
    /// EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// HOLD-BACK of EXT-X-SERVER-CONTROL, in seconds.
    pub hold_back: Option<f64>,
    /// The line of EXT-X-ENDLIST.
    pub end_list: Option<usize>,
    /// The line of EXT-X-PLAYLIST-TYPE.
    pub playlist_type: Option<usize>,
    /// The segments of a media playlist.
    pub segments: Vec<ParsedSegment>,
    /// The variants of a multivariant playlist.
    pub variants: Vec<ParsedVariant>,
}

/// A segment with its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedSegment {
    /// The line of its URI.
    pub line: usize,
    /// As it stands there.
    pub uri: String,
    /// Media sequence number.
    pub sequence: u64,
    /// EXTINF.
    pub duration: Duration,
    /// EXT-X-PROGRAM-DATE-TIME.
    pub date: Option<Timestamp>,
    /// An EXT-X-DISCONTINUITY stands in front of it.
    pub discontinuity: bool,
    /// Discontinuity sequence number.
    pub discontinuity_sequence: u64,
}

/// A variant.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedVariant {
    /// The line of its URI.
    pub line: usize,
    /// As it stands there.
    pub uri: String,
    /// Names and values of EXT-X-STREAM-INF, quotes removed.
    pub attributes: Vec<(String, String)>,
}

/// Reads a media or multivariant playlist; says what a strict client would object to. Never fails: what cannot be read is a
/// violation and left out.
pub fn parse(text: &str) -> (Parsed, Vec<Violation>) {
    let mut reader = Reader {
        text,
        out: Parsed { version: 1, ..Parsed::default() },
        next: Next::default(),
        seen: Vec::new(),
        violations: Vec::new(),
    };
    if !text.starts_with("#EXTM3U\n") && !text.starts_with("#EXTM3U\r\n") {
        reader.blame(1, "a playlist starts with #EXTM3U");
    }
    if !text.ends_with('\n') {
        reader.blame(text.lines().count(), "the last line does not end: the playlist may be cut off");
    }
    for (n, line) in text.lines().enumerate() {
        reader.line(n + 1, line);
    }
    reader.finish();
    (reader.out, reader.violations)
}

/// What was said about the next URI.
#[derive(Default)]
struct Next {
    duration: Option<(usize, Duration)>,
    date: Option<Timestamp>,
    discontinuity: bool,
    variant: Option<Vec<(String, String)>>,
    /// A tag that needs a URI behind it.
    line: usize,
}

struct Reader<'a> {
    text: &'a str,
    out: Parsed,
    next: Next,
    /// Tags that may stand once, with their lines.
    seen: Vec<(&'a str, usize)>,
    violations: Vec<Violation>,
}

pub(super) fn violation(text: &str, line: usize, message: impl Into<String>) -> Violation {
    let blamed = line.checked_sub(1).and_then(|n| text.lines().nth(n)).unwrap_or_default();
    Violation { snapshot: 0, line, text: blamed.to_owned(), message: message.into() }
}

impl<'a> Reader<'a> {
    fn blame(&mut self, line: usize, message: impl Into<String>) {
        self.violations.push(violation(self.text, line, message));
    }

    fn line(&mut self, n: usize, line: &'a str) {
        if line.chars().any(|char| char.is_control() || char == '\u{feff}') {
            self.blame(n, "control characters and byte order marks have no place in a playlist");
        }
        if line.trim() != line {
            self.blame(n, "white space around a line belongs to it");
        }
        if line.is_empty() {
        } else if let Some(tag) = line.strip_prefix("#EXT") {
            let (name, value) = tag.split_once(':').map_or((tag, None), |(name, value)| (name, Some(value)));
            self.tag(n, name, value);
        } else if !line.starts_with('#') {
            self.uri(n, line);
        }
    }

    fn tag(&mut self, n: usize, name: &'a str, value: Option<&str>) {
        const ONCE: [&str; 9] = [
            "M3U",
            "-X-VERSION",
            "-X-TARGETDURATION",
            "-X-MEDIA-SEQUENCE",
            "-X-DISCONTINUITY-SEQUENCE",
            "-X-INDEPENDENT-SEGMENTS",
            "-X-SERVER-CONTROL",
            "-X-ENDLIST",
            "-X-PLAYLIST-TYPE",
        ];
        const BEFORE_SEGMENTS: [&str; 2] = ["-X-MEDIA-SEQUENCE", "-X-DISCONTINUITY-SEQUENCE"];
        if ONCE.contains(&name) {
            if self.seen.iter().any(|(seen, _)| *seen == name) {
                self.blame(n, "this tag may stand once");
            }
            self.seen.push((name, n));
        }
        let started = !self.out.segments.is_empty() || self.next.duration.is_some() || self.next.discontinuity;
        if BEFORE_SEGMENTS.contains(&name) && started {
            self.blame(n, "this tag must stand before the first segment and before any EXT-X-DISCONTINUITY");
        }
        match (name, value) {
            ("M3U", None) => {}
            ("-X-VERSION", Some(value)) => self.out.version = self.integer(n, value),
            ("-X-TARGETDURATION", Some(value)) => self.out.target_duration = Some((n, self.integer(n, value))),
            ("-X-MEDIA-SEQUENCE", Some(value)) => {
                (self.out.media_sequence, self.out.media_sequence_line) = (self.integer(n, value), n);
            }
            ("-X-DISCONTINUITY-SEQUENCE", Some(value)) => self.out.discontinuity_sequence = self.integer(n, value),
            ("-X-INDEPENDENT-SEGMENTS", None) => self.out.independent_segments = true,
            ("-X-SERVER-CONTROL", Some(value)) => self.server_control(n, value),
            ("-X-ENDLIST", None) => self.out.end_list = Some(n),
            ("-X-PLAYLIST-TYPE", Some("EVENT" | "VOD")) => self.out.playlist_type = Some(n),
            ("-X-DISCONTINUITY", None) => self.discontinuity(n),
            ("-X-PROGRAM-DATE-TIME", Some(value)) => self.date(n, value),
            ("INF", Some(value)) => self.duration(n, value),
            ("-X-STREAM-INF", Some(value)) => {
                self.next.variant = Some(self.variant(n, value));
                self.next.line = n;
            }
            (name, _)
                if ONCE.contains(&name) || ["INF", "-X-DISCONTINUITY", "-X-PROGRAM-DATE-TIME"].contains(&name) =>
            {
                self.blame(n, "this tag's value is wrong");
            }
            // Clients ignore what they do not know.
            _ => {}
        }
    }

    fn integer(&mut self, n: usize, value: &str) -> u64 {
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| value.parse().ok()).flatten().unwrap_or_else(|| {
            self.blame(n, "a decimal integer below 2^64 is expected");
            0
        })
    }

    fn discontinuity(&mut self, n: usize) {
        if std::mem::replace(&mut self.next.discontinuity, true) {
            self.blame(n, "this discontinuity has no segment behind it");
        }
        self.next.line = n;
    }

    fn date(&mut self, n: usize, value: &str) {
        if self.next.date.is_some() {
            self.blame(n, "a segment has one date");
        }
        self.next.date = value.parse().ok();
        if self.next.date.is_none() {
            self.blame(n, "a date with time zone as in ISO 8601 is expected");
        }
        self.next.line = n;
    }

    fn duration(&mut self, n: usize, value: &str) {
        if self.next.duration.is_some() {
            self.blame(n, "the EXTINF before has no URI");
        }
        self.next.line = n;
        let number = value.split_once(',').map(|(number, _title)| number);
        let Some(duration) = number.and_then(decimal) else {
            return self.blame(n, "EXTINF is a decimal number, a comma and a title");
        };
        self.next.duration = Some((n, duration));
        if number.is_some_and(|number| number.contains('.')) && self.out.version < 3 {
            self.blame(n, "a decimal EXTINF needs EXT-X-VERSION 3");
        }
    }

    fn uri(&mut self, n: usize, uri: &str) {
        let next = std::mem::take(&mut self.next);
        let uri = uri.to_owned();
        if let Some(attributes) = next.variant {
            self.out.variants.push(ParsedVariant { line: n, uri, attributes });
            return;
        }
        let Some((line, duration)) = next.duration else {
            return self.blame(n, "a segment needs an EXTINF");
        };
        let target = self.out.target_duration.map(|(_, target)| target);
        // Rounded to the nearest integer (RFC 8216, 4.3.3.1).
        if target.is_some_and(|target| (duration + Duration::from_millis(500)).as_secs() > target) {
            self.blame(line, "rounds above the target duration");
        }
        if self.out.segments.iter().any(|segment| segment.uri == uri) {
            self.blame(n, "this URI is listed twice");
        }
        let before =
            self.out.segments.last().map_or(self.out.discontinuity_sequence, |last| last.discontinuity_sequence);
        self.out.segments.push(ParsedSegment {
            line: n,
            uri,
            sequence: self.out.media_sequence.saturating_add(self.out.segments.len() as u64),
            duration,
            date: next.date,
            discontinuity: next.discontinuity,
            discontinuity_sequence: before + u64::from(next.discontinuity),
        });
    }

    fn server_control(&mut self, n: usize, value: &str) {
        let attributes = self.attributes(n, value);
        let hold_back = attributes.iter().find(|(name, _)| name == "HOLD-BACK").map(|(_, value)| value);
        self.out.hold_back = hold_back.and_then(|value| value.parse().ok());
        if hold_back.is_some() && self.out.hold_back.is_none() {
            self.blame(n, "HOLD-BACK is a decimal number");
        }
    }

    fn variant(&mut self, n: usize, value: &str) -> Vec<(String, String)> {
        let attributes = self.attributes(n, value);
        let digits = |value: &str| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        if !attributes.iter().any(|(name, value)| name == "BANDWIDTH" && digits(value)) {
            self.blame(n, "a variant needs a BANDWIDTH");
        }
        for (name, value) in &attributes {
            let fits = match name.as_str() {
                "AVERAGE-BANDWIDTH" => digits(value),
                "RESOLUTION" => value.split_once('x').is_some_and(|(width, height)| digits(width) && digits(height)),
                "FRAME-RATE" => decimal(value).is_some(),
                _ => true,
            };
            if !fits {
                self.blame(n, format!("{name} is wrong"));
            }
        }
        attributes
    }

    /// An attribute list (RFC 8216, 4.2).
    fn attributes(&mut self, n: usize, mut rest: &str) -> Vec<(String, String)> {
        let mut attributes: Vec<(String, String)> = Vec::new();
        loop {
            let Some((name, tail)) = rest.split_once('=') else {
                self.blame(n, "an attribute is a name, an equals sign and a value");
                return attributes;
            };
            let quoted = tail.starts_with('"');
            let (value, tail) = match tail.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "\"")),
                None => tail.split_at(tail.find(',').unwrap_or(tail.len())),
            };
            let legal = !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'-'));
            if !legal || attributes.iter().any(|(known, _)| known == name) {
                self.blame(n, format!("the attribute name `{name}` is wrong or comes twice"));
            }
            if matches!(name, "CODECS" | "AUDIO" | "SUBTITLES") != quoted {
                self.blame(n, format!("{name} is quoted wrongly"));
            }
            attributes.push((name.to_owned(), value.to_owned()));
            match tail.strip_prefix(',') {
                Some(tail) => rest = tail,
                None if tail.is_empty() => return attributes,
                None => {
                    self.blame(n, "attributes are separated by commas and quotes are closed");
                    return attributes;
                }
            }
        }
    }

    fn finish(&mut self) {
        if self.next.line > 0 {
            self.blame(self.next.line, "this tag has no URI behind it");
        }
        let variants = !self.out.variants.is_empty();
        match self.out.target_duration {
            None if !variants => self.blame(0, "a media playlist needs an EXT-X-TARGETDURATION"),
            Some((line, _)) if variants => self.blame(line, "a playlist is either a media or a multivariant playlist"),
            Some((line, target)) if self.out.hold_back.is_some_and(|seconds| seconds < 3.0 * target as f64) => {
                self.blame(line, "HOLD-BACK is at least three target durations");
            }
            _ => {}
        }
    }
}

/// A decimal number of seconds without sign or exponent.
fn decimal(number: &str) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let nanos: u64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(Duration::from_secs(whole.parse().ok()?) + Duration::from_nanos(nanos))
}
