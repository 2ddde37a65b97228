//! M3U playlists for players, in the two forms that they ask for: `/get.php` with credentials in the query, and
//! `/playlist/{token}.m3u8`.
//!
//! It writes lists only. Playback URLs are minted by the host for the line that asks, so limits apply to each; catch-up attributes
//! are left out until the host has URLs for past programmes.

mod format;

use mast_sdk::output::{Filter, Line, Output, Request, Response, Route};
use mast_sdk::{Error, Result};

use format::Style;

struct M3u;

/// What a request asks for.
struct Asked {
    style: Style,
    /// The playback format, by its name in `wit/output`.
    playback: &'static str,
    /// Live channels are wanted.
    live: bool,
}

impl Output for M3u {
    fn load() -> Result<Self> {
        Ok(Self)
    }

    fn routes(&self) -> Vec<Route> {
        vec![
            Route::get("get", "/get.php", "query-credentials").depends(&["lineup", "line", "request"]),
            Route::get("playlist", "/playlist/{token}.m3u8", "path-token").depends(&["lineup", "line", "request"]),
        ]
    }

    fn handle(&self, request: &Request, line: Option<&Line<'_>>, response: &mut Response<'_>) -> Result<()> {
        let line = line.ok_or_else(|| Error::internal("the host called this output without a line"))?;
        let default = if request.route == "get" { "ts" } else { "hls" };
        match asked(request, default) {
            Ok(asked) => {
                start(request, line, asked.style, response)?;
                list(line, &asked, response)
            }
            Err(sentence) => response.text(400, &sentence),
        }
    }
}

/// Reads the query; an error is a sentence for the viewer.
fn asked(request: &Request, default: &str) -> Result<Asked, String> {
    let field = |name: &str| request.query(name).filter(|value| !value.is_empty());
    let style = match (request.route.as_str(), field("type")) {
        ("get", None | Some("m3u_plus")) => Style::Plus,
        ("get", Some("m3u")) => Style::Simple,
        ("get", Some(_)) => return Err("Unknown type; the known ones are m3u and m3u_plus.\n".to_owned()),
        _ => Style::Numbered,
    };
    let playback = match field("output").unwrap_or(default) {
        "ts" | "mpegts" => "mpegts",
        "m3u8" | "hls" => "hls",
        _ => return Err("Unknown output; the known ones are ts, mpegts, m3u8 and hls.\n".to_owned()),
    };
    let live = field("key").is_none_or(|key| key.split(',').any(|content| content.trim() == "live"));
    Ok(Asked { style, playback, live })
}

fn start(request: &Request, line: &Line<'_>, style: Style, response: &mut Response<'_>) -> Result<()> {
    if request.route != "get" {
        return response.start(200, &[("content-type", "audio/x-mpegurl; charset=utf-8")]);
    }
    let username: String = line.info().username.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let suffix = if style == Style::Plus { "_plus" } else { "" };
    let disposition = format!("attachment; filename=\"tv_channels_{username}{suffix}.m3u\"");
    response.start(200, &[("content-type", "application/octet-stream"), ("content-disposition", &disposition)])
}

/// Needs no quoting in a header field or a file name.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._".contains(c)
}

fn list(line: &Line<'_>, asked: &Asked, response: &mut Response<'_>) -> Result<()> {
    response.write(b"#EXTM3U\r\n")?;
    if !asked.live {
        return Ok(());
    }
    for batch in line.lineup(&Filter::playable("live", asked.playback)) {
        for channel in &batch {
            format::entry(response.buffer(), channel, asked.style);
            response.flush_full()?;
        }
    }
    Ok(())
}

mast_sdk::export_plugin!(M3u: output);

#[cfg(test)]
mod tests;
