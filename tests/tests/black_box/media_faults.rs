//! Media that no provider should send and some do: the connection is fine, what comes over it is not. The channel goes on without a
//! restart, its playlists stay valid, and what is in them decodes.

use std::process::{Command, Stdio};
use std::sync::Arc;

use mast_media::lint::Linter;
use mast_tests::probe::decode;
use mast_tests::{HlsPlayer, Instance, TestHost, eventually, get};
use mast_upstream::{Clip, Upstream};

use crate::scene::{Scene, quick};

const PICTURE: &str = "-f lavfi -i testsrc2=size=320x180:rate=25";
const TONE: &str = "-f lavfi -i sine=440:r=48000";
const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -sc_threshold 0 -c:a aac -f mpegts";

fn ffmpeg(arguments: &str) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]).args(arguments.split_whitespace()).arg("pipe:1");
    let made = command.stdin(Stdio::null()).output().unwrap();
    assert!(made.status.success(), "{arguments}: {}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

fn clip(packets: Vec<u8>, seconds: u32) -> Arc<Clip> {
    Arc::new(Clip::from_packets(packets, seconds).unwrap())
}

/// H.264 for a while, then HEVC with other PIDs and another size, for ever in turn.
fn changing() -> Vec<u8> {
    let first = ffmpeg(&format!("{PICTURE} {TONE} -t 4 -g 25 {H264}"));
    let second = ffmpeg(&format!(
        "-f lavfi -i testsrc2=size=480x270:rate=25 {TONE} -t 4 -g 25 -c:v libx265 -preset ultrafast -pix_fmt yuv420p \
         -x265-params log-level=error:keyint=25 -c:a mp2 -output_ts_offset 4 -mpegts_start_pid 0x200 \
         -mpegts_pmt_start_pid 0x1100 -f mpegts"
    ));
    [first, second].concat()
}

/// A quiet picture, then noise at a hundred times the bit rate.
fn burst() -> Vec<u8> {
    let quiet = ffmpeg(&format!("-f lavfi -i color=gray:size=320x180:rate=25 {TONE} -t 3 -g 25 -b:a 32k {H264}"));
    let loud = ffmpeg(&format!(
        "-f lavfi -i color=gray:size=640x360:rate=25,noise=alls=100:allf=t {TONE} -t 1 -g 25 -qp 12 -output_ts_offset 3 {H264}"
    ));
    assert!(loud.len() * 3 > quiet.len() * 60, "{} and {}", loud.len(), quiet.len());
    [quiet, loud].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_media_play_without_a_restart() {
    let clips = tokio::task::spawn_blocking(|| {
        [
            // A keyframe every ten seconds: above the longest segment, so that the GOPs have to be cut.
            ("endless-gop", clip(ffmpeg(&format!("{PICTURE} {TONE} -t 20 -g 250 {H264}")), 20)),
            // 33 bits at 90 kHz wrap 3.7 s after the start.
            ("wrap", clip(ffmpeg(&format!("{PICTURE} {TONE} -t 10 -g 25 -output_ts_offset 95440 {H264}")), 10)),
            ("changing", clip(changing(), 8)),
            ("burst", clip(burst(), 4)),
            ("radio", clip(ffmpeg(&format!("{TONE} -t 8 -c:a mp2 -f mpegts")), 8)),
        ]
    })
    .await
    .unwrap();
    let upstream = Upstream::start(clips.iter().map(|(name, clip)| quick(name, clip))).await.unwrap();
    let instances = [Instance::m3u_source("provider", &upstream, "/playlist.m3u"), Instance::m3u_output("m3u")];
    let host = TestHost::start_with("[hls]\nsegment_duration = \"1s\"\nmax_segment_duration = \"3s\"\n", &instances);
    let line = host.add_line("anna", &["--max-connections", "20"]);
    let scene = Scene { host, upstream, line };
    let ids = scene.channels(clips.len()).await;
    let play = |name: &'static str| {
        let url = scene.live(ids[name], "m3u8");
        async move {
            let player = HlsPlayer::open(&url).await;
            let mut linter = Linter::default();
            let before = player.media().await;
            let wanted = before.end() + if name == "endless-gop" { 4 } else { 10 };
            let after = player
                .media_when(&format!("{name}: more segments"), |playlist| {
                    linter.push(&playlist.text);
                    playlist.end() >= wanted
                })
                .await;
            assert_eq!(after.target_duration, before.target_duration, "{name}");
            assert_eq!(linter.into_violations(), [], "{name}");
            if name == "endless-gop" {
                // Alone, a segment that was cut within a GOP shows nothing; after the ones before it does.
                let mut all = Vec::new();
                for entry in &after.entries {
                    all.extend(player.segment(entry).await);
                }
                assert!(decode(&all).await.frames > 50, "{name}");
                return after;
            }
            for entry in after.entries.iter().rev().take(3) {
                let decoded = decode(&player.segment(entry).await).await;
                assert!(decoded.frames > 3 && decoded.complaints.is_empty(), "{name}: {decoded:?}");
            }
            after
        }
    };
    let (endless, _, changing, ..) =
        tokio::join!(play("endless-gop"), play("wrap"), play("changing"), play("burst"), play("radio"));
    assert!(!endless.text.contains("#EXT-X-INDEPENDENT-SEGMENTS"), "{}", endless.text);
    assert!(changing.entries.iter().any(|entry| entry.discontinuity), "{}", changing.text);
    let (_, metrics) = get(&scene.host.url("/metrics")).await;
    for (name, _) in &clips {
        let restarts = format!("mast_channel_restarts_total{{channel=\"{}\"}} 0", ids[*name]);
        assert!(metrics.contains(&restarts), "{name} was restarted: {metrics}");
        assert_eq!(scene.upstream.connections(name).total, 1, "{name}");
    }
}

/// The host runs out of file descriptors: who is in goes on, who comes is let in once there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_descriptors_left() {
    let scene = Scene::of_clips(["news"]).await;
    let id = scene.channels(1).await["news"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    let before = player.media().await;
    let host = scene.host.pid();
    let open = std::fs::read_dir(format!("/proc/{host}/fd")).unwrap().count();
    let limit = format!("--nofile={0}:{0}", open + 10);
    assert!(Command::new("prlimit").args([&limit, "--pid", &host.to_string()]).status().unwrap().success());
    let address = scene.host.address();
    let crowd: Vec<_> = (0..60).filter_map(|_| std::net::TcpStream::connect(address).ok()).collect();
    // The player's connection is among the first, and its channel does not need new descriptors.
    let during = player.media_when("the channel goes on", |playlist| playlist.end() >= before.end() + 3).await;
    assert!(during.entries.iter().skip(1).all(|entry| !entry.discontinuity || entry.sequence <= before.end()));
    drop(crowd);
    eventually("new viewers are let in again", async || {
        let client = mast_tests::client();
        let answer = client.get(scene.host.url("/healthz")).send().await;
        answer.is_ok_and(|answer| answer.status() == 200).then_some(())
    })
    .await;
}
