//! Movies.

use mast_sdk::Result;
use mast_sdk::json;
use mast_sdk::source::{Catalog, Movie};

use crate::account::Account;
use crate::categories::{Categories, Place, refuse_other_objects};
use crate::counts::Counts;
use crate::row::{self, Attrs};
use crate::settings::{Content, Settings};

/// Reads the list and pushes what is wanted. What a movie is about comes as far as the list says it: asking for each would be a request each.
pub(crate) fn read(
    settings: &Settings,
    account: &Account,
    categories: &Categories,
    counts: &mut Counts,
    out: &mut Catalog<'_>,
) -> Result<()> {
    const WHAT: &str = "the list of movies";
    let mut found = 0;
    let input = account.ask("&action=get_vod_streams", WHAT)?;
    let outline = json::rows(input, WHAT, &["data"], |_, row| {
        let Some(id) = row::id(&row, &["stream_id", "id"]) else {
            counts.skip(out, "a movie", "it has no stream_id");
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
        let key = format!("movie:{id}");
        let name = row::name(&row, &["name", "title", "o_name"]).unwrap_or_else(|| {
            counts.mend(out, &key, "it has no name; its id is one");
            format!("Movie {id}")
        });
        let container = row::container(&row);
        let mut upstreams = vec![account.upstream("movie", &id, &container, "file")];
        if settings.use_direct_source
            && let Some(direct) = account.direct(&row)
        {
            upstreams.insert(0, direct);
        }
        let mut attrs = Attrs::of(&row);
        attrs.plain();
        attrs.about();
        let attrs = attrs.pairs;
        let poster = row::picture(&row, &["stream_icon", "cover", "cover_big", "movie_image"]);
        counts.add(Content::Movie);
        out.movie(Movie { key, name, category, poster, container, upstreams, attrs })
    })?;
    refuse_other_objects(&outline, found, WHAT)?;
    categories.refuse_an_empty_list(found, WHAT)
}
