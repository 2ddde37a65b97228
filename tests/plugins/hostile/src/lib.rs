//! A source that misbehaves as its settings say, to show that the host does not mind.

use mast_sdk::source::{Catalog, Channel, Source, Upstream};
use mast_sdk::{Error, Result, Summary};

#[derive(serde::Deserialize)]
struct Hostile {
    misdeed: String,
}

impl Source for Hostile {
    fn load() -> Result<Self> {
        let hostile: Self = mast_sdk::config()?;
        assert!(hostile.misdeed != "panic-in-load", "not today");
        Ok(hostile)
    }

    fn refresh(&self, out: &mut Catalog<'_>) -> Result<Summary> {
        match self.misdeed.as_str() {
            "panic" => panic!("seven is no number of channels"),
            "loop" => loop {
                std::hint::black_box(self);
            },
            "hoard" => hoard(),
            "complain" => return Err(Error::unavailable("it was the others")),
            _ => {}
        }
        out.channel(Channel {
            upstreams: vec![Upstream::new("http://tv.example/1.ts")],
            ..Channel::new("1", "Reformed")
        })?;
        Ok(Summary::changed())
    }
}

fn hoard() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

mast_sdk::export_plugin!(Hostile: source);
