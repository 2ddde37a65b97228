//! The libraries that real players are built on read what we emit.

use mast_tests::clients::{npm_playlist_parser, python_m3u8};
use mast_tests::{HlsPlayer, eventually, get_ok};

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_m3u8_package_reads_both_playlists() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    player.segments(3).await;

    let multivariant = python_m3u8(&player.multivariant);
    assert_eq!(multivariant["is_multivariant"], true, "{multivariant}");
    let variant = &multivariant["variants"][0];
    assert!(variant["bandwidth"].as_u64().unwrap() > 100_000, "{variant}");
    assert!(variant["codecs"].as_str().unwrap().contains("avc1."), "{variant}");
    assert_eq!(variant["resolution"], serde_json::json!([640, 360]), "{variant}");

    let media = player.media().await;
    let read = python_m3u8(&media.text);
    assert_eq!((&read["is_multivariant"], &read["is_endlist"]), (&false.into(), &false.into()));
    assert_eq!(read["media_sequence"], media.media_sequence);
    assert_eq!(read["target_duration"], media.target_duration);
    let segments = read["segments"].as_array().unwrap();
    assert_eq!(segments.len(), media.entries.len());
    assert!(segments.iter().all(|segment| segment["program_date_time"].is_string()), "{read}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_playlist_parser_package_reads_every_form() {
    let scene = Scene::of_clips(["one", "two", "three"]).await;
    let ids = scene.channels(3).await;
    let line = &scene.line;
    let credentials = format!("username={}&password={}", line.username, line.password);
    for path in [
        format!("/get.php?{credentials}&type=m3u_plus&output=hls"),
        format!("/get.php?{credentials}&type=m3u_plus&output=ts"),
        format!("/get.php?{credentials}&type=m3u_plus"),
        format!("/get.php?{credentials}&type=m3u"),
        format!("/playlist/{}.m3u8", line.token),
    ] {
        let playlist = npm_playlist_parser(&get_ok(&scene.host.url(&path)).await);
        let items = playlist["items"].as_array().unwrap();
        let names: Vec<&str> = items.iter().map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["one", "two", "three"], "{path}");
        for item in items {
            let id = ids[item["name"].as_str().unwrap()];
            let url = item["url"].as_str().unwrap();
            assert!(url.starts_with(&scene.host.url("/")) && url.contains(&id.to_string()), "{path}: {url}");
        }
        if path.contains("m3u_plus") {
            assert_eq!(items[0]["tvg"]["id"], "one", "{path}");
            assert_eq!(items[0]["group"]["title"], "Test", "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_url_of_a_playlist_plays() {
    let scene = Scene::of_clips(["one", "two"]).await;
    scene.channels(2).await;
    let line = &scene.line;
    let path = format!("/get.php?username={}&password={}&type=m3u_plus&output=ts", line.username, line.password);
    let playlist = get_ok(&scene.host.url(&path)).await;
    let urls: Vec<&str> = playlist.lines().filter(|line| line.starts_with("http")).collect();
    assert_eq!(urls.len(), 2, "{playlist}");
    for url in urls {
        let mut response = mast_tests::client().get(url).send().await.unwrap();
        assert_eq!(response.status(), 200, "{url}");
        mast_tests::player::read_bytes(&mut response, 20_000).await;
    }
    // Both were released when their responses were dropped.
    eventually("no connection left", async || {
        (scene.upstream.connections("one").current + scene.upstream.connections("two").current == 0).then_some(())
    })
    .await;
}
