//! An entry of a lineup.

use std::collections::HashMap;

use mast_sdk::json::Fields;
use mast_sdk::source::{Channel, Upstream};

/// The longest number, name and URL, in bytes.
const LONGEST: usize = 512;
const LONGEST_URL: usize = 4096;

/// An http or https URL without blanks.
pub(crate) fn is_web(url: &str) -> bool {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_http && !rest.is_empty() && url.len() <= LONGEST_URL && !url.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// `Tags` is a list of words with commas between them.
pub(crate) fn has_tag(row: &Fields, tag: &str) -> bool {
    row.text("Tags").is_some_and(|tags| tags.split(',').any(|one| one.trim().eq_ignore_ascii_case(tag)))
}

pub(crate) fn is_favourite(row: &Fields) -> bool {
    row.flag("Favorite") || has_tag(row, "favorite")
}

/// The channel, or why there is none. `numbers` counts how often each number was seen.
pub(crate) fn channel(row: &Fields, numbers: &mut HashMap<String, u32>) -> Result<Channel, &'static str> {
    let url = row.text("URL").filter(|url| is_web(url)).ok_or("it has no URL that could be fetched")?;
    let plain = |text: String| -> String {
        let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.truncate(text.floor_char_boundary(LONGEST));
        text.trim().to_owned()
    };
    let number = row.text("GuideNumber").map(plain).filter(|number| !number.is_empty());
    let name = row.text("GuideName").map(plain).filter(|name| !name.is_empty());
    let key = number.clone().or_else(|| name.clone()).ok_or("it has neither a number nor a name")?;
    let name = name.unwrap_or_else(|| format!("Channel {key}"));
    let seen = numbers.entry(key.clone()).or_default();
    *seen += 1;
    let key = if *seen == 1 { key } else { format!("{key}#{seen}") };
    let mut attrs = Vec::new();
    let mut add = |key: &str, value: &str| attrs.push((key.to_owned(), value.to_owned()));
    if row.flag("HD") || has_tag(row, "hd") {
        add("quality", "HD");
    }
    if is_favourite(row) {
        add("x-favorite", "true");
    }
    if let Some(number) = &number {
        add("x-guide-number", number);
    }
    for (field, key) in [("VideoCodec", "x-video-codec"), ("AudioCodec", "x-audio-codec")] {
        if let Some(codec) = row.text(field) {
            add(key, &codec);
        }
    }
    Ok(Channel {
        // 5.1 and 5.2 are two channels; where there are such numbers the host counts.
        number: number.and_then(|number| number.parse().ok()),
        upstreams: vec![Upstream { kind: "mpegts".to_owned(), ..Upstream::new(url) }],
        attrs,
        ..Channel::new(key, name)
    })
}
