//! Tells by the first bytes of an upstream's answer what it is. Content types lie; sync bytes do not.

use crate::tuner::fault::UpstreamFault;

const PACKET: usize = 188;
/// Sync bytes in a row, one packet apart, that make MPEG-TS.
const PACKETS: usize = 3;
/// What is not MPEG-TS after this many bytes will not become it.
const ENOUGH: usize = 64 * 1024;

/// What the bytes so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sniffed {
    /// Too few to tell.
    Undecided,
    /// MPEG-TS.
    MpegTs,
    /// An HLS playlist.
    Playlist,
    /// Something else.
    Fault(UpstreamFault),
}

/// Judges the bytes so far.
pub(crate) fn sniff(head: &[u8]) -> Sniffed {
    let text = without_blanks(head);
    if text.starts_with(b"#EXTM3U") {
        return Sniffed::Playlist;
    }
    if synced(head) {
        return Sniffed::MpegTs;
    }
    // `<` opens HTML and XML alike; 4 bytes tell either from a stray byte.
    if text.len() >= 4 && text[0] == b'<' && text[1..4].iter().all(|b| b.is_ascii_graphic() || *b == b' ') {
        return Sniffed::Fault(UpstreamFault::Html);
    }
    if head.len() >= ENOUGH { Sniffed::Fault(UpstreamFault::Garbage) } else { Sniffed::Undecided }
}

/// Judges an answer that ended undecided.
pub(crate) fn ended(head: &[u8]) -> UpstreamFault {
    match head {
        [] => UpstreamFault::Empty,
        [0x47, ..] => UpstreamFault::Ended,
        _ => UpstreamFault::Garbage,
    }
}

fn synced(head: &[u8]) -> bool {
    let span = PACKET * (PACKETS - 1);
    let starts = head.len().saturating_sub(span).min(ENOUGH);
    (0..starts).any(|at| (0..PACKETS).all(|n| head[at + n * PACKET] == 0x47))
}

fn without_blanks(head: &[u8]) -> &[u8] {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    text.trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(count: usize) -> Vec<u8> {
        (0..count * PACKET).map(|at| if at % PACKET == 0 { 0x47 } else { 0xff }).collect()
    }

    #[test]
    fn judgements() {
        let mid_packet = [vec![0x12; 100], packets(4)].concat();
        let page = b"<!DOCTYPE html><html><body>Please log in</body></html>".to_vec();
        let bom_page = [b"\xef\xbb\xbf\r\n ".to_vec(), page.clone()].concat();
        let cases: [(&str, Vec<u8>, Sniffed); 9] = [
            ("nothing", vec![], Sniffed::Undecided),
            ("one packet", packets(1), Sniffed::Undecided),
            ("three packets", packets(3), Sniffed::MpegTs),
            ("joined mid-packet", mid_packet, Sniffed::MpegTs),
            ("page", page, Sniffed::Fault(UpstreamFault::Html)),
            ("page after a byte order mark", bom_page, Sniffed::Fault(UpstreamFault::Html)),
            ("playlist", b"#EXTM3U\n#EXT-X-VERSION:3\n".to_vec(), Sniffed::Playlist),
            ("some text", b"Forbidden".to_vec(), Sniffed::Undecided),
            ("noise", vec![0x11; ENOUGH], Sniffed::Fault(UpstreamFault::Garbage)),
        ];
        for (name, head, expected) in cases {
            assert_eq!(sniff(&head), expected, "{name}");
        }
    }

    #[test]
    fn ends() {
        assert_eq!(ended(b""), UpstreamFault::Empty);
        assert_eq!(ended(b"Forbidden"), UpstreamFault::Garbage);
        assert_eq!(ended(&packets(1)), UpstreamFault::Ended);
    }
}
