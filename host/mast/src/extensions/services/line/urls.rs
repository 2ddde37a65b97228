//! Playback URLs, as delivery answers them.

use mast_model::{ChannelId, LineToken, TitleId, TitleKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand in a path segment as it is (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How playback URLs of one request are written. Holds credentials, therefore neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct PlaybackUrls {
    base: String,
    /// Between what is played and the id of a channel.
    before_channel: String,
    /// The same for a file.
    before_file: String,
    /// Behind the extension.
    after: String,
}

impl PlaybackUrls {
    /// `{base}/live/{username}/{password}/{id}.m3u8`, for requests that carried both: the host keeps no password to write.
    pub fn with_credentials(base_url: &str, username: &str, password: &str) -> Self {
        let encoded = |text| utf8_percent_encode(text, SEGMENT);
        let before = format!("/{}/{}/", encoded(username), encoded(password));
        Self { base: base_url.to_owned(), before_channel: before.clone(), before_file: before, after: String::new() }
    }

    /// `{base}/live/stream_{id}.m3u8?token={token}`, for all others.
    pub fn with_token(base_url: &str, token: &LineToken) -> Self {
        Self {
            base: base_url.to_owned(),
            before_channel: "/stream_".to_owned(),
            before_file: "/".to_owned(),
            after: format!("?token={}", token.expose()),
        }
    }

    /// The URL of a channel in a format; none for an unknown format.
    pub fn channel(&self, channel: ChannelId, format: &str) -> Option<String> {
        let extension = match format {
            "hls" => "m3u8",
            "mpegts" => "ts",
            _ => return None,
        };
        Some(format!("{}/live{}{channel}.{extension}{}", self.base, self.before_channel, self.after))
    }

    /// The URL of a movie, or of an episode of a series.
    pub fn file(&self, of: TitleKind, id: TitleId, container: &str) -> String {
        let folder = match of {
            TitleKind::Movie => "movie",
            TitleKind::Series => "series",
        };
        format!("{}/{folder}{}{id}.{container}{}", self.base, self.before_file, self.after)
    }
}
