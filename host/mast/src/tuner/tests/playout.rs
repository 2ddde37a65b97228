//! A channel that plays a playout of real files.

use super::*;
use crate::tuner::playout::Playouts;

/// Nothing but one playout.
struct OnlyPlayout(Playouts);

impl Upstreams for OnlyPlayout {
    fn count(&self, _: ChannelId) -> usize {
        1
    }

    fn open(&self, _: ChannelId, _: u32, _: Claim) -> BoxFuture<'static, Result<OpenUpstream, Failure>> {
        let playouts = self.0.clone();
        Box::pin(async move { Ok(OpenUpstream::single(playouts.open("own").await?, None)) })
    }

    fn slate(&self, _: ChannelId) -> Option<BoxFuture<'static, Result<OpenUpstream, Failure>>> {
        None
    }
}

/// Seconds of the wall clock since the last multiple of so many.
fn since_multiple(time: jiff::Timestamp, seconds: i64) -> f64 {
    time.as_microsecond().rem_euclid(seconds * 1_000_000) as f64 / 1e6
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_a_channel_and_a_restart_goes_on_in_it() {
    let clip = tokio::task::spawn_blocking(Clip::standard).await.unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.ts", "b.ts"] {
        std::fs::write(folder.path().join(name), clip.bytes()).unwrap();
    }
    let entries = ["a.ts", "b.ts"].map(|file| format!("{{ file = \"{file}\", duration = \"4s\" }}"));
    let settings = folder.path().join("mast.toml");
    std::fs::write(&settings, format!("[playout.own]\nentries = [{}]\n", entries.join(", "))).unwrap();
    let playouts = Playouts::new(&crate::config::Config::load(&settings).unwrap().playouts);
    let store: Arc<dyn StateStore> = mast_store::open_state(folder.path()).unwrap().into();
    let tuner = || {
        let upstreams = Arc::new(OnlyPlayout(playouts.clone()));
        Tuner::new(upstreams, Arc::clone(&store), Transcoder::bare(), config(), hls())
    };
    let mut last = None;
    for round in 0..2 {
        let tuner = tuner();
        let feed = within("tune", tuner.watch(FIRST, Need::Playlist)).await.unwrap();
        // From one file to the next, and to the one after it.
        let changes = |feed: &Feed| {
            let published = feed.published();
            published.segments().iter().skip(1).filter(|segment| segment.discontinuity).cloned().collect::<Vec<_>>()
        };
        let mut seen = std::collections::BTreeMap::new();
        until("two changes of files", || {
            seen.extend(changes(&feed).into_iter().map(|segment| (segment.sequence, segment)));
            seen.len() >= 2
        })
        .await;
        for segment in seen.values() {
            let late = since_multiple(segment.started_at, 4);
            assert!(!(0.4..3.6).contains(&late), "round {round}: a file starts at {}", segment.started_at);
        }
        let published = feed.published();
        let (first, newest) = (seen.keys().next().copied(), published.segments().last().unwrap());
        let now = jiff::Timestamp::now();
        assert!(newest.started_at <= now && now.duration_since(newest.started_at).as_secs_f64() < 8.0);
        assert!(first > last, "{first:?} after {last:?}");
        last = Some(newest.sequence);
        assert_eq!(report(&tuner, FIRST).restarts, 0);
        assert!(tuner.shutdown(PATIENCE).await);
    }
}
