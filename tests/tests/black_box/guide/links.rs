//! Which guide channels belong to which channels: what the host finds, what operators say, what comes of several guides and of none.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

const CHANNELS: [&str; 6] = [
    "tvg-id=\"one.example\",Nova One",
    ",DE: Nova Eins HD",
    ",Nova Zwei +1",
    ",World Geografy Magasin",
    "group-title=\"Events\",Event 1 | Nova vs. Luna 20:45",
    ",Completely Different",
];

/// A programme of half an hour: channel, number and title. Number 0 began within the last half hour.
type Entry<'a> = (&'a str, u64, &'a str);

fn half_hours(number: u64) -> u64 {
    now() / 1800 * 1800 + number * 1800
}

/// XMLTV with channels (id and name), whose programmes are there half an hour each.
fn xmltv(channels: &[(&str, &str)], programmes: &[Entry<'_>]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tv>\n".to_owned();
    for (id, name) in channels {
        text.push_str(&format!("<channel id=\"{id}\"><display-name>{name}</display-name></channel>\n"));
    }
    for (channel, number, title) in programmes {
        let time = |number: u64| {
            let at = jiff::Timestamp::from_second(half_hours(number) as i64).unwrap();
            at.strftime("%Y%m%d%H%M%S +0000").to_string()
        };
        let (start, stop) = (time(*number), time(number + 1));
        text.push_str(&format!(
            "<programme channel=\"{channel}\" start=\"{start}\" stop=\"{stop}\"><title>{title}</title>\
             <title lang=\"de\">{title} deutsch</title><category>Kind {channel}</category></programme>\n"
        ));
    }
    text + "</tv>\n"
}

impl Office {
    /// An importer of XMLTV that reads a file of its own.
    fn reads(&self, name: &str, text: &str, settings: &str) -> PathBuf {
        let folder = self.host.folder().join("guides");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.xml"));
        std::fs::write(&file, text).unwrap();
        let (path, folder) = (file.display(), folder.display());
        self.host.write_instance(&Instance::new(
            name,
            format!(
                "kind = \"epg\"\nplugin = \"epg-xmltv\"\n[config]\npath = \"{path}\"\n[grant]\nfiles = [\"{folder}\"]\n{settings}"
            ),
        ));
        file
    }

    /// Ids of channels by their names.
    async fn ids(&self) -> BTreeMap<String, u64> {
        let page = self.get("/api/v1/channels").await;
        let one = |item: &Value| (item["name"].as_str().unwrap().to_owned(), item["id"].as_u64().unwrap());
        page["items"].as_array().unwrap().iter().map(one).collect()
    }

    /// Titles of what is on and comes on a channel.
    async fn titles(&self, id: u64) -> Vec<String> {
        let page = self.get(&format!("/api/v1/guide/channels/{id}")).await;
        let title = |item: &Value| item["title"].as_str().unwrap().to_owned();
        page["programmes"].as_array().unwrap().iter().map(title).collect()
    }

    async fn has(&self, id: u64, expected: &[&str]) {
        let mut last = Vec::new();
        let found = eventually("the titles", async || {
            last = self.titles(id).await;
            (last == expected).then_some(())
        });
        if tokio::time::timeout(Duration::from_secs(30), found).await.is_err() {
            panic!("channel {id} has {:?}, expected {expected:?}", self.titles(id).await);
        }
    }

    async fn state(&self, id: u64) -> Value {
        self.get(&format!("/api/v1/guide/links/{id}")).await
    }

    async fn say(&self, id: u64, what: Value) -> (u16, Value) {
        self.send(reqwest::Method::PUT, &format!("/api/v1/guide/links/{id}"), what.to_string()).await
    }
}

fn main_guide() -> String {
    xmltv(
        &[
            ("one.example", "Anything"),
            ("eins.de", "Nova Eins"),
            ("zwei.de", "Nova Zwei"),
            ("geo", "World Geography Magazine"),
            ("spare", "Nobody has this"),
        ],
        &[
            ("one.example", 0, "One now"),
            ("one.example", 2, "One later"),
            ("eins.de", 0, "Eins now"),
            ("eins.de", 1, "Eins then"),
            ("zwei.de", 0, "Zwei now"),
            ("geo", 0, "Geo now"),
            ("spare", 0, "Spare now"),
        ],
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_are_linked_by_id_by_name_and_by_hand() {
    let mut office = Office::with_channels("", &CHANNELS).await;
    office.reads("guide", &main_guide(), "");
    office.host.run();
    let id = eventually("the channels", async || {
        let ids = office.ids().await;
        (ids.len() == CHANNELS.len()).then_some(ids)
    })
    .await;
    let [one, eins, zwei, geo, other] =
        ["Nova One", "DE: Nova Eins HD", "Nova Zwei +1", "World Geografy Magasin", "Completely Different"]
            .map(|name| id[name]);
    office.has(one, &["One now", "One later"]).await;
    office.has(eins, &["Eins now", "Eins then"]).await;
    let behind = eventually("zwei", async || {
        let page = office.get(&format!("/api/v1/guide/channels/{zwei}")).await;
        page["programmes"].as_array().is_some_and(|all| !all.is_empty()).then_some(page)
    })
    .await;
    let an_hour_later = jiff::Timestamp::from_second(half_hours(2) as i64).unwrap().to_string();
    assert_eq!(
        (&behind["programmes"][0]["start"], &behind["links"][0]["hours_behind"]),
        (&an_hour_later.into(), &1.into())
    );
    for (id, state, why) in
        [(one, "linked", "id"), (eins, "linked", "name"), (geo, "doubtful", ""), (other, "unlinked", "")]
    {
        let view = office.state(id).await;
        assert_eq!(
            (view["state"].as_str().unwrap(), view["links"][0]["why"].as_str().unwrap_or_default()),
            (state, why),
            "{view}"
        );
    }
    let doubtful = office.get("/api/v1/guide/links?state=doubtful").await;
    assert_eq!(doubtful["items"].as_array().unwrap().len(), 1);
    assert_eq!(doubtful["items"][0]["candidates"][0]["guide_channel"], "geo");
    let unused = office.get("/api/v1/guide/unused?limit=1").await;
    assert_eq!(unused["items"][0]["names"], json!(["World Geography Magazine"]), "{unused}");
    let more = office.get(&format!("/api/v1/guide/unused?limit=1&cursor={}", unused["next"].as_str().unwrap())).await;
    assert_eq!((&more["items"][0]["guide_channel"], &more["next"]), (&"spare".into(), &Value::Null));
    let report = office.get("/api/v1/guide/report").await;
    assert_eq!(report["states"], json!({ "linked": 3, "doubtful": 1, "unlinked": 2 }), "{report}");

    // What nobody wanted was not kept, so that it is imported now.
    let (status, said) = office.say(geo, json!({ "guide": "guide", "guide_channel": "geo" })).await;
    assert_eq!((status, &said["state"], &said["links"][0]["why"]), (200, &"linked".into(), &"manual".into()), "{said}");
    office.has(geo, &["Geo now"]).await;
    assert_eq!(office.say(eins, json!({ "none": true })).await.1["state"], "none");
    office.has(eins, &[]).await;
    for (id, what, status, why) in [
        (999_999, json!({}), 404, "999999"),
        (one, json!({ "guide": "guide" }), 400, "belong together"),
        (one, json!({ "guide": "other", "guide_channel": "x" }), 400, "there is no guide other"),
        (one, json!({ "guide": "guide", "guide_channel": "x" }), 400, "has no channel"),
        (one, json!({ "guide": "guide", "guide_channel": "geo", "none": true }), 400, "either none"),
        (one, json!({ "shift_seconds": 90_000 }), 400, "shift_seconds"),
        (one, json!({ "zone": "Europe/Nowhere" }), 400, "no time zone"),
        (one, json!({ "colour": "red" }), 422, "colour"),
    ] {
        let (got, problem) = office.say(id, what.clone()).await;
        assert_eq!(got, status, "{what}: {problem}");
        assert!(problem.to_string().contains(why), "{what}: {problem}");
    }

    // Refreshes, restarts and later guides leave it alone.
    assert!(office.host.stop().success());
    office.host.run();
    office.has(geo, &["Geo now"]).await;
    assert_eq!(office.state(eins).await["by_hand"]["none"], true);
    // What was imported before the start does not have it.
    office.say(other, json!({ "guide": "guide", "guide_channel": "spare" })).await;
    office.has(other, &["Spare now"]).await;
    assert_eq!(office.ask(reqwest::Method::DELETE, &format!("/api/v1/guide/links/{eins}")).await.0, 204);
    office.has(eins, &["Eins now", "Eins then"]).await;
    let log = office.get("/api/v1/audit?action=guide.link").await;
    assert!(log["items"].as_array().unwrap().len() >= 3, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_links_at_once() {
    let mut office = Office::with_channels("", &CHANNELS).await;
    office.reads("guide", &main_guide(), "");
    office.host.run();
    office.host.wait_for_log(&["guide imported"]);
    let id = office.ids().await;
    let (geo, other) = (id["World Geografy Magasin"], id["Completely Different"]);
    let links =
        |second: Value| json!({ "links": [{ "channel": geo, "guide": "guide", "guide_channel": "geo" }, second] });
    let bad = links(json!({ "channel": 999_999 })).to_string();
    let (status, problem) = office.send(reqwest::Method::PATCH, "/api/v1/guide/links", bad).await;
    assert_eq!((status, &problem["rows"][0]["row"]), (422, &2.into()), "{problem}");
    assert_eq!(office.state(geo).await["state"], "doubtful", "all or none");
    let good = links(json!({ "channel": other, "none": true })).to_string();
    let (status, done) = office.send(reqwest::Method::PATCH, "/api/v1/guide/links", good).await;
    assert_eq!((status, &done["channels"]), (200, &2.into()), "{done}");
    office.has(geo, &["Geo now"]).await;

    // Out as CSV, edited, and in again.
    let exported = office.host.mast(&["guide", "export-links"]);
    let text = String::from_utf8(exported.stdout).unwrap();
    assert_eq!(text.lines().count(), CHANNELS.len() + 1, "{text}");
    let of = |id: u64| text.lines().find(|line| line.starts_with(&format!("{id},"))).unwrap().to_owned();
    assert!(of(geo).contains(",linked,guide,guide,geo,") && of(other).contains(",none,none,,,"), "{text}");
    let one = id["Nova One"];
    assert!(of(one).contains(",linked,auto,guide,one.example,"), "{text}");
    let edited = text.replace(&of(geo), &of(geo).replace(",linked,guide,", ",linked,auto,"));
    let edited =
        edited.replace(&of(one), &of(one).replace(",auto,guide,one.example,,,", ",guide,guide,spare,,3600,UTC"));
    let file = office.host.folder().join("links.csv");
    std::fs::write(&file, edited.replace(",none,none,", ",none,neither,")).unwrap();
    let arguments = ["guide", "import-links", "--file", file.to_str().unwrap()];
    let refused = office.host.mast(&arguments);
    assert!(
        !refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("auto, guide or none"),
        "{refused:?}"
    );
    std::fs::write(&file, edited).unwrap();
    let imported = office.host.mast(&arguments);
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(office.state(geo).await["state"], "doubtful");
    let spare = office.state(one).await;
    assert_eq!(
        (&spare["links"][0]["guide_channel"], &spare["by_hand"]["shift_seconds"]),
        (&"spare".into(), &3600.into())
    );
    office.has(one, &["Spare now"]).await;
    let linked = office.host.mast(&["guide", "link", "--channel", &one.to_string(), "--auto"]);
    assert!(linked.status.success(), "{linked:?}");
    office.has(one, &["One now", "One later"]).await;
    let listed = office.host.mast(&["guide", "links", "--state", "doubtful"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("guide/geo"), "{listed:?}");
    assert!(office.host.mast(&["guide", "report"]).status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_guides_are_one_schedule_and_searched_as_such() {
    let mut office = Office::with_channels("[guide]\nlanguages = [\"de\"]\n", &CHANNELS).await;
    office.reads("first", &main_guide(), "[guide]\npriority = 10\n");
    let second = xmltv(
        &[("ONE.example", "Nova One"), ("eins", "Nova Eins")],
        &[
            ("ONE.example", 0, "Masked"),
            ("ONE.example", 1, "Filler"),
            ("ONE.example", 3, "Last"),
            ("eins", 2, "Eins later"),
        ],
    );
    office.reads("second", &second, "");
    office.host.run();
    let ids = eventually("the channels", async || {
        let ids = office.ids().await;
        (ids.len() == CHANNELS.len()).then_some(ids)
    })
    .await;
    let (one, eins) = (ids["Nova One"], ids["DE: Nova Eins HD"]);
    let german = |titles: &[&str]| titles.iter().map(|title| format!("{title} deutsch")).collect::<Vec<_>>();
    let expected = german(&["One now", "Filler", "One later", "Last"]);
    office.has(one, &expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let now = office.get(&format!("/api/v1/guide/now?channels={one}&lang=en")).await;
    assert_eq!(now["items"][0]["now"]["title"], "One now");
    assert_eq!(now["items"][0]["next"][0]["title"], "Filler", "{now}");
    eventually("eins", async || (office.titles(eins).await.len() == 3).then_some(())).await;
    let found = async |query: &str| -> Vec<(u64, String)> {
        let page = office.get(&format!("/api/v1/guide/{query}&lang=en")).await;
        let one =
            |hit: &Value| (hit["channel"].as_u64().unwrap(), hit["programme"]["title"].as_str().unwrap().to_owned());
        page["items"].as_array().unwrap().iter().map(one).collect()
    };
    let own = |id: u64, title: &str| (id, title.to_owned());
    assert_eq!(found("search?q=filler").await, [own(one, "Filler")]);
    assert_eq!(found("search?q=masked").await, [], "it is not on: another programme counts");
    assert_eq!(found("search?q=eins+th").await, [own(eins, "Eins then")], "the last word may be only begun");
    let mut later = found("search?q=later").await;
    later.sort();
    let mut expected = vec![own(one, "One later"), own(eins, "Eins later")];
    expected.sort();
    assert_eq!(later, expected);
    assert_eq!(found(&format!("search?q=later&channels={eins}")).await, [own(eins, "Eins later")]);
    assert_eq!(found("search?category=kind+eins.de").await, [own(eins, "Eins now"), own(eins, "Eins then")]);
    assert_eq!(found("upcoming?title=last").await, [own(one, "Last")]);
    assert_eq!(office.ask(reqwest::Method::GET, "/api/v1/guide/search?q=+").await.0, 400);
    let said = office.host.mast(&["guide", "search", "Filler"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("Filler"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_are_moved_and_programmes_made_up() {
    let settings = "[[guide.dummy]]\ncategories = [\"events\"]\nzone = \"UTC\"\nlength = \"1h\"\n\
        events = '\\| (?<title>.+) (?<time>\\d\\d:\\d\\d)$'\n\
        [[guide.dummy]]\ncategories = [\"events\"]\nblock = \"1h\"\n";
    let mut office = Office::with_channels(settings, &CHANNELS).await;
    // The guide says UTC, and means Berlin.
    office.reads("guide", &main_guide(), "[guide]\nzone = \"Europe/Berlin\"\n");
    office.host.run();
    office.host.wait_for_log(&["guide imported"]);
    let ids = office.ids().await;
    let (one, event) = (ids["Nova One"], ids["Event 1 | Nova vs. Luna 20:45"]);
    let at = |number: u64| jiff::Timestamp::from_second(half_hours(number) as i64).unwrap();
    let start = async |id: u64| {
        let from = at(0) - jiff::SignedDuration::from_hours(20);
        let page = office.get(&format!("/api/v1/guide/channels/{id}?start={from}")).await;
        page["programmes"][0]["start"].as_str().and_then(|start| start.parse::<jiff::Timestamp>().ok())
    };
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let clock = |at: jiff::Timestamp| berlin.to_timestamp(at.to_zoned(jiff::tz::TimeZone::UTC).datetime()).unwrap();
    eventually("Berlin's time", async || (start(one).await == Some(clock(at(0)))).then_some(())).await;
    office.say(one, json!({ "zone": "UTC", "shift_seconds": -1800 })).await;
    let moved = at(0) - jiff::SignedDuration::from_mins(30);
    eventually("half an hour earlier", async || (start(one).await == Some(moved)).then_some(())).await;
    let view = office.state(event).await;
    assert_eq!(view["state"], "dummy", "{view}");
    let day = office
        .get(&format!(
            "/api/v1/guide/channels/{event}?start={}&stop={}",
            at(0) - jiff::SignedDuration::from_hours(24),
            at(48)
        ))
        .await;
    let programmes = day["programmes"].as_array().unwrap();
    assert_eq!(programmes.len(), 1, "{day}");
    assert_eq!(programmes[0]["title"], "Nova vs. Luna");
    assert!(programmes[0]["start"].as_str().unwrap().ends_with("T20:45:00Z"), "{day}");
    office.say(event, json!({ "none": true })).await;
    assert_eq!(office.state(event).await["state"], "none");
    assert_eq!(office.titles(event).await, Vec::<String>::new());
}
