//! Any bytes as a guide in XMLTV, in pieces of any size: no panic, the same records whatever the pieces, and records that have what
//! they must have.
#![no_main]

use std::io::BufReader;

use epg_xmltv::import::{Sink, read};
use libfuzzer_sys::fuzz_target;
use mast_sdk::Result;
use mast_sdk::epg::{GuideChannel, PackedProgramme, Programme};
use mast_sdk::time::Zones;

#[derive(Default, PartialEq, Debug)]
struct Seen {
    channels: Vec<String>,
    programmes: Vec<String>,
    remarks: usize,
}

impl Sink for Seen {
    fn channel(&mut self, channel: GuideChannel) -> Result<()> {
        assert!(!channel.id.is_empty() && !channel.names.is_empty());
        self.channels.push(channel.id);
        Ok(())
    }

    fn wanted(&mut self, channel: &str) -> Result<bool> {
        Ok(!channel.contains('u'))
    }

    fn programme(&mut self, programme: &PackedProgramme) -> Result<()> {
        let programme = Programme::from(programme);
        assert!(!programme.channel.is_empty() && programme.stop.is_none_or(|stop| stop > programme.start));
        assert!(!programme.titles.is_empty() && programme.titles.iter().all(|title| !title.value.is_empty()));
        self.programmes.push(format!("{programme:?}"));
        Ok(())
    }

    fn warn(&mut self, item: &str, message: &str) {
        assert!(!item.is_empty() && !message.is_empty());
        self.remarks += 1;
    }
}

fn seen(piece: usize, guide: &[u8]) -> (bool, Seen) {
    let mut seen = Seen::default();
    let read = read(BufReader::with_capacity(piece, guide), Zones::default(), &mut seen);
    (read.is_ok(), seen)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, guide) = input;
    assert_eq!(seen(usize::from(piece) + 1, guide), seen(64 * 1024, guide));
});
