//! What the elementary streams are called, as far as it is known, and whether that changed.

use super::Event;
use crate::segment::Codecs;
use crate::ts::VideoParams;
use crate::ts::audio;
use crate::ts::psi::{AudioCodec, Kind, Pmt};

#[derive(Debug, Clone, Copy, PartialEq)]
struct Sound {
    pid: u16,
    codec: AudioCodec,
    /// From a frame; the table's default until then.
    seen: Option<&'static str>,
}

/// Follows the codecs of one channel.
#[derive(Debug, Default)]
pub(super) struct CodecWatch {
    video: Option<VideoParams>,
    audio: Vec<Sound>,
    announced: Option<Codecs>,
    changed: bool,
}

impl CodecWatch {
    /// The map lists other elementary streams now; `same_video` when the video stream is not among the changes.
    pub(super) fn map(&mut self, map: &Pmt, same_video: bool) {
        if !same_video {
            self.video = None;
        }
        let sounds = map.elementary.iter().filter_map(|stream| match stream.kind {
            Kind::Audio(codec) => {
                let known = self.audio.iter().find(|sound| sound.pid == stream.pid && sound.codec == codec);
                Some(known.copied().unwrap_or(Sound { pid: stream.pid, codec, seen: None }))
            }
            Kind::Video(_) | Kind::Other => None,
        });
        self.audio = sounds.collect();
        self.changed = true;
    }

    /// A random access point's sequence header; true when it differs from the one before.
    pub(super) fn video(&mut self, params: Option<VideoParams>) -> bool {
        if params.is_none() || params == self.video {
            return false;
        }
        self.changed = true;
        std::mem::replace(&mut self.video, params).is_some()
    }

    /// The start of a PES packet of an audio stream; true when its codec was another one before.
    pub(super) fn audio(&mut self, pid: u16, payload: &[u8]) -> bool {
        let Some(sound) = self.audio.iter_mut().find(|sound| sound.pid == pid) else { return false };
        let Some(name) = audio::name(sound.codec, payload).filter(|name| sound.seen != Some(*name)) else {
            return false;
        };
        let before = sound.seen.replace(name);
        // Otherwise it only confirmed the default.
        self.changed |= before.or(audio::default_name(sound.codec)) != Some(name);
        before.is_some()
    }

    /// Tells the codecs if they are not those that were told last.
    pub(super) fn announce(&mut self, events: &mut Vec<Event>) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let codecs = self.codecs();
        if self.announced.as_ref() != Some(&codecs) {
            self.announced = Some(codecs.clone());
            events.push(Event::Codecs(codecs));
        }
    }

    fn codecs(&self) -> Codecs {
        let mut names: Vec<String> = self.video.iter().map(|video| video.name.clone()).collect();
        for name in self.audio.iter().filter_map(|sound| sound.seen.or(audio::default_name(sound.codec))) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Codecs {
            names,
            resolution: self.video.as_ref().map(|video| video.resolution),
            frame_rate: self.video.as_ref().and_then(|video| video.frame_rate),
        }
    }
}
