//! `[channel.ID]`: what the operator wants of one channel.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mast_model::ChannelId;

use super::FfmpegConfig;
use crate::config::reader::Section;

/// One channel's settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelConfig {
    /// `backups`: channels, also of other sources, whose upstreams are tried after this channel's own, in this order.
    pub backups: Vec<ChannelId>,
    /// `warm`: kept playing without viewers, so that it starts at once; default false.
    pub warm: bool,
    /// `profile`: the profile or ladder of this channel, instead of its source's.
    pub profile: Option<String>,
    /// `slate`: as in `[tuner]`, for this channel.
    pub slate: Option<PathBuf>,
}

impl ChannelConfig {
    /// All of `[channel]`, by id.
    pub(crate) fn read_all(channels: &Section<'_>, ffmpeg: &FfmpegConfig) -> BTreeMap<ChannelId, Self> {
        let read = |(name, section): (String, Section<'_>)| {
            let id = name.parse::<u32>().ok().filter(|id| *id > 0).map(ChannelId);
            if id.is_none() {
                channels.problem(&name, "expected the id of a channel, a whole number from 1, as in [channel.7]");
            }
            let config = Self {
                backups: section.list("backups"),
                warm: section.or("warm", false),
                profile: section.optional("profile"),
                slate: section.optional_path("slate"),
            };
            if id.is_some_and(|id| config.backups.contains(&id)) {
                section.problem("backups", "a channel cannot be its own backup");
            }
            if let Some(name) = config.profile.as_ref().filter(|name| !ffmpeg.outputs.contains_key(*name)) {
                section.problem("profile", format!("there is no profile or ladder \"{name}\""));
            }
            Some((id?, config))
        };
        channels.named_sections().into_iter().filter_map(read).collect()
    }
}
