//! Channels: their lists, their links, and what a box keeps of them. Radio is the channels that say so, in the same numbers.

use std::collections::HashSet;

use mast_sdk::output::{Channel, Filter, Response};
use mast_sdk::{Result, clock, pair};
use serde::Serialize;
use serde_json::{Value, json};

use crate::boxes::{self, Favourites};
use crate::listing::{self, Listing, Order};
use crate::{Call, answer, guide};

pub(crate) fn answer(call: &Call<'_>, action: &str, response: &mut Response<'_>) -> Result<()> {
    match action {
        "get_genres" => genres(call, response),
        "get_all_channels" => all(call, response),
        "get_ordered_list" => ordered(call, false, response),
        "get_all_fav_channels" => favourites(call, response),
        "create_link" => link(call, response),
        "get_epg_info" => guide::period(call, response),
        "get_short_epg" => guide::short(call, response),
        "set_fav" => set_favourites(call, "fav_ch", response),
        "get_fav_ids" => ids(call, response),
        "set_last_id" => {
            let id = call.number::<u32>("id").unwrap_or_default();
            answer::kept(response, boxes::set_note("last", &call.mac, &id.to_string()))
        }
        "get_last_id" => {
            answer::js(response, &json!(boxes::note("last", &call.mac)?.unwrap_or_else(|| "0".to_owned())))
        }
        "set_fav_status" | "set_played" | "set_not_valid" => answer::done(response),
        _ => answer::nothing(response),
    }
}

pub(crate) fn radio(call: &Call<'_>, action: &str, response: &mut Response<'_>) -> Result<()> {
    match action {
        "get_ordered_list" => ordered(call, true, response),
        "get_all_fav_radio" => favourites(call, response),
        "create_link" => link(call, response),
        "set_fav" => set_favourites(call, "fav_radio", response),
        "get_fav_ids" => ids(call, response),
        "set_fav_status" | "set_played" => answer::done(response),
        _ => answer::nothing(response),
    }
}

fn genres(call: &Call<'_>, response: &mut Response<'_>) -> Result<()> {
    let all = json!({ "id": "*", "title": "All", "alias": "all", "active_sub": true, "censored": 0 });
    let of_line = call.line.categories("live").into_iter().map(|category| {
        json!({
            "id": category.id.to_string(),
            "title": category.name,
            "alias": category.name,
            "active_sub": true,
            "censored": 0,
        })
    });
    let genres: Vec<Value> = std::iter::once(all).chain(of_line).collect();
    answer::js(response, &json!(genres))
}

/// What is the same in every channel.
const FIXED: &str = concat!(
    r#""cost":"0","count":"0","status":1,"base_ch":"1","service_id":"","bonus_ch":"0","volume_correction":"0","mc_cmd":"","#,
    r#""enable_tv_archive":0,"tv_archive_duration":0,"archive":0,"wowza_tmp_link":"0","wowza_dvr":"0","use_http_tmp_link":"1","#,
    r#""use_load_balancing":"0","monitoring_status":"1","correct_time":"0","nimble_dvr":"0","allow_pvr":"","allow_local_pvr":"1","#,
    r#""allow_remote_pvr":"","modified":"","allow_local_timeshift":"1","nginx_secure_link":"0","open":1,"lock":0,"pvr":0,"epg":[]"#,
);
/// What is the same in the one command of every channel.
const FIXED_OF_COMMAND: &str = concat!(
    r#""priority":"0","status":"1","use_http_tmp_link":"1","wowza_tmp_link":"0","use_load_balancing":"0","user_agent_filter":"","#,
    r#""changed":"","enable_monitoring":"0","monitoring_status":"1","enable_balancer_monitoring":"0","flussonic_tmp_link":"0""#,
);

/// What differs from channel to channel. Numbers are texts: some imitators refuse the whole list otherwise.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    name: &'a str,
    number: &'a str,
    censored: u8,
    cmd: &'a str,
    hd: &'a str,
    tv_genre_id: &'a str,
    xmltv_id: &'a str,
    logo: &'a str,
    fav: u8,
    cur_playing: &'a str,
}

/// Appends a channel as boxes read it. Most of it is the same for all, and is copied: this is done for every channel of a lineup.
fn write(out: &mut Vec<u8>, channel: &Channel, favourites: &HashSet<u32>, playing: &str) -> Result<()> {
    let attr = |name: &str| pair(&channel.attrs, name);
    let id = channel.id.to_string();
    let cmd = format!("ffrt http://localhost/ch/{id}");
    let quality = attr("quality").unwrap_or(&channel.name);
    let hd = quality.split(|c: char| !c.is_alphanumeric()).any(|word| ["HD", "FHD", "UHD", "4K"].contains(&word));
    let entry = Entry {
        id: &id,
        name: &channel.name,
        number: &channel.number.to_string(),
        censored: u8::from(attr("adult") == Some("true")),
        cmd: &cmd,
        hd: if hd { "1" } else { "0" },
        tv_genre_id: &channel.category.to_string(),
        xmltv_id: &channel.epg_id,
        logo: &channel.logo,
        fav: u8::from(favourites.contains(&channel.id)),
        cur_playing: playing,
    };
    answer::record(out, &entry)?;
    // The object goes on behind its last member; nothing of what follows needs an escape.
    out.pop();
    let cmds = format!(r#","cmds":[{{"id":"{id}","ch_id":"{id}","url":"{cmd}",{FIXED_OF_COMMAND}}}],"#);
    for part in [&cmds, FIXED, "}"] {
        out.extend_from_slice(part.as_bytes());
    }
    Ok(())
}

fn is_radio(channel: &Channel) -> bool {
    pair(&channel.attrs, "radio") == Some("true")
}

fn favourite_set(call: &Call<'_>) -> Result<HashSet<u32>> {
    Ok(Favourites::Live.get(&call.mac)?.into_iter().collect())
}

/// All channels, written as they are read. From here on the box knows this version of the lineup.
fn all(call: &Call<'_>, response: &mut Response<'_>) -> Result<()> {
    let favourites = favourite_set(call)?;
    listing::written(response, 0, |records| {
        let mut total = 0;
        for batch in call.line.lineup(&Filter::of("live")) {
            for channel in &batch {
                records.push(|out| write(out, channel, &favourites, ""))?;
            }
            total += batch.len();
        }
        Ok(total)
    })
}

fn ordered(call: &Call<'_>, radio: bool, response: &mut Response<'_>) -> Result<()> {
    let page = listing::page(call.number("p"));
    let favourites = favourite_set(call)?;
    let only_favourites = ["1", "true"].contains(&call.field("fav"));
    let category = category(call.field("genre"));
    let order = if call.field("sortby") == "name" { Order::Name } else { Order::Lineup };
    let search = call.field("search").to_lowercase();
    let wanted = |channel: &Channel| {
        (!radio || is_radio(channel))
            && (!only_favourites || favourites.contains(&channel.id))
            && (search.is_empty() || channel.name.to_lowercase().contains(&search))
    };
    let listing = Listing { contents: &["live"], category, order, page, wanted: &wanted };
    let found = listing.read(&call.line);
    let now = clock::now();
    listing::written(response, page, |records| {
        for (_, channel) in &found.records {
            let playing =
                call.line.guide(Some(channel.id), now, now + 1).next().and_then(|batch| batch.into_iter().next());
            let title = playing.map(|programme| programme.title).unwrap_or_default();
            records.push(|out| write(out, channel, &favourites, &title))?;
        }
        Ok(found.total)
    })
}

/// The category of a request; none for all.
pub(crate) fn category(asked: &str) -> Option<u32> {
    // A category that is none finds nothing, rather than everything.
    if asked.is_empty() || asked == "*" { None } else { Some(asked.parse().unwrap_or(u32::MAX)) }
}

fn favourites(call: &Call<'_>, response: &mut Response<'_>) -> Result<()> {
    let ids = Favourites::Live.get(&call.mac)?;
    let set: HashSet<u32> = ids.iter().copied().collect();
    listing::written(response, 1, |records| {
        let mut total = 0;
        for channel in ids.iter().filter_map(|id| call.line.find(*id, &Filter::of("live"))) {
            records.push(|out| write(out, &channel, &set, ""))?;
            total += 1;
        }
        Ok(total)
    })
}

fn ids(call: &Call<'_>, response: &mut Response<'_>) -> Result<()> {
    let ids: Vec<String> = Favourites::Live.get(&call.mac)?.iter().map(u32::to_string).collect();
    answer::js(response, &json!(ids))
}

fn set_favourites(call: &Call<'_>, field: &str, response: &mut Response<'_>) -> Result<()> {
    answer::kept(response, Favourites::Live.set(&call.mac, &boxes::numbers(call.field(field))))
}

/// The link is made when it is asked for. Whether the line has a connection left is looked at when it is played: a box asks for the next
/// channel while it still plays the last one.
fn link(call: &Call<'_>, response: &mut Response<'_>) -> Result<()> {
    let Some(id) = number_after(call.field("cmd"), "/ch/") else {
        return answer::no_link(response, "nothing_to_play");
    };
    match call.line.playback(id, &call.mag.format) {
        Ok(url) => answer::link(response, id, &url),
        Err(_) => answer::no_link(response, "nothing_to_play"),
    }
}

/// The number behind a word of a command: 101 in `ffrt http://localhost/ch/101`.
pub(crate) fn number_after(cmd: &str, word: &str) -> Option<u32> {
    let (_, behind) = cmd.split_once(word)?;
    let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
    behind.get(..digits)?.parse().ok()
}
