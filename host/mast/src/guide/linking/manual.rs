//! Links made by hand and marks that a channel has no guide, kept by the catalogue's stable channel ids: no refresh touches them.

use std::collections::BTreeMap;

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

/// As it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    channel: ChannelId,
    link: ManualLink,
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

/// All of them.
pub fn load(store: &dyn StateStore) -> Result<BTreeMap<ChannelId, ManualLink>, StoreError> {
    Ok(store.all::<Row>()?.into_iter().map(|row| (row.channel, row.link)).collect())
}

/// Changes some in one transaction, each with its entry in the audit log; none: the channel is linked automatically again.
pub fn set(
    store: &dyn StateStore,
    change: &Change,
    links: &BTreeMap<ChannelId, Option<ManualLink>>,
) -> Result<(), StoreError> {
    change.commit(store, "link channels to guides", |transaction| {
        for (channel, link) in links {
            let before: Option<Row> = transaction.get(&key(*channel))?;
            let after = link.clone().map(|link| Row { channel: *channel, link });
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
