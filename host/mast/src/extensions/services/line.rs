//! One authenticated line as an output sees it: one version of its lineup, its playback URLs, never its password.

use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use mast_model::{ChannelId, Line, LineToken};
use mast_plugin::records::{Filter, LineInfo, LineupCategory, LineupChannel, Programme};
use mast_plugin::services::{self, Cursor};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::guide::GuideCursor;
use crate::catalog::{Lineup, LineupEntry};
use crate::guide::{Guide, Reading};

/// The contract's largest batch.
const MAX_BATCH: usize = 1024;

/// What may stand in a path segment as it is (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Catch-up modes that mean something (`mast:source/types.catch-up`).
const CATCH_UP_MODES: [&str; 8] =
    ["default", "append", "shift", "flussonic", "flussonic-hls", "flussonic-ts", "xc", "vod"];

/// How playback URLs of one request are written. Holds credentials, therefore neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct PlaybackUrls {
    /// Before the channel's id.
    before: String,
    /// After the format's extension.
    after: String,
}

impl PlaybackUrls {
    /// `{base}/live/{username}/{password}/{id}.m3u8`, for requests that carried both: the host keeps no password to write.
    pub fn with_credentials(base_url: &str, username: &str, password: &str) -> Self {
        let encoded = |text| utf8_percent_encode(text, SEGMENT);
        Self { before: format!("{base_url}/live/{}/{}/", encoded(username), encoded(password)), after: String::new() }
    }

    /// `{base}/live/stream_{id}.m3u8?token={token}`, for all others.
    pub fn with_token(base_url: &str, token: &LineToken) -> Self {
        Self { before: format!("{base_url}/live/stream_"), after: format!("?token={}", token.expose()) }
    }

    /// The URL of a channel in a format; none for an unknown format.
    pub fn url(&self, channel: ChannelId, format: &str) -> Option<String> {
        let extension = extension(format)?;
        Some(format!("{}{channel}.{extension}{}", self.before, self.after))
    }
}

fn extension(format: &str) -> Option<&'static str> {
    match format {
        "hls" => Some("m3u8"),
        "mpegts" => Some("ts"),
        _ => None,
    }
}

/// A line for one request of an output.
pub struct LineView {
    line: Arc<Line>,
    lineup: Arc<Lineup>,
    /// None in tests that need none.
    guide: Option<Guide>,
    /// One version of all guides for everything that the request asks; read when something does.
    reading: OnceLock<Option<Arc<Mutex<Reading>>>>,
    urls: Arc<PlaybackUrls>,
    active_connections: u32,
}

impl LineView {
    /// The lineup must be this line's.
    pub fn new(
        line: Arc<Line>,
        lineup: Arc<Lineup>,
        guide: impl Into<Option<Guide>>,
        urls: PlaybackUrls,
        active_connections: u32,
    ) -> Self {
        Self { line, lineup, guide: guide.into(), reading: OnceLock::new(), urls: Arc::new(urls), active_connections }
    }
}

fn unix(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or_default()
}

impl services::Line for LineView {
    fn info(&self) -> LineInfo {
        LineInfo {
            username: self.line.username.to_string(),
            expires: self.line.expires.map(unix),
            max_connections: self.line.max_connections,
            active_connections: self.active_connections,
            created: unix(self.line.created),
            attrs: Vec::new(),
        }
    }

    fn categories(&self, content: &str) -> Vec<LineupCategory> {
        if content != "live" {
            return Vec::new();
        }
        let record = |category: &Arc<mast_model::Category>| LineupCategory {
            id: category.id.0,
            name: category.name.clone(),
            content: content.to_owned(),
        };
        self.lineup.categories.iter().map(record).collect()
    }

    fn lineup(&self, filter: Filter) -> Box<dyn Cursor<LineupChannel>> {
        let at = if filter.content == "live" { 0 } else { self.lineup.entries.len() };
        Box::new(LineupCursor { lineup: Arc::clone(&self.lineup), urls: Arc::clone(&self.urls), filter, at })
    }

    fn guide(&self, channel: Option<u32>, start: u64, stop: u64) -> Box<dyn Cursor<Programme>> {
        let seen = |id: u32| self.lineup.find(ChannelId(id)).map(|_| ChannelId(id));
        let channels: Vec<ChannelId> = match channel {
            Some(id) => seen(id).into_iter().collect(),
            None => self.lineup.entries.iter().map(|entry| entry.channel.id).collect(),
        };
        match &self.guide {
            Some(guide) => {
                let read = || {
                    let reading = guide.read().inspect_err(|error| tracing::error!(%error, "an output gets no guide"));
                    reading.ok().map(|reading| Arc::new(Mutex::new(reading)))
                };
                let reading = self.reading.get_or_init(read).clone();
                Box::new(GuideCursor::new(reading, guide.languages(), channels, (start, stop)))
            }
            None => Box::new(Empty),
        }
    }

    fn playback(&self, channel: u32, format: &str) -> Option<String> {
        let channel = ChannelId(channel);
        self.lineup.find(channel)?;
        self.urls.url(channel, format)
    }

    fn sees(&self, channel: u32) -> bool {
        self.lineup.find(ChannelId(channel)).is_some()
    }
}

struct LineupCursor {
    lineup: Arc<Lineup>,
    urls: Arc<PlaybackUrls>,
    filter: Filter,
    at: usize,
}

impl Cursor<LineupChannel> for LineupCursor {
    fn next(&mut self, max: usize) -> Vec<LineupChannel> {
        let max = max.min(MAX_BATCH);
        let mut batch = Vec::with_capacity(max.min(self.lineup.entries.len() - self.at));
        while batch.len() < max {
            let Some(entry) = self.lineup.entries.get(self.at) else { break };
            self.at += 1;
            let category = entry.channel.category.map_or(0, |category| category.0);
            if self.filter.category.is_none_or(|wanted| wanted == category) {
                batch.push(self.record(entry));
            }
        }
        batch
    }
}

impl LineupCursor {
    fn record(&self, entry: &LineupEntry) -> LineupChannel {
        let channel = &entry.channel;
        let category = channel.category.and_then(|id| self.lineup.category(id));
        let playback = self.filter.playback.as_deref().and_then(|format| self.urls.url(channel.id, format));
        let catch_up = channel.catch_up.as_ref().filter(|found| CATCH_UP_MODES.contains(&found.mode.as_str()));
        LineupChannel {
            id: channel.id.0,
            number: entry.number,
            name: channel.name.clone(),
            category: channel.category.map_or(0, |category| category.0),
            category_name: category.map(|category| category.name.clone()).unwrap_or_default(),
            logo: channel.logo.clone().unwrap_or_default(),
            epg_id: channel.epg_id.clone().unwrap_or_default(),
            catch_up_days: catch_up.map_or(0, |found| found.days),
            playback: playback.unwrap_or_default(),
            attrs: channel.attrs.clone(),
        }
    }
}

struct Empty;

impl<T> Cursor<T> for Empty {
    fn next(&mut self, _max: usize) -> Vec<T> {
        Vec::new()
    }
}

#[cfg(test)]
#[path = "line/tests.rs"]
mod tests;
