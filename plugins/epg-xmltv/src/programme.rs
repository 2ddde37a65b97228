//! One `<programme>` as the host's record, packed as it is read. Children may come in any order, any number of times, unclosed, with markup inside.

use std::borrow::Cow;

use mast_sdk::epg::PackedProgramme;

use crate::element::Element;
use crate::markup::{Token, Tokens, text_attribute};
use crate::remarks::Remarks;
use crate::text::{is_plain, resolve, tidy, trim, value};

/// Entries of one list of a record (titles, credits, attributes ...); more are left out. Keep the README in step.
const MOST: usize = 128;
/// The longest URL, in bytes; a longer one is left out.
const URL: usize = 2048;

const TOO_LONG: &str = "a text is too long; the rest is cut off";
const TOO_MANY: &str = "it has too many entries of a kind; the rest is left out";

/// An element with text that is open.
#[derive(Clone, Copy)]
struct Leaf<'a> {
    element: Element,
    name: &'a str,
    attributes: &'a str,
}

/// Memory that serves one programme after the other.
#[derive(Default)]
pub(crate) struct Scratch {
    /// What was read, and its channel and times before.
    pub(crate) programme: PackedProgramme,
    text: String,
    joined: String,
}

struct Reader<'a, 's> {
    programme: &'s mut PackedProgramme,
    container: Option<Leaf<'a>>,
    leaf: Option<Leaf<'a>>,
    /// Inside an element whose text is nobody's: a person's picture.
    muted: Option<&'a str>,
    /// The text of the open element, where it came in one piece with nothing to resolve in it.
    plain: Option<&'a str>,
    /// The text of the open element, else.
    text: &'s mut String,
    /// The language of the open subtitles.
    language: String,
    joined: &'s mut String,
    remarks: &'s mut Remarks,
}

/// Reads the content, and the tag where it has attributes besides times and channel. The number says how much of it is the programme's: less than all, where something begins that cannot be part of
/// one. False where there is no title.
pub(crate) fn read(tag: &str, content: &str, scratch: &mut Scratch, remarks: &mut Remarks) -> (bool, usize) {
    let Scratch { programme, text, joined } = scratch;
    text.clear();
    let mut reader = Reader {
        programme,
        container: None,
        leaf: None,
        muted: None,
        plain: None,
        text,
        language: String::new(),
        joined,
        remarks,
    };
    let mut used = content.len();
    let mut tokens = Tokens::new(content);
    loop {
        if reader.leaf.is_none() {
            tokens.skip_blank();
        }
        let Some(token) = tokens.next() else { break };
        match token {
            Token::Text(text) => reader.add(text, true),
            Token::Literal(text) => reader.add(text, false),
            Token::Open { name, attributes, closed, at } => {
                let element = Element::of(name);
                if element == Some(Element::Outside) {
                    used = at;
                    break;
                }
                if reader.open(element, name, attributes, closed)
                    && let Some(text) = tokens.text_of(name)
                {
                    reader.whole(text);
                }
            }
            Token::Close(name) => reader.close(name),
        }
    }
    reader.finish();
    reader.leave();
    reader.own_attributes(tag);
    (reader.ready(), used)
}

impl<'a> Reader<'a, '_> {
    fn add(&mut self, text: &'a str, references: bool) {
        if self.leaf.is_none() || self.muted.is_some() {
            return;
        }
        let references = references && memchr::memchr(b'&', text.as_bytes()).is_some();
        if !references && self.plain.is_none() && self.text.is_empty() {
            self.plain = Some(text);
            return;
        }
        self.gather();
        if references {
            resolve(text, self.text, self.remarks);
        } else {
            self.text.push_str(text);
        }
    }

    /// More is to come behind the first piece.
    fn gather(&mut self) {
        if let Some(plain) = self.plain.take() {
            self.text.push_str(plain);
        }
    }

    /// True where an element's text comes next.
    fn open(&mut self, element: Option<Element>, name: &'a str, attributes: &'a str, closed: bool) -> bool {
        let Some(element) = element else {
            // Markup in a text: words on both sides of it stay apart.
            if self.leaf.is_some() && matches!(name, "br" | "p" | "li" | "div") {
                self.gather();
                self.text.push('\n');
            }
            return false;
        };
        if let Some(leaf) = self.leaf {
            if leaf.element == Element::Person && matches!(element, Element::Image | Element::Url) {
                self.muted = (!closed).then_some(name);
                return false;
            }
            self.finish();
        }
        if self.container.is_some() && element.is_outer() {
            self.leave();
        }
        let leaf = Leaf { element, name, attributes };
        if element.is_container() {
            self.container = Some(leaf);
            if closed {
                self.leave();
            }
        } else if element.is_mark() {
            self.mark(leaf);
        } else {
            self.leaf = Some(leaf);
            if !closed {
                return true;
            }
            self.finish();
        }
        false
    }

    /// All of the open element's text, in one piece. Most texts come by here.
    fn whole(&mut self, text: &'a str) {
        match self.leaf {
            Some(leaf) if text.len() <= leaf.element.longest() && is_plain(text) => {
                self.leaf = None;
                self.complete(leaf, trim(text));
            }
            _ => {
                self.add(text, true);
                self.finish();
            }
        }
    }

    fn close(&mut self, name: &str) {
        if self.muted == Some(name) {
            self.muted = None;
        } else if self.leaf.is_some_and(|leaf| leaf.name == name) {
            self.finish();
        } else if self.container.is_some_and(|container| container.name == name) {
            self.finish();
            self.leave();
        }
    }

    fn note(&mut self, what: &'static str) {
        let programme = &*self.programme;
        self.remarks.note(|| format!("the programme of {} at {}", programme.channel(), programme.start()), what);
    }

    /// A value of the open element's attributes, references resolved; none where it is empty.
    fn attribute(&mut self, leaf: Leaf<'a>, name: &str) -> Option<Cow<'a, str>> {
        let raw = text_attribute(leaf.attributes, name)?;
        let value = value(raw, self.remarks);
        if value.len() > URL {
            self.note("an attribute is too long; it is left out");
            return None;
        }
        (!value.is_empty()).then_some(value)
    }

    fn keep(&mut self, key: &str, value: &str) {
        if self.programme.attrs() < MOST {
            self.programme.attr(key, value);
        } else {
            self.note(TOO_MANY);
        }
    }

    /// `key`, or `key:SYSTEM` where the element names one.
    fn keep_of_system(&mut self, leaf: Leaf<'a>, key: &str, attribute: &str, value: &str) {
        match self.attribute(leaf, attribute) {
            Some(system) => {
                let mut joined = self.joined(key, &system);
                self.keep(&joined, value);
                std::mem::swap(self.joined, &mut joined);
            }
            None => self.keep(key, value),
        }
    }

    /// Both with a colon between them, in memory that is to be given back.
    fn joined(&mut self, one: &str, other: &str) -> String {
        let mut joined = std::mem::take(self.joined);
        joined.clear();
        for part in [one, ":", other] {
            joined.push_str(part);
        }
        joined
    }

    /// An element whose text is complete.
    fn finish(&mut self) {
        let Some(leaf) = self.leaf.take() else { return };
        self.muted = None;
        let mut gathered = std::mem::take(self.text);
        let text = self.plain.take().unwrap_or(&gathered);
        let longest = leaf.element.longest();
        if text.len() > longest && text.trim().len() > longest {
            self.note(TOO_LONG);
        }
        let own = tidy(text, leaf.element.has_lines(), longest);
        self.complete(leaf, &own);
        gathered.clear();
        *self.text = gathered;
    }

    fn complete(&mut self, leaf: Leaf<'a>, own: &str) {
        match leaf.element {
            // These say something by being there.
            Element::Premiere if own.is_empty() => self.keep("premiere", "true"),
            Element::LastChance if own.is_empty() => self.keep("last-chance", "true"),
            _ if own.is_empty() => {}
            _ => self.place(leaf, own),
        }
    }

    fn place(&mut self, leaf: Leaf<'a>, own: &str) {
        match leaf.element {
            Element::Title | Element::SubTitle | Element::Description | Element::Category => self.texts(leaf, own),
            Element::Person => self.person(leaf, own),
            Element::EpisodeNumber => {
                let system = self.attribute(leaf, "system");
                if self.programme.episode_numbers() < MOST {
                    self.programme.episode_number(system.as_deref().unwrap_or("onscreen"), own);
                } else {
                    self.note(TOO_MANY);
                }
            }
            Element::Date => self.keep("date", own),
            Element::Keyword => self.keep("keyword", own),
            Element::Country => self.keep("country", own),
            Element::Language => match self.container.map(|container| container.element) {
                // Kept by `leave`, behind the type.
                Some(Element::Subtitles) => own.clone_into(&mut self.language),
                _ => self.keep("language", own),
            },
            Element::OriginalLanguage => self.keep("original-language", own),
            Element::Length => self.length(leaf, own),
            Element::Url if own.len() <= URL => self.keep("url", own),
            Element::Image if own.len() <= URL => self.keep_of_system(leaf, "image", "type", own),
            Element::Url | Element::Image => self.note("a URL is too long; it is left out"),
            Element::Present if own.eq_ignore_ascii_case("no") => match self.container.map(|c| c.element) {
                Some(Element::Audio) => self.keep("audio", "no"),
                _ => self.keep("video", "no"),
            },
            Element::Colour if own.eq_ignore_ascii_case("no") => self.keep("video-colour", "no"),
            Element::Present | Element::Colour => {}
            Element::Aspect => self.keep("aspect", own),
            Element::Quality => self.keep("video-quality", own),
            Element::Stereo => self.keep("audio", own),
            Element::Premiere => self.keep("premiere", own),
            Element::LastChance => self.keep("last-chance", own),
            Element::Review => self.keep("review", own),
            Element::Value => self.rating(own),
            _ => {}
        }
    }

    fn texts(&mut self, leaf: Leaf<'a>, own: &str) {
        let lang = self.attribute(leaf, "lang");
        let lang = lang.as_deref();
        let programme = &mut *self.programme;
        match leaf.element {
            Element::Title if programme.titles() < MOST => programme.title(lang, own),
            Element::SubTitle if programme.sub_titles() < MOST => programme.sub_title(lang, own),
            Element::Description if programme.descriptions() < MOST => programme.description(lang, own),
            Element::Category if programme.categories() < MOST => programme.category(lang, own),
            _ => self.note(TOO_MANY),
        }
    }

    fn person(&mut self, leaf: Leaf<'a>, own: &str) {
        let part = self.attribute(leaf, "role");
        let guest = text_attribute(leaf.attributes, "guest") == Some("yes");
        let role = if guest { "guest" } else { leaf.name };
        if self.programme.credits() < MOST {
            self.programme.credit(role, own, part.as_deref());
        } else {
            self.note(TOO_MANY);
        }
    }

    fn length(&mut self, leaf: Leaf<'a>, own: &str) {
        let unit = match text_attribute(leaf.attributes, "units") {
            Some("hours") => 3600,
            Some("seconds") => 1,
            _ => 60,
        };
        match own.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)) {
            Some(seconds) => self.keep("length", &seconds.to_string()),
            None => self.note("its length is not a number; it is left out"),
        }
    }

    fn rating(&mut self, own: &str) {
        let Some(container) = self.container else { return };
        match container.element {
            Element::Rating => self.keep_of_system(container, "rating", "system", own),
            Element::StarRating => self.keep_of_system(container, "star-rating", "system", own),
            _ => {}
        }
    }

    /// An element that says all in its attributes.
    fn mark(&mut self, leaf: Leaf<'a>) {
        match leaf.element {
            Element::Icon if self.container.is_none() => {
                let Some(src) = self.attribute(leaf, "src") else { return };
                if self.programme.icons() < MOST {
                    self.programme.icon(&src);
                }
            }
            Element::PreviouslyShown => {
                let when = self.attribute(leaf, "start");
                self.keep("previously-shown", when.as_deref().unwrap_or("true"));
                if let Some(channel) = self.attribute(leaf, "channel") {
                    self.keep("previously-shown-channel", &channel);
                }
            }
            Element::New => self.keep("new", "true"),
            _ => {}
        }
    }

    /// A container is complete.
    fn leave(&mut self) {
        let Some(container) = self.container.take() else { return };
        if container.element != Element::Subtitles {
            return;
        }
        let (kind, language) = (self.attribute(container, "type"), std::mem::take(&mut self.language));
        let kind = kind.as_deref().unwrap_or("onscreen");
        if language.is_empty() {
            self.keep("subtitles", kind);
        } else {
            self.keep("subtitles", &format!("{kind}:{language}"));
        }
    }

    /// Attributes of the programme itself, times and channel apart.
    fn own_attributes(&mut self, tag: &'a str) {
        if tag.is_empty() {
            return;
        }
        let leaf = Leaf { element: Element::Outside, name: "programme", attributes: tag };
        for (name, key) in [
            ("catchup-id", "catch-up-id"),
            ("pdc-start", "pdc-start"),
            ("vps-start", "vps-start"),
            ("showview", "showview"),
            ("videoplus", "videoplus"),
        ] {
            if let Some(value) = self.attribute(leaf, name) {
                self.keep(key, &value);
            }
        }
        if let Some(clump) = self.attribute(leaf, "clumpidx").filter(|clump| clump != "0/1") {
            self.keep("clump", &clump);
        }
    }

    fn ready(mut self) -> bool {
        if self.programme.titles() == 0 {
            if self.programme.sub_titles() == 0 {
                self.note("it has no title; it is left out");
                return false;
            }
            self.note("it has no title; its sub-title stands for it");
            self.programme.swap_titles();
        }
        true
    }
}
