//! Channels whose upstream plays, but shows nothing.

use super::config::Check;
use super::*;

/// Twelve seconds of black with a tone.
async fn black() -> Arc<Clip> {
    let made = tokio::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "color=black:size=320x180:rate=25"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "12", "-c:a", "aac"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-keyint_min", "25", "-sc_threshold", "0"])
        .args(["-f", "mpegts", "pipe:1"])
        .output();
    let made = made.await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Arc::new(Clip::from_packets(made.stdout, 12).unwrap())
}

/// `one` is black, `two` is not.
async fn bench_looking_for(checks: &[Check]) -> Bench {
    bench_with_slate(checks, false).await
}

async fn bench_with_slate(checks: &[Check], has_slate: bool) -> Bench {
    let interval = Duration::from_millis(50);
    let inspect = InspectConfig { checks: checks.to_vec(), interval, samples: 2 };
    let config = TunerConfig { inspect, return_after: Duration::from_secs(600), ..config() };
    let (black, other) = (black().await, tokio::task::spawn_blocking(Clip::standard).await.unwrap().unwrap());
    let channels = [("one", &black), ("two", &other)];
    let channels = channels.map(|(name, clip)| ChannelSpec::clip(name, clip).burst(Duration::from_secs(3)));
    let upstream = Upstream::start(channels).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn StateStore> = mast_store::open_state(folder.path()).unwrap().into();
    let urls = [(FIRST, vec![upstream.url("one"), upstream.url("two")]), (SECOND, vec![upstream.url("one")])];
    let slate = has_slate.then(|| folder.path().join("slate.ts"));
    if let Some(path) = &slate {
        std::fs::write(path, other.bytes()).unwrap();
    }
    Bench { tuner: tuner_of(urls, &store, config, slate), upstream, store, folder }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_upstream_makes_way_for_the_backup() {
    let bench = bench_looking_for(&[Check::Black]).await;
    let feed = within("tune", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    assert_eq!(report(&bench.tuner, FIRST).upstream, 0);
    let mut status = feed.channel().status.subscribe();
    let failed = status.wait_for(|status| status.trouble.is_some());
    let trouble = within("verdict", failed).await.unwrap().trouble.unwrap();
    assert_eq!((trouble.fault.code(), trouble.tell), ("black", false));
    until("the backup", || report(&bench.tuner, FIRST).upstream == 1).await;
    let start = newest(&feed);
    until("looks at the backup", || newest(&feed) > start + 3).await;
    let now = report(&bench.tuner, FIRST);
    assert_eq!((now.restarts, now.upstream, now.state), (1, 1, State::Live));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_upstream_is_tried_again_after_a_pause() {
    let bench = bench_looking_for(&[Check::Black]).await;
    let _feed = within("tune", bench.tuner.watch(SECOND, Need::Playlist)).await.unwrap();
    until("verdict", || report(&bench.tuner, SECOND).restarts >= 1).await;
    let plays = || bench.upstream.connections("one").total >= 2 && report(&bench.tuner, SECOND).state == State::Live;
    until("another attempt", plays).await;
}

/// With nothing else to show, what is not worth watching is not shown again for a while.
#[tokio::test(flavor = "multi_thread")]
async fn the_slate_is_shown_where_no_upstream_is_worth_watching() {
    let bench = bench_with_slate(&[Check::Black], true).await;
    let _feed = within("tune", bench.tuner.watch(SECOND, Need::Playlist)).await.unwrap();
    until("the slate", || report(&bench.tuner, SECOND).slate).await;
    bench.upstream.wait_for_connections("one", PATIENCE, |connections| connections.current == 0).await;
    let now = report(&bench.tuner, SECOND);
    assert_eq!((now.restarts, now.state, now.fault), (1, State::Backoff, Some(UpstreamFault::Black)));
    // Whoever comes now sees it too.
    within("another viewer", bench.tuner.watch(SECOND, Need::Playlist)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_looked_for_is_no_fault() {
    let bench = bench_looking_for(&[Check::Silent]).await;
    let feed = within("tune", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    let start = newest(&feed);
    until("more segments", || newest(&feed) > start + 4).await;
    assert_eq!((report(&bench.tuner, FIRST).restarts, report(&bench.tuner, FIRST).upstream), (0, 0));
    // Nobody watches: nothing is looked at, and the channel ends as it should.
    drop(feed);
    until("idle", || report(&bench.tuner, FIRST).state == State::Idle).await;
}
