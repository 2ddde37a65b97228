//! Finds `<channel>` and `<programme>` elements in a guide of any length, by bytes.
//!
//! It is not an XML parser: what lies between those elements (comments, a DOCTYPE with its entities, unknown elements, a gigabyte of
//! spaces) is thrown away as it arrives and never expanded. An element is held in one window of at most [`LONGEST`] bytes; the
//! programmes of channels that nobody wants are passed over without being held at all. Order does not matter, and an element that is
//! not closed ends where the next one begins.
//!
//! A library for XML would have to see every byte of what is passed over, holds a text of any length in one piece and gives up at
//! the first mistake; guides are mostly passed over, and full of mistakes.

use std::io::{self, BufRead};

use memchr::{memchr, memmem};

use crate::markup;

/// An element that is longer is left out. (A programme with everything the DTD knows has some 20 KB.)
pub const LONGEST: usize = 1024 * 1024;
/// A start tag that is longer is left out with its element.
pub const LONGEST_TAG: usize = 64 * 1024;
/// What has to stay of a window in which no end was found: it may have the beginning of one.
const TAIL: usize = 16;
/// What a root element's name is judged by.
const NAME: usize = 32;

/// Which element was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `<channel>`.
    Channel,
    /// `<programme>`.
    Programme,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A start tag; [`Scanner::tag`] has its attributes. `closed` where it ends with `/>` and has no content.
    Element {
        /// Which one.
        kind: Kind,
        /// There is no content.
        closed: bool,
    },
    /// An element whose start tag is too long or never ends was passed over.
    Oversized(Kind),
    /// The first thing in the document is not what a guide begins with: this element, or text.
    Foreign(String),
    /// The end of the input.
    End,
}

/// How the content of an element ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// With its end tag; [`Scanner::content`] has it.
    Closed,
    /// With the start of the next element; [`Scanner::content`] has it.
    Unclosed,
    /// It is longer than [`LONGEST`]; it is passed over.
    Oversized,
    /// With the end of the input.
    CutShort,
}

/// A window that moves over the input.
pub struct Scanner<R> {
    reader: R,
    window: Vec<u8>,
    /// What lies before is done with. All other positions count from here.
    at: usize,
    /// How much of what follows belongs to the element that was handed out.
    held: usize,
    /// Bytes that left the window at its front.
    passed: u64,
    ended: bool,
    began: bool,
    complete: bool,
    /// Length of the tag's attributes.
    tag: usize,
    content: (usize, usize),
    programme: memmem::Finder<'static>,
    channel: memmem::Finder<'static>,
}

impl<R: BufRead> Scanner<R> {
    /// Reads from the start of a document, UTF-8 with or without a byte order mark.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            window: Vec::new(),
            at: 0,
            held: 0,
            passed: 0,
            ended: false,
            began: false,
            complete: false,
            tag: 0,
            content: (0, 0),
            programme: memmem::Finder::new(b"programme"),
            channel: memmem::Finder::new(b"channel"),
        }
    }

    /// How many bytes of the input are done with.
    pub fn position(&self) -> u64 {
        self.passed + (self.at + self.held) as u64
    }

    /// How many bytes the window has room for.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.window.capacity()
    }

    /// The end of the document, `</tv>`, was seen.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The start tag's attributes, behind the element's name.
    pub fn tag(&self) -> &[u8] {
        &self.window[self.at..self.at + self.tag]
    }

    /// What is between start tag and end.
    pub fn content(&self) -> &[u8] {
        &self.window[self.at + self.content.0..self.at + self.content.1]
    }

    /// Adds a piece to the window and forgets what is done with; false at the end of the input.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let piece = self.reader.fill_buf()?;
        if piece.is_empty() {
            self.ended = true;
            return Ok(false);
        }
        self.passed += self.at as u64;
        self.window.drain(..self.at);
        self.at = 0;
        let length = piece.len();
        self.window.extend_from_slice(piece);
        self.reader.consume(length);
        Ok(true)
    }

    /// What lies ahead in the window.
    fn rest(&self) -> &[u8] {
        &self.window[self.at..]
    }

    /// At least so many bytes, unless the input ends before.
    fn ahead(&mut self, bytes: usize) -> io::Result<&[u8]> {
        while self.rest().len() < bytes && self.fill()? {}
        Ok(self.rest())
    }

    /// Goes on, but leaves the last `bytes` of the window.
    fn leave(&mut self, bytes: usize) {
        self.at = self.at.max(self.window.len().saturating_sub(bytes));
    }

    /// Moves behind the next `needle`, throwing away what comes before. At the end of the input nothing is left.
    fn pass(&mut self, needle: &[u8]) -> io::Result<()> {
        loop {
            if let Some(found) = memmem::find(self.rest(), needle) {
                self.at += found + needle.len();
                return Ok(());
            }
            self.leave(needle.len() - 1);
            if !self.fill()? {
                self.leave(0);
                return Ok(());
            }
        }
    }

    /// The next channel or programme, up to the end of its start tag.
    pub fn next_element(&mut self) -> io::Result<Found> {
        self.at += std::mem::take(&mut self.held);
        if !self.began
            && let Some(foreign) = self.first()?
        {
            return Ok(foreign);
        }
        loop {
            let Some(found) = memchr(b'<', self.rest()) else {
                self.leave(0);
                if !self.fill()? {
                    return Ok(Found::End);
                }
                continue;
            };
            self.at += found;
            let ahead = self.ahead(16)?;
            match ahead.get(1).copied().unwrap_or_default() {
                b'p' if is_element(ahead, b"<programme") => {
                    return self.start_tag(Kind::Programme, b"<programme".len());
                }
                b'c' if is_element(ahead, b"<channel") => return self.start_tag(Kind::Channel, b"<channel".len()),
                b'/' if is_element(ahead, b"</tv") => {
                    self.complete = true;
                    self.at += 4;
                }
                b't' if is_element(ahead, b"<tv") => {
                    // Where guides were put one behind the other, the last one has to be whole.
                    self.complete = false;
                    self.at += 3;
                    if self.root_is_closed()? {
                        self.complete = true;
                    }
                }
                b'!' => self.declaration()?,
                b'?' => self.pass(b"?>")?,
                _ => self.at += 1,
            }
        }
    }

    /// Looks at how the document begins.
    fn first(&mut self) -> io::Result<Option<Found>> {
        self.began = true;
        if self.ahead(3)?.starts_with(b"\xEF\xBB\xBF") {
            self.at += 3;
        }
        loop {
            let blank = |byte: u8| byte.is_ascii_whitespace() || byte == 0;
            self.at += self.rest().iter().take_while(|&&byte| blank(byte)).count();
            let ahead = self.ahead(NAME)?;
            let Some(&first) = ahead.first() else {
                return Ok(None);
            };
            match first {
                _ if blank(first) => {}
                b'<' => match ahead.get(1) {
                    Some(b'?') => self.pass(b"?>")?,
                    Some(b'!') if !ahead[..ahead.len().min(14)].to_ascii_lowercase().ends_with(b" html") => {
                        self.declaration()?;
                    }
                    _ if is_element(ahead, b"<tv") || is_element(ahead, b"<channel") => return Ok(None),
                    _ if is_element(ahead, b"<programme") => return Ok(None),
                    _ => return Ok(Some(Found::Foreign(name_of(&ahead[1..])))),
                },
                _ => return Ok(Some(Found::Foreign(String::new()))),
            }
        }
    }

    /// Passes a comment, CDATA or DOCTYPE.
    fn declaration(&mut self) -> io::Result<()> {
        let ahead = self.ahead(9)?;
        if ahead.starts_with(b"<!--") {
            self.at += 4;
            return self.pass(b"-->");
        }
        if ahead.starts_with(b"<![CDATA[") {
            return self.pass(b"]]>");
        }
        // A DOCTYPE; its own declarations stand in brackets, and are not read.
        loop {
            let ahead = self.rest();
            match ahead.iter().position(|byte| matches!(byte, b'>' | b'[')) {
                Some(end) => {
                    let brackets = ahead[end] == b'[';
                    self.at += end + 1;
                    return if brackets { self.pass_brackets() } else { Ok(()) };
                }
                None => {
                    self.leave(0);
                    if !self.fill()? {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn pass_brackets(&mut self) -> io::Result<()> {
        loop {
            self.pass(b"]")?;
            let ahead = self.ahead(NAME)?;
            let next = ahead.iter().take(NAME).position(|byte| !byte.is_ascii_whitespace());
            match next.map(|next| (next, ahead[next])) {
                Some((next, b'>')) => {
                    self.at += next + 1;
                    return Ok(());
                }
                Some(_) => {}
                None => return Ok(()),
            }
        }
    }

    /// Whether it says `<tv/>`, which is a whole guide of nothing.
    fn root_is_closed(&mut self) -> io::Result<bool> {
        Ok(self.tag_end()?.is_some_and(|end| self.rest()[..end].ends_with(b"/")))
    }

    fn start_tag(&mut self, kind: Kind, name: usize) -> io::Result<Found> {
        self.at += name;
        let Some(end) = self.tag_end()? else {
            return Ok(Found::Oversized(kind));
        };
        let closed = self.rest()[..end].ends_with(b"/");
        self.tag = end - usize::from(closed);
        self.content = (end + 1, end + 1);
        self.held = end + 1;
        Ok(Found::Element { kind, closed })
    }

    /// Where the `>` of the tag is; none where there is none within [`LONGEST_TAG`], or a `<` comes first.
    fn tag_end(&mut self) -> io::Result<Option<usize>> {
        loop {
            let rest = self.rest();
            let rest = &rest[..rest.len().min(LONGEST_TAG)];
            let end = markup::tag_end(rest);
            match rest.get(end).copied() {
                Some(b'>') => return Ok(Some(end)),
                Some(_) => return Ok(None),
                None if end >= LONGEST_TAG || !self.fill()? => return Ok(None),
                None => {}
            }
        }
    }

    /// Finds the end of an element's content, which then lies in the window, with its tag, until the next element is asked for.
    pub fn read_content(&mut self, kind: Kind) -> io::Result<Content> {
        let start = self.content.0;
        let mut searched = start;
        loop {
            if let Some((end, closed)) = self.end_of(kind, searched) {
                if end - start > LONGEST {
                    return Ok(Content::Oversized);
                }
                self.content = (start, end);
                self.held = end;
                return Ok(if closed { Content::Closed } else { Content::Unclosed });
            }
            searched = start.max(self.rest().len().saturating_sub(TAIL));
            if self.rest().len() - start > LONGEST + TAIL {
                return Ok(Content::Oversized);
            }
            if !self.fill()? {
                // What comes last may not be closed, and the guide whole.
                let root_ends = memmem::find(&self.rest()[start..], b"</tv");
                let Some(end) = root_ends else { return Ok(Content::CutShort) };
                self.content = (start, start + end);
                self.held = start + end;
                return Ok(Content::Unclosed);
            }
        }
    }

    /// Gives back what lies behind this much of the content: another element begins there.
    pub fn give_back(&mut self, from: usize) {
        self.held = self.content.0 + from;
    }

    /// Passes over an element's content; false where the input ends first.
    pub fn skip_content(&mut self, kind: Kind) -> io::Result<bool> {
        self.at += std::mem::take(&mut self.held);
        self.tag = 0;
        loop {
            if let Some((end, _)) = self.end_of(kind, 0) {
                self.at += end;
                return Ok(true);
            }
            self.leave(TAIL);
            if !self.fill()? {
                self.complete |= memmem::find(self.rest(), b"</tv").is_some();
                self.leave(0);
                return Ok(false);
            }
        }
    }

    /// Where the element ends: the start of its end tag (true) or of the next element of its kind (false).
    fn end_of(&self, kind: Kind, from: usize) -> Option<(usize, bool)> {
        let finder = match kind {
            Kind::Programme => &self.programme,
            Kind::Channel => &self.channel,
        };
        let (ahead, mut from) = (self.rest(), from);
        loop {
            let found = from + finder.find(&ahead[from..])?;
            match &ahead[..found] {
                [.., b'<', b'/'] => return Some((found - 2, true)),
                [.., b'<'] => return Some((found - 1, false)),
                _ => from = found + 1,
            }
        }
    }
}

/// Whether a tag of this name begins here, and not of a longer name.
fn is_element(ahead: &[u8], name: &[u8]) -> bool {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
    ahead.starts_with(name) && ahead.get(name.len()).is_none_or(ends)
}

fn name_of(tag: &[u8]) -> String {
    let name = tag.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"!:_-".contains(byte)).take(NAME);
    name.map(|&byte| char::from(byte)).collect()
}
