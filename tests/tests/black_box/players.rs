//! Players that people use, while upstreams come and go: what matters is what the viewer sees.

use std::time::{Duration, Instant};

use mast_tests::players::{Player, Shown, ffmpeg, hls_js, mpv};
use mast_tests::{HlsPlayer, MediaText, SOON};
use mast_upstream::{ChannelSpec, Clip, Fault};

use crate::scene::Scene;

/// As operators have it, but for the pauses between attempts, which are as short as the outages here.
const SETTINGS: &str = r#"
[tuner]
idle_timeout = "5s"
connect_timeout = "2s"
stall_timeout = "2s"
backoff_min = "100ms"
backoff_max = "500ms"
return_after = "2s"
healthy_after = "2s"
[hls]
segment_duration = "2s"
"#;

/// A host that reads upstreams without burst: what was lost while one was gone is lost, and nobody makes up for it.
async fn scene<const N: usize>(names: [&str; N]) -> Scene {
    let clip = Clip::standard().unwrap();
    Scene::start_with(SETTINGS, names.map(|name| ChannelSpec::clip(name, &clip))).await
}

/// A channel with as much in its playlist as players want to be behind live.
async fn settled(scene: &Scene, id: u32) -> MediaText {
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    player.media_when("three target durations", |playlist| playlist.entries.len() >= 4).await
}

/// Everybody watches one channel.
struct Watching {
    /// The first is hls.js. Each with the longest wait that is right for it, in target durations.
    players: Vec<(Player, u32)>,
    target_duration: Duration,
}

impl Watching {
    async fn start(scene: &Scene, id: u32) -> Self {
        let target_duration = Duration::from_secs(settled(scene, id).await.target_duration);
        let (hls, continuous) = (scene.live(id, "m3u8"), scene.live(id, "ts"));
        // Over HLS they are three target durations behind live, which makes up for an outage. On continuous MPEG-TS they are one or two behind,
        // and wait for the outage, the next keyframe and (mpv) a second in hand.
        let (over_hls, on_ts) = (2, 3);
        let players = vec![
            (hls_js(&hls), over_hls),
            (ffmpeg(&hls), over_hls),
            (ffmpeg(&continuous), on_ts),
            (mpv(&continuous).await, on_ts),
        ];
        let mut watching = Self { players, target_duration };
        watching.play_on(Duration::from_secs(3)).await;
        watching
    }

    async fn play_on(&mut self, more: Duration) {
        let now: Vec<Shown> = self.players.iter().map(|(player, _)| player.shown()).collect();
        for ((player, _), now) in self.players.iter_mut().zip(&now) {
            player.plays_on(now, more).await;
        }
    }

    /// Plays across what happens.
    async fn across<T>(&mut self, what: &str, happens: impl Future<Output = T>) {
        let before = self.players[0].0.shown();
        happens.await;
        let (hls_js, _) = &mut self.players[0];
        hls_js.shown_when(what, |shown| shown.discontinuities > before.discontinuities).await;
        // It is the one that is furthest behind live.
        self.play_on(2 * self.target_duration).await;
    }

    /// Nobody had to wait longer than is right, and everybody ends well.
    async fn end(self) {
        for (player, longest) in self.players {
            let name = player.name();
            let shown = player.stop().await;
            assert!(shown.longest_stall <= longest * self.target_duration, "{name}: {shown:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hls_js_plays_a_channel_as_fast_as_the_clock() {
    let channel = ChannelSpec::clip("one", &Clip::standard().unwrap()).burst(Duration::from_secs(9));
    let scene = Scene::start_with(SETTINGS, [channel]).await;
    let id = scene.channels(1).await["one"];
    settled(&scene, id).await;
    let mut player = hls_js(&scene.live(id, "m3u8"));
    let before = player.shown_when("the first second", |shown| shown.played >= Duration::from_secs(1)).await;
    let clock = Instant::now();
    let after = player.plays_on(&before, Duration::from_secs(6)).await;
    let (played, passed) = (after.played - before.played, clock.elapsed());
    assert!(passed.abs_diff(played) < Duration::from_secs(2), "{played:?} in {passed:?}: {after:#?}");
    assert!(after.longest_stall < Duration::from_secs(2), "{after:#?}");
    // The other tests rely on that a stall is noticed.
    scene.upstream.set_fault("one", Fault::Status(503));
    player.shown_when("nothing moves any more", |shown| shown.longest_stall > Duration::from_secs(4)).await;
    let account = &player.stop().await.account;
    assert_eq!(account["can_play"], true, "{account:#}");
    assert_eq!(account["levels"][0]["height"], 360, "{account:#}");
    assert_eq!(account["discontinuities"], 0, "{account:#}");
    // 25 a second.
    assert!(account["pictures"].as_u64().unwrap() > 125, "{account:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn players_go_on_when_an_upstream_was_killed_and_comes_back() {
    let scene = scene(["one"]).await;
    let id = scene.channels(1).await["one"];
    let mut watching = Watching::start(&scene, id).await;
    let segment = watching.target_duration;
    let outage = async {
        scene.upstream.refuse(true).await;
        scene.host.wait_for_log(&["the upstream failed", "connect"]);
        // This is the fault, not a wait for something.
        tokio::time::sleep(segment).await;
        scene.upstream.refuse(false).await;
    };
    watching.across("the outage is behind it", outage).await;
    watching.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn players_go_on_when_a_backup_takes_over_and_the_first_upstream_returns() {
    let mut scene = scene(["first", "backup"]).await;
    let ids = scene.channels(2).await;
    let (id, backup) = (ids["first"], ids["backup"]);
    scene.host.stop();
    scene.host.append_settings(&format!("[channel.{id}]\nbackups = [{backup}]\n"));
    scene.host.run();
    let mut watching = Watching::start(&scene, id).await;
    assert_eq!(scene.upstream.connections("backup").total, 0, "nobody needs it yet");

    let failover = async { scene.upstream.set_fault("first", Fault::Status(503)) };
    watching.across("the backup is what they see", failover).await;
    assert_eq!(scene.upstream.connections("backup").current, 1);

    let seen = scene.host.log_length();
    let restored = async {
        scene.upstream.set_fault("first", None);
        scene.host.wait_for_log_after(seen, &["the first upstream plays again"]);
    };
    watching.across("the first upstream is what they see", restored).await;
    scene.upstream.wait_for_connections("backup", SOON, |connections| connections.current == 0).await;
    watching.end().await;
}

/// It starts with one variant, is asked for the other, and shows it without a stall: numbers, times and keyframes of both agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hls_js_goes_from_one_variant_of_a_ladder_to_the_other() {
    const LADDER: &str = r#"
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
audio_bitrate = 64
[ladder.adaptive]
variants = ["small", "tiny"]
[channel.1]
profile = "adaptive"
"#;
    let channel = ChannelSpec::clip("one", &Clip::standard().unwrap()).burst(Duration::from_secs(9));
    let scene = Scene::start_with(&format!("{SETTINGS}{LADDER}"), [channel]).await;
    let id = scene.channels(1).await["one"];
    assert_eq!(id, 1);
    settled(&scene, id).await;
    for wanted in [0, 1] {
        let mut player = hls_js(&format!("{}#level={wanted}", scene.live(id, "m3u8")));
        let what = format!("level {wanted} is shown");
        let levels = |shown: &Shown| shown.account["shown_levels"].as_array().cloned().unwrap_or_default();
        let shown = player.shown_when(&what, |shown| levels(shown).last() == Some(&wanted.into())).await;
        let shown = player.plays_on(&shown, Duration::from_secs(4)).await;
        assert_eq!(levels(&shown).last(), Some(&wanted.into()), "{shown:#?}");
        assert!(shown.longest_stall < Duration::from_secs(2), "{shown:#?}");
        let heights = [0, 1].map(|level| player.shown().account["levels"][level]["height"].as_u64());
        assert_eq!(heights.iter().flatten().sum::<u64>(), 270, "{shown:#?}");
        player.stop().await;
    }
}
