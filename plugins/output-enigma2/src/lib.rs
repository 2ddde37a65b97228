//! Bouquets, scripts and guide sources for Enigma2 boxes, below three paths: `/get.php` with the types that boxes know, files with a token in
//! their path, and `/enigma2.php` for the plugins that browse it.
//!
//! It writes texts only: what is played is the host's, the guide and plain lists are other outputs'. Nothing that it writes has a blank line:
//! a box stops reading there.

mod bouquets;
mod escape;
mod guide;
mod links;
mod php;
mod reference;
mod script;

use mast_sdk::output::{Line, Output, Request, Response, Route};
use mast_sdk::{Error, Result};

use bouquets::Bouquet;
use links::Links;

/// The `[config]` table.
#[derive(Debug, serde::Deserialize)]
struct Enigma2 {
    #[serde(default = "default_name")]
    name: String,
    #[serde(default = "default_prefix")]
    prefix: String,
    #[serde(default)]
    bouquets: Split,
    #[serde(default)]
    movies: bool,
    #[serde(default = "default_service_type")]
    service_type: u32,
    #[serde(default)]
    output: Playback,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Split {
    #[default]
    Category,
    Single,
}

/// What channels are played as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Playback {
    #[default]
    Ts,
    Hls,
}

fn default_name() -> String {
    "IPTV".to_owned()
}

fn default_prefix() -> String {
    "mast".to_owned()
}

fn default_service_type() -> u32 {
    4097
}

impl Playback {
    /// Its name in `wit/output`.
    fn format(self) -> &'static str {
        match self {
            Self::Ts => "mpegts",
            Self::Hls => "hls",
        }
    }

    /// Its name in a query.
    fn name(self) -> &'static str {
        match self {
            Self::Ts => "ts",
            Self::Hls => "hls",
        }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const XML: &str = "application/xml; charset=utf-8";
const BOUQUET_TYPES: [&str; 3] = ["enigma16", "dreambox", "gigablue"];
const SCRIPT_TYPES: [&str; 3] = ["enigma216_script", "enigma22_script", "octagon_script"];

impl Output for Enigma2 {
    fn load() -> Result<Self> {
        mast_sdk::config()
    }

    fn routes(&self) -> Vec<Route> {
        const DEPENDS: [&str; 3] = ["lineup", "line", "request"];
        let classic = |id: &str, types: &[&str]| {
            Route::get(id, "/get.php", "query-credentials").when("type", types).depends(&DEPENDS)
        };
        vec![
            classic("bouquet", &BOUQUET_TYPES),
            classic("script", &SCRIPT_TYPES),
            Route::get("file", "/enigma2/{token}/{file}", "path-token").depends(&DEPENDS),
            Route::get("browse", "/enigma2.php", "query-credentials").depends(&DEPENDS),
        ]
    }

    fn handle(&self, request: &Request, line: Option<&Line<'_>>, response: &mut Response<'_>) -> Result<()> {
        let line = line.ok_or_else(|| Error::internal("the host called this output without a line"))?;
        let playback = match request.query("output").filter(|value| !value.is_empty()) {
            None => self.output,
            Some("ts" | "mpegts") => Playback::Ts,
            Some("m3u8" | "hls") => Playback::Hls,
            Some(_) => return response.text(400, "Unknown output; the known ones are ts, mpegts, m3u8 and hls.\n"),
        };
        let box_type = request.query("type").unwrap_or_default().to_ascii_lowercase();
        let links = Links::of(request, &box_type, playback)?;
        let asked = Asked { line, playback, service_type: self.service_type(&box_type, playback), links };
        match (request.route.as_str(), request.param("file").or_else(|| request.query("file"))) {
            ("browse", _) => php::answer(request, &asked, self, response),
            ("script", _) if box_type == "octagon_script" => script::octagon(&asked, response),
            ("script", _) => script::install(&asked, self, response),
            ("bouquet", None) => {
                let headers = [
                    ("content-type", "application/octet-stream"),
                    ("content-disposition", "attachment; filename=\"userbouquet.favourites.tv\""),
                ];
                response.start(200, &headers)?;
                Bouquet::whole(self).write(&asked, self, response)
            }
            (_, Some(file)) => self.file(file, &asked, response),
            (_, None) => Err(Error::internal("the host called a route of files without a file")),
        }
    }
}

/// A request, read.
struct Asked<'a> {
    line: &'a Line<'a>,
    playback: Playback,
    /// Of channels.
    service_type: u32,
    links: Links<'a>,
}

impl Enigma2 {
    /// Dreamboxes play MPEG-TS with their DVB hardware.
    fn service_type(&self, box_type: &str, playback: Playback) -> u32 {
        match box_type {
            "dreambox" if playback == Playback::Ts => 1,
            "enigma16" | "gigablue" | "dreambox" => 4097,
            _ => self.service_type,
        }
    }

    fn file(&self, file: &str, asked: &Asked<'_>, response: &mut Response<'_>) -> Result<()> {
        let mut start = |content_type: &str| response.start(200, &[("content-type", content_type)]);
        match file {
            "bouquets.tv" => {
                start(TEXT)?;
                bouquets::index(asked.line, self, response)
            }
            "picons.txt" => {
                start(TEXT)?;
                guide::picons(asked, self, response)
            }
            "epgimport.sources.xml" => {
                start(XML)?;
                guide::sources(asked, self, response)
            }
            "channels.xml" | "epgimport.channels.xml" => {
                start(XML)?;
                guide::channels(asked, response)
            }
            "install.sh" => script::install(asked, self, response),
            _ => match bouquets::all(asked.line, self).into_iter().find(|bouquet| bouquet.file == file) {
                Some(bouquet) => {
                    start(TEXT)?;
                    bouquet.write(asked, self, response)
                }
                None => response.text(404, "There is no such file; bouquets.tv names the bouquets.\n"),
            },
        }
    }
}

mast_sdk::export_plugin!(Enigma2: output);

#[cfg(test)]
mod tests;
