//! `mast:output`: what an output sees of a line; where its response goes is `response`'s.

mod response;

pub use response::ResponseOut;

use std::sync::Arc;

use wasmtime::component::Resource;

use crate::bindings::base::mast::base::types::PluginError;
use crate::bindings::output::mast::output::{accounts, types, views};
use crate::imports::plugin_error;
use crate::records;
use crate::services::{Cursor, Line};
use crate::state::State;

/// Records of one `next`.
const NEXT_MAX: u32 = 1_024;

/// A line.
pub struct LineView(pub(crate) Arc<dyn Line>);

/// A lineup being read.
pub struct LineupCursor(Box<dyn Cursor<records::LineupChannel>>);

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
            plugin_error("not-found", format!("no \"{format}\" playback of channel {channel} for this line"))
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

impl accounts::Host for State {
    fn authenticate(&mut self, username: String, password: String) -> wasmtime::Result<Option<Resource<LineView>>> {
        let found = self.instance.services.accounts.authenticate(&username, &password, &self.call.client_ip);
        self.found(found)
    }

    fn by_device(&mut self, device: String) -> wasmtime::Result<Option<Resource<LineView>>> {
        let found = self.instance.services.accounts.by_device(&device, &self.call.client_ip);
        self.found(found)
    }
}

impl State {
    /// A line that the guest has authenticated.
    fn found(&mut self, line: Option<Arc<dyn Line>>) -> wasmtime::Result<Option<Resource<LineView>>> {
        let Some(line) = line else { return Ok(None) };
        if self.call.lines.len() < LINES_MAX {
            self.call.lines.push(Arc::clone(&line));
        }
        Ok(Some(self.table.push(LineView(line))?))
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
