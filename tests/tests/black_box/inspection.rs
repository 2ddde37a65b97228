//! Channels whose upstream plays and shows nothing, with the real launcher and the real FFmpeg.

use std::sync::Arc;
use std::time::Duration;

use mast_tests::HlsPlayer;
use mast_upstream::{ChannelSpec, Clip};

use crate::scene::{Scene, quick};

/// The shortest interval that there is.
const SETTINGS: &str = r#"
[tuner]
idle_timeout = "1s"
stall_timeout = "5s"
backoff_min = "100ms"
backoff_max = "500ms"
inspect = ["black", "frozen"]
inspect_interval = "5s"
inspect_samples = 2
[hls]
segment_duration = "1s"
[channel.1]
backups = [3]
[channel.2]
backups = [3]
"#;

/// Twelve seconds of a picture that FFmpeg draws, with a tone.
async fn drawn(picture: &str) -> Arc<Clip> {
    let made = tokio::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", picture])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "12", "-c:a", "aac"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-keyint_min", "25", "-sc_threshold", "0"])
        .args(["-f", "mpegts", "pipe:1"])
        .output();
    let made = made.await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Arc::new(Clip::from_packets(made.stdout, 12).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn black_and_frozen_upstreams_make_way_for_the_backup() {
    let black = drawn("color=black:size=320x180:rate=25").await;
    let frozen = drawn("smptebars=size=320x180:rate=25").await;
    let channel = |name, clip: &Arc<Clip>| ChannelSpec::clip(name, clip).burst(Duration::from_secs(4));
    let channels = [channel("black", &black), channel("frozen", &frozen), quick("fine", &Clip::standard().unwrap())];
    let scene = Scene::start_with(SETTINGS, channels).await;
    let ids = scene.channels(3).await;
    assert_eq!((ids["black"], ids["frozen"], ids["fine"]), (1, 2, 3));
    let players = [
        HlsPlayer::open(&scene.live(1, "m3u8")).await,
        HlsPlayer::open(&scene.live(2, "m3u8")).await,
        HlsPlayer::open(&scene.live(3, "m3u8")).await,
    ];
    let asks = async {
        loop {
            for player in &players {
                player.media().await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let verdicts = async {
        scene
            .upstream
            .wait_for_connections("fine", Duration::from_secs(60), |connections| connections.total == 3)
            .await;
        for name in ["black", "frozen"] {
            let gone = |connections: mast_upstream::Connections| connections.current == 0;
            scene.upstream.wait_for_connections(name, Duration::from_secs(60), gone).await;
        }
    };
    tokio::select! {
        () = asks => unreachable!("it asks for ever"),
        () = verdicts => {}
    }
    scene.host.wait_for_log(&["the upstream failed", "\"reason\":\"black\""]);
    scene.host.wait_for_log(&["the upstream failed", "\"reason\":\"frozen-picture\""]);
    for (player, name) in players.iter().zip(["black", "frozen"]) {
        let before = player.media().await;
        let after = player.media_when("the backup", |playlist| playlist.end() >= before.end() + 2).await;
        assert_eq!(after.target_duration, before.target_duration, "{name}");
    }
    // The looks are over, or as good as.
    assert!(scene.host.workers().len() <= 2, "{:?}", scene.host.workers());
    assert!(!scene.host.log().contains("not looked at what it shows"), "{}", scene.host.log());
}
