//! From a guide's bytes to records. Memory does not grow with the guide, apart from eight bytes for each channel that tell duplicates.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead};

use mast_sdk::epg::{Guide, GuideChannel, PackedProgramme};
use mast_sdk::time::{self, NoTime, Zones};
use mast_sdk::{Error, Result, Summary};

use crate::markup::{Attributes, attribute};
use crate::programme::Scratch;
use crate::remarks::Remarks;
use crate::scan::{Content, Found, Kind, Scanner};
use crate::{channel, programme, text};

/// Channels whose ids are told apart.
const DUPLICATES: usize = 1_000_000;

/// Where records go.
pub trait Sink {
    /// A channel of the guide.
    fn channel(&mut self, channel: GuideChannel) -> Result<()>;
    /// Whether programmes of this channel are kept.
    fn wanted(&mut self, channel: &str) -> Result<bool>;
    /// A programme.
    fn programme(&mut self, programme: &PackedProgramme) -> Result<()>;
    /// Something was mended or left out.
    fn warn(&mut self, item: &str, message: &str);
}

impl Sink for Guide<'_> {
    fn channel(&mut self, channel: GuideChannel) -> Result<()> {
        Guide::channel(self, channel)
    }

    fn wanted(&mut self, channel: &str) -> Result<bool> {
        Guide::wanted(self, channel)
    }

    fn programme(&mut self, programme: &PackedProgramme) -> Result<()> {
        Guide::packed(self, programme)
    }

    fn warn(&mut self, item: &str, message: &str) {
        Guide::warn(self, item, message);
    }
}

/// The attributes of a programme's start tag, as written.
#[derive(Default)]
struct Tag<'a> {
    channel: Option<&'a [u8]>,
    start: Option<&'a [u8]>,
    stop: Option<&'a [u8]>,
    has_more: bool,
}

impl<'a> Tag<'a> {
    fn of(tag: &'a [u8]) -> Self {
        let mut found = Self::default();
        for (name, value) in Attributes::new(tag) {
            let place = match name {
                name if name.eq_ignore_ascii_case(b"start") => &mut found.start,
                name if name.eq_ignore_ascii_case(b"stop") => &mut found.stop,
                name if name.eq_ignore_ascii_case(b"channel") => &mut found.channel,
                _ => {
                    found.has_more = true;
                    continue;
                }
            };
            // The first one counts.
            place.get_or_insert(&tag[value]);
        }
        found
    }
}

/// One import.
struct Import<'s, S> {
    out: &'s mut S,
    zones: Zones,
    remarks: Remarks,
    /// Hashes of the ids of channels that were declared.
    declared: HashSet<u64>,
    /// The channel of the last programme, as written, and whether it is wanted.
    last: (Vec<u8>, String, bool),
    scratch: Scratch,
    channels: u64,
    programmes: u64,
    unwanted: u64,
    skipped: u64,
}

/// Reads a guide to its end.
pub fn read<S: Sink>(input: impl BufRead, zones: Zones, out: &mut S) -> Result<Summary> {
    let mut scanner = Scanner::new(input);
    let mut import = Import {
        out,
        zones,
        remarks: Remarks::default(),
        declared: HashSet::new(),
        last: (Vec::new(), String::new(), true),
        scratch: Scratch::default(),
        channels: 0,
        programmes: 0,
        unwanted: 0,
        skipped: 0,
    };
    loop {
        match scanner.next_element()? {
            Found::Element { kind: Kind::Channel, closed } => import.channel(&mut scanner, closed)?,
            Found::Element { kind: Kind::Programme, closed } => import.programme(&mut scanner, closed)?,
            Found::Oversized(kind) => import.leave_out(kind, scanner.position(), "its start tag is too long or broken"),
            Found::Foreign(name) => return Err(foreign(&name)),
            Found::End => break,
        }
        if !import.remarks.is_empty() {
            import.report();
        }
    }
    import.finish(&scanner)
}

fn foreign(name: &str) -> Error {
    let name = name.to_ascii_lowercase();
    let page = ["!doctype", "html", "head", "body", "title", "p", "br", "b", "div", "h1", "center", "script"];
    Error::malformed(match name.as_str() {
        "" => "what came back is not XML".to_owned(),
        name if page.contains(&name) => {
            "what came back is an HTML page, not a guide; look at it in a browser".to_owned()
        }
        name => format!("what came back is XML, but no guide: it begins with <{name}> instead of <tv>"),
    })
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Channel => "channel",
        Kind::Programme => "programme",
    }
}

impl<S: Sink> Import<'_, S> {
    fn leave_out(&mut self, kind: Kind, position: u64, why: &'static str) {
        self.skipped += 1;
        self.remarks.note(|| format!("the {} at byte {position}", name(kind)), why);
    }

    fn report(&mut self) {
        for (item, message) in self.remarks.take() {
            self.out.warn(&item, &message);
        }
    }

    /// Content that can be read, whether or not it ends as it should.
    fn content<R: BufRead>(&mut self, scanner: &mut Scanner<R>, kind: Kind, closed: bool) -> io::Result<bool> {
        if closed {
            return Ok(true);
        }
        let position = scanner.position();
        match scanner.read_content(kind)? {
            Content::Closed => return Ok(true),
            Content::Unclosed => {
                self.remarks.note(
                    || format!("the {} at byte {position}", name(kind)),
                    "it has no end tag; it ends where the next one begins",
                );
                return Ok(true);
            }
            Content::Oversized => self.leave_out(kind, position, "it is longer than 1 MiB"),
            Content::CutShort => self.leave_out(kind, position, "it has no end"),
        }
        Ok(false)
    }

    fn channel<R: BufRead>(&mut self, scanner: &mut Scanner<R>, closed: bool) -> Result<()> {
        let position = scanner.position();
        let id = attribute(scanner.tag(), "id").map(|raw| self.value(raw));
        let id = id.unwrap_or_default();
        if !self.content(scanner, Kind::Channel, closed)? {
            return Ok(());
        }
        if id.is_empty() || id.len() > channel::ID {
            self.leave_out(Kind::Channel, position, "it has no id, or one of more than 256 bytes");
            return Ok(());
        }
        let content = text::readable(scanner.content());
        let (channel, used) = channel::read(id, &content, &mut self.remarks);
        let borrowed = matches!(content, std::borrow::Cow::Borrowed(_));
        if used < content.len() && borrowed {
            scanner.give_back(used);
        }
        let mut hasher = DefaultHasher::new();
        channel.id.hash(&mut hasher);
        if self.declared.len() < DUPLICATES && !self.declared.insert(hasher.finish()) {
            let id = &channel.id;
            self.remarks.note(|| format!("the channel {id}"), "it is declared more than once; the first one counts");
            return Ok(());
        }
        self.channels += 1;
        // What was answered before may change now.
        self.last.0.clear();
        self.out.channel(channel)
    }

    fn programme<R: BufRead>(&mut self, scanner: &mut Scanner<R>, closed: bool) -> Result<()> {
        let tag = Tag::of(scanner.tag());
        let raw = tag.channel.unwrap_or_default();
        if raw != self.last.0 || raw.is_empty() {
            let raw = raw.to_vec();
            let id = self.value(&raw);
            let wanted = id.is_empty() || id.len() > channel::ID || self.out.wanted(&id)?;
            self.last = (raw, id, wanted);
        }
        if !self.last.2 {
            self.unwanted += 1;
            if !closed {
                scanner.skip_content(Kind::Programme)?;
            }
            return Ok(());
        }
        let position = scanner.position();
        let (head, has_more) = (self.head(&tag), tag.has_more);
        if !self.content(scanner, Kind::Programme, closed)? {
            return Ok(());
        }
        if let Err(why) = head {
            self.leave_out(Kind::Programme, position, why);
            return Ok(());
        }
        let content = text::readable(scanner.content());
        let tag = text::readable(if has_more { scanner.tag() } else { &[] });
        let (is_whole, used) = programme::read(&tag, &content, &mut self.scratch, &mut self.remarks);
        let borrowed = matches!(content, std::borrow::Cow::Borrowed(_));
        if used < content.len() && borrowed {
            scanner.give_back(used);
        }
        if !is_whole {
            self.skipped += 1;
            return Ok(());
        }
        self.programmes += 1;
        self.out.programme(&self.scratch.programme)
    }

    /// An attribute's value.
    fn value(&mut self, raw: &[u8]) -> String {
        text::value(&text::readable(raw), &mut self.remarks).into_owned()
    }

    /// Begins a programme with its channel and times.
    fn head(&mut self, tag: &Tag<'_>) -> Result<(), &'static str> {
        let (_, channel, _) = &self.last;
        if channel.is_empty() || channel.len() > channel::ID {
            return Err("it has no channel, or an id of more than 256 bytes");
        }
        let time = |raw: Option<&[u8]>| raw.filter(|raw| !raw.is_empty()).map(|raw| time::parse(raw, self.zones));
        let (start, unknown) = match time(tag.start) {
            Some(Ok(start)) => start,
            Some(Err(NoTime::Unreadable)) => return Err("its start is not a time"),
            Some(Err(NoTime::Impossible)) => return Err("its start is a day or time that does not exist"),
            None => return Err("it has no start"),
        };
        let item = || format!("the programme of {channel} at {start}");
        if unknown {
            self.remarks.note(item, "its time zone is unknown; the default counts");
        }
        let stop = match time(tag.stop) {
            None => None,
            Some(Ok((stop, _))) if stop > start => Some(stop),
            Some(Ok(_)) => {
                self.remarks.note(item, "it ends before it begins, or with it; it lasts until the next one");
                None
            }
            Some(Err(_)) => {
                self.remarks.note(item, "its stop is not a time; it lasts until the next one");
                None
            }
        };
        self.scratch.programme.begin(channel, start, stop);
        Ok(())
    }

    fn finish<R: BufRead>(mut self, scanner: &Scanner<R>) -> Result<Summary> {
        self.report();
        for (item, message) in self.remarks.rest() {
            self.out.warn(&item, &message);
        }
        if scanner.position() == 0 {
            return Err(Error::malformed("the guide is empty, not even <tv> is there"));
        }
        if !scanner.is_complete() {
            let Self { programmes, channels, .. } = self;
            return Err(Error::malformed(format!(
                "the guide ends without </tv>, after {channels} channels and {programmes} programmes; the download was cut short"
            )));
        }
        let mut summary = Summary::changed().with("channels", self.channels).with("programmes", self.programmes);
        for (key, count) in [("unwanted", self.unwanted), ("skipped", self.skipped), ("remarks", self.remarks.total())]
        {
            if count > 0 {
                summary = summary.with(key, count);
            }
        }
        Ok(summary)
    }
}
