//! The last lines that a worker wrote to standard error. Bounded whatever it writes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Lines kept.
pub(crate) const LINES: usize = 200;
/// Bytes of a line that are kept.
pub(crate) const LINE: usize = 1024;

/// How bad a line is, by FFmpeg's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// FFmpeg cannot go on.
    Fatal,
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warning,
    /// Anything else, such as what a library writes by itself.
    Other,
}

/// One line, redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How bad it is.
    pub level: Level,
    /// What it says, without level and address of the speaker.
    pub text: String,
}

impl LogLine {
    /// Takes `[tcp @ 0x55dff0] [error] Connection refused` apart.
    pub(crate) fn parse(line: &str) -> Self {
        let (mut level, mut speaker, mut rest) = (Level::Other, None, line.trim());
        while let Some((word, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            match word {
                "panic" | "fatal" => level = Level::Fatal,
                "error" => level = Level::Error,
                "warning" => level = Level::Warning,
                "info" | "verbose" | "debug" | "trace" => {}
                _ => match word.split_once(" @ 0x") {
                    Some((name, _)) => speaker = Some(name),
                    None => break,
                },
            }
            rest = after.trim_start();
        }
        let text = speaker.map_or_else(|| rest.to_owned(), |speaker| format!("{speaker}: {rest}"));
        Self { level, text }
    }
}

/// The last [`LINES`] lines. A cheap handle; it outlives the worker.
#[derive(Debug, Clone, Default)]
pub struct LogRing {
    ring: Arc<Mutex<Ring>>,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<LogLine>,
    written: u64,
}

impl LogRing {
    pub(crate) fn push(&self, line: LogLine) {
        self.with(|ring| {
            if ring.lines.len() == LINES {
                ring.lines.pop_front();
            }
            ring.lines.push_back(line);
            ring.written += 1;
        });
    }

    /// The lines kept, oldest first.
    pub fn lines(&self) -> Vec<LogLine> {
        self.with(|ring| ring.lines.iter().cloned().collect())
    }

    /// How many lines the worker wrote, those that are not kept included.
    pub fn written(&self) -> u64 {
        self.with(|ring| ring.written)
    }

    /// Why a worker ended, oldest first: its last errors, each once, or else the last thing it said.
    pub(crate) fn why(&self, most: usize) -> Vec<String> {
        self.with(|ring| {
            let mut why: Vec<String> = Vec::new();
            let errors = ring.lines.iter().rev().filter(|line| line.level <= Level::Error).map(|line| &line.text);
            for text in errors {
                if why.len() < most && !why.contains(text) {
                    why.push(text.clone());
                }
            }
            if why.is_empty() {
                why.extend(ring.lines.back().map(|line| line.text.clone()));
            }
            why.reverse();
            why
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Ring) -> T) -> T {
        // A ring is never left half changed.
        work(&mut self.ring.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Cuts bytes into lines of at most [`LINE`] bytes; the rest of a longer one is passed over.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    line: Vec<u8>,
    is_cut: bool,
}

impl Lines {
    /// Takes the next bytes and hands out each line that ends in them. A carriage return ends a line too.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.append(&bytes[..end]);
            self.end(&mut each);
            bytes = &bytes[end + 1..];
        }
        self.append(bytes);
    }

    /// Hands out what stands after the last line end.
    pub(crate) fn end(&mut self, mut each: impl FnMut(&str)) {
        if !self.line.is_empty() {
            let text = String::from_utf8_lossy(&self.line);
            // A terminal that shows the log must not take orders from an upstream.
            let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            if self.is_cut {
                text.push('…');
            }
            each(&text);
        }
        self.line.clear();
        self.is_cut = false;
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = LINE - self.line.len();
        self.is_cut |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        let check =
            |line: &str, level, text: &str| assert_eq!(LogLine::parse(line), LogLine { level, text: text.to_owned() });
        check("[tcp @ 0x55dff08876c0] [error] refused", Level::Error, "tcp: refused");
        check("[error] x: refused", Level::Error, "x: refused");
        check("[fatal] no space", Level::Fatal, "no space");
        check("[h264 @ 0x1] [warning] [odd] thing", Level::Warning, "h264: [odd] thing");
        check("x265 [info]: hello", Level::Other, "x265 [info]: hello");
        check("[", Level::Other, "[");
        check("", Level::Other, "");
    }

    #[test]
    fn the_ring_keeps_the_last() {
        let ring = LogRing::default();
        for number in 0..LINES + 5 {
            ring.push(LogLine::parse(&number.to_string()));
        }
        let lines = ring.lines();
        assert_eq!((lines.len(), ring.written()), (LINES, LINES as u64 + 5));
        assert_eq!((lines[0].text.as_str(), lines[LINES - 1].text.as_str()), ("5", "204"));
    }

    #[test]
    fn the_reason_is_the_last_errors_or_the_last_line() {
        let check = |lines: &[&str], expected: &[&str]| {
            let ring = LogRing::default();
            lines.iter().for_each(|line| ring.push(LogLine::parse(line)));
            assert_eq!(ring.why(2), expected);
        };
        check(&[], &[]);
        check(&["one", "two"], &["two"]);
        check(&["[error] a", "[fatal] b", "c"], &["a", "b"]);
        check(&["[error] a", "[error] a", "[error] b", "[error] b", "[error] c"], &["b", "c"]);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_the_bytes_come(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..700), 0..8)) {
            let read = |parts: &[&[u8]]| {
                let (mut lines, mut read) = (Lines::default(), Vec::new());
                parts.iter().for_each(|part| lines.push(part, |line| read.push(line.to_owned())));
                lines.end(|line| read.push(line.to_owned()));
                read
            };
            let whole = parts.concat();
            let lines = read(&[&whole]);
            prop_assert_eq!(&lines, &read(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>()));
            prop_assert_eq!(&lines, &read(&whole.chunks(1).collect::<Vec<_>>()));
            // A byte that is no text takes three as a replacement character.
            prop_assert!(lines.iter().all(|line| line.len() <= 3 * LINE + 3 && !line.contains(char::is_control)));
        }
    }
}
