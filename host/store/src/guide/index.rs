//! The inverted index: which folded words are in which blocks of a run. It leads to blocks, not to programmes; whoever searches reads
//! the blocks and looks again.
//!
//! Layout: `runs` has a run's blocks in order, each as its guide channel (difference to the one before) and its day (difference, where
//! the guide channel is the same). `words` has the words in order, several to a row, each as the length of what it shares with the word
//! before, the rest, and the list of its blocks' places (differences, the first from -1).

use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use mast_model::guide::bytes::{Reader, put_bytes, put_number};
use mast_model::guide::details::{Field, each_text};
use mast_model::guide::folded_words;
use redb::{ReadableTable, Table};

use crate::db::Fault;

use super::SearchIndex;

/// Bytes of a row of words, roughly: a page.
const ROW_BYTES: usize = 3_600;

/// Collects a run's index. An import meets tens of millions of words, so that what is touched for each is kept small.
pub(super) struct Draft {
    depth: SearchIndex,
    hasher: DefaultHashBuilder,
    /// Words by their hashes alone: where two words of a run had one hash of 64 bits, the second would not be found.
    known: HashTable<(u64, u32)>,
    /// The letters of all words, and where each word's are.
    letters: String,
    words: Vec<Range<usize>>,
    /// Of each word the last block that it is in, from 1.
    last_blocks: Vec<u32>,
    /// Word and block, from 1, each pair once and in the order of blocks.
    met: Vec<(u32, u32)>,
    order: Vec<u8>,
    blocks: u32,
    last: (u32, u32),
    word: String,
}

impl Draft {
    pub(super) fn new(depth: SearchIndex) -> Self {
        Self {
            depth,
            hasher: DefaultHashBuilder::default(),
            known: HashTable::new(),
            letters: String::new(),
            words: Vec::new(),
            last_blocks: Vec::new(),
            met: Vec::new(),
            order: Vec::new(),
            blocks: 0,
            last: (0, 0),
            word: String::new(),
        }
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
        if self.depth == SearchIndex::None {
            return;
        }
        let (mut scratch, depth) = (std::mem::take(&mut self.word), self.depth);
        // What was encoded here, or checked when it came, can be walked.
        let wanted = |field| is_indexed(depth, field);
        let _ = each_text(details, wanted, |_, text| folded_words(text, &mut scratch, |word| self.meet(word)));
        self.word = scratch;
    }

    fn meet(&mut self, word: &str) {
        let hash = self.hasher.hash_one(word);
        let place = match self.known.entry(hash, |(known, _)| *known == hash, |(known, _)| *known) {
            Entry::Occupied(known) => known.get().1,
            Entry::Vacant(unknown) => {
                let place = u32::try_from(self.words.len()).expect("a run has fewer words than bytes");
                unknown.insert((hash, place));
                let from = self.letters.len();
                self.letters.push_str(word);
                self.words.push(from..self.letters.len());
                self.last_blocks.push(0);
                place
            }
        };
        let last = &mut self.last_blocks[place as usize];
        if *last != self.blocks {
            *last = self.blocks;
            self.met.push((place, self.blocks));
        }
    }

    /// Writes the index of the run and begins anew.
    pub(super) fn write(
        &mut self,
        run: u32,
        runs: &mut Table<'_, u32, &'static [u8]>,
        words: &mut Table<'_, (u32, &'static str), &'static [u8]>,
    ) -> Result<(), Fault> {
        runs.insert(run, self.order.as_slice())?;
        let lists = self.lists();
        let mut sorted: Vec<(&str, &Range<usize>)> =
            self.words.iter().zip(&lists.places).map(|(word, list)| (&self.letters[word.clone()], list)).collect();
        sorted.sort_unstable_by_key(|(word, _)| *word);
        let (mut first, mut before, mut row) = ("", "", Vec::with_capacity(2 * ROW_BYTES));
        let mut list = Vec::new();
        for (word, blocks) in sorted {
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
            list.clear();
            let mut last = 0;
            for block in &lists.blocks[blocks.clone()] {
                put_number(&mut list, u64::from(block - last));
                last = *block;
            }
            put_bytes(&mut row, &list);
            before = word;
        }
        if !row.is_empty() {
            words.insert((run, first), row.as_slice())?;
        }
        *self = Self::new(self.depth);
        Ok(())
    }

    /// The blocks of each word, side by side.
    fn lists(&self) -> Lists {
        let mut ends = vec![0_usize; self.words.len()];
        for (word, _) in &self.met {
            ends[*word as usize] += 1;
        }
        let mut end = 0;
        let places = ends.iter_mut().map(|count| {
            let from = end;
            end += *count;
            *count = from;
            from..end
        });
        let places: Vec<Range<usize>> = places.collect();
        let mut blocks = vec![0; self.met.len()];
        for (word, block) in &self.met {
            let next = &mut ends[*word as usize];
            blocks[*next] = *block;
            *next += 1;
        }
        Lists { places, blocks }
    }
}

/// Lists of blocks, and where each word's is.
struct Lists {
    places: Vec<Range<usize>>,
    blocks: Vec<u32>,
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
