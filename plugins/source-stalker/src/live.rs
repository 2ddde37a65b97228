//! Live channels.

use mast_sdk::json::{self, Fields};
use mast_sdk::source::{Catalog, Channel};
use mast_sdk::{Code, Result};

use crate::categories::{self, Categories};
use crate::links::Links;
use crate::pages::{self, ENTER};
use crate::portal::Portal;
use crate::settings::Settings;
use crate::{Counts, row};

const WHAT: &str = "the list of channels";
/// Pages of channels; a portal has not more.
const MOST_PAGES: u64 = 10_000;
/// The host shows a hundred warnings.
const MOST_WARNINGS: u64 = 100;

/// Reads the whole list, or its pages where the portal has no whole one.
pub(crate) fn read(
    settings: &Settings,
    portal: &mut Portal<'_>,
    counts: &mut Counts,
    links: &mut Links,
    out: &mut Catalog<'_>,
) -> Result<()> {
    let categories = categories::read(settings, portal, "live", out)?;
    let whole = portal.call("type=itv&action=get_all_channels", WHAT).and_then(|answer| {
        let each = |_: Option<&str>, row: Fields| channel(&row, &categories, counts, links, out);
        json::rows(answer, WHAT, &ENTER, each)
    });
    match whole {
        Ok(outline) if outline.rows > 0 => return Ok(()),
        // What was half read is not read again: half a list is an error.
        Err(error) if counts.channels + counts.filtered + counts.skipped > 0 => return Err(error),
        Err(error) if !matches!(error.code, Code::NotFound | Code::Malformed) => return Err(error),
        _ => {}
    }
    let query = "type=itv&action=get_ordered_list&genre=*&force_ch_link_check=&fav=0&sortby=number&hd=0";
    pages::read(portal, query, WHAT, MOST_PAGES, |row| channel(&row, &categories, counts, links, out))?;
    Ok(())
}

fn channel(
    row: &Fields,
    categories: &Categories,
    counts: &mut Counts,
    links: &mut Links,
    out: &mut Catalog<'_>,
) -> Result<()> {
    let id = row::id(row, "id");
    let (Some(id), Some(link)) = (id, row::link(row)) else {
        counts.skipped += 1;
        if counts.skipped <= MOST_WARNINGS {
            let item = row::name(row, &["name"]).unwrap_or_else(|| "a channel".to_owned());
            out.warn(&item, "it has no id or nothing to ask the portal for");
        }
        return Ok(());
    };
    let Some(category) = categories.place(row, "tv_genre_id") else {
        counts.filtered += 1;
        return Ok(());
    };
    let key = format!("live:{id}");
    if !links.add(&key, &id, &link) {
        counts.skipped += 1;
        out.warn(&key, "what the portal wants to be asked for is too long");
        return Ok(());
    }
    let mut attrs = Vec::new();
    if row.flag("censored") {
        attrs.push(("adult".to_owned(), "true".to_owned()));
    }
    if row.flag("hd") {
        attrs.push(("quality".to_owned(), "HD".to_owned()));
    }
    counts.channels += 1;
    out.channel(Channel {
        number: row.whole("number").and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0),
        category,
        logo: row::picture(row, &["logo"]),
        epg_id: row.text("xmltv_id"),
        attrs,
        ..Channel::new(key, row::name(row, &["name"]).unwrap_or_else(|| format!("Channel {id}")))
    })
}
