//! `mast:output`: what an output sees of a line; where its response goes is `response`'s.

mod devices;
mod response;

pub use response::ResponseOut;

use std::sync::Arc;

use wasmtime::component::Resource;

use crate::bindings::base::mast::base::types::PluginError;
use crate::bindings::output::mast::output::{accounts, types, views};
use crate::imports::plugin_error;
use crate::records;
use crate::services::{Caller, Cursor, Found, Line};
use crate::state::{Asked, State};

/// Records of one `next`.
const NEXT_MAX: u32 = 1_024;

/// A line.
pub struct LineView(pub(crate) Arc<dyn Line>);

/// A lineup being read.
pub struct LineupCursor(Box<dyn Cursor<records::LineupChannel>>);

/// Episodes being read.
pub struct EpisodeCursor(Box<dyn Cursor<records::LineupEpisode>>);

/// Programmes being read.
pub struct ProgrammeCursor(Box<dyn Cursor<records::Programme>>);

/// Lines of one call that have a say in which channels' fragments it gets.
const LINES_MAX: usize = 16;
impl types::Host for State {}
impl views::Host for State {}

impl views::HostLine for State {
    fn info(&mut self, line: Resource<LineView>) -> wasmtime::Result<types::LineInfo> {
        Ok(self.table.get(&line)?.0.info().into())
    }

    fn categories(&mut self, line: Resource<LineView>, content: String) -> wasmtime::Result<Vec<types::Category>> {
        Ok(self.table.get(&line)?.0.categories(&content).into_iter().map(Into::into).collect())
    }

    fn lineup(&mut self, line: Resource<LineView>, filter: types::Filter) -> wasmtime::Result<Resource<LineupCursor>> {
        let cursor = LineupCursor(self.table.get(&line)?.0.lineup(filter.into()));
        Ok(self.table.push(cursor)?)
    }

    fn find(
        &mut self,
        line: Resource<LineView>,
        id: u32,
        filter: types::Filter,
    ) -> wasmtime::Result<Option<types::Channel>> {
        Ok(self.table.get(&line)?.0.find(id, filter.into()).map(Into::into))
    }

    fn episodes(&mut self, line: Resource<LineView>, series: u32) -> wasmtime::Result<Resource<EpisodeCursor>> {
        let cursor = EpisodeCursor(self.table.get(&line)?.0.episodes(series));
        Ok(self.table.push(cursor)?)
    }

    fn guide(
        &mut self,
        line: Resource<LineView>,
        channel: Option<u32>,
        start: u64,
        stop: u64,
    ) -> wasmtime::Result<Resource<ProgrammeCursor>> {
        let cursor = ProgrammeCursor(self.table.get(&line)?.0.guide(channel, start, stop));
        Ok(self.table.push(cursor)?)
    }

    fn playback(
        &mut self,
        line: Resource<LineView>,
        channel: u32,
        format: String,
    ) -> wasmtime::Result<Result<String, PluginError>> {
        let url = self.table.get(&line)?.0.playback(channel, &format);
        Ok(url.ok_or_else(|| {
            let format: String = format.chars().filter(|c| !c.is_control()).take(32).collect();
            plugin_error("not-found", format!("no \"{format}\" playback of {channel} for this line"))
        }))
    }

    fn drop(&mut self, line: Resource<LineView>) -> wasmtime::Result<()> {
        self.table.delete(line)?;
        Ok(())
    }
}

impl views::HostCursor for State {
    fn next(&mut self, cursor: Resource<LineupCursor>, max: u32) -> wasmtime::Result<Vec<types::Channel>> {
        let batch = self.table.get_mut(&cursor)?.0.next(max.clamp(1, NEXT_MAX) as usize);
        Ok(batch.into_iter().map(Into::into).collect())
    }

    fn drop(&mut self, cursor: Resource<LineupCursor>) -> wasmtime::Result<()> {
        self.table.delete(cursor)?;
        Ok(())
    }
}

impl views::HostEpisodeCursor for State {
    fn next(&mut self, cursor: Resource<EpisodeCursor>, max: u32) -> wasmtime::Result<Vec<types::Episode>> {
        let batch = self.table.get_mut(&cursor)?.0.next(max.clamp(1, NEXT_MAX) as usize);
        Ok(batch.into_iter().map(Into::into).collect())
    }

    fn drop(&mut self, cursor: Resource<EpisodeCursor>) -> wasmtime::Result<()> {
        self.table.delete(cursor)?;
        Ok(())
    }
}

impl views::HostProgrammeCursor for State {
    fn next(&mut self, cursor: Resource<ProgrammeCursor>, max: u32) -> wasmtime::Result<Vec<types::Programme>> {
        let batch = self.table.get_mut(&cursor)?.0.next(max.clamp(1, NEXT_MAX) as usize);
        Ok(batch.into_iter().map(Into::into).collect())
    }

    fn drop(&mut self, cursor: Resource<ProgrammeCursor>) -> wasmtime::Result<()> {
        self.table.delete(cursor)?;
        Ok(())
    }
}

type Answer = wasmtime::Result<Result<Resource<LineView>, String>>;

impl accounts::Host for State {
    fn authenticate(&mut self, username: String, password: String) -> Answer {
        let found = self.instance.services.accounts.authenticate(&self.caller(), &username, &password);
        self.found(found)
    }

    fn by_token(&mut self, token: String) -> Answer {
        let found = self.instance.services.accounts.by_token(&self.caller(), &token);
        self.found(found)
    }

    fn by_device(&mut self, device: String) -> Answer {
        let found = self.instance.services.accounts.by_device(&self.caller(), &device);
        self.found(found)
    }
}

impl State {
    fn caller(&self) -> Caller {
        let asked = self.call.asked.as_ref();
        let text = |of: fn(&Asked) -> &String| asked.map(of).cloned().unwrap_or_default();
        Caller {
            instance: self.instance.id.clone(),
            client_ip: text(|asked| &asked.client_ip),
            user_agent: text(|asked| &asked.user_agent),
            base_url: text(|asked| &asked.base_url),
        }
    }

    /// A line that the guest has authenticated.
    fn found(&mut self, found: Found) -> Answer {
        let line = match found {
            Ok(line) => line,
            Err(code) => return Ok(Err(code.to_owned())),
        };
        if self.call.lines.len() < LINES_MAX {
            self.call.lines.push(Arc::clone(&line));
        }
        Ok(Ok(self.table.push(LineView(line))?))
    }
}

impl From<records::LineInfo> for types::LineInfo {
    fn from(l: records::LineInfo) -> Self {
        Self {
            username: l.username,
            expires: l.expires,
            max_connections: l.max_connections,
            active_connections: l.active_connections,
            created: l.created,
            attrs: l.attrs,
        }
    }
}

impl From<types::Filter> for records::Filter {
    fn from(f: types::Filter) -> Self {
        Self { content: f.content, category: f.category, playback: f.playback, attrs: f.attrs }
    }
}

impl From<records::LineupCategory> for types::Category {
    fn from(c: records::LineupCategory) -> Self {
        Self { id: c.id, name: c.name, content: c.content }
    }
}

impl From<records::LineupChannel> for types::Channel {
    fn from(c: records::LineupChannel) -> Self {
        Self {
            id: c.id,
            number: c.number,
            name: c.name,
            category: c.category,
            category_name: c.category_name,
            logo: c.logo,
            epg_id: c.epg_id,
            catch_up_days: c.catch_up_days,
            playback: c.playback,
            attrs: c.attrs,
        }
    }
}

impl From<records::LineupEpisode> for types::Episode {
    fn from(e: records::LineupEpisode) -> Self {
        Self {
            id: e.id,
            season: e.season,
            number: e.number,
            name: e.name,
            container: e.container,
            playback: e.playback,
            attrs: e.attrs,
        }
    }
}

impl From<records::Programme> for types::Programme {
    fn from(p: records::Programme) -> Self {
        Self {
            channel: p.channel,
            start: p.start,
            stop: p.stop,
            title: p.title,
            sub_title: p.sub_title,
            description: p.description,
            attrs: p.attrs,
        }
    }
}

impl From<types::Route> for records::Route {
    fn from(r: types::Route) -> Self {
        Self {
            id: r.id,
            method: r.method,
            path: r.path,
            line: r.line,
            refused: r.refused,
            depends: r.depends,
            attrs: r.attrs,
        }
    }
}

impl From<records::Request> for types::Request {
    fn from(r: records::Request) -> Self {
        Self {
            route: r.route,
            method: r.method,
            path: r.path,
            params: r.params,
            query: r.query,
            headers: r.headers,
            body: r.body,
            base_url: r.base_url,
            attrs: r.attrs,
        }
    }
}
