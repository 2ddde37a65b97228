//! What makes a box's guide and logos: sources of EPGImport, its list of channels, and where logos are to be put.

use mast_sdk::Result;
use mast_sdk::output::{Channel, Filter, Response};

use crate::escape::xml;
use crate::{Asked, Enigma2, reference};

/// `epgimport.sources.xml`.
pub(crate) fn sources(asked: &Asked<'_>, settings: &Enigma2, response: &mut Response<'_>) -> Result<()> {
    let (name, prefix, url) = (xml(&settings.name), &settings.prefix, xml(&asked.links.guide()));
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<sources>\n<sourcecat sourcecatname=\"{name}\">\n\
         <source type=\"gen_xmltv\" nocheck=\"1\" channels=\"{prefix}.channels.xml\">\n<description>{name}</description>\n\
         <url>{url}</url>\n</source>\n</sourcecat>\n</sources>\n"
    );
    response.write(text.as_bytes())
}

/// `epgimport.channels.xml`: the guide's ids and the services that they belong to.
pub(crate) fn channels(asked: &Asked<'_>, response: &mut Response<'_>) -> Result<()> {
    response.write(b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<channels>\n")?;
    for batch in asked.line.lineup(&Filter::of("live")) {
        for channel in &batch {
            let out = response.buffer();
            out.extend_from_slice(format!("<channel id=\"{}\">", xml(&guide_id(channel))).as_bytes());
            // Type 1 is found for services of any type; the path does not count, and so holds no credentials.
            reference::write(out, 1, reference::fields(channel, "live"), ':');
            out.extend_from_slice(b":http%3a//example.m3u8</channel>\n");
            response.flush_full()?;
        }
    }
    response.write(b"</channels>\n")
}

/// The channel's id in the guide of `output-xmltv`.
fn guide_id(channel: &Channel) -> String {
    let id = channel.epg_id.trim();
    if id.is_empty() { format!("{}.mast", channel.id) } else { id.to_owned() }
}

/// `picons.txt`: a file name, a blank, and the URL that it is to be fetched from.
pub(crate) fn picons(asked: &Asked<'_>, settings: &Enigma2, response: &mut Response<'_>) -> Result<()> {
    for content in ["live", "movie"].into_iter().take(if settings.movies { 2 } else { 1 }) {
        for batch in asked.line.lineup(&Filter::of(content)) {
            for channel in batch.iter().filter(|channel| is_web(&channel.logo)) {
                let out = response.buffer();
                reference::write(out, 1, reference::fields(channel, content), '_');
                out.extend_from_slice(format!(".png {}\n", address(&channel.logo)).as_bytes());
                response.flush_full()?;
            }
        }
    }
    Ok(())
}

fn is_web(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// One word on its line, without what no URL has.
fn address(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => {
                out.push_str(&format!("%{:02X}", u32::from(c)))
            }
            _ if c.is_control() || c.is_whitespace() => {}
            _ => out.push(c),
        }
    }
    out
}
