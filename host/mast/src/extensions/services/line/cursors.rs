//! A lineup being read: each cursor keeps the version that it began with.

use std::sync::Arc;

use mast_model::{Title, TitleId, TitleKind};
use mast_plugin::records::{Filter, LineupChannel, LineupEpisode};
use mast_plugin::services::Cursor;

use super::PlaybackUrls;
use crate::catalog::{Lineup, LineupEntry};

/// The contract's largest batch.
const MAX_BATCH: usize = 1024;

/// Catch-up modes that mean something (`mast:source/types.catch-up`).
const CATCH_UP_MODES: [&str; 8] =
    ["default", "append", "shift", "flussonic", "flussonic-hls", "flussonic-ts", "xc", "vod"];

/// What records of channels, movies and series are made with.
pub(super) struct Shown {
    pub(super) lineup: Arc<Lineup>,
    pub(super) urls: Arc<PlaybackUrls>,
    pub(super) filter: Filter,
}

/// Which list a filter means.
#[derive(Clone, Copy)]
pub(super) enum Content {
    Live,
    Titles(TitleKind),
}

impl Content {
    pub(super) fn of(code: &str) -> Option<Self> {
        match code {
            "live" => Some(Self::Live),
            "movie" => Some(Self::Titles(TitleKind::Movie)),
            "series" => Some(Self::Titles(TitleKind::Series)),
            _ => None,
        }
    }
}

impl Shown {
    pub(super) fn channel(&self, entry: &LineupEntry) -> LineupChannel {
        let channel = &entry.channel;
        let category = channel.category.and_then(|id| self.lineup.category(id));
        let playback = self.filter.playback.as_deref().and_then(|format| self.urls.channel(channel.id, format));
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

    pub(super) fn title(&self, place: usize, title: &Title) -> LineupChannel {
        let category = title.category.and_then(|id| self.lineup.on_demand.category(id));
        let wants_file = self.filter.playback.as_deref() == Some("movie");
        let container = title.file.as_ref().map(|file| file.container.as_str());
        let playback = container.filter(|_| wants_file).map(|one| self.urls.file(title.kind, title.id, one));
        let mut attrs = title.attrs.clone();
        attrs.retain(|(key, _)| key != "container");
        attrs.extend(container.map(|container| ("container".to_owned(), container.to_owned())));
        LineupChannel {
            id: title.id.0,
            number: u32::try_from(place + 1).unwrap_or(u32::MAX),
            name: title.name.clone(),
            category: title.category.map_or(0, |category| category.0),
            category_name: category.map(|category| category.name.clone()).unwrap_or_default(),
            logo: title.poster.clone().unwrap_or_default(),
            epg_id: String::new(),
            catch_up_days: 0,
            playback: playback.unwrap_or_default(),
            attrs,
        }
    }
}

/// Channels, movies or series.
pub(super) struct LineupCursor {
    pub(super) shown: Shown,
    pub(super) content: Content,
    pub(super) at: usize,
}

impl LineupCursor {
    /// The next record that the filter lets through; none at the end.
    fn advance(&mut self) -> Option<LineupChannel> {
        let wanted = self.shown.filter.category;
        let fits = |category: Option<mast_model::CategoryId>| {
            wanted.is_none_or(|wanted| wanted == category.map_or(0, |category| category.0))
        };
        match self.content {
            Content::Live => {
                let rest = self.shown.lineup.entries.get(self.at..)?;
                let skipped = rest.iter().position(|entry| fits(entry.channel.category))?;
                self.at += skipped + 1;
                Some(self.shown.channel(&rest[skipped]))
            }
            Content::Titles(kind) => {
                let rest = self.shown.lineup.on_demand.titles(kind).get(self.at..)?;
                let skipped = rest.iter().position(|title| fits(title.category))?;
                let place = self.at + skipped;
                self.at = place + 1;
                Some(self.shown.title(place, &rest[skipped]))
            }
        }
    }
}

impl Cursor<LineupChannel> for LineupCursor {
    fn next(&mut self, max: usize) -> Vec<LineupChannel> {
        let max = max.min(MAX_BATCH);
        let mut batch = Vec::with_capacity(max);
        while batch.len() < max {
            let Some(record) = self.advance() else { break };
            batch.push(record);
        }
        batch
    }
}

/// Episodes of a series.
pub(super) struct EpisodeCursor {
    pub(super) lineup: Arc<Lineup>,
    pub(super) urls: Arc<PlaybackUrls>,
    pub(super) series: TitleId,
    pub(super) at: usize,
}

impl Cursor<LineupEpisode> for EpisodeCursor {
    fn next(&mut self, max: usize) -> Vec<LineupEpisode> {
        let rest = self.lineup.on_demand.episodes(self.series).get(self.at..).unwrap_or_default();
        let batch = rest.iter().take(max.min(MAX_BATCH)).map(|episode| LineupEpisode {
            id: episode.id.0,
            season: episode.season,
            number: episode.number,
            name: episode.name.clone(),
            container: episode.file.container.clone(),
            playback: self.urls.file(TitleKind::Series, episode.id, &episode.file.container),
            attrs: episode.attrs.clone(),
        });
        let batch: Vec<LineupEpisode> = batch.collect();
        self.at += batch.len();
        batch
    }
}
