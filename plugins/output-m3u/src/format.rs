//! The text of one entry. Runs a hundred thousand times per list: it appends to one buffer and formats nothing through `fmt`.

use mast_sdk::output::Channel;

/// Which attributes an entry has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `type=m3u`: the name only.
    Simple,
    /// `type=m3u_plus`: id, name, logo and group, in the order that boxes know.
    Plus,
    /// The same with the channel's number, and `radio` where it is one.
    Numbered,
}

/// Appends the two lines of a channel.
pub(crate) fn entry(out: &mut Vec<u8>, channel: &Channel, style: Style) {
    out.extend_from_slice(b"#EXTINF:-1");
    if style == Style::Numbered {
        out.extend_from_slice(b" tvg-chno=\"");
        number(out, channel.number);
        out.push(b'"');
    }
    if style != Style::Simple {
        out.extend_from_slice(b" tvg-id=\"");
        text(out, &channel.epg_id, b',');
        out.extend_from_slice(b"\" tvg-name=\"");
        text(out, &channel.name, b',');
        out.extend_from_slice(b"\" tvg-logo=\"");
        address(out, &channel.logo);
        out.extend_from_slice(b"\" group-title=\"");
        text(out, &channel.category_name, b',');
        out.push(b'"');
    }
    if style == Style::Numbered && mast_sdk::pair(&channel.attrs, "radio") == Some("true") {
        out.extend_from_slice(b" radio=\"true\"");
    }
    out.push(b',');
    // Many players take what stands behind the last comma for the name.
    text(out, &channel.name, b';');
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(channel.playback.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a text that cannot end its attribute or its line: quotes become apostrophes, control characters spaces, and a comma
/// becomes `comma`.
fn text(out: &mut Vec<u8>, value: &str, comma: u8) {
    let start = out.len();
    out.extend_from_slice(value.as_bytes());
    // Bytes of longer UTF-8 sequences are 0x80 and above, so single bytes can be replaced in place.
    for byte in &mut out[start..] {
        match *byte {
            b'"' => *byte = b'\'',
            b',' => *byte = comma,
            0..=0x1F | 0x7F => *byte = b' ',
            _ => {}
        }
    }
}

/// Appends a URL; what would end the attribute or confuse a parser is percent-encoded.
fn address(out: &mut Vec<u8>, value: &str) {
    for &byte in value.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"%22"),
            b',' => out.extend_from_slice(b"%2C"),
            b' ' => out.extend_from_slice(b"%20"),
            0..=0x1F | 0x7F => {}
            _ => out.push(byte),
        }
    }
}

pub(crate) fn number(out: &mut Vec<u8>, value: u32) {
    let mut digits = [0; 10];
    let mut rest = value;
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}
