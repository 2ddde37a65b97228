//! The content of one element as texts and tags. Nothing is checked against anything: a mistake costs no more than where it stands.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

/// A piece of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// Text with references in it.
    Text(&'a str),
    /// Text that is taken literally.
    Literal(&'a str),
    /// A start tag, or a tag that is both (`closed`).
    Open {
        /// The element.
        name: &'a str,
        /// What stands behind the name; see [`attribute`].
        attributes: &'a str,
        /// It ends with `/>`.
        closed: bool,
        /// Where it begins.
        at: usize,
    },
    /// An end tag.
    Close(&'a str),
}

/// Takes content apart.
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// All of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Passes over white space.
    pub(crate) fn skip_blank(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(rest.len());
    }

    /// The text up to the end tag of this name, where nothing else stands between; both are passed then.
    pub(crate) fn text_of(&mut self, name: &str) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        let length = memchr(b'<', rest.as_bytes())?;
        let end = rest[length + 1..].strip_prefix('/')?.strip_prefix(name)?.strip_prefix('>')?;
        self.at = self.text.len() - end.len();
        Some(&rest[..length])
    }

    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.text[self.at..self.at + length];
        self.at += length;
        taken
    }

    /// What lies between here and `end`, which is passed; everything where there is none.
    fn until(&mut self, end: &str) -> &'a str {
        let rest = &self.text[self.at..];
        let length = memmem::find(rest.as_bytes(), end.as_bytes());
        let taken = self.take(length.unwrap_or(rest.len()));
        if length.is_some() {
            self.at += end.len();
        }
        taken
    }

    fn tag(&mut self) -> Token<'a> {
        let at = self.at;
        self.at += 1;
        let rest = &self.text[self.at..];
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let length = rest.as_bytes().iter().position(|byte| !is_name(byte)).unwrap_or(0);
        if length > 0 && rest.as_bytes()[length] == b'>' {
            // Most elements have no attributes.
            self.at += length + 1;
            return Token::Open { name: &rest[..length], attributes: "", closed: false, at };
        }
        let end = tag_end(rest.as_bytes());
        let inside = &rest[..end];
        self.at += end + usize::from(rest.as_bytes().get(end) == Some(&b'>'));
        if let Some(name) = inside.strip_prefix('/') {
            return Token::Close(name.trim());
        }
        let (inside, closed) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let name = inside.bytes().position(|byte| byte.is_ascii_whitespace()).unwrap_or(inside.len());
        let (name, attributes) = inside.split_at(name);
        Token::Open { name, attributes, closed, at }
    }
}

/// Where a tag ends: at its `>`, or before a `<` that has no place in it. Behind the last byte where neither is there.
pub(crate) fn tag_end(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = rest[at..].iter().position(|&byte| SIGNS[usize::from(byte)]) {
        at += found;
        let quote = rest[at];
        if quote == b'>' || quote == b'<' {
            return at;
        }
        at += 1;
        match memchr2(quote, b'<', &rest[at..]) {
            Some(found) if rest[at + found] == quote => at += found + 1,
            Some(found) => return at + found,
            None => break,
        }
    }
    rest.len()
}

/// What means something between `<` and `>`.
const SIGNS: [bool; 256] = {
    let mut signs = [false; 256];
    signs[b'<' as usize] = true;
    signs[b'>' as usize] = true;
    signs[b'"' as usize] = true;
    signs[b'\'' as usize] = true;
    signs
};

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.text.as_bytes().get(self.at..).filter(|rest| !rest.is_empty())?;
            let mut text = memchr(b'<', rest).unwrap_or(rest.len());
            if text == 0 {
                match rest.get(1) {
                    Some(b'a'..=b'z' | b'A'..=b'Z' | b'/') => return Some(self.tag()),
                    Some(b'!') if rest.starts_with(b"<!--") => {
                        self.until("-->");
                        continue;
                    }
                    Some(b'!') if rest.starts_with(b"<![CDATA[") => {
                        self.at += "<![CDATA[".len();
                        return Some(Token::Literal(self.until("]]>")));
                    }
                    Some(b'?') => {
                        self.until("?>");
                        continue;
                    }
                    // A sign that somebody forgot to escape.
                    _ => text = 1,
                }
            }
            return Some(Token::Text(self.take(text)));
        }
    }
}

/// The attributes of a tag, in their order: the name, and where the value is, as it is written, references and all. The quotes may be
/// missing, and the values too.
pub(crate) struct Attributes<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Attributes<'a> {
    /// What stands behind the tag's name.
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a [u8], Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.text[self.at..];
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        // An attribute without a value stands before this one's name.
        let name = rest[..equals].trim_ascii();
        let name = name.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
        let rest = rest[equals + 1..].trim_ascii_start();
        let start = self.text.len() - rest.len();
        let value = match rest.first() {
            Some(&quote @ (b'"' | b'\'')) => {
                let length = rest[1..].iter().position(|byte| *byte == quote).unwrap_or(rest.len() - 1);
                start + 1..start + 1 + length
            }
            _ => start..start + rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len()),
        };
        // The closing quote, or the space that ended it.
        self.at = self.text.len().min(value.end + 1);
        Some((name, value))
    }
}

fn find(attributes: &[u8], name: &str) -> Option<Range<usize>> {
    let mut all = Attributes::new(attributes);
    all.find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
}

/// The value of an attribute as written.
pub fn attribute<'a>(attributes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    find(attributes, name).map(|value| &attributes[value])
}

/// The same of text.
pub(crate) fn text_attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    find(attributes.as_bytes(), name).map(|value| &attributes[value])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let shown = Tokens::new(text).map(|token| match token {
            Token::Text(text) => format!("'{text}'"),
            Token::Literal(text) => format!("!{text}!"),
            Token::Open { name, attributes, closed, .. } => {
                format!("<{name}|{}{}>", attributes.trim(), if closed { "/" } else { "" })
            }
            Token::Close(name) => format!("</{name}>"),
        });
        shown.collect()
    }

    #[test]
    fn content_is_taken_apart() {
        for (text, expected) in [
            ("", ""),
            ("a<b>c</b>", "'a'<b|>'c'</b>"),
            ("<b x=\"1>2\" y='\"'>c", "<b|x=\"1>2\" y='\"'>'c'"),
            ("<b/><c x='/'/>", "<b|/><c|x='/'/>"),
            ("a < b <3 &amp; c<", "'a ''<'' b ''<''3 &amp; c''<'"),
            ("a<!-- <b> -->c<?x y?>d", "'a''c''d'"),
            ("<![CDATA[a <b> & c]]>d", "!a <b> & c!'d'"),
            ("<![CDATA[open", "!open!"),
            ("<!-- open", ""),
            ("<b x=\"1<c>d</b", "<b|x=\"1><c|>'d'</b>"),
            ("</ b >", "</b>"),
            ("<b\n  x='1'\n>", "<b|x='1'>"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn attributes_are_found() {
        for (text, name, expected) in [
            (" a=\"1\" b='2'", "a", Some("1")),
            (" a=\"1\" b='2'", "b", Some("2")),
            (" a=\"b='3'\" b = '2' ", "b", Some("2")),
            (" a=1 b=2", "b", Some("2")),
            (" new a=\"1\"", "a", Some("1")),
            (" A=\"1\"", "a", Some("1")),
            (" xa=\"1\"", "a", None),
            (" a=\"\"", "a", Some("")),
            (" a=\"open", "a", Some("open")),
            (" a=", "a", Some("")),
            ("", "a", None),
            ("=", "a", None),
        ] {
            let found = attribute(text.as_bytes(), name).map(|value| std::str::from_utf8(value).unwrap());
            assert_eq!(found, expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_apart(text in "([<>&/!'\"= \\[\\]a-]|<b |<!--|-->|<!\\[CDATA\\[|\\]\\]>|ü){0,24}") {
            for token in Tokens::new(&text) {
                if let Token::Open { attributes, .. } = token {
                    attribute(attributes.as_bytes(), "a");
                }
            }
        }
    }
}
