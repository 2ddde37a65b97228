//! The smallest source plugin: one channel per line of the form `name|url`.

use std::io::BufRead;

use mast_sdk::source::{Catalog, Channel, Source, Upstream};
use mast_sdk::{Error, Result, Summary, http};

#[derive(serde::Deserialize)]
struct Minimal {
    url: String,
}

impl Source for Minimal {
    fn load() -> Result<Self> {
        mast_sdk::config()
    }

    fn refresh(&self, out: &mut Catalog<'_>) -> Result<Summary> {
        let Some(response) = http::get_if_changed(&self.url)? else {
            return Ok(Summary::unchanged());
        };
        let mut channels = 0;
        for (number, line) in (1..).zip(response.body()?.lines()) {
            let line = line?;
            let Some((name, url)) = line.split_once('|') else {
                out.warn(&format!("line {number}"), "it is not of the form name|url");
                continue;
            };
            out.channel(Channel { upstreams: vec![Upstream::new(url)], ..Channel::new(name, name) })?;
            channels += 1;
        }
        if channels == 0 {
            return Err(Error::malformed("the list has no channel in it"));
        }
        Ok(Summary::changed().with("channels", channels))
    }
}

mast_sdk::export_plugin!(Minimal: source);

#[cfg(test)]
mod tests {
    use mast_sdk::mock::{Answer, Host};
    use serde_json::json;

    use super::Minimal;

    const URL: &str = "https://tv.example/list.txt";

    #[test]
    fn channels_come_in_order() {
        let list = "One|https://tv.example/1.ts\nno channel\nTwo|https://tv.example/2.ts\n";
        let host = Host::new().config(json!({ "url": URL })).http(URL, Answer::ok(list)).install();
        let refreshed = host.refresh::<Minimal>().unwrap();
        let names: Vec<_> = refreshed.channels.iter().map(|channel| channel.name.as_str()).collect();
        assert_eq!(names, ["One", "Two"]);
        assert_eq!(refreshed.warnings[0].0, "line 2");
    }

    #[test]
    fn half_a_list_is_an_error() {
        let answer = Answer::ok("One|https://tv.example/1.ts\n").ends_early();
        let host = Host::new().config(json!({ "url": URL })).http(URL, answer).install();
        assert!(host.refresh::<Minimal>().is_err());
    }
}
