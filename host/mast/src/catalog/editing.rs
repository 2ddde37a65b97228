//! What operators change about what sources deliver: edits of channels and categories, rules over all of them, and bouquets. They are kept
//! beside the imported catalogue, by id, so that no refresh touches them, and laid over it whenever a snapshot is made.

mod change;
mod overlay;
mod records;
mod rules;
#[cfg(test)]
mod tests;

pub use change::{BouquetPatch, CategoryPatch, ChannelPatch, EditError};
pub(super) use overlay::Overlay;
pub use records::{Bouquet, CategoryEdit, ChannelEdit, DedupeBy, Rule, Rules};
pub(super) use rules::CompiledRules;
pub use rules::Effect;

use std::collections::BTreeMap;
use std::sync::Arc;

use mast_model::{CategoryId, ChannelId};
use mast_store::{StateStore, StoreError};

/// Everything that operators changed.
#[derive(Clone, Default)]
pub(super) struct Edits {
    pub(super) channels: BTreeMap<ChannelId, ChannelEdit>,
    pub(super) categories: BTreeMap<CategoryId, CategoryEdit>,
    pub(super) bouquets: BTreeMap<String, Bouquet>,
    pub(super) rules: Rules,
    pub(super) compiled: Arc<CompiledRules>,
}

impl Edits {
    pub(super) fn load(store: &dyn StateStore) -> Result<Self, StoreError> {
        let rules: Rules = store.get(b"rules")?.unwrap_or_default();
        // Rules that a later version could make and this one cannot are left out, and said so.
        let compiled = CompiledRules::new(&rules).unwrap_or_else(|error| {
            tracing::error!(%error, "the rules of the catalogue are not applied");
            CompiledRules::default()
        });
        Ok(Self {
            channels: store.all::<ChannelEdit>()?.into_iter().map(|edit| (edit.channel, edit)).collect(),
            categories: store.all::<CategoryEdit>()?.into_iter().map(|edit| (edit.category, edit)).collect(),
            bouquets: store.all::<Bouquet>()?.into_iter().map(|bouquet| (bouquet.name.clone(), bouquet)).collect(),
            rules,
            compiled: Arc::new(compiled),
        })
    }
}
