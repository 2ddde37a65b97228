//! Software that others wrote, against our outputs.

use mast_tests::clients::{Panel, npm_playlist_parser, npm_xtream};
use mast_tests::{Instance, TestHost, client, get_ok};
use mast_upstream::{Clip, Upstream};
use reqwest::header::RANGE;

use super::{Studio, app, field, library, outputs};
use crate::scene::quick;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_xtream_client_library_reads_everything() {
    let studio = Studio::open().await;
    let line = &studio.line;
    let read = npm_xtream(&studio.host.url(""), &line.username, &line.password);
    let (plain, own) = (&read["plain"], &read["standardized"]);
    assert_eq!((&plain["profile"]["auth"], &plain["profile"]["status"]), (&1.into(), &"Active".into()));
    assert_eq!((&own["profile"]["maxConnections"], &own["server"]["timezone"]), (&3.into(), &"UTC".into()), "{own}");
    let channels = own["channels"].as_array().unwrap();
    assert_eq!(field(channels, "name"), ["One \u{1f4fa} 'n' all", "Two; rm -rf $(x)"]);
    assert_eq!((&channels[0]["epgId"], &channels[0]["tvArchive"]), (&"one.example".into(), &false.into()));
    let url = channels[0]["url"].as_str().unwrap();
    let mut response = client().get(url).send().await.unwrap();
    assert_eq!(response.status(), 200, "{url}");
    mast_tests::player::read_bytes(&mut response, 20_000).await;
    drop(response);

    assert_eq!(plain["movie"]["movie_data"]["name"], "The Film (2020)", "{}", plain["movie"]);
    let film = get_ok(plain["movie"]["url"].as_str().unwrap()).await;
    assert_eq!(film.as_bytes(), super::MOVIE);
    let episodes = plain["show"]["episodes"]["1"].as_array().unwrap();
    assert_eq!(episodes.len(), 2, "{}", plain["show"]);
    assert_eq!(get_ok(episodes[1]["url"].as_str().unwrap()).await.as_bytes(), super::MOVIE);
    for (categories, expected) in [
        ("categories", vec!["News & <Talk>", "Sport"]),
        ("movieCategories", vec!["Drama"]),
        ("showCategories", vec!["Crime"]),
    ] {
        assert_eq!(field(plain[categories].as_array().unwrap(), "category_name"), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_playlist_libraries_read_every_list_alike() {
    let studio = Studio::open().await;
    for path in [
        studio.with_credentials("/get.php", "&type=m3u_plus&output=ts&key=live,movie,series"),
        studio.with_credentials("/get.php", "&type=m3u_plus&output=hls"),
        studio.host.url(&format!("/playlist/{}.m3u8", studio.line.token)),
    ] {
        let read = npm_playlist_parser(&get_ok(&path).await);
        let (items, channels) = (read["items"].as_array().unwrap(), read["channels"].as_array().unwrap());
        assert!(items.len() >= 2 && items.len() == channels.len(), "{path}: {read}");
        for (item, channel) in items.iter().zip(channels) {
            assert_eq!((&item["name"], &item["url"]), (&channel["name"], &channel["url"]), "{path}");
        }
        assert_eq!((&items[0]["tvg"]["id"], &channels[0]["tvgId"]), (&"one.example".into(), &"one.example".into()));
        assert_eq!(items[0]["group"]["title"], channels[0]["groupTitle"], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panel_that_others_wrote_feeds_channels_movies_and_series() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([quick("one", &clip)]).await.unwrap();
    let panel = Panel::start(&upstream.url("one"), "reel ");
    let source = format!(
        "kind = \"source\"\nplugin = \"source-xtream\"\n[config]\nserver = \"{0}\"\nusername = \"me\"\npassword = \"pass-word\"\n\
         content = [\"live\", \"movie\", \"series\"]\nrefresh = \"10s\"\n[grant]\nhttp = [\"{0}\"]\nupstream = [\"{0}\", \"{1}\"]\n\
         net_allow_private = [\"127.0.0.0/8\"]\nkv = \"1MiB\"\n",
        panel.url,
        upstream.at("")
    );
    let mut instances = outputs();
    instances.push(Instance::new("panel", source));
    let host = TestHost::start(&instances);
    let line = host.add_line("ben", &["--max-connections", "5"]);
    let [channels, movies, series] = library(&host, &line, (1, 1, 1)).await;
    assert_eq!(
        (field(&channels, "name"), field(&movies, "name")),
        (vec!["One & Only".into()], vec!["The Film".into()])
    );

    let live = host.url(&format!("/live/{}/{}/{}.ts", line.username, line.password, channels[0]["id"]));
    let mut response = client().get(&live).send().await.unwrap();
    assert_eq!(response.status(), 200, "through the panel's redirect");
    mast_tests::player::read_bytes(&mut response, 20_000).await;
    drop(response);

    let episodes = app(&host, &line, &format!("series/{}/episodes", series[0]["id"])).await;
    let episodes = episodes["episodes"].as_array().unwrap().clone();
    assert_eq!(field(&episodes, "name"), ["Pilot", "Second"], "{episodes:?}");
    for (kind, id) in [("movie", &movies[0]["id"]), ("series", &episodes[1]["id"])] {
        let url = host.url(&format!("/{kind}/{}/{}/{id}.mp4", line.username, line.password));
        let film = client().get(&url).header(RANGE, "bytes=5-8").send().await.unwrap();
        assert_eq!(film.status(), 206, "{kind}");
        assert!(film.text().await.unwrap().starts_with("reel"), "{kind}");
    }
    let status = String::from_utf8(host.mast(&["status", "--json"]).stdout).unwrap();
    assert!(status.replace(": ", ":").contains("\"max_connections\":2"), "{status}");
    assert!(!host.log().contains("pass-word"), "credentials of the panel");
}
