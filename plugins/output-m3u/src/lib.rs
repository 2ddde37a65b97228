//! Lists of channels, movies and episodes for players: M3U, the plain lists of old boxes, and what an operator's templates make of them.
//! `/get.php` takes credentials in the query, `/playlist/{token}.m3u8` a token.
//!
//! It writes lists only. Playback URLs are minted by the host for the line that asks, so limits apply to each; catch-up attributes
//! are there where the host has URLs for past programmes. Lists of Enigma2 are another plugin's.

mod asked;
mod devices;
mod entries;
mod escape;
mod format;
mod settings;
mod template;

use std::cell::Cell;

use mast_sdk::output::{Line, Output, Request, Response, Route};
use mast_sdk::{Error, Result};

use asked::{Asked, Shape};
use entries::Entry;
use format::Style;
use settings::Settings;
use template::{About, Template, Written};

struct M3u(Settings);

impl Output for M3u {
    fn load() -> Result<Self> {
        Settings::load().map(Self)
    }

    fn routes(&self) -> Vec<Route> {
        vec![
            Route::get("get", "/get.php", "query-credentials").depends(&["lineup", "line", "request"]),
            Route::get("playlist", "/playlist/{token}.m3u8", "path-token").depends(&["lineup", "line", "request"]),
        ]
    }

    fn handle(&self, request: &Request, line: Option<&Line<'_>>, response: &mut Response<'_>) -> Result<()> {
        let line = line.ok_or_else(|| Error::internal("the host called this output without a line"))?;
        let asked = match Asked::read(request, &self.0) {
            Ok(asked) => asked,
            Err(sentence) => return response.text(400, &sentence),
        };
        let username = line.info().username;
        let guide_url = asked::guide_url(request, &self.0);
        match &asked.shape {
            Shape::M3u(style) => {
                start(request, &username, *style, response)?;
                self.playlist(line, &asked, *style, guide_url.as_deref(), response)
            }
            Shape::Template(written) => {
                let guide_url = guide_url.as_deref().unwrap_or_default();
                let about = About { username: &username, base_url: &request.base_url, guide_url };
                by_template(line, &asked, written, &about, response)
            }
        }
    }
}

fn start(request: &Request, username: &str, style: Style, response: &mut Response<'_>) -> Result<()> {
    if request.route != "get" {
        return response.start(200, &[("content-type", "audio/x-mpegurl; charset=utf-8")]);
    }
    let suffix = if style == Style::Simple { "" } else { "_plus" };
    let disposition = disposition(&format!("tv_channels_{}{suffix}.m3u", plain(username)));
    response.start(200, &[("content-type", "application/octet-stream"), ("content-disposition", &disposition)])
}

fn disposition(file_name: &str) -> String {
    format!("attachment; filename=\"{file_name}\"")
}

/// Needs no quoting in a header field or a file name.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' }).collect()
}

impl M3u {
    fn playlist(
        &self,
        line: &Line<'_>,
        asked: &Asked<'_>,
        style: Style,
        guide_url: Option<&str>,
        response: &mut Response<'_>,
    ) -> Result<()> {
        format::header(response.buffer(), guide_url.filter(|_| style != Style::Simple));
        let past = Past { line, is_known: Cell::new(true) };
        let plain = self.0.options();
        let mut grouped = Vec::new();
        let render = |out: &mut Vec<u8>, entry: &Entry<'_>| {
            let catch_up = past.url(entry).filter(|_| style != Style::Simple);
            let mut options = &plain;
            if self.0.extgrp {
                grouped.clear();
                grouped.extend_from_slice(&plain);
                format::group_line(&mut grouped, entry);
                options = &grouped;
            }
            format::entry(out, entry, style, options, catch_up.as_deref());
        };
        asked.selection.write(line, asked.playback, render, |write| {
            write(response.buffer());
            response.flush_full()
        })
    }
}

fn by_template(
    line: &Line<'_>,
    asked: &Asked<'_>,
    written: &Written<'_>,
    about: &About<'_>,
    response: &mut Response<'_>,
) -> Result<()> {
    let template = Template::parse(written)?;
    let file_name = template.file_name.replace("{username}", &plain(about.username));
    let headers =
        [("content-type", &*template.content_type), ("content-disposition", &disposition(&plain_file(&file_name)))];
    response.start(200, &headers)?;
    template.header(response.buffer(), about);
    let mut is_first = true;
    let render = |out: &mut Vec<u8>, entry: &Entry<'_>| template.entry(out, entry, about);
    asked.selection.write(line, asked.playback, render, |write| {
        if !std::mem::take(&mut is_first) {
            response.buffer().extend_from_slice(template.between());
        }
        write(response.buffer());
        response.flush_full()
    })?;
    template.footer(response.buffer(), about);
    Ok(())
}

/// A file name that ends no header field; blanks stay.
fn plain_file(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' || c == ' ' { c } else { '_' }).collect()
}

/// Addresses of past programmes.
struct Past<'a> {
    line: &'a Line<'a>,
    /// The host has not refused the format yet: a call for each of 100,000 channels would be for nothing.
    is_known: Cell<bool>,
}

impl Past<'_> {
    fn url(&self, entry: &Entry<'_>) -> Option<String> {
        if entry.catch_up_days == 0 || entry.content != "live" || !self.is_known.get() {
            return None;
        }
        let found = self.line.playback(entry.id, "catch-up").ok();
        self.is_known.set(found.is_some());
        found
    }
}

mast_sdk::export_plugin!(M3u: output);

#[cfg(test)]
mod tests;
