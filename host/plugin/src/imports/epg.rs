//! `mast:epg`: the sink of an import, and its records as the host's.

use mast_model::guide::packed::{PackedError, PackedProgrammes};
use wasmtime::component::Resource;

use crate::bindings::base::mast::base::types::PluginError;
use crate::bindings::epg::mast::epg::{sink, types};
use crate::imports::{BATCH_MAX, WARN_ITEM_MAX, WARN_MESSAGE_MAX, check_batch, plugin_error};
use crate::records;
use crate::services::GuideSink;
use crate::state::State;

/// A sink on loan to one import.
pub struct GuideOut(pub(crate) Box<dyn GuideSink>);

impl types::Host for State {}

impl sink::Host for State {}

impl sink::HostGuideSink for State {
    fn channels(
        &mut self,
        out: Resource<GuideOut>,
        batch: Vec<types::GuideChannel>,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        let sink = self.table.get_mut(&out)?;
        Ok(check_batch(batch.len()).and_then(|()| Ok(sink.0.channels(batch.into_iter().map(Into::into).collect())?)))
    }

    fn programmes(
        &mut self,
        out: Resource<GuideOut>,
        batch: Vec<types::Programme>,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        let sink = self.table.get_mut(&out)?;
        Ok(check_batch(batch.len())
            .and_then(|()| Ok(sink.0.programmes(batch.into_iter().map(Into::into).collect())?)))
    }

    fn packed(&mut self, out: Resource<GuideOut>, batch: Vec<u8>) -> wasmtime::Result<Result<(), PluginError>> {
        let sink = self.table.get_mut(&out)?;
        let refused = |error: PackedError| {
            let code = match error {
                PackedError::Bytes(_) | PackedError::Programmes => "limit",
                PackedError::Version(_) | PackedError::Broken(_) => "malformed",
            };
            plugin_error(code, format!("the batch {error}"))
        };
        Ok(PackedProgrammes::read(batch).map_err(refused).and_then(|batch| Ok(sink.0.packed(batch)?)))
    }

    fn wanted(&mut self, out: Resource<GuideOut>, mut channels: Vec<String>) -> wasmtime::Result<Vec<bool>> {
        channels.truncate(BATCH_MAX);
        Ok(self.table.get_mut(&out)?.0.wanted(&channels))
    }

    fn warn(&mut self, out: Resource<GuideOut>, item: String, message: String) -> wasmtime::Result<()> {
        let item = self.instance.clean(&item, WARN_ITEM_MAX);
        let message = self.instance.clean(&message, WARN_MESSAGE_MAX);
        self.table.get_mut(&out)?.0.warn(item, message);
        Ok(())
    }

    fn drop(&mut self, out: Resource<GuideOut>) -> wasmtime::Result<()> {
        self.table.delete(out)?;
        Ok(())
    }
}

fn texts(texts: Vec<types::Text>) -> Vec<records::GuideText> {
    texts.into_iter().map(|text| records::GuideText { lang: text.lang, value: text.value }).collect()
}

impl From<types::GuideChannel> for records::GuideChannel {
    fn from(c: types::GuideChannel) -> Self {
        Self { id: c.id, names: texts(c.names), icons: c.icons, attrs: c.attrs }
    }
}

impl From<types::Programme> for records::GuideProgramme {
    fn from(p: types::Programme) -> Self {
        let credit = |c: types::Credit| records::GuideCredit { role: c.role, name: c.name, part: c.part };
        Self {
            channel: p.channel,
            start: p.start,
            stop: p.stop,
            titles: texts(p.titles),
            sub_titles: texts(p.sub_titles),
            descriptions: texts(p.descriptions),
            categories: texts(p.categories),
            credits: p.credits.into_iter().map(credit).collect(),
            episode_numbers: p.episode_numbers.into_iter().map(|n| (n.system, n.value)).collect(),
            icons: p.icons,
            attrs: p.attrs,
        }
    }
}
