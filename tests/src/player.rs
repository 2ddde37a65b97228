//! The HLS player of the tests: reads playlists and segments as a player would, and says what it found.

use std::time::Duration;

use reqwest::Url;

use crate::{client, eventually};

/// A media playlist as read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MediaText {
    /// All of it.
    pub text: String,
    /// EXT-X-TARGETDURATION.
    pub target_duration: u64,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: u64,
    /// The segments, oldest first.
    pub entries: Vec<EntryText>,
}

/// A segment as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryText {
    /// Its media sequence number.
    pub sequence: u64,
    /// Its URI as written.
    pub uri: String,
    /// EXTINF.
    pub duration: Duration,
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
}

impl MediaText {
    /// Reads a media playlist; fails on anything that is none.
    pub fn parse(text: &str) -> Self {
        assert!(text.starts_with("#EXTM3U\n"), "not a playlist: {text}");
        let mut playlist = Self { text: text.to_owned(), ..Self::default() };
        let (mut duration, mut discontinuity) = (None, false);
        for line in text.lines() {
            let number = |value: &str| value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            match line.split_once(':').unwrap_or((line, "")) {
                ("#EXT-X-TARGETDURATION", value) => playlist.target_duration = number(value),
                ("#EXT-X-MEDIA-SEQUENCE", value) => playlist.media_sequence = number(value),
                ("#EXT-X-DISCONTINUITY-SEQUENCE", value) => playlist.discontinuity_sequence = number(value),
                ("#EXT-X-DISCONTINUITY", _) => discontinuity = true,
                ("#EXTINF", value) => {
                    let seconds = value.split(',').next().unwrap_or_default();
                    duration = Some(Duration::from_secs_f64(seconds.parse().unwrap()));
                }
                (tag, _) if tag.starts_with('#') || line.is_empty() => {}
                _ => playlist.entries.push(EntryText {
                    sequence: playlist.media_sequence + playlist.entries.len() as u64,
                    uri: line.to_owned(),
                    duration: duration.take().unwrap_or_else(|| panic!("no EXTINF before {line}")),
                    discontinuity: std::mem::take(&mut discontinuity),
                }),
            }
        }
        assert!(playlist.target_duration > 0, "no target duration: {text}");
        playlist
    }

    /// The media sequence number after the last segment.
    pub fn end(&self) -> u64 {
        self.media_sequence + self.entries.len() as u64
    }
}

/// One viewer of one channel.
pub struct HlsPlayer {
    client: reqwest::Client,
    media: Url,
    /// The multivariant playlist as received.
    pub multivariant: String,
}

impl HlsPlayer {
    /// Opens a channel's URL, which must answer a multivariant playlist.
    pub async fn open(url: &str) -> Self {
        let client = client();
        let response = client.get(url).send().await.unwrap();
        let (status, base) = (response.status(), response.url().clone());
        let multivariant = response.text().await.unwrap();
        assert_eq!(status, 200, "{base}: {multivariant}");
        assert!(multivariant.contains("#EXT-X-STREAM-INF:"), "not a multivariant playlist: {multivariant}");
        let variant = multivariant.lines().find(|line| !line.starts_with('#') && !line.is_empty());
        let media = base.join(variant.unwrap_or_else(|| panic!("no variant: {multivariant}"))).unwrap();
        Self { client, media, multivariant }
    }

    /// The media playlist's URL.
    pub fn media_url(&self) -> &Url {
        &self.media
    }

    /// Status and text of the media playlist.
    pub async fn try_media(&self) -> (u16, String) {
        let response = self.client.get(self.media.clone()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The media playlist as it is now.
    pub async fn media(&self) -> MediaText {
        let (status, text) = self.try_media().await;
        assert_eq!(status, 200, "{}: {text}", self.media);
        MediaText::parse(&text)
    }

    /// Waits until the media playlist is as wanted.
    pub async fn media_when(&self, what: &str, mut wanted: impl FnMut(&MediaText) -> bool) -> MediaText {
        eventually(what, async || Some(self.media().await).filter(&mut wanted)).await
    }

    /// A listed segment.
    pub async fn segment(&self, entry: &EntryText) -> Vec<u8> {
        let url = self.media.join(&entry.uri).unwrap();
        let response = self.client.get(url.clone()).send().await.unwrap();
        assert_eq!(response.status(), 200, "{url}");
        response.bytes().await.unwrap().into()
    }

    /// Follows the playlist until `count` segments were downloaded, each once, in order.
    pub async fn segments(&self, count: usize) -> Vec<(EntryText, Vec<u8>)> {
        let mut received: Vec<(EntryText, Vec<u8>)> = Vec::new();
        while received.len() < count {
            let next = received.last().map_or(0, |(entry, _)| entry.sequence + 1);
            let playlist = self.media_when("a new segment", |playlist| playlist.end() > next).await;
            for entry in playlist.entries.into_iter().filter(|entry| entry.sequence >= next) {
                let bytes = self.segment(&entry).await;
                received.push((entry, bytes));
            }
        }
        received
    }
}

/// Reads a continuous response until `seconds` worth of bytes came or the deadline passed.
pub async fn read_bytes(response: &mut reqwest::Response, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let reading = async {
        while bytes.len() < size {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend(chunk),
                ended => panic!("the response ended after {} bytes: {ended:?}", bytes.len()),
            }
        }
    };
    tokio::time::timeout(crate::SOON, reading).await.expect("bytes come in time");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_playlist_is_read() {
        let text = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:1.5,\n7.ts\n\
                    #EXT-X-DISCONTINUITY\n#EXTINF:2.000,\n8.ts\n";
        let playlist = MediaText::parse(text);
        assert_eq!((playlist.target_duration, playlist.media_sequence, playlist.end()), (2, 7, 9));
        assert_eq!(playlist.entries[1].sequence, 8);
        assert!(playlist.entries[1].discontinuity && !playlist.entries[0].discontinuity);
    }
}
