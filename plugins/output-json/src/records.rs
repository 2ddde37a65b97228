//! Records as the API shows them: what is not known is null, lists are never null, numbers are numbers, times are RFC 3339 in UTC. The
//! description (`openapi.json`) has each of these fields; a test compares them.

use mast_sdk::output::{Category, Channel, Episode, LineInfo, Programme};
use mast_sdk::{pair, time};
use serde::{Serialize, Serializer};

/// A time: seconds since 1970 inside, RFC 3339 outside.
#[derive(Clone, Copy)]
pub(crate) struct Moment(pub(crate) u64);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rest = self.0 % 86_400;
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        serializer.collect_str(&format_args!("{}T{hour:02}:{minute:02}:{second:02}Z", time::date(self.0)))
    }
}

/// A text, where it says anything.
fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[derive(Serialize)]
pub(crate) struct LineShown<'a> {
    username: &'a str,
    expires: Option<Moment>,
    max_connections: u32,
    active_connections: u32,
    created: Moment,
    trial: bool,
}

impl<'a> LineShown<'a> {
    pub(crate) fn new(line: &'a LineInfo) -> Self {
        Self {
            username: &line.username,
            expires: line.expires.map(Moment),
            max_connections: line.max_connections,
            active_connections: line.active_connections,
            created: Moment(line.created),
            trial: pair(&line.attrs, "trial") == Some("true"),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct CategoryShown<'a> {
    id: u32,
    name: &'a str,
    content: &'a str,
}

impl<'a> CategoryShown<'a> {
    pub(crate) fn new(category: &'a Category) -> Self {
        Self { id: category.id, name: &category.name, content: &category.content }
    }
}

/// What channels, movies and series have in common.
#[derive(Serialize)]
struct Listed<'a> {
    id: u32,
    number: u32,
    name: &'a str,
    category_id: u32,
    category: Option<&'a str>,
    adult: bool,
    added: Option<Moment>,
}

impl<'a> Listed<'a> {
    fn new(record: &'a Channel) -> Self {
        Self {
            id: record.id,
            number: record.number,
            name: &record.name,
            category_id: record.category,
            category: some(&record.category_name),
            adult: pair(&record.attrs, "adult") == Some("true"),
            added: parsed(&record.attrs, "added").map(Moment),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct ChannelShown<'a> {
    #[serde(flatten)]
    listed: Listed<'a>,
    logo: Option<&'a str>,
    epg_id: Option<&'a str>,
    radio: bool,
}

impl<'a> ChannelShown<'a> {
    pub(crate) fn new(channel: &'a Channel) -> Self {
        Self {
            listed: Listed::new(channel),
            logo: some(&channel.logo),
            epg_id: some(&channel.epg_id),
            radio: pair(&channel.attrs, "radio") == Some("true"),
        }
    }
}

/// What is known of a movie, a series or an episode.
#[derive(Serialize)]
struct Details<'a> {
    plot: Option<&'a str>,
    genre: Option<&'a str>,
    year: Option<u16>,
    release_date: Option<&'a str>,
    /// Of ten.
    rating: Option<f64>,
    duration_seconds: Option<u64>,
    cast: Option<&'a str>,
    director: Option<&'a str>,
    country: Option<&'a str>,
    age: Option<&'a str>,
    tmdb_id: Option<&'a str>,
    trailer: Option<&'a str>,
    backdrops: Vec<&'a str>,
}

impl<'a> Details<'a> {
    fn new(attrs: &'a [(String, String)]) -> Self {
        let text = |key| pair(attrs, key).and_then(some);
        let rating = parsed::<f64>(attrs, "rating").filter(|rating| (0.0..=10.0).contains(rating));
        Self {
            plot: text("plot"),
            genre: text("genre"),
            year: parsed(attrs, "year"),
            release_date: text("release-date"),
            rating,
            duration_seconds: parsed(attrs, "duration-seconds"),
            cast: text("cast"),
            director: text("director"),
            country: text("country"),
            age: text("age"),
            tmdb_id: text("tmdb-id"),
            trailer: text("trailer"),
            backdrops: all(attrs, "backdrop"),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct MovieShown<'a> {
    #[serde(flatten)]
    listed: Listed<'a>,
    poster: Option<&'a str>,
    container: Option<&'a str>,
    #[serde(flatten)]
    details: Details<'a>,
}

impl<'a> MovieShown<'a> {
    pub(crate) fn new(movie: &'a Channel) -> Self {
        Self {
            listed: Listed::new(movie),
            poster: some(&movie.logo),
            container: pair(&movie.attrs, "container").and_then(some),
            details: Details::new(&movie.attrs),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct SeriesShown<'a> {
    #[serde(flatten)]
    listed: Listed<'a>,
    poster: Option<&'a str>,
    #[serde(flatten)]
    details: Details<'a>,
}

impl<'a> SeriesShown<'a> {
    pub(crate) fn new(series: &'a Channel) -> Self {
        Self { listed: Listed::new(series), poster: some(&series.logo), details: Details::new(&series.attrs) }
    }
}

#[derive(Serialize)]
pub(crate) struct EpisodeShown<'a> {
    id: u32,
    season: u32,
    number: u32,
    name: &'a str,
    container: Option<&'a str>,
    #[serde(flatten)]
    details: Details<'a>,
}

impl<'a> EpisodeShown<'a> {
    pub(crate) fn new(episode: &'a Episode) -> Self {
        Self {
            id: episode.id,
            season: episode.season,
            number: episode.number,
            name: &episode.name,
            container: some(&episode.container),
            details: Details::new(&episode.attrs),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct ProgrammeShown<'a> {
    start: Moment,
    stop: Moment,
    title: &'a str,
    subtitle: Option<&'a str>,
    description: Option<&'a str>,
    language: Option<&'a str>,
    categories: Vec<&'a str>,
    images: Vec<&'a str>,
}

impl<'a> ProgrammeShown<'a> {
    pub(crate) fn new(programme: &'a Programme) -> Self {
        Self {
            start: Moment(programme.start),
            stop: Moment(programme.stop),
            title: &programme.title,
            subtitle: some(&programme.sub_title),
            description: some(&programme.description),
            language: pair(&programme.attrs, "lang").and_then(some),
            categories: all(&programme.attrs, "category"),
            images: all(&programme.attrs, "icon"),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct OnChannel<'a> {
    pub(crate) channel_id: u32,
    pub(crate) now: Option<ProgrammeShown<'a>>,
    pub(crate) next: Option<ProgrammeShown<'a>>,
}

#[derive(Serialize)]
pub(crate) struct Playback<'a> {
    pub(crate) url: &'a str,
    pub(crate) format: &'a str,
}

/// What a key's value says, where it is one of these.
fn parsed<T: std::str::FromStr>(attrs: &[(String, String)], key: &str) -> Option<T> {
    pair(attrs, key)?.trim().parse().ok()
}

/// Every value of a key that says anything.
fn all<'a>(attrs: &'a [(String, String)], key: &str) -> Vec<&'a str> {
    attrs.iter().filter(|(name, value)| name == key && !value.is_empty()).map(|(_, value)| value.as_str()).collect()
}
