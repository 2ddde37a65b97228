//! Full-text search: the index says which blocks may have it, the blocks say which programmes do.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use mast_model::guide::details::{Field, each_text};
use mast_model::guide::{fold, folded_words};
use redb::{ReadTransaction, ReadableTable};

use crate::db::{Fault, from_json};

use super::block::day;
use super::index::{self, Term, is_indexed};
use super::snapshot::Tables;
use super::tables::Names;
use super::timeline::{Timeline, damaged, whole};
use super::{Found, GuideRecord, Search, SearchIndex};

/// Blocks that one search reads.
const BLOCKS_MAX: usize = 2_000;
/// Words that one search looks for.
const TERMS_MAX: usize = 16;

/// What a programme must have.
struct Wanted {
    depth: SearchIndex,
    /// Any words.
    words: Vec<Term>,
    /// What the index is asked for: all of the words above, and those of title and category.
    terms: Vec<Term>,
    title: Option<String>,
    category: Option<String>,
}

impl Wanted {
    fn new(depth: SearchIndex, search: &Search) -> Self {
        let mut words = terms(&search.words);
        if let Some(last) = words.last_mut() {
            last.begun = search.words.ends_with(|last: char| last.is_alphanumeric());
        }
        let (title, category) = (search.title.as_deref().map(fold), search.category.as_deref().map(fold));
        let exact = [&title, &category].into_iter().flatten().flat_map(|text| terms(text));
        let mut all: Vec<Term> = words.iter().cloned().chain(exact).collect();
        all.truncate(TERMS_MAX);
        Self { depth, words, terms: all, title, category }
    }

    fn fits(&self, details: &[u8], word: &mut String) -> bool {
        let mut met = vec![false; self.words.len()];
        let (mut title, mut category) = (self.title.is_none(), self.category.is_none());
        let wanted = |field| is_indexed(self.depth, field) || matches!(field, Field::Title | Field::Category);
        let walked = each_text(details, wanted, |field, text| {
            if is_indexed(self.depth, field) && !met.iter().all(|met| *met) {
                folded_words(text, word, |word| {
                    self.words.iter().zip(&mut met).for_each(|(term, met)| *met |= term.fits(word));
                });
            }
            match field {
                Field::Title if !title => title = self.title.as_ref().is_some_and(|wanted| *wanted == fold(text)),
                Field::Category if !category => {
                    category = self.category.as_ref().is_some_and(|wanted| *wanted == fold(text));
                }
                _ => {}
            }
        });
        walked.is_some() && title && category && met.iter().all(|met| *met)
    }
}

fn terms(text: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    folded_words(text, &mut String::new(), |word| {
        if terms.len() < TERMS_MAX {
            terms.push(Term { word: word.to_owned(), begun: false });
        }
    });
    terms
}

pub(super) fn run(
    transaction: &ReadTransaction,
    record: &GuideRecord,
    names: &Names,
    search: &Search,
) -> Result<Vec<Found>, Fault> {
    let wanted = Wanted::new(record.search, search);
    if record.search == SearchIndex::None || search.from >= search.until {
        return Ok(Vec::new());
    }
    let tables = Tables::open(transaction, names)?;
    let mut channels = BTreeSet::new();
    for id in &search.channels {
        channels.extend(tables.number(id)?);
    }
    // A programme that is on may have begun the day before.
    let days = day(search.from.as_second()).saturating_sub(1)..=day(search.until.as_second() - 1);
    let mut candidates = candidates(transaction, names, &wanted.terms)?;
    candidates
        .retain(|(day, channel)| days.contains(day) && (search.channels.is_empty() || channels.contains(channel)));
    let mut found: Vec<(u32, Hit)> = Vec::new();
    let mut last_day = None;
    for (day, channel) in candidates.into_iter().take(BLOCKS_MAX) {
        if last_day.replace(day) != Some(day) && found.len() >= search.most {
            break;
        }
        let hits = hits(&tables, (channel, day), search, &wanted)?;
        found.extend(hits.into_iter().map(|hit| (channel, hit)));
    }
    found.sort_by_key(|(channel, programme)| (programme.start, *channel));
    found.truncate(search.most);
    named(transaction, names, found)
}

type Hit = mast_model::Programme;

/// Days and guide channels whose programmes may fit.
fn candidates(transaction: &ReadTransaction, names: &Names, terms: &[Term]) -> Result<BTreeSet<(u32, u32)>, Fault> {
    let (runs, words) = (transaction.open_table(names.runs())?, transaction.open_table(names.words())?);
    let mut found = BTreeSet::new();
    for row in runs.iter()? {
        let (run, order) = row?;
        let order = index::order(order.value()).ok_or_else(damaged)?;
        let mut fits = vec![true; order.len()];
        for term in terms {
            let mut marks = vec![false; order.len()];
            index::mark(&words, run.value(), term, &mut marks)?.ok_or_else(damaged)?;
            fits.iter_mut().zip(marks).for_each(|(fits, mark)| *fits &= mark);
        }
        let fitting = order.into_iter().zip(fits).filter(|(_, fits)| *fits);
        found.extend(fitting.map(|((channel, day), _)| (day, channel)));
    }
    Ok(found)
}

/// The programmes of a guide channel that start on a day and fit.
fn hits(tables: &Tables, (channel, day): (u32, u32), search: &Search, wanted: &Wanted) -> Result<Vec<Hit>, Fault> {
    let timeline = Timeline::read(&tables.blocks, channel, whole(day))?;
    let mut word = String::new();
    let mut hits = Vec::new();
    for slot in timeline.slots.iter().filter(|slot| slot.start >= whole(day).0) {
        if wanted.fits(timeline.details(slot), &mut word) {
            let programme = timeline.programme(slot)?;
            if programme.stop > search.from && programme.start < search.until {
                hits.push(programme);
            }
        }
    }
    Ok(hits)
}

/// With the ids of their guide channels.
fn named(transaction: &ReadTransaction, names: &Names, found: Vec<(u32, Hit)>) -> Result<Vec<Found>, Fault> {
    let channels = transaction.open_table(names.channels())?;
    let mut ids: HashMap<u32, String> = HashMap::new();
    let mut all = Vec::with_capacity(found.len());
    for (number, programme) in found {
        let channel = match ids.entry(number) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let row = channels.get(number)?.ok_or_else(damaged)?;
                let channel: mast_model::GuideChannel = from_json("guide channel", row.value())?;
                unknown.insert(channel.id).clone()
            }
        };
        all.push(Found { channel, programme });
    }
    Ok(all)
}
