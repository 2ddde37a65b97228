//! Lists by template: a header, an entry and a footer with `{placeholders}`. The shapes that old boxes ask for are templates too.
//!
//! A brace that does not stand around a lower-case word is itself: `{ {name} }` has one placeholder.

use std::borrow::Cow;

use mast_sdk::{Error, Result};

use crate::entries::Entry;
use crate::escape::{Escape, number};

/// A template that can be filled in.
#[derive(Debug)]
pub(crate) struct Template<'a> {
    pub(crate) content_type: Cow<'a, str>,
    /// With `{username}` in it, perhaps.
    pub(crate) file_name: Cow<'a, str>,
    escape: Escape,
    header: Vec<Part<'a>>,
    entry: Vec<Part<'a>>,
    between: Cow<'a, str>,
    footer: Vec<Part<'a>>,
}

/// A template as it is written.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Written<'a> {
    /// What `type` in the query says.
    pub(crate) name: Cow<'a, str>,
    pub(crate) content_type: Cow<'a, str>,
    pub(crate) file_name: Cow<'a, str>,
    #[serde(default)]
    pub(crate) header: Cow<'a, str>,
    pub(crate) entry: Cow<'a, str>,
    /// Between two entries.
    #[serde(default)]
    pub(crate) between: Cow<'a, str>,
    #[serde(default)]
    pub(crate) footer: Cow<'a, str>,
    pub(crate) escape: Escape,
}

#[derive(Debug)]
enum Part<'a> {
    Literal(&'a str),
    Entry(Field),
    List(Whole),
}

/// Placeholders of entries.
#[derive(Debug, Clone, Copy)]
enum Field {
    Name,
    Url,
    Id,
    Number,
    EpgId,
    Logo,
    Group,
    Content,
    CatchUpDays,
}

const FIELDS: [(&str, Field); 9] = [
    ("name", Field::Name),
    ("url", Field::Url),
    ("id", Field::Id),
    ("number", Field::Number),
    ("epg_id", Field::EpgId),
    ("logo", Field::Logo),
    ("group", Field::Group),
    ("content", Field::Content),
    ("catch_up_days", Field::CatchUpDays),
];

/// Placeholders of whole lists, which entries know as well.
#[derive(Debug, Clone, Copy)]
enum Whole {
    Username,
    BaseUrl,
    GuideUrl,
}

const WHOLE: [(&str, Whole); 3] =
    [("username", Whole::Username), ("base_url", Whole::BaseUrl), ("guide_url", Whole::GuideUrl)];

/// What a list says of itself.
pub(crate) struct About<'a> {
    pub(crate) username: &'a str,
    pub(crate) base_url: &'a str,
    pub(crate) guide_url: &'a str,
}

impl<'a> Template<'a> {
    /// Reads the placeholders; an unknown one is an error that names the known ones.
    pub(crate) fn parse(written: &'a Written<'a>) -> Result<Self> {
        let parts = |which: &str, text: &'a str, is_entry| {
            parts(text, is_entry).map_err(|unknown| {
                let known = FIELDS.iter().map(|(name, _)| *name).filter(|_| is_entry);
                let known: Vec<_> = known.chain(WHOLE.iter().map(|(name, _)| *name)).collect();
                let name = &written.name;
                Error::config(format!(
                    "template {name:?}: {which} has the unknown placeholder {{{unknown}}}; the known ones are {}",
                    known.join(", ")
                ))
            })
        };
        Ok(Self {
            content_type: Cow::Borrowed(&written.content_type),
            file_name: Cow::Borrowed(&written.file_name),
            escape: written.escape,
            header: parts("header", &written.header, false)?,
            entry: parts("entry", &written.entry, true)?,
            between: Cow::Borrowed(&written.between),
            footer: parts("footer", &written.footer, false)?,
        })
    }

    pub(crate) fn header(&self, out: &mut Vec<u8>, about: &About<'_>) {
        self.write(out, &self.header, None, about);
    }

    pub(crate) fn footer(&self, out: &mut Vec<u8>, about: &About<'_>) {
        self.write(out, &self.footer, None, about);
    }

    pub(crate) fn entry(&self, out: &mut Vec<u8>, entry: &Entry<'_>, about: &About<'_>) {
        self.write(out, &self.entry, Some(entry), about);
    }

    pub(crate) fn between(&self) -> &[u8] {
        self.between.as_bytes()
    }

    fn write(&self, out: &mut Vec<u8>, parts: &[Part<'_>], entry: Option<&Entry<'_>>, about: &About<'_>) {
        let escape = self.escape;
        for part in parts {
            match (part, entry) {
                (Part::Literal(text), _) => out.extend_from_slice(text.as_bytes()),
                (Part::List(Whole::Username), _) => escape.text(out, about.username),
                (Part::List(Whole::BaseUrl), _) => escape.address(out, about.base_url),
                (Part::List(Whole::GuideUrl), _) => escape.address(out, about.guide_url),
                (Part::Entry(field), Some(entry)) => match field {
                    Field::Name => escape.text(out, entry.name),
                    Field::Url => escape.address(out, entry.url),
                    Field::Id => number(out, entry.id),
                    Field::Number => number(out, entry.number),
                    Field::EpgId => escape.text(out, entry.epg_id),
                    Field::Logo => escape.address(out, entry.logo),
                    Field::Group => escape.text(out, entry.group),
                    Field::Content => escape.text(out, entry.content),
                    Field::CatchUpDays => number(out, entry.catch_up_days),
                },
                // `parts` lets none into headers and footers.
                (Part::Entry(_), None) => {}
            }
        }
    }
}

/// An error is the unknown placeholder.
fn parts(text: &str, is_entry: bool) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut literal = 0;
    let mut at = 0;
    while let Some(open) = text[at..].find('{').map(|found| at + found) {
        at = open + 1;
        let Some(word) = text[at..].find('}').map(|end| &text[at..at + end]) else { break };
        if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            continue;
        }
        let field = FIELDS.iter().find(|(name, _)| *name == word && is_entry).map(|(_, field)| Part::Entry(*field));
        let whole = WHOLE.iter().find(|(name, _)| *name == word).map(|(_, whole)| Part::List(*whole));
        let part = field.or(whole).ok_or_else(|| word.to_owned())?;
        parts.push(Part::Literal(&text[literal..open]));
        parts.push(part);
        at += word.len() + 1;
        literal = at;
    }
    parts.push(Part::Literal(&text[literal..]));
    Ok(parts)
}
