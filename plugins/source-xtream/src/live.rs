//! Live channels.

use mast_sdk::json::{self, Fields};
use mast_sdk::source::{Catalog, CatchUp, Channel};
use mast_sdk::{Pairs, Result};

use crate::account::Account;
use crate::categories::{Categories, Place, refuse_other_objects};
use crate::counts::Counts;
use crate::row::{self, Attrs};
use crate::settings::{Content, Settings};

/// An archive of which the upstream does not say how long it is.
const UNKNOWN_DAYS: u64 = 1;
/// No archive is longer.
const MOST_DAYS: u64 = 365;

/// Reads the list and pushes what is wanted, in the upstream's order.
pub(crate) fn read(
    settings: &Settings,
    account: &Account,
    categories: &Categories,
    counts: &mut Counts,
    out: &mut Catalog<'_>,
) -> Result<()> {
    const WHAT: &str = "the list of channels";
    let mut found = 0;
    let input = account.ask("&action=get_live_streams", WHAT)?;
    let outline = json::rows(input, WHAT, &["data"], |_, row| {
        let Some(id) = row::id(&row, &["stream_id", "id"]) else {
            counts.skip(out, "a channel", "it has no stream_id");
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
        let key = format!("live:{id}");
        let name = row::name(&row, &["name", "title", "epg_channel_id"]).unwrap_or_else(|| {
            counts.mend(out, &key, "it has no name; its id is one");
            format!("Channel {id}")
        });
        let kind = settings.output;
        let mut upstreams = vec![account.upstream("live", &id, kind.extension(), kind.kind())];
        if settings.use_direct_source
            && let Some(direct) = account.direct(&row)
        {
            upstreams.insert(0, direct);
        }
        counts.add(Content::Live);
        out.channel(Channel {
            number: row.whole("num").and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0),
            category,
            logo: row::picture(&row, &["stream_icon", "thumbnail"]),
            epg_id: row.text("epg_channel_id"),
            upstreams,
            catch_up: catch_up(&row, account),
            attrs: attrs(&row),
            ..Channel::new(key, name)
        })
    })?;
    refuse_other_objects(&outline, found, WHAT)?;
    categories.refuse_an_empty_list(found, WHAT)
}

fn catch_up(row: &Fields, account: &Account) -> Option<CatchUp> {
    let days = row.whole("tv_archive_duration").unwrap_or(UNKNOWN_DAYS).min(MOST_DAYS);
    if !row.flag("tv_archive") || days == 0 {
        return None;
    }
    let mut attrs = Pairs::new();
    if account.ahead != 0 {
        // The archive is asked for in the upstream's local time.
        attrs.push(("correction".to_owned(), (account.ahead as f64 / 3600.0).to_string()));
    }
    Some(CatchUp { mode: "xc".to_owned(), days: days as u32, template: None, attrs })
}

fn attrs(row: &Fields) -> Pairs {
    let mut attrs = Attrs::of(row);
    if row.text("stream_type").is_some_and(|kind| kind.starts_with("radio")) {
        attrs.add("radio", "true");
    }
    attrs.plain();
    attrs.pairs
}
