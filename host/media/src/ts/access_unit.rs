//! The start of an access unit: its time, and whether a decoder can start there.
//!
//! A PES packet of the reference elementary stream is taken as an access unit. Its first bytes are looked at until they
//! tell, which for most pictures is within the first packet. The sender's random access indicator is not believed where
//! the bytes can be asked: a decoder can start at an access unit that carries its sequence header and an intra picture.

use super::VideoParams;
use super::bits::start_code;
use super::pes::{self, Pes};
use super::psi::{Kind, VideoCodec};
use super::{h264, h265, mpeg2};

/// Bytes of an access unit that are looked at; above that it counts as one that no decoder can start at, unless the sender
/// says so and a sequence header was there.
const LIMIT: usize = 16 * 1024;

/// What is known about an access unit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AccessUnit {
    /// Decoding time, 33 bits at 90 kHz.
    pub time: Option<u64>,
    /// A decoder can start here.
    pub random_access: bool,
    /// The sequence header, at random access points.
    pub video: Option<VideoParams>,
}

/// What a NAL unit or start code says about the access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// The sequence header, behind the start code.
    Sequence,
    /// A decoder can start at the next picture, whatever its type (recovery point).
    Recovery,
    /// A picture that needs no other.
    Intra,
    /// A picture that may need others.
    Inter,
    /// Needs more bytes to tell.
    More,
    /// Says nothing.
    Nothing,
}

/// Judges the bytes behind a start code, up to the next one or to the last byte there is; `true` when it is the next one.
type Marker = fn(&[u8], bool) -> Mark;
/// Reads a sequence header.
type SequenceReader = fn(&[u8]) -> Option<VideoParams>;

/// Looks at the start of one access unit after the other; holds at most `LIMIT` bytes and a packet.
#[derive(Debug, Default)]
pub struct Scanner {
    bytes: Vec<u8>,
    header: Option<pes::PesHeader>,
    /// Where in `bytes` to go on looking for start codes.
    at: usize,
    sequence: Option<usize>,
    recovery: bool,
    claimed: bool,
}

impl Scanner {
    /// A new access unit starts; `claimed` is the sender's random access indicator.
    pub fn start(&mut self, claimed: bool) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        *self = Self { bytes, claimed, ..Self::default() };
    }

    /// Takes the payload of a packet; the answer comes with the one that completes it.
    pub fn feed(&mut self, kind: Kind, payload: &[u8]) -> Option<AccessUnit> {
        if self.bytes.is_empty() {
            let answer = self.look(kind, payload);
            if answer.is_none() {
                self.bytes.extend_from_slice(payload);
            }
            return answer;
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.extend_from_slice(payload);
        let answer = self.look(kind, &bytes);
        self.bytes = bytes;
        answer
    }

    /// The access unit is over or damaged: what is known about it.
    pub fn give_up(&self) -> AccessUnit {
        AccessUnit { time: self.header.and_then(|header| header.decode_time()), ..AccessUnit::default() }
    }

    fn look(&mut self, kind: Kind, bytes: &[u8]) -> Option<AccessUnit> {
        let header = match self.header {
            Some(header) => header,
            None => match pes::parse(bytes) {
                Pes::Header(header) => {
                    self.at = header.body;
                    *self.header.insert(header)
                }
                Pes::More => return None,
                Pes::Invalid => return Some(AccessUnit::default()),
            },
        };
        let (random_access, video) = match kind {
            Kind::Video(VideoCodec::Other) => (self.claimed, None),
            Kind::Video(codec) => self.pictures(codec, bytes)?,
            Kind::Audio(_) | Kind::Other => (true, None),
        };
        Some(AccessUnit { time: header.decode_time(), random_access, video })
    }

    /// Whether the first picture can be started at; `None` while its start has not come.
    fn pictures(&mut self, codec: VideoCodec, bytes: &[u8]) -> Option<(bool, Option<VideoParams>)> {
        let (mark, params): (Marker, SequenceReader) = match codec {
            VideoCodec::H264 => (h264::mark, h264::sequence),
            VideoCodec::H265 => (h265::mark, h265::sequence),
            VideoCodec::Mpeg2 | VideoCodec::Other => (mpeg2::mark, mpeg2::sequence),
        };
        let intra = loop {
            let Some(code) = start_code(bytes, self.at) else { break None };
            let body = code + 3;
            let next = start_code(bytes, body);
            match mark(&bytes[body..next.unwrap_or(bytes.len())], next.is_some()) {
                Mark::More => {
                    self.at = code;
                    break None;
                }
                Mark::Intra => break Some(true),
                Mark::Inter => break Some(self.recovery),
                Mark::Sequence => self.sequence = self.sequence.or(Some(body)),
                Mark::Recovery => self.recovery = true,
                Mark::Nothing => {}
            }
            self.at = body;
        };
        let intra = match intra {
            Some(intra) => intra,
            None if bytes.len() < LIMIT => return None,
            None => self.claimed,
        };
        let sequence = self.sequence.filter(|_| intra).map(|at| &bytes[at..]);
        Some((sequence.is_some(), sequence.and_then(params)))
    }
}
