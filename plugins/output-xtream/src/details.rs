//! `get_vod_info` and `get_series_info`. What is not found has an empty array for `info`, which is what clients test.

use mast_sdk::Result;
use mast_sdk::output::{Channel, Episode, Filter, Line, Response};

use crate::attrs::Details;
use crate::json::{self, Object};
use crate::lists::{self, MOVIE, SERIES};

/// `get_vod_info`.
pub(crate) fn movie(line: &Line<'_>, id: Option<u32>, response: &mut Response<'_>) -> Result<()> {
    let Some(movie) = id.and_then(|id| line.find(id, &Filter::of(MOVIE))) else {
        return response.write(b"{\"info\":[],\"movie_data\":{}}");
    };
    let details = Details(&movie.attrs);
    let out = response.buffer();
    let mut object = Object::new(out);
    movie_info(object.key("info"), &movie, details);
    let mut data = Object::new(object.key("movie_data"));
    data.number("stream_id", movie.id.into())
        .text("name", &movie.name)
        .text("title", &movie.name)
        .text("year", details.year())
        .digits("added", details.number("added"));
    lists::category(&mut data, movie.category);
    data.text("container_extension", details.container()).text("custom_sid", "").text("direct_source", "").end();
    object.end();
    response.flush_full()
}

fn movie_info(out: &mut Vec<u8>, movie: &Channel, details: Details<'_>) {
    let (plot, cast) = (details.text("plot"), details.text("cast"));
    let released = details.text("release-date");
    let mut info = Object::new(out);
    info.text("tmdb_id", details.text("tmdb-id"))
        .text("name", &movie.name)
        .text("o_name", &movie.name)
        .text("cover_big", &movie.logo)
        .text("movie_image", &movie.logo)
        .text("releasedate", released)
        .text("release_date", released)
        .text("youtube_trailer", details.text("trailer"))
        .text("director", details.text("director"))
        .text("actors", cast)
        .text("cast", cast)
        .text("description", plot)
        .text("plot", plot)
        .text("genre", details.text("genre"))
        .text("country", details.text("country"))
        .text("age", details.text("age"))
        .digits("episode_run_time", details.minutes());
    details.rating(&mut info);
    details.backdrops(&mut info);
    details.file(&mut info);
    info.end();
}

/// `get_series_info`. Episodes are read once: `seasons` comes behind them, when they are counted.
pub(crate) fn series(line: &Line<'_>, id: Option<u32>, response: &mut Response<'_>) -> Result<()> {
    let Some(series) = id.and_then(|id| line.find(id, &Filter::of(SERIES))) else {
        return response.write(b"{\"seasons\":[],\"info\":[],\"episodes\":{}}");
    };
    let out = response.buffer();
    out.extend_from_slice(b"{\"info\":");
    let mut info = Object::new(out);
    info.text("name", &series.name).text("title", &series.name);
    lists::series_members(&mut info, &series);
    info.end();
    let seasons = episodes(line, series.id, response)?;
    let out = response.buffer();
    out.extend_from_slice(b",\"seasons\":[");
    for (place, (number, episodes)) in seasons.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        season(out, &series, *number, *episodes);
    }
    response.write(b"]}")
}

/// Writes `episodes`, an object of a list for each season; answers the seasons with their number of episodes.
fn episodes(line: &Line<'_>, series: u32, response: &mut Response<'_>) -> Result<Vec<(u32, u64)>> {
    let mut seasons: Vec<(u32, u64)> = Vec::new();
    response.write(b",\"episodes\":{")?;
    for batch in line.episodes(series) {
        for episode in &batch {
            let out = response.buffer();
            match seasons.last_mut() {
                Some((season, count)) if *season == episode.season => {
                    *count += 1;
                    out.push(b',');
                }
                before => {
                    out.extend_from_slice(if before.is_some() { b"],\"" } else { b"\"" });
                    json::number(out, episode.season.into());
                    out.extend_from_slice(b"\":[");
                    seasons.push((episode.season, 1));
                }
            }
            write_episode(out, episode);
            response.flush_full()?;
        }
    }
    response.write(if seasons.is_empty() { b"}" } else { b"]}" })?;
    Ok(seasons)
}

fn write_episode(out: &mut Vec<u8>, episode: &Episode) {
    let details = Details(&episode.attrs);
    let released = details.text("release-date");
    let mut object = Object::new(out);
    object
        .digits("id", episode.id.into())
        .number("episode_num", episode.number.into())
        .text("title", &episode.name)
        .text("container_extension", if episode.container.is_empty() { "mp4" } else { &episode.container });
    let mut info = Object::new(object.key("info"));
    info.text("movie_image", details.text("poster"))
        .text("plot", details.text("plot"))
        .text("releasedate", released)
        .text("release_date", released);
    details.rating(&mut info);
    details.file(&mut info);
    info.end();
    object
        .text("custom_sid", "")
        .digits("added", details.number("added"))
        .number("season", episode.season.into())
        .text("direct_source", "")
        .end();
}

fn season(out: &mut Vec<u8>, series: &Channel, number: u32, episodes: u64) {
    let mut object = Object::new(out);
    // Clients ask for an id; within its series, a season's number is one.
    object.number("id", number.into()).number("season_number", number.into());
    if number == 0 {
        object.text("name", "Specials");
    } else {
        let name = object.key("name");
        name.extend_from_slice(b"\"Season ");
        json::number(name, number.into());
        name.push(b'"');
    }
    object
        .number("episode_count", episodes)
        .text("overview", "")
        .text("air_date", "")
        .text("cover", &series.logo)
        .text("cover_big", &series.logo)
        .end();
}
