//! HDHomeRun's discovery: one packet asks, one answers. Bytes in, bytes out, no sockets.
//!
//! A packet is its type (u16) and the length of what follows (u16), both big-endian; then tags, each a byte, a length (one byte below 128,
//! otherwise seven bits and seven more) and a value; then the CRC-32 of all that, little-endian.

use super::config::Tuner;

const QUESTION: u16 = 2;
const ANSWER: u16 = 3;

const TAG_TYPE: u8 = 0x01;
const TAG_ID: u8 = 0x02;
const TAG_TUNERS: u8 = 0x10;
const TAG_LINEUP_URL: u8 = 0x27;
const TAG_BASE_URL: u8 = 0x2A;
/// Several types that are asked for, one after the other.
const TAG_TYPES: u8 = 0x2D;

/// The type of a tuner.
const TUNER: u32 = 1;
/// Every type, every id.
const ANY: u32 = u32::MAX;
const CHECKSUM: usize = 4;

/// The answer to a packet; none where it is no question, or one for other devices.
pub(super) fn answer(tuner: &Tuner, packet: &[u8]) -> Option<Vec<u8>> {
    let question = Question::parse(packet)?;
    question.is_for(tuner.device_id).then(|| write(tuner))
}

/// What a packet asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Question {
    /// None asks for every type.
    types: Option<Vec<u32>>,
    /// None asks for every id.
    id: Option<u32>,
}

impl Question {
    fn parse(packet: &[u8]) -> Option<Self> {
        let (content, sum) = packet.split_at_checked(packet.len().checked_sub(CHECKSUM)?)?;
        if sum != checksum(content) {
            return None;
        }
        let (kind, rest) = content.split_first_chunk()?;
        let (length, mut rest) = rest.split_first_chunk()?;
        if u16::from_be_bytes(*kind) != QUESTION || usize::from(u16::from_be_bytes(*length)) != rest.len() {
            return None;
        }
        let mut question = Self::default();
        while !rest.is_empty() {
            let (tag, value, after) = take_tag(rest)?;
            match tag {
                TAG_TYPE | TAG_TYPES => question.types.get_or_insert_default().extend(numbers(value)?),
                TAG_ID => question.id = Some(u32::from_be_bytes(value.try_into().ok()?)),
                // Newer programs may say more.
                _ => {}
            }
            rest = after;
        }
        Some(question)
    }

    fn is_for(&self, id: u32) -> bool {
        let types = self.types.as_ref().is_none_or(|types| types.contains(&TUNER) || types.contains(&ANY));
        types && self.id.is_none_or(|asked| asked == id || asked == ANY)
    }
}

/// A tag, its value, and what is behind it.
fn take_tag(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&low, rest) = rest.split_first()?;
    let (length, rest) = match low {
        0..0x80 => (usize::from(low), rest),
        _ => {
            let (&high, rest) = rest.split_first()?;
            (usize::from(low & 0x7F) | usize::from(high) << 7, rest)
        }
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

fn numbers(value: &[u8]) -> Option<impl Iterator<Item = u32>> {
    let (numbers, left) = value.as_chunks();
    left.is_empty().then(|| numbers.iter().map(|number| u32::from_be_bytes(*number)))
}

fn write(tuner: &Tuner) -> Vec<u8> {
    let url = tuner.url.expose();
    let mut content = Vec::new();
    put_tag(&mut content, TAG_TYPE, &TUNER.to_be_bytes());
    put_tag(&mut content, TAG_ID, &tuner.device_id.to_be_bytes());
    put_tag(&mut content, TAG_TUNERS, &[tuner.tuners]);
    put_tag(&mut content, TAG_BASE_URL, url.as_bytes());
    put_tag(&mut content, TAG_LINEUP_URL, format!("{url}/lineup.json").as_bytes());
    let length = u16::try_from(content.len()).expect("the settings bound the URL to a few hundred bytes");
    let mut packet = [ANSWER.to_be_bytes(), length.to_be_bytes()].concat();
    packet.extend(content);
    packet.extend(checksum(&packet));
    packet
}

fn put_tag(content: &mut Vec<u8>, tag: u8, value: &[u8]) {
    let [low, high] = [value.len() & 0x7F, value.len() >> 7]
        .map(|bits| u8::try_from(bits).expect("the settings bound the URL to a few hundred bytes"));
    content.push(tag);
    match high {
        0 => content.push(low),
        _ => content.extend([low | 0x80, high]),
    }
    content.extend(value);
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum().to_le_bytes()
}

/// The same id with the last digit that programs want: the digits at even places, through a table, and the others add up to it without
/// carrying.
pub(super) fn with_check_digit(id: u32) -> u32 {
    const TABLE: [u32; 16] = [0xA, 0x5, 0xF, 0x6, 0x7, 0xC, 0x1, 0xB, 0x9, 0x2, 0x8, 0xD, 0x4, 0x3, 0xE, 0x0];
    let digit = |place: u32| (id >> (28 - 4 * place)) & 0xF;
    let add = |sum, place| sum ^ if place % 2 == 0 { TABLE[digit(place) as usize] } else { digit(place) };
    (id & !0xF) | (0..7).fold(0, add)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::discovery::tests::tuner;

    fn packet(kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap();
        let mut packet = [&kind.to_be_bytes()[..], &length.to_be_bytes(), content].concat();
        packet.extend(checksum(&packet));
        packet
    }

    /// As `hdhomerun_config discover` sends it.
    const ASKED: &str = "0002000c0104ffffffff0204ffffffff73cc7d8f";

    #[test]
    fn the_real_question_has_this_answer() {
        let answer = answer(&tuner(), &hex::decode(ASKED).unwrap()).unwrap();
        let content = [
            "0104",
            "00000001",
            "0204",
            "1000000f",
            "1001",
            "03",
            "2a1e",
            &hex::encode("http://tv.example/hdhr/token-1"),
            "272a",
            &hex::encode("http://tv.example/hdhr/token-1/lineup.json"),
        ]
        .concat();
        let (head, sum) = answer.split_at(answer.len() - CHECKSUM);
        assert_eq!(hex::encode(head), format!("0003005b{content}"));
        assert_eq!(hex::encode(sum), "e268128a");
    }

    #[test]
    fn only_questions_for_this_tuner_are_answered() {
        let mut broken = hex::decode(ASKED).unwrap();
        broken[19] ^= 1;
        for (asked, expected) in [
            (packet(QUESTION, &[]), true),
            (packet(QUESTION, b"\x01\x04\x00\x00\x00\x01"), true),
            (packet(QUESTION, b"\x01\x04\x00\x00\x00\x05"), false),
            (packet(QUESTION, b"\x2d\x08\x00\x00\x00\x05\x00\x00\x00\x01"), true),
            (packet(QUESTION, b"\x2d\x04\x00\x00\x00\x05"), false),
            (packet(QUESTION, b"\x2d\x03\x00\x00\x01"), false),
            (packet(QUESTION, b"\x02\x04\x10\x00\x00\x0f"), true),
            (packet(QUESTION, b"\x02\x04\x10\x00\x00\x10"), false),
            (packet(QUESTION, b"\x02\x03\x10\x00\x00"), false),
            (packet(QUESTION, b"\x77\x83\x01".iter().chain(&[7; 131]).copied().collect::<Vec<u8>>().as_slice()), true),
            (packet(QUESTION, b"\x77\x83"), false),
            (packet(QUESTION, b"\x01\x05\x00"), false),
            (packet(ANSWER, b"\x01\x04\xff\xff\xff\xff"), false),
            (broken, false),
            (Vec::new(), false),
        ] {
            assert_eq!(answer(&tuner(), &asked).is_some(), expected, "{}", hex::encode(&asked));
        }
    }

    #[test]
    fn ids_have_a_check_digit() {
        for (id, expected) in [(0x1000_0000, 0x1000_000F), (0x1000_000F, 0x1000_000F), (0xFFFF_FFF0, 0xFFFF_FFFF)] {
            assert_eq!(with_check_digit(id), expected, "{id:08X}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes: Vec<u8>) {
            let _ = answer(&tuner(), &bytes);
        }

        #[test]
        fn any_content_is_taken(kind in 1_u16..4, content in proptest::collection::vec(any::<u8>(), 0..300)) {
            // Also whatever passes the checksum.
            let answer = answer(&tuner(), &packet(kind, &content));
            prop_assert!(kind == QUESTION || answer.is_none());
        }

        #[test]
        fn what_is_written_is_read(tag: u8, value in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut content = Vec::new();
            put_tag(&mut content, tag, &value);
            content.push(9);
            prop_assert_eq!(take_tag(&content), Some((tag, &value[..], &[9][..])));
        }
    }
}
