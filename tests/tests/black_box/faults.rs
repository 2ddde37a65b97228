//! Every fault an upstream can have: the channel reports it and recovers by itself, players see a discontinuity at worst, and another
//! channel notices nothing.

use std::time::{Duration, Instant};

use mast_media::lint::Linter;
use mast_tests::probe::decode;
use mast_tests::{HlsPlayer, eventually, get};
use mast_upstream::Fault;

use crate::scene::Scene;

/// What happens to a channel that plays: `fault` comes, is reported with `reason`, goes.
async fn comes_and_goes(fault: Fault, reasons: &[&str]) {
    let scene = Scene::of_clips(["sick", "well"]).await;
    let ids = scene.channels(2).await;
    let sick = HlsPlayer::open(&scene.live(ids["sick"], "m3u8")).await;
    let well = HlsPlayer::open(&scene.live(ids["well"], "m3u8")).await;
    let mut linters = [Linter::default(), Linter::default()];
    sick.segments(3).await;
    well.segments(3).await;
    let before = sick.media().await;
    linters[0].push(&before.text);

    let seen = scene.host.log_length();
    scene.upstream.set_fault("sick", fault.clone());
    let id = format!("\"{}\"", ids["sick"]);
    eventually(&format!("the log reports {fault} with one of {reasons:?}"), async || {
        linters[0].push(&sick.media().await.text);
        linters[1].push(&well.media().await.text);
        let log = scene.host.log();
        let mut failures = log.lines().skip(seen).filter(|line| line.contains("the upstream failed"));
        failures.any(|line| line.contains(&id) && reasons.iter().any(|reason| line.contains(reason))).then_some(())
    })
    .await;

    scene.upstream.set_fault("sick", None);
    let recovered = sick
        .media_when("the channel plays again", |playlist| {
            linters[0].push(&playlist.text);
            playlist.end() >= before.end() + 3
        })
        .await;
    assert_eq!(recovered.target_duration, before.target_duration);
    let last = recovered.entries.last().unwrap();
    let decoded = decode(&sick.segment(last).await).await;
    assert!(decoded.frames > 5 && decoded.complaints.is_empty(), "after {fault}: {decoded:?}");

    let healthy = well.media().await;
    linters[1].push(&healthy.text);
    assert!(healthy.entries.iter().skip(1).all(|entry| !entry.discontinuity), "the other channel: {}", healthy.text);
    assert_eq!(scene.upstream.connections("well").total, 1, "the other channel was not touched");
    for linter in linters {
        assert_eq!(linter.into_violations(), [], "playlists across {fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reset() {
    comes_and_goes(Fault::Reset, &["broken", "connect", "ended"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence() {
    comes_and_goes(Fault::Stall, &["no-bytes"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proper_end() {
    comes_and_goes(Fault::Close, &["ended"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_in_the_middle_of_a_packet() {
    comes_and_goes(Fault::Truncate, &["broken", "ended"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage() {
    comes_and_goes(Fault::Garbage, &["garbage", "no-access-units", "no-segments"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn null_packets() {
    comes_and_goes(Fault::NullFlood, &["no-access-units", "no-segments"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_page() {
    comes_and_goes(Fault::Html, &["html"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zero_bytes() {
    comes_and_goes(Fault::Empty, &["empty"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal() {
    comes_and_goes(Fault::Status(403), &["status"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_without_end() {
    comes_and_goes(Fault::RedirectLoop, &["redirects"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer() {
    comes_and_goes(Fault::HangBeforeHead, &["no-bytes", "no-answer"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_where_nobody_granted() {
    comes_and_goes(Fault::RedirectTo("http://169.254.169.254/latest/".to_owned()), &["not-granted"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_is_a_discontinuity_and_no_failure() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    player.segments(3).await;
    let before = player.media().await;
    scene.upstream.set_fault("one", Fault::PtsJump(Duration::from_secs(7200)));
    let mut linter = Linter::default();
    let after = player
        .media_when("the jump is in the playlist", |playlist| {
            linter.push(&playlist.text);
            playlist.entries.iter().any(|entry| entry.discontinuity && entry.sequence >= before.end())
        })
        .await;
    assert_eq!(linter.into_violations(), [], "playlists across a jump");
    assert!(after.entries.iter().all(|entry| entry.duration.as_secs() <= after.target_duration), "{}", after.text);
    assert_eq!(scene.upstream.connections("one").total, 1, "no restart was needed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_viewer_of_a_dead_channel_is_answered() {
    let scene = Scene::of_clips(["missing", "silent", "garbled", "well"]).await;
    let ids = scene.channels(4).await;
    let faults =
        [("missing", Fault::Status(404), 20), ("silent", Fault::HangAfterHead, 25), ("garbled", Fault::Garbage, 25)];
    for (name, fault, at_most) in faults {
        scene.upstream.set_fault(name, fault.clone());
        let asked = Instant::now();
        let (playlist, continuous) =
            tokio::join!(get_owned(scene.live(ids[name], "m3u8")), get_owned(scene.live(ids[name], "ts")));
        assert!(asked.elapsed() < Duration::from_secs(at_most), "{fault}: answered after {:?}", asked.elapsed());
        for (status, body) in [playlist, continuous] {
            assert!(matches!(status, 502..=504), "{fault}: {status} {body}");
            assert!(body.len() < 200 && !body.contains("127.0.0.1"), "{fault}: one sentence without addresses: {body}");
        }
        scene.upstream.set_fault(name, None);
        let url = scene.live(ids[name], "m3u8");
        eventually("the channel recovers by itself", async || (get(&url).await.0 == 200).then_some(())).await;
    }
    HlsPlayer::open(&scene.live(ids["well"], "m3u8")).await.segments(1).await;
}

async fn get_owned(url: String) -> (u16, String) {
    get(&url).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_was_killed_comes_back() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    let received = player.segments(3).await;
    scene.upstream.refuse(true).await;
    scene.host.wait_for_log(&["the upstream failed", "connect"]);
    // The viewer goes on asking and keeps what there is.
    let held = player.media().await;
    player.segment(held.entries.last().unwrap()).await;
    scene.upstream.refuse(false).await;
    let end = received.last().unwrap().0.sequence + 1;
    let mut linter = Linter::default();
    let after = player
        .media_when("new segments", |playlist| {
            linter.push(&playlist.text);
            playlist.end() >= end + 4
        })
        .await;
    assert!(after.entries.iter().any(|entry| entry.discontinuity && entry.sequence >= end), "{}", after.text);
    assert_eq!(linter.into_violations(), []);
}
