//! Importers that make their own requests, in the sandbox of a real host.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;

impl Office {
    fn asks(&self, server: &FileServer, plugin: &str, config: &str, more: &str) {
        let origin = server.origin();
        self.host.write_instance(&Instance::new(
            "guide",
            format!(
                "kind = \"epg\"\nplugin = \"{plugin}\"\n[config]\n{config}\n[grant]\nhttp = [\"{origin}\"]\n\
                 net_allow_private = [\"127.0.0.0/8\"]\n{more}"
            ),
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_of_an_xtream_upstream() {
    let server = FileServer::start("{}").await;
    let login = json!({ "user_info": { "auth": 1, "status": "Active" }, "server_info": { "timezone": "UTC" } });
    server.answer("/player_api.php", login.to_string());
    let channel = |id: u64, guide: &str| json!({ "num": id, "stream_id": id, "name": guide, "epg_channel_id": guide });
    let all = [channel(7, "one"), channel(8, "one"), channel(9, "two"), channel(10, "nobody")];
    server.answer("action=get_live_streams", json!(all).to_string());
    for (id, name) in [(7, "one"), (9, "two")] {
        let start = now() - 60;
        let title = STANDARD.encode(format!("first {name}"));
        let entry = json!({ "title": title, "description": "", "start_timestamp": start.to_string(), "stop_timestamp": start + 3600 });
        let words = format!("action=get_simple_data_table&stream_id={id}");
        server.answer(&words, json!({ "epg_listings": [entry] }).to_string());
    }
    let mut office = Office::prepare("").await;
    office.host.append_settings("[secrets]\nPANEL_PASSWORD = { env = \"PANEL_PASSWORD\" }\n");
    let config = format!("server = \"{}\"\nusername = \"me\"\npassword = \"${{PANEL_PASSWORD}}\"", server.origin());
    office.asks(&server, "epg-xtream", &config, "secrets = [\"PANEL_PASSWORD\"]\n");
    office.host.start_under(&[], &[("PANEL_PASSWORD", "very & secret")]);
    office.host.run();
    office.shows("first").await;
    let asked: Vec<String> = server.requests().iter().map(|asked| asked.target.clone()).collect();
    assert!(asked.iter().all(|target| target.contains("username=me&password=very%20%26%20secret")), "{asked:?}");
    let tables = asked.iter().filter(|target| target.contains("get_simple_data_table")).count();
    assert_eq!(tables, 2, "each guide id once, and only what is wanted: {asked:?}");
    server.answer("/player_api.php", json!({ "user_info": { "auth": 0 } }).to_string());
    office.refresh_until(&["ERROR", "the last good guide stays", "refuses these credentials"]).await;
    office.shows("first").await;
    assert!(!office.host.log().contains("secret"), "no credential is in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_api_in_json() {
    let server = FileServer::start("nothing").await;
    let programme = |channel: &str| json!({ "on": channel, "name": format!("first {channel}"), "from": now() - 60, "to": now() + 3600 });
    let all = json!({ "data": [programme("one"), programme("two"), programme("nobody"), { "on": "one" }] });
    server.answer("/schedule", all.to_string());
    let mut office = Office::prepare("").await;
    let fields =
        "fields = { programmes = \"data\", channel = \"on\", title = \"name\", start = \"from\", stop = \"to\" }";
    let config = format!("endpoint = \"{}/schedule\"\n{fields}", server.origin());
    office.asks(&server, "epg-json", &config, "");
    office.host.run();
    office.shows("first").await;
    let status = office.status().await;
    assert_eq!((&status["programmes"], &status["warning_count"]), (&2.into(), &1.into()), "{status}");
    server.answer("/schedule", "{\"data\": [");
    office.refresh_until(&["ERROR", "the last good guide stays", "ends too early"]).await;
    office.shows("first").await;
}
