//! Where in an answer things are.

use mast_sdk::epg::{EpisodeNumber, GuideChannel, Programme, Text};
use mast_sdk::time::{self, Zones};
use serde_json::Value;

/// Paths: keys and places of lists, with dots between them; the empty path is the thing itself.
#[derive(serde::Deserialize)]
pub(crate) struct Fields {
    /// The list of channels that have their programmes inside; without it programmes stand in one list.
    channels: Option<String>,
    /// The list of programmes: in a channel, or in the answer.
    #[serde(default)]
    programmes: String,
    /// Of a channel where there is a list of them, else of a programme.
    channel: Option<String>,
    channel_name: Option<String>,
    channel_icon: Option<String>,
    title: String,
    start: String,
    stop: Option<String>,
    /// Minutes.
    duration: Option<String>,
    sub_title: Option<String>,
    description: Option<String>,
    category: Option<String>,
    icon: Option<String>,
    season: Option<String>,
    episode: Option<String>,
    date: Option<String>,
}

/// What is in an answer.
pub(crate) enum Found {
    /// A programme and its channel.
    Programme { channel: GuideChannel, programme: Box<Programme> },
    /// Something that is no programme.
    Bad { item: String, why: &'static str },
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').filter(|key| !key.is_empty()).try_fold(value, |value, key| match value {
        Value::Array(list) => list.get(key.parse::<usize>().ok()?),
        _ => value.get(key),
    })
}

fn text(value: &Value, path: Option<&str>) -> Option<String> {
    let text = match at(value, path?)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A text, or each text of a list.
fn texts(value: &Value, path: Option<&str>) -> Vec<Text> {
    match path.and_then(|path| at(value, path)) {
        Some(Value::Array(list)) => list.iter().filter_map(|one| text(one, Some(""))).map(Text::new).collect(),
        _ => text(value, path).map(Text::new).into_iter().collect(),
    }
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Seconds, milliseconds or a text.
fn seconds(value: &Value, path: &str, zones: Zones) -> Option<u64> {
    /// The year 2286 in seconds, April 1970 in milliseconds.
    const SECONDS: u64 = 10_000_000_000;
    let number = match at(value, path)? {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().filter(|&n| n >= 0.0).map(|n| n as u64))?,
        Value::String(text)
            if text.len() != 4 && text.len() != 8 && text.len() != 14 && text.parse::<u64>().is_ok() =>
        {
            text.parse().ok()?
        }
        Value::String(text) => return time::parse(text.as_bytes(), zones).ok().map(|(seconds, _)| seconds),
        _ => return None,
    };
    Some(if number < SECONDS { number } else { number / 1000 })
}

impl Fields {
    /// All programmes of an answer, in order. `asked` is the channel that was asked for.
    pub(crate) fn programmes<'a>(
        &'a self,
        answer: &'a Value,
        asked: Option<&'a str>,
        zones: Zones,
    ) -> impl Iterator<Item = Found> + 'a {
        let channels: Vec<&Value> = match &self.channels {
            Some(path) => list(answer, path).iter().collect(),
            None => vec![answer],
        };
        channels.into_iter().flat_map(move |channel| {
            list(channel, &self.programmes).iter().map(move |programme| {
                let of = if self.channels.is_some() { channel } else { programme };
                self.one(of, programme, asked, zones)
            })
        })
    }

    fn one(&self, channel: &Value, value: &Value, asked: Option<&str>, zones: Zones) -> Found {
        let of = |path: &Option<String>| text(value, path.as_deref());
        let id = text(channel, self.channel.as_deref()).or_else(|| asked.map(str::to_owned));
        let title = text(value, Some(&self.title));
        let bad = |why| Found::Bad {
            item: format!("{:?} of {:?}", title.as_deref().unwrap_or("?"), id.as_deref().unwrap_or("?")),
            why,
        };
        let Some(id) = id.clone() else { return bad("it has no channel") };
        let Some(start) = seconds(value, &self.start, zones) else { return bad("its start is not a time") };
        let Some(title) = title.clone() else { return bad("it has no title") };
        let minutes = of(&self.duration).and_then(|minutes| minutes.parse::<f64>().ok());
        let stop = self.stop.as_ref().and_then(|path| seconds(value, path, zones));
        let stop = stop.or_else(|| minutes.filter(|m| *m > 0.0).map(|minutes| start + (minutes * 60.0) as u64));
        let name = text(channel, self.channel_name.as_deref()).unwrap_or_else(|| id.clone());
        let programme = Programme {
            stop: stop.filter(|&stop| stop > start),
            sub_titles: texts(value, self.sub_title.as_deref()),
            descriptions: texts(value, self.description.as_deref()),
            categories: texts(value, self.category.as_deref()),
            episode_numbers: episode(of(&self.season), of(&self.episode)).into_iter().collect(),
            icons: of(&self.icon).into_iter().collect(),
            attrs: of(&self.date).map(|date| ("date".to_owned(), date)).into_iter().collect(),
            ..Programme::new(id.as_str(), start, title)
        };
        let icons = text(channel, self.channel_icon.as_deref()).into_iter().collect();
        let channel = GuideChannel { id, names: vec![Text::new(name)], icons, attrs: Vec::new() };
        Found::Programme { channel, programme: Box::new(programme) }
    }
}

/// Season and episode from 1 as `xmltv_ns`, which counts from 0.
fn episode(season: Option<String>, episode: Option<String>) -> Option<EpisodeNumber> {
    let from_zero = |number: Option<String>| number?.parse::<u32>().ok()?.checked_sub(1);
    let (season, episode) = (from_zero(season), from_zero(episode));
    if season.is_none() && episode.is_none() {
        return None;
    }
    let written = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
    Some(EpisodeNumber { system: "xmltv_ns".to_owned(), value: format!("{}.{}.", written(season), written(episode)) })
}
