//! What goes wrong with the machine below the host: its disk is full, its clock is set.

use std::path::PathBuf;
use std::time::Duration;

use mast_media::lint::Linter;
use mast_tests::{HlsPlayer, Instance, MediaText, TestHost, eventually, get, get_ok};
use mast_upstream::{Clip, Text, Upstream};

use crate::scene::{Scene, quick};

const SETTINGS: &str = r#"
[tuner]
idle_timeout = "1s"
stall_timeout = "5s"
backoff_min = "100ms"
backoff_max = "500ms"
[hls]
segment_duration = "1s"
"#;

/// An M3U of channels by name.
fn list(upstream: &Upstream, names: &[&str]) -> Text {
    let entries = names.iter().map(|name| format!("#EXTINF:-1,{name}\n{}\n", upstream.url(name)));
    Text::m3u(format!("#EXTM3U\n{}", entries.collect::<String>()))
}

/// Moves the data folder onto a disk of its own, which only the host sees, and tells where it is seen from outside.
pub(crate) fn on_a_disk_of_its_own(host: &mut TestHost) -> impl Fn(&TestHost) -> PathBuf + use<> {
    let data = host.folder().join("data");
    let seed = host.folder().join("seed");
    std::fs::rename(&data, &seed).unwrap();
    std::fs::create_dir(&data).unwrap();
    let script = "mount -t tmpfs -o size=64m,mode=700 tmpfs \"$0\" && cp -a \"$1/.\" \"$0\" && shift && exec \"$@\"";
    let paths = [&data, &seed].map(|path| path.to_str().unwrap().to_owned());
    let wrapper =
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, paths[0].as_str(), paths[1].as_str()];
    host.start_under(&wrapper, &[]);
    move |host| PathBuf::from(format!("/proc/{}/root{}", host.pid(), data.display()))
}

/// Delivery goes on, what cannot be stored is named, nothing is lost, and all is well again once there is space.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_nothing_that_plays() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start(["a", "b", "c"].map(|name| quick(name, &clip))).await.unwrap();
    upstream.set_text("/list.m3u", list(&upstream, &["a", "b"]));
    let instances = [Instance::m3u_source("provider", &upstream, "/list.m3u"), Instance::m3u_output("m3u")];
    // Once on the real disk, so that everything that is stored at the first start is there.
    let host = TestHost::start_with(SETTINGS, &instances);
    let line = host.add_line("anna", &["--max-connections", "20"]);
    let mut scene = Scene { host, upstream, line };
    let ids = scene.channels(2).await;
    assert!(scene.host.stop().success());
    let disk = on_a_disk_of_its_own(&mut scene.host);
    scene.host.run();
    let player = HlsPlayer::open(&scene.live(ids["a"], "m3u8")).await;
    let before = player.media_when("two segments", |playlist| playlist.entries.len() >= 2).await;

    let filler = disk(&scene.host).join("filler");
    let mut full = std::fs::File::create(&filler).unwrap();
    let error = std::io::copy(&mut std::io::repeat(7), &mut full).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{error}");
    let seen = scene.host.log_length();
    scene.upstream.set_text("/list.m3u", list(&scene.upstream, &["a", "b", "c"]));
    scene.host.wait_for_log_after(seen, &["ERROR", "could not be stored", "the last good lineup stays"]);
    // A channel that was never tuned needs numbers that are reserved durably: there is room for them in the file, or it is said.
    let (status, body) = get(&scene.live(ids["b"], "m3u8")).await;
    assert!(status == 200 || (status >= 500 && body.contains("sequence numbers")), "{status} {body}");
    let during = player.media_when("segments on the full disk", |playlist| playlist.end() >= before.end() + 3).await;
    assert!(!during.text.contains("#EXT-X-DISCONTINUITY\n"), "{}", during.text);
    assert_eq!(scene.channels(2).await, ids);

    std::fs::remove_file(&filler).unwrap();
    drop(full);
    let more = scene.channels(3).await;
    assert!(ids.iter().all(|(name, id)| more[name] == *id), "{more:?} after {ids:?}");
    eventually("the channel that could not start", async || {
        (get(&scene.live(ids["b"], "m3u8")).await.0 == 200).then_some(())
    })
    .await;
    HlsPlayer::open(&scene.live(more["c"], "m3u8")).await.segments(2).await;
}

/// faketime's library for programs with threads.
fn faketime() -> String {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let library = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    library.expect("`cargo xtask setup --tests` installs faketime").to_str().unwrap().to_owned()
}

/// The wall clock is set, by NTP or by hand: numbers do not go back, dates do not either, sessions and players go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_is_set_while_a_channel_plays() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([quick("a", &clip)]).await.unwrap();
    let instances = [Instance::m3u_source("provider", &upstream, "/playlist.m3u"), Instance::m3u_output("m3u")];
    let mut host = TestHost::prepare(SETTINGS, &instances);
    let clock = host.folder().join("clock");
    std::fs::write(&clock, "+0").unwrap();
    let (library, file) = (faketime(), clock.to_str().unwrap().to_owned());
    host.start_under(
        &[],
        &[
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
            ("FAKETIME_NO_CACHE", "1"),
            // The one that counts from the start of the machine cannot be set.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ],
    );
    host.run();
    let line = host.add_line("anna", &["--max-connections", "1"]);
    let scene = Scene { host, upstream, line };
    let id = scene.channels(1).await["a"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    let mut linter = Linter::default();
    let mut last = player.media_when("two segments", |playlist| playlist.entries.len() >= 2).await;
    linter.push(&last.text);
    for step in ["+3600", "-3600", "-90000", "+0"] {
        std::fs::write(&clock, step).unwrap();
        let now = player.media_when("segments", |playlist| playlist.end() >= last.end() + 2).await;
        linter.push(&now.text);
        assert!(now.media_sequence >= last.media_sequence, "{step}: {} after {}", now.text, last.text);
        assert!(!now.text.contains("#EXT-X-DISCONTINUITY\n"), "{step}: {}", now.text);
        last = now;
    }
    assert_eq!(linter.into_violations(), []);
    // One connection, one start: nobody was thrown out and nothing was tuned again.
    assert_eq!(scene.upstream.connections("a").total, 1);
    get_ok(&scene.host.url("/healthz")).await;
    tokio::time::timeout(Duration::from_secs(60), play_on(&player, &last)).await.expect("it plays on");
}

async fn play_on(player: &HlsPlayer, last: &MediaText) {
    player.media_when("two more", |playlist| playlist.end() >= last.end() + 2).await;
}
