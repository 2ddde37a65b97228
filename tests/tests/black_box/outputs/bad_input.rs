//! What nobody should send, to every output.

use std::fmt::Write;

use mast_tests::{Instance, TestHost, client, eventually, get};
use mast_upstream::{Text, Upstream};

use super::portal::Box;
use super::{MAC, Studio, outputs};

/// What parameters must not do anything with.
const HOSTILE: [&str; 7] = [
    "",
    "'; DROP TABLE lines; --",
    "$(touch x) `id` | rm -rf /",
    "<script>alert(1)</script>",
    "a%0d%0aset-cookie:%20x=1",
    "%F0%9F%93%BA%00%FF",
    "999999999999999999999",
];

/// Paths of all outputs, with a place for a parameter.
fn paths(studio: &Studio) -> Vec<String> {
    let token = &studio.line.token;
    let credentials = format!("username={}&password={}", studio.line.username, studio.line.password);
    let mut paths = Vec::new();
    for action in [
        "",
        "get_live_categories",
        "get_live_streams",
        "get_vod_streams",
        "get_vod_info",
        "get_series",
        "get_series_info",
        "get_short_epg",
        "get_simple_data_table",
        "get_nothing",
    ] {
        for parameter in ["category_id", "vod_id", "series_id", "stream_id", "limit"] {
            paths.push(format!("/player_api.php?{credentials}&action={action}&{parameter}={{}}"));
        }
    }
    for parameter in ["type", "output", "key", "category", "group", "q", "sort", "limit"] {
        paths.push(format!("/get.php?{credentials}&{parameter}={{}}"));
        paths.push(format!("/playlist/{token}.m3u8?{parameter}={{}}"));
        paths.push(format!("/app/v1/channels?token={token}&{parameter}={{}}"));
        paths.push(format!("/enigma2.php?{credentials}&{parameter}={{}}"));
    }
    for call in ["type", "action", "cmd", "p", "genre", "ch_id", "period", "login", "token"] {
        paths.push(format!("/portal.php?type=stb&action=handshake&{call}={{}}"));
        paths.push(format!("/portal.php?{call}={{}}"));
    }
    paths.extend(
        ["/hdhr/{}/discover.json", "/enigma2/{}/install.sh", "/playlist/{}.m3u8", "/epg/{}.xml"].map(str::to_owned),
    );
    paths.push(format!("/hdhr/{token}/auto/v{{}}"));
    paths.push(format!("/enigma2/{token}/userbouquet.{{}}.tv"));
    paths
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_parameter_breaks_an_output() {
    let studio = Studio::open().await;
    for path in paths(&studio) {
        for value in HOSTILE {
            let encoded: String = value.replace(' ', "%20").replace('<', "%3C").replace('>', "%3E").replace('"', "%22");
            let url = studio.host.url(&path.replace("{}", &encoded));
            let response = client().get(&url).send().await.unwrap();
            let status = response.status().as_u16();
            assert!(status < 500, "{status}: {url}");
            assert!(response.headers().get("set-cookie").is_none(), "{url}");
            let html =
                response.headers().get("content-type").is_some_and(|kind| kind.to_str().unwrap_or("").contains("html"));
            let text = response.text().await.unwrap();
            assert!(!html || !text.contains("<script>alert(1)"), "{url}");
        }
    }
    let log = studio.host.log();
    assert!(!log.contains("trapped") && !log.contains("panicked"), "{log}");
    assert!(!log.contains(&studio.line.password), "a password is in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_missing_and_huge_parameters_and_other_methods_are_answered() {
    let studio = Studio::open().await;
    let login = studio.with_credentials("/player_api.php", "");
    // The first of repeated ones counts.
    let (status, text) = get(&format!("{login}&username=else&password=else")).await;
    assert_eq!((status, text.contains("\"auth\":1")), (200, true), "{text}");
    for path in ["/player_api.php", "/player_api.php?username=&password=", "/player_api.php?username=anna"] {
        let (status, text) = get(&studio.host.url(path)).await;
        assert_eq!((status, text.contains("\"auth\":0")), (200, true), "{path}: {text}");
    }
    // What refuses somebody is of the moment: no cache has it.
    let refused = client().get(studio.host.url("/player_api.php?username=anna&password=no&action=get_live_streams"));
    let refused = refused.send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["cache-control"].to_str().unwrap()), (200, "no-store"));
    assert!(refused.headers().get("etag").is_none());
    for path in ["/get.php", "/get.php?username=anna", "/enigma2.php", "/xmltv.php"] {
        assert_eq!(get(&studio.host.url(path)).await.0, 401, "{path}");
    }
    let (user, password) = (studio.line.username.as_str(), studio.line.password.as_str());
    let form = client()
        .post(studio.host.url("/player_api.php"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("username={user}&password={password}&action=get_live_streams"));
    let json = client()
        .post(studio.host.url("/player_api.php"))
        .header("content-type", "application/json")
        .body(serde_json::json!({ "username": user, "password": password, "action": "get_live_streams" }).to_string());
    for request in [form, json] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.text().await.unwrap().contains("\"stream_id\""));
    }
    // 10 MB, in the address and in a body.
    let huge = "x".repeat(10 << 20);
    let address = client().get(format!("{login}&action={huge}")).send().await;
    assert!(address.is_err() || matches!(address.unwrap().status().as_u16(), 400 | 414 | 431));
    let body = client()
        .post(studio.host.url("/player_api.php"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("username={huge}"))
        .send()
        .await;
    assert!(body.is_err() || body.unwrap().status() == 413);
    for path in [
        login.clone(),
        studio.with_credentials("/get.php", ""),
        studio.host.url(&format!("/hdhr/{}/lineup.json", studio.line.token)),
        studio.host.url(&format!("/enigma2/{}/bouquets.tv", studio.line.token)),
        studio.host.url("/app/v1/openapi.json"),
    ] {
        let head = client().head(&path).send().await.unwrap();
        assert_eq!(head.status(), 200, "HEAD {path}");
        let ranged = client().get(&path).header("range", "bytes=0-").send().await.unwrap();
        assert!(matches!(ranged.status().as_u16(), 200 | 206), "{path}");
        let deleted = client().delete(&path).send().await.unwrap();
        assert!(matches!(deleted.status().as_u16(), 404 | 405), "DELETE {path}: {}", deleted.status());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_reaches_the_outputs_that_it_may_use_only() {
    let studio = Studio::open().await;
    let line = studio.host.add_line("eva", &["--mac", "00:1a:79:00:00:02"]);
    studio.host.mast(&["operator", "add", "--username", "root", "--password", "a long password", "--role", "owner"]);
    let made = studio.host.mast(&["apikey", "create", "--operator", "root"]);
    let bearer = format!("Bearer {}", String::from_utf8(made.stdout).unwrap().trim());
    let id = {
        let list = client()
            .get(studio.host.url("/api/v1/lines?username=eva"))
            .header("authorization", &bearer)
            .send()
            .await
            .unwrap();
        let list: serde_json::Value = serde_json::from_str(&list.text().await.unwrap()).unwrap();
        let mut items = list["items"].as_array().unwrap().clone();
        items.retain(|item| item["username"] == "eva");
        items[0]["id"].clone()
    };
    let changed = client()
        .patch(studio.host.url(&format!("/api/v1/lines/{id}")))
        .header("authorization", &bearer)
        .header("content-type", "application/json")
        .body("{\"outputs\": [\"m3u\"]}")
        .send()
        .await
        .unwrap();
    assert_eq!(changed.status(), 200, "{}", changed.text().await.unwrap());
    let (user, password, token) = (&line.username, &line.password, &line.token);
    assert_eq!(get(&studio.host.url(&format!("/get.php?username={user}&password={password}"))).await.0, 200);
    // By credentials that the route names, by those that the plugin asks for, by token and by device.
    for path in [format!("/enigma2.php?username={user}&password={password}"), format!("/hdhr/{token}/lineup.json")] {
        assert_eq!(get(&studio.host.url(&path)).await.0, 404, "{path}");
    }
    let (status, text) = get(&studio.host.url(&format!("/app/v1/channels?token={token}"))).await;
    assert_eq!(status, 403, "{text}");
    assert!(outputs().len() >= 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_channels_in_thousands_of_categories_are_listed_by_every_output() {
    const CATEGORIES: usize = 4_000;
    const CHANNELS: usize = 25 * CATEGORIES;
    let upstream = Upstream::start([]).await.unwrap();
    let mut list = String::from("#EXTM3U\n");
    for number in 0..CHANNELS {
        let url = upstream.at(&format!("/{number}.ts"));
        writeln!(list, "#EXTINF:-1 group-title=\"Group {}\",Channel {number}\n{url}", number / 25).unwrap();
    }
    upstream.set_text("/playlist.m3u", Text::m3u(list));
    let mut instances = outputs();
    instances.push(Instance::m3u_source("provider", &upstream, "/playlist.m3u"));
    let host = TestHost::start(&instances);
    let line = host.add_line("anna", &["--mac", MAC]);
    let (user, password, token) = (&line.username, &line.password, &line.token);
    let credentials = format!("username={user}&password={password}");
    eventually("all channels", async || {
        let text = get(&host.url(&format!("/get.php?{credentials}"))).await.1;
        (text.matches("#EXTINF").count() == CHANNELS).then_some(())
    })
    .await;
    let categories = format!("/player_api.php?{credentials}&action=get_live_categories");
    let channels = format!("/player_api.php?{credentials}&action=get_live_streams");
    for (path, mark, count) in [
        (categories, "\"category_id\"", CATEGORIES),
        (channels, "\"stream_id\"", CHANNELS),
        (format!("/app/v1/categories?token={token}"), "\"content\"", CATEGORIES),
        (format!("/hdhr/{token}/lineup.json"), "\"GuideNumber\"", CHANNELS),
        (format!("/enigma2/{token}/bouquets.tv"), "userbouquet.", CATEGORIES),
        (format!("/get.php?{credentials}&type=dreambox"), "http%3a", CHANNELS),
    ] {
        let (status, text) = get(&host.url(&path)).await;
        assert_eq!((status, text.matches(mark).count()), (200, count), "{path}: {}", &text[..text.len().min(300)]);
    }
    let mut stb = Box::new(&host, MAC);
    stb.shake_hands().await;
    stb.profile().await;
    let genres = stb.call("type=itv&action=get_genres").await;
    assert_eq!(genres.as_array().unwrap().len(), CATEGORIES + 1, "with the one of all");
    let page = stb.call("type=itv&action=get_ordered_list&genre=*&p=3").await;
    assert_eq!(
        (page["total_items"].to_string(), page["data"][0]["name"].as_str()),
        (CHANNELS.to_string(), Some("Channel 28"))
    );
    let all = stb.call("type=itv&action=get_all_channels").await;
    assert_eq!(all["data"].as_array().unwrap().len(), CHANNELS);
}
