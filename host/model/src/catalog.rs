//! Channels and categories as the host keeps them: a source's record plus a stable id.

use serde::{Deserialize, Serialize};

use crate::id::{CategoryId, ChannelId, InstanceId};
use crate::redact::{Secret, UpstreamUrl};

/// A live channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Stable id, assigned by the store from (`source`, `key`).
    pub id: ChannelId,
    /// The source instance it came from.
    pub source: InstanceId,
    /// The upstream's own stable key.
    pub key: String,
    /// What people read.
    pub name: String,
    /// The number the upstream gives it.
    pub number: Option<u32>,
    /// Its category.
    pub category: Option<CategoryId>,
    /// Its logo's URL.
    pub logo: Option<String>,
    /// The id that guides use for it.
    pub epg_id: Option<String>,
    /// Where it can be fetched, best first.
    pub upstreams: Vec<Upstream>,
    /// Past programmes.
    pub catch_up: Option<CatchUp>,
    /// The source's extension slot.
    #[serde(default)]
    pub attrs: Vec<(String, String)>,
}

/// A category of channels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Stable id, assigned by the store from (`source`, `key`).
    pub id: CategoryId,
    /// The source instance it came from.
    pub source: InstanceId,
    /// The upstream's own stable key.
    pub key: String,
    /// What people read.
    pub name: String,
    /// Position among the source's categories.
    pub order: u32,
}

/// One address that a channel can be fetched from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// The address.
    pub url: UpstreamUrl,
    /// How it is spoken.
    pub kind: UpstreamKind,
    /// Header fields to send; values may be credentials.
    #[serde(default)]
    pub headers: Vec<(String, Secret)>,
}

/// How an upstream is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamKind {
    /// The host finds out from the answer.
    Auto,
    /// MPEG-TS over HTTP.
    Mpegts,
    /// HLS.
    Hls,
    /// MPEG-TS datagrams.
    Udp,
    /// MPEG-TS in RTP.
    Rtp,
    /// A file of this machine.
    File,
    /// RTSP; needs FFmpeg.
    Rtsp,
    /// RTMP; needs FFmpeg.
    Rtmp,
    /// SRT; needs FFmpeg.
    Srt,
    /// MPEG-DASH; needs FFmpeg.
    Dash,
    /// Nothing that this version of Mast knows.
    Other,
}

/// How past programmes can be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchUp {
    /// M3U's name for the mode.
    pub mode: String,
    /// How many days back.
    pub days: u32,
    /// The URL template, where the mode needs one; it may hold credentials.
    pub template: Option<UpstreamUrl>,
    /// The source's extension slot.
    #[serde(default)]
    pub attrs: Vec<(String, String)>,
}
