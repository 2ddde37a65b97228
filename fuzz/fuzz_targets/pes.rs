//! Anything as the start of a PES packet: no panic, nothing beyond the bytes, an answer that more bytes do not change, and the same
//! access unit in however many pieces it comes. `host/media/src/ts/pes.rs` holds the first three with random bytes in the ordinary tests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mast_media::ts::access_unit::Scanner;
use mast_media::ts::pes::{self, Pes};
use mast_media::ts::psi::{AudioCodec, Kind, VideoCodec};

fuzz_target!(|input: &[u8]| {
    // So that a PES packet behind two bytes is a seed: the kind, and the size of the pieces.
    let [kind, piece, bytes @ ..] = input else { return };
    let kind = match kind & 7 {
        0 | 1 => Kind::Video(VideoCodec::H264),
        2 | 3 => Kind::Video(VideoCodec::H265),
        4 => Kind::Video(VideoCodec::Mpeg2),
        5 => Kind::Video(VideoCodec::Other),
        6 => Kind::Audio(AudioCodec::Adts),
        _ => Kind::Other,
    };
    // A fuzzer rarely finds a header: half of the inputs get one for free.
    let header = [0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1];
    let bytes = if *piece & 1 == 1 { [&header[..], bytes].concat() } else { bytes.to_vec() };
    let mut last = Pes::More;
    for length in (0..bytes.len().min(300)).chain([bytes.len()]) {
        let found = pes::parse(&bytes[..length]);
        assert!(last == Pes::More || found == last, "{last:?}, and with more bytes {found:?}");
        if let Pes::Header(header) = found {
            assert!(header.body <= length);
            assert!([header.pts, header.dts].iter().flatten().all(|time| *time < 1 << 33));
        }
        last = found;
    }
    let mut scanner = Scanner::default();
    scanner.start(*piece & 2 == 2);
    let answer = bytes.chunks(usize::from(piece >> 2) + 1).find_map(|piece| scanner.feed(kind, piece));
    let answer = answer.unwrap_or_else(|| scanner.give_up());
    assert!(answer.time.is_none_or(|time| time < 1 << 33));
    assert!(answer.video.is_none() || answer.random_access);
});
