//! Names of audio codecs (RFC 6381), from the first frame where its header tells more than the table.

use super::bits::Bits;
use super::pes::{self, Pes};
use super::psi::AudioCodec;

/// The name to use until a frame was seen.
pub fn default_name(codec: AudioCodec) -> Option<&'static str> {
    match codec {
        AudioCodec::Adts | AudioCodec::Latm => Some("mp4a.40.2"),
        AudioCodec::Mpeg => Some("mp4a.6B"),
        AudioCodec::Ac3 => Some("ac-3"),
        AudioCodec::Eac3 => Some("ec-3"),
        AudioCodec::Opus => Some("opus"),
        AudioCodec::Other => None,
    }
}

/// The name that the first frame in this start of a PES packet gives; `None` when it is no such frame.
pub fn name(codec: AudioCodec, payload: &[u8]) -> Option<&'static str> {
    let Pes::Header(header) = pes::parse(payload) else { return None };
    let frame = payload.get(header.body..)?;
    match codec {
        AudioCodec::Adts => adts(frame),
        AudioCodec::Latm => latm(frame),
        AudioCodec::Mpeg => mpeg(frame),
        AudioCodec::Ac3 | AudioCodec::Eac3 | AudioCodec::Opus | AudioCodec::Other => None,
    }
}

fn object_type(object_type: u32) -> Option<&'static str> {
    Some(match object_type {
        1 => "mp4a.40.1",
        2 => "mp4a.40.2",
        3 => "mp4a.40.3",
        4 => "mp4a.40.4",
        5 => "mp4a.40.5",
        29 => "mp4a.40.29",
        _ => return None,
    })
}

fn adts(frame: &[u8]) -> Option<&'static str> {
    match *frame {
        [0xff, second, third, ..] if second & 0xf6 == 0xf0 => object_type(u32::from(third >> 6) + 1),
        _ => None,
    }
}

/// AudioSyncStream with an in-band StreamMuxConfig of version 0 (ISO/IEC 14496-3, 1.7).
fn latm(frame: &[u8]) -> Option<&'static str> {
    let [0x56, second, _, body @ ..] = frame else { return None };
    if second & 0xe0 != 0xe0 {
        return None;
    }
    let mut bits = Bits::new(body);
    let (same_config, version) = (bits.flag()?, bits.flag()?);
    if same_config || version {
        return None;
    }
    bits.skip(1 + 6 + 4 + 3)?;
    object_type(bits.bits(5)?)
}

fn mpeg(frame: &[u8]) -> Option<&'static str> {
    let [0xff, second, ..] = *frame else { return None };
    match (second & 0xe0, second >> 3 & 3, second >> 1 & 3) {
        (0xe0, version, 1) if version != 1 => Some("mp4a.40.34"),
        (0xe0, 3, 2 | 3) => Some("mp4a.6B"),
        (0xe0, 2, 2 | 3) => Some("mp4a.69"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_first_frame() {
        let pes = |frame: &[u8]| [&[0, 0, 1, 0xc0, 0, 0, 0x80, 0, 0][..], frame].concat();
        for (codec, frame, expected) in [
            (AudioCodec::Adts, &[0xff, 0xf1, 0x50, 0x80][..], Some("mp4a.40.2")),
            (AudioCodec::Adts, &[0xff, 0xf9, 0x10, 0x80], Some("mp4a.40.1")),
            (AudioCodec::Adts, &[0xff, 0xe1, 0x50, 0x80], None),
            (AudioCodec::Mpeg, &[0xff, 0xfd, 0x84], Some("mp4a.6B")),
            (AudioCodec::Mpeg, &[0xff, 0xfb, 0x84], Some("mp4a.40.34")),
            (AudioCodec::Mpeg, &[0xff, 0xf3, 0x84], Some("mp4a.40.34")),
            (AudioCodec::Mpeg, &[0xff, 0xf5, 0x84], Some("mp4a.69")),
            (AudioCodec::Latm, &[0x56, 0xe0, 0x10, 0x20, 0x00, 0x11, 0x90], Some("mp4a.40.2")),
            (AudioCodec::Latm, &[0x56, 0xe0, 0x10, 0x80, 0x00], None),
            (AudioCodec::Ac3, &[0x0b, 0x77], None),
        ] {
            assert_eq!(name(codec, &pes(frame)), expected, "{codec:?} {frame:x?}");
        }
        assert_eq!(name(AudioCodec::Adts, &[0, 0, 1]), None);
    }
}
