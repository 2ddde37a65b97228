//! Sessions: exactly as many as a line has, whatever comes at once; over when the line is; and never in the way after a restart.

use std::time::{Duration, Instant};

use mast_tests::connection::Connection;
use mast_tests::player::read_bytes;
use mast_tests::readings::Readings;
use mast_tests::{HlsPlayer, LineAccount, client, eventually, get};
use mast_upstream::Clip;
use tokio::task::JoinSet;

use crate::crowd::allow_descriptors;
use crate::scene::{Scene, quick};

const AT_ONCE: usize = 1000;

fn live(scene: &Scene, line: &LineAccount, file: &str) -> String {
    scene.host.url(&format!("/live/{}/{}/{file}", line.username, line.password))
}

/// A thousand players of one line with three connections, each another device; the statuses they got, and their open connections.
async fn rush(scene: &Scene, file: &str) -> Vec<(u16, Connection)> {
    let line = scene.host.add_line("rush", &["--max-connections", "3"]);
    let path = format!("/live/{}/{}/{file}", line.username, line.password);
    // Verified once, so that a thousand logins do not wait for a thousand hashes; HEAD costs no connection.
    assert_eq!(client().head(scene.host.url(&path)).send().await.unwrap().status(), 200);
    let mut players = JoinSet::new();
    for number in 0..AT_ONCE {
        let (address, path) = (scene.host.address(), path.clone());
        players.spawn(async move {
            let mut connection = Connection::open(address, format!("device-{number}")).await;
            let status = connection.follow(&path).await;
            (status, connection)
        });
    }
    players.join_all().await
}

fn granted(answers: &[(u16, Connection)]) -> usize {
    assert!(answers.iter().all(|(status, _)| matches!(status, 200 | 403)), "{:?}", answers.iter().map(|a| a.0).max());
    answers.iter().filter(|(status, _)| *status == 200).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_at_once_three_are_let_in() {
    allow_descriptors();
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let answers = rush(&scene, &format!("{id}.ts")).await;
    assert_eq!(granted(&answers), 3);
    let readings = Readings::of(&scene.host).await;
    assert_eq!(readings.sum("mast_sessions", "continuous"), 3);
    drop(answers);
    eventually("the slots are free", async || {
        (Readings::of(&scene.host).await.sum("mast_sessions", "continuous") == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_at_once_the_last_three_stay() {
    allow_descriptors();
    let settings =
        "[limits]\nabove_limit = \"stop_oldest\"\n[tuner]\nidle_timeout = \"1s\"\n[hls]\nsegment_duration = \"1s\"\n";
    let scene = Scene::start_with(settings, [quick("one", &Clip::standard().unwrap())]).await;
    let id = scene.channels(1).await["one"];
    let mut answers = rush(&scene, &format!("{id}.ts")).await;
    assert!(granted(&answers) >= 3);
    assert_eq!(Readings::of(&scene.host).await.sum("mast_sessions", "continuous"), 3);
    // The others' connections are closed; three go on for as long as anybody reads.
    let mut reading = JoinSet::new();
    for (status, mut connection) in answers.drain(..) {
        reading.spawn(async move { status == 200 && connection.skip(20_000_000).await });
    }
    let ended = tokio::time::timeout(Duration::from_secs(60), async {
        let mut ended = 0;
        while ended < AT_ONCE - 3 {
            assert_eq!(
                reading.join_next().await.map(Result::unwrap),
                Some(false),
                "one of the three has read 20 MB already"
            );
            ended += 1;
        }
    });
    ended.await.expect("those who were stopped are told so");
    assert_eq!(reading.len(), 3);
    assert_eq!(Readings::of(&scene.host).await.sum("mast_sessions", "continuous"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_device_takes_over_where_the_line_says_so() {
    let settings =
        "[limits]\nabove_limit = \"stop_oldest\"\n[tuner]\nidle_timeout = \"1s\"\n[hls]\nsegment_duration = \"1s\"\n";
    let scene = Scene::start_with(settings, [quick("one", &Clip::standard().unwrap())]).await;
    let id = scene.channels(1).await["one"];
    let line = scene.host.add_line("solo", &[]);
    let first = HlsPlayer::open(&live(&scene, &line, &format!("{id}.m3u8"))).await;
    first.segments(1).await;
    let mut second =
        client().get(live(&scene, &line, &format!("{id}.ts"))).header("user-agent", "another").send().await.unwrap();
    assert_eq!(second.status(), 200);
    read_bytes(&mut second, 20_000).await;
    assert_eq!(first.try_media().await.0, 403, "the first session is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_end_with_their_line() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let soon = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 6;
    let expires = rfc3339(soon);
    let expiring = scene.host.add_line("expiring", &["--max-connections", "2", "--expires", &expires]);
    let disabled = scene.host.add_line("disabled", &["--max-connections", "2"]);
    let mut watching = Vec::new();
    for line in [&expiring, &disabled] {
        let player = HlsPlayer::open(&live(&scene, line, &format!("{id}.m3u8"))).await;
        assert_eq!(player.try_media().await.0, 200);
        let mut continuous = client().get(live(&scene, line, &format!("{id}.ts"))).send().await.unwrap();
        assert_eq!(continuous.status(), 200);
        read_bytes(&mut continuous, 20_000).await;
        watching.push((line, player, continuous));
    }
    assert!(scene.host.mast(&["line", "disable", "--username", "disabled"]).status.success());
    for (line, player, mut continuous) in watching {
        let ends = async { while let Ok(Some(_)) = continuous.chunk().await {} };
        tokio::time::timeout(Duration::from_secs(30), ends).await.expect("continuous MPEG-TS ends");
        let (status, said) = player.try_media().await;
        assert_eq!(status, 403, "{}: {said}", line.username);
    }
}

/// By the system's own `date`.
fn rfc3339(seconds: u64) -> String {
    let moment = format!("@{seconds}");
    let said = std::process::Command::new("date").args(["-u", "-d", &moment, "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_locks_no_line_out() {
    let mut scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let line = scene.host.add_line("solo", &[]);
    let player = HlsPlayer::open(&live(&scene, &line, &format!("{id}.m3u8"))).await;
    let target = player.media_when("a segment", |playlist| !playlist.entries.is_empty()).await.target_duration;
    scene.host.kill();
    scene.host.run();
    scene.channels(1).await;
    let since = Instant::now();
    let url = live(&scene, &line, &format!("{id}.m3u8"));
    eventually("the line may watch again, from anywhere", async || {
        let answer = client().get(&url).header("user-agent", "another device").send().await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
    assert!(since.elapsed() <= Duration::from_secs(3 * target), "{:?}", since.elapsed());
    let moved = player.media_url().path().to_owned();
    assert_eq!(get(&scene.host.url(&moved)).await.0, 403, "the line has one connection, and it is taken now");
}
