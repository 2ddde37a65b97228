//! Lines that may watch some profiles only.

use std::time::Duration;

use mast_tests::player::read_bytes;
use mast_tests::{Instance, MediaText, TestHost, client, eventually, get, get_ok};
use mast_upstream::{Clip, Fault, Text, Upstream};
use serde_json::{Value, json};

use crate::admin::Office;
use crate::scene::{ids, quick};

const SETTINGS: &str = r#"
[tuner]
start_timeout = "30s"
backoff_min = "100ms"
backoff_max = "500ms"
stall_timeout = "5s"
[hls]
segment_duration = "1s"
[profile.small]
height = 180
bitrate = 300
gop = 1
preset = "ultrafast"
audio_bitrate = 64
[profile.tiny]
height = 90
bitrate = 100
gop = 1
preset = "ultrafast"
[ladder.adaptive]
variants = ["small", "tiny"]
audio_only = true
"#;

/// A host with `news` and `plain`, and somebody who may change lines.
struct House {
    office: Office,
    upstream: Upstream,
    key: String,
    news: u32,
    plain: u32,
}

impl House {
    async fn open(settings: &str, sources: impl FnOnce(&Upstream) -> Vec<Instance>) -> Self {
        let clip = Clip::standard().unwrap();
        let upstream = Upstream::start([quick("news", &clip), quick("plain", &clip)]).await.unwrap();
        let mut instances = sources(&upstream);
        instances.push(Instance::m3u_output("m3u"));
        let office = Office { host: TestHost::start_with(&format!("{SETTINGS}{settings}"), &instances) };
        office.operator("olga", "owner");
        let key = office.key("olga", &[]);
        let line = office.host.add_line("everything", &[]);
        let url = office.host.url(&format!("/get.php?username=everything&password={}&output=hls", line.password));
        let ids =
            eventually("both channels", async || Some(ids(&get(&url).await.1)).filter(|ids| ids.len() == 2)).await;
        Self { news: ids["news"], plain: ids["plain"], office, upstream, key }
    }

    async fn line(&self, name: &str, profiles: &[&str]) -> Value {
        let body = json!({ "username": name, "password": "secret", "max_connections": 9, "profiles": profiles });
        self.office.line(&self.key, body).await
    }

    async fn change(&self, line: &Value, profiles: &[&str]) {
        let path = format!("/api/v1/lines/{}", line["id"]);
        let said = self.office.ask("PATCH", &path).key(&self.key).json(&json!({ "profiles": profiles })).send().await;
        assert_eq!(said.status, 200, "{}", said.text);
    }

    fn url(&self, name: &str, file: &str) -> String {
        self.office.host.url(&format!("/live/{name}/secret/{file}"))
    }

    /// The multivariant playlist's entries, as URLs.
    async fn variants(&self, name: &str, channel: u32) -> Vec<String> {
        let text = get_ok(&self.url(name, &format!("{channel}.m3u8"))).await;
        text.lines().filter(|line| line.starts_with('/')).map(|path| self.office.host.url(path)).collect()
    }

    async fn refused(&self, name: &str, file: &str, words: &[&str]) {
        for method in [reqwest::Method::HEAD, reqwest::Method::GET] {
            let answer = client().request(method.clone(), self.url(name, file)).send().await.unwrap();
            let code = answer.headers().get("mast-error").map(|code| code.to_str().unwrap().to_owned());
            assert_eq!(
                (answer.status().as_u16(), code.as_deref()),
                (403, Some("profile-not-allowed")),
                "{name} {file}"
            );
            let text = answer.text().await.unwrap();
            assert!(method == "HEAD" || words.iter().all(|word| text.contains(word)), "{name} {file}: {text}");
        }
    }
}

fn status(url: &str) -> impl Future<Output = u16> {
    let asked = client().get(url).send();
    async { asked.await.unwrap().status().as_u16() }
}

/// The same file of another rung: `index-1.m3u8` and `1-7.ts` are of the one in place 1.
fn other(url: &str, rung: usize) -> String {
    let (folder, file) = url.rsplit_once('/').unwrap();
    let file = match file.strip_suffix(".ts") {
        Some(segment) => format!("{rung}-{}.ts", segment.rsplit('-').next().unwrap()).replace("0-", ""),
        None if rung == 0 => "index.m3u8".to_owned(),
        None => format!("index-{rung}.m3u8"),
    };
    format!("{folder}/{file}")
}

async fn newest(variant: &str) -> String {
    let text = eventually("a segment", async || {
        let (status, text) = get(variant).await;
        (status == 200 && !MediaText::parse(&text).entries.is_empty()).then_some(text)
    })
    .await;
    let entries = MediaText::parse(&text).entries;
    format!("{}/{}", variant.rsplit_once('/').unwrap().0, entries.last().unwrap().uri)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_sees_the_rungs_that_it_is_allowed() {
    let house = House::open("[channel.2]\nprofile = \"copy\"\n", |upstream| {
        let source = Instance::m3u_source("provider", upstream, "/playlist.m3u");
        vec![source.with("[upstream]\nprofile = \"adaptive\"\n")]
    })
    .await;
    let (news, plain) = (house.news, house.plain);
    let low = house.line("low", &["tiny", "gone"]).await;
    house.line("top", &["small"]).await;
    house.line("sound", &["audio_only"]).await;
    house.line("all", &[]).await;
    let copy = house.line("copy", &["copy"]).await;
    assert_eq!((news, plain), (1, 2));

    // Refused before anything is started.
    house.refused("copy", "1.m3u8", &["copy", "none of them"]).await;
    house.refused("copy", "1.ts", &["copy", "none of them"]).await;
    house.refused("low", "1.ts", &["tiny, gone", "leading", ".m3u8"]).await;
    house.refused("low", "2.m3u8", &["tiny, gone"]).await;
    house.refused("low", "2", &["tiny, gone"]).await;
    assert_eq!(["news", "plain"].map(|name| house.upstream.connections(name).total), [0, 0]);

    let multivariant = get_ok(&house.url("low", "1.m3u8")).await;
    assert!(multivariant.contains("x90") && !multivariant.contains("x180"), "{multivariant}");
    let [variant] = &house.variants("low", news).await[..] else { panic!("{multivariant}") };
    assert!(variant.ends_with("/index-1.m3u8"), "{variant}");
    let segment = newest(variant).await;
    assert_eq!(status(&segment).await, 200);
    // Others are like those that are not there; who may have all has them under the same names.
    let all = house.variants("all", news).await;
    assert_eq!(all.len(), 3);
    let there = newest(&all[1]).await;
    for rung in [0, 2] {
        assert_eq!((status(&other(variant, rung)).await, status(&other(&all[1], rung)).await), (404, 200), "{rung}");
        assert_eq!((status(&other(&segment, rung)).await, status(&other(&there, rung)).await), (404, 200), "{rung}");
    }
    assert_eq!(get(&other(variant, 0)).await, get(&other(variant, 7)).await);
    assert!(house.variants("sound", news).await[0].ends_with("/index-2.m3u8"));
    assert!(house.variants("top", news).await[0].ends_with("/index.m3u8"));
    let mut top = client().get(house.url("top", "1.ts")).send().await.unwrap();
    read_bytes(&mut top, 50_000).await;
    assert_eq!(house.variants("copy", plain).await.len(), 1);
    let mut continuous = client().get(house.url("copy", "2.ts")).send().await.unwrap();
    read_bytes(&mut continuous, 100_000).await;

    // What lives follows the line: a session goes on under what holds now, a socket ends.
    house.change(&low, &["small"]).await;
    house.change(&copy, &["tiny"]).await;
    eventually("the other rung", async || {
        ((status(variant).await, status(&other(variant, 0)).await) == (404, 200)).then_some(())
    })
    .await;
    let ended = async { while continuous.chunk().await.unwrap_or_default().is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the socket ends");
    house.refused("copy", "2.ts", &["tiny"]).await;
}

/// A backup of another profile is no way round: what it shows is not what the line may watch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_shows_no_other_profile() {
    // Which source is read first, and so whose channel has which id, is not known.
    let house = House::open("[channel.1]\nbackups = [2]\n[channel.2]\nbackups = [1]\n", |upstream| {
        let source = |name: &str, profile: &str| {
            let list = format!("#EXTM3U\n#EXTINF:-1,{name}\n{}\n", upstream.url(name));
            upstream.set_text(&format!("/{name}.m3u"), Text::m3u(list));
            let source = Instance::m3u_source(name, upstream, &format!("/{name}.m3u"));
            source.with(&format!("[upstream]\nprofile = \"{profile}\"\n"))
        };
        vec![source("news", "tiny"), source("plain", "copy")]
    })
    .await;
    let news = house.news;
    house.line("low", &["tiny"]).await;
    house.line("copy", &["copy"]).await;
    let variant = house.variants("low", news).await.remove(0);
    let mut continuous = client().get(house.url("low", &format!("{news}.ts"))).send().await.unwrap();
    read_bytes(&mut continuous, 20_000).await;
    // The backup might have played.
    let early = client().get(house.url("copy", &format!("{news}.m3u8"))).send().await.unwrap();
    assert_eq!(
        (early.status().as_u16(), &early.headers()["mast-error"]),
        (403, &"profile-not-allowed".parse().unwrap())
    );

    let before = newest(&variant).await;
    house.upstream.set_fault("news", Fault::Status(404));
    house.upstream.disconnect("news");
    eventually("the backup is not for this line", async || (status(&variant).await == 404).then_some(())).await;
    let ended = async { while continuous.chunk().await.unwrap_or_default().is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the socket ends");
    let copied = house.variants("copy", news).await.remove(0);
    let after = newest(&copied).await;
    let name = |url: &str| url.rsplit('/').next().unwrap().to_owned();
    let folder = |url: &str| url.rsplit_once('/').unwrap().0.to_owned();
    // Each segment is of the profile that it was made by, in whichever session.
    for (session, segment, expected) in
        [(&variant, &before, 200), (&variant, &after, 404), (&copied, &before, 404), (&copied, &after, 200)]
    {
        assert_eq!(status(&format!("{}/{}", folder(session), name(segment))).await, expected, "{segment}");
    }
}
