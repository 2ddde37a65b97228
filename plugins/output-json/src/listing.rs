//! Lists: an object with one array, written record by record, and pages of the lineup.

use mast_sdk::Result;
use mast_sdk::output::{Channel, Filter, Line, Request, Response};
use serde::Serialize;

use crate::problem::{Problem, Stop};
use crate::query::Page;

/// An object with an array that is being written.
pub(crate) struct List<'r, 'a> {
    response: &'r mut Response<'a>,
    first: bool,
}

impl<'r, 'a> List<'r, 'a> {
    pub(crate) fn start(response: &'r mut Response<'a>, name: &str) -> Result<Self> {
        crate::start(response)?;
        response.buffer().extend_from_slice(format!("{{\"{name}\":[").as_bytes());
        Ok(Self { response, first: true })
    }

    pub(crate) fn push(&mut self, record: &impl Serialize) -> Result<()> {
        let out = self.response.buffer();
        if !self.first {
            out.push(b',');
        }
        self.first = false;
        crate::json(out, record)?;
        self.response.flush_full()
    }

    /// Ends the array and the object, with these members behind the array.
    pub(crate) fn end(self, members: &str) -> Result<()> {
        self.response.buffer().push(b']');
        self.response.write(members.as_bytes())?;
        self.response.write(b"}")
    }
}

/// A page of the channels, movies or series; `write` appends a record.
pub(crate) fn page(
    line: &Line<'_>,
    request: &Request,
    (content, name): (&str, &str),
    response: &mut Response<'_>,
    write: fn(&mut List<'_, '_>, &Channel) -> Result<()>,
) -> Result<(), Stop> {
    let page = Page::parse(request)?;
    // A lineup has no order that its records know: only the place of the last one tells where to go on.
    let before = page.after.map(|id| line.find(id, &Filter::of(content)).ok_or(GONE)).transpose()?;
    if before.is_some_and(|before| page.category.is_some_and(|category| category != before.category)) {
        return Err(GONE.into());
    }
    let mut list = List::start(response, name)?;
    let (mut waiting, mut written, mut last) = (page.after, 0, 0);
    for record in line.lineup(&Filter::of(content).category(page.category)).flatten() {
        if let Some(after) = waiting {
            waiting = (record.id != after).then_some(after);
        } else if page.matches(&record.name) {
            if written == page.limit {
                return Ok(list.end(&format!(",\"next\":{last}"))?);
            }
            write(&mut list, &record)?;
            (written, last) = (written + 1, record.id);
        }
    }
    Ok(list.end(",\"next\":null")?)
}

const GONE: Problem =
    Problem::parameter("after", "The list has no such record any more; begin at the start, without after.");
