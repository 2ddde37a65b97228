//! The program association and program map tables, and what kind of elementary stream each entry is.

use super::section::seal;

/// A program association table section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pat {
    /// transport_stream_id.
    pub transport: u16,
    /// Program numbers and the PIDs of their maps, without the network entry.
    pub programs: Vec<(u16, u16)>,
}

/// A program map table section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pmt {
    /// program_number.
    pub program: u16,
    /// The PID that carries the clock; 0x1fff for none.
    pub pcr_pid: u16,
    /// Elementary streams in table order.
    pub elementary: Vec<Elementary>,
}

/// An elementary stream of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elementary {
    /// Its PID.
    pub pid: u16,
    /// stream_type as in the table.
    pub stream_type: u8,
    /// What that and the descriptors mean.
    pub kind: Kind,
}

/// Kind of an elementary stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pictures.
    Video(VideoCodec),
    /// Sound.
    Audio(AudioCodec),
    /// Subtitles, teletext, cues and all that only passes through.
    Other,
}

/// Video codecs that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoCodec {
    /// H.264/AVC.
    H264,
    /// H.265/HEVC.
    H265,
    /// MPEG-1 and MPEG-2 video.
    Mpeg2,
    /// Video that is not looked into: its random access indicators are believed.
    Other,
}

/// Audio codecs that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioCodec {
    /// AAC in ADTS frames.
    Adts,
    /// AAC in LATM.
    Latm,
    /// MPEG-1 and MPEG-2 audio, layers I to III.
    Mpeg,
    /// AC-3.
    Ac3,
    /// Enhanced AC-3.
    Eac3,
    /// Opus.
    Opus,
    /// Audio without a name here (DTS and the like).
    Other,
}

const PAT_TABLE: u8 = 0;
const PMT_TABLE: u8 = 2;

/// The part between the table header and the checksum, and the table id extension; `None` when the section is of another
/// table, is announced for later only, or continues in further sections (no PAT or PMT met in practice does).
fn body(section: &[u8], table: u8) -> Option<(u16, &[u8])> {
    let [id, _, _, high, low, version, number, ..] = *section else { return None };
    let applies = id == table && version & 1 == 1 && number == 0;
    let body = section.get(8..section.len().checked_sub(4)?)?;
    applies.then_some((u16::from_be_bytes([high, low]), body))
}

fn pid(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high & 0x1f, low])
}

impl Pat {
    /// Reads a section whose checksum is right.
    pub fn parse(section: &[u8]) -> Option<Self> {
        let (transport, body) = body(section, PAT_TABLE)?;
        let programs = body
            .as_chunks::<4>()
            .0
            .iter()
            .map(|entry| (u16::from_be_bytes([entry[0], entry[1]]), pid(entry[2], entry[3])))
            .filter(|(program, _)| *program != 0)
            .collect();
        Some(Self { transport, programs })
    }

    /// A section for one program of it.
    pub fn only(&self, program: u16, map_pid: u16, version: u8) -> Vec<u8> {
        let [transport, program, map] = [self.transport, program, 0xe000 | map_pid].map(u16::to_be_bytes);
        let mut section = vec![PAT_TABLE, 0xb0, 13, transport[0], transport[1], 0xc1 | version << 1 & 0x3e, 0, 0];
        section.extend([program, map].concat());
        seal(&mut section);
        section
    }
}

impl Pmt {
    /// Reads a section whose checksum is right; `None` when its lengths do not fit together.
    pub fn parse(section: &[u8]) -> Option<Self> {
        let (program, body) = body(section, PMT_TABLE)?;
        let ([pcr_high, pcr_low, info_high, info_low], rest) = body.split_first_chunk()?;
        let mut rest = rest.get(length(*info_high, *info_low)..)?;
        let mut elementary = Vec::new();
        while let Some(([stream_type, high, low, info_high, info_low], tail)) = rest.split_first_chunk() {
            let (descriptors, tail) = tail.split_at_checked(length(*info_high, *info_low))?;
            let kind = kind(*stream_type, descriptors);
            elementary.push(Elementary { pid: pid(*high, *low), stream_type: *stream_type, kind });
            rest = tail;
        }
        Some(Self { program, pcr_pid: pid(*pcr_high, *pcr_low), elementary })
    }

    /// The first video stream.
    pub fn video(&self) -> Option<&Elementary> {
        self.elementary.iter().find(|stream| matches!(stream.kind, Kind::Video(_)))
    }

    /// The first audio stream.
    pub fn audio(&self) -> Option<&Elementary> {
        self.elementary.iter().find(|stream| matches!(stream.kind, Kind::Audio(_)))
    }
}

fn length(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high & 0x0f, low]))
}

fn kind(stream_type: u8, descriptors: &[u8]) -> Kind {
    use AudioCodec as A;
    use VideoCodec as V;
    match stream_type {
        0x01 | 0x02 => Kind::Video(V::Mpeg2),
        0x1b => Kind::Video(V::H264),
        0x24 => Kind::Video(V::H265),
        // MPEG-4 part 2, SVC, MVC, VVC, AVS2, AVS3, Dirac, VC-1.
        0x10 | 0x1f | 0x20 | 0x33 | 0x42 | 0xd1 | 0xd2 | 0xd4 | 0xea => Kind::Video(V::Other),
        0x03 | 0x04 => Kind::Audio(A::Mpeg),
        0x0f => Kind::Audio(A::Adts),
        0x11 => Kind::Audio(A::Latm),
        0x81 => Kind::Audio(A::Ac3),
        0x84 | 0x87 => Kind::Audio(A::Eac3),
        0x82 | 0x85 | 0x86 | 0x8a if has_audio_registration(descriptors) => Kind::Audio(A::Other),
        0x06 => private(descriptors),
        _ => Kind::Other,
    }
}

/// 0x86 is also SCTE-35 and 0x82 subtitles in some networks; only DTS registers itself.
fn has_audio_registration(descriptors: &[u8]) -> bool {
    each(descriptors).any(|(tag, body)| tag == 0x05 && body.starts_with(b"DTS"))
}

/// Private PES: the descriptors tell (ETSI EN 300 468 and registered format identifiers).
fn private(descriptors: &[u8]) -> Kind {
    each(descriptors)
        .find_map(|(tag, body)| {
            Some(match (tag, body.get(..4)) {
                (0x6a, _) | (0x05, Some(b"AC-3")) => Kind::Audio(AudioCodec::Ac3),
                (0x7a, _) | (0x05, Some(b"EAC3")) => Kind::Audio(AudioCodec::Eac3),
                (0x7c, _) => Kind::Audio(AudioCodec::Adts),
                (0x7b, _) | (0x05, Some(b"DTS1" | b"DTS2" | b"DTS3")) => Kind::Audio(AudioCodec::Other),
                (0x05, Some(b"Opus")) => Kind::Audio(AudioCodec::Opus),
                (0x05, Some(b"HEVC")) => Kind::Video(VideoCodec::H265),
                _ => return None,
            })
        })
        .unwrap_or(Kind::Other)
}

fn each(mut descriptors: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let ([tag, length], rest) = descriptors.split_first_chunk()?;
        let (body, rest) = rest.split_at_checked(usize::from(*length))?;
        descriptors = rest;
        Some((*tag, body))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_for_one_program_reads_back() {
        let pat = Pat { transport: 9, programs: vec![(1, 0x100), (2, 0x200)] };
        let section = pat.only(2, 0x200, 33);
        assert_eq!(Pat::parse(&section), Some(Pat { transport: 9, programs: vec![(2, 0x200)] }));
        assert_eq!(section[5], 0xc3, "the version wraps at 32");
    }

    #[test]
    fn kinds_by_type_and_descriptor() {
        for (stream_type, descriptors, expected) in [
            (0x1b, &[][..], Kind::Video(VideoCodec::H264)),
            (0x24, &[], Kind::Video(VideoCodec::H265)),
            (0x02, &[], Kind::Video(VideoCodec::Mpeg2)),
            (0x0f, &[], Kind::Audio(AudioCodec::Adts)),
            (0x11, &[], Kind::Audio(AudioCodec::Latm)),
            (0x03, &[], Kind::Audio(AudioCodec::Mpeg)),
            (0x81, &[], Kind::Audio(AudioCodec::Ac3)),
            (0x87, &[], Kind::Audio(AudioCodec::Eac3)),
            (0x06, &[0x0a, 4, b'd', b'e', b'u', 0, 0x6a, 1, 0], Kind::Audio(AudioCodec::Ac3)),
            (0x06, &[0x7a, 0], Kind::Audio(AudioCodec::Eac3)),
            (0x06, &[0x05, 4, b'E', b'A', b'C', b'3'], Kind::Audio(AudioCodec::Eac3)),
            (0x06, &[0x59, 8, b'd', b'e', b'u', 0x10, 0, 1, 0, 2], Kind::Other),
            (0x06, &[0x56, 0], Kind::Other),
            (0x06, &[0x6a, 9], Kind::Other),
            (0x86, &[], Kind::Other),
            (0x82, &[0x05, 4, b'D', b'T', b'S', b'1'], Kind::Audio(AudioCodec::Other)),
        ] {
            assert_eq!(kind(stream_type, descriptors), expected, "{stream_type:#x} {descriptors:?}");
        }
    }

    #[test]
    fn maps_whose_lengths_lie_are_refused() {
        let mut section = vec![2, 0xb0, 18, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xf0, 0, 0x1b, 0xe1, 0, 0xf0, 0];
        seal(&mut section);
        let map = Pmt::parse(&section).expect("a map");
        assert_eq!((map.program, map.pcr_pid, map.elementary.len()), (1, 0x100, 1));
        for (at, byte) in [(11, 200), (16, 1)] {
            let mut wrong = section.clone();
            wrong[at] = byte;
            assert_eq!(Pmt::parse(&wrong), None, "{at}");
        }
        section[5] = 0xc0;
        assert_eq!(Pmt::parse(&section), None, "not in force yet");
    }
}
