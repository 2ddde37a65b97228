//! HLS as an upstream: what comes out plays, and stays a valid playlist whatever the upstream's own does.

use mast_media::lint::Linter;
use mast_tests::probe::{decode, play};
use mast_tests::{HlsPlayer, Instance, TestHost, eventually};
use mast_upstream::{ChannelSpec, Clip, Fault, HlsFault, Text, Upstream};

use crate::scene::Scene;

/// A host whose channels are clips as HLS: in the clear, encrypted, and behind a multivariant playlist.
async fn scene() -> Scene {
    let clip = Clip::standard().unwrap();
    let upstream =
        Upstream::start(["clear", "locked", "variants"].map(|name| ChannelSpec::clip(name, &clip))).await.unwrap();
    let variants = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9000000,RESOLUTION=1920x1080\nnowhere/index.m3u8\n\
                    #EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360\nvariants/index.m3u8\n";
    upstream.set_text("/variants.m3u8", Text::new("application/vnd.apple.mpegurl", variants));
    let list = [
        ("clear", upstream.hls_url("clear")),
        ("locked", upstream.at("/locked/aes/index.m3u8")),
        ("variants", upstream.at("/variants.m3u8")),
    ]
    .map(|(name, url)| format!("#EXTINF:-1 tvg-id=\"{name}\",{name}\n{url}\n"));
    upstream.set_text("/hls.m3u", Text::m3u(format!("#EXTM3U\n{}", list.concat())));
    let instances = [Instance::m3u_source("provider", &upstream, "/hls.m3u"), Instance::m3u_output("m3u")];
    let host = TestHost::start(&instances);
    let line = host.add_line("anna", &["--max-connections", "20"]);
    Scene { host, upstream, line }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hls_upstreams_play_in_ffmpeg() {
    let scene = scene().await;
    let ids = scene.channels(3).await;
    for name in ["clear", "locked", "variants"] {
        let played = play(&scene.live(ids[name], "m3u8"), 4).await;
        assert_eq!(played.codecs, ["h264", "aac"], "{name}");
        assert!(played.frames > 50 && played.complaints.is_empty(), "{name}: {played:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn playlists_stay_valid_across_faults_of_an_hls_upstream() {
    let scene = scene().await;
    let id = scene.channels(3).await["clear"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    let mut linter = Linter::default();
    player.segments(3).await;
    for (fault, reason) in [
        (HlsFault::Restarted, None),
        (HlsFault::Holes, None),
        (HlsFault::Frozen, Some("frozen")),
        (HlsFault::Looping, Some("looping")),
    ] {
        let (seen, before) = (scene.host.log_length(), player.media().await);
        scene.upstream.set_fault("clear", Fault::Hls(fault));
        if let Some(reason) = reason {
            eventually(&format!("the log reports {fault}"), async || {
                linter.push(&player.media().await.text);
                let log = scene.host.log();
                let mut failures = log.lines().skip(seen).filter(|line| line.contains("the upstream failed"));
                failures.any(|line| line.contains(reason)).then_some(())
            })
            .await;
            scene.upstream.set_fault("clear", None);
        }
        let after = player
            .media_when("the channel goes on", |playlist| {
                linter.push(&playlist.text);
                playlist.end() >= before.end() + 4
            })
            .await;
        assert_eq!(after.target_duration, before.target_duration, "{fault}");
        let decoded = decode(&player.segment(after.entries.last().unwrap()).await).await;
        assert!(decoded.frames > 5 && decoded.complaints.is_empty(), "after {fault}: {decoded:?}");
    }
    assert_eq!(linter.into_violations(), []);
}
