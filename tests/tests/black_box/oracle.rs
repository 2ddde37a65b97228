//! An independent reader of MPEG-TS, mux.js as web players have it, looks at the segments that viewers are given: of a clean upstream and of
//! ones that fail, jump or end in the middle of a packet.

use std::time::Duration;

use mast_tests::clients::npm_mux_js;
use mast_tests::{EntryText, HlsPlayer};
use mast_upstream::Fault;
use serde_json::Value;

use crate::scene::Scene;

/// What holds for every segment, whatever the upstream did.
fn check(fault: &str, segments: &[(EntryText, Vec<u8>)]) -> Vec<Value> {
    let read = npm_mux_js(segments.iter().map(|(entry, bytes)| (&bytes[..], entry.discontinuity)));
    assert_eq!(read.len(), segments.len());
    for ((entry, _), account) in segments.iter().zip(&read) {
        let what = format!("{fault}, segment {}: {account:#}", entry.sequence);
        assert_eq!(account["packets"].as_f64().unwrap().fract(), 0.0, "whole packets: {what}");
        assert_eq!(account["out_of_step"], 0, "{what}");
        assert_eq!(account["continuity_errors"], 0, "{what}");
        assert_eq!(account["clock_back"], 0, "{what}");
        assert_eq!(account["heads"], serde_json::json!(["pat", "pmt"]), "{what}");
        // It starts with a picture that can be shown, at the start of its PES packet, and every picture has a later time than the one before.
        let [video, audio] = ["video", "audio"].map(|track| &account[track]);
        let first = account["first_of_pid"].as_array().unwrap().iter().find(|first| first["stream_type"] == 27);
        assert_eq!(first.unwrap()["starts"], true, "{what}");
        assert_eq!(account["key_after"], 0, "{what}");
        for track in [video, audio] {
            assert!(track["back"] == 0 && track["torn"] == 0, "{what}");
        }
        assert_eq!(video["without_time"], 0, "{what}");
        assert!(video["units"].as_u64() > Some(0), "{what}");
    }
    read
}

/// Segments of a clean upstream lose nothing: 25 pictures a second, from segment to segment.
fn check_complete(segments: &[(EntryText, Vec<u8>)], read: &[Value]) {
    let ticks = |account: &Value, which: &str| account["video"][which].as_i64().unwrap();
    for (pair, (entry, _)) in read.windows(2).zip(&segments[1..]) {
        let step = (ticks(&pair[1], "first") - ticks(&pair[0], "last")).rem_euclid(1 << 33);
        assert!(entry.discontinuity || step == 3600, "segment {}: {step} ticks after the last picture", entry.sequence);
        let units = ticks(&pair[0], "units");
        assert_eq!(ticks(&pair[0], "last") - ticks(&pair[0], "first"), (units - 1) * 3600);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mux_js_finds_nothing_wrong_with_our_segments() {
    let names = ["clean", "reset", "truncate", "close", "garbage", "jump", "back"];
    let scene = Scene::of_clips(names).await;
    let ids = scene.channels(names.len()).await;
    let watch = |name: &'static str, fault: Option<Fault>| {
        let (scene, url) = (&scene, scene.live(ids[name], "m3u8"));
        async move {
            let player = HlsPlayer::open(&url).await;
            let before = player.media_when("three segments", |playlist| playlist.entries.len() >= 3).await;
            if let Some(fault) = fault {
                let once = matches!(fault, Fault::PtsJump(_));
                scene.upstream.set_fault(name, fault);
                if !once {
                    scene.upstream.wait_for_connections(name, Duration::from_secs(60), |all| all.total > 1).await;
                    scene.upstream.set_fault(name, None);
                }
                let shows = |playlist: &mast_tests::MediaText| {
                    playlist.entries.iter().any(|entry| entry.discontinuity && entry.sequence >= before.end())
                };
                player.media_when(&format!("{name}: a discontinuity"), shows).await;
            }
            let segments = player.segments(6).await;
            (name, segments)
        }
    };
    let [further, back] = [Duration::from_secs(1000), Duration::from_millis((1 << 33) / 90 - 3_600_000)];
    let all = tokio::join!(
        watch("clean", None),
        watch("reset", Some(Fault::Reset)),
        watch("truncate", Some(Fault::Truncate)),
        watch("close", Some(Fault::Close)),
        watch("garbage", Some(Fault::Garbage)),
        watch("jump", Some(Fault::PtsJump(further))),
        // By an hour, the long way round.
        watch("back", Some(Fault::PtsJump(back))),
    );
    let (clean, reset, truncate, close, garbage, jump, back) = all;
    for (name, segments) in [clean, reset, truncate, close, garbage, jump, back] {
        let read = tokio::task::block_in_place(|| check(name, &segments));
        assert_eq!(segments.iter().skip(1).any(|(entry, _)| entry.discontinuity), name != "clean", "{name}");
        if name == "clean" {
            check_complete(&segments, &read);
        }
    }
}
