//! Mast feeding Mast: what one host serves, another takes as its provider, and nothing is lost on the way.

use mast_tests::{Instance, LineAccount, TestHost, client, eventually};
use reqwest::header::RANGE;
use serde_json::Value;

use super::{MAC, MOVIE, Studio, app, field, library, outputs};

/// A host that is fed by another one.
struct Fed {
    host: TestHost,
    line: LineAccount,
}

/// The text of an instance that may reach the first host.
fn source(studio: &Studio, plugin: &str, config: &str) -> Instance {
    let base = studio.host.url("");
    let base = base.trim_end_matches('/');
    Instance::new(
        "first",
        format!(
            "kind = \"source\"\nplugin = \"{plugin}\"\n[config]\n{config}\nrefresh = \"10s\"\n[grant]\nhttp = [\"{base}\"]\n\
             upstream = [\"{base}\"]\nnet_allow_private = [\"127.0.0.0/8\"]\n"
        ),
    )
}

impl Fed {
    fn by(instance: Instance) -> Self {
        let mut instances = outputs();
        instances.push(instance);
        let host = TestHost::start(&instances);
        let line = host.add_line("carl", &["--max-connections", "5"]);
        Self { host, line }
    }

    /// The first channel plays through both hosts.
    async fn plays(&self, channels: &[Value]) {
        let (user, password, id) = (&self.line.username, &self.line.password, &channels[0]["id"]);
        let url = self.host.url(&format!("/live/{user}/{password}/{id}.ts"));
        let mut response = client().get(&url).send().await.unwrap();
        assert_eq!(response.status(), 200, "{url}: {}", self.host.log());
        mast_tests::player::read_bytes(&mut response, 20_000).await;
    }

    /// A movie and an episode come through both hosts, with ranges.
    async fn plays_files(&self, movie: &Value, episode: Option<&Value>) {
        let (user, password) = (&self.line.username, &self.line.password);
        for (kind, id) in [("movie", Some(movie)), ("series", episode)] {
            let Some(id) = id else { continue };
            let url = self.host.url(&format!("/{kind}/{user}/{password}/{id}.mp4"));
            let part = client().get(&url).header(RANGE, "bytes=2-20").send().await.unwrap();
            assert_eq!(part.status(), 206, "{kind}");
            assert_eq!(part.bytes().await.unwrap(), MOVIE[2..=20], "{kind}");
        }
    }
}

/// The same names, categories, guide ids and numbers.
fn assert_equal(first: &[Value], second: &[Value], fields: &[&str]) {
    for name in fields {
        assert_eq!(field(first, name), field(second, name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_xtream() {
    let studio = Studio::open().await;
    let [channels, movies, series] = library(&studio.host, &studio.line, (2, 1, 1)).await;
    let config = format!(
        "server = \"{}\"\nusername = \"{}\"\npassword = \"{}\"\ncontent = [\"live\", \"movie\", \"series\"]",
        studio.host.url("").trim_end_matches('/'),
        studio.line.username,
        studio.line.password
    );
    let fed = Fed::by(source(&studio, "source-xtream", &config));
    let [taken, films, shows] = library(&fed.host, &fed.line, (2, 1, 1)).await;
    assert_equal(&channels, &taken, &["name", "number", "logo", "epg_id", "category"]);
    assert_equal(&movies, &films, &["name", "container"]);
    assert_equal(&series, &shows, &["name"]);
    let episodes = async |host, line, show: &Value| {
        let page = app(host, line, &format!("series/{}/episodes", show["id"])).await;
        page["episodes"].as_array().unwrap().clone()
    };
    let (theirs, ours) =
        (episodes(&studio.host, &studio.line, &series[0]).await, episodes(&fed.host, &fed.line, &shows[0]).await);
    assert_equal(&theirs, &ours, &["season", "number", "name", "container"]);
    fed.plays(&taken).await;
    fed.plays_files(&films[0]["id"], Some(&ours[0]["id"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_m3u() {
    let studio = Studio::open().await;
    let [channels, movies, series] = library(&studio.host, &studio.line, (2, 1, 1)).await;
    let url = studio.with_credentials("/get.php", "&type=m3u_plus&output=ts&key=live,movie,series");
    let fed = Fed::by(source(&studio, "source-m3u", &format!("url = \"{url}\"")));
    let [taken, films, shows] = library(&fed.host, &fed.line, (2, 1, 1)).await;
    assert_equal(&channels, &taken, &["name", "logo", "epg_id", "category"]);
    assert_equal(&movies, &films, &["name", "container"]);
    assert_equal(&series, &shows, &["name"]);
    fed.plays(&taken).await;
    fed.plays_files(&films[0]["id"], None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_stalker_portal() {
    let studio = Studio::open().await;
    let [channels, movies, _] = library(&studio.host, &studio.line, (2, 1, 1)).await;
    let portal = studio.host.url("/c/");
    let config = format!("portal = \"{portal}\"\nmac = \"{MAC}\"\ncontent = [\"live\", \"movie\"]");
    let fed = Fed::by(source(&studio, "source-stalker", &config).with("kv = \"1MiB\"\n"));
    let [taken, films, _] = library(&fed.host, &fed.line, (2, 1, 0)).await;
    assert_equal(&channels, &taken, &["name", "number", "epg_id"]);
    assert_equal(&movies, &films, &["name"]);
    fed.plays(&taken).await;
    fed.plays_files(&films[0]["id"], None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_hdhomerun() {
    let studio = Studio::open().await;
    let [channels, ..] = library(&studio.host, &studio.line, (2, 1, 1)).await;
    let address = studio.host.url(&format!("/hdhr/{}", studio.line.token));
    let fed = Fed::by(source(&studio, "source-hdhomerun", &format!("address = \"{address}\"")));
    let [taken, ..] = library(&fed.host, &fed.line, (2, 0, 0)).await;
    assert_equal(&channels, &taken, &["name", "number"]);
    fed.plays(&taken).await;
    // The tuner count of the first host is what the second may open at once.
    eventually("the provider's limit is known", async || {
        let status = String::from_utf8(fed.host.mast(&["status", "--json"]).stdout).ok()?;
        status.replace(": ", ":").contains("\"max_connections\":3").then_some(())
    })
    .await;
}
