//! Any charset to UTF-8, chunk by chunk.
//!
//! What a guide says of its charset is often wrong, and UTF-8 is hardly ever met by accident: text that is UTF-8 stays as it is, whatever
//! it is labelled. Otherwise a byte order mark counts more than the XML declaration, and that more than the HTTP response; windows-1252
//! is what is meant where nothing fits.

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Text handed on at a time, and what is looked at to tell UTF-8 from others.
const CHUNK: usize = 128 << 10;
/// An XML declaration ends within.
const DECLARATION: usize = 512;

/// Text that becomes UTF-8 as it is read.
pub(super) struct Utf8<R> {
    reader: R,
    /// Of the HTTP response.
    label: Option<&'static Encoding>,
    mode: Mode,
    /// The beginning of a character whose end is still to come.
    tail: Vec<u8>,
    over: bool,
}

enum Mode {
    Start,
    /// Only ASCII so far; this is meant where it turns out not to be UTF-8.
    Ascii(&'static Encoding),
    /// UTF-8; what is not, in between, is this.
    Utf8(&'static Encoding),
    Other(Decoder),
}

impl<R: Read> Utf8<R> {
    pub(super) fn new(reader: R, label: Option<&str>) -> Self {
        let label = label.and_then(|label| Encoding::for_label(label.as_bytes()));
        Self { reader, label, mode: Mode::Start, tail: Vec::new(), over: false }
    }

    /// The next text; none at the end. Never empty.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        while !self.over {
            let mut chunk = std::mem::take(&mut self.tail);
            let before = chunk.len();
            chunk.reserve_exact(CHUNK);
            let wanted = (CHUNK - before) as u64;
            let read = self.reader.by_ref().take(wanted).read_to_end(&mut chunk)?;
            self.over = (read as u64) < wanted;
            let first = matches!(self.mode, Mode::Start);
            if first {
                self.start(&mut chunk);
            }
            self.decide(&chunk);
            let mut text = self.convert(chunk);
            if first {
                declare_utf8(&mut text);
            }
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    fn start(&mut self, chunk: &mut Vec<u8>) {
        self.mode = if let Some((encoding, mark)) = Encoding::for_bom(chunk) {
            chunk.drain(..mark);
            match encoding == UTF_8 {
                true => Mode::Utf8(WINDOWS_1252),
                false => Mode::Other(encoding.new_decoder_without_bom_handling()),
            }
        } else {
            match chunk.as_slice() {
                [b'<', 0, ..] => Mode::Other(UTF_16LE.new_decoder_without_bom_handling()),
                [0, b'<', ..] => Mode::Other(UTF_16BE.new_decoder_without_bom_handling()),
                _ => {
                    let declared = declaration(chunk).and_then(|at| Encoding::for_label(&chunk[at]));
                    let known = declared.or(self.label).filter(|known| known.is_ascii_compatible() && *known != UTF_8);
                    Mode::Ascii(known.unwrap_or(WINDOWS_1252))
                }
            }
        };
    }

    /// The first chunk that is not ASCII tells whether it is UTF-8.
    fn decide(&mut self, chunk: &[u8]) {
        let Mode::Ascii(meant) = self.mode else { return };
        // Stateful ones look like ASCII.
        if !meant.is_single_byte() && chunk.contains(&0x1b) {
            self.mode = Mode::Other(meant.new_decoder_without_bom_handling());
        } else if !chunk.is_ascii() {
            let is_utf8 = std::str::from_utf8(chunk).map_or_else(|error| error.error_len().is_none(), |_| true);
            self.mode = match is_utf8 || meant == WINDOWS_1252 {
                true => Mode::Utf8(meant),
                false => Mode::Other(meant.new_decoder_without_bom_handling()),
            };
        }
    }

    fn convert(&mut self, chunk: Vec<u8>) -> Vec<u8> {
        match &mut self.mode {
            Mode::Start | Mode::Ascii(_) => chunk,
            Mode::Utf8(others) => {
                let (text, tail) = mend(chunk, others, self.over);
                self.tail = tail;
                text
            }
            Mode::Other(decoder) => {
                let most = decoder.max_utf8_buffer_length(chunk.len()).unwrap_or(chunk.len() * 3 + 16);
                let mut text = vec![0; most];
                let (_, _, written, _) = decoder.decode_to_utf8(&chunk, &mut text, self.over);
                text.truncate(written);
                text
            }
        }
    }
}

/// UTF-8 with everything else in it taken for `others`, and the beginning of a character at the end.
fn mend(chunk: Vec<u8>, others: &'static Encoding, over: bool) -> (Vec<u8>, Vec<u8>) {
    let mut rest = match std::str::from_utf8(&chunk) {
        Ok(_) => return (chunk, Vec::new()),
        Err(_) => chunk.as_slice(),
    };
    let mut text = Vec::with_capacity(chunk.len() + chunk.len() / 8);
    while let Err(error) = std::str::from_utf8(rest) {
        let (good, bad) = rest.split_at(error.valid_up_to());
        text.extend_from_slice(good);
        let length = match error.error_len() {
            Some(length) => length,
            None if over => bad.len(),
            None => return (text, bad.to_vec()),
        };
        text.extend_from_slice(others.decode_without_bom_handling(&bad[..length]).0.as_bytes());
        rest = &bad[length..];
    }
    text.extend_from_slice(rest);
    (text, Vec::new())
}

/// Where an XML declaration names the charset.
fn declaration(text: &[u8]) -> Option<std::ops::Range<usize>> {
    let head = &text[..text.len().min(DECLARATION)];
    let start = head.len() - head.trim_ascii_start().len();
    let find = |from: usize, what: &[u8]| {
        head.get(from..)?.windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    if !head[start..].starts_with(b"<?xml") {
        return None;
    }
    let end = find(start, b"?>")?;
    let name = find(start, b"encoding").filter(|at| *at < end)? + b"encoding".len();
    let open = (name..end).find(|at| matches!(head[*at], b'"' | b'\''))?;
    let close = (open + 1..end).find(|at| head[*at] == head[open])?;
    Some(open + 1..close)
}

/// So that an importer that believes the declaration is right.
fn declare_utf8(text: &mut Vec<u8>) {
    if let Some(at) = declaration(text)
        && !text[at.clone()].eq_ignore_ascii_case(b"utf-8")
    {
        text.splice(at, *b"UTF-8");
    }
}
