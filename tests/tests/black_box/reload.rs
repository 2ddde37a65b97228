//! Instance files are watched: what is written takes effect, what is broken is reported and changes nothing.

use mast_tests::{HlsPlayer, Instance, eventually, get};
use mast_upstream::{ChannelSpec, Clip, Text, Upstream};

use crate::scene::{Scene, ids, quick};

async fn lineup_becomes(scene: &Scene, names: &[&str]) {
    let url = scene.playlist_url();
    eventually(&format!("the lineup is {names:?}"), async || {
        let (status, text) = get(&url).await;
        (status == 200 && ids(&text).keys().eq(names)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_come_change_and_go() {
    let scene = Scene::of_clips(["one", "two"]).await;
    let ids = scene.channels(2).await;
    let player = HlsPlayer::open(&scene.live(ids["one"], "m3u8")).await;
    player.segments(1).await;

    let other = format!("#EXTM3U\n#EXTINF:-1 tvg-id=\"x\",Extra\n{}\n", scene.upstream.url("two"));
    scene.upstream.set_text("/extra.m3u", Text::m3u(other));
    scene.host.write_instance(&Instance::m3u_source("another", &scene.upstream, "/extra.m3u"));
    lineup_becomes(&scene, &["Extra", "one", "two"]).await;

    let only_one = format!("#EXTM3U\n#EXTINF:-1 tvg-id=\"one\",one\n{}\n", scene.upstream.url("one"));
    scene.upstream.set_text("/short.m3u", Text::m3u(only_one));
    scene.host.write_instance(&Instance::m3u_source("provider", &scene.upstream, "/short.m3u"));
    lineup_becomes(&scene, &["Extra", "one"]).await;

    scene.host.remove_instance("another");
    lineup_becomes(&scene, &["one"]).await;

    let now = scene.channels(1).await;
    assert_eq!(now["one"], ids["one"], "the channel kept its id");
    player.segments(3).await;
    assert_eq!(scene.upstream.connections("one").total, 1, "and its viewers noticed nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_edits_change_nothing() {
    let scene = Scene::of_clips(["one"]).await;
    scene.channels(1).await;
    let good = Instance::m3u_source("provider", &scene.upstream, "/playlist.m3u");
    let broken = [
        ("kind = \"source\"\nplugin = ", "provider.toml"),
        ("", "kind"),
        ("kind = \"sauce\"\nplugin = \"source-m3u\"\n", "kind"),
        ("kind = \"source\"\nplugin = \"source-m4u\"\n", "source-m3u"),
        ("kind = \"source\"\nplugin = \"source-m3u\"\n[config]\nurll = \"x\"\n", "urll"),
        ("kind = \"source\"\nplugin = \"source-m3u\"\ncolour = \"red\"\n", "colour"),
        (
            "kind = \"source\"\nplugin = \"source-m3u\"\n[config]\nurl = \"http://tv.example/\"\n[grant]\nhttp = [\"tv\"]\n",
            "grant.http",
        ),
        ("kind = \"output\"\nplugin = \"source-m3u\"\n", "kind"),
    ];
    for (text, named) in broken {
        let seen = scene.host.log_length();
        scene.host.write_instance(&Instance::new("provider", text));
        scene.host.wait_for_log_after(seen, &["ERROR", "provider", named, "goes on as before"]);
        lineup_becomes(&scene, &["one"]).await;
        let output = scene.host.mast(&["check"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success() && said.contains("provider") && said.contains(named), "{text:?}: {said}");
    }
    let seen = scene.host.log_length();
    scene.host.write_instance(&good);
    // The same as what runs: nothing to do, and no error left.
    let output = scene.host.mast(&["check"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    lineup_becomes(&scene, &["one"]).await;
    assert!(!scene.host.log().lines().skip(seen).any(|line| line.contains("goes on as before")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_takes_effect_at_once_and_goes_again() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let url = scene.live(id, "m3u8");
    HlsPlayer::open(&url).await.segments(1).await;
    let deny = "kind = \"auth\"\nplugin = \"auth-network\"\n[[config.rule]]\ndeny = [\"127.0.0.0/8\"]\n";
    scene.host.write_instance(&Instance::new("network", deny));
    eventually("the viewer is refused", async || (get(&url).await.0 == 403).then_some(())).await;
    let elsewhere = deny.replace("127.0.0.0/8", "192.0.2.0/24");
    scene.host.write_instance(&Instance::new("network", elsewhere));
    eventually("another network is refused", async || (get(&url).await.0 == 200).then_some(())).await;
    scene.host.write_instance(&Instance::new("network", deny));
    eventually("the viewer is refused again", async || (get(&url).await.0 == 403).then_some(())).await;
    scene.host.remove_instance("network");
    eventually("no policy, no refusal", async || (get(&url).await.0 == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_for_the_lines_and_bouquets_it_names() {
    let clip = Clip::standard().unwrap();
    let upstream = Upstream::start([quick("one", &clip), ChannelSpec::clip("two", &clip)]).await.unwrap();
    let instances = [
        Instance::m3u_source("provider", &upstream, "/playlist.m3u"),
        Instance::m3u_output("m3u"),
        Instance::new(
            "network",
            "kind = \"auth\"\nplugin = \"auth-network\"\n[[config.rule]]\nlines = [\"berta\"]\ndeny = [\"127.0.0.1\"]\n\
             [[config.rule]]\nbouquets = [\"campus\"]\nallow = [\"192.0.2.0/24\"]\n",
        ),
    ];
    let settings = "[bouquet.campus]\nsources = [\"provider\"]\n[bouquet.home]\nsources = [\"provider\"]\n";
    let host = mast_tests::TestHost::start_with(settings, &instances);
    let line = host.add_line("anna", &["--bouquet", "home"]);
    let denied = [host.add_line("berta", &["--bouquet", "home"]), host.add_line("carla", &["--bouquet", "campus"])];
    let scene = Scene { host, upstream, line };
    let id = scene.channels(2).await["one"];
    HlsPlayer::open(&scene.live(id, "m3u8")).await.segments(1).await;
    for line in denied {
        let (status, body) =
            get(&scene.host.url(&format!("/live/{}/{}/{id}.m3u8", line.username, line.password))).await;
        assert_eq!(status, 403, "{}: {body}", line.username);
    }
}
