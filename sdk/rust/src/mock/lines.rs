//! Lines of the mock host.

use std::rc::Rc;

use super::raw::{Cursor, ProgrammeCursor};
use crate::bindings::host::mast::base::types::PluginError;
use crate::bindings::host::mast::output::types::{Category, Channel, Filter, LineInfo, Programme};
use crate::{Error, Pairs};

/// A line with its lineup and guide.
#[derive(Clone)]
pub struct Line(Rc<Content>);

#[derive(Clone)]
struct Content {
    info: LineInfo,
    categories: Vec<Category>,
    channels: Vec<Channel>,
    programmes: Vec<Programme>,
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
        Self(Rc::new(Content { info, categories: Vec::new(), channels: Vec::new(), programmes: Vec::new() }))
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
        let content = Rc::make_mut(&mut self.0);
        let known = content.categories.iter().find(|known| known.name == category).map(|known| known.id);
        let category_id = known.unwrap_or_else(|| {
            let id = content.categories.len() as u32 + 1;
            content.categories.push(Category { id, name: category.to_owned(), content: "live".to_owned() });
            id
        });
        let mut channel = Channel {
            id,
            number: content.channels.len() as u32 + 1,
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
        content.channels.push(channel);
        self
    }

    /// Adds a programme.
    #[must_use]
    pub fn programme(mut self, programme: Programme) -> Self {
        Rc::make_mut(&mut self.0).programmes.push(programme);
        self
    }
}

/// What a plugin holds of a line.
pub(crate) struct Raw(Line);

impl Raw {
    pub(super) fn new(line: &Line) -> Self {
        Self(line.clone())
    }

    fn content(&self) -> &Content {
        &self.0.0
    }

    pub(crate) fn info(&self) -> LineInfo {
        self.content().info.clone()
    }

    pub(crate) fn categories(&self, content: &str) -> Vec<Category> {
        self.content().categories.iter().filter(|category| category.content == content).cloned().collect()
    }

    pub(crate) fn lineup(&self, filter: &Filter) -> Cursor {
        let wanted = |channel: &&Channel| {
            filter.content == "live" && filter.category.is_none_or(|category| channel.category == category)
        };
        let playable = |channel: &Channel| {
            let mut channel = channel.clone();
            let format = filter.playback.as_deref().unwrap_or_default();
            channel.playback = self.playback(channel.id, format).unwrap_or_default();
            channel
        };
        Cursor::new(self.content().channels.iter().filter(wanted).map(playable))
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

    /// `http://tv.example:8080/live/USERNAME/PASSWORD/ID.EXTENSION`, with the word `PASSWORD` for the password.
    pub(crate) fn playback(&self, channel: u32, format: &str) -> Result<String, PluginError> {
        let extension = match format {
            "hls" => "m3u8",
            "mpegts" => "ts",
            _ => return Err(Error::not_found(format!("unknown format {format:?}")).into()),
        };
        if !self.content().channels.iter().any(|known| known.id == channel) {
            return Err(Error::not_found(format!("channel {channel} is not in the lineup")).into());
        }
        Ok(format!("http://tv.example:8080/live/{}/PASSWORD/{channel}.{extension}", self.content().info.username))
    }
}
