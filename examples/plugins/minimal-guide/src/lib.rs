//! The smallest guide importer: one programme per line of the form `channel|start|stop|title`, times in seconds since 1970.

use std::collections::BTreeSet;

use mast_sdk::epg::{Epg, Guide, GuideChannel, Programme, Text};
use mast_sdk::text::Lines;
use mast_sdk::{ByteSource, Error, Result, Summary};

struct Minimal;

impl Epg for Minimal {
    fn load() -> Result<Self> {
        Ok(Self)
    }

    fn run(&self, input: &mut ByteSource<'_>, out: &mut Guide<'_>) -> Result<Summary> {
        let mut lines = Lines::new(input, 4096);
        let mut channels = BTreeSet::new();
        while let Some(line) = lines.next_line()? {
            let Some(programme) = parse(&line.text) else {
                out.warn(&format!("line {}", line.number), "it is not of the form channel|start|stop|title");
                continue;
            };
            if channels.insert(programme.channel.clone()) {
                let names = vec![Text::new(programme.channel.clone())];
                let id = programme.channel.clone();
                out.channel(GuideChannel { id, names, icons: Vec::new(), attrs: Vec::new() })?;
            }
            if out.wanted(&programme.channel)? {
                out.programme(programme)?;
            }
        }
        if channels.is_empty() {
            return Err(Error::malformed("the guide has no programme in it"));
        }
        Ok(Summary::changed().with("channels", channels.len()))
    }
}

fn parse(line: &str) -> Option<Programme> {
    let mut fields = line.splitn(4, '|');
    let (channel, start, stop) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let title = fields.next().filter(|title| !title.is_empty())?;
    Some(Programme { stop: Some(stop), ..Programme::new(channel, start, title) })
}

mast_sdk::export_plugin!(Minimal: epg);

#[cfg(test)]
mod tests {
    use mast_sdk::Code;
    use mast_sdk::mock::Host;

    use super::Minimal;

    #[test]
    fn programmes_and_their_channels() {
        let host = Host::new().chunk(5).install();
        let imported = host.import::<Minimal>("one|100|200|News\none|200|300|Film | Part 2\nbad\ntwo|1|2|\n").unwrap();
        let found: Vec<_> = imported.programmes.iter().map(|p| (p.start, p.stop, p.titles[0].value.as_str())).collect();
        assert_eq!(found, [(100, Some(200), "News"), (200, Some(300), "Film | Part 2")]);
        assert_eq!(imported.channels.len(), 1);
        assert_eq!(imported.warnings.len(), 2);
        assert_eq!(host.import::<Minimal>("").unwrap_err().code, Code::Malformed);
    }
}
