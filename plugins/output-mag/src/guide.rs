//! The guide as boxes ask for it: what is on now and next, a day of a channel, a grid of channels.

use mast_sdk::output::{Filter, Programme, Response};
use mast_sdk::{Result, clock, pair, time};
use serde_json::{Value, json};

use crate::times::{self, DAY};
use crate::{Call, answer, listing};

/// Programmes on a page of a day, and channels on a page of the grid.
const PAGE: usize = 10;
/// The longest period of the whole guide, in hours, and the one of those who name none.
const HOURS: (u64, u64) = (168, 3);
/// The most that a short guide shows.
const SHORT: usize = 50;
/// Days before and after today that can be chosen.
const WEEK: (u64, u64) = (3, 7);

pub(crate) fn answer(call: &Call<'_>, action: &str, response: &mut Response<'_>) -> Result<()> {
    match action {
        "get_simple_data_table" => day(call, response),
        "get_week" => week(call, response),
        "get_data_table" => grid(call, response),
        "get_all_program_for_ch" | "get_short_epg" => short(call, response),
        "get_epg_info" => period(call, response),
        _ => answer::nothing(response),
    }
}

/// A programme as boxes read it. Every text is there: some imitators stop at one that is not.
fn entry(programme: &Programme, offset: i64) -> Value {
    let attr = |name: &str| pair(&programme.attrs, name).unwrap_or_default();
    let (start, stop) = (times::local(programme.start, offset), times::local(programme.stop, offset));
    let id = format!("{}{}", programme.channel, programme.start);
    json!({
        "id": id,
        "ch_id": programme.channel.to_string(),
        "correct": times::date_and_time(start),
        "time": times::date_and_time(start),
        "time_to": times::date_and_time(stop),
        "duration": programme.stop.saturating_sub(programme.start),
        "name": programme.title,
        "descr": programme.description,
        "real_id": format!("{}_{}", programme.channel, programme.start),
        "category": attr("category"),
        "director": attr("credit:director"),
        "actor": attr("credit:actor"),
        "start_timestamp": programme.start,
        "stop_timestamp": programme.stop,
        "t_time": times::hours_and_minutes(start),
        "t_time_to": times::hours_and_minutes(stop),
        "on_date": time::date(start),
        "larr": 0,
        "rarr": 0,
        "mark_memo": 0,
        "mark_rec": 0,
        "mark_archive": 0,
    })
}

/// Everything of all channels in the hours to come, by channel, written as it is read.
pub(crate) fn period(call: &Call<'_>, response: &mut Response<'_>) -> Result<()> {
    let (now, offset) = (clock::now(), call.mag.offset());
    let hours = call.number::<u64>("period").filter(|hours| *hours > 0).unwrap_or(HOURS.1).min(HOURS.0);
    answer::written(response, ("{\"data\":{", "}}"), |response| {
        let mut last = None;
        for batch in call.line.guide(None, now, now + hours * 3600) {
            for programme in &batch {
                let before = match last {
                    Some(channel) if channel == programme.channel => ",".to_owned(),
                    Some(_) => format!("],\"{}\":[", programme.channel),
                    None => format!("\"{}\":[", programme.channel),
                };
                last = Some(programme.channel);
                let text = format!("{before}{}", entry(programme, offset));
                response.buffer().extend_from_slice(text.as_bytes());
                response.flush_full()?;
            }
        }
        response.write(if last.is_some() { b"]" } else { b"" })
    })
}

fn programmes(call: &Call<'_>, channel: u32, start: u64, stop: u64) -> impl Iterator<Item = Programme> {
    call.line.guide(Some(channel), start, stop).flatten()
}

/// What is on a channel now and next.
pub(crate) fn short(call: &Call<'_>, response: &mut Response<'_>) -> Result<()> {
    let (now, offset) = (clock::now(), call.mag.offset());
    let size = call.number("size").unwrap_or(PAGE).clamp(1, SHORT);
    let channel = call.number("ch_id").unwrap_or_default();
    let found: Vec<Value> =
        programmes(call, channel, now, now + 7 * DAY).take(size).map(|programme| entry(&programme, offset)).collect();
    answer::js(response, &json!(found))
}

/// The first second of a day on the box's clock; today's where none is named.
fn midnight(call: &Call<'_>, field: &str) -> u64 {
    let offset = call.mag.offset();
    let zones = time::Zones { default: offset, ignore: true };
    let named = time::parse(call.field(field).as_bytes(), zones).ok().map(|(seconds, _)| seconds);
    let local = times::local(named.unwrap_or_else(clock::now), offset);
    (local - local % DAY).saturating_add_signed(-offset)
}

/// A day of a channel, ten at a time; page 0 is the one with what is on now.
fn day(call: &Call<'_>, response: &mut Response<'_>) -> Result<()> {
    let (now, offset) = (clock::now(), call.mag.offset());
    let start = midnight(call, "date");
    let channel = call.number("ch_id").unwrap_or_default();
    let asked = call.number::<usize>("p");
    let all: Vec<Programme> = programmes(call, channel, start, start + DAY).collect();
    let current = all.iter().position(|programme| programme.stop > now).filter(|_| (start..start + DAY).contains(&now));
    let page = match (asked, current) {
        (None | Some(0), Some(current)) => current / PAGE + 1,
        _ => listing::page(asked),
    };
    let data: Vec<Value> =
        all.iter().skip((page - 1) * PAGE).take(PAGE).map(|programme| entry(programme, offset)).collect();
    let selected = current.filter(|current| current / PAGE + 1 == page).map_or(0, |current| current % PAGE + 1);
    let table = json!({
        "cur_page": page,
        "selected_item": selected,
        "total_items": all.len(),
        "max_page_items": PAGE,
        "data": data,
    });
    answer::js(response, &table)
}

/// The days that can be chosen.
fn week(call: &Call<'_>, response: &mut Response<'_>) -> Result<()> {
    let today = times::local(clock::now(), call.mag.offset()) / DAY;
    let days: Vec<Value> = (today.saturating_sub(WEEK.0)..=today + WEEK.1)
        .map(|day| {
            let date = time::date(day * DAY);
            json!({ "f_human": date, "f_mysql": date, "today": u8::from(day == today) })
        })
        .collect();
    answer::js(response, &json!(days))
}

/// Channels, ten at a time, each with what is on in the window from `from` (or `from_ts`) to `to`.
fn grid(call: &Call<'_>, response: &mut Response<'_>) -> Result<()> {
    let offset = call.mag.offset();
    let zones = time::Zones { default: offset, ignore: true };
    let moment = |name: &str| {
        let text = call.field(name);
        text.parse()
            .ok()
            .filter(|seconds| *seconds > 100_000_000)
            .or_else(|| Some(time::parse(text.as_bytes(), zones).ok()?.0))
    };
    let from: u64 = moment("from_ts").or_else(|| moment("from")).unwrap_or_else(clock::now);
    let to = moment("to_ts").or_else(|| moment("to")).unwrap_or(from + 2 * 3600).clamp(from + 1, from + DAY);
    let page = listing::page(call.number("p"));
    let category = crate::itv::category(call.field("genre"));
    let (mut total, mut data) = (0, Vec::new());
    for batch in call.line.lineup(&Filter::of("live").category(category)) {
        for channel in &batch {
            if ((page - 1) * PAGE..page * PAGE).contains(&total) {
                let epg: Vec<Value> =
                    programmes(call, channel.id, from, to).map(|programme| entry(&programme, offset)).collect();
                data.push(json!({
                    "ch_id": channel.id.to_string(),
                    "name": channel.name,
                    "number": channel.number.to_string(),
                    "ch_type": "iptv",
                    "dvb_id": "",
                    "epg_container": 1,
                    "epg": epg,
                }));
            }
            total += 1;
        }
    }
    let table = json!({
        "total_items": total,
        "max_page_items": PAGE,
        "cur_page": page,
        "selected_item": 0,
        "time_marks": [],
        "from_ts": from,
        "to_ts": to,
        "data": data,
    });
    answer::js(response, &table)
}
