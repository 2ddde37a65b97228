//! Lists that a portal hands out a page at a time.

use mast_sdk::json::{self, Fields};
use mast_sdk::{Error, Result};

use crate::portal::Portal;

/// Where the rows are in an answer.
pub(crate) const ENTER: [&str; 2] = ["js", "data"];

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Paged {
    /// Pages that were asked for.
    pub(crate) pages: u64,
    /// There are more.
    pub(crate) cut: bool,
}

/// Asks for pages of `query` until there is no more, at most `most`.
///
/// Portals count what they do not show (what is locked, what is in other packages), so a tenth may be missing; less than that is a list that got lost.
pub(crate) fn read(
    portal: &mut Portal<'_>,
    query: &str,
    what: &str,
    most: u64,
    mut each: impl FnMut(Fields) -> Result<()>,
) -> Result<Paged> {
    let (mut found, mut total, mut before) = (0, None, None);
    let mut paged = Paged::default();
    loop {
        if paged.pages == most {
            paged.cut = true;
            return Ok(paged);
        }
        paged.pages += 1;
        let answer = portal.call(&format!("{query}&p={}", paged.pages), what)?;
        // A portal that does not know of pages answers the same one for ever.
        let (mut first, mut again) = (None, false);
        let outline = json::rows(answer, what, &ENTER, |_, row| {
            if first.is_none() {
                first = Some(row.text("id"));
                again = before == first;
            }
            if again { Ok(()) } else { each(row) }
        })?;
        total = outline.around.whole("total_items").or(total);
        if outline.rows == 0 || again {
            break;
        }
        before = first;
        found += outline.rows;
        if total.is_some_and(|total| found >= total) {
            return Ok(paged);
        }
    }
    match total {
        Some(total) if found < total - total / 10 => {
            Err(Error::malformed(format!("{what} ends after {found} of {total}; the portal may be overloaded")))
        }
        _ => Ok(paged),
    }
}
