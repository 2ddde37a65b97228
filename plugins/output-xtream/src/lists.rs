//! The lists: categories, live channels, movies and series. They hold nothing that depends on the player or the time: the host caches
//! them.

use mast_sdk::Result;
use mast_sdk::output::{Category, Channel, Filter, Line, Response};

use crate::attrs::Details;
use crate::json::{self, Object};

/// Contents, as `wit/output` names them.
pub(crate) const LIVE: &str = "live";
pub(crate) const MOVIE: &str = "movie";
pub(crate) const SERIES: &str = "series";

/// `get_live_categories` and its like: the whole array.
pub(crate) fn categories(out: &mut Vec<u8>, categories: &[Category]) {
    out.push(b'[');
    for (place, category) in categories.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        Object::new(out)
            .digits("category_id", category.id.into())
            .text("category_name", &category.name)
            .number("parent_id", 0)
            .end();
    }
    out.push(b']');
}

/// Which category a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// No filter.
    All,
    /// This one.
    One(u32),
    /// One that there cannot be.
    None,
}

impl Wanted {
    /// A panel filters where PHP takes the value for something: neither `` nor `0` is.
    pub(crate) fn parse(value: &str) -> Self {
        match value {
            "" | "0" => Self::All,
            value => value.parse().map_or(Self::None, Self::One),
        }
    }
}

/// The records of `content` with commas between them, in an array.
pub(crate) fn write(
    line: &Line<'_>,
    content: &str,
    wanted: Wanted,
    response: &mut Response<'_>,
    record: fn(&mut Vec<u8>, &Channel),
) -> Result<()> {
    response.write(b"[")?;
    let category = match wanted {
        Wanted::None => return response.write(b"]"),
        Wanted::All => None,
        Wanted::One(id) => Some(id),
    };
    let mut first = true;
    for batch in line.lineup(&Filter::of(content).category(category)) {
        for channel in &batch {
            let out = response.buffer();
            if !first {
                out.push(b',');
            }
            first = false;
            record(out, channel);
            response.flush_full()?;
        }
    }
    response.write(b"]")
}

/// A record of `get_live_streams`.
pub(crate) fn live(out: &mut Vec<u8>, channel: &Channel) {
    let mut object = Object::new(out);
    live_members(&mut object, channel);
    object.end();
}

pub(crate) fn live_members(object: &mut Object<'_>, channel: &Channel) {
    let details = Details(&channel.attrs);
    let radio = details.text("radio") == "true";
    object
        .number("num", channel.number.into())
        .text("name", &channel.name)
        .text("stream_type", if radio { "radio_streams" } else { "live" })
        .number("stream_id", channel.id.into())
        .text("stream_icon", &channel.logo);
    if channel.epg_id.is_empty() {
        object.raw("epg_channel_id", "null");
    } else {
        object.text("epg_channel_id", &channel.epg_id);
    }
    object.digits("added", details.number("added")).digits("is_adult", details.is_adult().into());
    category(object, channel.category);
    // There is no archive, whatever the upstream has.
    object
        .text("custom_sid", "")
        .number("tv_archive", 0)
        .text("direct_source", "")
        .number("tv_archive_duration", 0)
        .text("thumbnail", "");
}

pub(crate) fn category(object: &mut Object<'_>, id: u32) {
    object.digits("category_id", id.into());
    let out = object.key("category_ids");
    out.push(b'[');
    json::number(out, id.into());
    out.push(b']');
}

/// A record of `get_vod_streams`.
pub(crate) fn movie(out: &mut Vec<u8>, movie: &Channel) {
    let mut object = Object::new(out);
    movie_members(&mut object, movie);
    object.end();
}

pub(crate) fn movie_members(object: &mut Object<'_>, movie: &Channel) {
    let details = Details(&movie.attrs);
    object
        .number("num", movie.number.into())
        .text("name", &movie.name)
        .text("title", &movie.name)
        .text("year", details.year())
        .text("stream_type", "movie")
        .number("stream_id", movie.id.into())
        .text("stream_icon", &movie.logo);
    details.rating(object);
    object
        .text("plot", details.text("plot"))
        .text("cast", details.text("cast"))
        .text("director", details.text("director"))
        .text("genre", details.text("genre"))
        .text("release_date", details.text("release-date"))
        .text("youtube_trailer", details.text("trailer"))
        .digits("episode_run_time", details.minutes())
        .digits("added", details.number("added"))
        .digits("is_adult", details.is_adult().into());
    category(object, movie.category);
    object.text("container_extension", details.container()).text("custom_sid", "").text("direct_source", "");
}

/// A record of `get_series`.
pub(crate) fn series(out: &mut Vec<u8>, series: &Channel) {
    let mut object = Object::new(out);
    object.number("num", series.number.into()).text("name", &series.name).text("title", &series.name);
    object.number("series_id", series.id.into());
    series_members(&mut object, series);
    object.end();
}

/// What `get_series` and `info` of `get_series_info` have in common.
pub(crate) fn series_members(object: &mut Object<'_>, series: &Channel) {
    let details = Details(&series.attrs);
    let released = details.text("release-date");
    object
        .text("cover", &series.logo)
        .text("plot", details.text("plot"))
        .text("cast", details.text("cast"))
        .text("director", details.text("director"))
        .text("genre", details.text("genre"))
        .text("year", details.year())
        .text("releaseDate", released)
        .text("release_date", released)
        .digits("last_modified", details.number("added"));
    details.rating(object);
    details.backdrops(object);
    object.text("youtube_trailer", details.text("trailer")).digits("episode_run_time", details.minutes());
    category(object, series.category);
}
