use mast_model::ChannelId;
use tempfile::TempDir;

use super::*;

const ANNA: LineId = LineId(1);
const BEN: LineId = LineId(2);
const BOX: &str = "00:1a:79:00:00:01";
const OTHER: &str = "00:1a:79:00:00:02";

fn open(folder: &TempDir) -> Devices {
    Devices::open(mast_store::open_state(folder.path()).unwrap().into()).unwrap()
}

fn message(text: &str) -> NewEvent {
    NewEvent { code: DeviceCode::Message, text: text.to_owned(), channel: None, device: None, confirm: false }
}

fn only(device: &str, text: &str) -> NewEvent {
    NewEvent { device: Some(device.to_owned()), ..message(text) }
}

fn test() -> Change {
    Change::by(Actor::machine("test"))
}

fn text(devices: &Devices, line: LineId, device: &str) -> Option<String> {
    devices.next_event(line, device).map(|event| event.text.clone())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn each_device_gets_each_event_until_it_confirms_it() {
    let folder = tempfile::tempdir().unwrap();
    let devices = open(&folder);
    let all = devices.push(ANNA, message("for all"), test()).await.unwrap();
    let own = devices.push(ANNA, only("001A79000002", "for one"), test()).await.unwrap();
    assert!(own.id > all.id);
    assert_eq!(own.device.as_deref(), Some(OTHER));
    for _ in 0..2 {
        assert_eq!(text(&devices, ANNA, BOX), some("for all"), "again, until it is confirmed");
    }
    assert_eq!((text(&devices, BEN, BOX), text(&devices, ANNA, "no address")), (None, None));
    devices.confirm(ANNA, "00-1A-79-00-00-01", all.id);
    devices.confirm(ANNA, BOX, own.id);
    devices.confirm(ANNA, BOX, 987);
    assert_eq!((text(&devices, ANNA, BOX), text(&devices, ANNA, OTHER)), (None, some("for all")));
    devices.confirm(ANNA, OTHER, all.id);
    assert_eq!(text(&devices, ANNA, OTHER), some("for one"));
    assert_eq!(devices.list(ANNA)[0].confirmed, [BOX, OTHER]);
    assert_eq!(devices.seen(ANNA).len(), 2);

    // Over a restart.
    drop(devices);
    let devices = open(&folder);
    assert_eq!((text(&devices, ANNA, BOX), text(&devices, ANNA, OTHER)), (None, some("for one")));
    devices.confirm(ANNA, OTHER, own.id);
    assert_eq!(devices.list(ANNA).len(), 1, "what is for all stays until it is over");
    devices.cancel(ANNA, all.id, test()).await.unwrap();
    let gone = devices.cancel(ANNA, all.id, test()).await;
    assert!(matches!(gone, Err(DevicesError::NoSuchEvent { .. })));
    drop(devices);
    assert!(open(&folder).list(ANNA).is_empty());
}

#[tokio::test]
async fn many_lines_share_an_event_and_full_ones_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let devices = open(&folder);
    for number in 0..MOST_WAITING {
        devices.push(BEN, message(&number.to_string()), test()).await.unwrap();
    }
    assert!(matches!(devices.push(BEN, message("more"), test()).await, Err(DevicesError::Full(BEN))));
    let told = devices.push_all(vec![ANNA, BEN, LineId(3)], message("all"), test()).await.unwrap();
    assert_eq!((told.lines, told.full), (2, 1));
    devices.confirm(ANNA, BOX, told.event.id);
    assert_eq!((text(&devices, ANNA, BOX), text(&devices, LineId(3), BOX)), (None, some("all")));
    let log = devices.inner.store.audit_log(u64::MAX, 2, &|_| true).unwrap();
    assert_eq!((log[0].action.as_str(), log[1].action.as_str()), ("line.notify_all", "line.notify"));

    devices.forget(LineId(3)).await.unwrap();
    assert!(devices.list(LineId(3)).is_empty() && devices.seen(LineId(3)).is_empty());
    drop(devices);
    let devices = open(&folder);
    assert_eq!((devices.list(BEN).len(), devices.list(LineId(3)).len()), (MOST_WAITING, 0));
}

#[tokio::test]
async fn events_end_after_a_week() {
    let folder = tempfile::tempdir().unwrap();
    let devices = open(&folder);
    let event = devices.push(ANNA, message("old"), test()).await.unwrap();
    let later = Timestamp::now() + event::LIFETIME;
    assert!(devices.inner.waiting().next(ANNA, BOX, later).is_none());
    devices.inner.sweep(Timestamp::now()).unwrap();
    assert_eq!(devices.list(ANNA)[0].event, event, "not yet");
    devices.inner.sweep(later).unwrap();
    assert!(devices.list(ANNA).is_empty());
    drop(devices);
    assert!(open(&folder).list(ANNA).is_empty());
}

#[tokio::test]
async fn more_devices_than_a_line_has_do_not_fill_memory() {
    let folder = tempfile::tempdir().unwrap();
    let devices = open(&folder);
    let event = devices.push(ANNA, message("all"), test()).await.unwrap();
    for device in 0..64 {
        assert!(!devices.list(ANNA).is_empty());
        devices.confirm(ANNA, &format!("00:00:00:00:00:{device:02x}"), event.id);
    }
    assert!(devices.list(ANNA).is_empty());
}

#[test]
fn what_makes_no_event_is_refused() {
    let plain = |code| NewEvent { code, ..message("") };
    let on = |code, channel| NewEvent { channel: Some(ChannelId(channel)), ..plain(code) };
    for (new, blamed) in [
        (message("Hello\nyou, <b>'; DROP"), None),
        (message(&"ü".repeat(1_000)), None),
        (message(&"ü".repeat(1_001)), Some("text")),
        (message(" \n"), Some("text")),
        (message("a\u{7}"), Some("text")),
        (plain(DeviceCode::Reboot), None),
        (on(DeviceCode::PlayChannel, 7), None),
        (on(DeviceCode::Stop, 7), Some("channel")),
        (plain(DeviceCode::PlayChannel), Some("channel")),
        (only("00:1a:79", "x"), Some("device")),
    ] {
        let checked = new.clone().check(Timestamp::now());
        assert_eq!(checked.err().map(|error| error.field()), blamed, "{new:?}");
    }
}

#[test]
fn codes_are_named_as_in_json() {
    for code in [DeviceCode::Message, DeviceCode::ReloadPortal, DeviceCode::UpdateSubscription, DeviceCode::Stop] {
        assert_eq!(serde_json::to_value(code).unwrap(), code.name());
    }
}
