//! Channels of the operator's own, made of files along a schedule.

use mast_tests::probe::play;
use mast_tests::{HlsPlayer, Instance, TestHost};
use mast_upstream::{Clip, Upstream};

use crate::scene::Scene;

const SETTINGS: &str = r#"
[tuner]
idle_timeout = "1s"
[hls]
segment_duration = "1s"
[playout.evening]
name = "Our evening"
number = 900
category = "Local"
timezone = "Europe/Vienna"
filler = "filler.ts"
[[playout.evening.entries]]
file = "first.ts"
duration = "5s"
[[playout.evening.entries]]
file = "second.ts"
duration = "5s"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_playout_is_checked_and_plays_like_any_channel() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([]).await.unwrap();
    let mut host = TestHost::prepare(SETTINGS, &[Instance::m3u_output("m3u")]);
    let file = |host: &TestHost, name: &str| std::fs::write(host.folder().join(name), clip.bytes()).unwrap();
    file(&host, "first.ts");
    file(&host, "filler.ts");
    let said = |host: &TestHost| {
        let checked = host.mast(&["check"]);
        (checked.status.success(), String::from_utf8_lossy(&checked.stdout).into_owned())
    };
    let (is_fine, text) = said(&host);
    assert!(!is_fine && text.contains("playout.evening.entries[1].file") && text.contains("1 problem"), "{text}");
    file(&host, "second.ts");
    let (is_fine, text) = said(&host);
    assert!(is_fine, "{text}");

    host.run();
    let line = host.add_line("anna", &["--max-connections", "5"]);
    let scene = Scene { host, upstream, line };
    let id = scene.channels(1).await["Our evening"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    let playlist = player
        .media_when("one file after the other", |playlist| playlist.text.matches("#EXT-X-DISCONTINUITY\n").count() >= 2)
        .await;
    assert_eq!(playlist.text.matches("#EXT-X-PROGRAM-DATE-TIME:").count(), playlist.entries.len(), "{}", playlist.text);
    let played = play(&scene.live(id, "m3u8"), 3).await;
    assert!(played.frames > 40 && played.codecs == ["h264", "aac"], "{played:?}");
    // The id outlives the host.
    let mut scene = scene;
    scene.host.stop();
    scene.host.run();
    assert_eq!(scene.channels(1).await["Our evening"], id);
}
