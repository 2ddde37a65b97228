//! Programmes as bytes: the packed form of `mast:epg`, so that an import makes no records and allocates nothing for a text.
//!
//! Reading them is the host's; here it is only for the mock host.

use super::{Programme, Text};

/// The layout that is written.
const VERSION: u8 = 1;

/// A programme that is put together piece by piece, to be used again for the next one: the fast way for importers of large guides. The
/// lists are those of [`Programme`], filled in any order. [`super::Guide::packed`] takes it.
#[derive(Debug, Clone, Default)]
pub struct PackedProgramme {
    channel: String,
    start: u64,
    stop: Option<u64>,
    lists: [List; 8],
}

#[derive(Debug, Clone, Default)]
struct List {
    count: usize,
    bytes: Vec<u8>,
}

const TITLES: usize = 0;
const SUB_TITLES: usize = 1;
const DESCRIPTIONS: usize = 2;
const CATEGORIES: usize = 3;
const CREDITS: usize = 4;
const EPISODE_NUMBERS: usize = 5;
const ICONS: usize = 6;
const ATTRS: usize = 7;

macro_rules! texts {
    ($($(#[$doc:meta])* $add:ident, $(#[$count_doc:meta])* $count:ident, $list:ident;)+) => {$(
        $(#[$doc])*
        pub fn $add(&mut self, lang: Option<&str>, value: &str) {
            self.list($list).optional(lang).text(value);
        }

        $(#[$count_doc])*
        pub fn $count(&self) -> usize {
            self.lists[$list].count
        }
    )+};
}

impl PackedProgramme {
    /// Forgets what was there and begins a programme.
    pub fn begin(&mut self, channel: &str, start: u64, stop: Option<u64>) {
        self.channel.clear();
        self.channel.push_str(channel);
        (self.start, self.stop) = (start, stop);
        for list in &mut self.lists {
            list.count = 0;
            list.bytes.clear();
        }
    }

    /// The id of its guide channel.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// When it starts, Unix seconds.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// When it ends, Unix seconds.
    pub fn stop(&self) -> Option<u64> {
        self.stop
    }

    texts! {
        /// Adds a title; the preferred one comes first.
        title,
        /// How many titles there are.
        titles, TITLES;
        /// Adds a subtitle or episode title.
        sub_title,
        /// How many subtitles there are.
        sub_titles, SUB_TITLES;
        /// Adds a description.
        description,
        /// How many descriptions there are.
        descriptions, DESCRIPTIONS;
        /// Adds a genre or the like.
        category,
        /// How many categories there are.
        categories, CATEGORIES;
    }

    /// Adds a person.
    pub fn credit(&mut self, role: &str, name: &str, part: Option<&str>) {
        self.list(CREDITS).text(role).text(name).optional(part);
    }

    /// How many persons there are.
    pub fn credits(&self) -> usize {
        self.lists[CREDITS].count
    }

    /// Adds an episode number.
    pub fn episode_number(&mut self, system: &str, value: &str) {
        self.list(EPISODE_NUMBERS).text(system).text(value);
    }

    /// How many episode numbers there are.
    pub fn episode_numbers(&self) -> usize {
        self.lists[EPISODE_NUMBERS].count
    }

    /// Adds an icon's URL.
    pub fn icon(&mut self, url: &str) {
        self.list(ICONS).text(url);
    }

    /// How many icons there are.
    pub fn icons(&self) -> usize {
        self.lists[ICONS].count
    }

    /// Adds a pair to the extension slot.
    pub fn attr(&mut self, key: &str, value: &str) {
        self.list(ATTRS).text(key).text(value);
    }

    /// How many pairs the extension slot has.
    pub fn attrs(&self) -> usize {
        self.lists[ATTRS].count
    }

    /// Makes titles of the subtitles and the other way round.
    pub fn swap_titles(&mut self) {
        self.lists.swap(TITLES, SUB_TITLES);
    }

    /// Bytes that it takes, about.
    pub(super) fn size(&self) -> usize {
        self.channel.len() + self.lists.iter().map(|list| list.bytes.len()).sum::<usize>()
    }

    fn list(&mut self, list: usize) -> &mut List {
        let list = &mut self.lists[list];
        list.count += 1;
        list
    }

    /// Takes over a record.
    pub(super) fn take(&mut self, programme: &Programme) {
        self.begin(&programme.channel, programme.start, programme.stop);
        let lists = [&programme.titles, &programme.sub_titles, &programme.descriptions, &programme.categories];
        for (list, texts) in [TITLES, SUB_TITLES, DESCRIPTIONS, CATEGORIES].into_iter().zip(lists) {
            for Text { lang, value } in texts {
                self.list(list).optional(lang.as_deref()).text(value);
            }
        }
        programme.credits.iter().for_each(|one| self.credit(&one.role, &one.name, one.part.as_deref()));
        programme.episode_numbers.iter().for_each(|one| self.episode_number(&one.system, &one.value));
        programme.icons.iter().for_each(|icon| self.icon(icon));
        programme.attrs.iter().for_each(|(key, value)| self.attr(key, value));
    }
}

impl List {
    fn text(&mut self, text: &str) -> &mut Self {
        put_number(&mut self.bytes, text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    fn optional(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            None => {
                self.bytes.push(0);
                self
            }
            Some(text) => {
                self.bytes.push(1);
                self.text(text)
            }
        }
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Programmes that wait for their way to the host.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) count: usize,
    head: Vec<u8>,
}

impl Batch {
    pub(super) fn push(&mut self, programme: &PackedProgramme) {
        if self.bytes.is_empty() {
            self.bytes.push(VERSION);
        }
        let head = &mut self.head;
        head.clear();
        put_number(head, programme.channel.len() as u64);
        head.extend_from_slice(programme.channel.as_bytes());
        put_number(head, programme.start);
        put_number(head, programme.stop.unwrap_or(0));
        let lists: usize = programme.lists.iter().map(|list| length(list.count as u64) + list.bytes.len()).sum();
        put_number(&mut self.bytes, (head.len() + lists) as u64);
        self.bytes.extend_from_slice(head);
        for list in &programme.lists {
            put_number(&mut self.bytes, list.count as u64);
            self.bytes.extend_from_slice(&list.bytes);
        }
        self.count += 1;
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}

/// Bytes that a number takes.
fn length(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(not(target_arch = "wasm32"))]
mod unpack;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use unpack::unpack;

#[cfg(test)]
mod tests {
    use super::super::{Credit, EpisodeNumber};
    use super::*;

    fn text(lang: Option<&str>, value: &str) -> Text {
        Text { lang: lang.map(str::to_owned), value: value.to_owned() }
    }

    #[test]
    fn records_come_back_from_a_batch() {
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        let full = Programme {
            channel: "news.example".to_owned(),
            start: 1_767_225_600,
            stop: Some(u64::MAX),
            titles: vec![text(Some("de"), "Nachrichten"), text(None, "News")],
            sub_titles: vec![text(None, "Ü")],
            descriptions: vec![text(Some(""), &"long ".repeat(60_000))],
            categories: vec![text(None, ""); 200],
            credits: vec![
                Credit { role: "actor".to_owned(), name: "A".to_owned(), part: Some("B".to_owned()) },
                Credit { role: "director".to_owned(), name: "C".to_owned(), part: None },
            ],
            episode_numbers: vec![EpisodeNumber { system: "onscreen".to_owned(), value: "S01E02".to_owned() }],
            icons: vec!["http://pictures.example/1.png".to_owned()],
            attrs: vec![pair("date", "2026"), pair("rating:FSK", "12")],
        };
        let small = Programme::new("", 0, "");
        let (mut batch, mut scratch) = (Batch::default(), PackedProgramme::default());
        for programme in [&full, &small, &full] {
            scratch.take(programme);
            batch.push(&scratch);
        }
        assert_eq!(unpack(&batch.bytes), [full.clone(), small, full]);
        assert_eq!(batch.count, 3);
    }

    #[test]
    fn a_number_is_as_long_as_it_is_written() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut written = Vec::new();
            put_number(&mut written, number);
            assert_eq!(written.len(), length(number), "{number}");
        }
    }
}
