//! The upstream does what tests of the host rely on.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use mast_upstream::{ChannelSpec, Clip, Fault, HlsFault, Text, Upstream};
use reqwest::{Client, Response, StatusCode, redirect};

const SOON: Duration = Duration::from_secs(20);

fn client() -> Client {
    Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap()
}

async fn get(url: &str) -> Response {
    client().get(url).send().await.unwrap()
}

/// Reads until `size` bytes are there; fails when the response ends before.
async fn read(response: &mut Response, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let reading = async {
        while bytes.len() < size {
            bytes.extend(response.chunk().await.unwrap().expect("the response goes on"));
        }
    };
    tokio::time::timeout(SOON, reading).await.expect("bytes come in time");
    bytes
}

/// Reads to the end; `Err` holds what came before a broken end.
async fn read_to_end(response: &mut Response) -> Result<Vec<u8>, Vec<u8>> {
    let mut bytes = Vec::new();
    let reading = async {
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend(chunk),
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    };
    let whole = tokio::time::timeout(SOON, reading).await.expect("the response ends in time");
    if whole { Ok(bytes) } else { Err(bytes) }
}

async fn is_silent(response: &mut Response) -> bool {
    tokio::time::timeout(Duration::from_millis(300), response.chunk()).await.is_err()
}

#[tokio::test]
async fn a_pattern_is_one_process_for_all_its_clients() {
    let upstream = Upstream::start([ChannelSpec::pattern("one")]).await.unwrap();
    let (mut first, mut second) = (get(&upstream.url("one")).await, get(&upstream.url("one")).await);
    let bytes = read(&mut first, 100_000).await;
    assert!(bytes.chunks(188).all(|packet| packet[0] == 0x47), "whole packets from the first byte on");
    read(&mut second, 100_000).await;
    assert_eq!(upstream.connections("one").current, 2);
    drop((first, second));
    upstream.wait_for_connections("one", SOON, |connections| connections.current == 0).await;
    assert_eq!(upstream.connections("one").total, 2);
    upstream.shutdown().await;
}

#[tokio::test]
async fn a_burst_starts_at_a_pat_and_comes_at_once() {
    let clip = Clip::standard().unwrap();
    let spec = ChannelSpec::clip("one", &clip);
    let upstream = Upstream::start([spec.burst(Duration::from_secs(4))]).await.unwrap();
    let mut response = get(&upstream.url("one")).await;
    let bytes = read(&mut response, clip.bytes().len() / 4).await;
    assert_eq!(&bytes[1..3], &[0x40, 0x00], "the first packet is a PAT");
    assert!(clip.bytes().windows(188).any(|packet| packet[4..] == bytes[4..188]), "it is the clip's");
}

#[tokio::test]
async fn a_whole_clip_arrives_as_it_is() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([ChannelSpec::whole("one", &clip)]).await.unwrap();
    let bytes = read_to_end(&mut get(&upstream.url("one")).await).await.unwrap();
    assert_eq!(bytes, clip.bytes());
}

#[tokio::test]
async fn answers_instead_of_a_channel() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([ChannelSpec::clip("one", &clip)]).await.unwrap();
    for code in [403, 404, 500] {
        upstream.set_fault("one", Fault::Status(code));
        assert_eq!(get(&upstream.url("one")).await.status().as_u16(), code);
    }
    upstream.set_fault("one", Fault::Html);
    assert!(get(&upstream.url("one")).await.text().await.unwrap().contains("<html>"));
    upstream.set_fault("one", Fault::Empty);
    assert_eq!(get(&upstream.url("one")).await.bytes().await.unwrap().len(), 0);
    upstream.set_fault("one", Fault::RedirectLoop);
    let response = get(&upstream.url("one")).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()["location"], upstream.url("one"));
    upstream.set_fault("one", Fault::RedirectTo("http://elsewhere.example/".to_owned()));
    assert_eq!(get(&upstream.url("one")).await.headers()["location"], "http://elsewhere.example/");
    upstream.set_fault("one", None);
    read(&mut get(&upstream.url("one")).await, 50_000).await;
}

#[tokio::test]
async fn faults_before_and_in_the_middle() {
    let clip = Clip::standard().unwrap();
    let spec = ChannelSpec::clip("one", &clip);
    let upstream = Upstream::start([spec.burst(Duration::from_secs(5))]).await.unwrap();
    let url = upstream.url("one");

    upstream.set_fault("one", Fault::Reset);
    assert!(client().get(&url).send().await.is_err());
    upstream.set_fault("one", Fault::HangBeforeHead);
    let waiting = client().get(&url).timeout(Duration::from_millis(300)).send().await;
    assert!(waiting.unwrap_err().is_timeout());
    upstream.set_fault("one", Fault::HangAfterHead);
    assert!(is_silent(&mut get(&url).await).await);

    upstream.set_fault("one", Fault::Truncate);
    let cut = read_to_end(&mut get(&url).await).await.expect_err("broken off");
    assert_eq!(cut.len() % 188, 100);
    upstream.set_fault("one", Fault::Close);
    assert_eq!(read_to_end(&mut get(&url).await).await.expect("a proper end").len() % 188, 0);
    upstream.set_fault("one", Fault::Stall);
    let mut response = get(&url).await;
    read(&mut response, 60_000).await;
    while !is_silent(&mut response).await {}

    upstream.set_fault("one", None);
    read(&mut response, 100_000).await;
    upstream.set_fault("one", Fault::Html);
    read_to_end(&mut response).await.expect("a running connection ends");
    upstream.set_fault("one", None);
    let mut response = get(&url).await;
    read(&mut response, 1000).await;
    upstream.disconnect("one");
    read_to_end(&mut response).await.expect("disconnected once");
    read(&mut get(&url).await, 1000).await;
}

#[tokio::test]
async fn refused_connections_and_back_on_the_same_port() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([ChannelSpec::clip("one", &clip)]).await.unwrap();
    let mut running = get(&upstream.url("one")).await;
    upstream.refuse(true).await;
    assert!(client().get(upstream.url("one")).send().await.unwrap_err().is_connect());
    read_to_end(&mut running).await.expect_err("cut off");
    upstream.refuse(false).await;
    read(&mut get(&upstream.url("one")).await, 1000).await;
}

#[tokio::test]
async fn texts_are_conditional_and_can_be_cut() {
    let upstream = Upstream::start([ChannelSpec::pattern("one")]).await.unwrap();
    let playlist = get(&upstream.at("/playlist.m3u")).await.text().await.unwrap();
    assert!(playlist.contains(&upstream.url("one")), "{playlist}");

    let url = upstream.at("/channels.txt");
    assert_eq!(get(&url).await.status(), StatusCode::NOT_FOUND);
    upstream.set_text("/channels.txt", Text::plain("1|News\n"));
    let etag = get(&url).await.headers()["etag"].clone();
    let again = client().get(&url).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let statuses: Vec<u16> = upstream.hits("/channels.txt").iter().map(|hit| hit.status).collect();
    assert_eq!(statuses, [200, 304]);

    upstream.set_fault("/channels.txt", Fault::Truncate);
    let mut cut = get(&url).await;
    assert_eq!(cut.content_length(), Some(7));
    assert_eq!(read_to_end(&mut cut).await.unwrap_err(), b"1|N");
}

#[tokio::test]
async fn the_control_endpoint_switches_faults() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([ChannelSpec::clip("one", &clip)]).await.unwrap();
    let post = async |path: &str| client().post(upstream.at(path)).send().await.unwrap().status().as_u16();
    assert_eq!(post("/_control/one/403").await, 200);
    assert_eq!(get(&upstream.url("one")).await.status().as_u16(), 403);
    let report = get(&upstream.at("/_control")).await.text().await.unwrap();
    assert_eq!(report, "one current=0 total=1 fault=403\n");
    assert_eq!(post("/_control/one/none").await, 200);
    assert_eq!(post("/_control/two/html").await, 404);
    assert_eq!(post("/_control/one/nonsense").await, 400);
}

#[tokio::test]
async fn a_clip_is_live_hls_too() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([ChannelSpec::clip("one", &clip)]).await.unwrap();
    let playlist = async || get(&upstream.hls_url("one")).await.text().await.unwrap();
    let text = playlist().await;
    assert!(text.contains("#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:6\n"), "{text}");
    let whole = async |range: std::ops::Range<u32>| {
        let mut bytes = Vec::new();
        for number in range {
            bytes.extend(read_to_end(&mut get(&upstream.at(&format!("/one/{number}.ts"))).await).await.unwrap());
        }
        bytes
    };
    assert!(whole(0..12).await == clip.bytes(), "the first round is the clip");
    assert_eq!(get(&upstream.at("/one/999999.ts")).await.status(), StatusCode::NOT_FOUND);

    upstream.set_fault("one", Fault::Hls(HlsFault::Ended));
    assert!(playlist().await.ends_with("#EXT-X-ENDLIST\n"));
    upstream.set_fault("one", Fault::Hls(HlsFault::Holes));
    assert_eq!(get(&upstream.at("/one/3.ts")).await.status(), StatusCode::NOT_FOUND);
    upstream.set_fault("one", Fault::Truncate);
    read_to_end(&mut get(&upstream.at("/one/4.ts")).await).await.expect_err("broken off");
    assert_eq!(get(&upstream.at("/one/aes/key")).await.bytes().await.unwrap().len(), 16);
}
