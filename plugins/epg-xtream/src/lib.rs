//! Guides from the API of an Xtream upstream: which channels there are, and a table of programmes for each that is wanted.
//!
//! One answer is held in memory at a time. An upstream that has `xmltv.php` as well is faster to read with `epg-xmltv`: that is one request.

mod listing;
mod live;

use std::collections::{BTreeMap, HashSet};

use mast_sdk::epg::{Epg, Guide, GuideChannel, Text};
use mast_sdk::location::Location;
use mast_sdk::time::{self, Zones};
use mast_sdk::{ByteSource, Code, Error, Result, Summary};

use live::LiveChannel;

/// The longest answer about one channel, and about the account.
const ANSWER: usize = 8 * 1024 * 1024;
/// Channels whose tables may be unreadable before the import is given up.
const UNREADABLE: usize = 20;

#[derive(serde::Deserialize)]
struct Xtream {
    server: String,
    username: String,
    password: String,
    #[serde(default)]
    user_agent: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default = "default_most")]
    most: usize,
    #[serde(default)]
    default_offset: Option<String>,
}

fn default_most() -> usize {
    2_000
}

/// What an import came to.
#[derive(Default)]
struct Progress {
    requests: usize,
    programmes: u64,
    skipped: u64,
    unreadable: usize,
    left_out: u64,
}

impl Xtream {
    fn zones(&self) -> Result<Zones> {
        let offset = self.default_offset.as_deref().map(|text| {
            time::offset(text).ok_or_else(|| Error::config("default_offset has to be written like +01:00"))
        });
        Ok(Zones { default: offset.transpose()?.unwrap_or_default(), ignore: false })
    }

    /// Where an action is asked for. Credentials may be written as secrets; what is written plainly is encoded here.
    fn location(&self, action: &str) -> Location {
        let base = self.server.trim_end_matches('/');
        let (username, password) = (encoded(&self.username), encoded(&self.password));
        let url = format!("{base}/player_api.php?username={username}&password={password}{action}");
        Location { url: Some(url), path: None, user_agent: self.user_agent.clone(), headers: self.headers.clone() }
    }

    /// Whether the upstream knows the account; some answer lists to nobody and anybody.
    fn log_in(&self) -> Result<()> {
        let body = self.location("").open()?.read_all(ANSWER)?;
        let answer: serde_json::Value = serde_json::from_slice(&body).map_err(|error| not_json("the login", error))?;
        let user = &answer["user_info"];
        let auth = user["auth"].as_u64().or_else(|| user["auth"].as_str()?.parse().ok());
        match (auth, user["status"].as_str()) {
            (Some(1), None | Some("Active")) => Ok(()),
            (Some(1), Some(status)) => {
                let status: String = status.chars().filter(|c| c.is_alphanumeric()).take(32).collect();
                Err(Error::new(Code::Unauthorized, format!("the account is {status}, not Active")))
            }
            _ => Err(Error::new(Code::Unauthorized, "the upstream refuses these credentials")),
        }
    }

    fn channels(&self, out: &mut Guide<'_>) -> Result<Vec<LiveChannel>> {
        let input = self.location("&action=get_live_streams").open()?;
        let mut asked = HashSet::new();
        let mut found = Vec::new();
        let mut failed = None;
        let read = live::read(input, |one| {
            if failed.is_some() || !asked.insert(one.guide.clone()) {
                return;
            }
            let channel = GuideChannel {
                id: one.guide.clone(),
                names: vec![Text::new(one.name.as_str())],
                icons: one.icon.iter().cloned().collect(),
                attrs: Vec::new(),
            };
            match out.channel(channel) {
                Ok(()) => found.push(one),
                Err(error) => failed = Some(error),
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        read.map_err(|error| not_json("the list of channels", error))?;
        Ok(found)
    }

    fn table(&self, one: &LiveChannel, zones: Zones, progress: &mut Progress, out: &mut Guide<'_>) -> Result<()> {
        progress.requests += 1;
        let action = format!("&action=get_simple_data_table&stream_id={}", one.id);
        let body = match self.location(&action).open() {
            Ok(mut body) => body.read_all(ANSWER)?,
            Err(error) if error.code == Code::NotFound => {
                out.warn(&one.name, "the upstream knows no programmes of it");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let listings = match listing::read(&body) {
            Ok(listings) => listings,
            Err(error) => {
                progress.unreadable += 1;
                if progress.unreadable > UNREADABLE {
                    return Err(not_json("many a table of programmes", error));
                }
                out.warn(&one.name, "its table of programmes is not JSON");
                return Ok(());
            }
        };
        for listing in &listings {
            match listing.programme(&one.guide, zones) {
                Ok(programme) => {
                    progress.programmes += 1;
                    out.programme(programme)?;
                }
                Err(why) => {
                    progress.skipped += 1;
                    if progress.skipped <= 100 {
                        out.warn(&one.name, why);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What is not of a secret's name, percent-encoded: `${NAME}` is put in by the location, encoded.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        let Some((name, after)) = behind.split_once('}') else { break };
        out.push_str(&percent(before));
        out.push_str("${");
        out.push_str(name);
        out.push('}');
        rest = after;
    }
    out.push_str(&percent(rest));
    out
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The message of `serde_json` would quote the answer.
fn not_json(what: &str, error: serde_json::Error) -> Error {
    if error.is_io() {
        // The host says best why there is no more.
        return std::io::Error::from(error).into();
    }
    let why = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        _ => "it has a mistake",
    };
    Error::malformed(format!("{what} is not the JSON that was expected: {why} at line {}", error.line()))
}

impl Epg for Xtream {
    fn load() -> Result<Self> {
        let own: Self = mast_sdk::config()?;
        own.zones()?;
        if !own.server.starts_with("https://") && !own.server.starts_with("http://") {
            return Err(Error::config("server must begin with http:// or https://"));
        }
        if own.server.contains(['?', '#']) {
            return Err(Error::config("server is an address without ? and #; the API's path is added to it"));
        }
        own.location("").check()?;
        Ok(own)
    }

    fn run(&self, _: &mut ByteSource<'_>, out: &mut Guide<'_>) -> Result<Summary> {
        let zones = self.zones()?;
        self.log_in()?;
        let found = self.channels(out)?;
        let channels = found.len();
        let mut progress = Progress::default();
        for one in &found {
            if !out.wanted(&one.guide)? {
                continue;
            }
            if progress.requests == self.most {
                progress.left_out += 1;
                continue;
            }
            self.table(one, zones, &mut progress, out)?;
        }
        if progress.left_out > 0 {
            let message = format!("{} wanted channels are not asked for: most is {}", progress.left_out, self.most);
            out.warn("the import", &message);
        }
        let mut summary = Summary::changed()
            .with("requests", progress.requests)
            .with("channels", channels)
            .with("programmes", progress.programmes);
        for (key, count) in [("skipped", progress.skipped), ("left-out", progress.left_out)] {
            if count > 0 {
                summary = summary.with(key, count);
            }
        }
        Ok(summary)
    }
}

mast_sdk::export_plugin!(Xtream: epg);

#[cfg(test)]
mod tests;
