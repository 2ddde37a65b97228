//! A programme's details as bytes. Own code, because an import encodes millions of them, and because search walks their texts without
//! making anything of them.
//!
//! Layout: four lists of texts (titles, subtitles, descriptions, categories; language and text), credits (role, name, optional part),
//! episode numbers (system, number), icons, attributes (key, value). A list is its length and its items; an optional text is 0, or 1 and
//! the text.
//!
//! It is the layout of blocks on disk and, by `mast:epg`, of what importers hand over: a change of one must keep the other.

use super::{EpisodeNumber, GuideCredit, GuideText, ProgrammeDetails};

use super::bytes::{Reader, put_bytes, put_number};

/// Which list a text is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the lists are")]
pub enum Field {
    Title,
    SubTitle,
    Description,
    Category,
    Credit,
}

/// Appends details.
pub fn put(out: &mut Vec<u8>, details: &ProgrammeDetails) {
    for texts in [&details.titles, &details.sub_titles, &details.descriptions, &details.categories] {
        put_number(out, texts.len() as u64);
        for text in texts {
            put_optional(out, text.lang.as_deref());
            put_bytes(out, text.value.as_bytes());
        }
    }
    put_number(out, details.credits.len() as u64);
    for credit in &details.credits {
        put_bytes(out, credit.role.as_bytes());
        put_bytes(out, credit.name.as_bytes());
        put_optional(out, credit.part.as_deref());
    }
    put_number(out, details.episode_numbers.len() as u64);
    for number in &details.episode_numbers {
        put_bytes(out, number.system.as_bytes());
        put_bytes(out, number.value.as_bytes());
    }
    put_number(out, details.icons.len() as u64);
    for icon in &details.icons {
        put_bytes(out, icon.as_bytes());
    }
    put_number(out, details.attrs.len() as u64);
    for (key, value) in &details.attrs {
        put_bytes(out, key.as_bytes());
        put_bytes(out, value.as_bytes());
    }
}

fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.push(0),
        Some(text) => {
            out.push(1);
            put_bytes(out, text.as_bytes());
        }
    }
}

/// None where the bytes are damaged.
pub fn get(bytes: &[u8]) -> Option<ProgrammeDetails> {
    let mut reader = Reader::new(bytes);
    let reader = &mut reader;
    let details = ProgrammeDetails {
        titles: list(reader, text)?,
        sub_titles: list(reader, text)?,
        descriptions: list(reader, text)?,
        categories: list(reader, text)?,
        credits: list(reader, |reader| {
            Some(GuideCredit { role: owned(reader)?, name: owned(reader)?, part: optional(reader)?.map(str::to_owned) })
        })?,
        episode_numbers: list(reader, |reader| Some(EpisodeNumber { system: owned(reader)?, value: owned(reader)? }))?,
        icons: list(reader, owned)?,
        attrs: list(reader, |reader| Some((owned(reader)?, owned(reader)?)))?,
    };
    reader.is_empty().then_some(details)
}

fn list<T>(reader: &mut Reader<'_>, item: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<Vec<T>> {
    let count = reader.length()?;
    // A damaged count must not reserve memory: every item takes a byte at least.
    let mut items = Vec::with_capacity(count.min(reader.rest.len()));
    for _ in 0..count {
        items.push(item(reader)?);
    }
    Some(items)
}

fn text(reader: &mut Reader<'_>) -> Option<GuideText> {
    Some(GuideText { lang: optional(reader)?.map(str::to_owned), value: owned(reader)? })
}

fn owned(reader: &mut Reader<'_>) -> Option<String> {
    reader.text().map(str::to_owned)
}

fn optional<'a>(reader: &mut Reader<'a>) -> Option<Option<&'a str>> {
    match reader.number()? {
        0 => Some(None),
        _ => Some(Some(reader.text()?)),
    }
}

/// Passes over details that somebody else wrote; what is behind them stays unread. Says whether there is a title that is not empty; none
/// where [`get`] would not understand them.
pub fn check(reader: &mut Reader<'_>) -> Option<bool> {
    let mut check = Check { unchecked: reader.rest, reader };
    let mut titled = false;
    for field in [Field::Title, Field::SubTitle, Field::Description, Field::Category] {
        for _ in 0..check.number()? {
            check.optional()?;
            titled |= check.text()? > 0 && field == Field::Title;
        }
    }
    for _ in 0..check.number()? {
        check.text()?;
        check.text()?;
        check.optional()?;
    }
    for texts in [2, 1, 2] {
        for _ in 0..check.number()? {
            for _ in 0..texts {
                check.text()?;
            }
        }
    }
    check.texts()?;
    Some(titled)
}

/// Passes over texts and checks many of them at once. Between two of them are numbers, and those of one byte are ASCII: a piece that is
/// UTF-8 as a whole is so in each of its texts. A number of more bytes ends the piece.
struct Check<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// From where the piece begins.
    unchecked: &'a [u8],
}

impl Check<'_, '_> {
    fn number(&mut self) -> Option<u64> {
        if let [byte @ 0..0x80, rest @ ..] = self.reader.rest {
            self.reader.rest = rest;
            return Some(u64::from(*byte));
        }
        self.texts()?;
        let number = self.reader.number()?;
        self.unchecked = self.reader.rest;
        Some(number)
    }

    /// Passes over a text, and says how long it is.
    fn text(&mut self) -> Option<u64> {
        let length = self.number()?;
        (_, self.reader.rest) = self.reader.rest.split_at_checked(usize::try_from(length).ok()?)?;
        Some(length)
    }

    fn optional(&mut self) -> Option<()> {
        if self.number()? > 0 {
            self.text()?;
        }
        Some(())
    }

    /// Checks the piece up to here.
    fn texts(&mut self) -> Option<()> {
        let (piece, _) = self.unchecked.split_at(self.unchecked.len() - self.reader.rest.len());
        simdutf8::basic::from_utf8(piece).is_ok().then_some(())
    }
}

/// Hands out the texts of encoded details that can be searched, of the lists that are wanted, in their order.
pub fn each_text<'a>(
    bytes: &'a [u8],
    wanted: impl Fn(Field) -> bool,
    mut each: impl FnMut(Field, &'a str),
) -> Option<()> {
    let mut reader = Reader::new(bytes);
    for field in [Field::Title, Field::SubTitle, Field::Description, Field::Category] {
        let wanted = wanted(field);
        for _ in 0..reader.number()? {
            pass_optional(&mut reader)?;
            let text = reader.bytes()?;
            if wanted {
                each(field, std::str::from_utf8(text).ok()?);
            }
        }
    }
    if wanted(Field::Credit) {
        for _ in 0..reader.number()? {
            reader.bytes()?;
            each(Field::Credit, reader.text()?);
            pass_optional(&mut reader)?;
        }
    }
    Some(())
}

fn pass_optional(reader: &mut Reader<'_>) -> Option<()> {
    if reader.number()? > 0 {
        reader.bytes()?;
    }
    Some(())
}
