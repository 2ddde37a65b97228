//! From an upstream to decodable segments and continuous MPEG-TS, for every codec that is promised.

use std::time::Duration;

use mast_tests::player::read_bytes;
use mast_tests::probe::{decode, play};
use mast_tests::{HlsPlayer, SOON, client, eventually, get};
use mast_upstream::{Audio, ChannelSpec, Clip, ClipSpec, Upstream, Video};

use crate::scene::{Scene, quick};

fn clip(name: &str, video: Video, audio: Audio) -> ChannelSpec {
    quick(name, &Clip::ready(ClipSpec { video, audio, ..ClipSpec::default() }).unwrap())
}

async fn every_segment_decodes(video: Video, audio: Audio, codecs: &[&str]) {
    let scene = Scene::start([clip("one", video, audio)]).await;
    let id = scene.channels(1).await["one"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    let segments = player.segments(4).await;
    let mut whole = Vec::new();
    for (entry, bytes) in &segments {
        let decoded = decode(bytes).await;
        assert_eq!(decoded.codecs, codecs, "segment {}", entry.sequence);
        assert!(decoded.frames > 5, "segment {}: {decoded:?}", entry.sequence);
        whole.extend(bytes);
    }
    let decoded = decode(&whole).await;
    assert_eq!(decoded.complaints, "", "segments follow each other without a seam");

    let mut response = client().get(scene.live(id, "ts")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let bytes = read_bytes(&mut response, whole.len() / 2).await;
    let decoded = decode(&bytes).await;
    assert_eq!(decoded.codecs, codecs, "continuous MPEG-TS");
    assert!(decoded.frames > 5, "{decoded:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h264_with_aac() {
    every_segment_decodes(Video::H264, Audio::Aac, &["h264", "aac"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hevc_with_ac3() {
    every_segment_decodes(Video::Hevc, Audio::Ac3, &["hevc", "ac3"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h264_with_mp2() {
    every_segment_decodes(Video::H264, Audio::Mp2, &["h264", "mp2"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audio_only() {
    every_segment_decodes(Video::None, Audio::Aac, &["aac"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_live_patterns_play_in_ffmpeg() {
    let patterns = [
        ChannelSpec::pattern("one").gop(Duration::from_secs(1)),
        ChannelSpec::pattern("two").gop(Duration::from_secs(1)).video(Video::Hevc),
        ChannelSpec::pattern("three").gop(Duration::from_secs(1)).audio(Audio::Ac3),
    ];
    let scene = Scene::start(patterns).await;
    let ids = scene.channels(3).await;
    for (name, codecs) in [("one", ["h264", "aac"]), ("two", ["hevc", "aac"]), ("three", ["h264", "ac3"])] {
        // Three encoders start on whatever the machine has left; the host's own deadline is not what is tested here.
        let url = scene.live(ids[name], "m3u8");
        eventually("the encoder is there", async || (get(&url).await.0 == 200).then_some(())).await;
        let played = play(&url, 4).await;
        assert_eq!(played.codecs, codecs, "{name} over HLS");
        assert!(played.frames > 50, "{name} over HLS: {played:?}");
        let played = play(&scene.live(ids[name], "ts"), 3).await;
        assert_eq!(played.codecs, codecs, "{name} as MPEG-TS");
        assert!(played.frames > 40, "{name} as MPEG-TS: {played:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_share_one_upstream_connection_and_the_last_one_releases_it() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    assert_eq!(scene.upstream.connections("one").total, 0, "nobody watches: no connection");
    let url = scene.live(id, "m3u8");
    let (first, second, third) = tokio::join!(HlsPlayer::open(&url), HlsPlayer::open(&url), HlsPlayer::open(&url));
    for player in [&first, &second, &third] {
        player.segments(1).await;
    }
    let mut continuous = client().get(scene.live(id, "ts")).send().await.unwrap();
    read_bytes(&mut continuous, 50_000).await;
    assert_eq!(scene.upstream.connections("one").total, 1, "one start for all of them");
    drop(continuous);
    // The players simply stop asking; their sessions expire, then the channel is idle.
    scene.upstream.wait_for_connections("one", SOON, |connections| connections.current == 0).await;
    HlsPlayer::open(&url).await.segments(1).await;
    assert_eq!(scene.upstream.connections("one").total, 2, "and it starts again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_form_plays_too() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let url = scene.host.url(&format!("/live/stream_{id}.m3u8?token={}", scene.line.token));
    let player = HlsPlayer::open(&url).await;
    let segments = player.segments(2).await;
    assert_eq!(decode(&segments[0].1).await.codecs, ["h264", "aac"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_without_burst_starts_at_its_next_keyframe() {
    let clip = Clip::standard().unwrap();
    let scene = Scene::start([ChannelSpec::clip("one", &clip)]).await;
    let id = scene.channels(1).await["one"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    for (entry, bytes) in player.segments(2).await {
        let decoded = decode(&bytes).await;
        assert_eq!(decoded.complaints, "", "segment {} decodes from its first byte", entry.sequence);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_direct_upstream_needs_no_playlist_attributes() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([quick("one", &clip)]).await.unwrap();
    let bare = format!("#EXTM3U\n#EXTINF:-1,Bare\n{}\n", upstream.url("one"));
    upstream.set_text("/bare.m3u", mast_upstream::Text::m3u(bare));
    let instances =
        [mast_tests::Instance::m3u_source("provider", &upstream, "/bare.m3u"), mast_tests::Instance::m3u_output("m3u")];
    let host = mast_tests::TestHost::start(&instances);
    let line = host.add_line("anna", &[]);
    let scene = Scene { host, upstream, line };
    let id = scene.channels(1).await["Bare"];
    HlsPlayer::open(&scene.live(id, "m3u8")).await.segments(1).await;
}
