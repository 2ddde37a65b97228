//! The lineup in the forms that programs ask a tuner for. Each channel is written as it is read.

use mast_sdk::output::{Channel, Filter, Line, Response};
use mast_sdk::{Result, pair};
use serde_json::json;

use crate::escape;

/// What the lineup is written as.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    Json,
    Xml,
    M3u,
}

impl Form {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Xml => "application/xml; charset=utf-8",
            Self::M3u => "audio/x-mpegurl; charset=utf-8",
        }
    }

    fn ends(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("[", "]"),
            Self::Xml => ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Lineup>\n", "</Lineup>\n"),
            Self::M3u => ("#EXTM3U\r\n", ""),
        }
    }
}

/// Writes the whole lineup; `base` is where the tuner's paths begin.
pub(crate) fn write(line: &Line<'_>, form: Form, base: &str, response: &mut Response<'_>) -> Result<()> {
    response.start(200, &[("content-type", form.content_type())])?;
    let (start, end) = form.ends();
    response.write(start.as_bytes())?;
    let mut separator = "";
    for batch in line.lineup(&Filter::of("live")) {
        for channel in &batch {
            let entry = match form {
                Form::Json => json_entry(channel, base),
                Form::Xml => xml_entry(channel, base),
                Form::M3u => m3u_entry(channel, base),
            };
            response.buffer().extend_from_slice(separator.as_bytes());
            response.buffer().extend_from_slice(entry.as_bytes());
            response.flush_full()?;
            if matches!(form, Form::Json) {
                separator = ",";
            }
        }
    }
    response.write(end.as_bytes())
}

/// Where the tuner hands the channel out.
fn url(channel: &Channel, base: &str) -> String {
    format!("{base}/auto/v{}", channel.number)
}

fn json_entry(channel: &Channel, base: &str) -> String {
    let mut entry = json!({
        "GuideNumber": channel.number.to_string(),
        "GuideName": channel.name,
        "URL": url(channel, base),
    });
    if is_hd(channel) {
        entry["HD"] = json!(1);
    }
    if let Some(tags) = tags(channel) {
        entry["Tags"] = json!(tags);
    }
    entry.to_string()
}

fn xml_entry(channel: &Channel, base: &str) -> String {
    let hd = if is_hd(channel) { "<HD>1</HD>" } else { "" };
    let tags = tags(channel).map_or_else(String::new, |tags| format!("<Tags>{}</Tags>", escape(&tags)));
    format!(
        "<Program><GuideNumber>{}</GuideNumber><GuideName>{}</GuideName>{hd}{tags}<URL>{}</URL></Program>\n",
        channel.number,
        escape(&channel.name),
        escape(&url(channel, base)),
    )
}

fn m3u_entry(channel: &Channel, base: &str) -> String {
    let name = one_line(&channel.name);
    let quoted = |text: &str| one_line(text).replace('"', "'");
    format!(
        "#EXTINF:-1 channel-id=\"{number}\" channel-number=\"{number}\" tvg-id=\"{id}\" tvg-logo=\"{logo}\" group-title=\"{group}\",{number} {name}\r\n{url}\r\n",
        number = channel.number,
        id = quoted(&channel.epg_id),
        logo = quoted(&channel.logo),
        group = quoted(&channel.category_name),
        url = url(channel, base),
    )
}

/// A name must not end the line it stands in.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

/// What the provider says of the quality, or else the name.
fn is_hd(channel: &Channel) -> bool {
    let told = pair(&channel.attrs, "quality").unwrap_or(&channel.name);
    told.split(|c: char| !c.is_alphanumeric()).any(|word| {
        ["HD", "FHD", "UHD", "4K", "8K", "720p", "1080i", "1080p", "2160p"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(word))
    })
}

/// Words for the channel: its category, and that it is radio.
fn tags(channel: &Channel) -> Option<String> {
    let radio = (pair(&channel.attrs, "radio") == Some("true")).then(|| "radio".to_owned());
    // A comma would make two tags of one.
    let category = Some(one_line(&channel.category_name).replace(',', " "));
    // The two words that mean something to programs.
    let category =
        category.filter(|name| !["", "drm", "favorite"].contains(&name.trim().to_ascii_lowercase().as_str()));
    let tags: Vec<String> = category.into_iter().chain(radio).collect();
    (!tags.is_empty()).then(|| tags.join(","))
}
