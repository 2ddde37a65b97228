//! Lines of the mock host.

use std::rc::Rc;

use super::raw::{Cursor, EpisodeCursor, ProgrammeCursor};
use crate::bindings::host::mast::base::types::PluginError;
use crate::bindings::host::mast::output::types::{Category, Channel, Episode, Filter, LineInfo, Programme};
use crate::{Error, Pairs};

/// A line with its lineup and guide.
#[derive(Clone)]
pub struct Line(Rc<Content>);

#[derive(Clone)]
struct Content {
    info: LineInfo,
    categories: Vec<Category>,
    channels: Vec<Channel>,
    movies: Vec<Channel>,
    series: Vec<Channel>,
    /// With the series that each belongs to.
    episodes: Vec<(u32, Episode)>,
    programmes: Vec<Programme>,
    refused: Option<String>,
}

impl Line {
    /// A line without channels.
    pub fn new(username: &str) -> Self {
        let info = LineInfo {
            username: username.to_owned(),
            expires: None,
            max_connections: 1,
            active_connections: 0,
            created: 0,
            attrs: Pairs::new(),
        };
        Self(Rc::new(Content {
            info,
            categories: Vec::new(),
            channels: Vec::new(),
            movies: Vec::new(),
            series: Vec::new(),
            episodes: Vec::new(),
            programmes: Vec::new(),
            refused: None,
        }))
    }

    /// Changes what the line says of itself.
    #[must_use]
    pub fn info(mut self, change: impl FnOnce(&mut LineInfo)) -> Self {
        change(&mut Rc::make_mut(&mut self.0).info);
        self
    }

    /// Adds a live channel, numbered by its place; makes its category where there is none yet.
    #[must_use]
    pub fn channel(self, id: u32, name: &str, category: &str) -> Self {
        self.channel_with(id, name, category, |_| {})
    }

    /// The same, with `change` filling in more.
    #[must_use]
    pub fn channel_with(mut self, id: u32, name: &str, category: &str, change: impl FnOnce(&mut Channel)) -> Self {
        Rc::make_mut(&mut self.0).add("live", id, name, category, change);
        self
    }

    /// Adds a movie; it has no attributes but `container` = `mp4`, which `change` may replace.
    #[must_use]
    pub fn movie(mut self, id: u32, name: &str, category: &str, change: impl FnOnce(&mut Channel)) -> Self {
        let with_container = |movie: &mut Channel| {
            movie.attrs.push(("container".to_owned(), "mp4".to_owned()));
            change(movie);
        };
        Rc::make_mut(&mut self.0).add("movie", id, name, category, with_container);
        self
    }

    /// Adds a series.
    #[must_use]
    pub fn series(mut self, id: u32, name: &str, category: &str, change: impl FnOnce(&mut Channel)) -> Self {
        Rc::make_mut(&mut self.0).add("series", id, name, category, change);
        self
    }

    /// Adds an episode, an `mp4`, to a series. The host hands episodes out by season and number, whatever order they come in.
    #[must_use]
    pub fn episode(
        mut self,
        series: u32,
        id: u32,
        (season, number): (u32, u32),
        name: &str,
        change: impl FnOnce(&mut Episode),
    ) -> Self {
        let mut episode = Episode {
            id,
            season,
            number,
            name: name.to_owned(),
            container: "mp4".to_owned(),
            playback: String::new(),
            attrs: Pairs::new(),
        };
        change(&mut episode);
        Rc::make_mut(&mut self.0).episodes.push((series, episode));
        self
    }

    /// The credentials are right, but the line cannot be used: `expired`, `disabled`, `banned` and so on.
    #[must_use]
    pub fn refused(mut self, code: &str) -> Self {
        Rc::make_mut(&mut self.0).refused = Some(code.to_owned());
        self
    }

    pub(super) fn username(&self) -> &str {
        &self.0.info.username
    }

    /// Adds a programme.
    #[must_use]
    pub fn programme(mut self, programme: Programme) -> Self {
        Rc::make_mut(&mut self.0).programmes.push(programme);
        self
    }
}

impl Content {
    fn list(&mut self, content: &str) -> &mut Vec<Channel> {
        match content {
            "movie" => &mut self.movies,
            "series" => &mut self.series,
            _ => &mut self.channels,
        }
    }

    fn add(&mut self, content: &str, id: u32, name: &str, category: &str, change: impl FnOnce(&mut Channel)) {
        let mut known = self.categories.iter().filter(|known| known.name == category && known.content == content);
        let category_id = known.next().map(|known| known.id).unwrap_or_else(|| {
            let id = self.categories.len() as u32 + 1;
            self.categories.push(Category { id, name: category.to_owned(), content: content.to_owned() });
            id
        });
        let list = self.list(content);
        let mut channel = Channel {
            id,
            number: list.len() as u32 + 1,
            name: name.to_owned(),
            category: category_id,
            category_name: category.to_owned(),
            logo: String::new(),
            epg_id: String::new(),
            catch_up_days: 0,
            playback: String::new(),
            attrs: Pairs::new(),
        };
        change(&mut channel);
        list.push(channel);
    }
}

/// What a plugin holds of a line.
pub(crate) struct Raw(Line);

impl Raw {
    pub(super) fn new(line: &Line) -> Self {
        Self(line.clone())
    }

    pub(super) fn found(line: &Line) -> Result<Self, String> {
        line.0.refused.clone().map_or_else(|| Ok(Self::new(line)), Err)
    }

    pub(super) fn line(&self) -> &Line {
        &self.0
    }

    fn content(&self) -> &Content {
        &self.0.0
    }

    fn list(&self, content: &str) -> &[Channel] {
        match content {
            "live" => &self.content().channels,
            "movie" => &self.content().movies,
            "series" => &self.content().series,
            _ => &[],
        }
    }

    pub(crate) fn info(&self) -> LineInfo {
        self.content().info.clone()
    }

    pub(crate) fn categories(&self, content: &str) -> Vec<Category> {
        self.content().categories.iter().filter(|category| category.content == content).cloned().collect()
    }

    pub(crate) fn lineup(&self, filter: &Filter) -> Cursor {
        let wanted = |channel: &&Channel| filter.category.is_none_or(|category| channel.category == category);
        let found = self.list(&filter.content).iter().filter(wanted);
        Cursor::new(found.map(|channel| self.playable(channel, filter)))
    }

    pub(crate) fn find(&self, id: u32, filter: &Filter) -> Option<Channel> {
        let found = self.list(&filter.content).iter().find(|channel| channel.id == id);
        found.map(|channel| self.playable(channel, filter))
    }

    fn playable(&self, channel: &Channel, filter: &Filter) -> Channel {
        let format = filter.playback.as_deref().unwrap_or_default();
        Channel { playback: self.playback(channel.id, format).unwrap_or_default(), ..channel.clone() }
    }

    pub(crate) fn episodes(&self, series: u32) -> EpisodeCursor {
        let own = self.content().episodes.iter().filter(|(of, _)| *of == series);
        let mut found: Vec<Episode> = own.map(|(_, episode)| episode.clone()).collect();
        found.sort_by_key(|episode| (episode.season, episode.number));
        for episode in &mut found {
            episode.playback = self.playback(episode.id, "episode").unwrap_or_default();
        }
        EpisodeCursor::new(found)
    }

    pub(crate) fn guide(&self, channel: Option<u32>, start: u64, stop: u64) -> ProgrammeCursor {
        let overlaps = |programme: &&Programme| {
            channel.is_none_or(|channel| programme.channel == channel)
                && programme.start < stop
                && programme.stop > start
        };
        let mut found: Vec<_> = self.content().programmes.iter().filter(overlaps).cloned().collect();
        found.sort_by_key(|programme| (programme.channel, programme.start));
        ProgrammeCursor::new(found)
    }

    /// `http://tv.example:8080/live/USERNAME/PASSWORD/ID.EXTENSION`, with the word `PASSWORD` for the password; files are below `movie`
    /// and `series`.
    pub(crate) fn playback(&self, id: u32, format: &str) -> Result<String, PluginError> {
        let content = self.content();
        let container = |pairs: &Pairs| crate::pair(pairs, "container").unwrap_or("mp4").to_owned();
        let live = |extension: &str| {
            content.channels.iter().any(|known| known.id == id).then(|| ("live", extension.to_owned()))
        };
        let found = match format {
            "hls" => live("m3u8"),
            "mpegts" => live("ts"),
            "movie" => {
                let movie = content.movies.iter().find(|known| known.id == id);
                movie.map(|movie| ("movie", container(&movie.attrs)))
            }
            "episode" => {
                let episode = content.episodes.iter().find(|(_, known)| known.id == id);
                episode.map(|(_, episode)| ("series", episode.container.clone()))
            }
            _ => return Err(Error::not_found(format!("unknown format {format:?}")).into()),
        };
        let Some((folder, extension)) = found else {
            return Err(Error::not_found(format!("{format} {id} is not in the lineup")).into());
        };
        Ok(format!("http://tv.example:8080/{folder}/{}/PASSWORD/{id}.{extension}", content.info.username))
    }
}
