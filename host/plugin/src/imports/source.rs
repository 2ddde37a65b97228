//! `mast:source`: the sink of a refresh, and its records as the host's.

use wasmtime::component::Resource;

use crate::bindings::base::mast::base::types::PluginError;
use crate::bindings::source::mast::source::{sink, types};
use crate::imports::{WARN_ITEM_MAX, WARN_MESSAGE_MAX, check_batch};
use crate::records;
use crate::services::CatalogSink;
use crate::state::State;

/// A sink on loan to one refresh.
pub struct CatalogOut(pub(crate) Box<dyn CatalogSink>);

impl types::Host for State {}

impl sink::Host for State {}

impl sink::HostCatalogSink for State {
    fn categories(
        &mut self,
        out: Resource<CatalogOut>,
        batch: Vec<types::Category>,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        let sink = self.table.get_mut(&out)?;
        Ok(check_batch(batch.len())
            .and_then(|()| Ok(sink.0.categories(batch.into_iter().map(Into::into).collect())?)))
    }

    fn channels(
        &mut self,
        out: Resource<CatalogOut>,
        batch: Vec<types::Channel>,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        let sink = self.table.get_mut(&out)?;
        Ok(check_batch(batch.len()).and_then(|()| Ok(sink.0.channels(batch.into_iter().map(Into::into).collect())?)))
    }

    fn movies(
        &mut self,
        out: Resource<CatalogOut>,
        batch: Vec<types::Movie>,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        let sink = self.table.get_mut(&out)?;
        Ok(check_batch(batch.len()).and_then(|()| Ok(sink.0.movies(batch.into_iter().map(Into::into).collect())?)))
    }

    fn series(
        &mut self,
        out: Resource<CatalogOut>,
        batch: Vec<types::Series>,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        let sink = self.table.get_mut(&out)?;
        Ok(check_batch(batch.len()).and_then(|()| Ok(sink.0.series(batch.into_iter().map(Into::into).collect())?)))
    }

    fn episodes(
        &mut self,
        out: Resource<CatalogOut>,
        batch: Vec<types::Episode>,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        let sink = self.table.get_mut(&out)?;
        Ok(check_batch(batch.len()).and_then(|()| Ok(sink.0.episodes(batch.into_iter().map(Into::into).collect())?)))
    }

    fn warn(&mut self, out: Resource<CatalogOut>, item: String, message: String) -> wasmtime::Result<()> {
        let item = self.instance.clean(&item, WARN_ITEM_MAX);
        let message = self.instance.clean(&message, WARN_MESSAGE_MAX);
        self.table.get_mut(&out)?.0.warn(item, message);
        Ok(())
    }

    fn drop(&mut self, out: Resource<CatalogOut>) -> wasmtime::Result<()> {
        self.table.delete(out)?;
        Ok(())
    }
}

impl From<types::Category> for records::Category {
    fn from(c: types::Category) -> Self {
        Self { key: c.key, name: c.name, content: c.content, order: c.order, attrs: c.attrs }
    }
}

impl From<types::Upstream> for records::Upstream {
    fn from(u: types::Upstream) -> Self {
        Self { url: u.url, kind: u.kind, headers: u.headers, expires: u.expires, attrs: u.attrs }
    }
}

impl From<types::CatchUp> for records::CatchUp {
    fn from(c: types::CatchUp) -> Self {
        Self { mode: c.mode, days: c.days, template: c.template, attrs: c.attrs }
    }
}

impl From<types::Channel> for records::Channel {
    fn from(c: types::Channel) -> Self {
        Self {
            key: c.key,
            name: c.name,
            number: c.number,
            category: c.category,
            logo: c.logo,
            epg_id: c.epg_id,
            upstreams: c.upstreams.into_iter().map(Into::into).collect(),
            catch_up: c.catch_up.map(Into::into),
            attrs: c.attrs,
        }
    }
}

impl From<types::Movie> for records::Movie {
    fn from(m: types::Movie) -> Self {
        Self {
            key: m.key,
            name: m.name,
            category: m.category,
            poster: m.poster,
            container: m.container,
            upstreams: m.upstreams.into_iter().map(Into::into).collect(),
            attrs: m.attrs,
        }
    }
}

impl From<types::Series> for records::Series {
    fn from(s: types::Series) -> Self {
        Self { key: s.key, name: s.name, category: s.category, poster: s.poster, attrs: s.attrs }
    }
}

impl From<types::Episode> for records::Episode {
    fn from(e: types::Episode) -> Self {
        Self {
            key: e.key,
            series: e.series,
            season: e.season,
            number: e.number,
            name: e.name,
            container: e.container,
            upstreams: e.upstreams.into_iter().map(Into::into).collect(),
            attrs: e.attrs,
        }
    }
}
