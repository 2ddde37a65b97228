//! What rows of channels, movies, series and episodes have in common.

use mast_sdk::Pairs;
use mast_sdk::json::Fields;
use serde_json::Value;

use crate::account::moment;

/// The longest name and the longest text, in bytes.
const LONGEST_NAME: usize = 512;
const LONGEST_TEXT: usize = 4096;
/// The longest id: panels count, some name.
const LONGEST_ID: usize = 64;

/// An id that can be part of a key and of a URL.
pub(crate) fn id(row: &Fields, names: &[&str]) -> Option<String> {
    let id = row.first(names).filter(|id| id.len() <= LONGEST_ID)?;
    id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)).then_some(id)
}

/// A name without line ends and other control characters; an empty one is none.
pub(crate) fn name(row: &Fields, names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| row.text(name)).find_map(|text| {
        let mut name: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        name.truncate(name.floor_char_boundary(LONGEST_NAME));
        let name = name.trim();
        (!name.is_empty()).then(|| name.to_owned())
    })
}

/// The URL of a picture.
pub(crate) fn picture(row: &Fields, names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| row.text(name)).find(|url| is_web(url))
}

fn is_web(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_http && url.len() <= LONGEST_TEXT && !url.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// The extension of a file: short and plain, `mp4` where there is none.
pub(crate) fn container(row: &Fields) -> String {
    let written = row.text("container_extension").unwrap_or_default().to_ascii_lowercase();
    let extension = written.trim_start_matches('.');
    let is_plain = (1..=8).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_plain { extension.to_owned() } else { "mp4".to_owned() }
}

/// Collects the attributes of a record.
pub(crate) struct Attrs<'a> {
    row: &'a Fields,
    pub(crate) pairs: Pairs,
}

impl<'a> Attrs<'a> {
    pub(crate) fn of(row: &'a Fields) -> Self {
        Self { row, pairs: Vec::new() }
    }

    pub(crate) fn add(&mut self, key: &str, value: impl ToString) {
        self.pairs.push((key.to_owned(), value.to_string()));
    }

    /// The first of these fields as text.
    pub(crate) fn text(&mut self, key: &str, names: &[&str]) {
        if let Some(mut text) = self.row.first(names) {
            text.truncate(text.floor_char_boundary(LONGEST_TEXT));
            self.add(key, text);
        }
    }

    /// `added` and `adult`, which channels have too.
    pub(crate) fn plain(&mut self) {
        if let Some(added) = self.row.text("added").and_then(|added| moment(&added)) {
            self.add("added", added);
        }
        if self.row.flag("is_adult") {
            self.add("adult", "true");
        }
    }

    /// What is known of a movie, a series or an episode.
    pub(crate) fn about(&mut self) {
        self.text("plot", &["plot", "description", "overview"]);
        self.text("genre", &["genre"]);
        self.text("cast", &["cast", "actors"]);
        self.text("director", &["director"]);
        self.text("country", &["country"]);
        self.text("age", &["age", "mpaa_rating"]);
        self.text("trailer", &["youtube_trailer", "trailer"]);
        self.released();
        let rating = self.row.number("rating").filter(|rating| (0.1..=10.0).contains(rating));
        if let Some(rating) = rating.or_else(|| {
            self.row.number("rating_5based").map(|of5| of5 * 2.0).filter(|rating| (0.1..=10.0).contains(rating))
        }) {
            self.add("rating", rating);
        }
        if let Some(seconds) = duration(self.row) {
            self.add("duration-seconds", seconds);
        }
        if let Some(id) = ["tmdb_id", "tmdb"].iter().find_map(|name| self.row.whole(name)).filter(|id| *id > 0) {
            self.add("tmdb-id", id);
        }
        for backdrop in backdrops(self.row) {
            self.add("backdrop", backdrop);
        }
    }

    fn released(&mut self) {
        let date = self.row.first(&["release_date", "releaseDate", "releasedate", "air_date"]);
        let date = date.filter(|date| is_date(date)).map(|date| date[..10].to_owned());
        let year = self.row.whole("year").filter(|year| (1870..=2200).contains(year)).map(|year| year.to_string());
        if let Some(year) = year.or_else(|| date.as_ref().map(|date| date[..4].to_owned())) {
            self.add("year", year);
        }
        if let Some(date) = date {
            self.add("release-date", date);
        }
    }
}

/// It begins with `2006-01-31`.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10
        && bytes[..10]
            .iter()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() })
        && &bytes[..4] != b"0000"
}

/// Seconds, from seconds, `HH:MM:SS` or minutes.
pub(crate) fn duration(row: &Fields) -> Option<u64> {
    let seconds = row.whole("duration_secs").or_else(|| clock(&row.text("duration")?));
    let seconds = seconds.or_else(|| row.whole("episode_run_time").and_then(|minutes| minutes.checked_mul(60)));
    seconds.filter(|seconds| (1..=7 * 86_400).contains(seconds))
}

fn clock(text: &str) -> Option<u64> {
    let mut parts = text.split(':').map(|part| part.trim().parse::<u64>().ok().filter(|part| *part < 10_000));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(hours * 3600 + minutes * 60 + seconds)
}

/// At most four URLs: a list, a text, or nothing.
fn backdrops(row: &Fields) -> Vec<String> {
    let urls: Vec<String> = match row.0.get("backdrop_path") {
        Some(Value::Array(list)) => list.iter().filter_map(mast_sdk::json::text).collect(),
        Some(one) => mast_sdk::json::text(one).into_iter().collect(),
        None => Vec::new(),
    };
    urls.into_iter().filter(|url| is_web(url)).take(4).collect()
}

#[cfg(test)]
mod tests {
    use mast_sdk::pair;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_of_every_panel() {
        let check = |row: Value, key: &str, expected: Option<&str>| {
            let fields = Fields::of(row.clone());
            let mut attrs = Attrs::of(&fields);
            attrs.plain();
            attrs.about();
            assert_eq!(pair(&attrs.pairs, key), expected, "{row}");
        };
        check(json!({ "rating": "7.5" }), "rating", Some("7.5"));
        check(json!({ "rating": 8 }), "rating", Some("8"));
        check(json!({ "rating": "", "rating_5based": 3.5 }), "rating", Some("7"));
        check(json!({ "rating": "N/A", "rating_5based": 0 }), "rating", None);
        check(json!({ "added": "1767268800" }), "added", Some("1767268800"));
        check(json!({ "is_adult": "1" }), "adult", Some("true"));
        check(json!({ "is_adult": 0 }), "adult", None);
        check(json!({ "releaseDate": "2006-01-31", "plot": null }), "release-date", Some("2006-01-31"));
        check(json!({ "release_date": "2006-01-31 00:00:00" }), "year", Some("2006"));
        check(json!({ "release_date": "31.01.2006", "year": "2006" }), "release-date", None);
        check(json!({ "year": 2006 }), "year", Some("2006"));
        check(json!({ "episode_run_time": "45" }), "duration-seconds", Some("2700"));
        check(json!({ "duration": "01:30:05" }), "duration-seconds", Some("5405"));
        check(json!({ "duration_secs": 60, "duration": "x" }), "duration-seconds", Some("60"));
        check(json!({ "backdrop_path": "" }), "backdrop", None);
        check(
            json!({ "backdrop_path": ["https://img.example/1.jpg", null] }),
            "backdrop",
            Some("https://img.example/1.jpg"),
        );
        check(json!({ "tmdb": "603" }), "tmdb-id", Some("603"));
        check(json!({ "cast": ["a"], "actors": "A, B" }), "cast", Some("A, B"));
    }

    #[test]
    fn names_and_extensions() {
        for (written, expected) in [("mkv", "mkv"), (".MP4", "mp4"), ("", "mp4"), ("../x", "mp4"), ("m3u8?x", "mp4")] {
            assert_eq!(container(&Fields::of(json!({ "container_extension": written }))), expected, "{written}");
        }
        for (written, expected) in [
            (json!("One\r\nTwo"), Some("One  Two")),
            (json!("\u{0}"), None),
            (json!(24), Some("24")),
            (json!(null), None),
        ] {
            assert_eq!(name(&Fields::of(json!({ "name": written })), &["name"]).as_deref(), expected);
        }
    }

    proptest! {
        #[test]
        fn any_row_is_read(text in ".{0,40}", number in any::<f64>(), other in any::<i64>()) {
            for value in [json!(text), json!(number), json!(other), json!([text]), json!({ "x": number })] {
                let names = [
                    "name", "container_extension", "rating", "rating_5based", "added", "release_date", "year", "duration",
                    "duration_secs", "episode_run_time", "backdrop_path", "tmdb", "is_adult", "plot", "stream_icon", "stream_id",
                ];
                let fields = Fields(names.iter().map(|name| ((*name).to_owned(), value.clone())).collect());
                let mut attrs = Attrs::of(&fields);
                attrs.plain();
                attrs.about();
                prop_assert!(attrs.pairs.iter().all(|(_, value)| !value.is_empty()));
                prop_assert!(name(&fields, &["name"]).is_none_or(|name| !name.is_empty() && !name.contains(['\r', '\n'])));
                prop_assert!(container(&fields).bytes().all(|byte| byte.is_ascii_alphanumeric()));
                prop_assert!(id(&fields, &["stream_id"]).is_none_or(|id| !id.contains(['/', '?', '#', ' '])));
            }
        }
    }
}
