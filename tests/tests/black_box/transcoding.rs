//! Channels that go through FFmpeg: profiles, upstreams that only FFmpeg can open, and workers that come to harm.

use std::process::{Child, Command, Stdio};

use mast_media::lint::Linter;
use mast_tests::probe::play;
use mast_tests::{HlsPlayer, Instance, MediaText, TestHost, eventually, get, is_alive};
use mast_upstream::{Clip, RtspServer, Text, Upstream};

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

/// HLS in fragmented MP4, with and without a profile: fetched by the host, read by a worker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fragmented_mp4_is_repacked() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.ts");
    std::fs::write(&clip, Clip::standard().unwrap().bytes()).unwrap();
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-stream_loop", "3", "-i"])
        .arg(&clip)
        .args([
            "-c",
            "copy",
            "-bsf:a",
            "aac_adtstoasc",
            "-f",
            "hls",
            "-hls_time",
            "2",
            "-hls_segment_type",
            "fmp4",
            "-hls_playlist_type",
            "vod",
        ])
        .args(["-hls_segment_filename", "part%d.m4s", "index.m3u8"])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(made.success());
    let upstream = Upstream::start([]).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let text = Text::new("application/octet-stream", std::fs::read(entry.path()).unwrap());
        upstream.set_text(&format!("/vod/{}", entry.file_name().to_str().unwrap()), text);
    }
    let list =
        ["as-it-is", "small"].map(|name| format!("#EXTINF:-1,{name}\n{}?{name}\n", upstream.at("/vod/index.m3u8")));
    upstream.set_text("/list.m3u", Text::m3u(format!("#EXTM3U\n{}", list.concat())));
    let source = Instance::m3u_source("provider", &upstream, "/list.m3u");
    let settings = format!("{SETTINGS}[channel.2]\nprofile = \"tiny\"\n");
    let host = TestHost::start_with(&settings, &[source, Instance::m3u_output("m3u")]);
    let line = host.add_line("anna", &["--max-connections", "20"]);
    let scene = Scene { host, upstream, line };
    let ids = scene.channels(2).await;
    for (name, picture) in [("as-it-is", "x360"), ("small", "x90")] {
        let (status, multivariant) = get(&scene.live(ids[name], "m3u8")).await;
        assert!(status == 200 && multivariant.contains(picture), "{name}: {status} {multivariant}");
        let played = play(&scene.live(ids[name], "m3u8"), 2).await;
        assert!(played.frames > 30 && played.codecs == ["h264", "aac"], "{name}: {played:?}");
    }
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

/// HLS with the sound in a playlist of its own: FFmpeg puts the two together, also for a profile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hls_with_separate_sound_plays() {
    let upstream = Upstream::start([]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    upstream.set_folder("/apart/", folder.path());
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let segments = at("%v-%d.ts");
    let apart = ["-map", "0:v", "-map", "0:a", "-var_stream_map", "v:0,agroup:sound a:0,agroup:sound,default:yes"];
    let live = ["-master_pl_name", "live.m3u8", "-hls_time", "1", "-hls_list_size", "8", "-hls_segment_filename"];
    let _sender = Sender::start("hls", &[&apart[..], &live[..], &[&segments]].concat(), &at("%v.m3u8"));
    let url = upstream.at("/apart/live.m3u8");
    let list = ["as-it-is", "small"].map(|name| format!("#EXTINF:-1,{name}\n{url}?{name}\n"));
    upstream.set_text("/list.m3u", Text::m3u(format!("#EXTM3U\n{}", list.concat())));
    let source = Instance::m3u_source("provider", &upstream, "/list.m3u");
    let settings = format!("{SETTINGS}[channel.2]\nprofile = \"tiny\"\n");
    let host = TestHost::start_with(&settings, &[source, Instance::m3u_output("m3u")]);
    let line = host.add_line("anna", &["--max-connections", "20"]);
    let scene = Scene { host, upstream, line };
    let ids = scene.channels(2).await;
    eventually("a few segments of both", async || {
        let listed = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let both = ["0.m3u8", "1.m3u8"].map(|name| listed(name).matches("#EXTINF").count());
        let apart = listed("live.m3u8").contains("TYPE=AUDIO");
        (apart && both.iter().all(|count| *count >= 4)).then_some(())
    })
    .await;
    for (name, picture) in [("as-it-is", "x360"), ("small", "x90")] {
        let player = HlsPlayer::open(&scene.live(ids[name], "m3u8")).await;
        assert!(player.multivariant.contains(picture), "{name}: {}", player.multivariant);
        let before = player.media().await;
        player.media_when("more segments", |playlist| playlist.end() >= before.end() + 3).await;
        let played = play(&scene.live(ids[name], "m3u8"), 2).await;
        assert_eq!(played.codecs, ["h264", "aac"], "{name}");
        assert!(played.frames > 20, "{name}: {played:?}");
    }
}

/// DASH, which FFmpeg fetches, and RTSP with MPEG-TS in its connection: resolved and checked by the host, opened by FFmpeg.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dash_and_rtsp_upstreams_are_opened_by_ffmpeg() {
    let clip = Clip::standard().unwrap();
    let (upstream, rtsp) = (Upstream::start([]).await.unwrap(), RtspServer::start(clip).await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    upstream.set_folder("/dash/", folder.path());
    let manifest = folder.path().join("live.mpd");
    let tags = ["-tag:v", "avc1", "-tag:a", "mp4a"];
    let live = ["-seg_duration", "1", "-window_size", "8", "-extra_window_size", "30", "-use_timeline", "1"];
    let _sender = Sender::start("dash", &[&tags[..], &live[..]].concat(), manifest.to_str().unwrap());
    let (base, url) = (upstream.at(""), rtsp.url());
    let server = url.trim_end_matches("/live");
    let list = format!("#EXTM3U\n#EXTINF:-1,dash\n{base}/dash/live.mpd\n#EXTINF:-1,rtsp\n{url}\n");
    upstream.set_text("/list.m3u", Text::m3u(list));
    let source = Instance::new(
        "provider",
        format!(
            "kind = \"source\"\nplugin = \"source-m3u\"\n[config]\nurl = \"{base}/list.m3u\"\n[grant]\nhttp = [\"{base}\"]\n\
             upstream = [\"{base}\", \"{server}\"]\nnet_allow_private = [\"127.0.0.0/8\"]\n"
        ),
    );
    let host = TestHost::start_with(SETTINGS, &[source, Instance::m3u_output("m3u")]);
    let line = host.add_line("anna", &["--max-connections", "20"]);
    let scene = Scene { host, upstream, line };
    let ids = scene.channels(2).await;
    eventually("a manifest with a few segments", async || {
        let segments = std::fs::read_dir(folder.path()).unwrap().flatten();
        let segments =
            segments.filter(|entry| entry.file_name().to_string_lossy().starts_with("chunk-stream0")).count();
        (manifest.exists() && segments >= 4).then_some(())
    })
    .await;
    for name in ["rtsp", "dash"] {
        let player = HlsPlayer::open(&scene.live(ids[name], "m3u8")).await;
        let before = player.media_when("a segment", |playlist| !playlist.entries.is_empty()).await;
        player.media_when("more of them", |playlist| playlist.end() >= before.end() + 3).await;
        let played = play(&scene.live(ids[name], "m3u8"), 2).await;
        assert_eq!(played.codecs, ["h264", "aac"], "{name}");
        assert!(played.frames > 20, "{name}: {played:?}");
    }
    assert_eq!(rtsp.played(), 1);
}

/// One worker, three variants whose segments have the same numbers and start at the same times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ladder_is_one_worker_and_aligned_variants() {
    let ladder = "[profile.small]\nheight = 180\nbitrate = 300\ngop = 1\npreset = \"ultrafast\"\naudio_bitrate = 64\n\
                  [ladder.adaptive]\nvariants = [\"small\", \"tiny\"]\naudio_only = true\n";
    let scene = scene(ladder, "adaptive").await;
    let id = scene.channels(1).await["news"];
    let url = scene.live(id, "m3u8");
    let (status, multivariant) = get(&url).await;
    assert_eq!(status, 200, "{multivariant}");
    assert_eq!(scene.host.workers().len(), 1);
    let lines: Vec<&str> = multivariant.lines().collect();
    let infos: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with("#EXT-X-STREAM-INF")).collect();
    assert_eq!(infos.len(), 3, "{multivariant}");
    for (info, expected) in infos.iter().zip(["x180", "x90", "CODECS=\"mp4a.40.2\""]) {
        assert!(info.contains(expected) && info.contains("AVERAGE-BANDWIDTH="), "{info}");
    }
    assert!(!infos[2].contains("RESOLUTION"), "{}", infos[2]);
    let variants: Vec<String> =
        lines.iter().filter(|line| line.starts_with('/')).map(|path| scene.host.url(path)).collect();
    let mut linters = [Linter::default(), Linter::default(), Linter::default()];
    for _ in 0..4 {
        let mut texts = Vec::new();
        for (variant, linter) in variants.iter().zip(&mut linters) {
            let (status, text) = get(variant).await;
            assert_eq!(status, 200, "{text}");
            linter.push(&text);
            texts.push(MediaText::parse(&text));
        }
        // Published in one step: whoever asks later sees at least as much.
        assert!(texts.windows(2).all(|pair| pair[0].end() <= pair[1].end() && pair[1].end() <= pair[0].end() + 1));
        assert!(texts.windows(2).all(|pair| pair[0].target_duration == pair[1].target_duration));
        // The very first ones may start at different times: sound comes before the first picture that can be shown.
        for (first, other) in texts[1..].iter().flat_map(|other| texts[0].entries.iter().zip(&other.entries)).skip(1) {
            if first.sequence == other.sequence && first.sequence > texts[0].media_sequence {
                let apart = first.duration.abs_diff(other.duration);
                assert!(apart.as_millis() < 100, "{first:?} {other:?}");
            }
        }
        let end = texts[2].end();
        eventually("another row", async || (MediaText::parse(&get(&variants[2]).await.1).end() > end).then_some(()))
            .await;
    }
    for linter in linters {
        assert_eq!(linter.into_violations(), []);
    }
    for (variant, expected) in variants.iter().zip([vec!["h264", "aac"], vec!["h264", "aac"], vec!["aac"]]) {
        let played = play(variant, 2).await;
        assert_eq!(played.codecs, expected, "{variant}");
        assert!(played.frames > 20 && played.complaints.is_empty(), "{variant}: {played:?}");
    }
    // Continuous MPEG-TS is the best variant.
    assert_eq!(play(&scene.live(id, "ts"), 2).await.codecs, ["h264", "aac"]);
}
