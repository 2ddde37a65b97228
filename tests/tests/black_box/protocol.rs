//! HTTP as players and monitoring need it: HEAD, OPTIONS, CORS, gzip, health.

use mast_tests::{HlsPlayer, TestHost, client, get_ok};
use reqwest::{Method, header};

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_options_cors_and_gzip() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let player = HlsPlayer::open(&scene.live(id, "m3u8")).await;
    let media = player.media_when("a segment", |playlist| !playlist.entries.is_empty()).await;
    let segment = player.media_url().join(&media.entries[0].uri).unwrap();
    let client = client();

    for url in [scene.live(id, "m3u8"), player.media_url().to_string(), segment.to_string(), scene.playlist_url()] {
        let head = client.head(&url).send().await.unwrap();
        assert_eq!(head.status(), 200, "HEAD {url}");
        assert_eq!(head.bytes().await.unwrap().len(), 0);
        let got = client.get(&url).header(header::ORIGIN, "http://player.example").send().await.unwrap();
        assert_eq!(got.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "GET {url}");
        let options = client
            .request(Method::OPTIONS, &url)
            .header(header::ORIGIN, "http://player.example")
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
            .send()
            .await
            .unwrap();
        assert!(options.status().is_success(), "OPTIONS {url}: {}", options.status());
        assert_eq!(options.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "OPTIONS {url}");
        assert!(options.headers().contains_key(header::ACCESS_CONTROL_ALLOW_METHODS), "OPTIONS {url}");
    }

    let packed = client.get(player.media_url().clone()).header(header::ACCEPT_ENCODING, "gzip").send().await.unwrap();
    assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
    assert!(packed.headers()[header::VARY].to_str().unwrap().to_lowercase().contains("accept-encoding"));
    assert_eq!(packed.bytes().await.unwrap()[..2], [0x1f, 0x8b]);

    let plain = client.get(player.media_url().clone()).send().await.unwrap();
    assert_eq!(plain.headers()[header::CONTENT_TYPE], "application/vnd.apple.mpegurl");
    assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
    let got = client.get(segment.clone()).send().await.unwrap();
    assert_eq!(got.headers()[header::CONTENT_TYPE], "video/mp2t");
    let (length, body) = (got.content_length(), got.bytes().await.unwrap());
    assert_eq!(length, Some(body.len() as u64));
    assert!(client.head(segment).send().await.unwrap().headers().contains_key(header::CONTENT_LENGTH));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_methods_and_unknown_paths_are_refused() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let deleted = client().delete(scene.live(id, "m3u8")).send().await.unwrap();
    assert_eq!(deleted.status(), 405);
    for path in
        ["/", "/nothing", "/live", "/live/anna", "/hls/x/1/index.m3u8", "/../../etc/passwd", "/%00", "/live/a/b/1.exe"]
    {
        let (status, body) = mast_tests::get(&scene.host.url(path)).await;
        assert!((400..500).contains(&status), "{path}: {status} {body}");
        assert!(body.len() < 300, "{path} answers one sentence: {body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_metrics() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    get_ok(&scene.host.url("/healthz")).await;
    get_ok(&scene.host.url("/readyz")).await;
    HlsPlayer::open(&scene.live(id, "m3u8")).await.segments(1).await;
    let metrics = get_ok(&scene.host.url("/metrics")).await;
    assert!(metrics.lines().any(|line| line.starts_with("mast_") && !line.ends_with(" 0")), "{metrics}");
    assert!(metrics.lines().filter(|line| line.starts_with("# TYPE ")).count() > 3, "{metrics}");
    assert!(!metrics.contains("secret-anna") && !metrics.contains(&scene.line.token), "no credentials in metrics");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_holds_no_credentials_and_no_upstream_urls() {
    let mut scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    HlsPlayer::open(&scene.live(id, "m3u8")).await.segments(1).await;
    scene.upstream.set_fault("one", mast_upstream::Fault::Status(403));
    scene.host.wait_for_log(&["the upstream failed"]);
    scene.host.stop();
    let log = scene.host.log();
    for secret in ["secret-anna", scene.line.token.as_str(), "one.ts"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_starts_without_any_plugin_and_stops_when_asked() {
    let mut host = TestHost::start(&[]);
    get_ok(&host.url("/healthz")).await;
    assert!(host.stop().success());
}
