//! One authenticated line as an output sees it: one version of its lineup, its playback URLs, never its password.

mod cursors;
mod urls;

pub use urls::PlaybackUrls;

use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use mast_model::{ChannelId, Line, TitleId, TitleKind};
use mast_plugin::records::{DeviceEvent, Filter, LineInfo, LineupCategory, LineupChannel, LineupEpisode, Programme};
use mast_plugin::services::{self, Cursor, ServiceError};

use super::devices::Desk;
use super::guide::GuideCursor;
use crate::catalog::Lineup;
use crate::guide::{Guide, Reading};
use cursors::{Content, EpisodeCursor, LineupCursor, Shown};

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
    /// None in tests that need none.
    desk: Option<Desk>,
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
        Self {
            line,
            lineup,
            guide: guide.into(),
            reading: OnceLock::new(),
            urls: Arc::new(urls),
            active_connections,
            desk: None,
        }
    }

    /// With what devices are told.
    #[must_use]
    pub fn with_devices(mut self, desk: Desk) -> Self {
        self.desk = Some(desk);
        self
    }

    fn shown(&self, filter: Filter) -> Shown {
        Shown { lineup: Arc::clone(&self.lineup), urls: Arc::clone(&self.urls), filter }
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
            attrs: self.attrs(),
        }
    }

    fn categories(&self, content: &str) -> Vec<LineupCategory> {
        let record = |id: mast_model::CategoryId, name: &str| LineupCategory {
            id: id.0,
            name: name.to_owned(),
            content: content.to_owned(),
        };
        match Content::of(content) {
            Some(Content::Live) => self.lineup.categories.iter().map(|one| record(one.id, &one.name)).collect(),
            Some(Content::Titles(kind)) => {
                let categories = self.lineup.on_demand.categories.iter().filter(|one| one.kind == kind);
                categories.map(|one| record(one.id, &one.name)).collect()
            }
            None => Vec::new(),
        }
    }

    fn lineup(&self, filter: Filter) -> Box<dyn Cursor<LineupChannel>> {
        match Content::of(&filter.content) {
            Some(content) => Box::new(LineupCursor { shown: self.shown(filter), content, at: 0 }),
            None => Box::new(Vec::new()),
        }
    }

    fn find(&self, id: u32, filter: Filter) -> Option<LineupChannel> {
        match Content::of(&filter.content)? {
            Content::Live => {
                let entry = self.lineup.find(ChannelId(id))?;
                Some(self.shown(filter).channel(entry))
            }
            Content::Titles(kind) => {
                let (place, title) = self.lineup.on_demand.find(kind, TitleId(id))?;
                Some(self.shown(filter).title(place, title))
            }
        }
    }

    fn episodes(&self, series: u32) -> Box<dyn Cursor<LineupEpisode>> {
        let (lineup, urls) = (Arc::clone(&self.lineup), Arc::clone(&self.urls));
        Box::new(EpisodeCursor { lineup, urls, series: TitleId(series), at: 0 })
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
            None => Box::new(Vec::new()),
        }
    }

    fn playback(&self, id: u32, format: &str) -> Option<String> {
        let on_demand = &self.lineup.on_demand;
        match format {
            "movie" => {
                let (_, movie) = on_demand.find(TitleKind::Movie, TitleId(id))?;
                Some(self.urls.file(TitleKind::Movie, movie.id, &movie.file.as_ref()?.container))
            }
            "episode" => {
                let episode = on_demand.episode(TitleId(id))?;
                Some(self.urls.file(TitleKind::Series, episode.id, &episode.file.container))
            }
            _ => {
                self.lineup.find(ChannelId(id))?;
                self.urls.channel(ChannelId(id), format)
            }
        }
    }

    fn bind(&self, device: &str) -> Result<(), ServiceError> {
        match &self.desk {
            Some(desk) => desk.bind(self.line.id, device),
            None => Err(ServiceError { code: "unavailable", message: "no devices can be bound here".to_owned() }),
        }
    }

    fn next_event(&self, device: &str) -> Option<DeviceEvent> {
        self.desk.as_ref()?.next_event(self.line.id, device)
    }

    fn confirm_event(&self, device: &str, event: u64) {
        if let Some(desk) = &self.desk {
            desk.confirm_event(self.line.id, device, event);
        }
    }

    fn sees(&self, channel: u32) -> bool {
        self.lineup.find(ChannelId(channel)).is_some()
    }
}

impl LineView {
    fn attrs(&self) -> Vec<(String, String)> {
        let mut attrs = vec![("lineup".to_owned(), format!("{:016x}", self.lineup.version))];
        if self.line.trial {
            attrs.push(("trial".to_owned(), "true".to_owned()));
        }
        attrs
    }
}

#[cfg(test)]
#[path = "line/tests.rs"]
mod tests;
