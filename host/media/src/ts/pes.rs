//! PES headers (ISO/IEC 13818-1, 2.4.3.6): where the elementary stream starts and what time it carries.

/// A PES header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PesHeader {
    /// Presentation time, 33 bits at 90 kHz.
    pub pts: Option<u64>,
    /// Decoding time; absent where it equals the presentation time.
    pub dts: Option<u64>,
    /// Where the elementary stream's bytes start.
    pub body: usize,
}

impl PesHeader {
    /// The time that grows from access unit to access unit, B-frames or not.
    pub fn decode_time(&self) -> Option<u64> {
        self.dts.or(self.pts)
    }
}

/// What the first bytes of a PES packet are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pes {
    /// A whole header.
    Header(PesHeader),
    /// The header goes on in the next packet.
    More,
    /// No PES packet, or one without a header of this form.
    Invalid,
}

/// Reads the header at the start of a PES packet.
pub fn parse(bytes: &[u8]) -> Pes {
    if bytes.iter().zip([0, 0, 1]).any(|(byte, expected)| *byte != expected) {
        return Pes::Invalid;
    }
    let Some(head) = bytes.get(..9) else { return Pes::More };
    // Padding, private_stream_2, ECM, EMM, program stream map and directory, DSM-CC and H.222.1 type E have no such header.
    if matches!(head[3], 0xbc | 0xbe | 0xbf | 0xf0 | 0xf1 | 0xf2 | 0xf8 | 0xff) || head[6] & 0xc0 != 0x80 {
        return Pes::Invalid;
    }
    let body = 9 + usize::from(head[8]);
    let Some(fields) = bytes.get(9..body) else { return Pes::More };
    let (pts, dts) = match head[7] >> 6 {
        2 => (timestamp(fields), None),
        3 => (timestamp(fields), fields.get(5..).and_then(timestamp)),
        _ => (None, None),
    };
    Pes::Header(PesHeader { pts, dts, body })
}

fn timestamp(bytes: &[u8]) -> Option<u64> {
    let b: [u8; 5] = *bytes.first_chunk()?;
    if b[0] & b[2] & b[4] & 1 == 0 {
        return None;
    }
    let [high, mid, low] = [
        u64::from(b[0] >> 1 & 7),
        u64::from(b[1]) << 7 | u64::from(b[2] >> 1),
        u64::from(b[3]) << 7 | u64::from(b[4] >> 1),
    ];
    Some(high << 30 | mid << 15 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        let bytes = [0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10, 0x3f, 0xff, 0xff, 0xff, 0xff, 0x11, 0, 1, 0x0e, 0x11, 9];
        let header = PesHeader { pts: Some((1 << 33) - 1), dts: Some(1800), body: 19 };
        assert_eq!(parse(&bytes), Pes::Header(header));
        assert_eq!(header.decode_time(), Some(1800));
        for len in 0..19 {
            assert_eq!(parse(&bytes[..len]), Pes::More, "{len}");
        }
    }

    #[test]
    fn refuses_what_has_no_header() {
        assert_eq!(parse(&[0, 0, 2]), Pes::Invalid);
        assert_eq!(parse(&[0, 0, 1, 0xbe, 0, 0, 0xff, 0xff, 0xff]), Pes::Invalid);
        assert_eq!(parse(&[0, 0, 1, 0xe0, 0, 0, 0x40, 0, 0]), Pes::Invalid);
        // Marker bits missing, or less header than the flags promise: no time, but the body is found.
        let no_time = Pes::Header(PesHeader { pts: None, dts: None, body: 14 });
        assert_eq!(parse(&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0, 0, 0, 0, 0]), no_time);
        assert_eq!(
            parse(&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 1, 0x21]),
            Pes::Header(PesHeader { body: 10, pts: None, dts: None })
        );
    }

    /// What the fuzz target `pes` holds too.
    fn check(bytes: &[u8]) {
        let mut last = Pes::More;
        for length in 0..=bytes.len() {
            let found = parse(&bytes[..length]);
            assert!(last == Pes::More || found == last, "{last:?}, and with more bytes {found:?}: {bytes:?}");
            if let Pes::Header(header) = found {
                assert!(header.body <= length, "{bytes:?}");
                assert!([header.pts, header.dts].iter().flatten().all(|time| *time < 1 << 33), "{bytes:?}");
            }
            last = found;
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_judged_once_and_for_all(
            start in proptest::sample::select(vec![vec![], vec![0, 0, 1], vec![0, 0, 1, 0xe0, 0, 0, 0x80]]),
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        ) {
            check(&[start, bytes].concat());
        }
    }
}
