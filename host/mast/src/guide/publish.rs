//! Making records, links and what is on now visible, each time that one of them changes.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use jiff::Timestamp;
use mast_model::{Channel, ChannelId, GuideChannel, InstanceId};
use mast_store::{Change, StoreError};

use super::demand::{self, Demand, wanting};
use super::dummy::Dummy;
use super::linking::{self, Memo, manual};
use super::links::{self, Known, Links};
use super::table::Table;
use super::{ByHand, Guide, GuideError};

impl Guide {
    /// Takes over what the store holds. Blocks.
    pub(super) fn load_records(&self) -> Result<(), StoreError> {
        let records = self.shared.store.snapshot()?.guides()?;
        let records = records.into_iter().map(|record| (record.guide.clone(), record)).collect();
        self.shared.records.store(Arc::new(records));
        Ok(())
    }

    /// Brings records, links and table up to date. Blocks.
    pub(super) fn publish(&self) {
        self.publish_holding(self.publishing());
    }

    fn publish_holding(&self, mut memo: MutexGuard<'_, Memo>) {
        let published = self.load_records().and_then(|()| self.link(&mut memo)).and_then(|()| self.tabulate());
        drop(memo);
        if let Err(error) = published {
            tracing::error!(%error, "the guide cannot be read; what was on before stays");
        }
        self.shared.changes.send_modify(|version| *version += 1);
    }

    fn publishing(&self) -> MutexGuard<'_, Memo> {
        self.shared.publishing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what operators say of channels; what says nothing is forgotten, and the channel is linked automatically again. Blocks.
    pub fn set_by_hand(&self, change: &Change, all: &BTreeMap<ChannelId, ByHand>) -> Result<(), GuideError> {
        let memo = self.publishing();
        manual::set(&*self.shared.state, change, all)?;
        self.shared.by_hand.store(Arc::new(manual::load(&*self.shared.state)?));
        self.publish_holding(memo);
        Ok(())
    }

    fn link(&self, memo: &mut Memo) -> Result<(), StoreError> {
        let (channels, by_hand) = (self.channels(), self.shared.by_hand.load_full());
        self.shared.demand.store(Arc::new(demand::digest(&channels, &by_hand)));
        let known = self.known()?;
        let guides: Vec<(InstanceId, &[GuideChannel])> =
            known.iter().map(|guide| (guide.id.clone(), guide.channels.as_slice())).collect();
        let options = self.shared.config.links;
        memo.keep_for(known.iter().map(|guide| (guide.id.clone(), guide.generation)).collect(), options);
        let linking = linking::link(&wanting(&channels), &guides, &links::manual(&by_hand), options, memo);
        let by_id: BTreeMap<ChannelId, &Arc<Channel>> = channels.iter().map(|channel| (channel.id, channel)).collect();
        let dummy = |id: ChannelId| self.dummy(by_id.get(&id)?);
        self.shared.links.store(Arc::new(Links::new(linking, &known, by_hand, dummy)));
        Ok(())
    }

    fn channels(&self) -> Vec<Arc<Channel>> {
        let catalog = &self.shared.catalog;
        catalog.channel_ids().into_iter().filter_map(|id| catalog.channel(id)).collect()
    }

    /// Guides that are read, the one that counts most first.
    fn known(&self) -> Result<Vec<Known>, StoreError> {
        let snapshot = self.shared.store.snapshot()?;
        let (set, records) = (self.shared.set.load(), self.shared.records.load());
        let mut guides = Vec::new();
        for entry in set.iter().filter(|entry| entry.enabled) {
            let Some(record) = records.get(&entry.id) else { continue };
            let guide = Known {
                id: entry.id.clone(),
                generation: record.generation,
                zone: entry.settings.zone.clone(),
                channels: snapshot.channels(&entry.id)?,
            };
            guides.push((entry.settings.priority, guide));
        }
        guides.sort_by(|(a, x), (b, y)| (a, &x.id).cmp(&(b, &y.id)));
        Ok(guides.into_iter().map(|(_, guide)| guide).collect())
    }

    fn dummy(&self, channel: &Channel) -> Option<Arc<Dummy>> {
        let category = channel.category.and_then(|id| self.shared.catalog.category(id));
        let category = category.as_ref().map(|category| category.name.as_str());
        let rule = self.shared.config.dummies.iter().find(|rule| rule.fits(&channel.name, category))?;
        Some(Arc::new(Dummy { rule: Arc::clone(rule), name: channel.name.clone() }))
    }

    /// What the catalogue wants of a guide, for one import. Blocks.
    pub(super) fn demand(&self, guide: &InstanceId) -> Demand {
        let (by_hand, links) = (self.shared.by_hand.load(), self.shared.links.load());
        Demand::new(guide, &self.channels(), &by_hand, &links, self.shared.config.links)
    }

    /// What is on now.
    pub(super) fn tabulate(&self) -> Result<(), StoreError> {
        let links = self.shared.links.load();
        let snapshot = self.shared.store.snapshot()?;
        self.shared.table.store(Arc::new(Table::read(&*snapshot, &links, Timestamp::now())?));
        Ok(())
    }
}
