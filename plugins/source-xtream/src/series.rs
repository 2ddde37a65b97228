//! Series, without their episodes.

use mast_sdk::Result;
use mast_sdk::json;
use mast_sdk::source::{Catalog, Series};

use crate::account::{Account, moment};
use crate::categories::{Categories, Place, refuse_other_objects};
use crate::counts::Counts;
use crate::row::{self, Attrs};
use crate::settings::Content;

/// A series whose episodes are to be found.
pub(crate) struct Listed {
    pub(crate) id: Box<str>,
    /// When it was changed, unix seconds; 0 where the upstream does not say.
    pub(crate) modified: u64,
}

/// Reads the list, pushes what is wanted and answers it.
pub(crate) fn read(
    account: &Account,
    categories: &Categories,
    counts: &mut Counts,
    out: &mut Catalog<'_>,
) -> Result<Vec<Listed>> {
    const WHAT: &str = "the list of series";
    let mut found = 0;
    let mut listed = Vec::new();
    let input = account.ask("&action=get_series", WHAT)?;
    let outline = json::rows(input, WHAT, &["data"], |_, row| {
        let Some(id) = row::id(&row, &["series_id", "id"]) else {
            counts.skip(out, "a series", "it has no series_id");
            return Ok(());
        };
        found += 1;
        let category = match categories.place(&row) {
            Place::In(category) => category,
            Place::Filtered => {
                counts.filtered += 1;
                return Ok(());
            }
        };
        let key = format!("series:{id}");
        let name = row::name(&row, &["name", "title", "o_name"]).unwrap_or_else(|| {
            counts.mend(out, &key, "it has no name; its id is one");
            format!("Series {id}")
        });
        let modified = row.text("last_modified").and_then(|at| moment(&at)).unwrap_or_default();
        let mut attrs = Attrs::of(&row);
        attrs.plain();
        attrs.about();
        let attrs = attrs.pairs;
        let poster = row::picture(&row, &["cover", "cover_big", "stream_icon"]);
        counts.add(Content::Series);
        listed.push(Listed { id: id.into_boxed_str(), modified });
        out.series(Series { key, name, category, poster, attrs })
    })?;
    refuse_other_objects(&outline, found, WHAT)?;
    categories.refuse_an_empty_list(found, WHAT)?;
    Ok(listed)
}
