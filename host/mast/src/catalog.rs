//! The catalogue: what the sources delivered, refreshed on schedule, and the lineups made of it.

pub mod config;

use std::sync::Arc;

use mast_model::{Category, Channel, ChannelId, Line};
use tokio::sync::watch;

/// The catalogue. Cheap to clone; reads are memory only.
#[derive(Clone)]
pub struct Catalog {}

/// The numbered channels that a line sees.
#[derive(Debug)]
pub struct Lineup {
    /// In order, numbered from 1 without gaps unless the source numbers its channels.
    pub entries: Vec<LineupEntry>,
    /// Categories that occur, in order.
    pub categories: Vec<Arc<Category>>,
    /// Changes when anything in the lineup does; for ETags.
    pub version: u64,
}

/// A channel of a lineup.
#[derive(Debug, Clone)]
pub struct LineupEntry {
    /// From 1.
    pub number: u32,
    /// The channel.
    pub channel: Arc<Channel>,
}

impl Catalog {
    /// A channel, whoever may see it.
    pub fn channel(&self, _id: ChannelId) -> Option<Arc<Channel>> {
        todo!()
    }

    /// The lineup of a line; shared between lines with the same bouquets.
    pub fn lineup(&self, _line: &Line) -> Arc<Lineup> {
        todo!()
    }

    /// Whether a channel is in a line's lineup; constant time.
    pub fn sees(&self, _line: &Line, _channel: ChannelId) -> bool {
        todo!()
    }

    /// Moves with every change of any source.
    pub fn changes(&self) -> watch::Receiver<u64> {
        todo!()
    }
}
