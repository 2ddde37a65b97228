//! Texts in the formats of a box.

/// Appends a text to a line: control characters become spaces, so that it cannot end the line.
pub(crate) fn line(out: &mut Vec<u8>, value: &str) {
    out.extend(value.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
}

/// Appends a part of a service reference: what would end it, and what starts an escape, as `%xx` in lower case.
pub(crate) fn reference(out: &mut Vec<u8>, value: &str) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in value.bytes() {
        if matches!(byte, b':' | b'%' | 0..=0x1F) {
            out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        } else {
            out.push(byte);
        }
    }
}

/// A name as a reference carries it: its control characters are spaces before they could become escapes.
pub(crate) fn name(out: &mut Vec<u8>, value: &str) {
    let plain: String = value.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect();
    reference(out, &plain);
}

/// A text of XML or of an attribute between double quotes.
pub(crate) fn xml(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(character(c)),
        }
    }
    out
}

/// What stands between `<![CDATA[` and `]]>`.
pub(crate) fn cdata(value: &str) -> String {
    let known: String = value.chars().map(character).collect();
    known.replace("]]>", "]]]]><![CDATA[>")
}

/// XML has no control characters, and no U+FFFE and U+FFFF.
fn character(c: char) -> char {
    match c {
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        _ if c.is_ascii_control() => ' ',
        _ => c,
    }
}

/// A word of a shell's command line, whatever is in it.
pub(crate) fn shell(value: &str) -> String {
    let plain: String = value.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect();
    format!("'{}'", plain.replace('\'', "'\\''"))
}

/// A part of a URL: everything but unreserved characters is percent-encoded.
pub(crate) fn url(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
