//! The layer that plugins are written against, on the mock host.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, Read};

use mast_sdk::epg::{Epg, Guide, GuideChannel, Programme, Text};
use mast_sdk::log::Level;
use mast_sdk::mock::{Answer, Host, Line};
use mast_sdk::output::{Filter, Output, Request, Response, Route};
use mast_sdk::source::{Catalog, Category, Channel, Source};
use mast_sdk::{BATCH, ByteSource, Code, Error, Result, Summary, clock, files, http, kv, output, secrets};
use serde_json::json;

#[derive(serde::Deserialize)]
struct Counted {
    channels: usize,
    unchanged: bool,
}

impl Source for Counted {
    fn load() -> Result<Self> {
        mast_sdk::config()
    }

    fn refresh(&self, out: &mut Catalog<'_>) -> Result<Summary> {
        out.category(Category::live("c", "C"))?;
        for number in 0..self.channels {
            out.channel(Channel::new(number.to_string(), "A channel"))?;
        }
        out.warn("line 1", "a remark");
        Ok(if self.unchanged { Summary::unchanged() } else { Summary::changed().with("channels", self.channels) })
    }
}

#[test]
fn records_cross_in_batches_and_categories_go_first() {
    for (channels, batches) in
        [(0, vec![1]), (1, vec![1, 1]), (BATCH, vec![1, BATCH]), (2 * BATCH + 3, vec![1, BATCH, BATCH, 3])]
    {
        let host = Host::new().config(json!({ "channels": channels, "unchanged": false })).install();
        let refreshed = host.refresh::<Counted>().unwrap();
        assert_eq!((refreshed.channels.len(), refreshed.batches), (channels, batches));
        assert_eq!(refreshed.warnings, [("line 1".to_owned(), "a remark".to_owned())]);
    }
}

#[test]
fn what_is_unchanged_is_not_handed_over() {
    let host = Host::new().config(json!({ "channels": 3, "unchanged": true })).install();
    let refreshed = host.refresh::<Counted>().unwrap();
    assert!(refreshed.summary.unchanged && refreshed.batches.is_empty());
}

/// Reads lines: `+id` declares a channel, anything else is the channel of a programme.
struct Choosy;

impl Epg for Choosy {
    fn load() -> Result<Self> {
        Ok(Self)
    }

    fn run(&self, input: &mut ByteSource<'_>, out: &mut Guide<'_>) -> Result<Summary> {
        for (start, line) in input.lines().enumerate() {
            let line = line?;
            match line.strip_prefix('+') {
                Some(id) => {
                    let names = vec![Text::new("A name")];
                    out.channel(GuideChannel { id: id.to_owned(), names, icons: Vec::new(), attrs: Vec::new() })?;
                }
                None if out.wanted(&line)? => out.programme(Programme::new(line, start as u64, "A title"))?,
                None => {}
            }
        }
        Ok(Summary::changed())
    }
}

#[test]
fn an_importer_asks_once_which_channels_are_wanted_and_again_when_one_is_pushed() {
    let host = Host::new().unwanted("b").install();
    let imported = host.import::<Choosy>("+a\n+b\na\nb\nc\na\nb\n+b\nb\n").unwrap();
    let kept: Vec<_> = imported.programmes.iter().map(|programme| programme.channel.as_str()).collect();
    assert_eq!(kept, ["a", "c", "a"]);
    assert_eq!(imported.asked, ["a", "b", "c", "b"]);
    // Pushed behind its programmes: wanted until then.
    let imported = host.import::<Choosy>("b\n+b\nb\n").unwrap();
    assert_eq!((imported.programmes.len(), imported.programmes[0].start), (1, 0));
}

#[test]
fn settings_of_another_shape_are_the_operators_to_mend() {
    let host = Host::new().config(json!({ "channels": "three" })).install();
    let error = host.refresh::<Counted>().unwrap_err();
    assert_eq!(error.code, Code::Config);
    assert!(error.message.starts_with("[config]: "), "{error}");
}

#[test]
fn bytes_come_whole_whatever_the_pieces() {
    for chunk in [1, 2, 7, 100_000] {
        let host = Host::new().chunk(chunk).file("/f", "one\ntwo\nthree").install();
        let lines: Vec<_> = files::open("/f").unwrap().lines().map(|line| line.unwrap()).collect();
        assert_eq!(lines, ["one", "two", "three"]);
        assert_eq!(files::open("/f").unwrap().read_all(13).unwrap(), b"one\ntwo\nthree");
        assert_eq!(files::open("/f").unwrap().read_all(12).unwrap_err().code, Code::Limit);
        drop(host);
    }
}

#[test]
fn an_early_end_is_an_error_behind_everything_that_arrived() {
    let _host = Host::new().http("http://a.example/", Answer::ok("half").ends_early()).install();
    let mut body = http::get("http://a.example/").unwrap().body().unwrap();
    let mut arrived = Vec::new();
    let error = Error::from(body.read_to_end(&mut arrived).unwrap_err());
    assert_eq!((arrived.as_slice(), error.code), (&b"half"[..], Code::Unavailable));
}

#[test]
fn the_rest_of_the_host() {
    let host = Host::new()
        .now(1_700_000_000)
        .secret("PASSWORD", "hunter2")
        .kv("old", "1")
        .line("anna", "x", Line::new("anna").channel(7, "Seven", "News"))
        .device("00:1a:79:00:00:01", Line::new("box"))
        .install();
    assert_eq!(clock::now(), 1_700_000_000);
    assert_eq!(secrets::get("PASSWORD").unwrap(), "hunter2");
    assert_eq!(secrets::get("OTHER").unwrap_err().code, Code::NotGranted);
    kv::set("new", b"2").unwrap();
    kv::delete("old").unwrap();
    assert_eq!((kv::get("old").unwrap(), kv::keys("n", None, 9).unwrap()), (None, vec!["new".to_owned()]));
    assert_eq!(host.kv("new").unwrap(), b"2");
    mast_sdk::warn!("{} of {}", 1, 2);
    assert_eq!(host.log(), [(Level::Warn, "1 of 2".to_owned())]);
    assert_eq!(output::authenticate("anna", "wrong").err().as_deref(), Some("credentials"));
    let line = output::authenticate("anna", "x").unwrap();
    assert_eq!(line.playback(7, "hls").unwrap(), "http://tv.example:8080/live/anna/PASSWORD/7.m3u8");
    assert_eq!(line.playback(8, "hls").unwrap_err().code, Code::NotFound);
    let lineup: Vec<_> = line.lineup(&Filter::playable("live", "mpegts")).flatten().collect();
    assert_eq!((lineup.len(), lineup[0].number, lineup[0].playback.ends_with("/7.ts")), (1, 1, true));
    assert_eq!(output::by_device("00:1A:79:00:00:01").unwrap().info().username, "box");
}

struct Late;

impl Output for Late {
    fn load() -> Result<Self> {
        Ok(Self)
    }

    fn routes(&self) -> Vec<Route> {
        vec![Route::get("late", "/late", "public")]
    }

    fn handle(&self, request: &Request, _: Option<&output::Line<'_>>, response: &mut Response<'_>) -> Result<()> {
        if request.query("start").is_some() {
            response.start(200, &[("content-type", "text/plain")])?;
        }
        response.write(b"body")
    }
}

#[test]
fn a_body_needs_a_head() {
    let host = Host::new().install();
    let reply = host.handle::<Late>(&Request::test("late", "/late", &[("start", "1")]), None).unwrap();
    assert_eq!(
        (reply.status, reply.text().as_str(), reply.header("content-type")),
        (Some(200), "body", Some("text/plain"))
    );
    assert!(host.handle::<Late>(&Request::test("late", "/late", &[]), None).is_err());
}
