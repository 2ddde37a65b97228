//! The inverted index: which folded words are in which blocks of a run. It leads to blocks, not to programmes; whoever searches reads
//! the blocks and looks again.
//!
//! Layout: `runs` has a run's blocks in order, each as its guide channel (difference to the one before) and its day (difference, where
//! the guide channel is the same). `words` has the words in order, several to a row, each as the length of what it shares with the word
//! before, the rest, and the list of its blocks' places (differences, the first from -1).

use hashbrown::HashMap;
use mast_model::guide::folded_words;
use redb::{ReadableTable, Table};

use crate::db::Fault;

use super::SearchIndex;
use super::bytes::{Reader, put_bytes, put_number};
use super::details::{Field, each_text};

/// Bytes of a row of words, roughly: a page.
const ROW_BYTES: usize = 3_600;

/// Collects a run's index.
pub(super) struct Draft {
    depth: SearchIndex,
    places: HashMap<String, usize>,
    lists: Vec<List>,
    order: Vec<u8>,
    blocks: u32,
    last: (u32, u32),
    word: String,
}

/// The blocks of a word.
struct List {
    /// Of the last one, from 1.
    last: u32,
    bytes: Vec<u8>,
}

impl Draft {
    pub(super) fn new(depth: SearchIndex) -> Self {
        let (places, lists, order, word) = (HashMap::new(), Vec::new(), Vec::new(), String::new());
        Self { depth, places, lists, order, blocks: 0, last: (0, 0), word }
    }

    /// Begins the next block; they come by guide channel and day.
    pub(super) fn begin(&mut self, channel: u32, day: u32) {
        let (last_channel, last_day) = self.last;
        put_number(&mut self.order, u64::from(channel - last_channel));
        let same = channel == last_channel && self.blocks > 0;
        put_number(&mut self.order, u64::from(if same { day - last_day } else { day }));
        self.last = (channel, day);
        self.blocks += 1;
    }

    /// Takes the words of a programme of this block.
    pub(super) fn add(&mut self, details: &[u8]) {
        let Self { depth, places, lists, blocks, word, .. } = self;
        if *depth == SearchIndex::None {
            return;
        }
        // What the host encoded itself can be walked.
        let _ = each_text(details, |field, text| {
            if is_indexed(*depth, field) {
                folded_words(text, word, |word| {
                    let place = *places.entry_ref(word).or_insert_with(|| {
                        lists.push(List { last: 0, bytes: Vec::new() });
                        lists.len() - 1
                    });
                    let list = &mut lists[place];
                    if list.last != *blocks {
                        put_number(&mut list.bytes, u64::from(*blocks - list.last));
                        list.last = *blocks;
                    }
                });
            }
        });
    }

    /// Writes the index of the run and begins anew.
    pub(super) fn write(
        &mut self,
        run: u32,
        runs: &mut Table<'_, u32, &'static [u8]>,
        words: &mut Table<'_, (u32, &'static str), &'static [u8]>,
    ) -> Result<(), Fault> {
        runs.insert(run, self.order.as_slice())?;
        let mut sorted: Vec<(&str, usize)> = self.places.iter().map(|(word, place)| (word.as_str(), *place)).collect();
        sorted.sort_unstable();
        let (mut first, mut before, mut row) = ("", "", Vec::with_capacity(2 * ROW_BYTES));
        for (word, place) in sorted {
            if row.len() >= ROW_BYTES {
                words.insert((run, first), row.as_slice())?;
                row.clear();
            }
            if row.is_empty() {
                (first, before) = (word, "");
            }
            let shared = before.bytes().zip(word.bytes()).take_while(|(one, other)| one == other).count();
            put_number(&mut row, shared as u64);
            put_bytes(&mut row, &word.as_bytes()[shared..]);
            put_bytes(&mut row, &self.lists[place].bytes);
            before = word;
        }
        if !row.is_empty() {
            words.insert((run, first), row.as_slice())?;
        }
        *self = Self::new(self.depth);
        Ok(())
    }
}

/// Whether texts of a field can be searched.
pub(super) fn is_indexed(depth: SearchIndex, field: Field) -> bool {
    match depth {
        SearchIndex::None => false,
        SearchIndex::Titles => matches!(field, Field::Title | Field::SubTitle | Field::Category),
        SearchIndex::Everything => true,
    }
}

/// A word to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) word: String,
    /// Only begun: longer words fit too.
    pub(super) begun: bool,
}

impl Term {
    pub(super) fn fits(&self, word: &str) -> bool {
        if self.begun { word.starts_with(&self.word) } else { word == self.word }
    }
}

/// A run's blocks: guide channel and day. None where the row is damaged.
pub(super) fn order(row: &[u8]) -> Option<Vec<(u32, u32)>> {
    let mut reader = Reader::new(row);
    let (mut order, mut last) = (Vec::new(), (0_u32, 0_u32));
    while !reader.is_empty() {
        let step = u32::try_from(reader.number()?).ok()?;
        let day = u32::try_from(reader.number()?).ok()?;
        let same = step == 0 && !order.is_empty();
        last = (last.0.checked_add(step)?, if same { last.1.checked_add(day)? } else { day });
        order.push(last);
    }
    Some(order)
}

/// Marks the blocks of a run that have a word that fits. `Ok(None)` where a row is damaged.
pub(super) fn mark(
    words: &impl ReadableTable<(u32, &'static str), &'static [u8]>,
    run: u32,
    term: &Term,
    marks: &mut [bool],
) -> Result<Option<()>, Fault> {
    let first = words.range((run, "")..=(run, term.word.as_str()))?.next_back().transpose()?;
    let from = first.map_or_else(String::new, |(key, _)| key.value().1.to_owned());
    for row in words.range((run, from.as_str())..)? {
        let (key, row) = row?;
        let (of, first) = key.value();
        if of != run || (first > term.word.as_str() && !term.fits(first)) {
            break;
        }
        if mark_row(row.value(), term, marks).is_none() {
            return Ok(None);
        }
    }
    Ok(Some(()))
}

fn mark_row(row: &[u8], term: &Term, marks: &mut [bool]) -> Option<()> {
    let mut reader = Reader::new(row);
    let mut word = Vec::new();
    while !reader.is_empty() {
        let shared = reader.length().filter(|shared| *shared <= word.len())?;
        word.truncate(shared);
        word.extend_from_slice(reader.bytes()?);
        let list = reader.bytes()?;
        let text = std::str::from_utf8(&word).ok()?;
        if term.fits(text) {
            let (mut list, mut place) = (Reader::new(list), 0_usize);
            while !list.is_empty() {
                place = place.checked_add(list.length()?)?;
                *marks.get_mut(place.checked_sub(1)?)? = true;
            }
        } else if text > term.word.as_str() {
            break;
        }
    }
    Some(())
}

#[cfg(test)]
pub(super) fn mark_anything(row: &[u8]) {
    mark_row(row, &Term { word: "b".to_owned(), begun: true }, &mut [false; 8]);
}
