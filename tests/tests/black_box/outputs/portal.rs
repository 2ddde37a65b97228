//! The MAG portal as a box speaks it, its page in a browser, what operators tell boxes, and discovery of HDHomeRun tuners.

use mast_tests::players::fill_in;
use mast_tests::{TestHost, client, get};
use serde_json::{Value, json};

use super::{MAC, Studio};

/// A set-top box.
pub(super) struct Box<'a> {
    host: &'a TestHost,
    mac: &'a str,
    token: String,
}

impl<'a> Box<'a> {
    pub(super) fn new(host: &'a TestHost, mac: &'a str) -> Self {
        Self { host, mac, token: String::new() }
    }

    /// The text that a call answers.
    async fn text(&self, call: &str) -> String {
        let url = self.host.url(&format!("/stalker_portal/server/load.php?{call}&JsHttpRequest=1-xml"));
        let cookie = format!("mac={}; stb_lang=en; timezone=Europe/Vienna", self.mac.replace(':', "%3A"));
        let mut request = client().get(url).header("cookie", cookie).header("range", "bytes=0-");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let response = request.send().await.unwrap();
        assert!(matches!(response.status().as_u16(), 200 | 206), "{call}: {}", response.status());
        response.text().await.unwrap()
    }

    pub(super) async fn call(&self, call: &str) -> Value {
        let text = self.text(call).await;
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{call}: {error}: {text}"));
        answer["js"].clone()
    }

    pub(super) async fn shake_hands(&mut self) {
        let answer = self.call("type=stb&action=handshake&token=&prehash=0").await;
        answer["token"].as_str().unwrap().clone_into(&mut self.token);
    }

    pub(super) async fn profile(&self) -> Value {
        self.call("type=stb&action=get_profile&hd=1&sn=SN1&stb_type=MAG254&device_id=D1&device_id2=D2&signature=S&auth_second_step=0").await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_logs_in_and_watches() {
    let studio = Studio::open().await;
    let mut stb = Box::new(&studio.host, MAC);
    for before in ["type=stb&action=get_profile", "type=itv&action=get_genres", "type=itv&action=get_all_channels"] {
        assert_eq!(stb.text(before).await, "Authorization failed.", "{before}");
    }
    stb.shake_hands().await;
    let profile = stb.profile().await;
    assert_eq!(profile["status"].to_string().trim_matches('"'), "0", "{profile}");

    let all = stb.call("type=itv&action=get_all_channels").await;
    let channels = all["data"].as_array().unwrap();
    let names: Vec<&str> = channels.iter().map(|channel| channel["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["One \u{1f4fa} 'n' all", "Two; rm -rf $(x)"]);
    assert_eq!((&channels[0]["number"], &channels[0]["xmltv_id"]), (&"7".into(), &"one.example".into()));
    let cmd = urlencoding(channels[0]["cmd"].as_str().unwrap());
    let link = stb.call(&format!("type=itv&action=create_link&cmd={cmd}&series=0&forced_storage=0")).await;
    let url = link["cmd"].as_str().unwrap().split(' ').next_back().unwrap().to_owned();
    let mut response = client().get(&url).send().await.unwrap();
    assert_eq!(response.status(), 200, "{url}");
    mast_tests::player::read_bytes(&mut response, 20_000).await;
    drop(response);

    // Somebody else's token is worth nothing to another box, and the box of no line is asked to log in.
    let mut stranger = Box::new(&studio.host, "00:1a:79:99:99:99");
    stranger.token.clone_from(&stb.token);
    assert_eq!(stranger.text("type=itv&action=get_all_channels").await, "Authorization failed.");
    stranger.token.clear();
    stranger.shake_hands().await;
    assert_eq!(stranger.profile().await["status"].to_string().trim_matches('"'), "2");
    let second = studio.host.add_line("dora", &[]);
    let login =
        |password: &str| format!("type=stb&action=do_auth&login={}&password={password}&device_id=D9", second.username);
    assert_eq!(stranger.call(&login("wrong")).await, false);
    assert_eq!(stranger.call(&login(&second.password)).await, true);
    assert_eq!(stranger.profile().await["status"].to_string().trim_matches('"'), "0", "it is bound to the line now");

    // Another device that says it is the first one.
    let mut thief = Box::new(&studio.host, MAC);
    thief.shake_hands().await;
    let stolen =
        thief.call("type=stb&action=get_profile&sn=SN2&stb_type=MAG254&device_id=OTHER&device_id2=OTHER").await;
    assert_eq!(stolen["status"].to_string().trim_matches('"'), "1", "{stolen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_operators_say_reaches_the_box_once() {
    let studio = Studio::open().await;
    let mut stb = Box::new(&studio.host, MAC);
    stb.shake_hands().await;
    stb.profile().await;
    let events = "type=watchdog&action=get_events&init=0&cur_play_type=1&event_active_id=0";
    // What is left from logging in.
    let quiet = stb.call(events).await;
    assert!(quiet["data"].is_object(), "{quiet}");
    let told =
        studio.host.mast(&["line", "notify", "--username", "anna", "--code", "message", "--text", "Back <b>soon</b>"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let heard = stb.call(events).await;
    assert_eq!((&heard["data"]["event"], &heard["data"]["msgs"]), (&"send_msg".into(), &1.into()), "{heard}");
    assert!(heard["data"]["msg"].as_str().unwrap().contains("soon"), "{heard}");
    let id = heard["data"]["id"].to_string();
    stb.call(&format!("type=watchdog&action=confirm_event&event_active_id={}", id.trim_matches('"'))).await;
    let after = stb.call(events).await;
    assert_ne!(after["data"]["event"], "send_msg", "{after}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_for_people_is_there() {
    let studio = Studio::open().await;
    for path in ["/c/", "/stalker_portal/c/"] {
        let (status, page) = get(&studio.host.url(path)).await;
        assert_eq!(status, 200, "{path}");
        assert!(
            page.to_ascii_lowercase().contains("<!doctype html>")
                && !page.contains("http://")
                && !page.contains("https://"),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_shows_the_account() {
    let studio = Studio::open().await;
    for (path, fields) in [
        ("/c/", json!({ "mac": MAC })),
        ("/stalker_portal/c/", json!({ "login": studio.line.username, "password": studio.line.password })),
    ] {
        let shown = fill_in(&studio.host.url(path), &fields).await;
        assert_eq!((&shown["username"], &shown["channels"]), (&"anna".into(), &"2".into()), "{path}: {shown}");
        assert_eq!(shown["problems"], json!([]), "{path}");
    }
    let wrong = fill_in(&studio.host.url("/c/"), &json!({ "mac": "<img src=x onerror=alert(1)>" })).await;
    assert_eq!((&wrong["username"], &wrong["problems"]), (&"".into(), &json!([])), "{wrong}");
    assert!(!wrong["message"].as_str().unwrap().is_empty(), "{wrong}");
}

fn urlencoding(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
