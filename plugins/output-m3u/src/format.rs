//! The text of one entry of an M3U list. Runs a hundred thousand times per list: it appends to one buffer and formats nothing through
//! `fmt`.

use mast_sdk::pair;

use crate::entries::Entry;
use crate::escape::{address, number, text};

/// Which attributes an entry has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `type=m3u`: the name only.
    Simple,
    /// `type=m3u_plus`: id, name, logo and group, in the order that boxes know.
    Plus,
    /// The same with the channel's number first, and all that players know of behind them.
    Full,
}

/// Appends an entry's lines: `options` are whole lines before its URL, `catch_up` the address of past programmes with `{utc}` and
/// `{duration}` in it.
pub(crate) fn entry(out: &mut Vec<u8>, entry: &Entry<'_>, style: Style, options: &[u8], catch_up: Option<&str>) {
    out.extend_from_slice(b"#EXTINF:-1");
    if style != Style::Simple {
        attributes(out, entry, style, catch_up);
    }
    out.push(b',');
    // Many players take what stands behind the last comma for the name.
    text(out, entry.name, b';');
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(options);
    out.extend_from_slice(entry.url.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn attributes(out: &mut Vec<u8>, entry: &Entry<'_>, style: Style, catch_up: Option<&str>) {
    let full = style == Style::Full;
    if full && entry.content == "live" {
        out.extend_from_slice(b" tvg-chno=\"");
        number(out, entry.number);
        out.push(b'"');
    }
    if catch_up.is_some() && !full {
        // Where panels write it, and old boxes look for it.
        out.extend_from_slice(b" timeshift=\"");
        number(out, entry.catch_up_days);
        out.push(b'"');
    }
    out.extend_from_slice(b" tvg-id=\"");
    text(out, entry.epg_id, b',');
    out.extend_from_slice(b"\" tvg-name=\"");
    text(out, entry.name, b',');
    out.extend_from_slice(b"\" tvg-logo=\"");
    address(out, entry.logo);
    out.extend_from_slice(b"\" group-title=\"");
    text(out, if full { entry.groups() } else { entry.group }, b',');
    out.push(b'"');
    if full {
        if entry.is_radio() {
            out.extend_from_slice(b" radio=\"true\"");
        }
        if let Some(shift) = pair(entry.attrs, "epg-shift") {
            out.extend_from_slice(b" tvg-shift=\"");
            text(out, shift, b'.');
            out.push(b'"');
        }
        if entry.content != "live" {
            out.extend_from_slice(b" media=\"true\"");
        }
    }
    if let Some(url) = catch_up {
        past(out, entry.catch_up_days, url);
    }
}

/// `default` knows no time zone, unlike the other modes.
fn past(out: &mut Vec<u8>, days: u32, url: &str) {
    out.extend_from_slice(b" tvg-rec=\"");
    number(out, days);
    out.extend_from_slice(b"\" catchup=\"default\" catchup-days=\"");
    number(out, days);
    out.extend_from_slice(b"\" catchup-source=\"");
    address(out, url);
    out.push(b'"');
}

/// Appends the first line of a list, with the guide's URL where there is one.
pub(crate) fn header(out: &mut Vec<u8>, guide_url: Option<&str>) {
    out.extend_from_slice(b"#EXTM3U");
    if let Some(url) = guide_url {
        out.extend_from_slice(b" x-tvg-url=\"");
        address(out, url);
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends `#EXTGRP` of an entry.
pub(crate) fn group_line(out: &mut Vec<u8>, entry: &Entry<'_>) {
    out.extend_from_slice(b"#EXTGRP:");
    text(out, entry.groups(), b',');
    out.extend_from_slice(b"\r\n");
}
