//! Where requests begin and end on a connection, more strictly than hyper reads it. Whatever two servers could understand differently
//! (RFC 9112, section 11.2) is refused before hyper sees it: lines that end with a bare line feed, a length beside an encoding, two
//! lengths, a length that is no plain number, an encoding other than `chunked`. And heads longer than anybody needs.
//!
//! It follows heads and bodies of known length, and stops after a chunked body: the connection ends behind that one.

/// Enough for the names that matter and the longest length; a longer line can only be of another field.
const PREFIX: usize = 64;
/// A longer head is refused; real ones have a few hundred bytes. hyper would take 400 KB.
const LONGEST: usize = 32 * 1024;

/// Follows one connection.
#[derive(Debug)]
pub(super) struct Heads {
    state: State,
    line: Line,
    /// The request line was seen.
    begun: bool,
    /// Bytes of the head so far.
    head: usize,
    length: Option<u64>,
    chunked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Body(u64),
    /// Behind the head of a chunked body.
    Last,
}

#[derive(Debug)]
struct Line {
    prefix: [u8; PREFIX],
    length: usize,
    last: u8,
}

/// A request that others could read differently, or hardly at all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

impl Heads {
    pub(super) fn new() -> Self {
        let line = Line { prefix: [0; PREFIX], length: 0, last: 0 };
        Self { state: State::Head, line, begun: false, head: 0, length: None, chunked: false }
    }

    /// The next bytes of the connection.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Ambiguous> {
        while !bytes.is_empty() {
            match self.state {
                State::Last => return Ok(()),
                State::Body(left) => {
                    let now = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    bytes = &bytes[now..];
                    let left = left - now as u64;
                    self.state = if left == 0 { State::Head } else { State::Body(left) };
                }
                State::Head => match bytes.iter().position(|byte| *byte == b'\n') {
                    None => return self.more(bytes),
                    Some(end) => {
                        self.more(&bytes[..end])?;
                        bytes = &bytes[end + 1..];
                        self.end_of_line()?;
                    }
                },
            }
        }
        Ok(())
    }

    /// More of a line.
    fn more(&mut self, bytes: &[u8]) -> Result<(), Ambiguous> {
        self.line.push(bytes);
        self.head += bytes.len();
        if self.head > LONGEST { Err(Ambiguous) } else { Ok(()) }
    }

    fn end_of_line(&mut self) -> Result<(), Ambiguous> {
        if self.line.last != b'\r' {
            return Err(Ambiguous);
        }
        // An empty line ends a head; before one it means nothing.
        match (self.line.length, self.begun) {
            (1, false) => {}
            (1, true) => self.end_of_head()?,
            (_, false) => self.begun = true,
            (_, true) => self.field()?,
        }
        self.line.length = 0;
        self.line.last = 0;
        Ok(())
    }

    fn field(&mut self) -> Result<(), Ambiguous> {
        let whole = self.line.length <= PREFIX;
        let text = &self.line.prefix[..self.line.length.min(PREFIX)];
        let Some(colon) = text.iter().position(|byte| *byte == b':') else { return Ok(()) };
        let (name, value) = (&text[..colon], text[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let plain = whole && !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(value).ok().filter(|_| plain).and_then(|digits| digits.parse().ok());
            if self.length.is_some() || length.is_none() {
                return Err(Ambiguous);
            }
            self.length = length;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !whole || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Ambiguous);
            }
            self.chunked = true;
        }
        Ok(())
    }

    fn end_of_head(&mut self) -> Result<(), Ambiguous> {
        self.begun = false;
        self.head = 0;
        self.state = match (self.length.take(), std::mem::take(&mut self.chunked)) {
            (Some(_), true) => return Err(Ambiguous),
            (None, true) => State::Last,
            (None | Some(0), false) => State::Head,
            (Some(length), false) => State::Body(length),
        };
        Ok(())
    }
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        if let Some(room) = self.prefix.get_mut(self.length..) {
            let now = room.len().min(bytes.len());
            room[..now].copy_from_slice(&bytes[..now]);
        }
        self.length = self.length.saturating_add(bytes.len());
        self.last = bytes.last().copied().unwrap_or(self.last);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    fn post(fields: &str, body: &str) -> String {
        format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n{body}")
    }

    fn check(text: &str, clear: bool) {
        for piece in [1, 3, text.len()] {
            let mut heads = Heads::new();
            let fed = text.as_bytes().chunks(piece).try_for_each(|bytes| heads.feed(bytes));
            assert_eq!(fed.is_ok(), clear, "{piece} bytes at a time: {text:?}");
        }
    }

    #[test]
    fn requests_that_mean_one_thing() {
        check(&GET.repeat(3), true);
        check(&format!("\r\n{GET}"), true);
        check(&format!("{}{GET}", post("content-length: 3", "a\nb")), true);
        check(&format!("{}{GET}", post("Content-Length:\t0 ", "")), true);
        check(&post("Transfer-Encoding: Chunked", "1\r\na\r\n0\r\n\r\n"), true);
        check(&format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(5_000)), true);
        check(&format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "content-length: 1".repeat(50)), true);
        check(&GET.repeat(2_000), true);
    }

    #[test]
    fn requests_that_mean_two() {
        check("GET / HTTP/1.1\nhost: a\r\n\r\n", false);
        check("GET / HTTP/1.1\r\nhost: a\n\r\n", false);
        check("GET / HTTP/1.1\r\nhost: a\r\n\n", false);
        check(&format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(70_000)), false);
        check(&"\r\n".repeat(70_000), false);
        check(&format!("{}{}", post("content-length: 3", "abc"), "GET / HTTP/1.1\n\n"), false);
        for fields in [
            "content-length: 3\r\ncontent-length: 3",
            "content-length: 3\r\nContent-Length: 4",
            "content-length: 3, 3",
            "content-length: +3",
            "content-length: 0x3",
            "content-length:",
            "content-length: 3\r\ntransfer-encoding: chunked",
            "transfer-encoding: chunked\r\ncontent-length: 3",
            "transfer-encoding: chunked\r\ntransfer-encoding: identity",
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: xchunked",
            "content-length: 99999999999999999999",
            &format!("content-length: {}3", " ".repeat(100)),
        ] {
            check(&post(fields, "abc"), false);
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(bytes in prop::collection::vec(prop::sample::select(&b"\r\n :3acontent-lengthtransfer-encoding: chunked\0"[..]), 0..200), at in 1_usize..50) {
            let mut whole = Heads::new();
            let mut pieces = Heads::new();
            let all = whole.feed(&bytes);
            let cut = bytes.chunks(at).try_for_each(|piece| pieces.feed(piece));
            prop_assert_eq!(all, cut);
        }
    }
}
