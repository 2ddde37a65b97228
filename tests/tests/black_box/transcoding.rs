//! Channels that go through FFmpeg: profiles, upstreams that only FFmpeg can open, and workers that come to harm.

use std::process::{Child, Command, Stdio};

use mast_tests::probe::play;
use mast_tests::{HlsPlayer, Instance, TestHost, eventually, get, is_alive};
use mast_upstream::{Clip, Text, Upstream};

use crate::scene::{Scene, quick};

const SETTINGS: &str = r#"
[tuner]
idle_timeout = "1s"
start_timeout = "30s"
connect_timeout = "5s"
stall_timeout = "10s"
backoff_min = "100ms"
backoff_max = "500ms"
[hls]
segment_duration = "1s"
[profile.tiny]
height = 90
bitrate = 100
gop = 1
preset = "ultrafast"
audio_bitrate = 64
"#;

async fn scene(settings: &str, profile: &str) -> Scene {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([quick("news", &clip)]).await.unwrap();
    let source = Instance::m3u_source("provider", &upstream, "/playlist.m3u")
        .with(&format!("[upstream]\nprofile = \"{profile}\"\n"));
    let host = TestHost::start_with(&format!("{SETTINGS}{settings}"), &[source, Instance::m3u_output("m3u")]);
    let line = host.add_line("anna", &["--max-connections", "20"]);
    Scene { host, upstream, line }
}

async fn no_workers(host: &TestHost) {
    eventually("no worker runs", async || host.workers().is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_changes_the_picture() {
    let scene = scene("", "tiny").await;
    let id = scene.channels(1).await["news"];
    let played = play(&scene.live(id, "m3u8"), 3).await;
    assert_eq!(played.codecs, ["h264", "aac"]);
    assert!(played.frames > 40 && played.complaints.is_empty(), "{played:?}");
    let (_, multivariant) = get(&scene.live(id, "m3u8")).await;
    assert!(multivariant.contains("x90") && multivariant.contains("CODECS=\"avc1."), "{multivariant}");
    assert_eq!(scene.host.workers().len(), 1);
    // One connection to the provider: the host's, not FFmpeg's.
    assert_eq!(scene.upstream.connections("news").total, 1);
    // Nobody watches any more.
    no_workers(&scene.host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_killed_is_replaced() {
    let scene = scene("", "tiny").await;
    let id = scene.channels(1).await["news"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    let before = player.media_when("two segments", |playlist| playlist.entries.len() >= 2).await;
    let worker = scene.host.workers()[0];
    assert!(Command::new("kill").args(["-KILL", &worker.to_string()]).status().unwrap().success());
    scene.host.wait_for_log(&["the upstream failed", "\"reason\":\"transcoder\""]);
    let after = player.media_when("more segments", |playlist| playlist.end() >= before.end() + 2).await;
    assert_eq!(after.target_duration, before.target_duration);
    assert!(after.text.contains("#EXT-X-DISCONTINUITY\n"), "{}", after.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_worker_survives_the_host() {
    let mut scene = scene("", "tiny").await;
    let id = scene.channels(1).await["news"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    player.segments(1).await;
    let workers = scene.host.workers();
    assert_eq!(workers.len(), 1);
    scene.host.kill();
    eventually("the worker is gone", async || (!is_alive(workers[0])).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_ffmpeg_the_channel_says_so_and_others_play() {
    let scene = scene("[ffmpeg]\nprogram = \"/nowhere/ffmpeg\"\n[channel.1]\nprofile = \"copy\"\n", "tiny").await;
    scene.host.wait_for_log(&["transcoding will not be available"]);
    let id = scene.channels(1).await["news"];
    assert_eq!(id, 1);
    assert!(play(&scene.live(id, "m3u8"), 2).await.frames > 20);

    let scene = self::scene("[ffmpeg]\nprogram = \"/nowhere/ffmpeg\"\n", "tiny").await;
    let id = scene.channels(1).await["news"];
    let (status, body) = get(&scene.live(id, "m3u8")).await;
    assert!((500..600).contains(&status) && body.contains("needs FFmpeg"), "{status} {body}");
    scene.host.wait_for_log(&["\"reason\":\"no-ffmpeg\"", "/nowhere/ffmpeg"]);
}

/// An ffmpeg that serves the standard clip over a protocol to whoever calls; ended on drop.
struct Sender(Child);

impl Sender {
    fn start(format: &str, more: &[&str], url: &str) -> Self {
        let clip = tempfile::NamedTempFile::with_suffix(".ts").unwrap();
        std::fs::write(clip.path(), Clip::standard().unwrap().bytes()).unwrap();
        let (_, path) = clip.keep().unwrap();
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i"]).arg(&path);
        command.args(["-c", "copy"]).args(more).args(["-f", format, url]);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn srt_and_rtmp_upstreams_are_opened_by_ffmpeg() {
    let free = |socket: std::net::SocketAddr| socket.port();
    let udp = free(std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let tcp = free(std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let (srt, rtmp) = (format!("srt://127.0.0.1:{udp}"), format!("rtmp://127.0.0.1:{tcp}/live/news"));
    let upstream = Upstream::start([]).await.unwrap();
    let list =
        format!("#EXTM3U\n#EXTINF:-1,srt\n{srt}\n#EXTINF:-1,rtmp\n{rtmp}\n#EXTINF:-1,refused\nsrt://127.0.0.1:9\n");
    upstream.set_text("/list.m3u", Text::m3u(list));
    let base = upstream.at("");
    let source = Instance::new(
        "provider",
        format!(
            "kind = \"source\"\nplugin = \"source-m3u\"\n[config]\nurl = \"{base}/list.m3u\"\n[grant]\nhttp = [\"{base}\"]\n\
             upstream = [\"{srt}\", \"rtmp://127.0.0.1:{tcp}\"]\nnet_allow_private = [\"127.0.0.0/8\"]\n"
        ),
    );
    let host = TestHost::start_with(SETTINGS, &[source, Instance::m3u_output("m3u")]);
    let line = host.add_line("anna", &["--max-connections", "20"]);
    let scene = Scene { host, upstream, line };
    let ids = scene.channels(3).await;
    let _senders =
        [Sender::start("mpegts", &[], &format!("{srt}?mode=listener")), Sender::start("flv", &["-listen", "1"], &rtmp)];
    for name in ["srt", "rtmp"] {
        // The sender may not listen yet.
        let played = eventually(&format!("{name} plays"), async || {
            let (status, _) = get(&scene.live(ids[name], "m3u8")).await;
            if status == 200 { Some(play(&scene.live(ids[name], "m3u8"), 2).await) } else { None }
        })
        .await;
        assert_eq!(played.codecs, ["h264", "aac"], "{name}");
        assert!(played.frames > 20, "{name}: {played:?}");
    }
    let (status, body) = get(&scene.live(ids["refused"], "m3u8")).await;
    assert!(status >= 500 && body.contains("granted"), "{status} {body}");
}
