//! `get_short_epg` and `get_simple_data_table`: programmes of one channel, in UTC. They change with the time, so nobody caches them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mast_sdk::output::{Channel, Filter, Line, Programme, Response};
use mast_sdk::{Result, clock};

use crate::attrs::Details;
use crate::json::{self, Object};
use crate::lists::LIVE;
use crate::text_of_time;

const DAY: u64 = 86_400;

/// Beyond it no guide says anything.
const AHEAD: u64 = 30 * DAY;

/// Which programmes, and how they are told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Table {
    /// The current one and those after it, so many in all.
    Short(usize),
    /// All from a day ago on, each with whether it is on and whether it can be watched later.
    Full,
}

pub(crate) fn write(line: &Line<'_>, channel: Option<u32>, table: Table, response: &mut Response<'_>) -> Result<()> {
    response.write(b"{\"epg_listings\":[")?;
    let now = clock::now();
    if let Some(channel) = channel.and_then(|id| line.find(id, &Filter::of(LIVE))) {
        let (start, most) = match table {
            Table::Short(most) => (now, most),
            Table::Full => (now.saturating_sub(DAY), usize::MAX),
        };
        let mut left = most;
        for batch in line.guide(Some(channel.id), start, now + AHEAD) {
            for programme in batch.iter().take(left) {
                let out = response.buffer();
                if left < most {
                    out.push(b',');
                }
                listing(out, &channel, programme, matches!(table, Table::Full).then_some(now));
                response.flush_full()?;
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
    }
    response.write(b"]}")
}

fn listing(out: &mut Vec<u8>, channel: &Channel, programme: &Programme, now: Option<u64>) {
    let mut object = Object::new(out);
    object
        // Numbers of their own, below 2^63, that stay the same from one request to the next.
        .digits("id", (u64::from(channel.id) << 28) | ((programme.start / 60) & 0xFFF_FFFF))
        .digits("epg_id", channel.id.into());
    base64(object.key("title"), &programme.title);
    object.text("lang", Details(&programme.attrs).text("lang"));
    let stop = text_of_time(programme.stop);
    object.text("start", &text_of_time(programme.start)).text("end", &stop).text("stop", &stop);
    base64(object.key("description"), description(programme));
    object
        .text("channel_id", &channel.epg_id)
        .digits("start_timestamp", programme.start)
        .digits("stop_timestamp", programme.stop);
    if let Some(now) = now {
        let playing = programme.start <= now && now < programme.stop;
        object.number("now_playing", playing.into()).number("has_archive", 0);
    }
    object.end();
}

/// There is no place for a subtitle: it stands in for a description that is missing.
fn description(programme: &Programme) -> &str {
    if programme.description.is_empty() { &programme.sub_title } else { &programme.description }
}

fn base64(out: &mut Vec<u8>, value: &str) {
    // Nothing of its alphabet needs to be escaped.
    json::text(out, &STANDARD.encode(value));
}
