//! A JSON API for people who write players: `/app/v1/`, with a description at `/app/v1/openapi.json`.
//!
//! It shows a line what is its own and hands out URLs; media is the host's. The line's token comes in a header field, so the host does not
//! find the line and caches nothing but the description.

mod guide;
mod listing;
mod problem;
mod query;
mod records;

use mast_sdk::output::{self, Filter, Line, Output, Request, Response, Route};
use mast_sdk::{Code, Error, Result};
use serde::Serialize;

use listing::List;
use problem::{Problem, Stop};
use records::{CategoryShown, ChannelShown, EpisodeShown, LineShown, MovieShown, Playback, SeriesShown};

/// OpenAPI 3.1, written by hand.
const DESCRIPTION: &str = include_str!("openapi.json");

struct Api;

/// Routes and their paths below `/app/v1/`.
const ROUTES: [(&str, &str); 15] = [
    ("line", "line"),
    ("categories", "categories"),
    ("channels", "channels"),
    ("channel", "channels/{id}"),
    ("channel-playback", "channels/{id}/playback"),
    ("channel-guide", "channels/{id}/guide"),
    ("now", "now"),
    ("movies", "movies"),
    ("movie", "movies/{id}"),
    ("movie-playback", "movies/{id}/playback"),
    ("series", "series"),
    ("one-series", "series/{id}"),
    ("episodes", "series/{id}/episodes"),
    ("episode-playback", "episodes/{id}/playback"),
    ("openapi", "openapi.json"),
];

const CHANNEL: Problem = Problem::not_found("/app/v1/channels lists the channels with their ids.");
const MOVIE: Problem = Problem::not_found("/app/v1/movies lists the movies with their ids.");
const SERIES: Problem = Problem::not_found("/app/v1/series lists the series with their ids.");
const EPISODE: Problem =
    Problem::not_found("/app/v1/series/{id}/episodes lists the episodes of a series with their ids.");

impl Output for Api {
    fn load() -> Result<Self> {
        Ok(Self)
    }

    fn routes(&self) -> Vec<Route> {
        let route = |(id, path): (&str, &str)| {
            let route = Route::get(id, &format!("/app/v1/{path}"), "public");
            if id == "openapi" { route.depends(&["request"]) } else { route }
        };
        ROUTES.into_iter().map(route).collect()
    }

    fn handle(&self, request: &Request, _line: Option<&Line<'_>>, response: &mut Response<'_>) -> Result<()> {
        if request.route == "openapi" {
            start(response)?;
            return response.write(DESCRIPTION.as_bytes());
        }
        match line(request).map_err(Stop::from).and_then(|line| answer(&line, request, response)) {
            Ok(()) => Ok(()),
            Err(Stop::Problem(problem)) => problem.write(response),
            Err(Stop::Error(error)) => Err(error),
        }
    }
}

/// The line whose token the request carries.
fn line(request: &Request) -> Result<Line<'static>, Problem> {
    let bearer = request.header("authorization").and_then(|value| {
        let (scheme, token) = value.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let token = bearer.filter(|token| !token.is_empty()).or_else(|| query::field(request, "token"));
    output::by_token(token.ok_or(Problem::NO_TOKEN)?).map_err(|code| Problem::refused(&code))
}

fn answer(line: &Line<'_>, request: &Request, response: &mut Response<'_>) -> Result<(), Stop> {
    match request.route.as_str() {
        "line" => one(response, &LineShown::new(&line.info())),
        "categories" => categories(line, request, response),
        "channels" => listing::page(line, request, ("live", "channels"), response, |list, channel| {
            list.push(&ChannelShown::new(channel))
        }),
        "channel" => one(response, &ChannelShown::new(&find(line, request, "live", CHANNEL)?)),
        "channel-playback" => playback(line, request, response, live_format(request)?, CHANNEL),
        "channel-guide" => guide::of_channel(line, request, response),
        "now" => guide::now(line, request, response),
        "movies" => listing::page(line, request, ("movie", "movies"), response, |list, movie| {
            list.push(&MovieShown::new(movie))
        }),
        "movie" => one(response, &MovieShown::new(&find(line, request, "movie", MOVIE)?)),
        "movie-playback" => playback(line, request, response, ("movie", "file"), MOVIE),
        "series" => listing::page(line, request, ("series", "series"), response, |list, series| {
            list.push(&SeriesShown::new(series))
        }),
        "one-series" => one(response, &SeriesShown::new(&find(line, request, "series", SERIES)?)),
        "episodes" => episodes(line, request, response),
        "episode-playback" => playback(line, request, response, ("episode", "file"), EPISODE),
        other => Err(Error::internal(format!("the host called this output for a route {other:?}")).into()),
    }
}

fn find(line: &Line<'_>, request: &Request, content: &str, problem: Problem) -> Result<output::Channel, Stop> {
    Ok(line.find(query::id(request)?, &Filter::of(content)).ok_or(problem)?)
}

fn categories(line: &Line<'_>, request: &Request, response: &mut Response<'_>) -> Result<(), Stop> {
    const CONTENTS: [&str; 3] = ["live", "movie", "series"];
    let wanted = match query::field(request, "content") {
        None => &CONTENTS[..],
        Some(content) => {
            let known = CONTENTS.iter().position(|known| *known == content);
            let at = known.ok_or(Problem::parameter("content", "It is live, movie or series, or left out for all."))?;
            &CONTENTS[at..=at]
        }
    };
    let mut list = List::start(response, "categories")?;
    for category in wanted.iter().flat_map(|content| line.categories(content)) {
        list.push(&CategoryShown::new(&category))?;
    }
    Ok(list.end("")?)
}

fn episodes(line: &Line<'_>, request: &Request, response: &mut Response<'_>) -> Result<(), Stop> {
    let series = find(line, request, "series", SERIES)?;
    let mut list = List::start(response, "episodes")?;
    for episode in line.episodes(series.id).flatten() {
        list.push(&EpisodeShown::new(&episode))?;
    }
    Ok(list.end("")?)
}

/// The format that the host knows, and what it is called here: they are the same.
fn live_format(request: &Request) -> Result<(&'static str, &'static str), Problem> {
    match query::field(request, "format") {
        None | Some("hls") => Ok(("hls", "hls")),
        Some("mpegts") => Ok(("mpegts", "mpegts")),
        Some(_) => Err(Problem::parameter("format", "It is hls or mpegts.")),
    }
}

fn playback(
    line: &Line<'_>,
    request: &Request,
    response: &mut Response<'_>,
    (format, shown): (&str, &str),
    problem: Problem,
) -> Result<(), Stop> {
    match line.playback(query::id(request)?, format) {
        Ok(url) => one(response, &Playback { url: &url, format: shown }),
        Err(error) if error.code == Code::NotFound => Err(problem.into()),
        Err(error) => Err(error.into()),
    }
}

fn one(response: &mut Response<'_>, record: &impl Serialize) -> Result<(), Stop> {
    start(response)?;
    json(response.buffer(), record)?;
    Ok(response.flush_full()?)
}

fn start(response: &mut Response<'_>) -> Result<()> {
    response.start(200, &[("content-type", "application/json")])
}

/// Appends a record.
fn json(out: &mut Vec<u8>, record: &impl Serialize) -> Result<()> {
    serde_json::to_writer(out, record)
        .map_err(|error| Error::internal(format!("a record could not be written: {error}")))
}

mast_sdk::export_plugin!(Api: output);

#[cfg(test)]
mod tests;
