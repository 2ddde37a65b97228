//! Staging: what a source pushes during one refresh, bounded and mended, until the refresh ends well and all of it is swapped in.

mod library;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mast_model::{CatchUp, Secret, Upstream, UpstreamKind, UpstreamUrl};
use mast_plugin::records;
use mast_plugin::services::{CatalogSink, ServiceError};
use mast_store::{ImportedCatalog, ImportedCategory, ImportedChannel, Validator};

use library::StagedLibrary;

use super::status::SourceWarning;

/// The contract's largest batch.
const MAX_BATCH: usize = 4_096;
const MAX_CHANNELS: usize = 500_000;
const MAX_CATEGORIES: usize = 50_000;
/// Text of all records together.
const MAX_BYTES: usize = 512 << 20;
/// Text of one record: names, URLs, header fields, attributes.
const MAX_RECORD: usize = 64 << 10;
/// Warnings kept, and characters of each.
const MAX_WARNINGS: usize = 100;
const MAX_WARNING: usize = 500;

/// One refresh being collected. Clones share it: one goes to the plugin, the other is read when the call is over.
#[derive(Clone)]
pub(super) struct Staging(Arc<Mutex<Staged>>);

struct Staged {
    /// Channels without an upstream are of use.
    resolves: bool,
    /// With the position that the source gives, if any.
    categories: Vec<(Option<u32>, ImportedCategory)>,
    category_keys: HashSet<String>,
    channels: Vec<ImportedChannel>,
    channel_keys: HashSet<String>,
    library: StagedLibrary,
    bytes: usize,
    remarks: Remarks,
}

/// What is worth telling about a refresh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Remarks {
    pub(super) warnings: Vec<SourceWarning>,
    pub(super) warning_count: u64,
}

impl Staging {
    /// `resolves`: the source makes upstreams at tune time, channels may come without.
    pub(super) fn new(resolves: bool) -> Self {
        Self(Arc::new(Mutex::new(Staged {
            resolves,
            categories: Vec::new(),
            category_keys: HashSet::new(),
            channels: Vec::new(),
            channel_keys: HashSet::new(),
            library: StagedLibrary::default(),
            bytes: 0,
            remarks: Remarks::default(),
        })))
    }

    /// Everything that was pushed, ready for the store.
    pub(super) fn take(&self, validators: Vec<Validator>) -> (ImportedCatalog, Remarks) {
        let mut staged = self.staged();
        staged.add_missing_categories();
        let mut categories = std::mem::take(&mut staged.categories);
        // Stable: those without a position keep their order of arrival, behind those with one.
        categories.sort_by_key(|(order, _)| order.unwrap_or(u32::MAX));
        let catalog = ImportedCatalog {
            categories: categories.into_iter().map(|(_, category)| category).collect(),
            channels: std::mem::take(&mut staged.channels),
            library: std::mem::take(&mut staged.library).take(),
            validators,
        };
        (catalog, std::mem::take(&mut staged.remarks))
    }

    /// What was said, where the rest is of no use.
    pub(super) fn take_remarks(&self) -> Remarks {
        std::mem::take(&mut self.staged().remarks)
    }

    fn staged(&self) -> MutexGuard<'_, Staged> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CatalogSink for Staging {
    fn categories(&mut self, batch: Vec<records::Category>) -> Result<(), ServiceError> {
        let mut staged = self.staged();
        check_batch(batch.len())?;
        if staged.categories.len() + batch.len() > MAX_CATEGORIES {
            return Err(limit(format!("more than {MAX_CATEGORIES} categories in one catalogue")));
        }
        batch.into_iter().try_for_each(|category| staged.add_category(category))
    }

    fn channels(&mut self, batch: Vec<records::Channel>) -> Result<(), ServiceError> {
        let mut staged = self.staged();
        check_batch(batch.len())?;
        if staged.channels.len() + batch.len() > MAX_CHANNELS {
            return Err(limit(format!(
                "more than {MAX_CHANNELS} channels in one catalogue; filter them in the source"
            )));
        }
        batch.into_iter().try_for_each(|channel| staged.add_channel(channel))
    }

    fn movies(&mut self, batch: Vec<records::Movie>) -> Result<(), ServiceError> {
        check_batch(batch.len())?;
        batch.into_iter().try_for_each(|movie| self.staged().add_movie(movie))
    }

    fn series(&mut self, batch: Vec<records::Series>) -> Result<(), ServiceError> {
        check_batch(batch.len())?;
        batch.into_iter().try_for_each(|series| self.staged().add_series(series))
    }

    fn episodes(&mut self, batch: Vec<records::Episode>) -> Result<(), ServiceError> {
        check_batch(batch.len())?;
        batch.into_iter().try_for_each(|episode| self.staged().add_episode(episode))
    }

    fn warn(&mut self, item: String, message: String) {
        self.staged().remarks.warn(&item, &message);
    }
}

fn check_batch(len: usize) -> Result<(), ServiceError> {
    if len <= MAX_BATCH { Ok(()) } else { Err(limit(format!("{len} records in one batch; at most {MAX_BATCH}"))) }
}

fn limit(message: String) -> ServiceError {
    ServiceError { code: "limit", message }
}

impl Staged {
    fn add_category(&mut self, category: records::Category) -> Result<(), ServiceError> {
        self.count(category.key.len() + category.name.len())?;
        if let Some(kind) = library::kind(&category.content) {
            let name = named_category(category.key, &category.name);
            self.library.add_category(kind, category.order, name);
            return Ok(());
        }
        let item = format!("category \"{}\"", shown(&category.key));
        if category.name.trim().is_empty() {
            self.remarks.warn(&item, "has no name; its key stands in");
        }
        if !self.category_keys.insert(category.key.clone()) {
            self.remarks.warn(&item, "comes twice; the first is kept");
            return Ok(());
        }
        self.categories.push((category.order, named_category(category.key, &category.name)));
        Ok(())
    }

    fn add_channel(&mut self, channel: records::Channel) -> Result<(), ServiceError> {
        let bytes = text_of(&channel);
        self.count(bytes)?;
        let problem = if channel.name.trim().is_empty() {
            Some("has no name")
        } else if channel.key.is_empty() {
            Some("has no key")
        } else if bytes > MAX_RECORD {
            Some("is larger than 64 KiB")
        } else if channel.upstreams.is_empty() && !self.resolves {
            Some("has no upstream")
        } else if !self.channel_keys.insert(channel.key.clone()) {
            Some("comes twice with the same key; the first is kept")
        } else {
            None
        };
        match problem {
            Some(problem) => {
                let name = if channel.name.trim().is_empty() { &channel.key } else { &channel.name };
                self.remarks.warn(&format!("channel \"{}\"", shown(name)), problem);
            }
            None => self.channels.push(imported(channel)),
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), ServiceError> {
        self.bytes += bytes;
        if self.bytes <= MAX_BYTES {
            return Ok(());
        }
        Err(limit(format!("more than {} MiB of text in one catalogue", MAX_BYTES >> 20)))
    }

    /// A category that channels name but nobody described is made from its key.
    fn add_missing_categories(&mut self) {
        let mut missing: Vec<&String> = Vec::new();
        let mut seen: HashMap<&str, ()> = HashMap::new();
        for key in self.channels.iter().filter_map(|channel| channel.category.as_ref()) {
            if !self.category_keys.contains(key) && seen.insert(key, ()).is_none() {
                missing.push(key);
            }
        }
        let made: Vec<_> = missing.into_iter().map(|key| (None, named_category(key.clone(), key))).collect();
        self.categories.extend(made);
    }
}

impl Remarks {
    fn warn(&mut self, item: &str, message: &str) {
        self.warning_count += 1;
        if self.warnings.len() < MAX_WARNINGS {
            let cut = |text: &str| text.chars().take(MAX_WARNING).collect();
            self.warnings.push(SourceWarning { item: cut(item), message: cut(message) });
        }
    }
}

fn named_category(key: String, name: &str) -> ImportedCategory {
    let name = if name.trim().is_empty() { key.clone() } else { name.trim().to_owned() };
    ImportedCategory { key, name }
}

/// At most 80 characters, on one line.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect()
}

fn pairs(pairs: &records::Pairs) -> usize {
    pairs.iter().map(|(key, value)| key.len() + value.len()).sum()
}

fn text_of_upstreams(upstreams: &[records::Upstream]) -> usize {
    upstreams.iter().map(|one| one.url.len() + pairs(&one.headers) + pairs(&one.attrs)).sum()
}

fn text_of(channel: &records::Channel) -> usize {
    let optional = [&channel.category, &channel.logo, &channel.epg_id].map(|text| text.as_ref().map_or(0, String::len));
    let catch_up = channel.catch_up.as_ref().map_or(0, |catch_up| {
        catch_up.mode.len() + catch_up.template.as_ref().map_or(0, String::len) + pairs(&catch_up.attrs)
    });
    channel.key.len()
        + channel.name.len()
        + optional.iter().sum::<usize>()
        + text_of_upstreams(&channel.upstreams)
        + catch_up
        + pairs(&channel.attrs)
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn imported(channel: records::Channel) -> ImportedChannel {
    ImportedChannel {
        key: channel.key,
        name: channel.name.trim().to_owned(),
        number: channel.number.filter(|number| *number > 0),
        category: given(channel.category),
        logo: given(channel.logo),
        epg_id: given(channel.epg_id),
        upstreams: channel.upstreams.into_iter().map(upstream).collect(),
        catch_up: channel.catch_up.map(|catch_up| CatchUp {
            mode: catch_up.mode,
            days: catch_up.days,
            template: catch_up.template.map(UpstreamUrl::new),
            attrs: catch_up.attrs,
        }),
        attrs: channel.attrs,
    }
}

/// A plugin's upstream as the host knows it.
pub(super) fn upstream(upstream: records::Upstream) -> Upstream {
    Upstream {
        url: UpstreamUrl::new(upstream.url),
        kind: match upstream.kind.as_str() {
            "mpegts" => UpstreamKind::Mpegts,
            "hls" => UpstreamKind::Hls,
            "udp" => UpstreamKind::Udp,
            "rtp" => UpstreamKind::Rtp,
            "file" => UpstreamKind::File,
            "rtsp" => UpstreamKind::Rtsp,
            "rtmp" => UpstreamKind::Rtmp,
            "srt" => UpstreamKind::Srt,
            "dash" => UpstreamKind::Dash,
            _ => UpstreamKind::Auto,
        },
        headers: upstream.headers.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
    }
}

#[cfg(test)]
mod tests;
