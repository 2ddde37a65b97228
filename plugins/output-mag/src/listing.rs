//! Pages of long lists. A list is read through its cursor; what is kept of it is the page, or, where it has to be sorted, a short key
//! for each record. Records are written one by one: a list of all channels has a hundred megabytes and more.

use mast_sdk::Result;
use mast_sdk::output::{Channel, Filter, Line, Response};
use serde::Serialize;

use crate::answer;

/// What boxes show at once.
pub(crate) const PAGE: usize = 14;
/// Names are compared by so many characters.
const KEY: usize = 24;

/// How a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As the lineup has it.
    Lineup,
    /// By name.
    Name,
    /// The newest first.
    Added,
    /// The best first.
    Rating,
}

/// Which records, in which order, and which page of them.
pub(crate) struct Listing<'a> {
    /// Kinds of content, one after the other.
    pub(crate) contents: &'a [&'a str],
    pub(crate) category: Option<u32>,
    pub(crate) order: Order,
    /// From 1.
    pub(crate) page: usize,
    pub(crate) wanted: &'a dyn Fn(&Channel) -> bool,
}

/// A page.
pub(crate) struct Page {
    /// How many records there are on all pages.
    pub(crate) total: usize,
    /// Those of this one, each with its content.
    pub(crate) records: Vec<(String, Channel)>,
}

/// The page that a box asks for; it counts from 1, and 0 is wherever the box was.
pub(crate) fn page(asked: Option<usize>) -> usize {
    asked.unwrap_or(1).clamp(1, usize::MAX / PAGE)
}

/// The records of an answer that is being written.
pub(crate) struct Records<'r, 'a> {
    response: &'r mut Response<'a>,
    first: bool,
}

impl Records<'_, '_> {
    /// Adds the record that `write` appends.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let out = self.response.buffer();
        if !self.first {
            out.push(b',');
        }
        self.first = false;
        write(out)?;
        self.response.flush_full()
    }

    /// Adds those of `all` that are on the page, and says how many there are on all pages.
    pub(crate) fn push_page<T, S: Serialize>(
        &mut self,
        page: usize,
        all: impl Iterator<Item = T>,
        entry: impl Fn(&T) -> S,
    ) -> Result<usize> {
        let mut total = 0;
        for record in all {
            if ((page - 1) * PAGE..page * PAGE).contains(&total) {
                self.push(|out| answer::record(out, &entry(&record)))?;
            }
            total += 1;
        }
        Ok(total)
    }
}

/// A page in the form that boxes expect. `write` adds its records and says how many there are on all pages.
pub(crate) fn written(
    response: &mut Response<'_>,
    page: usize,
    write: impl FnOnce(&mut Records<'_, '_>) -> Result<usize>,
) -> Result<()> {
    answer::written(response, ("{\"data\":[", "}"), |response| {
        let total = write(&mut Records { response, first: true })?;
        let end =
            format!("],\"total_items\":{total},\"max_page_items\":{PAGE},\"selected_item\":0,\"cur_page\":{page}");
        response.write(end.as_bytes())
    })
}

impl Listing<'_> {
    pub(crate) fn read(&self, line: &Line<'_>) -> Page {
        if self.order == Order::Lineup { self.in_order(line) } else { self.sorted(line) }
    }

    fn each(&self, line: &Line<'_>, mut take: impl FnMut(&str, Channel)) {
        for content in self.contents {
            for batch in line.lineup(&Filter::of(content).category(self.category)) {
                batch.into_iter().filter(|record| (self.wanted)(record)).for_each(|record| take(content, record));
            }
        }
    }

    fn in_order(&self, line: &Line<'_>) -> Page {
        let first = (self.page - 1) * PAGE;
        let (mut total, mut records) = (0, Vec::new());
        self.each(line, |content, record| {
            if (first..first + PAGE).contains(&total) {
                records.push((content.to_owned(), record));
            }
            total += 1;
        });
        Page { total, records }
    }

    fn sorted(&self, line: &Line<'_>) -> Page {
        let mut keys: Vec<(Key, usize, u32)> = Vec::new();
        self.each(line, |content, record| {
            let place = self.contents.iter().position(|known| *known == content).unwrap_or_default();
            keys.push((Key::of(&record, self.order), place, record.id));
        });
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        let of_page = keys.iter().skip((self.page - 1) * PAGE).take(PAGE);
        let records = of_page.filter_map(|(_, place, id)| {
            let content = self.contents.get(*place)?;
            Some(((*content).to_owned(), line.find(*id, &Filter::of(content))?))
        });
        Page { total: keys.len(), records: records.collect() }
    }
}

/// What a record is sorted by; the smallest comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Name(Box<str>),
    Number(u64),
}

impl Key {
    fn of(record: &Channel, order: Order) -> Self {
        let attr = |name: &str| mast_sdk::pair(&record.attrs, name);
        match order {
            Order::Added => Self::Number(u64::MAX - attr("added").and_then(|text| text.parse().ok()).unwrap_or(0)),
            Order::Rating => {
                let rating = attr("rating").and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
                Self::Number(u64::MAX - (rating.clamp(0.0, 10.0) * 1000.0) as u64)
            }
            Order::Name | Order::Lineup => {
                Self::Name(record.name.chars().take(KEY).flat_map(char::to_lowercase).collect::<String>().into())
            }
        }
    }
}
