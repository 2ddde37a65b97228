//! Service references: `type:flags:` in decimal, eight fields in hexadecimal, `:path:name`.

use mast_sdk::output::Channel;
use mast_sdk::pair;

use crate::escape;

/// The original network ids of our services: no broadcaster has them, so neither guide nor logos collide with channels from the air.
const CHANNELS: u32 = 0x4D01;
const MOVIES: u32 = 0x4D02;

/// What makes a service unique: type of content, SID, TSID, ONID, namespace. The ids of channels and movies may be the same.
pub(crate) fn fields(channel: &Channel, content: &str) -> [u32; 5] {
    let kind = if pair(&channel.attrs, "radio") == Some("true") { 2 } else { 1 };
    let network = if content == "movie" { MOVIES } else { CHANNELS };
    // Both have 16 bits.
    [kind, channel.id % 65_535, channel.id / 65_535, network, 0]
}

/// Appends `TYPE:0:…:0:0:0`, without what is behind it.
pub(crate) fn write(out: &mut Vec<u8>, service_type: u32, fields: [u32; 5], separator: char) {
    let mut text = format!("{service_type}{separator}0");
    for field in fields.into_iter().chain([0, 0, 0]) {
        text.push(separator);
        text.push_str(&format!("{field:X}"));
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends the two lines of a service that plays a URL.
pub(crate) fn service(out: &mut Vec<u8>, service_type: u32, channel: &Channel, content: &str) {
    out.extend_from_slice(b"#SERVICE ");
    write(out, service_type, fields(channel, content), ':');
    out.push(b':');
    escape::reference(out, &channel.playback);
    out.push(b':');
    escape::name(out, &channel.name);
    description(out, &channel.name);
}

/// Appends the two lines of a marker; markers of a bouquet are numbered from 1.
pub(crate) fn marker(out: &mut Vec<u8>, number: u32, name: &str) {
    out.extend_from_slice(format!("#SERVICE 1:64:{number:X}:0:0:0:0:0:0:0::").as_bytes());
    escape::name(out, name);
    description(out, name);
}

fn description(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"\n#DESCRIPTION ");
    escape::line(out, name);
    out.push(b'\n');
}
