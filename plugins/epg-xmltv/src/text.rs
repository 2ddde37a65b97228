//! Texts as people shall read them: references resolved, bad bytes replaced, control characters out, bounded.

use std::borrow::Cow;

use memchr::memchr;

use crate::remarks::Remarks;

/// The longest name of a reference.
const REFERENCE: usize = 32;

/// Appends `raw` with its references resolved. What has no meaning stays as it is written: a guide's own entities are not read.
pub(crate) fn resolve(raw: &str, out: &mut String, remarks: &mut Remarks) {
    let mut rest = raw;
    while let Some(found) = memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..found]);
        rest = &rest[found..];
        let end = rest.bytes().take(REFERENCE).position(|byte| byte == b';');
        let name = end.map_or("", |end| &rest[1..end]);
        match meaning(name) {
            Some(c) => {
                out.push(c);
                rest = &rest[name.len() + 2..];
            }
            None => {
                if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    remarks.entity(name);
                }
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
}

fn meaning(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

/// UTF-8, with a replacement character for what is none.
pub(crate) fn readable(bytes: &[u8]) -> Cow<'_, str> {
    // What is right, and nearly everything is, is checked many bytes at a time.
    simdutf8::basic::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// An attribute's value.
pub(crate) fn value<'a>(raw: &'a str, remarks: &mut Remarks) -> Cow<'a, str> {
    if is_plain(raw) {
        return Cow::Borrowed(trim(raw));
    }
    let mut resolved = String::with_capacity(raw.len());
    resolve(raw, &mut resolved, remarks);
    Cow::Owned(tidy(&resolved, false, usize::MAX).into_owned())
}

/// There is nothing to resolve in it and, space at its ends apart, nothing to tidy.
pub(crate) fn is_plain(text: &str) -> bool {
    // Without a way out halfway, sixteen bytes are looked at at once.
    !text.bytes().fold(false, |any, byte| any | (byte < b' ') | (byte == 0x7F) | (byte == b'&'))
}

/// The same as [`str::trim`], for texts that seldom need it.
pub(crate) fn trim(text: &str) -> &str {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = text.as_bytes();
    if is_edge(bytes.first()) && is_edge(bytes.last()) { text } else { text.trim() }
}

/// The text without space around it and control characters in it, at most `longest` bytes. Line ends are kept where `lines` says
/// so, else every run of space is one space.
pub(crate) fn tidy(text: &str, lines: bool, longest: usize) -> Cow<'_, str> {
    let mut text = trim(text);
    if text.len() > longest {
        text = text[..text.floor_char_boundary(longest)].trim_end();
    }
    if !text.bytes().fold(false, |any, byte| any | (byte < b' ') | (byte == 0x7F)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut space = None;
    for c in text.chars() {
        match c {
            '\n' if lines => space = Some('\n'),
            ' ' | '\t' | '\n' | '\r' => space = space.or(Some(' ')),
            _ if c.is_control() => {}
            _ => {
                out.extend(space.take());
                out.push(c);
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_or_stay() {
        for (raw, expected, entities) in [
            ("plain", "plain", 0),
            ("a &amp; b &lt;c&gt; &quot;d&quot; &apos;e&apos;", "a & b <c> \"d\" 'e'", 0),
            ("&#228;&#xe4;&#XE4;", "äää", 0),
            ("&nbsp;&eacute;&nbsp;", "&nbsp;&eacute;&nbsp;", 2),
            ("Q & A; R&B", "Q & A; R&B", 0),
            ("&#xD800;&#9999999999;&#;", "&#xD800;&#9999999999;&#;", 0),
            ("&&amp;;&", "&&;&", 0),
            ("&amp;lt;", "&lt;", 0),
            ("&ü;", "&ü;", 0),
        ] {
            let (mut out, mut remarks) = (String::new(), Remarks::default());
            resolve(raw, &mut out, &mut remarks);
            assert_eq!((out.as_str(), remarks.take().len()), (expected, entities), "{raw}");
        }
    }

    #[test]
    fn space_and_control_characters() {
        for (text, lines, expected) in [
            ("  a b ", false, "a b"),
            ("a\n   b\tc", false, "a b c"),
            ("a \r\n\n  b", true, "a\nb"),
            ("a\u{1}\u{8}b\u{7f}\u{85}", false, "ab"),
            ("\u{0}", false, ""),
            ("äöü\u{1}", false, "äöü"),
        ] {
            assert_eq!(tidy(text, lines, 99), expected, "{text:?}");
        }
        assert_eq!(tidy("äöü", false, 3), "ä");
        assert_eq!(tidy("a b", false, 2), "a");
    }
}
