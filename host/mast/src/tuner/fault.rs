//! What an upstream, or the host on its behalf, failed at. The fault is what viewers and metrics may see: no host name, no
//! URL. What only the log may say stands beside it in [`Failure`].

use std::fmt;

use crate::outbound::OutboundError;

/// Why a channel has no segments. Display is a sentence about the upstream that names no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamFault {
    /// The channel left the catalogue, or lists no upstream.
    #[error("the channel has no upstream")]
    NoUpstream,
    /// The source's instance is gone or disabled.
    #[error("the channel's source is not loaded")]
    SourceGone,
    /// The source could not make a URL.
    #[error("the channel's source could not tell the upstream")]
    Unresolved,
    /// A kind that needs FFmpeg or a later version.
    #[error("upstreams of this kind are not supported yet")]
    UnsupportedKind,
    /// An HLS playlist that cannot be played.
    #[error("the upstream's HLS playlist cannot be read")]
    Playlist,
    /// Nothing is added to an HLS playlist.
    #[error("the upstream lists no new segments")]
    Frozen,
    /// The same segments come under new numbers, or the same scenes.
    #[error("the upstream sends the same again and again")]
    Looping,
    /// The picture is black.
    #[error("the upstream shows a black picture")]
    Black,
    /// Nothing moves in the picture.
    #[error("the upstream's picture is frozen")]
    FrozenPicture,
    /// The sound cannot be heard.
    #[error("the upstream is silent")]
    Silent,
    /// Sound apart from the picture.
    #[error("the upstream's sound is in a playlist of its own, which needs FFmpeg and a direct connection")]
    SeparateAudio,
    /// Fragmented MP4 or packed audio.
    #[error("the upstream's segments are not MPEG-TS, which needs FFmpeg")]
    NeedsFfmpeg,
    /// What it is protected with.
    #[error("the upstream is protected with {0}, which Mast does not take off")]
    Drm(&'static str),
    /// No key, or not one of AES-128.
    #[error("the upstream's key cannot be used")]
    Key,
    /// A playlist, key or segment beyond its limit.
    #[error("the upstream sends more than belongs there")]
    TooLarge,
    /// The destination rules say no.
    #[error("the upstream is not among the destinations that its source is granted")]
    NotGranted,
    /// Not a URL, or a header field that cannot be sent.
    #[error("the upstream's address cannot be used")]
    InvalidAddress,
    /// The name does not resolve.
    #[error("the upstream's name does not resolve")]
    Dns,
    /// No connection.
    #[error("the upstream refuses connections or cannot be reached")]
    Connect,
    /// No response head in time.
    #[error("the upstream did not answer in time")]
    NoAnswer,
    /// Redirects without end.
    #[error("the upstream redirects without end or nowhere")]
    Redirects,
    /// A status other than 200.
    #[error("the upstream answered with status {0}")]
    Status(u16),
    /// A page for people.
    #[error("the upstream answered with an HTML page (a login page?) instead of MPEG-TS")]
    Html,
    /// Nothing at all.
    #[error("the upstream answered with zero bytes")]
    Empty,
    /// Bytes without structure.
    #[error("the upstream sends bytes that are not MPEG-TS")]
    Garbage,
    /// A proper end of a live channel.
    #[error("the upstream ended")]
    Ended,
    /// An improper end.
    #[error("the connection to the upstream broke")]
    Broken,
    /// The watchdog for bytes.
    #[error("the upstream stopped sending")]
    NoBytes,
    /// The watchdog for presentation times.
    #[error("the upstream sends no picture or sound")]
    NoAccessUnits,
    /// The watchdog for segments.
    #[error("the upstream sends nothing that a segment could start at")]
    NoSegments,
    /// Every connection that the provider allows is in use.
    #[error("every connection that the channel's provider allows is in use")]
    NoSlot,
    /// No FFmpeg, or not the right one.
    #[error("the channel needs FFmpeg, which this host does not have")]
    NoFfmpeg,
    /// FFmpeg failed.
    #[error("the channel cannot be transcoded")]
    Transcoder,
    /// A profile that nobody described.
    #[error("the channel is to have a profile that does not exist")]
    NoProfile,
    /// A file that is not there, or may not be read.
    #[error("the channel's file cannot be read")]
    Unreadable,
    /// A playout without a filler, between two entries.
    #[error("nothing is scheduled on the channel")]
    NothingScheduled,
    /// The host could not reserve sequence numbers.
    #[error("the host could not reserve sequence numbers")]
    Store,
}

impl UpstreamFault {
    /// A watchdog bit: the connection stands, and nothing to play comes.
    pub(crate) fn is_silence(self) -> bool {
        matches!(self, Self::NoBytes | Self::NoAccessUnits | Self::NoSegments)
    }

    /// A short name for metrics and machine readers.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoUpstream => "no-upstream",
            Self::SourceGone => "source-gone",
            Self::Unresolved => "unresolved",
            Self::UnsupportedKind => "unsupported",
            Self::Playlist => "playlist",
            Self::Frozen => "frozen",
            Self::Looping => "looping",
            Self::Black => "black",
            Self::FrozenPicture => "frozen-picture",
            Self::Silent => "silent",
            Self::SeparateAudio => "separate-audio",
            Self::NeedsFfmpeg => "needs-ffmpeg",
            Self::Drm(_) => "drm",
            Self::Key => "key",
            Self::TooLarge => "too-large",
            Self::NotGranted => "not-granted",
            Self::InvalidAddress => "invalid-address",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::NoAnswer => "no-answer",
            Self::Redirects => "redirects",
            Self::Status(_) => "status",
            Self::Html => "html",
            Self::Empty => "empty",
            Self::Garbage => "garbage",
            Self::Ended => "ended",
            Self::Broken => "broken",
            Self::NoBytes => "no-bytes",
            Self::NoAccessUnits => "no-access-units",
            Self::NoSegments => "no-segments",
            Self::NoSlot => "no-slot",
            Self::NoFfmpeg => "no-ffmpeg",
            Self::Transcoder => "transcoder",
            Self::NoProfile => "no-profile",
            Self::Unreadable => "unreadable",
            Self::NothingScheduled => "nothing-scheduled",
            Self::Store => "store",
        }
    }

    /// Whether the upstream plays and is of no use all the same: another attempt would show no more.
    pub(crate) fn is_verdict(self) -> bool {
        matches!(self, Self::Black | Self::FrozenPicture | Self::Silent | Self::Looping)
    }
}

/// A fault, with what the operator's log may know besides. Never a credential, path or query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What everybody may know.
    pub fault: UpstreamFault,
    /// For the log; may be empty.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() { self.fault.fmt(f) } else { write!(f, "{}: {}", self.fault, self.detail) }
    }
}

impl From<UpstreamFault> for Failure {
    fn from(fault: UpstreamFault) -> Self {
        Self { fault, detail: String::new() }
    }
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        let fault = match &error {
            OutboundError::Refused(_) => UpstreamFault::NotGranted,
            OutboundError::InvalidUrl | OutboundError::InvalidRequest(_) => UpstreamFault::InvalidAddress,
            OutboundError::Dns { .. } => UpstreamFault::Dns,
            OutboundError::Timeout { .. } => UpstreamFault::NoAnswer,
            OutboundError::Redirects { .. } => UpstreamFault::Redirects,
            OutboundError::Broken { .. } => UpstreamFault::Broken,
            OutboundError::Connect { .. } | OutboundError::Setup(_) => UpstreamFault::Connect,
        };
        Self { fault, detail: error.to_string() }
    }
}
