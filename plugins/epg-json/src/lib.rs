//! Guides from a schedule API that speaks JSON: a request for each day, each channel or both, and paths that say where in the answer
//! things are.
//!
//! One answer is held in memory at a time. Nothing is guessed: what the paths do not name is not read.

mod fields;

use std::collections::{BTreeMap, HashSet};

use mast_sdk::epg::{Epg, Guide};
use mast_sdk::location::Location;
use mast_sdk::time::{self, Zones};
use mast_sdk::{ByteSource, Code, Error, Result, Summary, clock};
use serde_json::Value;

use fields::{Fields, Found};

/// The longest answer: as values it takes several times as much of the 64 MiB that a call has.
const ANSWER: usize = 8 * 1024 * 1024;
/// Requests of one import.
const REQUESTS: usize = 1_000;
const DAY: u64 = 86_400;

#[derive(serde::Deserialize)]
struct Json {
    endpoint: String,
    #[serde(default)]
    user_agent: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default = "default_days")]
    days: u64,
    #[serde(default)]
    past: u64,
    #[serde(default)]
    default_offset: Option<String>,
    fields: Fields,
}

fn default_days() -> u64 {
    3
}

/// One request to make.
struct Asked {
    url: String,
    /// The channel that `{channel}` stood for.
    channel: Option<String>,
}

/// What an import has seen.
#[derive(Default)]
struct Progress {
    channels: HashSet<String>,
    /// Channel and start: a programme over midnight is in the answers of both days.
    programmes: HashSet<(String, u64)>,
    skipped: u64,
}

impl Json {
    fn location(&self, url: String) -> Location {
        Location { url: Some(url), path: None, user_agent: self.user_agent.clone(), headers: self.headers.clone() }
    }

    fn zones(&self) -> Result<Zones> {
        let offset = self.default_offset.as_deref().map(|text| {
            time::offset(text).ok_or_else(|| Error::config("default_offset has to be written like +01:00"))
        });
        Ok(Zones { default: offset.transpose()?.unwrap_or_default(), ignore: false })
    }

    /// All requests, at the time `now`.
    fn requests(&self, now: u64) -> Vec<Asked> {
        let first = now / DAY - self.past.min(now / DAY);
        let days: Vec<u64> =
            if self.endpoint.contains("{date}") { (first..now / DAY + self.days).collect() } else { vec![first] };
        let channels: Vec<Option<&String>> =
            if self.endpoint.contains("{channel}") { self.channels.iter().map(Some).collect() } else { vec![None] };
        let mut requests = Vec::new();
        for channel in channels {
            for &day in &days {
                let url = self.endpoint.replace("{date}", &time::date(day * DAY));
                let url = channel.map_or(url.clone(), |channel| url.replace("{channel}", channel));
                requests.push(Asked { url, channel: channel.cloned() });
            }
        }
        requests
    }

    fn answer(&self, asked: &Asked) -> Result<Value> {
        let body = self.location(asked.url.clone()).open()?.read_all(ANSWER)?;
        serde_json::from_slice(&body).map_err(|error| {
            Error::malformed(format!("the answer is not JSON: {} at line {}", category(&error), error.line()))
        })
    }

    fn take(
        &self,
        answer: &Value,
        asked: &Asked,
        zones: Zones,
        progress: &mut Progress,
        out: &mut Guide<'_>,
    ) -> Result<()> {
        for found in self.fields.programmes(answer, asked.channel.as_deref(), zones) {
            match found {
                Found::Programme { channel, programme } => {
                    if progress.channels.insert(channel.id.clone()) {
                        out.channel(channel)?;
                    }
                    if progress.programmes.insert((programme.channel.clone(), programme.start))
                        && out.wanted(&programme.channel)?
                    {
                        out.programme(*programme)?;
                    }
                }
                Found::Bad { item, why } => {
                    progress.skipped += 1;
                    if progress.skipped <= 100 {
                        out.warn(&item, why);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What kind of mistake it is; the message of `serde_json` would quote the answer.
fn category(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        _ => "it has a mistake",
    }
}

impl Epg for Json {
    fn load() -> Result<Self> {
        let own: Self = mast_sdk::config()?;
        own.zones()?;
        if !own.endpoint.starts_with("https://") && !own.endpoint.starts_with("http://") {
            return Err(Error::config("endpoint must begin with http:// or https://"));
        }
        own.location(own.endpoint.clone()).check()?;
        if own.endpoint.contains("{channel}") == own.channels.is_empty() {
            return Err(Error::config("channels is what {channel} in endpoint stands for: set both or neither"));
        }
        if own.requests(DAY * 1000).len() > REQUESTS {
            return Err(Error::config(format!("days and channels make more than {REQUESTS} requests; ask for less")));
        }
        Ok(own)
    }

    fn run(&self, _: &mut ByteSource<'_>, out: &mut Guide<'_>) -> Result<Summary> {
        let zones = self.zones()?;
        let mut progress = Progress::default();
        let requests = self.requests(clock::now());
        for asked in &requests {
            match self.answer(asked) {
                Ok(answer) => self.take(&answer, asked, zones, &mut progress, out)?,
                // A day that is not planned yet, or a channel that is gone.
                Err(error) if error.code == Code::NotFound && requests.len() > 1 => {
                    out.warn("a request", "there is nothing at this address for one of the days or channels");
                }
                Err(error) => return Err(error),
            }
        }
        let summary = Summary::changed()
            .with("requests", requests.len())
            .with("channels", progress.channels.len())
            .with("programmes", progress.programmes.len());
        Ok(if progress.skipped > 0 { summary.with("skipped", progress.skipped) } else { summary })
    }
}

mast_sdk::export_plugin!(Json: epg);

#[cfg(test)]
mod tests;
