use mast_sdk::mock::{Answer, Host, Installed, Refreshed};
use mast_sdk::{Code, Error, Result, pair};
use serde_json::{Value, json};

use super::HdHomeRun;

const TUNER: &str = "http://192.0.2.7";

fn about() -> Value {
    json!({
        "FriendlyName": "Tuner", "ModelNumber": "HDHR5-4DT", "FirmwareName": "hdhomerun5_dvbt", "FirmwareVersion": "20250101",
        "DeviceID": "12345678", "DeviceAuth": "secret", "BaseURL": TUNER, "LineupURL": format!("{TUNER}/lineup.json"), "TunerCount": 4,
    })
}

fn lineup() -> Value {
    json!([
        { "GuideNumber": "5", "GuideName": "One HD", "HD": 1, "Favorite": 1, "VideoCodec": "H264", "URL": "http://192.0.2.7:5004/auto/v5" },
        { "GuideNumber": "5.1", "GuideName": "Two", "URL": "http://192.0.2.7:5004/auto/v5.1" },
        { "GuideNumber": "6", "GuideName": "Locked", "DRM": 1, "URL": "http://192.0.2.7:5004/auto/v6" },
        { "GuideNumber": 7, "GuideName": null, "Tags": "favorite,hd", "URL": "http://192.0.2.7:5004/auto/v7" },
    ])
}

fn host(more: Value, answers: &[(&str, Answer)]) -> Installed {
    let mut config = json!({ "address": format!("{TUNER}/") });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let host = Host::new().config(config).chunk(64);
    let not_found = ["/discover.json", "/lineup.json", "/lineup.xml", "/lineup_status.json"];
    let missing = not_found.iter().filter(|path| answers.iter().all(|(own, _)| own != *path));
    let host = missing.fold(host, |host, path| host.http(&format!("{TUNER}{path}"), Answer::status(404)));
    answers.iter().fold(host, |host, (path, answer)| host.http(&format!("{TUNER}{path}"), answer.clone())).install()
}

fn refresh(answers: &[(&str, Answer)]) -> Result<Refreshed> {
    host(json!({}), answers).refresh::<HdHomeRun>()
}

fn ok(value: &Value) -> Answer {
    Answer::ok(value.to_string())
}

fn told(refreshed: &Refreshed) -> Vec<(&str, &str, Option<u32>)> {
    refreshed.channels.iter().map(|channel| (&*channel.key, &*channel.name, channel.number)).collect()
}

#[test]
fn a_whole_tuner() {
    let refreshed = refresh(&[
        ("/discover.json", ok(&about())),
        ("/lineup.json", ok(&lineup())),
        ("/lineup_status.json", ok(&json!({ "ScanInProgress": 0, "ScanPossible": 1 }))),
    ])
    .unwrap();
    assert_eq!(told(&refreshed), [("5", "One HD", Some(5)), ("5.1", "Two", None), ("7", "Channel 7", Some(7))]);
    let one = &refreshed.channels[0];
    assert_eq!(
        (one.upstreams[0].url.as_str(), one.upstreams[0].kind.as_str()),
        ("http://192.0.2.7:5004/auto/v5", "mpegts")
    );
    assert_eq!((pair(&one.attrs, "quality"), pair(&one.attrs, "x-favorite")), (Some("HD"), Some("true")));
    assert_eq!(pair(&refreshed.channels[2].attrs, "quality"), Some("HD"));
    assert_eq!(pair(&refreshed.summary.attrs, "provider-connections"), Some("4"));
    assert_eq!(pair(&refreshed.summary.attrs, "protected"), Some("1"));
    assert_eq!(refreshed.warnings.len(), 1);
    assert_eq!(refreshed.warnings[0].0, "6");
}

#[test]
fn only_favourites() {
    let host =
        host(json!({ "favorites_only": true }), &[("/discover.json", ok(&about())), ("/lineup.json", ok(&lineup()))]);
    let refreshed = host.refresh::<HdHomeRun>().unwrap();
    assert_eq!(told(&refreshed).iter().map(|(key, _, _)| *key).collect::<Vec<_>>(), ["5", "7"]);
}

#[test]
fn an_old_tuner_speaks_xml() {
    let xml = "<?xml version=\"1.0\"?><Lineup><Program><GuideNumber>5.1</GuideNumber><GuideName>R&amp;B &lt;script&gt;</GuideName>\
        <HD>1</HD><URL>http://192.0.2.7:5004/auto/v5.1?a=1&amp;b=2</URL></Program><Program><GuideNumber>6</GuideNumber>\
        <GuideName>Locked</GuideName><DRM>1</DRM><URL>http://192.0.2.7:5004/auto/v6</URL></Program></Lineup>";
    let refreshed = refresh(&[("/lineup.xml", Answer::ok(xml))]).unwrap();
    assert_eq!(told(&refreshed), [("5.1", "R&B <script>", None)]);
    assert_eq!(refreshed.channels[0].upstreams[0].url, "http://192.0.2.7:5004/auto/v5.1?a=1&b=2");
    for tenth in 0..10 {
        let error = refresh(&[("/lineup.xml", Answer::ok(&xml.as_bytes()[..xml.len() * tenth / 10]))]).unwrap_err();
        assert_eq!(error.code, Code::Malformed, "{tenth}");
    }
}

#[test]
fn a_lineup_elsewhere_that_is_not_granted() {
    let elsewhere = json!({ "LineupURL": "http://10.9.9.9/lineup.json" });
    let refreshed = refresh(&[("/discover.json", ok(&elsewhere)), ("/lineup.json", ok(&lineup()))]).unwrap();
    assert_eq!(refreshed.channels.len(), 3);
    assert!(refreshed.warnings.iter().any(|(item, _)| item == "LineupURL"));
}

#[test]
fn numbers_that_occur_twice() {
    let one = json!({ "GuideNumber": "5", "GuideName": "x", "URL": "http://192.0.2.7:5004/auto/v5" });
    let refreshed = refresh(&[("/lineup.json", ok(&json!([one, one])))]).unwrap();
    assert_eq!(told(&refreshed).iter().map(|(key, _, _)| *key).collect::<Vec<_>>(), ["5", "5#2"]);
}

#[test]
fn what_is_no_lineup_is_an_error() {
    let check = |answers: &[(&str, Answer)], code: Code, why: &str| {
        let error = refresh(answers).unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(why), "{error} lacks {why}");
    };
    check(&[], Code::NotFound, "status 404");
    check(&[("/discover.json", Answer::ok("<html>"))], Code::Malformed, "web page");
    check(&[("/lineup.json", Answer::ok("[]"))], Code::Malformed, "no channel");
    check(&[("/lineup.json", Answer::ok("null"))], Code::Malformed, "no channel");
    check(&[("/lineup.json", ok(&about()))], Code::Malformed, "another answer");
    check(
        &[("/lineup.json", ok(&json!([{ "GuideNumber": "6", "DRM": 1, "URL": "http://x.example/" }])))],
        Code::Malformed,
        "1 copy-protected",
    );
    check(
        &[("/lineup.json", ok(&json!([{ "GuideNumber": "6", "URL": "file:///etc/passwd" }, null])))],
        Code::Malformed,
        "1 bad",
    );
    check(&[("/discover.json", Answer::error(Error::new(Code::NotGranted, "add it")))], Code::NotGranted, "add it");
    check(
        &[("/lineup.json", ok(&lineup())), ("/lineup_status.json", ok(&json!({ "ScanInProgress": 1 })))],
        Code::Unavailable,
        "scanning",
    );
    let whole = lineup().to_string();
    for tenth in 0..10 {
        let half = Answer::ok(&whole.as_bytes()[..whole.len() * tenth / 10]);
        check(&[("/lineup.json", half)], Code::Malformed, "the lineup");
    }
}

#[test]
fn many_channels_cross_in_batches() {
    let channel =
        |id: u32| json!({ "GuideNumber": id.to_string(), "GuideName": "x", "URL": "http://192.0.2.7:5004/auto/v5" });
    let refreshed = refresh(&[("/lineup.json", ok(&(1..=10_000).map(channel).collect()))]).unwrap();
    assert_eq!(refreshed.channels.len(), 10_000);
    assert!(refreshed.batches.iter().all(|batch| *batch <= mast_sdk::BATCH));
}

#[test]
fn settings_are_checked() {
    for address in
        ["192.0.2.7", "http://192.0.2.7/discover.json", "http://192.0.2.7/?x", "ftp://192.0.2.7", "http:// x"]
    {
        let error = host(json!({ "address": address }), &[]).refresh::<HdHomeRun>().unwrap_err();
        assert_eq!(error.code, Code::Config, "{address}");
    }
}
