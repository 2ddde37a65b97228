//! From an entry of a playlist to a record of Mast.

mod catch_up;

use mast_sdk::source::{Channel, Movie, Upstream};

use crate::key::{Keys, path};
use crate::parser::{Attributes, Entry};

/// What an entry is.
#[derive(Debug)]
pub(crate) enum Content {
    /// A live channel.
    Channel(Box<Channel>),
    /// A movie.
    Movie(Box<Movie>),
    /// An episode of a series.
    Series,
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

/// The record and what was mended, or why the entry is left out.
pub(crate) fn convert(header: &Attributes, entry: Entry, keys: &mut Keys) -> Result<(Content, Vec<String>), String> {
    let kind = kind(&entry).ok_or("its URL has a scheme that is no upstream")?;
    let name = name(&entry).ok_or("it has no name")?;
    let content_path = path(&entry.url);
    if content_path.starts_with("/series/") {
        return Ok((Content::Series, Vec::new()));
    }
    let key = keys.next(&entry, &name);
    let mut upstream = Upstream { kind: kind.to_owned(), ..Upstream::new(entry.url.clone()) };
    upstream.headers.clone_from(&entry.headers);
    if is_movie(&entry) {
        let container = extension(content_path).unwrap_or_else(|| "mp4".to_owned());
        let movie = Movie {
            key,
            name,
            category: entry.groups.first().cloned(),
            poster: entry.attributes.get("tvg-logo").map(str::to_owned),
            container,
            upstreams: vec![upstream],
            attrs: Vec::new(),
        };
        return Ok((Content::Movie(Box::new(movie)), Vec::new()));
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

fn is_movie(entry: &Entry) -> bool {
    let is_media = entry.attributes.get("media").is_some_and(|media| media.eq_ignore_ascii_case("true"));
    entry.vod || is_media || path(&entry.url).starts_with("/movie/")
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
