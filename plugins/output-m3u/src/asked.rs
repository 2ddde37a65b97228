//! What a request asks for.

use std::borrow::Cow;

use mast_sdk::output::Request;

use crate::devices;
use crate::entries::{CONTENTS, Selection, Sort};
use crate::escape::url;
use crate::format::Style;
use crate::settings::Settings;
use crate::template::Written;

/// Types of `/get.php` that are M3U.
pub(crate) const PLAYLISTS: [&str; 2] = ["m3u", "m3u_plus"];

/// A list, as asked for.
pub(crate) struct Asked<'a> {
    pub(crate) shape: Shape<'a>,
    /// The playback format of channels, by its name in `wit/output`.
    pub(crate) playback: &'static str,
    pub(crate) selection: Selection,
}

/// How it is written.
pub(crate) enum Shape<'a> {
    M3u(Style),
    Template(Cow<'a, Written<'a>>),
}

impl<'a> Asked<'a> {
    /// Reads the query; an error is a sentence for the viewer.
    pub(crate) fn read(request: &Request, settings: &'a Settings) -> Result<Self, String> {
        let field = |name: &str| request.query(name).filter(|value| !value.is_empty());
        let is_get = request.route == "get";
        let plus = if settings.full { Style::Full } else { Style::Plus };
        let shape = match field("type").filter(|_| is_get).map(str::to_ascii_lowercase).as_deref() {
            _ if !is_get => Shape::M3u(Style::Full),
            None | Some("m3u_plus") => Shape::M3u(plus),
            Some("m3u") => Shape::M3u(Style::Simple),
            Some(kind) => {
                let own = settings.template.iter().find(|template| template.name == kind).map(Cow::Borrowed);
                let found = own.or_else(|| devices::find(kind).map(Cow::Owned));
                Shape::Template(
                    found.ok_or_else(|| format!("Unknown type; the known ones are {}.\n", settings.known()))?,
                )
            }
        };
        let playback = match field("output").unwrap_or(if is_get { "ts" } else { "hls" }) {
            "ts" | "mpegts" => "mpegts",
            "m3u8" | "hls" => "hls",
            _ => return Err("Unknown output; the known ones are ts, mpegts, m3u8 and hls.\n".to_owned()),
        };
        let contents = match field("key") {
            Some(key) => contents(key.split(',')),
            None => contents(settings.contents.iter().map(String::as_str)),
        };
        let lower = |name: &str| field(name).map(|value| value.trim().to_lowercase());
        let mut selection = Selection { contents, group: lower("group"), words: lower("q"), ..Selection::default() };
        if let Some(category) = field("category") {
            let id = category.parse().map_err(|_| "category has to be a number; for a name use group.\n".to_owned());
            selection.category = Some(id?);
        }
        if let Some(limit) = field("limit") {
            selection.limit = Some(limit.parse().map_err(|_| "limit has to be a number of entries.\n".to_owned())?);
        }
        selection.sort = match field("sort") {
            None => None,
            Some("name") => Some(Sort::Name),
            Some("number") => Some(Sort::Number),
            Some("category") => Some(Sort::Category),
            Some(_) => return Err("Unknown sort; the known ones are name, number and category.\n".to_owned()),
        };
        Ok(Self { shape, playback, selection })
    }
}

fn contents<'a>(named: impl Iterator<Item = &'a str>) -> [bool; 4] {
    let mut contents = [false; 4];
    for name in named {
        if let Some(at) = CONTENTS.iter().position(|content| *content == name.trim()) {
            contents[at] = true;
        }
    }
    contents
}

/// The URL of this line's guide, with what this request found it by.
pub(crate) fn guide_url(request: &Request, settings: &Settings) -> Option<String> {
    match settings.guide_url.as_str() {
        "" => {}
        "none" => return None,
        url => return Some(url.to_owned()),
    }
    let encoded = |value: &str| {
        let mut out = Vec::new();
        value.bytes().for_each(|byte| url(byte, &mut out));
        String::from_utf8_lossy(&out).into_owned()
    };
    let base = &request.base_url;
    if let Some(token) = request.param("token") {
        return Some(format!("{base}/epg/{}.xml.gz", encoded(token)));
    }
    let (username, password) = (request.query("username")?, request.query("password")?);
    Some(format!("{base}/xmltv.php?username={}&password={}", encoded(username), encoded(password)))
}
