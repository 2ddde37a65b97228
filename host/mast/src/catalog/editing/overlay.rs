//! Edits and rules laid over what the sources delivered: the channels that differ, what is hidden, what comes first. Made once per
//! snapshot; a channel that nobody changed is the source's own record.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mast_model::{Category, CategoryId, Channel, ChannelId};

use super::Edits;
use super::records::{CategoryEdit, ChannelEdit};

/// What differs from what was delivered.
#[derive(Default)]
pub(in crate::catalog) struct Overlay {
    hidden: HashSet<ChannelId>,
    hidden_categories: HashSet<CategoryId>,
    order: HashMap<ChannelId, u32>,
    category_order: HashMap<CategoryId, u32>,
    /// Names as delivered, of the categories that have another.
    delivered_names: HashMap<CategoryId, String>,
    backups: HashMap<ChannelId, Vec<ChannelId>>,
    profiles: HashMap<ChannelId, String>,
}

impl Overlay {
    /// Changes the channels and categories in place, each list in lineup order, and says what else differs.
    pub(in crate::catalog) fn apply(
        edits: &Edits,
        channels: &mut [&mut Vec<Arc<Channel>>],
        categories: &mut [&mut Vec<Arc<Category>>],
    ) -> Self {
        let mut overlay = Self::default();
        for category in categories.iter_mut().flat_map(|list| list.iter_mut()) {
            overlay.category(edits, category);
        }
        for channel in channels.iter_mut().flat_map(|list| list.iter_mut()) {
            if let Some(name) = edits.compiled.name(channel) {
                *channel = Arc::new(Channel { name, ..Channel::clone(channel) });
            }
        }
        for channel in channels.iter_mut().flat_map(|list| list.iter_mut()) {
            if let Some(edit) = edits.channels.get(&channel.id) {
                overlay.channel(edit, channel);
            }
        }
        let all: Vec<&Channel> = channels.iter().flat_map(|list| list.iter()).map(|channel| &**channel).collect();
        let visible: Vec<&Channel> = all.into_iter().filter(|channel| !overlay.hides(channel)).collect();
        for group in edits.compiled.duplicates(&visible) {
            if let Some((stays, others)) = group.split_first() {
                overlay.hidden.extend(others);
                // What the operator chose for a channel counts more than a rule.
                overlay.backups.entry(*stays).or_insert_with(|| others.to_vec());
            }
        }
        overlay
    }

    fn category(&mut self, edits: &Edits, category: &mut Arc<Category>) {
        let edit = edits.categories.get(&category.id);
        let named = edit.and_then(|edit| edit.name.as_ref()).or_else(|| edits.compiled.category(&category.name));
        if let Some(name) = named.filter(|name| **name != category.name) {
            self.delivered_names.insert(category.id, category.name.clone());
            *category = Arc::new(Category { name: name.clone(), ..Category::clone(category) });
        }
        let Some(CategoryEdit { hidden, order, .. }) = edit else { return };
        if *hidden {
            self.hidden_categories.insert(category.id);
        }
        self.category_order.extend(order.map(|order| (category.id, order)));
    }

    fn channel(&mut self, edit: &ChannelEdit, channel: &mut Arc<Channel>) {
        let mut edited = Channel::clone(channel);
        if let Some(name) = &edit.name {
            edited.name.clone_from(name);
        }
        if let Some(logo) = &edit.logo {
            edited.logo = Some(logo.clone()).filter(|logo| !logo.is_empty());
        }
        if let Some(epg_id) = &edit.epg_id {
            edited.epg_id = Some(epg_id.clone()).filter(|id| !id.is_empty());
        }
        edited.number = edit.number.or(edited.number);
        edited.category = edit.category.or(edited.category);
        if edited != **channel {
            *channel = Arc::new(edited);
        }
        if edit.hidden {
            self.hidden.insert(edit.channel);
        }
        self.order.extend(edit.order.map(|order| (edit.channel, order)));
        self.backups.extend(edit.backups.clone().map(|backups| (edit.channel, backups)));
        self.profiles.extend(edit.profile.clone().map(|profile| (edit.channel, profile)));
    }

    /// Whether a channel is in nobody's lineup.
    pub(in crate::catalog) fn hides(&self, channel: &Channel) -> bool {
        self.hidden.contains(&channel.id)
            || channel.category.is_some_and(|category| self.hidden_categories.contains(&category))
    }

    /// Puts what has a place first.
    pub(in crate::catalog) fn sort(&self, channels: &mut [Arc<Channel>], categories: &mut [Arc<Category>]) {
        if !self.order.is_empty() {
            channels.sort_by_key(|channel| self.order.get(&channel.id).copied().unwrap_or(u32::MAX));
        }
        if !self.category_order.is_empty() {
            categories.sort_by_key(|category| self.category_order.get(&category.id).copied().unwrap_or(u32::MAX));
        }
    }

    /// A category's name as it was delivered, where it has another now.
    pub(in crate::catalog) fn delivered_name(&self, category: CategoryId) -> Option<&str> {
        self.delivered_names.get(&category).map(String::as_str)
    }

    /// Channels whose upstreams are tried after this one's own, where an operator or a rule says so.
    pub(in crate::catalog) fn backups(&self, channel: ChannelId) -> Option<&Vec<ChannelId>> {
        self.backups.get(&channel)
    }

    /// A channel's profile, where an operator says so.
    pub(in crate::catalog) fn profile(&self, channel: ChannelId) -> Option<&String> {
        self.profiles.get(&channel)
    }
}
