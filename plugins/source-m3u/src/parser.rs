//! M3U playlists of channels, line by line. A plain library: it knows nothing of Mast's records and never holds more than one entry.
//!
//! Reads what players read (header and entry attributes, `#EXTGRP`, `#KODIPROP`, `#EXTVLCOPT`, `URL|Header=value`), leaves
//! out what it does not know, and never fails on a line: whatever is wrong becomes a [`Step::Remark`].

mod attributes;

pub use attributes::Attributes;

/// One entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The number of its URL's line.
    pub line: u64,
    /// What stands behind the comma; may be empty.
    pub name: String,
    /// Attributes of `#EXTINF`.
    pub attributes: Attributes,
    /// Its groups: `group-title`, else the last `#EXTGRP`.
    pub groups: Vec<String>,
    /// Header fields to send: `#EXTVLCOPT`, `#KODIPROP`, `URL|Header=value`. Names in lower case.
    pub headers: Vec<(String, String)>,
    /// `#KODIPROP:inputstream.adaptive.manifest_type`.
    pub manifest_type: Option<String>,
    /// `#EXT-X-PLAYLIST-TYPE:VOD`.
    pub vod: bool,
    /// The URL, without what follows `|`.
    pub url: String,
}

/// What a line led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing to report.
    Nothing,
    /// An entry is complete.
    Entry(Box<Entry>),
    /// This line, or the entry it belongs to, was left out or mended.
    Remark(String),
    /// This is not a list of channels at all.
    NotAList(&'static str),
}

/// Reads one playlist.
#[derive(Debug, Default)]
pub struct Parser {
    /// `#EXTM3U`'s attributes, and those of further such lines.
    pub header: Attributes,
    started: bool,
    sticky_groups: Vec<String>,
    /// What the lines since the last URL said.
    pending: Entry,
    /// `#EXTINF` was among them.
    has_extinf: bool,
}

impl Parser {
    /// Takes one line, without its end.
    pub fn line(&mut self, number: u64, line: &str) -> Step {
        let line = line.trim();
        if line.is_empty() {
            return Step::Nothing;
        }
        if !self.started {
            if let Some(why) = not_a_list(line) {
                return Step::NotAList(why);
            }
            self.started = true;
        }
        let Some(directive) = line.strip_prefix('#') else {
            return self.url(number, line);
        };
        let (name, value) = split_directive(directive);
        match name.to_ascii_uppercase().as_str() {
            "EXTM3U" => self.header.extend(Attributes::parse(value)),
            "EXTINF" => return self.extinf(value),
            "EXTGRP" => self.group(value),
            "KODIPROP" => self.pending.kodi(value),
            "EXTVLCOPT" => self.pending.vlc(value),
            "EXT-X-PLAYLIST-TYPE" => self.pending.vod = value.trim().eq_ignore_ascii_case("VOD"),
            "EXT-X-TARGETDURATION" | "EXT-X-STREAM-INF" | "EXT-X-MEDIA-SEQUENCE" => {
                return Step::NotAList(
                    "it is an HLS playlist of one channel, not a list of channels; use its URL as a channel's URL",
                );
            }
            _ => {}
        }
        Step::Nothing
    }

    /// Whether an `#EXTINF` still waits for its URL.
    pub fn is_inside_an_entry(&self) -> bool {
        self.has_extinf
    }

    /// Forgets the entry being read, after a line that could not be kept.
    pub fn drop_pending(&mut self) {
        self.pending = Entry::default();
        self.has_extinf = false;
    }

    fn extinf(&mut self, value: &str) -> Step {
        let replaced = self.has_extinf;
        if replaced {
            self.drop_pending();
        }
        // Options may stand before #EXTINF, so what is there stays.
        (self.pending.attributes, self.pending.name) = Attributes::parse_extinf(value);
        self.has_extinf = true;
        if replaced { Step::Remark("no URL after the #EXTINF before this one".to_owned()) } else { Step::Nothing }
    }

    fn group(&mut self, value: &str) {
        self.sticky_groups = groups(value);
    }

    fn url(&mut self, number: u64, line: &str) -> Step {
        let mut entry = std::mem::take(&mut self.pending);
        if !std::mem::take(&mut self.has_extinf) {
            return Step::Remark("a line without #EXTINF before it".to_owned());
        }
        let (url, options) = line.split_once('|').unwrap_or((line, ""));
        entry.line = number;
        entry.url = url.trim().to_owned();
        options.split('&').for_each(|option| entry.header(option, true));
        match entry.attributes.get("group-title") {
            Some(titles) if !groups(titles).is_empty() => {
                entry.groups = groups(titles);
                self.sticky_groups.clear();
            }
            _ => entry.groups.clone_from(&self.sticky_groups),
        }
        if !entry.url.contains("://") {
            return Step::Remark("its URL is not absolute".to_owned());
        }
        Step::Entry(Box::new(entry))
    }
}

impl Entry {
    fn kodi(&mut self, value: &str) {
        let Some((key, value)) = value.split_once('=') else { return };
        match key.trim().to_ascii_lowercase().as_str() {
            "inputstream.adaptive.manifest_type" => self.manifest_type = Some(value.trim().to_ascii_lowercase()),
            "inputstream.adaptive.stream_headers"
            | "inputstream.adaptive.common_headers"
            | "inputstream.adaptive.manifest_headers" => {
                value.split('&').for_each(|option| self.header(option, true));
            }
            _ => {}
        }
    }

    fn vlc(&mut self, value: &str) {
        let Some((key, value)) = value.trim().trim_start_matches("--").split_once('=') else { return };
        let name = match key.trim().to_ascii_lowercase().as_str() {
            "http-user-agent" => "user-agent",
            "http-referrer" | "http-referer" => "referer",
            "http-cookie" | "http-cookies" => "cookie",
            "http-origin" => "origin",
            _ => return,
        };
        self.header(&format!("{name}={value}"), false);
    }

    /// Adds `Name=value`; a header named before keeps its first value. What could not be sent is left out.
    fn header(&mut self, option: &str, encoded: bool) {
        let Some((name, value)) = option.split_once('=') else { return };
        let name = name.trim().trim_start_matches('!').to_ascii_lowercase();
        let value = if encoded { percent_decode(value.trim()) } else { value.trim().to_owned() };
        let is_token =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let is_sendable = !value.is_empty() && !value.chars().any(char::is_control);
        if is_token && is_sendable && !self.headers.iter().any(|(known, _)| *known == name) {
            self.headers.push((name, value));
        }
    }
}

/// Why the first line that says anything cannot begin a list of channels.
fn not_a_list(line: &str) -> Option<&'static str> {
    let starts = |prefix: &str| line.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if starts("#EXTM3U") || starts("#EXTINF") {
        None
    } else if line.starts_with('<') {
        Some("it is an HTML or XML page (a login page or an error?), not a playlist")
    } else if line.starts_with('{') || line.starts_with('[') {
        Some("it is JSON, not a playlist")
    } else {
        Some("it does not begin with #EXTM3U")
    }
}

/// `NAME:value`, `NAME value` or `NAME--value`, as in `EXTVLCOPT--http-user-agent=x`.
fn split_directive(directive: &str) -> (&str, &str) {
    let end = directive.find(|c: char| c == ':' || c.is_whitespace()).unwrap_or(directive.len());
    let end = directive.find("--").map_or(end, |dashes| dashes.min(end));
    let (name, rest) = directive.split_at(end);
    (name, rest.strip_prefix(':').unwrap_or(rest))
}

/// `A;B`, without blanks and empty ones.
fn groups(value: &str) -> Vec<String> {
    value.split(';').map(str::trim).filter(|group| !group.is_empty()).map(str::to_owned).collect()
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        let hex = |offset: usize| bytes.get(position + offset).and_then(|&digit| char::from(digit).to_digit(16));
        if byte == b'%'
            && let (Some(high), Some(low)) = (hex(1), hex(2))
        {
            decoded.push((high * 16 + low) as u8);
            position += 3;
        } else {
            decoded.push(byte);
            position += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests;
