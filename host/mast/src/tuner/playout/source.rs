//! The channels of playouts, as a source delivers its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mast_model::InstanceId;
use mast_plugin::CallError;
use mast_plugin::records::{Channel, Refreshed, Upstream};
use mast_plugin::services::{BoxFuture, CatalogSink, Validator};

use super::SOURCE;
use crate::catalog::{SourceCalls, SourceEntry};
use crate::tuner::config::PlayoutConfig;

/// Handed over at once; a host has few playouts.
const BATCH: usize = 256;

struct OwnChannels(Vec<Channel>);

/// A source of the playouts' channels; none where there are no playouts.
pub fn own_channels(playouts: &BTreeMap<String, PlayoutConfig>) -> Option<SourceEntry> {
    let channels: Vec<Channel> = playouts.iter().map(|(name, config)| channel(name, config)).collect();
    (!channels.is_empty()).then(|| SourceEntry {
        id: InstanceId::new(SOURCE).expect("a valid name"),
        generation: 0,
        calls: Some(Arc::new(OwnChannels(channels))),
        // They only change with mast.toml, which is read at the start.
        refresh: Duration::from_secs(24 * 3600),
        changed_at: Some(Timestamp::now()),
    })
}

fn channel(name: &str, config: &PlayoutConfig) -> Channel {
    let upstream = Upstream {
        url: format!("{SOURCE}:{name}"),
        kind: String::new(),
        headers: Vec::new(),
        expires: None,
        attrs: Vec::new(),
    };
    Channel {
        key: name.to_owned(),
        name: config.name.clone().unwrap_or_else(|| name.to_owned()),
        number: config.number,
        category: config.category.clone(),
        logo: config.logo.clone(),
        epg_id: config.epg_id.clone(),
        upstreams: vec![upstream],
        catch_up: None,
        attrs: Vec::new(),
    }
}

impl SourceCalls for OwnChannels {
    fn refresh(
        &self,
        mut sink: Box<dyn CatalogSink>,
        _: Vec<Validator>,
    ) -> BoxFuture<'_, Result<Refreshed, CallError>> {
        for batch in self.0.chunks(BATCH) {
            // Only a batch beyond the sink's limits is refused.
            if let Err(error) = sink.channels(batch.to_vec()) {
                tracing::error!(code = error.code, "channels of playouts are left out: {}", error.message);
            }
        }
        Box::pin(std::future::ready(Ok(Refreshed { unchanged: false, attrs: Vec::new(), validators: Vec::new() })))
    }

    fn resolves(&self) -> bool {
        false
    }

    fn resolve<'a>(&'a self, key: &'a str, _: u32) -> BoxFuture<'a, Result<Upstream, CallError>> {
        unreachable!("{key}: its upstreams are not resolved")
    }
}
