//! `/panel_api.php`: everything in one answer, for old players. Its channels are an object with a member for each id.

use mast_sdk::Result;
use mast_sdk::output::{Channel, Filter, Line, Response};
use serde_json::Value;

use crate::json::{self, Object};
use crate::lists::{self, LIVE, MOVIE, SERIES};

pub(crate) fn write(line: &Line<'_>, login: &[(&str, Value)], response: &mut Response<'_>) -> Result<()> {
    let out = response.buffer();
    out.push(b'{');
    for (key, value) in login {
        json::text(out, key);
        out.push(b':');
        out.extend_from_slice(value.to_string().as_bytes());
        out.push(b',');
    }
    let mut categories = Object::new({
        out.extend_from_slice(b"\"categories\":");
        out
    });
    for content in [LIVE, MOVIE, SERIES] {
        lists::categories(categories.key(content), &line.categories(content));
    }
    categories.end();
    response.write(b",\"available_channels\":{")?;
    let mut channels = Vec::new();
    write_content(line, LIVE, &mut channels, response)?;
    channels.sort_unstable();
    // Movies have ids of their own: one whose key is a channel's is left out, as there can be only one of it.
    write_content(line, MOVIE, &mut channels, response)?;
    response.write(b"}}")
}

/// Ids are all that is kept of a list; `known` are those of the list before, sorted, and receives those of the channels.
fn write_content(line: &Line<'_>, content: &str, known: &mut Vec<u32>, response: &mut Response<'_>) -> Result<()> {
    let live = content == LIVE;
    let mut first = known.is_empty();
    for batch in line.lineup(&Filter::of(content)) {
        for channel in &batch {
            if live {
                known.push(channel.id);
            } else if known.binary_search(&channel.id).is_ok() {
                continue;
            }
            let out = response.buffer();
            out.extend_from_slice(if first { b"\"" } else { b",\"" });
            first = false;
            json::number(out, channel.id.into());
            out.extend_from_slice(b"\":");
            record(out, channel, live);
            response.flush_full()?;
        }
    }
    Ok(())
}

fn record(out: &mut Vec<u8>, channel: &Channel, live: bool) {
    let mut object = Object::new(out);
    if live {
        lists::live_members(&mut object, channel);
        object.text("type_name", "Live Streams").raw("container_extension", "null");
    } else {
        lists::movie_members(&mut object, channel);
        object.text("type_name", "Movies");
    }
    object.text("category_name", &channel.category_name).digits("live", live.into()).raw("series_no", "null").end();
}
