//! Refreshes: ids that stay, lineups that survive bad fetches, requests that are conditional.

use std::fmt::Write;

use mast_tests::{Instance, TestHost, eventually, get_ok};
use mast_upstream::{Clip, Fault, Text, Upstream};

use crate::scene::{Scene, ids, quick};

fn m3u(entries: &[(&str, &str)]) -> Text {
    let mut text = String::from("#EXTM3U\n");
    for (name, url) in entries {
        write!(text, "#EXTINF:-1 tvg-id=\"{name}\" group-title=\"News\",{name}\n{url}\n").unwrap();
    }
    Text::m3u(text)
}

/// Writes the instance file again with another comment: the source is loaded anew and refreshed from scratch.
fn refresh_now(scene: &Scene, round: u32) {
    let instance = Instance::m3u_source("provider", &scene.upstream, "/playlist.m3u");
    scene.host.write_instance(&Instance::new("provider", format!("{}[limits]\ncall = \"{round}s\"\n", instance.text)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_survive_re_orders_renames_and_absence() {
    let scene = Scene::of_clips(["a", "b", "c"]).await;
    let first = scene.channels(3).await;
    let url = |name: &str| scene.upstream.url(name);
    let changes = [
        m3u(&[("c", &url("c")), ("a", &url("a")), ("b", &url("b"))]),
        m3u(&[("c", &url("c")), ("b", &url("b"))]),
        m3u(&[("new", &url("new")), ("b", &url("b")), ("a", &url("a")), ("c", &url("c"))]),
    ];
    for (round, (text, count)) in changes.into_iter().zip([3, 2, 4]).enumerate() {
        let seen = scene.host.log_length();
        scene.upstream.set_text("/playlist.m3u", text);
        refresh_now(&scene, round as u32 + 30);
        scene.host.wait_for_log_after(seen, &["source refreshed", "provider"]);
        let now = scene.channels(count).await;
        for (name, id) in &now {
            assert_eq!(first.get(name).unwrap_or(id), id, "round {round}: channel {name}");
        }
        if let Some(new) = now.get("new") {
            assert!(first.values().all(|id| id != new), "a new channel gets a new id");
        }
    }
    let order: Vec<String> = get_ok(&scene.playlist_url())
        .await
        .lines()
        .filter(|line| line.starts_with("#EXTINF"))
        .map(|line| line.rsplit_once(',').unwrap().1.to_owned())
        .collect();
    assert_eq!(order, ["new", "b", "a", "c"], "the provider's order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_fetches_keep_the_last_good_lineup_and_say_so() {
    let scene = Scene::of_clips(["a", "b"]).await;
    let before = scene.channels(2).await;
    let faults = [
        Fault::Empty,
        Fault::Truncate,
        Fault::Status(500),
        Fault::Status(404),
        Fault::Html,
        Fault::Reset,
        Fault::RedirectLoop,
        Fault::RedirectTo("http://169.254.169.254/".to_owned()),
    ];
    for (round, fault) in faults.into_iter().enumerate() {
        let seen = scene.host.log_length();
        scene.upstream.set_fault("/playlist.m3u", fault.clone());
        refresh_now(&scene, round as u32 + 30);
        scene.host.wait_for_log_after(seen, &["ERROR", "provider", "the last good lineup stays"]);
        assert_eq!(ids(&get_ok(&scene.playlist_url()).await), before, "after {fault}");
    }
    for (round, text) in ["", "#EXTM3U\n", "<html></html>", "#EXTM3U\n#EXTINF:-1,no url\n"].into_iter().enumerate() {
        let seen = scene.host.log_length();
        scene.upstream.set_fault("/playlist.m3u", None);
        scene.upstream.set_text("/playlist.m3u", Text::m3u(text));
        refresh_now(&scene, round as u32 + 50);
        scene.host.wait_for_log_after(seen, &["ERROR", "provider", "the last good lineup stays"]);
        assert_eq!(ids(&get_ok(&scene.playlist_url()).await), before, "after {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lineup_survives_a_restart_while_the_provider_is_down() {
    let mut scene = Scene::of_clips(["a", "b"]).await;
    let before = scene.channels(2).await;
    scene.upstream.set_fault("/playlist.m3u", Fault::Status(503));
    scene.host.stop();
    scene.host.run();
    assert_eq!(scene.channels(2).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scheduled_refreshes_are_conditional() {
    let scene = Scene::of_clips(["a"]).await;
    let before = scene.channels(1).await;
    let hits = eventually("a second request", async || {
        let hits = scene.upstream.hits("/playlist.m3u");
        (hits.len() >= 2).then_some(hits)
    })
    .await;
    assert_eq!((hits[0].status, &hits[0].if_none_match), (200, &None));
    assert_eq!(hits[1].status, 304, "{hits:?}");
    assert_eq!(scene.channels(1).await, before);
    let url = scene.upstream.url("a");
    scene.upstream.set_text("/playlist.m3u", m3u(&[("a", &url), ("z", &url)]));
    scene.channels(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_panel_s_catalogue_is_a_source() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([quick("one", &clip), quick("two", &clip)]).await.unwrap();
    let catalogue = format!(
        "7|First|{}|http://logos.example/1.png|News|high|2|1\n9|Second|{}||Sports|low|1|2\nnot a record\n",
        upstream.url("one"),
        upstream.url("two")
    );
    upstream.set_text("/channels.txt", Text::plain(catalogue));
    let instances =
        [Instance::source("panel", "source-channels-txt", &upstream, "/channels.txt"), Instance::m3u_output("m3u")];
    let host = TestHost::start(&instances);
    let line = host.add_line("anna", &[]);
    let scene = Scene { host, upstream, line };
    let ids = scene.channels(2).await;
    let playlist = get_ok(&scene.playlist_url()).await;
    assert!(playlist.contains("group-title=\"News\"") && playlist.contains("logos.example/1.png"), "{playlist}");
    mast_tests::HlsPlayer::open(&scene.live(ids["First"], "m3u8")).await.segments(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ungranted_destination_is_named() {
    let upstream = Upstream::start([]).await.unwrap();
    let text =
        format!("kind = \"source\"\nplugin = \"source-m3u\"\n[config]\nurl = \"{}\"\n", upstream.at("/playlist.m3u"));
    let grant = |more: &str| Instance::new("provider", format!("{text}{more}"));
    let host = TestHost::start(&[grant("")]);
    host.wait_for_log(&["ERROR", "provider", "[grant]", "http"]);
    let seen = host.log_length();
    // Granted, but private: that is a second decision.
    host.write_instance(&grant(&format!("[grant]\nhttp = [\"{}\"]\n", upstream.at(""))));
    host.wait_for_log_after(seen, &["ERROR", "provider", "net_allow_private"]);
    assert_eq!(upstream.hits("/playlist.m3u"), []);
}

/// A provider that has a bad day costs nobody their channels, until an operator says that it is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_loses_most_of_its_channels_is_not_believed_at_once() {
    let scene = Scene::of_clips(["a"]).await;
    let url = scene.upstream.url("a");
    let names: Vec<String> = (0..40).map(|number| format!("channel {number}")).collect();
    let playlist =
        |count: usize| m3u(&names.iter().take(count).map(|name| (name.as_str(), url.as_str())).collect::<Vec<_>>());
    scene.upstream.set_text("/playlist.m3u", playlist(40));
    let before = scene.channels(40).await;

    let seen = scene.host.log_length();
    scene.upstream.set_text("/playlist.m3u", playlist(15));
    refresh_now(&scene, 30);
    scene.host.wait_for_log_after(seen, &["ERROR", "provider", "the last good lineup stays"]);
    assert_eq!(scene.channels(40).await, before);
    let list = scene.host.mast(&["source", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let changes = &list["sources"][0]["last_changes"];
    assert_eq!((&changes["accepted"], &changes["removed"]["count"]), (&false.into(), &25.into()), "{list}");
    assert_eq!(changes["removed"]["names"][0], "channel 15");

    assert!(scene.host.mast(&["source", "accept", "--name", "provider"]).status.success());
    let after = scene.channels(15).await;
    assert!(after.iter().all(|(name, id)| before.get(name) == Some(id)));
}
