//! Guides: bad days of their providers, of the disk and of the host, and what is on all the same.

mod apis;
mod links;
mod served;
mod server;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mast_tests::{Instance, TestHost, client, eventually};
use mast_upstream::{Text, Upstream};
use serde_json::Value;

use crate::hostile::plugin;
use crate::machine_faults::on_a_disk_of_its_own;
use server::{FileServer, Manner};

const KEY: &str = "Authorization";

/// A host with channels `one` and `two`, whose guide ids these are.
struct Office {
    host: TestHost,
    _upstream: Upstream,
    key: String,
    component: PathBuf,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A guide of half-hour programmes, beginning an hour ago; `count` for each channel. Titles are `{version} {channel} {number}`.
fn guide(version: &str, channels: &[&str], count: u64) -> String {
    let begin = now() / 1800 * 1800 - 3600;
    let lines = channels.iter().flat_map(|channel| {
        (0..count).map(move |number| {
            let start = begin + number * 1800;
            format!("{channel}|{start}|{}|{version} {channel} {number}\n", start + 1800)
        })
    });
    lines.collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut child = std::process::Command::new("gzip")
        .args(["-9", "-c"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let packed = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    packed
}

impl Office {
    async fn prepare(settings: &str) -> Self {
        Self::with_channels(settings, &["tvg-id=\"one\",one", "tvg-id=\"two\",two"]).await
    }

    /// Channels as `attributes,name` of an M3U.
    async fn with_channels(settings: &str, channels: &[&str]) -> Self {
        let component = plugin("examples/plugins/minimal-guide");
        let upstream = Upstream::start([]).await.unwrap();
        let entry =
            |(number, channel)| format!("#EXTINF:-1 {channel}\n{}\n", upstream.url(&format!("channel{number}")));
        let list: String = channels.iter().enumerate().map(entry).collect();
        upstream.set_text("/list.m3u", Text::m3u(format!("#EXTM3U\n{list}")));
        let host = TestHost::prepare(settings, &[Instance::m3u_source("provider", &upstream, "/list.m3u")]);
        let added =
            host.mast(&["operator", "add", "--username", "olga", "--password", "long enough 1", "--role", "owner"]);
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let made = host.mast(&["apikey", "create", "--operator", "olga", "--json"]);
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let key = made["key"].as_str().unwrap_or_else(|| panic!("a key in {made}")).to_owned();
        Self { host, _upstream: upstream, key, component }
    }

    async fn start(server: &FileServer) -> Self {
        let mut office = Self::prepare("").await;
        office.host.write_instance(&office.downloads(server));
        office.host.run();
        office
    }

    /// An instance that downloads a guide.
    fn downloads(&self, server: &FileServer) -> Instance {
        let (url, origin, path) = (server.url(), server.origin(), self.component.display());
        Instance::new(
            "guide",
            format!(
                "kind = \"epg\"\npath = \"{path}\"\n[config]\nurl = \"{url}\"\n[grant]\nhttp = [\"{origin}\"]\n\
                 net_allow_private = [\"127.0.0.0/8\"]\n"
            ),
        )
    }

    async fn ask(&self, method: reqwest::Method, path: &str) -> (u16, Value) {
        self.send(method, path, String::new()).await
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: String) -> (u16, Value) {
        let kind = if body.starts_with('{') { "application/json" } else { "text/csv" };
        let request = client().request(method, self.host.url(path)).header(KEY, format!("Bearer {}", self.key));
        let answer = request.header("content-type", kind).body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(reqwest::Method::GET, path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, action: &str) {
        let (status, body) = self.ask(reqwest::Method::POST, &format!("/api/v1/guides/guide/{action}")).await;
        assert_eq!(status, 202, "{action}: {body}");
    }

    /// Titles of what is on, by channel, in the order of their ids.
    async fn on_now(&self) -> Vec<String> {
        let page = self.get("/api/v1/guide/now").await;
        let title = |item: &Value| item["now"]["title"].as_str().unwrap_or_default().to_owned();
        page["items"].as_array().unwrap().iter().map(title).collect()
    }

    /// Waits until programmes of a version are on.
    async fn shows(&self, version: &str) {
        eventually(&format!("{version} is on"), async || {
            let titles = self.on_now().await;
            (titles.len() == 2 && titles.iter().all(|title| title.starts_with(version))).then_some(())
        })
        .await;
    }

    async fn status(&self) -> Value {
        self.get("/api/v1/guides/guide").await
    }

    /// Has the guide imported, and waits for a log line.
    async fn refresh_until(&self, texts: &[&str]) {
        let seen = self.host.log_length();
        self.post("refresh").await;
        self.host.wait_for_log_after(seen, texts);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guide_is_imported_and_read() {
    let server = FileServer::start(gzip(guide("first", &["one", "two", "three"], 100).as_bytes())).await;
    let mut office = Office::start(&server).await;
    office.shows("first").await;
    let status = office.status().await;
    // Nobody wants the third channel.
    assert_eq!((&status["programmes"], &status["state"]), (&200.into(), &"waiting".into()), "{status}");

    office.refresh_until(&["guide unchanged"]).await;
    let requests = server.requests();
    assert_eq!(requests.last().map(|last| last.status), Some(304), "{requests:?}");
    assert_eq!(requests.last().unwrap().if_none_match.as_deref(), Some("\"v1\""));

    let page = office.get("/api/v1/guide/now?lang=en").await;
    let id = page["items"][0]["channel"].as_u64().unwrap();
    let next: Vec<&str> =
        page["items"][0]["next"].as_array().unwrap().iter().filter_map(|one| one["title"].as_str()).collect();
    assert_eq!(next, ["first one 3", "first one 4", "first one 5", "first one 6"]);
    let some = office.get(&format!("/api/v1/guide/now?channels={id},999999")).await;
    assert_eq!(some["items"][0], page["items"][0]);
    assert_eq!(some["items"][1], serde_json::json!({ "channel": 999_999, "now": null, "next": [] }));
    let channel = office.get(&format!("/api/v1/guide/channels/{id}")).await;
    assert_eq!((&channel["links"][0]["guide_channel"], &channel["links"][0]["why"]), (&"one".into(), &"id".into()));
    let count = channel["programmes"].as_array().unwrap().len();
    assert!((48..=49).contains(&count), "a day, and what is on: {count}");
    let grid = office.get("/api/v1/guide/grid?limit=1").await;
    let count = grid["items"][0]["programmes"].as_array().unwrap().len();
    assert!((12..=13).contains(&count), "six hours, and what is on: {count}");
    let second = office.get(&format!("/api/v1/guide/grid?limit=1&cursor={}", grid["next"].as_str().unwrap())).await;
    assert_eq!((&second["items"][0]["programmes"][0]["title"], &second["next"]), (&"first two 2".into(), &Value::Null));
    assert_eq!(office.ask(reqwest::Method::GET, "/api/v1/guide/channels/999999").await.0, 404);
    assert_eq!(office.ask(reqwest::Method::POST, "/api/v1/guides/other/refresh").await.0, 404);
    let metrics = mast_tests::get_ok(&office.host.url("/metrics")).await;
    assert!(metrics.contains("mast_guide_programmes{guide=\"guide\"} 200"), "{metrics}");
    let list = office.host.mast(&["guide", "list"]);
    assert!(String::from_utf8_lossy(&list.stdout).contains("waiting"), "{list:?}");

    // What is there is there again after a restart, without a request, and gone with the instance.
    let asked = server.requests().len();
    assert!(office.host.stop().success());
    office.host.run();
    office.shows("first").await;
    assert_eq!(office.status().await["programmes"], 200);
    assert_eq!(server.requests().len(), asked);
    office.host.remove_instance("guide");
    office.host.wait_for_log(&["the instance is gone, and its guide with it"]);
    eventually("no guide", async || office.on_now().await.is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_days_keep_the_last_good_guide_and_say_so() {
    let channels = ["one", "two"];
    let server = FileServer::start(guide("first", &channels, 500)).await;
    let office = Office::start(&server).await;
    office.shows("first").await;
    let bomb = gzip(&vec![b' '; 256 << 20]);
    let large = gzip(guide("second", &channels, 500).as_bytes());
    let days: [(&str, Vec<u8>, &str, bool); 6] = [
        ("HTML", b"<!DOCTYPE html><html>We will be right back</html>".to_vec(), "is an HTML page", false),
        ("nothing", Vec::new(), "is empty", false),
        ("no programmes", b"not a programme\n".to_vec(), "no programme", false),
        ("a bomb", bomb, "times its size", false),
        ("cut", large[..large.len() / 2].to_vec(), "damaged or cut off", false),
        ("few", guide("second", &channels, 40).into_bytes(), "a loss of more than 90 %", true),
    ];
    for (what, body, why, refused) in days {
        server.set(body);
        office.refresh_until(&["ERROR", "the last good guide stays", why]).await;
        let status = office.status().await;
        assert!(status["error"].as_str().unwrap_or_default().contains(why), "{what}: {status}");
        assert_eq!((&status["refused"], &status["programmes"]), (&refused.into(), &1000.into()), "{what}");
        office.shows("first").await;
    }
    server.behave(Manner::Status(503));
    office.refresh_until(&["ERROR", "answered 503"]).await;
    office.shows("first").await;
    server.behave(Manner::Well);
    office.post("accept").await;
    office.shows("second").await;
    let status = office.status().await;
    assert_eq!(
        (&status["programmes"], &status["error"], &status["refused"]),
        (&80.into(), &Value::Null, &false.into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_goes_on_where_it_broke_off() {
    let server = FileServer::start(guide("first", &["one", "two"], 2000)).await;
    server.behave(Manner::BreaksOnce(40_000));
    let office = Office::start(&server).await;
    office.shows("first").await;
    let requests = server.requests();
    assert_eq!(requests.iter().map(|asked| asked.status).collect::<Vec<_>>(), [200, 206], "{requests:?}");
    assert_eq!(requests[1].if_range.as_deref(), Some("\"v1\""));
    let from: usize =
        requests[1].range.as_ref().unwrap().trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
    assert!((1..=40_000).contains(&from), "{from}");
    assert_eq!(office.status().await["warning_count"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_can_be_watched_and_cancelled() {
    let server = FileServer::start(guide("first", &["one", "two"], 500)).await;
    let office = Office::start(&server).await;
    office.shows("first").await;
    server.set(guide("second", &["one", "two"], 500));
    server.behave(Manner::Crawls);
    office.post("refresh").await;
    let status = eventually("a download under way", async || {
        let status = office.status().await;
        (status["state"] == "fetching" && status["progress"]["bytes"].as_u64() > Some(2)).then_some(status)
    })
    .await;
    assert!(status["progress"]["bytes_total"].as_u64() > Some(10_000), "{status}");
    assert!(status["progress"]["remaining_seconds"].as_f64() > Some(10.0), "{status}");
    office.shows("first").await;
    let cancelled = office.host.mast(&["guide", "cancel", "--name", "guide"]);
    assert!(cancelled.status.success(), "{cancelled:?}");
    office.host.wait_for_log(&["the import was cancelled"]);
    server.behave(Manner::Well);
    office.post("refresh").await;
    office.shows("second").await;
}

/// However long an import takes, whoever asks gets an answer, of the old guide or of the new one, never of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_are_answered_while_an_import_runs() {
    const PROGRAMMES: u64 = 500_000;
    let server = FileServer::start(guide("first", &["one", "two"], 500)).await;
    let office = Office::start(&server).await;
    office.shows("first").await;
    server.set(guide("second", &["one", "two"], PROGRAMMES));
    office.post("refresh").await;
    let mut during = 0;
    eventually("the second guide is on", async || {
        let state = office.status().await["state"].clone();
        let importing = state == "reading" || state == "storing";
        let titles = office.on_now().await;
        let of = |version: &str| titles.len() == 2 && titles.iter().all(|title| title.starts_with(version));
        assert!(of("first") || of("second"), "{titles:?}");
        during += u32::from(importing && of("first"));
        of("second").then_some(())
    })
    .await;
    assert!(during >= 1, "nobody was answered while the import ran");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_watched() {
    let mut office = Office::prepare("").await;
    let folder = office.host.folder().join("guides");
    std::fs::create_dir(&folder).unwrap();
    let write = |name: &str, text: String| {
        std::fs::write(folder.join(".draft"), text).unwrap();
        std::fs::rename(folder.join(".draft"), folder.join(name)).unwrap();
    };
    write("a.txt", guide("first", &["one"], 100));
    std::fs::write(folder.join("b.txt.gz"), gzip(guide("first", &["two"], 100).as_bytes())).unwrap();
    let (path, folder_text) = (office.component.display().to_string(), folder.display().to_string());
    let text = format!("kind = \"epg\"\npath = \"{path}\"\n[config]\npath = \"{folder_text}/*.txt*\"\n");
    office.host.write_instance(&Instance::new("guide", text.clone()));
    office.host.run();
    office.host.wait_for_log(&["ERROR", "is not granted", "[grant]"]);
    office.host.write_instance(&Instance::new("guide", format!("{text}[grant]\nfiles = [\"{folder_text}\"]\n")));
    office.shows("first").await;
    office.refresh_until(&["guide unchanged"]).await;
    std::fs::write(folder.join("b.txt.gz"), gzip(guide("second", &["two"], 100).as_bytes())).unwrap();
    write("a.txt", guide("second", &["one"], 100));
    office.shows("second").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_leaves_the_guide_as_it_was() {
    let server = FileServer::start(guide("first", &["one", "two"], 900)).await;
    let mut office = Office::start(&server).await;
    office.shows("first").await;
    assert!(office.host.stop().success());
    let disk = on_a_disk_of_its_own(&mut office.host);
    office.host.run();
    office.shows("first").await;
    let filler = disk(&office.host).join("filler");
    let mut full = std::fs::File::create(&filler).unwrap();
    let error = std::io::copy(&mut std::io::repeat(7), &mut full).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{error}");
    server.set(guide("second", &["one", "two"], 900));
    office.refresh_until(&["ERROR", "the last good guide stays"]).await;
    let status = office.status().await;
    let error = status["error"].as_str().unwrap_or_default();
    assert!(error.contains("disk is full") || error.contains("could not be stored"), "{status}");
    office.shows("first").await;
    std::fs::remove_file(&filler).unwrap();
    drop(full);
    office.post("refresh").await;
    office.shows("second").await;
    let spool = disk(&office.host).join("guide-spool");
    assert_eq!(std::fs::read_dir(spool).map_or(0, Iterator::count), 0, "nothing is left of downloads");
}

/// Whenever the host is killed, the guide is the old one or the new one, whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_of_an_import() {
    let channels = ["one", "two"];
    let count = 1000;
    let server = FileServer::start(guide("v0", &channels, count)).await;
    let mut office = Office::start(&server).await;
    office.shows("v0").await;
    let mut before = "v0".to_owned();
    for round in 1..=6_u64 {
        let version = format!("v{round}");
        server.set(guide(&version, &channels, count));
        let asked = server.requests().len();
        office.post("refresh").await;
        eventually("the download", async || (server.requests().len() > asked).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(round * round * 12)).await;
        office.host.kill();
        // Not to be asked again by a host that starts: what is there is looked at.
        server.behave(Manner::Status(503));
        office.host.run();
        let titles = eventually("both channels", async || {
            let titles = office.on_now().await;
            (titles.len() == 2).then_some(titles)
        })
        .await;
        let found = titles[0].split(' ').next().unwrap().to_owned();
        assert!(titles.iter().all(|title| title.starts_with(&format!("{found} "))), "a mix: {titles:?}");
        assert!(found == before || found == version, "{found} is neither {before} nor {version}");
        let status = office.status().await;
        assert_eq!(status["programmes"], 2 * count, "{status}");
        before = found;
        server.behave(Manner::Well);
    }
    office.post("refresh").await;
    office.shows("v6").await;
}
