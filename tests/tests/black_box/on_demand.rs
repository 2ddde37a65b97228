//! Movies and episodes: handed on with the ranges that players ask for, under the rules of the line and of the provider.

use std::fmt::Write;

use mast_tests::{Instance, LineAccount, TestHost, client, eventually, get};
use mast_upstream::{Clip, Fault, Text, Upstream};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE, USER_AGENT};
use serde_json::Value;

use crate::scene::{ids, quick};

const MOVIE: &str = "/movie/u/secret-of-ours/501.mkv";

/// Bytes that tell where they are.
fn film(megabytes: usize) -> Vec<u8> {
    (0..megabytes << 18).flat_map(|n| (n as u32).to_le_bytes()).collect()
}

struct Cinema {
    host: TestHost,
    upstream: Upstream,
    line: LineAccount,
}

impl Cinema {
    /// One channel and these movies, by path and name; the provider's own rules behind `more`.
    async fn open(movies: &[(&str, &str)], more: &str) -> Self {
        let clip = Clip::standard().unwrap();
        let upstream = Upstream::start([quick("one", &clip)]).await.unwrap();
        upstream.set_text(MOVIE, Text::new("video/x-matroska", film(4)));
        let mut list = String::from("#EXTM3U\n");
        writeln!(list, "#EXTINF:-1 group-title=\"News\",one\n{}", upstream.url("one")).unwrap();
        for (path, name) in movies {
            writeln!(list, "#EXTINF:-1 group-title=\"Drama\",{name}\n{}", upstream.at(path)).unwrap();
        }
        upstream.set_text("/playlist.m3u", Text::m3u(list));
        let source = Instance::m3u_source("provider", &upstream, "/playlist.m3u").with(more);
        let host = TestHost::start(&[source, Instance::m3u_output("m3u")]);
        let line = host.add_line("anna", &["--max-connections", "4"]);
        let cinema = Self { host, upstream, line };
        eventually("the movies are there", async || {
            let response = client().head(cinema.movie(1)).send().await.unwrap();
            (response.status() != 404).then_some(())
        })
        .await;
        cinema
    }

    fn movie(&self, id: u32) -> String {
        self.host.url(&format!("/movie/{}/{}/{id}.mkv", self.line.username, self.line.password))
    }
}

async fn ranged(url: &str, range: &str, player: &str) -> reqwest::Response {
    client().get(url).header(RANGE, range).header(USER_AGENT, player).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_movie_is_played_with_ranges() {
    let cinema = Cinema::open(&[(MOVIE, "The Film")], "").await;
    let (url, whole) = (cinema.movie(1), film(4));

    let head = client().head(&url).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers()[CONTENT_TYPE].to_str().unwrap()), (200, "video/x-matroska"));
    assert_eq!(head.headers()[CONTENT_LENGTH], whole.len().to_string().as_str());

    let all = client().get(&url).send().await.unwrap();
    assert_eq!(all.status(), 200);
    assert!(all.bytes().await.unwrap() == whole, "the whole film, byte for byte");

    let length = whole.len();
    for (range, first, end) in
        [("bytes=0-", 0, length), ("bytes=1000-1999", 1000, 2000), ("bytes=-64", length - 64, length)]
    {
        let part = ranged(&url, range, "player").await;
        assert_eq!(part.status(), 206, "{range}");
        let told = part.headers()[CONTENT_RANGE].to_str().unwrap().to_owned();
        assert_eq!(told, format!("bytes {first}-{}/{length}", end - 1));
        assert!(part.bytes().await.unwrap() == whole[first..end], "{range}");
    }
    assert_eq!(ranged(&url, "bytes=999999999-", "player").await.status(), 416);
    // Several ranges, and units that nobody knows, are answered with the whole.
    assert_eq!(ranged(&url, "bytes=0-1,5-6", "player").await.status(), 200);

    let by_token = cinema.host.url(&format!("/movie/1.mkv?token={}", cinema.line.token));
    assert_eq!(ranged(&by_token, "bytes=0-9", "player").await.bytes().await.unwrap(), whole[..10]);
    for (path, status) in [
        (format!("/movie/{}/wrong/1.mkv", cinema.line.username), 401),
        (format!("/movie/{}/{}/77.mkv", cinema.line.username, cinema.line.password), 404),
        (format!("/series/{}/{}/1.mkv", cinema.line.username, cinema.line.password), 404),
        (format!("/movie/{}/{}/one.mkv", cinema.line.username, cinema.line.password), 404),
        ("/movie/1.mkv?token=0".to_owned(), 401),
    ] {
        assert_eq!(get(&cinema.host.url(&path)).await.0, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_requests_of_one_player_are_one_connection() {
    let cinema = Cinema::open(&[(MOVIE, "The Film")], "").await;
    // More than sockets hold.
    cinema.upstream.set_text(MOVIE, Text::new("video/x-matroska", film(48)));
    let line = cinema.host.add_line("solo", &[]);
    let url = cinema.host.url(&format!("/movie/{}/{}/1.mkv", line.username, line.password));
    // As players do it: the index at the end while the beginning is still open.
    let mut first = ranged(&url, "bytes=0-", "tv").await;
    first.chunk().await.unwrap();
    assert_eq!(ranged(&url, "bytes=-64", "tv").await.status(), 206);
    // One that fails ends nothing but itself.
    cinema.upstream.set_fault(MOVIE, Fault::Status(500));
    assert_eq!(ranged(&url, "bytes=-64", "tv").await.status(), 502);
    cinema.upstream.set_fault(MOVIE, None);
    // More than what was under way already, and less than would leave the rest of it in sockets.
    let mut played = 0;
    while played < 16 << 20 {
        played += first.chunk().await.unwrap().expect("the first request plays on").len();
    }
    let refused = ranged(&url, "bytes=0-9", "another tv").await;
    assert_eq!((refused.status().as_u16(), refused.headers()["mast-error"].to_str().unwrap()), (403, "connections"));

    cinema.host.mast(&["operator", "add", "--username", "root", "--password", "a long password", "--role", "owner"]);
    let made = cinema.host.mast(&["apikey", "create", "--operator", "root"]);
    let bearer = format!("Bearer {}", String::from_utf8(made.stdout).unwrap().trim());
    let sessions = async || -> Value {
        let url = cinema.host.url("/api/v1/sessions");
        let response = client().get(url).header("authorization", &bearer).send().await.unwrap();
        serde_json::from_str(&response.text().await.unwrap()).unwrap()
    };
    let list = sessions().await;
    let [session] = list["items"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!(
        (&session["output"], &session["channel_name"], &session["title"]),
        (&"file".into(), &"The Film".into(), &1.into())
    );

    let ended = cinema.host.url(&format!("/api/v1/sessions/{}", session["id"].as_str().unwrap()));
    assert_eq!(client().delete(ended).header("authorization", &bearer).send().await.unwrap().status(), 204);
    let cut = async {
        while first.chunk().await?.is_some() {}
        Ok::<_, reqwest::Error>(())
    };
    assert!(cut.await.is_err(), "half a film must not look like a whole one");
    assert_eq!(ranged(&url, "bytes=0-9", "another tv").await.status(), 206, "the connection is free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_upstreams_do_wrong_is_told_without_their_address() {
    let (gone, page, list) =
        ("/movie/u/secret-of-ours/1.mkv", "/movie/u/secret-of-ours/2.mkv", "/movie/u/secret-of-ours/3.mkv");
    let cinema = Cinema::open(&[(MOVIE, "Film"), (gone, "Gone"), (page, "Page"), (list, "List")], "").await;
    cinema.upstream.set_text(page, Text::new("text/html; charset=utf-8", "<html>come back later</html>"));
    cinema.upstream.set_text(list, Text::new("application/vnd.apple.mpegurl", "#EXTM3U\nhttp://inside.example/1.ts\n"));
    for (id, says) in [(2, "status 404"), (3, "HTML page"), (4, "not supported")] {
        let response = client().get(cinema.movie(id)).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["mast-error"].to_str().unwrap()),
            (502, "upstream"),
            "{id}"
        );
        let text = response.text().await.unwrap();
        assert!(text.contains(says) && !text.contains("secret") && !text.contains("127.0.0.1"), "{id}: {text}");
    }
    assert!(!cinema.host.log().contains("secret-of-ours"), "upstream addresses hold credentials");

    // A film that breaks off is not taken for a whole one, and its player may try again.
    cinema.upstream.set_fault(MOVIE, Fault::Truncate);
    let response = ranged(&cinema.movie(1), "bytes=0-", "player").await;
    assert!(response.status().is_success());
    assert!(response.bytes().await.is_err());
    cinema.upstream.set_fault(MOVIE, None);
    assert_eq!(ranged(&cinema.movie(1), "bytes=0-9", "player").await.status(), 206);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_providers_limit_holds_for_files_and_channels_together() {
    let cinema =
        Cinema::open(&[(MOVIE, "The Film")], "[upstream]\nmax_connections = 1\nconnect_timeout = \"1s\"\n").await;
    // More than sockets hold.
    cinema.upstream.set_text(MOVIE, Text::new("video/x-matroska", film(48)));
    let other = cinema.host.add_line("ben", &[]);
    let mut playing = ranged(&cinema.movie(1), "bytes=0-", "tv").await;
    playing.chunk().await.unwrap();
    let refused = get(&cinema.host.url(&format!("/movie/{}/{}/1.mkv", other.username, other.password))).await;
    assert_eq!(refused.0, 503);
    assert!(refused.1.contains("every connection that the channel's provider allows is in use"), "{}", refused.1);
    drop(playing);
    let url = cinema.host.url(&format!("/movie/{}/{}/1.mkv", other.username, other.password));
    eventually("the place is free again", async || {
        (ranged(&url, "bytes=0-9", "tv").await.status() == 206).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_and_films_survive_a_restart_and_short_paths_play_channels() {
    let mut cinema = Cinema::open(&[("/movie/u/secret-of-ours/1.mkv", "Older"), (MOVIE, "The Film")], "").await;
    assert_eq!(client().get(cinema.movie(2)).send().await.unwrap().status(), 200);
    cinema.host.kill();
    cinema.upstream.set_fault("/playlist.m3u", Fault::Status(500));
    cinema.host.run();
    assert_eq!(client().get(cinema.movie(2)).send().await.unwrap().status(), 200, "without its source's list");

    let LineAccount { username, password, .. } = &cinema.line;
    let list = get(&cinema.host.url(&format!("/get.php?username={username}&password={password}"))).await.1;
    let id = ids(&list)["one"];
    for path in [format!("/{username}/{password}/{id}.ts"), format!("/{username}/{password}/{id}")] {
        let url = cinema.host.url(&path);
        assert_eq!(client().head(&url).send().await.unwrap().status(), 200, "{path}");
        let mut response = client().get(&url).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        mast_tests::player::read_bytes(&mut response, 20_000).await;
    }
    for (path, status) in
        [(format!("/{username}/wrong/{id}.ts"), 401), (format!("/{username}/{password}/{id}.exe"), 404)]
    {
        assert_eq!(get(&cinema.host.url(&path)).await.0, status, "{path}");
    }
    let posted = client().post(cinema.host.url(&format!("/{username}/{password}/{id}.ts"))).send().await.unwrap();
    assert_eq!(posted.status(), 405);
}
