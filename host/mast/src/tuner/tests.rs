//! The tuner against a real upstream over real sockets, with a real store.

mod hls_upstream;
mod inspected;
mod playout;

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use mast_model::{ByteSize, ChannelId, DestinationRules, InstanceId, UpstreamKind, UpstreamUrl};
use mast_store::StateStore;
use mast_upstream::{ChannelSpec, Clip, Fault, Upstream};

use super::config::InspectConfig;
use super::upstream::{Accepts, Fetcher};
use super::*;
use crate::extensions::config::UpstreamConfig;
use crate::outbound::Outbound;

const PATIENCE: Duration = Duration::from_secs(20);
const STALL: Duration = Duration::from_millis(900);
const FIRST: ChannelId = ChannelId(1);
const SECOND: ChannelId = ChannelId(2);

/// Upstreams from a list, without a catalogue.
struct Listed {
    outbound: Outbound,
    urls: HashMap<ChannelId, Vec<String>>,
    slate: Option<PathBuf>,
    slots: Slots,
    max_connections: usize,
}

impl Upstreams for Listed {
    fn count(&self, channel: ChannelId) -> usize {
        self.urls.get(&channel).map_or(0, Vec::len)
    }

    fn open(&self, channel: ChannelId, turn: u32, claim: Claim) -> BoxFuture<'static, Result<OpenUpstream, Failure>> {
        let urls = &self.urls[&channel];
        let url = urls[turn as usize % urls.len()].clone();
        let rules = DestinationRules {
            any_http: true,
            allow_private: vec!["127.0.0.0/8".parse().unwrap()],
            ..DestinationRules::default()
        };
        let config = UpstreamConfig { rules, ..UpstreamConfig::default() };
        let upstream =
            mast_model::Upstream { url: UpstreamUrl::new(url.clone()), kind: UpstreamKind::Auto, headers: Vec::new() };
        let fetcher = Fetcher::new(self.outbound.clone(), Arc::new(config), &upstream, Duration::from_millis(600));
        let (slots, limit) = (self.slots.clone(), self.max_connections);
        Box::pin(async move {
            let provider = InstanceId::new("provider").unwrap();
            let slot = tokio::time::timeout(Duration::from_millis(600), slots.take(&provider, limit, claim)).await;
            let slot = Some(slot.ok().flatten().ok_or(UpstreamFault::NoSlot)?);
            Ok(OpenUpstream::single(upstream::http::open(fetcher, &url, STALL, Accepts::MpegTs).await?, slot))
        })
    }

    fn slate(&self, _: ChannelId) -> Option<BoxFuture<'static, Result<OpenUpstream, Failure>>> {
        let slate = self.slate.clone()?;
        Some(Box::pin(async move { Ok(OpenUpstream::single(upstream::file::play(&slate).await?, None)) }))
    }
}

struct Bench {
    upstream: Upstream,
    tuner: Tuner,
    store: Arc<dyn StateStore>,
    folder: tempfile::TempDir,
}

fn config() -> TunerConfig {
    TunerConfig {
        idle_timeout: Duration::from_millis(100),
        start_timeout: Duration::from_secs(15),
        connect_timeout: Duration::from_secs(5),
        stall_timeout: STALL,
        backoff_min: Duration::from_millis(50),
        backoff_max: Duration::from_millis(200),
        window_budget: ByteSize::mib(64),
        give_up_after: Duration::ZERO,
        return_after: Duration::from_secs(1),
        healthy_after: Duration::from_millis(200),
        pretune: 0,
        pretune_for: Duration::from_secs(1),
        slate: None,
        inspect: InspectConfig::default(),
    }
}

fn hls() -> HlsConfig {
    HlsConfig {
        segment_duration: Duration::from_millis(500),
        max_segment_duration: Duration::from_secs(3),
        playlist_segments: 4,
        rewind: Duration::ZERO,
        max_segment_size: ByteSize::mib(8),
    }
}

fn tuner(upstream: &Upstream, store: &Arc<dyn StateStore>, config: TunerConfig) -> Tuner {
    let urls = [(FIRST, vec![upstream.url("one")]), (SECOND, vec![upstream.at("/missing.ts"), upstream.url("two")])];
    tuner_of(urls, store, config, None)
}

fn tuner_of(
    urls: impl Into<HashMap<ChannelId, Vec<String>>>,
    store: &Arc<dyn StateStore>,
    config: TunerConfig,
    slate: Option<PathBuf>,
) -> Tuner {
    tuner_with(urls, store, config, slate, 100)
}

fn tuner_with(
    urls: impl Into<HashMap<ChannelId, Vec<String>>>,
    store: &Arc<dyn StateStore>,
    config: TunerConfig,
    slate: Option<PathBuf>,
    max_connections: usize,
) -> Tuner {
    let (outbound, slots) = (Outbound::new().unwrap(), Slots::default());
    let listed = Listed { outbound, urls: urls.into(), slate, slots, max_connections };
    Tuner::new(Arc::new(listed), Arc::clone(store), Transcoder::bare(), config, hls())
}

async fn bench_with(config: TunerConfig) -> Bench {
    let clip = tokio::task::spawn_blocking(Clip::standard).await.unwrap().unwrap();
    let channels = ["one", "two"].map(|name| ChannelSpec::clip(name, &clip).burst(Duration::from_secs(3)));
    let upstream = Upstream::start(channels).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn StateStore> = mast_store::open_state(folder.path()).unwrap().into();
    Bench { tuner: tuner(&upstream, &store, config), upstream, store, folder }
}

async fn bench() -> Bench {
    bench_with(config()).await
}

async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    within(what, async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

fn report(tuner: &Tuner, channel: ChannelId) -> ChannelReport {
    tuner.reports().into_iter().find(|report| report.channel == channel).unwrap()
}

fn newest(feed: &Feed) -> u64 {
    feed.published().segments().last().map_or(0, |segment| segment.sequence)
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_viewers_share_one_start() {
    let bench = bench().await;
    let viewers = (0..50).map(|n| bench.tuner.watch(FIRST, if n % 2 == 0 { Need::Playlist } else { Need::Bytes }));
    let feeds = within("tune", join_all(viewers)).await;
    assert!(feeds.iter().all(Result::is_ok), "{feeds:?}");
    assert_eq!(bench.upstream.connections("one").total, 1);
    assert_eq!(report(&bench.tuner, FIRST).viewers, 50);
    let published = feeds[0].as_ref().unwrap().published();
    let playlist = published.playlist.as_ref().unwrap();
    let text = std::str::from_utf8(&playlist.plain).unwrap();
    assert!(text.starts_with("#EXTM3U"), "{text}");
    assert!(published.bandwidth > 0 && !published.codecs.names.is_empty());
    let segment = &published.segments()[0];
    assert_eq!(published.segment(segment.sequence).unwrap().sequence, segment.sequence);
    assert!(published.segment(segment.sequence + 10_000).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_viewer_starts_the_idle_timer() {
    let bench = bench().await;
    let feed = within("tune", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    let again = feed.clone();
    drop(feed);
    assert_eq!(bench.upstream.connections("one").current, 1);
    drop(again);
    until("idle", || report(&bench.tuner, FIRST).state == State::Idle).await;
    bench.upstream.wait_for_connections("one", PATIENCE, |connections| connections.current == 0).await;
    assert_eq!(bench.tuner.window_bytes(), 0);
    // And it can be tuned again; the numbers go on.
    let feed = within("tune again", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    assert!(feed.published().segments()[0].sequence > 0);
    assert_eq!(bench.upstream.connections("one").total, 2);
}

/// The order changes in the very moment in which the channel becomes playable.
#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_goes_as_soon_as_it_is_answered_is_noticed() {
    let bench = bench_with(TunerConfig { idle_timeout: Duration::from_millis(1), ..config() }).await;
    for n in 0..30 {
        let need = if n % 2 == 0 { Need::Playlist } else { Need::Bytes };
        drop(within("tune", bench.tuner.watch(FIRST, need)).await.unwrap());
        until("idle", || report(&bench.tuner, FIRST).state == State::Idle).await;
    }
}

/// What each fault is called when a channel cannot start.
#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_the_start_is_told_to_who_waits() {
    for (fault, expected) in [
        (Fault::Reset, UpstreamFault::Broken),
        (Fault::HangBeforeHead, UpstreamFault::NoAnswer),
        (Fault::HangAfterHead, UpstreamFault::NoBytes),
        (Fault::Status(403), UpstreamFault::Status(403)),
        (Fault::Status(502), UpstreamFault::Status(502)),
        (Fault::RedirectLoop, UpstreamFault::Redirects),
        (Fault::Html, UpstreamFault::Html),
        (Fault::Empty, UpstreamFault::Empty),
        (Fault::Garbage, UpstreamFault::Garbage),
        (Fault::NullFlood, UpstreamFault::NoAccessUnits),
    ] {
        let bench = bench().await;
        bench.upstream.set_fault("one", fault.clone());
        match within("answer", bench.tuner.watch(FIRST, Need::Playlist)).await {
            Err(TuneError::Upstream { fault: told, .. }) => assert_eq!(told, expected, "{fault}"),
            other => panic!("{fault}: {other:?}"),
        }
        // The upstream comes back: the next viewer gets the channel, at the latest after the longest wait.
        bench.upstream.set_fault("one", None);
        within("recovery", async {
            while bench.tuner.watch(FIRST, Need::Playlist).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_resolve_is_told() {
    let bench = bench().await;
    let urls = [(FIRST, vec!["http://nowhere.invalid/1.ts".to_owned()])];
    let patient = TunerConfig { connect_timeout: PATIENCE, ..config() };
    let tuner = tuner_of(urls, &bench.store, patient, None);
    let error = within("answer", tuner.watch(FIRST, Need::Playlist)).await.unwrap_err();
    // Some machines have a resolver that is slow to say no.
    let told = [UpstreamFault::Dns, UpstreamFault::NoAnswer];
    assert!(matches!(error, TuneError::Upstream { fault, .. } if told.contains(&fault)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_refuses_connections_is_told() {
    let bench = bench().await;
    bench.upstream.refuse(true).await;
    let error = within("answer", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap_err();
    assert!(matches!(error, TuneError::Upstream { fault: UpstreamFault::Connect, .. }), "{error:?}");
}

/// A channel with viewers recovers by itself; the one beside it notices nothing.
#[tokio::test(flavor = "multi_thread")]
async fn faults_in_the_middle_heal_and_stay_with_their_channel() {
    let bench = bench().await;
    let feed = within("tune", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    let other = within("tune", bench.tuner.watch(SECOND, Need::Playlist)).await.unwrap();
    let others_restarts = report(&bench.tuner, SECOND).restarts;
    for fault in [Fault::Reset, Fault::Truncate, Fault::Close, Fault::Stall, Fault::Garbage, Fault::Html] {
        let (restarts, before) = (report(&bench.tuner, FIRST).restarts, newest(&feed));
        bench.upstream.set_fault("one", fault.clone());
        until(&format!("{fault}: failure"), || report(&bench.tuner, FIRST).restarts > restarts).await;
        bench.upstream.set_fault("one", None);
        let recovered = || report(&bench.tuner, FIRST).state == State::Live && newest(&feed) > before + 1;
        until(&format!("{fault}: recovery"), recovered).await;
        assert!(feed.published().segments().iter().any(|segment| segment.discontinuity), "{fault}");
    }
    let sequences: Vec<_> = feed.published().segments().iter().map(|segment| segment.sequence).collect();
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
    assert_eq!(report(&bench.tuner, SECOND).restarts, others_restarts);
    assert!(other.published().segments().iter().skip(1).all(|segment| !segment.discontinuity));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_upstream_is_tried_before_anybody_is_refused() {
    let bench = bench().await;
    within("tune", bench.tuner.watch(SECOND, Need::Playlist)).await.unwrap();
    assert_eq!(report(&bench.tuner, SECOND).restarts, 1);
    assert_eq!(bench.upstream.connections("two").total, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_answered_at_the_deadline_and_at_shutdown() {
    let slow =
        TunerConfig { start_timeout: Duration::from_millis(200), stall_timeout: Duration::from_secs(60), ..config() };
    let bench = bench_with(slow).await;
    bench.upstream.set_fault("one", Fault::HangAfterHead);
    let error = within("deadline", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap_err();
    // On a busy machine even the head may be late.
    let waits_for = [UpstreamFault::NoBytes, UpstreamFault::NoAnswer];
    assert!(matches!(error, TuneError::Deadline { fault, .. } if waits_for.contains(&fault)), "{error:?}");

    let patient = TunerConfig { start_timeout: Duration::from_secs(600), stall_timeout: PATIENCE, ..config() };
    let bench = bench_with(patient).await;
    bench.upstream.set_fault("one", Fault::HangAfterHead);
    let (answer, ended) = within("shutdown", async {
        let waiting = bench.tuner.watch(FIRST, Need::Playlist);
        let shutdown = async {
            bench.upstream.wait_for_connections("one", PATIENCE, |connections| connections.current == 1).await;
            bench.tuner.shutdown(PATIENCE).await
        };
        tokio::join!(waiting, shutdown)
    })
    .await;
    assert_eq!(answer.unwrap_err(), TuneError::Stopping);
    assert!(ended);
    bench.upstream.wait_for_connections("one", PATIENCE, |connections| connections.current == 0).await;
}

/// A host that was killed forgets everything but what the store holds.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_never_repeat_after_a_restart() {
    let bench = bench().await;
    let before = {
        let feed = within("tune", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
        newest(&feed)
    };
    let reborn = tuner(&bench.upstream, &bench.store, config());
    let feed = within("tune", reborn.watch(FIRST, Need::Playlist)).await.unwrap();
    let first = feed.published().segments()[0].clone();
    assert!(first.sequence > before && first.discontinuity, "{} after {before}", first.sequence);
    drop(bench.folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn continuous_viewers_get_whole_packets_across_a_restart() {
    let bench = bench().await;
    let mut follower = within("tune", bench.tuner.watch(FIRST, Need::Bytes)).await.unwrap().follow();
    let mut bytes = Vec::new();
    within("first bytes", async {
        while bytes.len() < 200_000 {
            bytes.extend_from_slice(&follower.next().await.unwrap());
        }
    })
    .await;
    bench.upstream.disconnect("one");
    until("restart", || report(&bench.tuner, FIRST).restarts > 0).await;
    let enough = bytes.len() + 200_000;
    within("more bytes", async {
        while bytes.len() < enough {
            bytes.extend_from_slice(&follower.next().await.unwrap());
        }
    })
    .await;
    assert!(bytes.chunks_exact(188).all(|packet| packet[0] == 0x47));
    assert_eq!(report(&bench.tuner, FIRST).skips, 0);
}

/// The primary is gone, the backup plays, the primary comes back and takes over once it has been healthy: no number is lost and
/// nobody is refused meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_steps_in_and_the_first_upstream_takes_over_again() {
    let bench = bench().await;
    let tuner = tuner_of(
        [(FIRST, vec![bench.upstream.url("one"), bench.upstream.url("two")])],
        &bench.store,
        TunerConfig { return_after: Duration::from_millis(300), ..config() },
        None,
    );
    let feed = within("tune", tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    assert_eq!(report(&tuner, FIRST).upstream, 0);
    bench.upstream.set_fault("one", Fault::Status(503));
    bench.upstream.disconnect("one");
    until("failover", || report(&tuner, FIRST).state == State::Live && report(&tuner, FIRST).upstream == 1).await;
    let restarts = report(&tuner, FIRST).restarts;
    bench.upstream.set_fault("one", None);
    until("return", || report(&tuner, FIRST).upstream == 0).await;
    bench.upstream.wait_for_connections("two", PATIENCE, |connections| connections.current == 0).await;
    assert_eq!(report(&tuner, FIRST).restarts, restarts, "nothing failed on the way back");
    let segments = feed.published().segments().to_vec();
    assert!(segments.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1));
    assert!(segments.last().unwrap().discontinuity_sequence >= 2);
}

/// The way back fails: the backup goes on as if nothing had happened.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_upstream_that_still_fails_disturbs_nobody() {
    let bench = bench().await;
    bench.upstream.set_fault("one", Fault::Status(503));
    let tuner = tuner_of(
        [(FIRST, vec![bench.upstream.url("one"), bench.upstream.url("two")])],
        &bench.store,
        TunerConfig { return_after: Duration::from_millis(50), ..config() },
        None,
    );
    let feed = within("tune", tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    let (restarts, newest_then) = (report(&tuner, FIRST).restarts, newest(&feed));
    bench.upstream.wait_for_connections("one", PATIENCE, |connections| connections.total > 3).await;
    until("more segments", || newest(&feed) > newest_then + 2).await;
    let now = report(&tuner, FIRST);
    assert_eq!((now.restarts, now.upstream, now.state), (restarts, 1, State::Live));
    assert!(feed.published().segments().iter().skip(1).all(|segment| !segment.discontinuity));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slate_shows_while_nothing_works() {
    let bench = bench().await;
    let slate = bench.folder.path().join("slate.ts");
    let clip = tokio::task::spawn_blocking(Clip::standard).await.unwrap().unwrap();
    std::fs::write(&slate, clip.bytes()).unwrap();
    bench.upstream.set_fault("one", Fault::Status(404));
    let tuner = tuner_of([(FIRST, vec![bench.upstream.url("one")])], &bench.store, config(), Some(slate));
    let feed = within("slate", tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    let now = report(&tuner, FIRST);
    // A failed channel never looks alive.
    assert!(now.slate && now.state != State::Live && now.fault == Some(UpstreamFault::Status(404)), "{now:?}");
    assert_eq!(now.bytes_in, 0);
    until("the slate goes on", || newest(&feed) > feed.published().segments()[0].sequence).await;
    within("bytes of the slate", tuner.watch(FIRST, Need::Bytes)).await.unwrap();
    bench.upstream.set_fault("one", None);
    until("the upstream", || report(&tuner, FIRST).state == State::Live).await;
    let now = report(&tuner, FIRST);
    assert!(!now.slate && now.fault.is_none(), "{now:?}");
    let segments = feed.published().segments().to_vec();
    assert!(segments.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1));
    assert!(segments.iter().skip(1).any(|segment| segment.discontinuity));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_was_given_up_is_tried_for_the_next_viewer() {
    let give_up_after = Duration::from_millis(300);
    let bench = bench_with(TunerConfig { give_up_after, ..config() }).await;
    let feed = within("tune", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    bench.upstream.set_fault("one", Fault::Status(404));
    bench.upstream.disconnect("one");
    let rests = async {
        loop {
            let before = bench.upstream.connections("one").total;
            let restarts = report(&bench.tuner, FIRST).restarts;
            tokio::time::sleep(3 * config().backoff_max).await;
            if report(&bench.tuner, FIRST).restarts == restarts && bench.upstream.connections("one").total == before {
                return;
            }
        }
    };
    within("nobody tries any more", rests).await;
    assert_eq!(report(&bench.tuner, FIRST).state, State::Backoff);
    bench.upstream.set_fault("one", None);
    within("the next viewer", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    until("live", || report(&bench.tuner, FIRST).state == State::Live).await;
    drop(feed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_tuned_beforehand_waits_for_its_viewer_a_while() {
    let bench = bench().await;
    bench.tuner.pretune([FIRST, SECOND]);
    // Twice is once.
    bench.tuner.pretune([FIRST]);
    until("both play", || bench.tuner.reports().iter().filter(|report| report.state == State::Live).count() == 2).await;
    assert_eq!(report(&bench.tuner, FIRST).viewers, 0);
    let feed = within("at once", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    until("nobody came", || report(&bench.tuner, SECOND).state == State::Idle).await;
    assert_eq!(report(&bench.tuner, FIRST).state, State::Live);
    assert_eq!(bench.upstream.connections("one").total, 1);
    drop(feed);
    within("shutdown", bench.tuner.shutdown(PATIENCE)).await;
}

/// A provider that allows one connection.
#[tokio::test(flavor = "multi_thread")]
async fn an_unwatched_channel_gives_its_connection_up() {
    let bench = bench().await;
    let urls = [(FIRST, vec![bench.upstream.url("one")]), (SECOND, vec![bench.upstream.url("two")])];
    let patient = TunerConfig { idle_timeout: Duration::from_secs(600), ..config() };
    let tuner = tuner_with(urls, &bench.store, patient, None, 1);
    drop(within("tune", tuner.watch(FIRST, Need::Playlist)).await.unwrap());
    until("draining", || report(&tuner, FIRST).state == State::Draining).await;
    let second = within("tune the other", tuner.watch(SECOND, Need::Playlist)).await.unwrap();
    until("idle", || report(&tuner, FIRST).state == State::Idle).await;
    assert_eq!(bench.upstream.connections("one").current + bench.upstream.connections("two").current, 1);
    // Now somebody watches: who comes is told.
    let error = within("refusal", tuner.watch(FIRST, Need::Playlist)).await.unwrap_err();
    assert!(matches!(error, TuneError::Upstream { fault: UpstreamFault::NoSlot, .. }), "{error:?}");
    assert_eq!((report(&tuner, SECOND).restarts, bench.upstream.connections("one").total), (0, 1));
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_channel_plays_without_viewers_and_makes_room_for_one() {
    let bench = bench().await;
    let urls = [(FIRST, vec![bench.upstream.url("one")]), (SECOND, vec![bench.upstream.url("two")])];
    let tuner = tuner_with(urls, &bench.store, config(), None, 1);
    tuner.keep_warm([FIRST]);
    until("warm", || report(&tuner, FIRST).state == State::Live).await;
    assert_eq!(report(&tuner, FIRST).viewers, 0);
    let second = within("tune the other", tuner.watch(SECOND, Need::Playlist)).await.unwrap();
    let first = report(&tuner, FIRST);
    assert_eq!((first.state, first.fault), (State::Backoff, Some(UpstreamFault::NoSlot)));
    drop(second);
    until("warm again", || report(&tuner, FIRST).state == State::Live).await;
    assert_eq!(report(&tuner, SECOND).state, State::Idle);
    tuner.keep_warm([]);
    until("idle", || report(&tuner, FIRST).state == State::Idle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_shrink_to_the_byte_budget() {
    let bench = bench_with(TunerConfig { window_budget: ByteSize(1), ..config() }).await;
    let feed = within("tune", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    let start = newest(&feed);
    until("more segments", || newest(&feed) > start + 4).await;
    assert!(feed.published().segments().len() <= 3, "{}", feed.published().segments().len());
}
