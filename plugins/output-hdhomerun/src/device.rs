//! What the tuner says of itself: ids, how many tuners, the descriptions in JSON and XML.

use mast_sdk::output::LineInfo;
use serde_json::{Value, json};

use crate::escape;

/// The version that the tuner's software claims: recent enough for every program, and never updated.
const FIRMWARE: &str = "20250815";

/// A tuner as one line sees it.
pub(crate) struct Device<'a> {
    /// What it calls itself.
    pub(crate) name: &'a str,
    /// Its model number.
    pub(crate) model: &'a str,
    /// Its id.
    pub(crate) id: u32,
    /// How many can watch at once.
    pub(crate) tuners: u32,
    /// Where its paths begin, without a slash at the end.
    pub(crate) base: &'a str,
}

/// As many tuners as the line has connections; programs want at least one and count in a byte.
pub(crate) fn tuners(line: &LineInfo) -> u32 {
    line.max_connections.clamp(1, 255)
}

/// The id of a line's tuner: the same as long as the username is.
pub(crate) fn id_of(username: &str) -> u32 {
    // FNV-1a: it only has to be spread, nobody is kept from guessing it.
    let hash = username.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let without_check = 0x1000_0000 | (hash & 0x0FFF_FFF0);
    without_check | check_digit(without_check)
}

/// Whether programs that use libhdhomerun take the id.
pub(crate) fn is_valid(id: u32) -> bool {
    (id & 0xF) == check_digit(id)
}

/// The last digit that makes the id right: the digits at even places, through a table, and the others add up to nothing in carry-less
/// addition.
fn check_digit(id: u32) -> u32 {
    const TABLE: [u32; 16] = [0xA, 0x5, 0xF, 0x6, 0x7, 0xC, 0x1, 0xB, 0x9, 0x2, 0x8, 0xD, 0x4, 0x3, 0xE, 0x0];
    let digit = |place: u32| (id >> (28 - 4 * place)) & 0xF;
    (0..7).fold(0, |sum, place| sum ^ if place % 2 == 0 { TABLE[digit(place) as usize] } else { digit(place) })
}

impl Device<'_> {
    pub(crate) fn discover(&self) -> Value {
        json!({
            "FriendlyName": self.name,
            "Manufacturer": "Mast",
            "ModelNumber": self.model,
            "FirmwareName": "mast",
            "FirmwareVersion": FIRMWARE,
            "DeviceID": format!("{:08X}", self.id),
            "DeviceAuth": "mast",
            "BaseURL": self.base,
            "LineupURL": format!("{}/lineup.json", self.base),
            "TunerCount": self.tuners,
        })
    }

    /// The UPnP description.
    pub(crate) fn xml(&self) -> String {
        let (name, model, base) = (escape(self.name), escape(self.model), escape(self.base));
        let id = format!("{:08X}", self.id);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <root xmlns=\"urn:schemas-upnp-org:device-1-0\">\n\
             <specVersion><major>1</major><minor>0</minor></specVersion>\n\
             <URLBase>{base}</URLBase>\n\
             <device>\n\
             <deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType>\n\
             <friendlyName>{name}</friendlyName>\n\
             <manufacturer>Mast</manufacturer>\n\
             <modelName>{model}</modelName>\n\
             <modelNumber>{model}</modelNumber>\n\
             <serialNumber>{id}</serialNumber>\n\
             <UDN>uuid:4d617374-0000-4000-8000-0000{id}</UDN>\n\
             </device>\n\
             </root>\n"
        )
    }
}
