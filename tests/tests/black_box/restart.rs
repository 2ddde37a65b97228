//! kill -9 and a start later: lines, ids and media sequence numbers go on.

use mast_media::lint::Linter;
use mast_tests::{HlsPlayer, get};

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_on_after_kill_9() {
    let mut scene = Scene::of_clips(["one", "two"]).await;
    let ids = scene.channels(2).await;
    let late = scene.host.add_line("late", &["--max-connections", "3"]);
    let mut linter = Linter::default();
    let player = HlsPlayer::open(&scene.live(ids["one"], "m3u8")).await;
    player.segments(4).await;
    let before = player.media().await;
    linter.push(&before.text);
    let old_address = scene.host.address();

    scene.host.kill();
    scene.host.run();

    assert_eq!(scene.channels(2).await, ids, "ids and the line's credentials");
    let url = format!("/live/{}/{}/{}.m3u8", late.username, late.password, ids["two"]);
    let (status, body) = get(&scene.host.url(&url)).await;
    assert_eq!(status, 200, "a line added just before: {body}");
    let again = HlsPlayer::open(&scene.live(ids["one"], "m3u8")).await;
    let after = again.media_when("segments", |playlist| playlist.entries.len() >= 2).await;
    assert!(after.media_sequence >= before.end(), "{} after {}", after.media_sequence, before.end());
    assert!(after.discontinuity_sequence >= before.discontinuity_sequence);
    assert_eq!(after.target_duration, before.target_duration, "a learned target duration is kept");
    linter.push(&after.text);
    assert_eq!(linter.into_violations(), [], "playlists across the restart");

    // A player that was in the middle of it keeps its session: only the port is another one in this test.
    let moved = player.media_url().as_str().replace(&old_address.to_string(), &scene.host.address().to_string());
    let (status, body) = get(&moved).await;
    assert_eq!(status, 200, "the old session: {body}");
    assert!(scene.host.stop().success(), "and it still stops properly");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarting_many_times_never_repeats_a_number() {
    let mut scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let mut next = 0;
    for round in 0..4 {
        let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
        let segments = player.segments(2).await;
        let first = segments[0].0.sequence;
        assert!(first >= next, "round {round}: {first} was used before {next}");
        next = segments.last().unwrap().0.sequence + 1;
        if round % 2 == 0 {
            scene.host.kill();
        } else {
            scene.host.stop();
        }
        scene.host.run();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_can_be_managed_without_a_server() {
    let mut scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    scene.host.stop();
    let offline = scene.host.add_line("offline", &[]);
    let list = scene.host.mast(&["line", "list", "--json"]);
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.contains("\"anna\"") && list.contains("\"offline\""), "{list}");
    assert!(!list.contains("secret-"), "no passwords: {list}");
    let twice = scene.host.mast(&["line", "add", "--username", "anna", "--password", "secret-x"]);
    assert!(!twice.status.success() && String::from_utf8_lossy(&twice.stderr).contains("anna"));
    scene.host.run();
    let url = scene.host.url(&format!("/live/{}/{}/{id}.m3u8", offline.username, offline.password));
    HlsPlayer::open(&url).await.segments(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_host_on_the_same_data_folder_is_refused() {
    let scene = Scene::of_clips(["one"]).await;
    let output = scene.host.mast(&["serve"]);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("data") || said.contains("in use") || said.contains("runs"), "says why: {said}");
    scene.channels(1).await;
}
