//! The guide for players, as XMLTV: `/xmltv.php` with credentials in the query, `/epg/{token}.xml` and the same in gzip.
//!
//! It writes what the host has of the line's lineup, as it comes, and keeps none of it. Caching, packing and conditional requests are the
//! host's. A channel's programmes are a fragment, which the host keeps for all lines: in it is nothing but what its key and the channel's
//! guide say.

mod elements;
mod text;

use std::collections::HashSet;

use mast_sdk::output::{Channel, Filter, Line, Output, Request, Response, Route};
use mast_sdk::{Error, Result, clock};

const DAY: u64 = 86_400;

#[derive(serde::Deserialize)]
struct Xmltv {
    #[serde(default = "default_days")]
    days: u64,
    #[serde(default = "default_past")]
    past: u64,
    #[serde(default)]
    catchup_id: bool,
}

fn default_days() -> u64 {
    7
}

fn default_past() -> u64 {
    1
}

impl Output for Xmltv {
    fn load() -> Result<Self> {
        mast_sdk::config()
    }

    fn routes(&self) -> Vec<Route> {
        const DEPENDS: [&str; 5] = ["lineup", "guide", "line", "request", "day"];
        vec![
            Route::get("xmltv", "/xmltv.php", "query-credentials").depends(&DEPENDS),
            Route::get("xml", "/epg/{token}.xml", "path-token").depends(&DEPENDS),
            Route::get("gzip", "/epg/{token}.xml.gz", "path-token").depends(&DEPENDS),
        ]
    }

    fn handle(&self, request: &Request, line: Option<&Line<'_>>, response: &mut Response<'_>) -> Result<()> {
        let line = line.ok_or_else(|| Error::internal("the host called this output without a line"))?;
        let (days, past) = match (number(request, "days", self.days), number(request, "past", self.past)) {
            (Ok(days), Ok(past)) => (days, past),
            (Err(sentence), _) | (_, Err(sentence)) => return response.text(400, &sentence),
        };
        if request.route == "gzip" {
            response.start(200, &[("content-type", "application/gzip")])?;
            response.pack("gzip")?;
        } else {
            response.start(200, &[("content-type", "application/xml; charset=utf-8")])?;
        }
        // Whole days: a window that moves with the clock would be another one for every viewer.
        let today = clock::now() / DAY;
        let window = Window { start: today.saturating_sub(past) * DAY, stop: (today + days + 1) * DAY };
        self.guide(line, window, response)
    }
}

/// Seconds since 1970.
#[derive(Clone, Copy)]
struct Window {
    start: u64,
    stop: u64,
}

/// A number of days in the query, at most what the settings allow; an error is a sentence for the viewer.
fn number(request: &Request, name: &str, most: u64) -> Result<u64, String> {
    match request.query(name).filter(|value| !value.is_empty()) {
        None => Ok(most),
        Some(value) => value
            .parse::<u64>()
            .map(|days| days.min(most))
            .map_err(|_| format!("{name} has to be a number of days, at most {most}.\n")),
    }
}

impl Xmltv {
    fn guide(&self, line: &Line<'_>, window: Window, response: &mut Response<'_>) -> Result<()> {
        response.write(
            b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n<tv generator-info-name=\"Mast\">\n",
        )?;
        // Channels of this document, with their ids in it.
        let mut channels: Vec<(u32, String)> = Vec::new();
        let mut known: HashSet<String> = HashSet::new();
        let filter = Filter { content: "live".to_owned(), category: None, playback: None, attrs: Vec::new() };
        for batch in line.lineup(&filter) {
            for channel in &batch {
                let id = id(channel);
                if known.insert(id.clone()) {
                    elements::channel(response.buffer(), &id, channel);
                    channels.push((channel.id, id));
                    response.flush_full()?;
                }
            }
        }
        let mut writer = elements::Programmes::new(self.catchup_id);
        for (channel, id) in &channels {
            // Everything that `writer` looks at beside the programmes.
            let key = format!("{}-{} {} {id}", window.start, window.stop, self.catchup_id);
            response.fragment(Some(*channel), &key, |response| {
                for batch in line.guide(Some(*channel), window.start, window.stop) {
                    for programme in &batch {
                        writer.write(response.buffer(), id, programme);
                        response.flush_full()?;
                    }
                }
                Ok(())
            })?;
        }
        response.write(b"</tv>\n")
    }
}

/// The channel's id in the document: what `tvg-id` of a playlist says.
fn id(channel: &Channel) -> String {
    let guide = channel.epg_id.trim();
    if guide.is_empty() { format!("{}.mast", channel.id) } else { guide.to_owned() }
}

mast_sdk::export_plugin!(Xmltv: output);

#[cfg(test)]
mod tests;
