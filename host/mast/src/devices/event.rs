//! What a device may be told, and the rules for it.

use jiff::{SignedDuration, Timestamp};
use mast_model::ChannelId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::normal_mac;

/// How long an event waits.
pub(super) const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Characters of a text.
const MOST_TEXT: usize = 1_000;

/// What a device is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceCode {
    /// Show the text.
    Message,
    /// Start anew.
    Reboot,
    /// Load the portal anew.
    ReloadPortal,
    /// Fetch the channels anew.
    UpdateChannels,
    /// Fetch the guide anew.
    UpdateGuide,
    /// Fetch what the line may do anew.
    UpdateSubscription,
    /// Play a channel.
    PlayChannel,
    /// Stop playing.
    Stop,
}

impl DeviceCode {
    /// As plugins and the API know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Reboot => "reboot",
            Self::ReloadPortal => "reload-portal",
            Self::UpdateChannels => "update-channels",
            Self::UpdateGuide => "update-guide",
            Self::UpdateSubscription => "update-subscription",
            Self::PlayChannel => "play-channel",
            Self::Stop => "stop",
        }
    }
}

/// An event to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// What to do.
    pub code: DeviceCode,
    /// What people read; may be empty, but for a message. At most 1,000 characters.
    pub text: String,
    /// Which, for `play-channel` and nothing else.
    pub channel: Option<ChannelId>,
    /// A MAC address in any notation; none for every device of the line.
    pub device: Option<String>,
    /// Whoever reads it has to say so.
    pub confirm: bool,
}

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceEvent {
    /// Grows with each event, of all lines; never used again. What is for several lines has one id.
    pub id: u64,
    /// What to do.
    pub code: DeviceCode,
    /// What people read; may be empty.
    #[serde(default)]
    pub text: String,
    /// Which, for `play-channel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// The device in the notation of the line's devices; none for every device of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Whoever reads it has to say so.
    #[serde(default)]
    pub confirm: bool,
    /// When it was made.
    pub created: Timestamp,
    /// From here on it is given to nobody.
    pub expires: Timestamp,
}

/// Why a request makes no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// Nothing to read.
    #[error("a message needs a text")]
    NoText,
    /// Too much to read, or characters that no screen has.
    #[error("text is not usable: use at most {MOST_TEXT} characters and no control characters but line breaks")]
    Text,
    /// No channel, or one that means nothing.
    #[error("give channel with play-channel, and with nothing else")]
    Channel,
    /// No device.
    #[error("{0:?} is not a MAC address: write it as 00:1a:79:12:34:56")]
    Device(String),
}

impl InvalidEvent {
    /// The field of the request that is to blame.
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoText | Self::Text => "text",
            Self::Channel => "channel",
            Self::Device(_) => "device",
        }
    }
}

impl NewEvent {
    /// In its normal form, without an id, or what is wrong with it.
    pub(super) fn check(self, now: Timestamp) -> Result<DeviceEvent, InvalidEvent> {
        let Self { code, text, channel, device, confirm } = self;
        if code == DeviceCode::Message && text.trim().is_empty() {
            return Err(InvalidEvent::NoText);
        }
        if text.chars().count() > MOST_TEXT || text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(InvalidEvent::Text);
        }
        if channel.is_some() != (code == DeviceCode::PlayChannel) {
            return Err(InvalidEvent::Channel);
        }
        let device = device.map(|mac| normal_mac(&mac).ok_or(InvalidEvent::Device(mac))).transpose()?;
        let expires = now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX);
        Ok(DeviceEvent { id: 0, code, text, channel, device, confirm, created: now, expires })
    }
}
