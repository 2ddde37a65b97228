//! Movies and series: lists, the way from a series down to an episode, and links.
//!
//! `vod` shows both, `series` only series. A box goes down by `movie_id`, `season_id` (`SERIES:SEASON`) and `episode_id`; what can be played has a
//! `cmd`: `/media/file_ID.mpg` of a movie or an episode, `/media/season_SERIES_SEASON.mpg` with the number of an episode in `series`.

use std::collections::{BTreeMap, HashSet};

use mast_sdk::output::{Channel, Episode, Filter, Response};
use mast_sdk::{Result, pair};
use serde_json::{Value, json};

use crate::boxes::Favourites;
use crate::itv::{category, number_after};
use crate::listing::{self, Listing, Order, Records};
use crate::{Call, answer};

pub(crate) fn vod(call: &Call<'_>, action: &str, response: &mut Response<'_>) -> Result<()> {
    answer_for(call, &["movie", "series"], action, response)
}

pub(crate) fn series(call: &Call<'_>, action: &str, response: &mut Response<'_>) -> Result<()> {
    answer_for(call, &["series"], action, response)
}

fn answer_for(call: &Call<'_>, contents: &[&str], action: &str, response: &mut Response<'_>) -> Result<()> {
    match action {
        "get_categories" => categories(call, contents, response),
        "get_genres_by_category_alias" => answer::js(response, &json!([{ "id": "*", "title": "All" }])),
        "get_years" => answer::js(response, &json!([{ "id": "*", "title": "All" }])),
        "get_abc" => answer::js(response, &abc()),
        "get_ordered_list" => ordered(call, contents, response),
        "create_link" => link(call, response),
        "set_fav" | "del_fav" => favourite(call, action == "set_fav", response),
        "set_played" | "set_ended" | "set_not_ended" | "set_claim" | "stop" | "set_rating" => answer::done(response),
        _ => answer::nothing(response),
    }
}

fn categories(call: &Call<'_>, contents: &[&str], response: &mut Response<'_>) -> Result<()> {
    let mut found = vec![json!({ "id": "*", "title": "All", "alias": "*", "censored": 0 })];
    for content in contents {
        found.extend(call.line.categories(content).into_iter().map(|category| {
            json!({ "id": category.id.to_string(), "title": category.name, "alias": category.name, "censored": 0 })
        }));
    }
    answer::js(response, &json!(found))
}

fn abc() -> Value {
    let all = std::iter::once(json!({ "id": "*", "title": "*" }));
    let letters = ('A'..='Z').map(|letter| json!({ "id": letter, "title": letter }));
    Value::Array(all.chain(letters).collect())
}

fn ordered(call: &Call<'_>, contents: &[&str], response: &mut Response<'_>) -> Result<()> {
    // Some imitators send the id of a series twice, `7:7`.
    let id = |name: &str| number_after(&format!(":{}", call.field(name)), ":").filter(|id| *id > 0);
    let page = listing::page(call.number("p"));
    match id("movie_id") {
        None => list(call, contents, page, response),
        Some(movie) => listing::written(response, page, |records| {
            inside(call, movie, (season(call.field("season_id")), id("episode_id")), page, records)
        }),
    }
}

/// The season of a `season_id`: of `7:0` the specials; a number alone, where it is not 0, is one too.
fn season(asked: &str) -> Option<u32> {
    match asked.rsplit_once(':') {
        Some((_, season)) => season.parse().ok(),
        None => asked.parse().ok().filter(|season| *season > 0),
    }
}

fn list(call: &Call<'_>, contents: &[&str], page: usize, response: &mut Response<'_>) -> Result<()> {
    let favourites: HashSet<u32> = Favourites::Vod.get(&call.mac)?.into_iter().collect();
    let only_favourites = ["1", "true"].contains(&call.field("fav"));
    let search = call.field("search").to_lowercase();
    let first = Some(call.field("abc")).filter(|letter| !["", "*"].contains(letter)).map(str::to_lowercase);
    let year = Some(call.field("years")).filter(|year| !["", "*", "0"].contains(year));
    let wanted = |record: &Channel| {
        let name = || record.name.to_lowercase();
        (!only_favourites || favourites.contains(&record.id))
            && (search.is_empty() || name().contains(&search))
            && first.as_ref().is_none_or(|first| name().starts_with(first))
            && year.is_none_or(|year| pair(&record.attrs, "year") == Some(year))
    };
    let order = match call.field("sortby") {
        "name" => Order::Name,
        "added" => Order::Added,
        "top" | "rating" => Order::Rating,
        _ => Order::Lineup,
    };
    let listing = Listing { contents, category: category(call.field("category")), order, page, wanted: &wanted };
    let found = listing.read(&call.line);
    listing::written(response, page, |records| {
        for (content, record) in &found.records {
            let mut entry = entry(record, content == "series");
            entry["fav"] = json!(u8::from(favourites.contains(&record.id)));
            records.push(|out| answer::record(out, &entry))?;
        }
        Ok(found.total)
    })
}

/// A movie or a series as boxes read it.
fn entry(record: &Channel, is_series: bool) -> Value {
    let attr = |name: &str| pair(&record.attrs, name).unwrap_or_default();
    let date = if attr("release-date").is_empty() { attr("year") } else { attr("release-date") };
    let cmd = if is_series { String::new() } else { format!("/media/file_{}.mpg", record.id) };
    let minutes = attr("duration-seconds").parse::<u64>().unwrap_or_default() / 60;
    let mut found = json!({
        "id": record.id.to_string(),
        "owner": "",
        "name": record.name,
        "old_name": "",
        "o_name": record.name,
        "fname": "",
        "description": attr("plot"),
        "pic": "",
        "cost": 0,
        "time": minutes,
        "file": "",
        "path": record.name,
        "protocol": "http",
        "rtsp_url": "",
        "censored": u8::from(attr("adult") == "true"),
        "hd": 1,
        "series": [],
        "volume_correction": 0,
        "category_id": record.category.to_string(),
        "genre_id": 0,
    });
    let more = json!({
        "genres_str": attr("genre"),
        "director": attr("director"),
        "actors": attr("cast"),
        "year": date,
        "country": attr("country"),
        "age": attr("age"),
        "rating_imdb": attr("rating"),
        "rating_kinopoisk": attr("rating"),
        "rating_mpaa": attr("age"),
        "rate": "",
        "tmdb_id": attr("tmdb-id"),
        "screenshot_uri": record.logo,
        "added": attr("added"),
        "status": 1,
        "accessed": 1,
        "disable_for_hd_devices": 0,
        "comments": "",
        "low_quality": 0,
        "lock": 0,
        "fav": 0,
        "for_rent": 0,
        "is_movie": u8::from(!is_series),
        "is_series": u8::from(is_series),
        "has_files": u8::from(!is_series),
        "cmd": cmd,
    });
    if let (Some(fields), Value::Object(more)) = (found.as_object_mut(), more) {
        fields.extend(more);
    }
    found
}

/// Writes what is inside of a movie or a series: a file, seasons, episodes, or the file of an episode. Says how many there are on all pages.
fn inside(
    call: &Call<'_>,
    id: u32,
    (season, episode): (Option<u32>, Option<u32>),
    page: usize,
    records: &mut Records<'_, '_>,
) -> Result<usize> {
    if let Some(movie) = call.line.find(id, &Filter::of("movie")) {
        return records.push_page(page, std::iter::once(movie), |movie| {
            let mut file = entry(movie, false);
            file["is_file"] = json!(true);
            file
        });
    }
    let Some(series) = call.line.find(id, &Filter::of("series")) else { return Ok(0) };
    let all = call.line.episodes(id).flatten();
    match (season, episode) {
        (None, None) => records.push_page(page, seasons(all).into_iter(), |known| of_season(&series, known)),
        (_, Some(wanted)) => {
            let all = all.filter(|known| known.id == wanted);
            records.push_page(page, all, |known| of_episode(&series, known, "is_file"))
        }
        (Some(season), None) => {
            let all = all.filter(|known| known.season == season);
            records.push_page(page, all, |known| of_episode(&series, known, "is_episode"))
        }
    }
}

/// The numbers of the episodes of each season.
fn seasons(episodes: impl Iterator<Item = Episode>) -> BTreeMap<u32, Vec<u32>> {
    let mut seasons: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for episode in episodes {
        seasons.entry(episode.season).or_default().push(episode.number);
    }
    seasons
}

fn of_season(series: &Channel, (season, episodes): &(u32, Vec<u32>)) -> Value {
    let mut found = entry(series, true);
    found["id"] = json!(format!("{}:{season}", series.id));
    found["video_id"] = json!(series.id.to_string());
    found["is_season"] = json!(true);
    found["season_number"] = json!(season.to_string());
    found["season_series"] = json!(episodes.len());
    found["name"] = json!(if *season == 0 { "Specials".to_owned() } else { format!("Season {season}") });
    found["cmd"] = json!(format!("/media/season_{}_{season}.mpg", series.id));
    found["series"] = json!(episodes);
    found
}

/// An episode, as one of the list (`is_episode`) or as what is played (`is_file`).
fn of_episode(series: &Channel, episode: &Episode, what: &str) -> Value {
    let attr = |name: &str| pair(&episode.attrs, name).unwrap_or_default();
    let mut found = entry(series, true);
    found["id"] = json!(episode.id.to_string());
    found["video_id"] = json!(series.id.to_string());
    found["season_id"] = json!(format!("{}:{}", series.id, episode.season));
    found["season_number"] = json!(episode.season.to_string());
    found["series_number"] = json!(episode.number.to_string());
    found["name"] = json!(format!("{}. {}", episode.number, episode.name));
    found["time"] = json!(attr("duration-seconds").parse::<u64>().unwrap_or_default() / 60);
    found["has_files"] = json!(1);
    found["cmd"] = json!(format!("/media/file_{}.mpg", episode.id));
    found[what] = json!(true);
    if !attr("plot").is_empty() {
        found["description"] = json!(attr("plot"));
    }
    found
}

fn link(call: &Call<'_>, response: &mut Response<'_>) -> Result<()> {
    let cmd = call.field("cmd");
    let number: Option<u32> = call.number("series").filter(|number| *number > 0);
    let file = || number_after(cmd, "/media/file_").or_else(|| number_after(cmd, "/media/"));
    let found = match (number_after(cmd, "/media/season_"), number) {
        (Some(series), Some(number)) => {
            let season = cmd.rsplit_once('_').and_then(|(_, season)| number_after(&format!("_{season}"), "_"));
            call.line
                .episodes(series)
                .flatten()
                .find(|known| Some(known.season) == season && known.number == number)
                .map(|known| known.id)
        }
        (Some(_), None) => None,
        (None, Some(number)) => file().map(|id| {
            // A series and the number of an episode; or an episode or a movie, and the number means nothing.
            let first = call.line.episodes(id).flatten().find(|known| known.number == number);
            first.map_or(id, |known| known.id)
        }),
        (None, None) => file(),
    };
    let url = |id: u32| call.line.playback(id, "movie").or_else(|_| call.line.playback(id, "episode"));
    match found.map(|id| (id, url(id))) {
        Some((id, Ok(url))) => answer::link(response, id, &url),
        _ => answer::no_link(response, "nothing_to_play"),
    }
}

fn favourite(call: &Call<'_>, add: bool, response: &mut Response<'_>) -> Result<()> {
    let Some(id) = call.number::<u32>("video_id").or_else(|| call.number("fav_id")) else {
        return answer::js(response, &json!(false));
    };
    let mut ids = Favourites::Vod.get(&call.mac)?;
    ids.retain(|known| *known != id);
    if add {
        ids.insert(0, id);
    }
    answer::kept(response, Favourites::Vod.set(&call.mac, &ids))
}
