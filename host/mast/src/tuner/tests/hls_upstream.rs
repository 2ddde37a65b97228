//! Channels whose upstream is HLS.

use mast_upstream::{HlsFault, Text};

use super::*;

/// `one` plays this URL.
async fn bench_at(url: impl FnOnce(&Upstream) -> String) -> Bench {
    let bench = bench().await;
    let urls = [(FIRST, vec![url(&bench.upstream)])];
    Bench { tuner: tuner_of(urls, &bench.store, config(), None), ..bench }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hls_upstream_plays_without_a_seam() {
    for path in ["/one/index.m3u8", "/one/aes/index.m3u8"] {
        let bench = bench_at(|upstream| upstream.at(path)).await;
        let feed = within("tune", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
        let start = newest(&feed);
        until("more segments", || newest(&feed) > start + 5).await;
        let published = feed.published();
        assert!(published.segments().iter().skip(1).all(|segment| !segment.discontinuity), "{path}");
        assert_eq!(report(&bench.tuner, FIRST).restarts, 0, "{path}");
        drop(feed);
        until("idle", || report(&bench.tuner, FIRST).state == State::Idle).await;
        bench.upstream.wait_for_connections("one", PATIENCE, |connections| connections.current == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_window_is_there_at_once() {
    let bench = bench_at(|upstream| upstream.hls_url("one")).await;
    let started = Instant::now();
    let feed = within("tune", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    until("a window", || feed.published().segments().len() >= 4).await;
    // Two seconds and more of segments, in less.
    let length: Duration = feed.published().segments().iter().map(|segment| segment.duration).sum();
    assert!(length > started.elapsed(), "{length:?} after {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_hls_upstreams_are_told_and_heal() {
    let bench = bench_at(|upstream| upstream.hls_url("one")).await;
    let feed = within("tune", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    for fault in
        [Fault::Hls(HlsFault::Frozen), Fault::Hls(HlsFault::Looping), Fault::Hls(HlsFault::Ended), Fault::Status(403)]
    {
        let (restarts, before) = (report(&bench.tuner, FIRST).restarts, newest(&feed));
        bench.upstream.set_fault("one", fault.clone());
        until(&format!("{fault}: failure"), || report(&bench.tuner, FIRST).restarts > restarts).await;
        bench.upstream.set_fault("one", None);
        let recovered = || report(&bench.tuner, FIRST).state == State::Live && newest(&feed) > before + 1;
        until(&format!("{fault}: recovery"), recovered).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seams_of_hls_upstreams_are_discontinuities_and_no_failures() {
    let bench = bench_at(|upstream| upstream.hls_url("one")).await;
    let feed = within("tune", bench.tuner.watch(FIRST, Need::Playlist)).await.unwrap();
    let start = newest(&feed);
    bench.upstream.set_fault("one", Fault::Hls(HlsFault::Restarted));
    let seam = || feed.published().segments().iter().any(|segment| segment.discontinuity && segment.sequence > start);
    until("a discontinuity", seam).await;
    assert_eq!(report(&bench.tuner, FIRST).restarts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_played_is_told_to_who_waits() {
    let protected = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n\
                     #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://k\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n\
                     #EXTINF:1,\none/3.ts\n";
    let fragments = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:1,\na.m4s\n";
    for (text, expected) in [(protected, UpstreamFault::Drm("FairPlay")), (fragments, UpstreamFault::NeedsFfmpeg)] {
        let bench = bench_at(|upstream| upstream.at("/odd.m3u8")).await;
        bench.upstream.set_text("/odd.m3u8", Text::plain(text));
        match within("answer", bench.tuner.watch(FIRST, Need::Playlist)).await {
            Err(TuneError::Upstream { fault, .. }) => assert_eq!(fault, expected),
            other => panic!("{expected:?}: {other:?}"),
        }
    }
}
