//! What operators say of channels' guides: links made by hand, marks that a channel has none, and times that are moved. Kept by the
//! catalogue's stable channel ids: no refresh touches them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use mast_model::{ChannelId, InstanceId};
use mast_store::{Change, Document, Kind, StateStore, StoreError};
use serde::{Deserialize, Serialize};

/// What an operator said of a channel's guide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "kebab-case")]
pub enum ManualLink {
    /// This guide channel.
    Guide {
        /// The guide.
        guide: InstanceId,
        /// The guide's id for the channel.
        channel: String,
    },
    /// None; nothing is looked for.
    NoGuide,
}

/// Everything that an operator said of a channel's guide.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ByHand {
    /// What it is linked to; none: whatever is found.
    pub link: Option<ManualLink>,
    /// All times are moved by this, seconds.
    pub shift: i64,
    /// Times are those of the clocks in this zone.
    pub zone: Option<TimeZone>,
}

impl ByHand {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The zone's name.
    pub fn zone_name(&self) -> Option<&str> {
        self.zone.as_ref().and_then(TimeZone::iana_name)
    }
}

/// As it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    channel: ChannelId,
    #[serde(default)]
    link: Option<ManualLink>,
    /// Seconds.
    #[serde(default)]
    shift: i64,
    #[serde(default)]
    zone: Option<String>,
}

impl Row {
    fn new(channel: ChannelId, by_hand: &ByHand) -> Self {
        let zone = by_hand.zone_name().map(str::to_owned);
        Self { channel, link: by_hand.link.clone(), shift: by_hand.shift, zone }
    }

    /// A zone that is not known any more is none.
    fn by_hand(self) -> (ChannelId, ByHand) {
        let zone = self.zone.and_then(|name| TimeZone::get(&name).ok());
        (self.channel, ByHand { link: self.link, shift: self.shift, zone })
    }
}

impl Document for Row {
    const KIND: Kind = Kind::GuideLinks;

    fn key(&self) -> Vec<u8> {
        key(self.channel)
    }
}

fn key(channel: ChannelId) -> Vec<u8> {
    channel.0.to_be_bytes().to_vec()
}

/// All of it.
pub fn load(store: &dyn StateStore) -> Result<BTreeMap<ChannelId, ByHand>, StoreError> {
    Ok(store.all::<Row>()?.into_iter().map(Row::by_hand).collect())
}

/// Changes some in one transaction, each with its entry in the audit log; what says nothing goes, and the channel is linked automatically
/// again.
pub fn set(store: &dyn StateStore, change: &Change, all: &BTreeMap<ChannelId, ByHand>) -> Result<(), StoreError> {
    change.commit(store, "link channels to guides", |transaction| {
        for (channel, by_hand) in all {
            let before: Option<Row> = transaction.get(&key(*channel))?;
            let after = (!by_hand.is_empty()).then(|| Row::new(*channel, by_hand));
            if before == after {
                continue;
            }
            match &after {
                Some(row) => transaction.put(row)?,
                None => {
                    transaction.remove_row(Kind::GuideLinks, &key(*channel))?;
                }
            }
            let subject = format!("channel/{channel}");
            transaction.audit(&change.actor, "guide.link", subject, (before.as_ref(), after.as_ref()))?;
        }
        Ok(())
    })
}
