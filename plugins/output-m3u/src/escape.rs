//! Putting a text into a format that must not be broken by it. Runs a hundred thousand times per list: texts without a byte that matters
//! (nearly all of them) are looked through eight bytes at a time and copied whole.

use serde::Deserialize;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Escape {
    /// As it is, but for control characters, which become spaces: an entry stays on its line.
    None,
    /// Text and attributes of XML.
    Xml,
    /// Strings of JSON.
    Json,
    /// Quotes become apostrophes, commas semicolons; commas and quotes of addresses are percent-encoded.
    M3u,
    /// Everything but unreserved characters is percent-encoded.
    Url,
    /// For formats that put texts between braces: they become parentheses.
    #[serde(skip)]
    Braces,
}

impl Escape {
    /// Appends a text that people read.
    pub(crate) fn text(self, out: &mut Vec<u8>, value: &str) {
        match self {
            Self::None => each(out, value, |byte, out| out.push(if byte.is_ascii_control() { b' ' } else { byte })),
            Self::Xml => each(out, value, xml),
            Self::Json => each(out, value, json),
            Self::M3u => text(out, value, b';'),
            Self::Url => each(out, value, url),
            Self::Braces => each(out, value, |byte, out| {
                out.push(match byte {
                    b'{' => b'(',
                    b'}' => b')',
                    _ if byte.is_ascii_control() => b' ',
                    _ => byte,
                });
            }),
        }
    }

    /// Appends a URL.
    pub(crate) fn address(self, out: &mut Vec<u8>, value: &str) {
        match self {
            Self::None | Self::M3u | Self::Braces => address(out, value),
            Self::Xml | Self::Json | Self::Url => self.text(out, value),
        }
    }
}

fn each(out: &mut Vec<u8>, value: &str, write: impl Fn(u8, &mut Vec<u8>)) {
    value.bytes().for_each(|byte| write(byte, out));
}

fn xml(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'&' => out.extend_from_slice(b"&amp;"),
        b'<' => out.extend_from_slice(b"&lt;"),
        b'>' => out.extend_from_slice(b"&gt;"),
        b'"' => out.extend_from_slice(b"&quot;"),
        b'\'' => out.extend_from_slice(b"&#39;"),
        // Most of them may not stand in XML at all, however they are written.
        _ if byte.is_ascii_control() => out.push(b' '),
        _ => out.push(byte),
    }
}

fn json(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        _ if byte.is_ascii_control() => out.push(b' '),
        _ => out.push(byte),
    }
}

/// One byte of a URL's query or path.
pub(crate) fn url(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        out.push(byte);
    } else {
        out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Appends a text that cannot end its attribute or its line: quotes become apostrophes, control characters spaces, and a comma
/// becomes `comma`.
pub(crate) fn text(out: &mut Vec<u8>, value: &str, comma: u8) {
    let start = out.len();
    out.extend_from_slice(value.as_bytes());
    if is_clean(value.as_bytes()) {
        return;
    }
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
pub(crate) fn address(out: &mut Vec<u8>, value: &str) {
    if is_clean(value.as_bytes()) && !value.contains(' ') {
        return out.extend_from_slice(value.as_bytes());
    }
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

/// No quote, no comma, no control character.
pub(crate) fn is_clean(bytes: &[u8]) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of a byte says that it is below `limit`; carries can only make clean bytes above a bad one look bad.
    let below = |word: u64, limit: u64| word.wrapping_sub(LOW * limit) & !word & HIGH;
    let (words, rest) = bytes.as_chunks::<8>();
    let is_bad = |word: u64| {
        let equal = |byte: u8| below(word ^ (LOW * u64::from(byte)), 1);
        (below(word, 0x20) | equal(b'"') | equal(b',') | equal(0x7F)) != 0
    };
    !words.iter().any(|word| is_bad(u64::from_le_bytes(*word)))
        && rest.iter().all(|byte| !matches!(byte, b'"' | b',' | 0..=0x1F | 0x7F))
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
