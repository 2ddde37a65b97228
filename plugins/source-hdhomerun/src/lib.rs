//! Channels from an HDHomeRun tuner, or from anything that speaks its HTTP API.
//!
//! It asks a tuner by its address and does not search for one. A tuner that cannot be reached since private addresses are not granted is the
//! host's error, which says what to grant.
//!
//! Invariants: a key is the channel's number on the tuner; channels that are copy-protected are left out; a lineup without channels, or one
//! that is being scanned anew, is an error.

mod lineup;
mod xml;

use std::collections::HashMap;
use std::time::Duration;

use mast_sdk::json::{self, Fields};
use mast_sdk::source::{Catalog, Source};
use mast_sdk::{ByteSource, Code, Error, Result, Summary, http};

/// The longest answer about the tuner, and the longest lineup in XML.
const MOST: usize = 8 * 1024 * 1024;

#[derive(serde::Deserialize)]
struct HdHomeRun {
    address: String,
    #[serde(default)]
    favorites_only: bool,
}

/// What a refresh came to.
#[derive(Default)]
struct Progress {
    channels: u64,
    protected: u64,
    filtered: u64,
    skipped: u64,
    /// How often each number was seen.
    numbers: HashMap<String, u32>,
}

impl HdHomeRun {
    fn base(&self) -> &str {
        self.address.trim_end_matches('/')
    }

    /// What the tuner says of itself; nothing where it is too old to.
    fn discover(&self) -> Result<Fields> {
        match ask(&format!("{}/discover.json", self.base()), "the tuner's description") {
            Ok(input) => Ok(Fields::of(json::document(input, "the tuner's description", MOST)?)),
            Err(error) if error.code == Code::NotFound => Ok(Fields::default()),
            Err(error) => Err(error),
        }
    }

    /// Half a lineup is worse than yesterday's.
    fn refuse_during_a_scan(&self) -> Result<()> {
        let what = "the state of the lineup";
        let status = ask(&format!("{}/lineup_status.json", self.base()), what)
            .and_then(|input| json::document(input, what, MOST))
            .map(Fields::of);
        // Not all have it, and the lineup itself decides.
        if status.is_ok_and(|status| status.flag("ScanInProgress")) {
            return Err(Error::unavailable(
                "the tuner is scanning for channels; it is asked again when it has finished",
            )
            .retry_after(120));
        }
        Ok(())
    }

    fn lineup(&self, about: &Fields, progress: &mut Progress, out: &mut Catalog<'_>) -> Result<()> {
        const WHAT: &str = "the lineup";
        let own = format!("{}/lineup.json", self.base());
        let url = about.text("LineupURL").filter(|url| lineup::is_web(url)).unwrap_or_else(|| own.clone());
        let answer = match ask(&url, WHAT) {
            Err(error) if error.code == Code::NotGranted && url != own => {
                out.warn(
                    "LineupURL",
                    "it names an address that is not granted; lineup.json at address is read instead",
                );
                ask(&own, WHAT)
            }
            answer => answer,
        };
        match answer {
            Ok(input) => {
                let outline = json::rows(input, WHAT, &[], |_, row| self.entry(&row, progress, out))?;
                if !outline.list && outline.rows == 0 && !outline.is_nothing() {
                    return Err(Error::malformed("the lineup is another answer than a list; check address"));
                }
                Ok(())
            }
            Err(error) if error.code == Code::NotFound => {
                let bytes = ask(&format!("{}/lineup.xml", self.base()), WHAT)?.read_all(MOST)?;
                xml::rows(&String::from_utf8_lossy(&bytes), |row| self.entry(&row, progress, out))
            }
            Err(error) => Err(error),
        }
    }

    fn entry(&self, row: &Fields, progress: &mut Progress, out: &mut Catalog<'_>) -> Result<()> {
        let item = row.first(&["GuideNumber", "GuideName"]).unwrap_or_else(|| "a channel".to_owned());
        if row.flag("DRM") || lineup::has_tag(row, "drm") {
            progress.protected += 1;
            out.warn(&item, "it is copy-protected (DRM) and cannot be played");
            return Ok(());
        }
        if self.favorites_only && !lineup::is_favourite(row) {
            progress.filtered += 1;
            return Ok(());
        }
        match lineup::channel(row, &mut progress.numbers) {
            Ok(channel) => {
                progress.channels += 1;
                out.channel(channel)
            }
            Err(why) => {
                progress.skipped += 1;
                out.warn(&item, why);
                Ok(())
            }
        }
    }
}

fn ask(url: &str, what: &str) -> Result<ByteSource<'static>> {
    let request = http::Request::get(url).timeout(Duration::from_secs(20));
    let body = request.send().and_then(http::Response::ok).and_then(http::Response::body);
    body.map_err(|error| error.context(what))
}

impl Source for HdHomeRun {
    fn load() -> Result<Self> {
        let own: Self = mast_sdk::config()?;
        if !lineup::is_web(&own.address) {
            return Err(Error::config("address must begin with http:// and have no blanks, such as http://192.0.2.7"));
        }
        if own.address.contains(['?', '#', '@']) || own.address.ends_with(".json") {
            return Err(Error::config(
                "address is the tuner's own address; discover.json and lineup.json are added to it",
            ));
        }
        Ok(own)
    }

    fn refresh(&self, out: &mut Catalog<'_>) -> Result<Summary> {
        let about = self.discover()?;
        self.refuse_during_a_scan()?;
        let mut progress = Progress::default();
        self.lineup(&about, &mut progress, out)?;
        if progress.channels == 0 {
            return Err(Error::malformed(format!(
                "the tuner has no channel that can be played ({} copy-protected, {} no favourites, {} bad); let it scan for channels",
                progress.protected, progress.filtered, progress.skipped
            )));
        }
        let mut summary = Summary::changed().with("channels", progress.channels);
        if let Some(tuners) = about.whole("TunerCount").filter(|tuners| *tuners > 0) {
            summary = summary.with("provider-connections", tuners);
        }
        for (key, count) in
            [("protected", progress.protected), ("filtered", progress.filtered), ("skipped", progress.skipped)]
        {
            if count > 0 {
                summary = summary.with(key, count);
            }
        }
        Ok(summary)
    }
}

mast_sdk::export_plugin!(HdHomeRun: source);

#[cfg(test)]
mod tests;
