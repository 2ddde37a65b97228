//! From an entry of a playlist to a record of Mast.

mod catch_up;
mod episode;

use mast_sdk::source::{Channel, Episode, Movie, Series, Upstream};

use crate::key::{Keys, path, series_key};
use crate::parser::{Attributes, Entry};

/// What an entry is.
#[derive(Debug)]
pub(crate) enum Content {
    /// A live channel.
    Channel(Box<Channel>),
    /// A movie.
    Movie(Box<Movie>),
    /// An episode, with the series that it belongs to.
    Episode(Box<(Series, Episode)>),
}

/// Attributes that are passed on, with their names in `mast:source` (private ones begin with `x-`).
const PASSED_ON: [(&str, &str); 8] = [
    ("tvg-language", "language"),
    ("tvg-country", "country"),
    ("tvg-name", "x-tvg-name"),
    ("provider", "x-provider"),
    ("provider-type", "x-provider-type"),
    ("provider-logo", "x-provider-logo"),
    ("provider-countries", "x-provider-countries"),
    ("provider-languages", "x-provider-languages"),
];

/// Extensions of files that are films. Those of live upstreams (`ts`, `flv`, `webm`) are not among them.
const FILMS: [&str; 9] = ["mp4", "mkv", "avi", "mov", "m4v", "wmv", "mpg", "mpeg", "divx"];

/// The record and what was mended, or why the entry is left out. `by_extension`: the URL's extension may make it a film.
pub(crate) fn convert(
    header: &Attributes,
    entry: Entry,
    keys: &mut Keys,
    by_extension: bool,
) -> Result<(Content, Vec<String>), String> {
    let kind = kind(&entry).ok_or("its URL has a scheme that is no upstream")?;
    let name = name(&entry).ok_or("it has no name")?;
    let key = keys.next(&entry, &name);
    let mut upstream = Upstream { kind: kind.to_owned(), ..Upstream::new(entry.url.clone()) };
    upstream.headers.clone_from(&entry.headers);
    if is_film(&entry, by_extension) {
        return Ok((film(&entry, key, name, upstream), Vec::new()));
    }
    let mut remarks = Vec::new();
    let catch_up = catch_up::of(header, &entry).unwrap_or_else(|remark| {
        remarks.push(remark);
        None
    });
    let text = |names: &[&str]| entry.attributes.first(names).map(str::to_owned);
    let channel = Channel {
        number: number(&entry.attributes),
        category: entry.groups.first().cloned(),
        logo: text(&["tvg-logo", "logo"]),
        epg_id: text(&["tvg-id"]),
        upstreams: vec![upstream],
        catch_up,
        attrs: attrs(header, &entry),
        ..Channel::new(key, name)
    };
    Ok((Content::Channel(Box::new(channel)), remarks))
}

/// Nothing live: a movie or an episode.
fn is_film(entry: &Entry, by_extension: bool) -> bool {
    let own = &entry.attributes;
    let is_media = own.get("media").is_some_and(|media| media.eq_ignore_ascii_case("true"));
    let path = path(&entry.url);
    // Nobody numbers films, or looks for their past programmes.
    let is_live =
        || own.first(&["tvg-chno", "ch-number", "radio", "catchup", "catchup-type", "catchup-source"]).is_some();
    let has_extension = || extension(path).is_some_and(|extension| FILMS.contains(&extension.as_str()));
    entry.vod
        || is_media
        || path.starts_with("/movie/")
        || path.starts_with("/series/")
        || by_extension && !path.starts_with("/live/") && has_extension() && !is_live()
}

/// An episode where the name says which; a movie otherwise, also below `/series/`: it can be played.
fn film(entry: &Entry, key: String, name: String, upstream: Upstream) -> Content {
    let path = path(&entry.url);
    let container = extension(path).unwrap_or_else(|| "mp4".to_owned());
    let poster = entry.attributes.first(&["tvg-logo", "logo"]).map(str::to_owned);
    let category = entry.groups.first().cloned();
    let upstreams = vec![upstream];
    let found = episode::Episode::parse(&name).filter(|_| !path.starts_with("/movie/"));
    let Some(found) = found else {
        let attrs = year(&name).map(|year| ("year".to_owned(), year.to_owned())).into_iter().collect();
        return Content::Movie(Box::new(Movie { key, name, category, poster, container, upstreams, attrs }));
    };
    let series_name = Some(found.series).filter(|series| !series.is_empty()).or(category.as_deref()).unwrap_or(&name);
    let series_key = series_key(series_name);
    let series = Series {
        key: series_key.clone(),
        name: series_name.to_owned(),
        category: category.clone(),
        poster,
        attrs: Vec::new(),
    };
    let title = if found.title.is_empty() { name.clone() } else { found.title.to_owned() };
    let (season, number) = (found.season, found.number);
    let attrs = Vec::new();
    let episode = Episode { key, series: series_key, season, number, name: title, container, upstreams, attrs };
    Content::Episode(Box::new((series, episode)))
}

/// The year in `A Film (1999)`.
fn year(name: &str) -> Option<&str> {
    let (_, year) = name.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    let is_year = year.len() == 4
        && year.bytes().all(|byte| byte.is_ascii_digit())
        && (year.starts_with("19") || year.starts_with("20"));
    is_year.then_some(year)
}

fn name(entry: &Entry) -> Option<String> {
    let name = Some(entry.name.as_str()).filter(|name| !name.is_empty());
    let name = name.or_else(|| entry.attributes.first(&["tvg-name", "tvg-id", "channel-id"]))?;
    Some(name.to_owned())
}

/// How the upstream is spoken, or none for schemes that are no upstream (`file`, `plugin`, `concat`).
fn kind(entry: &Entry) -> Option<&'static str> {
    let (scheme, _) = entry.url.split_once("://")?;
    Some(match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => match (entry.manifest_type.as_deref(), extension(path(&entry.url)).as_deref()) {
            (Some("hls"), _) | (None, Some("m3u8" | "m3u")) => "hls",
            (Some("mpd"), _) | (None, Some("mpd")) => "dash",
            _ => "auto",
        },
        "rtsp" | "rtsps" => "rtsp",
        "rtmp" | "rtmps" => "rtmp",
        "srt" => "srt",
        "udp" => "udp",
        "rtp" => "rtp",
        _ => return None,
    })
}

/// The file name extension of a path, in lower case.
fn extension(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let (_, extension) = file.rsplit_once('.')?;
    let is_plain = (1..=5).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then(|| extension.to_ascii_lowercase())
}

/// `12`, or the whole part of `12.1`.
fn number(attributes: &Attributes) -> Option<u32> {
    let text = attributes.first(&["tvg-chno", "ch-number", "tvh-chnum", "channel-number"])?;
    text.split('.').next()?.trim().parse().ok()
}

fn attrs(header: &Attributes, entry: &Entry) -> Vec<(String, String)> {
    let mut attrs = Vec::new();
    let mut add = |key: &str, value: &str| attrs.push((key.to_owned(), value.to_owned()));
    if entry.attributes.get("radio").is_some_and(|radio| radio.eq_ignore_ascii_case("true") || radio == "1") {
        add("radio", "true");
    }
    if let Some(shift) = entry.attributes.get("tvg-shift").or_else(|| header.get("tvg-shift"))
        && shift.parse::<f64>().is_ok_and(|hours| hours.is_finite() && hours != 0.0)
    {
        add("epg-shift", shift);
    }
    if entry.groups.len() > 1 {
        add("group-titles", &entry.groups.join(";"));
    }
    for (name, key) in PASSED_ON {
        if let Some(value) = entry.attributes.get(name).filter(|value| *value != entry.name) {
            add(key, value);
        }
    }
    attrs
}
