//! Reading text that somebody else wrote: line by line, whatever its line ends and encoding, and never more than one line at a time.

use std::borrow::Cow;
use std::io::{self, BufRead};

/// Lines of text. UTF-8 with or without a byte order mark; a line that is not UTF-8 is read as Latin-1, so one bad name does not
/// cost a list. Lines end with LF, CRLF or the end of the input.
pub struct Lines<R> {
    reader: R,
    longest: usize,
    buffer: Vec<u8>,
    number: u64,
}

/// One line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// From 1.
    pub number: u64,
    /// What it says.
    pub text: Cow<'a, str>,
    /// It was longer than allowed, and the rest is missing.
    pub cut: bool,
}

impl<R: BufRead> Lines<R> {
    /// Lines of at most `longest` bytes; what is longer is cut, and read over without being kept.
    pub fn new(reader: R, longest: usize) -> Self {
        Self { reader, longest, buffer: Vec::new(), number: 0 }
    }

    /// The next line, or none at the end.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let (mut seen_any, mut cut) = (false, false);
        loop {
            let available = self.reader.fill_buf()?;
            if available.is_empty() {
                if !seen_any {
                    return Ok(None);
                }
                break;
            }
            seen_any = true;
            let end = available.iter().position(|&byte| byte == b'\n');
            let piece = &available[..end.unwrap_or(available.len())];
            // One byte more than the longest line: its CR, which is taken off below.
            let room = (self.longest + 1).saturating_sub(self.buffer.len());
            self.buffer.extend_from_slice(&piece[..piece.len().min(room)]);
            cut |= piece.len() > room;
            let consumed = piece.len() + usize::from(end.is_some());
            self.reader.consume(consumed);
            if end.is_some() {
                break;
            }
        }
        if self.buffer.last() == Some(&b'\r') && !cut {
            self.buffer.pop();
        }
        cut |= self.buffer.len() > self.longest;
        self.buffer.truncate(self.longest);
        self.number += 1;
        let bytes = match self.buffer.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) if self.number == 1 => rest,
            _ => &self.buffer[..],
        };
        Ok(Some(Line { number: self.number, text: decode(bytes, cut), cut }))
    }
}

/// Text from UTF-8 or, failing that, from Latin-1.
fn decode(bytes: &[u8], cut: bool) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        // A cut may go through a character.
        Err(error) if cut && error.error_len().is_none() => String::from_utf8_lossy(&bytes[..error.valid_up_to()]),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::Lines;

    fn check(input: &[u8], longest: usize, expected: &[(&str, bool)]) {
        for capacity in [1, 3, 64] {
            let mut lines = Lines::new(BufReader::with_capacity(capacity, input), longest);
            for (number, (text, cut)) in (1..).zip(expected) {
                let line =
                    lines.next_line().unwrap().unwrap_or_else(|| panic!("line {number} of {input:?} is missing"));
                assert_eq!((line.number, &*line.text, line.cut), (number, *text, *cut), "{input:?}");
            }
            assert_eq!(lines.next_line().unwrap(), None, "{input:?}");
        }
    }

    #[test]
    fn ends_and_encodings() {
        check(b"", 9, &[]);
        check(b"a\nb", 9, &[("a", false), ("b", false)]);
        check(b"a\r\n\r\nb\r\n", 9, &[("a", false), ("", false), ("b", false)]);
        check(b"\xEF\xBB\xBFa\n\xEF\xBB\xBFb", 9, &[("a", false), ("\u{feff}b", false)]);
        check("grün\n".as_bytes(), 9, &[("grün", false)]);
        check(b"gr\xFCn\nnext", 9, &[("grün", false), ("next", false)]);
    }

    #[test]
    fn long_lines_are_cut_and_the_next_one_is_whole() {
        check(b"12345\n12345\r\n", 5, &[("12345", false), ("12345", false)]);
        check(b"123456\nb", 5, &[("12345", true), ("b", false)]);
        check(b"123456\r\nb", 5, &[("12345", true), ("b", false)]);
        check(b"12345678901234567890\nb", 5, &[("12345", true), ("b", false)]);
        check("1234ü\nb".as_bytes(), 5, &[("1234", true), ("b", false)]);
    }
}
