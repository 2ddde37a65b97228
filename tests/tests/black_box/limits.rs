//! Who is refused, with which status, and what a refusal gives away.

use mast_tests::player::read_bytes;
use mast_tests::{HlsPlayer, client, eventually, get};

use crate::scene::Scene;

/// The paths that carry a username and a password.
fn credential_paths(username: &str, password: &str, id: u32) -> [String; 3] {
    [
        format!("/live/{username}/{password}/{id}.m3u8"),
        format!("/live/{username}/{password}/{id}.ts"),
        format!("/get.php?username={username}&password={password}&type=m3u_plus"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_and_an_unknown_username_look_the_same() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let wrong = credential_paths(&scene.line.username, "wrong", id);
    let unknown = credential_paths("nobody", "wrong", id);
    for (wrong, unknown) in wrong.iter().zip(&unknown) {
        let (wrong_answer, unknown_answer) = (get(&scene.host.url(wrong)).await, get(&scene.host.url(unknown)).await);
        assert_eq!(wrong_answer, unknown_answer, "{wrong} and {unknown}");
        assert!(matches!(wrong_answer.0, 401 | 403), "{wrong}: {wrong_answer:?}");
        assert!(is_a_sentence(&wrong_answer.1), "{wrong}: {wrong_answer:?}");
    }
    assert_eq!(scene.upstream.connections("one").total, 0, "a refused viewer tunes nothing");
}

/// One line that a person can read, and nothing of the inside.
fn is_a_sentence(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.len() < 200 && !text.contains('\n') && !text.contains('<') && !text.contains("Error")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_disabled_and_unknown_tokens() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let expired = scene.host.add_line("old", &["--expires", "2020-01-01T00:00:00Z"]);
    let disabled = scene.host.add_line("off", &[]);
    let output = scene.host.mast(&["line", "disable", "--username", "off"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in [&expired, &disabled] {
        let (status, body) =
            get(&scene.host.url(&format!("/live/{}/{}/{id}.m3u8", line.username, line.password))).await;
        assert_eq!(status, 403, "{}: {body}", line.username);
        assert!(is_a_sentence(&body), "{body}");
        let (status, _) = get(&scene.host.url(&format!("/live/stream_{id}.m3u8?token={}", line.token))).await;
        assert_eq!(status, 403, "{} by token", line.username);
    }
    for token in ["", "x", &"0".repeat(64), &scene.line.token.to_uppercase()] {
        let (status, body) = get(&scene.host.url(&format!("/live/stream_{id}.m3u8?token={token}"))).await;
        assert!(matches!(status, 401 | 403), "token {token:?}: {status} {body}");
        let (status, _) = get(&scene.host.url(&format!("/playlist/{token}.m3u8"))).await;
        assert!(matches!(status, 401 | 403 | 404), "token {token:?}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_channels_are_404_and_so_are_those_not_bought() {
    let scene = Scene::of_clips(["one", "two"]).await;
    scene.channels(2).await;
    let unknown = get(&scene.live(999_999, "m3u8")).await;
    assert_eq!(unknown.0, 404, "{unknown:?}");
    assert!(is_a_sentence(&unknown.1), "{unknown:?}");
    for id in ["0", "-1", "4294967296", "99999999999999999999", "one", "1e3"] {
        let line = &scene.line;
        let (status, body) =
            get(&scene.host.url(&format!("/live/{}/{}/{id}.m3u8", line.username, line.password))).await;
        assert_eq!(status, 404, "{id}: {body}");
    }
    assert_eq!(scene.upstream.connections("one").total + scene.upstream.connections("two").total, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_someone_else_or_of_nobody_is_refused() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    let media = player.media_url().to_string();
    let session = media.split('/').rev().nth(2).unwrap().to_owned();
    let mut forged = session.clone().into_bytes();
    let last = forged.len() / 2;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let forged = media.replace(&session, std::str::from_utf8(&forged).unwrap());
    let (status, body) = get(&forged).await;
    assert!(matches!(status, 401 | 403 | 404), "{status} {body}");
    let other_channel = media.replace(&format!("/{id}/"), &format!("/{}/", id + 1));
    let (status, body) = get(&other_channel).await;
    assert!(matches!(status, 401 | 403 | 404), "{status} {body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn max_connections_counts_real_viewers_and_frees_their_slots() {
    let scene = Scene::of_clips(["one", "two"]).await;
    let ids = scene.channels(2).await;
    let line = scene.host.add_line("solo", &["--max-connections", "1"]);
    let url = |name: &str, extension: &str| {
        scene.host.url(&format!("/live/{}/{}/{}.{extension}", line.username, line.password, ids[name]))
    };

    let mut watching = client().get(url("one", "ts")).send().await.unwrap();
    assert_eq!(watching.status(), 200);
    read_bytes(&mut watching, 20_000).await;
    let (status, body) = get(&url("two", "m3u8")).await;
    assert!(matches!(status, 403 | 429), "a second channel: {status} {body}");
    assert!(is_a_sentence(&body), "{body}");
    drop(watching);
    eventually("the slot of a closed connection is free", async || {
        (get(&url("two", "m3u8")).await.0 == 200).then_some(())
    })
    .await;

    // Now an HLS session holds the slot: another device is refused, its own goes over at once.
    let another = client().get(url("one", "ts")).header("user-agent", "another device");
    let refused = another.send().await.unwrap().status().as_u16();
    assert!(matches!(refused, 403 | 429), "an HLS viewer holds the slot: {refused}");
    let own = client().get(url("one", "ts")).send().await.unwrap();
    assert_eq!(own.status(), 200);
    drop(own);
    // Many quick re-opens of one player are one viewer.
    for _ in 0..5 {
        let open = async || client().get(url("one", "ts")).send().await.unwrap().status().as_u16();
        eventually("re-opening works", async || (open().await == 200).then_some(())).await;
    }
}
