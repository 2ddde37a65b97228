//! One `<programme>` as the host's record. Children may come in any order, any number of times, unclosed, with markup inside.

use mast_sdk::epg::{Credit, EpisodeNumber, Programme, Text};

use crate::element::Element;
use crate::markup::{Token, Tokens, attribute};
use crate::remarks::Remarks;
use crate::text::{resolve, tidy, value};

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

/// What is known of a programme before its content is read.
pub(crate) struct Head {
    pub(crate) channel: String,
    pub(crate) start: u64,
    pub(crate) stop: Option<u64>,
}

struct Reader<'a, 's> {
    programme: Programme,
    container: Option<Leaf<'a>>,
    leaf: Option<Leaf<'a>>,
    /// Inside an element whose text is nobody's: a person's picture.
    muted: Option<&'a str>,
    text: &'s mut String,
    remarks: &'s mut Remarks,
}

/// Reads the content. The number says how much of it is the programme's: less than all, where something begins that cannot be part of
/// one. None where there is no title.
pub(crate) fn read(
    head: Head,
    tag: &str,
    content: &str,
    text: &mut String,
    remarks: &mut Remarks,
) -> (Option<Programme>, usize) {
    text.clear();
    let mut programme = Programme::new(head.channel, head.start, "");
    programme.titles.clear();
    programme.stop = head.stop;
    let mut reader = Reader { programme, container: None, leaf: None, muted: None, text, remarks };
    let mut used = content.len();
    for token in Tokens::new(content) {
        match token {
            Token::Text(text) => reader.text(text, true),
            Token::Literal(text) => reader.text(text, false),
            Token::Open { name, attributes, closed, at } => {
                let element = Element::of(name);
                if element == Some(Element::Outside) {
                    used = at;
                    break;
                }
                reader.open(element, name, attributes, closed);
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
    fn text(&mut self, text: &str, references: bool) {
        if self.leaf.is_none() || self.muted.is_some() {
        } else if references {
            resolve(text, self.text, self.remarks);
        } else {
            self.text.push_str(text);
        }
    }

    fn open(&mut self, element: Option<Element>, name: &'a str, attributes: &'a str, closed: bool) {
        let Some(element) = element else {
            // Markup in a text: words on both sides of it stay apart.
            if self.leaf.is_some() && matches!(name, "br" | "p" | "li" | "div") {
                self.text.push('\n');
            }
            return;
        };
        if let Some(leaf) = self.leaf {
            if leaf.element == Element::Person && matches!(element, Element::Image | Element::Url) {
                self.muted = (!closed).then_some(name);
                return;
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
            if closed {
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

    fn item(programme: &Programme) -> String {
        format!("the programme of {} at {}", programme.channel, programme.start)
    }

    fn note(&mut self, what: &'static str) {
        let programme = &self.programme;
        self.remarks.note(|| Self::item(programme), what);
    }

    /// A value of the open element's attributes, references resolved; none where it is empty.
    fn attribute(&mut self, leaf: Leaf<'a>, name: &str) -> Option<String> {
        let raw = attribute(leaf.attributes.as_bytes(), name)?;
        let value = value(raw, self.remarks);
        if value.len() > URL {
            self.note("an attribute is too long; it is left out");
            return None;
        }
        (!value.is_empty()).then_some(value)
    }

    fn keep(&mut self, key: impl Into<String>, value: impl Into<String>) {
        if self.programme.attrs.len() < MOST {
            self.programme.attrs.push((key.into(), value.into()));
        } else {
            self.note(TOO_MANY);
        }
    }

    /// `key`, or `key:SYSTEM` where the element names one.
    fn keep_of_system(&mut self, leaf: Leaf<'a>, key: &str, attribute: &str, value: String) {
        match self.attribute(leaf, attribute) {
            Some(system) => self.keep(format!("{key}:{system}"), value),
            None => self.keep(key, value),
        }
    }

    /// An element whose text is complete.
    fn finish(&mut self) {
        let Some(leaf) = self.leaf.take() else { return };
        self.muted = None;
        let longest = leaf.element.longest();
        if self.text.len() > longest && self.text.trim().len() > longest {
            self.note(TOO_LONG);
        }
        let own = tidy(self.text, leaf.element.has_lines(), longest).into_owned();
        self.text.clear();
        if own.is_empty() {
            // These say something by being there.
            match leaf.element {
                Element::Premiere => self.keep("premiere", "true"),
                Element::LastChance => self.keep("last-chance", "true"),
                _ => {}
            }
            return;
        }
        self.place(leaf, own);
    }

    fn place(&mut self, leaf: Leaf<'a>, own: String) {
        match leaf.element {
            Element::Title | Element::SubTitle | Element::Description | Element::Category => self.texts(leaf, own),
            Element::Person => self.person(leaf, own),
            Element::EpisodeNumber => {
                let system = self.attribute(leaf, "system").unwrap_or_else(|| "onscreen".to_owned());
                if self.programme.episode_numbers.len() < MOST {
                    self.programme.episode_numbers.push(EpisodeNumber { system, value: own });
                } else {
                    self.note(TOO_MANY);
                }
            }
            Element::Date => self.keep("date", own),
            Element::Keyword => self.keep("keyword", own),
            Element::Country => self.keep("country", own),
            Element::Language => match self.container.map(|container| container.element) {
                // Kept by `leave`, behind the type.
                Some(Element::Subtitles) => *self.text = own,
                _ => self.keep("language", own),
            },
            Element::OriginalLanguage => self.keep("original-language", own),
            Element::Length => self.length(leaf, &own),
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

    fn texts(&mut self, leaf: Leaf<'a>, own: String) {
        let lang = self.attribute(leaf, "lang");
        let list = match leaf.element {
            Element::Title => &mut self.programme.titles,
            Element::SubTitle => &mut self.programme.sub_titles,
            Element::Description => &mut self.programme.descriptions,
            _ => &mut self.programme.categories,
        };
        if list.len() < MOST {
            list.push(Text { lang, value: own });
        } else {
            self.note(TOO_MANY);
        }
    }

    fn person(&mut self, leaf: Leaf<'a>, own: String) {
        let part = self.attribute(leaf, "role");
        let guest = attribute(leaf.attributes.as_bytes(), "guest") == Some(b"yes");
        let role = if guest { "guest" } else { leaf.name };
        if self.programme.credits.len() < MOST {
            self.programme.credits.push(Credit { role: role.to_owned(), name: own, part });
        } else {
            self.note(TOO_MANY);
        }
    }

    fn length(&mut self, leaf: Leaf<'a>, own: &str) {
        let unit = match attribute(leaf.attributes.as_bytes(), "units") {
            Some(b"hours") => 3600,
            Some(b"seconds") => 1,
            _ => 60,
        };
        match own.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)) {
            Some(seconds) => self.keep("length", seconds.to_string()),
            None => self.note("its length is not a number; it is left out"),
        }
    }

    fn rating(&mut self, own: String) {
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
                if self.programme.icons.len() < MOST {
                    self.programme.icons.push(src);
                }
            }
            Element::PreviouslyShown => {
                let when = self.attribute(leaf, "start").unwrap_or_else(|| "true".to_owned());
                self.keep("previously-shown", when);
                if let Some(channel) = self.attribute(leaf, "channel") {
                    self.keep("previously-shown-channel", channel);
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
        let language = std::mem::take(self.text);
        match (self.attribute(container, "type"), language.is_empty()) {
            (Some(kind), true) => self.keep("subtitles", kind),
            (Some(kind), false) => self.keep("subtitles", format!("{kind}:{language}")),
            (None, true) => self.keep("subtitles", "onscreen"),
            (None, false) => self.keep("subtitles", format!("onscreen:{language}")),
        }
    }

    /// Attributes of the programme itself, times and channel apart.
    fn own_attributes(&mut self, tag: &'a str) {
        // Start, stop and channel are there nearly always, the others nearly never.
        let usual = 2 + usize::from(attribute(tag.as_bytes(), "stop").is_some());
        if memchr::memchr_iter(b'=', tag.as_bytes()).count() <= usual {
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
                self.keep(key, value);
            }
        }
        if let Some(clump) = self.attribute(leaf, "clumpidx").filter(|clump| clump != "0/1") {
            self.keep("clump", clump);
        }
    }

    fn ready(mut self) -> Option<Programme> {
        if self.programme.titles.is_empty() {
            if self.programme.sub_titles.is_empty() {
                self.note("it has no title; it is left out");
                return None;
            }
            self.note("it has no title; its sub-title stands for it");
            self.programme.titles = std::mem::take(&mut self.programme.sub_titles);
        }
        Some(self.programme)
    }
}
