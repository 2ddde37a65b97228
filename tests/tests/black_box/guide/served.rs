//! The guide as players get it: made and packed once for everybody, and of each line's channels only.

use std::io::Write;
use std::process::{Command, Stdio};

use mast_tests::clients::{guide_complaints, npm_guides, python_xmltv};
use mast_tests::readings::Readings;
use mast_tests::{Instance, LineAccount, TestHost, client, eventually};
use mast_upstream::{GuideSpec, Text, Upstream};
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, VARY,
};
use reqwest::{Method, Response};
use tokio::task::JoinSet;

use super::now;

const DAY: u64 = 86_400;
const MADE: &str = "mast_output_fragments_made_total";

/// A host with the sources `near` and `far`, a guide of each, and bouquets `near` and `all`.
struct Station {
    host: TestHost,
    _upstream: Upstream,
}

/// Programmes from yesterday on.
fn spec(channels: u32) -> GuideSpec {
    GuideSpec { channels, days: 9, start: now() / DAY * DAY - DAY, ..GuideSpec::default() }
}

/// The same channel in the guide called so.
fn id(spec: &GuideSpec, name: &str, number: u32) -> String {
    spec.channel(number).replace("guide.example", &format!("{name}.example"))
}

impl Station {
    async fn start(near: &GuideSpec, far: &GuideSpec) -> Self {
        let upstream = Upstream::start([]).await.unwrap();
        let settings = "[bouquet.near]\nsources = [\"near\"]\n[bouquet.all]\nsources = [\"near\", \"far\"]\n";
        let mut host = TestHost::prepare(settings, &[]);
        host.write_instance(&Instance::new(
            "xmltv",
            "kind = \"output\"\nplugin = \"output-xmltv\"\n[limits]\nresponse = \"1MiB\"\n",
        ));
        for (name, spec) in [("near", near), ("far", far)] {
            let channel = |number| {
                let (id, title) = (id(spec, name, number), spec.name(number));
                format!("#EXTINF:-1 tvg-id=\"{id}\",{name} {title}\n{}\n", upstream.url(&format!("{name}{number}")))
            };
            let list: String = (0..spec.channels).map(channel).collect();
            upstream.set_text(&format!("/{name}.m3u"), Text::m3u(format!("#EXTM3U\n{list}")));
            host.write_instance(&Instance::m3u_source(name, &upstream, &format!("/{name}.m3u")));
            let station = Self::guide(&host, name, spec);
            host.write_instance(&Instance::new(
                &format!("guide-{name}"),
                format!(
                    "kind = \"epg\"\nplugin = \"epg-xmltv\"\n[config]\npath = \"{station}\"\n[grant]\nfiles = [\"{station}\"]\n"
                ),
            ));
        }
        host.run();
        Self { host, _upstream: upstream }
    }

    /// Writes a guide's file; it is watched.
    fn guide(host: &TestHost, name: &str, spec: &GuideSpec) -> String {
        let mut text = Vec::new();
        spec.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap().replace("guide.example", &format!("{name}.example"));
        let (draft, file) = (host.folder().join(format!(".{name}")), host.folder().join(format!("{name}.xml")));
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(&draft, &file).unwrap();
        file.display().to_string()
    }

    fn line(&self, username: &str, bouquet: &str) -> LineAccount {
        self.host.add_line(username, &["--bouquet", bouquet])
    }

    fn url(&self, line: &LineAccount, query: &str) -> String {
        self.host.url(&format!("/xmltv.php?username={}&password={}{query}", line.username, line.password))
    }

    /// Waits until a line has a programme of each of these channels, without asking for the guide that the test is about.
    async fn knows(&self, line: &LineAccount, channels: &[String]) {
        eventually("a guide of all channels", async || {
            let text = ask(&self.url(line, "&days=0&past=0"), &[]).await.text().await.unwrap();
            channels.iter().all(|id| text.contains(&format!("channel=\"{id}\"><title"))).then_some(())
        })
        .await;
    }

    async fn made(&self) -> u64 {
        Readings::of(&self.host).await.sum(MADE, "")
    }
}

async fn send(method: Method, url: &str, fields: &[(reqwest::header::HeaderName, &str)]) -> Response {
    let mut request = client().request(method, url);
    for (name, value) in fields {
        request = request.header(name, *value);
    }
    request.send().await.unwrap()
}

async fn ask(url: &str, fields: &[(reqwest::header::HeaderName, &str)]) -> Response {
    send(Method::GET, url, fields).await
}

fn field(response: &Response, name: &reqwest::header::HeaderName) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// What a program that must succeed makes of its standard input.
fn piped(program: &str, arguments: &[&str], input: Vec<u8>) -> Vec<u8> {
    let mut command = Command::new(program);
    let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{program}");
    output.stdout
}

/// Unpacks one gzip member, behind which is nothing.
fn unpacked(bytes: &[u8]) -> String {
    const ONE_MEMBER: &str = "import sys, zlib, gzip\nraw = sys.stdin.buffer.read()\none = zlib.decompressobj(31)\n\
        text = one.decompress(raw) + one.flush()\nassert one.eof and not one.unused_data\nassert gzip.decompress(raw) == text\n\
        sys.stdout.buffer.write(text)";
    piped("gzip", &["-t"], bytes.to_vec());
    String::from_utf8(piped("python3", &["-c", ONE_MEMBER], bytes.to_vec())).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_gets_its_own_channels_from_what_all_share() {
    let (near, far) = (spec(6), spec(4));
    let station = Station::start(&near, &far).await;
    let (anna, ben) = (station.line("anna", "all"), station.line("ben", "near"));
    let of = |spec: &GuideSpec, name: &str| (0..spec.channels).map(|n| id(spec, name, n)).collect::<Vec<_>>();
    station.knows(&anna, &[of(&near, "near"), of(&far, "far")].concat()).await;
    let (url, before) = (station.url(&anna, ""), station.made().await);

    // As it is, in gzip, and as a packed file: the same.
    let plain = ask(&url, &[]).await;
    let packed = ask(&url, &[(ACCEPT_ENCODING, "br;q=1.0, gzip")]).await;
    let file = ask(&station.host.url(&format!("/epg/{}.xml.gz", anna.token)), &[(ACCEPT_ENCODING, "gzip")]).await;
    let of_kind = |response: &Response| [CONTENT_TYPE, CONTENT_ENCODING, VARY].map(|name| field(response, &name));
    let xml = "application/xml; charset=utf-8";
    assert_eq!(of_kind(&plain), [xml, "", "accept-encoding"]);
    assert_eq!(of_kind(&packed), [xml, "gzip", "accept-encoding"]);
    assert_eq!(of_kind(&file), ["application/gzip", "", ""]);
    let (tag, packed_tag, since) = (field(&plain, &ETAG), field(&packed, &ETAG), field(&plain, &LAST_MODIFIED));
    assert!(!tag.is_empty() && tag != packed_tag && since.ends_with(" GMT"), "{tag} {packed_tag} {since}");
    for (response, coding) in [(&plain, "identity"), (&packed, "gzip")] {
        let head = send(Method::HEAD, &url, &[(ACCEPT_ENCODING, coding)]).await;
        for name in [CONTENT_LENGTH, ETAG, CONTENT_ENCODING, LAST_MODIFIED] {
            assert_eq!(field(&head, &name), field(response, &name), "{coding} {name}");
        }
        assert!(field(&head, &CONTENT_LENGTH).parse::<u64>().unwrap() > 1_000);
    }
    let text = plain.text().await.unwrap();
    let packed = packed.bytes().await.unwrap();
    assert!(packed.len() * 3 < text.len(), "{} of {}", packed.len(), text.len());
    assert!(unpacked(&packed) == text && unpacked(&file.bytes().await.unwrap()) == text);
    assert_eq!(text.matches("<channel ").count(), 10);
    assert_eq!(station.made().await - before, 10, "each channel is made once, whoever asks for which form");

    // Who has it is told so.
    for (name, value, status) in [
        (IF_NONE_MATCH, tag.as_str(), 304),
        (IF_NONE_MATCH, &packed_tag, 304),
        (IF_NONE_MATCH, "\"other\"", 200),
        (IF_MODIFIED_SINCE, &since, 304),
        (IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT", 200),
    ] {
        assert_eq!(ask(&url, &[(name.clone(), value)]).await.status(), status, "{name}: {value}");
    }
    assert_eq!(ask(&url, &[(IF_NONE_MATCH, "\"other\""), (IF_MODIFIED_SINCE, &since)]).await.status(), 200);

    // Another line has the parts that it may see, and no others.
    let bens = ask(&station.url(&ben, ""), &[]).await.text().await.unwrap();
    assert!(!bens.contains("far.example") && bens.matches("<channel ").count() == 6);
    let near_only = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| line.starts_with("<programme ") && line.contains("near.example"))
            .map(str::to_owned)
            .collect()
    };
    assert!(near_only(&bens) == near_only(&text) && bens.matches("<programme ").count() == near_only(&bens).len());
    assert_eq!(station.made().await - before, 10);

    // One guide changes: the channels of the other stay.
    Station::guide(&station.host, "far", &GuideSpec { seed: 2, ..far });
    let changed = eventually("the changed guide", async || {
        let response = ask(&url, &[(IF_NONE_MATCH, &tag)]).await;
        (response.status() == 200).then_some(response)
    })
    .await;
    assert_ne!(field(&changed, &ETAG), tag);
    let changed = changed.text().await.unwrap();
    assert!(near_only(&changed) == near_only(&text) && changed != text);
    assert_eq!(station.made().await - before, 14);
    assert_eq!(ask(&url, &[(IF_MODIFIED_SINCE, &since)]).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_viewers_of_a_large_guide_share_it() {
    const VIEWERS: u64 = 10;
    let near = spec(110);
    let station = Station::start(&near, &spec(1)).await;
    let lines: Vec<_> = (0..VIEWERS).map(|number| station.line(&format!("line{number}"), "near")).collect();
    let all: Vec<_> = (0..near.channels).map(|number| id(&near, "near", number)).collect();
    station.knows(&lines[0], &all).await;
    let before = Readings::of(&station.host).await;
    let mut viewers = JoinSet::new();
    for (number, line) in lines.iter().enumerate() {
        let (url, coding) = (station.url(line, ""), if number % 2 == 0 { "identity" } else { "gzip" });
        viewers.spawn(async move {
            let mut response = ask(&url, &[(ACCEPT_ENCODING, coding)]).await;
            assert_eq!(
                (response.status().as_u16(), field(&response, &CONTENT_ENCODING) == "gzip"),
                (200, coding == "gzip")
            );
            let told: u64 = field(&response, &CONTENT_LENGTH).parse().unwrap();
            let mut length = 0;
            while let Some(piece) = response.chunk().await.unwrap() {
                length += piece.len() as u64;
            }
            assert_eq!(length, told);
            length
        });
    }
    let (mut peak, mut size) = (0, 0);
    while !viewers.is_empty() {
        peak = peak.max(Readings::of(&station.host).await.memory());
        while let Some(viewer) = viewers.try_join_next() {
            size = size.max(viewer.unwrap());
        }
    }
    assert!(size > 15 << 20, "far above [limits] response: {size}");
    let grown = peak.saturating_sub(before.memory());
    assert!(grown < VIEWERS * (size >> 20) / 3, "{grown} MiB for {VIEWERS} viewers of {} MiB", size >> 20);
    assert_eq!(station.made().await - before.sum(MADE, ""), u64::from(near.channels), "they make it together");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guide_readers_and_validators_take_it() {
    let near = GuideSpec { languages: 3, ..spec(3) };
    let station = Station::start(&near, &spec(1)).await;
    let anna = station.line("anna", "near");
    station.knows(&anna, &[id(&near, "near", 2)]).await;
    let text = ask(&station.url(&anna, ""), &[]).await.text().await.unwrap();
    assert_eq!(guide_complaints(&text), "");
    let programmes = text.matches("<programme ").count();
    assert!(programmes > 3 * 200, "{programmes}");
    let (read, strict) = (npm_guides(&text), python_xmltv(&text));
    for (channels, found, who) in [
        (&read["xmltv"]["channels"], &read["xmltv"]["programmes"], "@iptv/xmltv"),
        (&read["epg-parser"]["channels"], &read["epg-parser"]["programs"], "epg-parser"),
        (&strict["channels"], &strict["programmes"], "py-xmltv"),
    ] {
        let (channels, found) = (channels.as_array().unwrap(), found.as_array().unwrap());
        assert_eq!((channels.len(), found.len()), (3, programmes), "{who}");
        assert_eq!(
            (&channels[1]["id"], &found[0]["channel"]),
            (&"ch2.near.example".into(), &"ch1.near.example".into())
        );
    }
    let first = near.programme(0, 0);
    let begin = &strict["programmes"][0];
    assert_eq!(
        (&begin["title"], &begin["categories"][0]),
        (&first.titles[0].1.as_str().into(), &first.categories[0].into())
    );
}
