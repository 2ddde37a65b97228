//! Guides in XMLTV. The host fetches, decompresses and converts to UTF-8; this reads a guide of any length as it arrives, and is as
//! lenient as guides are careless.
//!
//! It decides nothing about a guide as a whole: whether too much of it is missing is the host's to say, from the counts.

mod channel;
mod element;
pub mod import;
pub mod markup;
mod programme;
mod remarks;
pub mod scan;
mod text;

use mast_sdk::epg::{Epg, Guide};
use mast_sdk::time::{self, Zones};
use mast_sdk::{ByteSource, Error, Result, Summary};

#[derive(serde::Deserialize)]
struct Xmltv {
    #[serde(default)]
    default_offset: Option<String>,
    #[serde(default)]
    ignore_offsets: bool,
}

impl Xmltv {
    fn zones(&self) -> Result<Zones> {
        let default = match self.default_offset.as_deref() {
            None => 0,
            Some(text) => {
                time::offset(text).ok_or_else(|| Error::config("default_offset has to be written like +01:00"))?
            }
        };
        Ok(Zones { default, ignore: self.ignore_offsets })
    }
}

impl Epg for Xmltv {
    fn load() -> Result<Self> {
        let own: Self = mast_sdk::config()?;
        own.zones()?;
        Ok(own)
    }

    fn run(&self, input: &mut ByteSource<'_>, out: &mut Guide<'_>) -> Result<Summary> {
        import::read(input, self.zones()?, out)
    }
}

mast_sdk::export_plugin!(Xmltv: epg);

#[cfg(test)]
mod tests;
