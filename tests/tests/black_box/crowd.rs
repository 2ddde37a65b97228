//! A thousand viewers at once, each with a socket of its own: everybody is served from one upstream connection, and what they cost goes
//! with them.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use mast_tests::connection::{Connection, resolve};
use mast_tests::readings::Readings;
use mast_tests::{HlsPlayer, MediaText, SOON, eventually};
use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;

use crate::scene::Scene;

const OVER_HLS: usize = 1000;
const CONTINUOUS: usize = 200;
/// What each viewer of continuous MPEG-TS reads at least: more than it gets at once when it joins.
const BYTES: u64 = 500_000;
/// Sockets of this process and of the host, which inherits its limit.
const DESCRIPTORS: usize = 4096;

/// MiB. What all of them may cost the host, and what may stay behind: the allocator keeps some of what was in use.
const MOST_FOR_ALL: u64 = 64;
const MOST_LEFT: u64 = 40;

/// Many systems allow a process 1,024 open files unless it asks for more.
pub(crate) fn allow_descriptors() {
    let pid = std::process::id().to_string();
    let limit = format!("--nofile={DESCRIPTORS}:");
    let raised = Command::new("prlimit").args(["--pid", &pid, &limit]).output().unwrap();
    assert!(raised.status.success(), "{}", String::from_utf8_lossy(&raised.stderr));
}

/// What the viewers of a crowd share.
struct Crowd {
    address: SocketAddr,
    /// Nobody goes on before everybody is there.
    together: Barrier,
    ended: watch::Sender<bool>,
}

impl Crowd {
    /// Opens the channel, reads its playlists and three segments, and stays until the end.
    async fn watch_hls(self: Arc<Self>, number: usize, path: String) {
        let mut connection = Connection::open(self.address, format!("viewer-{number}")).await;
        self.together.wait().await;
        let multivariant = connection.text(&path).await;
        let variant = multivariant.lines().find(|line| !line.starts_with('#')).expect("a variant");
        let media = resolve(&path, variant);
        let playlist = MediaText::parse(&connection.text(&media).await);
        assert!(playlist.entries.len() >= 3, "{}", playlist.text);
        for entry in playlist.entries.iter().rev().take(3) {
            let (status, segment) = connection.get(&resolve(&media, &entry.uri)).await;
            assert_eq!((status, segment.first()), (200, Some(&0x47)), "{}", entry.uri);
        }
        self.together.wait().await;
        self.end().await;
    }

    /// Reads until the end.
    async fn watch_continuous(self: Arc<Self>, number: usize, path: String) {
        let mut connection = Connection::open(self.address, format!("box-{number}")).await;
        self.together.wait().await;
        assert_eq!(connection.follow(&path).await, 200);
        assert!(connection.skip(BYTES).await, "it ended");
        self.together.wait().await;
        let reading = async { while connection.skip(BYTES).await {} };
        tokio::select! {
            () = reading => panic!("it ended"),
            () = self.end() => {}
        }
    }

    async fn end(&self) {
        self.ended.subscribe().wait_for(|ended| *ended).await.expect("the crowd holds the sender");
    }

    /// Waits for everybody, or fails with the first that failed.
    async fn gather(&self, viewers: &mut JoinSet<()>) {
        let gathered = async {
            tokio::select! {
                _ = self.together.wait() => {}
                Some(ended) = viewers.join_next() => panic!("a viewer left early: {ended:?}"),
            }
        };
        tokio::time::timeout(SOON, gathered).await.expect("everybody is served in time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_viewers_share_one_upstream_connection_and_leave_nothing_behind() {
    allow_descriptors();
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let line = scene.host.add_line("crowd", &["--max-connections", "2000"]);
    let path = |extension: &str| format!("/live/{}/{}/{id}.{extension}", line.username, line.password);
    let first = HlsPlayer::open(&scene.host.url(&path("m3u8"))).await;
    first.media_when("three segments", |playlist| playlist.entries.len() >= 3).await;
    let before = Readings::of(&scene.host).await;

    let crowd = Arc::new(Crowd {
        address: scene.host.address(),
        together: Barrier::new(OVER_HLS + CONTINUOUS + 1),
        ended: watch::Sender::new(false),
    });
    let mut viewers = JoinSet::new();
    for number in 0..OVER_HLS {
        viewers.spawn(Arc::clone(&crowd).watch_hls(number, path("m3u8")));
    }
    for number in 0..CONTINUOUS {
        viewers.spawn(Arc::clone(&crowd).watch_continuous(number, path("ts")));
    }
    crowd.gather(&mut viewers).await;
    crowd.gather(&mut viewers).await;
    let during = Readings::of(&scene.host).await;
    assert!(during.sum("mast_http_connections", "") >= (OVER_HLS + CONTINUOUS) as u64, "{during:#?}");
    assert!(during.sum("mast_sessions", "hls") >= OVER_HLS as u64, "{during:#?}");
    assert_eq!(during.sum("mast_sessions", "continuous"), CONTINUOUS as u64, "{during:#?}");
    assert_eq!(during.errors(), before.errors(), "{during:#?}");
    assert_eq!(during.sum("mast_http_connections_refused_total", ""), 0);
    assert_eq!(scene.upstream.connections("one").total, 1, "one for all of them");
    assert!(during.memory() <= before.memory() + MOST_FOR_ALL, "{} MiB, {} before", during.memory(), before.memory());

    crowd.ended.send_replace(true);
    viewers.join_all().await;
    let after = eventually("everything they held is free", async || {
        let readings = Readings::of(&scene.host).await;
        let sessions = readings.sum("mast_sessions", "");
        (sessions <= 1 && readings.descriptors() <= before.descriptors() + 4).then_some(readings)
    })
    .await;
    assert!(after.memory() <= before.memory() + MOST_LEFT, "{} MiB, {} before", after.memory(), before.memory());
}
