//! The catalogue over a real store, with sources that answer as told.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use mast_model::{LineRecord, LineToken, Secret};
use mast_plugin::records::{Channel as Record, Refreshed, Upstream};
use mast_plugin::services::{BoxFuture, CatalogSink, Validator};
use mast_plugin::{CallError, CallFailure};
use tokio::time::timeout;

use super::*;

const LONG: Duration = Duration::from_secs(20);

/// What a source does when it is asked.
#[derive(Clone)]
enum Answer {
    /// Delivers these channels.
    Channels(&'static [&'static str]),
    /// Delivers these and then fails.
    CutOff(&'static [&'static str]),
    Unchanged,
    Fails {
        retry_after: Option<u32>,
    },
    Hangs,
    /// Delivers so many channels, and says this of them.
    Many(usize, &'static [(&'static str, &'static str)]),
}

/// Answers from a list; the last answer stays. Remembers the validators it was given.
struct FakeSource {
    answers: Mutex<VecDeque<Answer>>,
    asked: watch::Sender<Vec<Vec<Validator>>>,
    resolves: bool,
}

impl FakeSource {
    fn new(answers: &[Answer]) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.iter().cloned().collect()),
            asked: watch::Sender::new(Vec::new()),
            resolves: false,
        })
    }

    async fn until_asked(&self, times: usize) {
        let mut asked = self.asked.subscribe();
        timeout(LONG, asked.wait_for(|asked| asked.len() >= times)).await.expect("it is asked").unwrap();
    }

    fn failure(failure: CallFailure) -> CallError {
        let (plugin, version) = ("fake".into(), "0.1.0".into());
        CallError { instance: id("s"), plugin, version, function: "catalog.refresh", failure }
    }
}

impl SourceCalls for FakeSource {
    fn refresh(
        &self,
        mut sink: Box<dyn CatalogSink>,
        validators: Vec<Validator>,
    ) -> BoxFuture<'_, Result<Refreshed, CallError>> {
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        self.asked.send_modify(|asked| asked.push(validators));
        Box::pin(async move {
            let validator = Validator { resource: "r".into(), etag: Some("e".into()), last_modified: None };
            let refreshed = |unchanged| Refreshed { unchanged, attrs: Vec::new(), validators: vec![validator.clone()] };
            let mut push = |keys: &[&str]| sink.channels(keys.iter().map(|key| record(key)).collect()).unwrap();
            match answer.unwrap() {
                Answer::Channels(keys) => {
                    push(keys);
                    Ok(refreshed(false))
                }
                Answer::CutOff(keys) => {
                    push(keys);
                    Err(Self::failure(CallFailure::Trap("the playlist ends early".into())))
                }
                Answer::Unchanged => Ok(refreshed(true)),
                Answer::Fails { retry_after } => {
                    let (code, message) = ("unavailable".into(), "the provider is down".into());
                    Err(Self::failure(CallFailure::Plugin { code, message, retry_after }))
                }
                Answer::Hangs => std::future::pending().await,
                Answer::Many(count, attrs) => {
                    let keys: Vec<String> = (0..count).map(|key| format!("k{key}")).collect();
                    push(&keys.iter().map(String::as_str).collect::<Vec<_>>());
                    let attrs = attrs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
                    Ok(Refreshed { attrs, ..refreshed(false) })
                }
            }
        })
    }

    fn resolves(&self) -> bool {
        self.resolves
    }

    fn resolve<'a>(&'a self, key: &'a str, attempt: u32) -> BoxFuture<'a, Result<Upstream, CallError>> {
        let answer = if key == "failing" {
            Err(Self::failure(CallFailure::Trap("no".into())))
        } else {
            Ok(upstream(&format!("http://made.example/{key}/{attempt}")))
        };
        Box::pin(std::future::ready(answer))
    }
}

fn id(name: &str) -> InstanceId {
    InstanceId::new(name).unwrap()
}

fn upstream(url: &str) -> Upstream {
    Upstream { url: url.into(), kind: "auto".into(), headers: Vec::new(), expires: None, attrs: Vec::new() }
}

fn record(key: &str) -> Record {
    Record {
        key: key.into(),
        name: key.to_uppercase(),
        number: None,
        category: Some(format!("group {}", &key[..1])),
        logo: None,
        epg_id: None,
        upstreams: vec![upstream(&format!("http://a.example/{key}")), upstream(&format!("http://b.example/{key}"))],
        catch_up: None,
        attrs: Vec::new(),
    }
}

fn line(bouquets: &[&str]) -> Line {
    let record = LineRecord::new("u", Secret::new("h"), LineToken::from_bytes([0; 32]));
    record.line(bouquets.iter().map(|name| (*name).to_owned()).collect())
}

fn entry(name: &str, generation: u64, source: &Arc<FakeSource>) -> SourceEntry {
    SourceEntry {
        id: id(name),
        generation,
        calls: Some(Arc::clone(source) as Arc<dyn SourceCalls>),
        refresh: Duration::from_secs(3600),
        changed_at: None,
    }
}

struct Setup {
    dir: tempfile::TempDir,
    catalog: Catalog,
    sources: watch::Sender<Arc<SourceSet>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Setup {
    fn open(dir: tempfile::TempDir, bouquets: Vec<BouquetConfig>, sources: SourceSet) -> Self {
        let catalog = Catalog::open(store(dir.path()), bouquets).unwrap();
        let sources = watch::Sender::new(Arc::new(sources));
        Self { dir, catalog, sources, tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    fn run(self) -> Self {
        // Failures are retried at once; only the normal interval waits.
        let timing = Timing {
            first_retry: Duration::from_millis(1),
            last_retry: Duration::from_millis(1),
            shortest: Duration::from_secs(10),
        };
        self.catalog.run_with((self.sources.subscribe(), None), &self.tasks, self.stop.clone(), timing);
        self
    }

    fn start(sources: SourceSet) -> Self {
        Self::open(tempfile::tempdir().unwrap(), Vec::new(), sources).run()
    }

    fn names(&self) -> Vec<String> {
        names(&self.catalog, &[])
    }

    async fn until_names(&self, expected: &[&str]) {
        let mut changes = self.catalog.changes();
        let waited = timeout(LONG, async {
            while self.names() != expected {
                changes.changed().await.unwrap();
            }
        });
        assert!(waited.await.is_ok(), "{:?} instead of {expected:?}", self.names());
    }

    async fn until_status(&self, name: &str, predicate: impl Fn(&SourceStatus) -> bool) -> SourceStatus {
        let waited = timeout(LONG, async {
            loop {
                let found = self.catalog.statuses().into_iter().find(|status| status.source == name);
                match found {
                    Some(status) if predicate(&status) => break status,
                    _ => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{:?}", self.catalog.statuses()))
    }

    /// Ends all tasks and hands back the folder for the next start.
    async fn end(self) -> tempfile::TempDir {
        self.stop.cancel();
        self.tasks.close();
        timeout(LONG, self.tasks.wait()).await.expect("tasks end");
        self.dir
    }
}

fn store(dir: &Path) -> Arc<dyn StateStore> {
    Arc::from(mast_store::open_state(dir).unwrap())
}

fn names(catalog: &Catalog, bouquets: &[&str]) -> Vec<String> {
    catalog.lineup(&line(bouquets)).entries.iter().map(|entry| entry.channel.name.clone()).collect()
}

#[tokio::test]
async fn a_source_is_refreshed_and_its_lineup_served() {
    let source = FakeSource::new(&[Answer::Channels(&["a1", "b1", "a2"])]);
    let setup = Setup::start(vec![entry("s", 1, &source)]);
    setup.until_names(&["A1", "B1", "A2"]).await;
    let lineup = setup.catalog.lineup(&line(&[]));
    let first = &lineup.entries[0];
    assert_eq!(first.number, 1);
    assert_eq!(lineup.categories.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["group a", "group b"]);
    assert_eq!(setup.catalog.channel(first.channel.id).unwrap().key, "a1");
    assert!(setup.catalog.sees(&line(&[]), first.channel.id));
    assert!(!setup.catalog.sees(&line(&[]), ChannelId(999)));
    assert!(Arc::ptr_eq(&lineup, &setup.catalog.lineup(&line(&[]))), "shared");

    let status = setup.until_status("s", |status| status.last_success.is_some()).await;
    assert_eq!((status.channels, status.categories, status.error), (3, 2, None));
    assert!(status.next_attempt.is_some() || !status.refreshing);
    assert_eq!(setup.catalog.waiting_for(), []);
    setup.end().await;
}

#[tokio::test]
async fn whatever_goes_wrong_the_last_good_lineup_stays() {
    for (bad, expected) in [
        (Answer::Channels(&[]), "delivered no channels"),
        (Answer::CutOff(&["a1"]), "the playlist ends early"),
        (Answer::Fails { retry_after: None }, "the provider is down (unavailable)"),
    ] {
        let source = FakeSource::new(&[Answer::Channels(&["a1", "a2"])]);
        let setup = Setup::start(vec![entry("s", 1, &source)]);
        setup.until_names(&["A1", "A2"]).await;
        let ids = |setup: &Setup| {
            setup.catalog.lineup(&line(&[])).entries.iter().map(|entry| entry.channel.id).collect::<Vec<_>>()
        };
        let before = ids(&setup);

        let worse = FakeSource::new(&[bad, Answer::Hangs]);
        setup.sources.send_replace(Arc::new(vec![entry("s", 2, &worse)]));
        let status = setup.until_status("s", |status| status.error.is_some()).await;
        assert!(status.error.as_ref().unwrap().contains(expected), "{status:?}");
        assert_eq!((setup.names(), status.channels), (vec!["A1".to_owned(), "A2".to_owned()], 2));
        assert_eq!(ids(&setup), before);
        // It is asked again by itself.
        worse.until_asked(2).await;

        let better = FakeSource::new(&[Answer::Channels(&["a2", "a3"])]);
        setup.sources.send_replace(Arc::new(vec![entry("s", 3, &better)]));
        setup.until_names(&["A2", "A3"]).await;
        assert_eq!(ids(&setup)[0], before[1], "a channel keeps its id");
        setup.until_status("s", |status| status.error.is_none()).await;
        setup.end().await;
    }
}

#[tokio::test]
async fn a_restart_serves_what_is_stored_and_asks_when_it_is_due() {
    let source = FakeSource::new(&[Answer::Channels(&["a1"])]);
    let setup = Setup::start(vec![entry("s", 1, &source)]);
    setup.until_names(&["A1"]).await;
    let dir = setup.end().await;

    let idle = FakeSource::new(&[Answer::Channels(&["new"])]);
    let setup = Setup::open(dir, Vec::new(), vec![entry("s", 1, &idle)]);
    assert_eq!(setup.names(), ["A1"], "before anything runs");
    let setup = setup.run();
    assert_eq!(setup.names(), ["A1"]);
    assert_eq!(setup.catalog.waiting_for(), []);
    let status = setup.until_status("s", |status| status.next_attempt.is_some()).await;
    assert!(status.last_success.is_some() && status.last_attempt.is_none(), "{status:?}");
    assert!(idle.asked.borrow().is_empty(), "it is not due");
    let dir = setup.end().await;

    // Its file was edited while the host was down: asked at once, and not whether anything changed.
    let edited = FakeSource::new(&[Answer::Channels(&["new"])]);
    let changed_at = Timestamp::now().checked_add(Duration::from_secs(5)).ok();
    let edit = SourceEntry { changed_at, ..entry("s", 1, &edited) };
    let setup = Setup::open(dir, Vec::new(), vec![edit]).run();
    setup.until_names(&["NEW"]).await;
    assert_eq!(*edited.asked.borrow(), [vec![]]);
    let dir = setup.end().await;

    // It is stale: asked whether anything changed.
    let stale = FakeSource::new(&[Answer::Unchanged]);
    let dir = {
        let store = store(dir.path());
        store.touch_source(&id("s"), Timestamp::now().checked_sub(Duration::from_secs(7200)).unwrap()).unwrap();
        drop(store);
        dir
    };
    let setup = Setup::open(dir, Vec::new(), vec![entry("s", 1, &stale)]).run();
    let status = setup.until_status("s", |status| status.last_attempt.is_some()).await;
    assert_eq!((status.error, setup.names()), (None, vec!["NEW".to_owned()]));
    assert_eq!(stale.asked.borrow()[0][0].etag.as_deref(), Some("e"));
    setup.end().await;
}

#[tokio::test]
async fn nothing_changed_without_anything_before_is_a_failure() {
    let source = FakeSource::new(&[Answer::Unchanged, Answer::Hangs]);
    let setup = Setup::start(vec![entry("s", 1, &source)]);
    let status = setup.until_status("s", |status| status.error.is_some()).await;
    assert!(status.error.unwrap().contains("never delivered anything"));
    setup.end().await;
}

#[tokio::test]
async fn sources_come_and_go() {
    let one = FakeSource::new(&[Answer::Channels(&["a1"])]);
    let two = FakeSource::new(&[Answer::Channels(&["b1"])]);
    let setup = Setup::start(vec![entry("one", 1, &one)]);
    setup.until_names(&["A1"]).await;
    let id_before = setup.catalog.lineup(&line(&[])).entries[0].channel.id;
    setup.sources.send_replace(Arc::new(vec![entry("one", 1, &one), entry("two", 2, &two)]));
    setup.until_names(&["A1", "B1"]).await;
    assert_eq!(one.asked.borrow().len(), 1, "it was not touched");

    setup.sources.send_replace(Arc::new(vec![entry("two", 2, &two)]));
    setup.until_names(&["B1"]).await;
    assert!(setup.catalog.channel(id_before).is_none());
    assert_eq!(setup.catalog.statuses().len(), 1);

    // Back again, but not to be loaded: what it delivered last counts, under the same id.
    let broken = SourceEntry { calls: None, ..entry("one", 0, &one) };
    setup.sources.send_replace(Arc::new(vec![broken, entry("two", 2, &two)]));
    setup.until_names(&["A1", "B1"]).await;
    assert_eq!(setup.catalog.lineup(&line(&[])).entries[0].channel.id, id_before);
    setup.end().await;
}

#[tokio::test]
async fn a_source_that_hangs_keeps_nobody_waiting() {
    let (hanging, good) = (FakeSource::new(&[Answer::Hangs]), FakeSource::new(&[Answer::Channels(&["a1"])]));
    let setup = Setup::start(vec![entry("hangs", 1, &hanging), entry("works", 2, &good)]);
    setup.until_names(&["A1"]).await;
    assert_eq!(setup.catalog.waiting_for(), [id("hangs")]);
    // Loaded anew: the call that hangs is given up.
    setup.sources.send_replace(Arc::new(vec![entry("hangs", 3, &good), entry("works", 2, &good)]));
    setup.until_names(&["A1", "A1"]).await;
    setup.end().await;
}

#[tokio::test]
async fn a_plugin_may_ask_for_patience() {
    let source = FakeSource::new(&[Answer::Fails { retry_after: Some(3600) }]);
    let setup = Setup::start(vec![entry("s", 1, &source)]);
    let status = setup.until_status("s", |status| status.error.is_some() && status.next_attempt.is_some()).await;
    let wait = status.next_attempt.unwrap().duration_since(Timestamp::now());
    assert!(wait.as_secs() > 3000, "{wait:?}");
    assert_eq!(setup.catalog.waiting_for(), [], "it had its chance");
    setup.end().await;
}

#[tokio::test]
async fn bouquets_say_what_is_sold() {
    let (one, two) =
        (FakeSource::new(&[Answer::Channels(&["a1", "b1"])]), FakeSource::new(&[Answer::Channels(&["c1", "b2"])]));
    let bouquet = |name: &str, sources: &[&str], categories: &[&str], channels: &[u32]| BouquetConfig {
        name: name.into(),
        sources: sources.iter().map(|source| id(source)).collect(),
        categories: categories.iter().map(|category| (*category).to_owned()).collect(),
        channels: channels.iter().copied().map(ChannelId).collect(),
    };
    let bouquets = vec![
        bouquet("one", &["one"], &[], &[]),
        bouquet("b", &[], &["group b"], &[]),
        bouquet("third", &[], &[], &[3]),
        bouquet("nothing", &[], &[], &[]),
    ];
    let dir = tempfile::tempdir().unwrap();
    let setup = Setup::open(dir, bouquets, vec![entry("one", 1, &one)]).run();
    setup.until_names(&["A1", "B1"]).await;
    setup.sources.send_replace(Arc::new(vec![entry("one", 1, &one), entry("two", 2, &two)]));
    setup.until_names(&["A1", "B1", "C1", "B2"]).await;
    for (bouquets, expected) in [
        (&["one"][..], &["A1", "B1"][..]),
        (&["b"], &["B1", "B2"]),
        (&["third"], &["C1"]),
        (&["one", "third"], &["A1", "B1", "C1"]),
        (&["nothing"], &[]),
        (&["unknown"], &[]),
    ] {
        assert_eq!(names(&setup.catalog, bouquets), expected, "{bouquets:?}");
    }
    assert!(!setup.catalog.sees(&line(&["one"]), ChannelId(3)));
    setup.end().await;
}

#[tokio::test]
async fn upstreams_are_made_or_taken_in_turns() {
    let plain = FakeSource::new(&[Answer::Channels(&["a1"])]);
    let making = Arc::new(FakeSource { resolves: true, ..unshared(&[Answer::Channels(&["made", "failing"])]) });
    let setup = Setup::start(vec![entry("making", 1, &making), entry("plain", 2, &plain)]);
    setup.until_names(&["MADE", "FAILING", "A1"]).await;
    let lineup = setup.catalog.lineup(&line(&[]));
    let resolve = async |index: usize, attempt| {
        let upstream = setup.catalog.resolve(&lineup.entries[index].channel, attempt).await.unwrap();
        upstream.url.expose().to_owned()
    };
    assert_eq!(resolve(0, 2).await, "http://made.example/made/2");
    assert_eq!(resolve(1, 0).await, "http://a.example/failing", "stored ones serve");
    assert_eq!(resolve(2, 0).await, "http://a.example/a1");
    assert_eq!(resolve(2, 1).await, "http://b.example/a1");
    assert_eq!(resolve(2, 2).await, "http://a.example/a1");
    let bare = Channel { upstreams: Vec::new(), ..(*lineup.entries[1].channel).clone() };
    assert!(matches!(setup.catalog.resolve(&bare, 0).await, Err(ResolveError::Failed(_))));
    let bare = Channel { upstreams: Vec::new(), ..(*lineup.entries[2].channel).clone() };
    assert!(matches!(setup.catalog.resolve(&bare, 0).await, Err(ResolveError::None { .. })));
    setup.end().await;
}

fn unshared(answers: &[Answer]) -> FakeSource {
    Arc::into_inner(FakeSource::new(answers)).unwrap()
}

#[tokio::test]
async fn a_lineup_that_lost_too_much_is_taken_over_when_somebody_says_so() {
    let source = FakeSource::new(&[Answer::Many(40, &[]), Answer::Many(19, &[]), Answer::Hangs]);
    let setup = Setup::start(vec![entry("s", 1, &source)]);
    setup.until_status("s", |status| status.channels == 40).await;
    setup.catalog.refresh("s").unwrap();
    let status = setup.until_status("s", |status| status.error.is_some()).await;
    assert!(status.error.as_ref().unwrap().contains("mast source accept --name s"), "{status:?}");
    let changes = status.last_changes.unwrap();
    assert_eq!(
        (changes.accepted, changes.channels.removed.count, changes.channels.removed.names[0].as_str()),
        (false, 21, "K19")
    );
    assert_eq!((status.channels, setup.names().len()), (40, 40), "the old lineup stays");
    let dir = setup.end().await;

    let source = FakeSource::new(&[Answer::Many(19, &[]), Answer::Many(19, &[]), Answer::Many(9, &[]), Answer::Hangs]);
    let setup = Setup::open(dir, Vec::new(), vec![entry("s", 1, &source)]).run();
    setup.until_status("s", |status| status.next_attempt.is_some()).await;
    setup.catalog.accept("s").unwrap();
    let status = setup.until_status("s", |status| status.channels == 19).await;
    let changes = status.last_changes.unwrap();
    assert_eq!((changes.accepted, changes.channels.removed.count, status.error), (true, 21, None));
    assert!(matches!(setup.catalog.accept("nobody"), Err(EditError::NotFound(_))));
    setup.end().await;
}

#[tokio::test]
async fn what_a_provider_allows_is_known_also_after_a_restart() {
    let said: &[(&str, &str)] = &[("provider-connections", "2"), ("provider-status", "Active")];
    let source = FakeSource::new(&[Answer::Many(1, said), Answer::Unchanged]);
    let setup = Setup::start(vec![entry("s", 1, &source)]);
    let status = setup.until_status("s", |status| status.provider.is_some()).await;
    assert_eq!(status.provider.unwrap().status.as_deref(), Some("Active"));
    let dir = setup.end().await;

    let setup = Setup::open(dir, Vec::new(), vec![entry("s", 1, &source)]);
    assert_eq!(setup.catalog.provider_connections(&id("s")), Some(2));
    assert_eq!(setup.catalog.provider_connections(&id("other")), None);
    let setup = setup.run();
    setup.catalog.refresh("s").unwrap();
    let status = setup.until_status("s", |status| status.last_attempt.is_some()).await;
    assert_eq!(status.provider.and_then(|provider| provider.max_connections), Some(2), "it said nothing new");
    setup.end().await;
}
