//! What a channel of the upstream looks like.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::clip::Clip;

/// A picture, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Video {
    /// H.264.
    H264,
    /// HEVC.
    Hevc,
    /// Audio only.
    None,
}

/// A tone, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audio {
    /// AAC in ADTS.
    Aac,
    /// MPEG-1 layer 2.
    Mp2,
    /// AC-3.
    Ac3,
    /// Video only.
    None,
}

/// Where a channel's packets come from.
#[derive(Debug, Clone)]
pub enum Feed {
    /// ffmpeg draws the channel's name and a running clock, in real time.
    Pattern {
        /// Keep ffmpeg running without clients, as a provider's restreamer does.
        always_on: bool,
    },
    /// A clip repeated for ever in real time, with timestamps that go on.
    Clip(Arc<Clip>),
    /// A clip from its first to its last byte as fast as the client reads, then the end.
    Whole(Arc<Clip>),
}

/// A channel.
#[derive(Debug, Clone)]
pub struct ChannelSpec {
    /// Its name: letters, digits and dashes.
    pub name: String,
    /// The picture of a pattern.
    pub video: Video,
    /// The tone of a pattern.
    pub audio: Audio,
    /// Distance between keyframes of a pattern.
    pub gop: Duration,
    /// What a new client gets at once, starting at a keyframe; none: it joins wherever the channel is.
    pub burst: Option<Duration>,
    /// Length of the segments of a clip as HLS; a multiple of the distance between its keyframes.
    pub segment: Duration,
    /// Where the packets come from.
    pub feed: Feed,
}

impl ChannelSpec {
    /// A pattern with H.264 and AAC, two seconds between keyframes, no burst.
    pub fn pattern(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            video: Video::H264,
            audio: Audio::Aac,
            gop: Duration::from_secs(2),
            burst: None,
            segment: Duration::from_secs(1),
            feed: Feed::Pattern { always_on: false },
        }
    }

    /// A clip in real time, no burst.
    pub fn clip(name: &str, clip: &Arc<Clip>) -> Self {
        Self { feed: Feed::Clip(clip.clone()), ..Self::pattern(name) }
    }

    /// A clip as fast as the client reads.
    pub fn whole(name: &str, clip: &Arc<Clip>) -> Self {
        Self { feed: Feed::Whole(clip.clone()), ..Self::pattern(name) }
    }

    /// Sets the picture.
    pub fn video(self, video: Video) -> Self {
        Self { video, ..self }
    }

    /// Sets the tone.
    pub fn audio(self, audio: Audio) -> Self {
        Self { audio, ..self }
    }

    /// Sets the distance between keyframes.
    pub fn gop(self, gop: Duration) -> Self {
        Self { gop, ..self }
    }

    /// Sets what a new client gets at once.
    pub fn burst(self, burst: Duration) -> Self {
        Self { burst: Some(burst), ..self }
    }

    /// Sets the length of HLS segments.
    pub fn segment(self, segment: Duration) -> Self {
        Self { segment, ..self }
    }

    /// Keeps the pattern running without clients.
    pub fn always_on(self) -> Self {
        Self { feed: Feed::Pattern { always_on: true }, ..self }
    }

    /// Reads `name`, `name:hevc`, `name:none+mp2`: a pattern.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let (name, codecs) = text.split_once(':').unwrap_or((text, ""));
        let (video, audio) = codecs.split_once('+').unwrap_or((codecs, ""));
        let spec = Self::pattern(name);
        spec.check().with_context(|| format!("channel \"{text}\""))?;
        Ok(spec.video(parse_video(video)?).audio(parse_audio(audio)?))
    }

    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let valid = !self.name.is_empty() && self.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !valid {
            bail!("a channel's name consists of letters, digits and dashes, for example \"news-1\"");
        }
        Ok(())
    }
}

fn parse_video(text: &str) -> anyhow::Result<Video> {
    Ok(match text {
        "" | "h264" => Video::H264,
        "hevc" => Video::Hevc,
        "none" => Video::None,
        _ => bail!("video \"{text}\" is not one of h264, hevc, none"),
    })
}

fn parse_audio(text: &str) -> anyhow::Result<Audio> {
    Ok(match text {
        "" | "aac" => Audio::Aac,
        "mp2" => Audio::Mp2,
        "ac3" => Audio::Ac3,
        "none" => Audio::None,
        _ => bail!("audio \"{text}\" is not one of aac, mp2, ac3, none"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_parsed() {
        let two = ChannelSpec::parse("two:hevc").unwrap();
        assert_eq!((two.name.as_str(), two.video, two.audio), ("two", Video::Hevc, Audio::Aac));
        let radio = ChannelSpec::parse("radio:none+mp2").unwrap();
        assert_eq!((radio.video, radio.audio), (Video::None, Audio::Mp2));
        for bad in ["", "a b", "a/b", "one:vp9", "one:h264+opus"] {
            assert!(ChannelSpec::parse(bad).is_err(), "{bad}");
        }
    }
}
