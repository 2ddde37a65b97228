//! Movies, a page at a time and the newest first.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mast_sdk::json::Fields;
use mast_sdk::source::{Catalog, Movie};
use mast_sdk::{Pairs, Result};
use serde_json::Value;

use crate::categories::{self, Categories};
use crate::links::{Link, Links};
use crate::portal::Portal;
use crate::settings::Settings;
use crate::{Counts, expiry, pages, row};

const WHAT: &str = "the list of movies";
const LONGEST_TEXT: usize = 4096;

/// Reads as many pages as the operator allows; of wanted categories only, where some are named.
pub(crate) fn read(
    settings: &Settings,
    portal: &mut Portal<'_>,
    counts: &mut Counts,
    links: &mut Links,
    out: &mut Catalog<'_>,
) -> Result<()> {
    let categories = categories::read(settings, portal, "movie", out)?;
    let asked = if categories.only { categories.wanted.clone() } else { vec!["*".to_owned()] };
    let mut left = settings.most_pages;
    let mut cut = false;
    for category in asked {
        let query = format!("type=vod&action=get_ordered_list&category={category}&fav=0&sortby=added");
        let paged = pages::read(portal, &query, WHAT, left, |row| movie(&row, &categories, counts, links, out))?;
        left -= paged.pages;
        cut |= paged.cut;
    }
    if cut {
        out.warn("the movies", "there are more than most_pages allows; the newest are read");
    }
    Ok(())
}

fn movie(
    row: &Fields,
    categories: &Categories,
    counts: &mut Counts,
    links: &mut Links,
    out: &mut Catalog<'_>,
) -> Result<()> {
    let parts = row.0.get("series").and_then(Value::as_array).is_some_and(|parts| !parts.is_empty());
    if parts || row.flag("is_series") {
        counts.series += 1;
        return Ok(());
    }
    let id = row::id(row, "id");
    let (Some(id), Some(link)) = (id, row::link(row)) else {
        counts.skipped += 1;
        return Ok(());
    };
    let Some(category) = categories.place(row, "category_id") else {
        counts.filtered += 1;
        return Ok(());
    };
    let key = format!("movie:{id}");
    if !links.add(&key, &id, &link) {
        counts.skipped += 1;
        return Ok(());
    }
    counts.movies += 1;
    out.movie(Movie {
        name: row::name(row, &["name", "o_name"]).unwrap_or_else(|| format!("Movie {id}")),
        key,
        category,
        poster: row::picture(row, &["screenshot_uri", "cover_big", "pic"]),
        container: container(&link),
        upstreams: Vec::new(),
        attrs: attrs(row),
    })
}

fn attrs(row: &Fields) -> Pairs {
    let mut attrs = Pairs::new();
    let mut add = |key: &str, value: String| attrs.push((key.to_owned(), value));
    let texts = [
        ("plot", &["description"][..]),
        ("genre", &["genres_str"]),
        ("cast", &["actors"]),
        ("director", &["director"]),
        ("country", &["country"]),
        ("age", &["age"]),
    ];
    for (key, fields) in texts {
        if let Some(mut text) = row.first(fields) {
            text.truncate(text.floor_char_boundary(LONGEST_TEXT));
            add(key, text);
        }
    }
    if let Some(year) = row.text("year").and_then(|year| year.get(..4)?.parse::<u32>().ok()).filter(|year| *year > 1870)
    {
        add("year", year.to_string());
    }
    let ratings = ["rating_imdb", "rating_kinopoisk", "rating"];
    if let Some(rating) =
        ratings.iter().find_map(|name| row.number(name)).filter(|rating| (0.1..=10.0).contains(rating))
    {
        add("rating", rating.to_string());
    }
    if let Some(minutes) = row.whole("time").filter(|minutes| (1..=1440).contains(minutes)) {
        add("duration-seconds", (minutes * 60).to_string());
    }
    if let Some(added) = row.text("added").and_then(|added| expiry::read(&added)) {
        add("added", added.to_string());
    }
    if row.flag("censored") {
        add("adult", "true".to_owned());
    }
    attrs
}

/// What the `cmd` tells of the file: its extension, or what portals made of Xtream panels write into Base64.
fn container(link: &Link) -> String {
    let inside =
        STANDARD.decode(&link.cmd).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()).map(Fields::of);
    let target = inside.and_then(|inside| match inside.0.get("target_container") {
        Some(Value::Array(list)) => list.first().and_then(mast_sdk::json::text),
        Some(one) => mast_sdk::json::text(one),
        None => None,
    });
    // It is often a list inside a text: ["mkv"].
    let target = target.map(|text| text.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned());
    let file =
        || link.cmd.split('?').next()?.rsplit('/').next()?.rsplit_once('.').map(|(_, extension)| extension.to_owned());
    let is_plain =
        |text: &String| (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    target.or_else(file).filter(is_plain).unwrap_or_else(|| "mp4".to_owned()).to_ascii_lowercase()
}
