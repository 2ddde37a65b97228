use std::net::IpAddr;

use mast_model::Secret;
use mast_store::{Actor, Change};
use tempfile::TempDir;

use super::*;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn open(folder: &TempDir) -> Accounts {
    let store: Arc<dyn StateStore> = mast_store::open_state(folder.path()).unwrap().into();
    let limits = LimitsConfig { failed_logins_per_minute: 5, ..LimitsConfig::default() };
    Accounts::open(store, &limits).unwrap()
}

fn request(username: &str) -> LineRequest {
    LineRequest::new(username, "hunter2")
}

fn with_mac(username: &str, mac: &str) -> LineRequest {
    let terms = LineTerms { macs: Some(vec![mac.to_owned()]), ..LineTerms::default() };
    LineRequest { terms, ..request(username) }
}

fn test() -> Change {
    Change::by(Actor::machine("test"))
}

async fn add(accounts: &Accounts, request: LineRequest) -> Result<Arc<Line>, AccountsError> {
    let added = accounts.add(vec![request], test()).await?;
    Ok(accounts.find(added[0].record.id).unwrap())
}

async fn set_active(accounts: &Accounts, id: LineId, active: bool) -> Result<Vec<LineRecord>, AccountsError> {
    accounts.edit(vec![id], None, LineEdit::Active(active), test()).await
}

#[tokio::test]
async fn a_line_is_found_by_credentials_token_and_device() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let mut changes = accounts.changes();
    let line = add(&accounts, with_mac("anna", "00-1A-79-12-34-56")).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(line.macs(), ["00:1a:79:12:34:56"]);
    let record = accounts.records(vec![line.id]).await.unwrap().remove(0);
    assert!(!record.password_hash.expose().contains("hunter2"));

    let id = Ok(line.id);
    assert_eq!(accounts.by_credentials("anna", "hunter2", CLIENT).await.map(|line| line.id), id);
    assert_eq!(accounts.by_token(&line.token.expose(), CLIENT).map(|line| line.id), id);
    assert_eq!(accounts.by_device("001a79123456", CLIENT).map(|line| line.id), id);
    assert_eq!(accounts.find(line.id).map(|line| line.id), id.ok());
    for (username, password) in [("anna", "hunter3"), ("Anna", "hunter2"), ("", "")] {
        let refused = accounts.by_credentials(username, password, CLIENT).await;
        assert_eq!(refused, Err(Refusal::BadCredentials), "{username}");
    }

    // And after a restart.
    drop(accounts);
    let accounts = open(&folder);
    assert!(accounts.by_credentials("anna", "hunter2", CLIENT).await.is_ok());
    assert!(accounts.by_device("00:1A:79:12:34:56", CLIENT).is_ok());
}

/// The work done must not tell whether a username exists.
#[tokio::test]
async fn unknown_usernames_cost_a_hash_and_known_credentials_cost_one_once() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let anna = add(&accounts, request("anna")).await.unwrap();
    let mut spent = accounts.hashes();
    let mut spends = |expected: u64| {
        let now = accounts.hashes();
        assert_eq!(now - spent, expected);
        spent = now;
    };
    let unknown = accounts.by_credentials("nobody", "hunter2", CLIENT).await.unwrap_err();
    spends(1);
    let wrong = accounts.by_credentials("anna", "wrong", CLIENT).await.unwrap_err();
    spends(1);
    assert_eq!((unknown, unknown.to_string()), (wrong, wrong.to_string()));
    for expected in [1, 0, 0] {
        accounts.by_credentials("anna", "hunter2", CLIENT).await.unwrap();
        spends(expected);
    }
    // A change makes what was verified stale.
    set_active(&accounts, anna.id, false).await.unwrap();
    assert_eq!(accounts.by_credentials("anna", "hunter2", CLIENT).await, Err(Refusal::Disabled));
    spends(1);
    // A disabled line does not confirm a wrong password.
    assert_eq!(accounts.by_credentials("anna", "wrong", CLIENT).await, Err(Refusal::BadCredentials));
}

#[tokio::test]
async fn lines_end_and_are_switched_off_and_on() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let until = |username, expires| {
        let terms = LineTerms { expires: Some(expires), ..LineTerms::default() };
        LineRequest { terms, ..request(username) }
    };
    let past = Some(Timestamp::from_second(1_000_000).unwrap());
    let future = Some(Timestamp::now() + jiff::SignedDuration::from_hours(24));
    let ended = add(&accounts, until("ended", past)).await.unwrap();
    let goes_on = add(&accounts, until("goes-on", future)).await.unwrap();
    assert_eq!(accounts.by_token(&ended.token.expose(), CLIENT), Err(Refusal::Expired));
    assert_eq!(accounts.by_credentials("ended", "hunter2", CLIENT).await, Err(Refusal::Expired));
    assert!(accounts.by_token(&goes_on.token.expose(), CLIENT).is_ok());

    set_active(&accounts, goes_on.id, false).await.unwrap();
    assert_eq!(accounts.by_token(&goes_on.token.expose(), CLIENT), Err(Refusal::Disabled));
    assert!(!accounts.find(goes_on.id).unwrap().active);
    set_active(&accounts, goes_on.id, true).await.unwrap();
    assert!(accounts.by_token(&goes_on.token.expose(), CLIENT).is_ok());
    assert!(matches!(set_active(&accounts, LineId(99), true).await, Err(AccountsError::NoSuchLine(_))));
}

#[tokio::test]
async fn failures_throttle_an_address_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let line = add(&accounts, with_mac("anna", "001a79123456")).await.unwrap();
    for attempt in 0..5 {
        let refusal = match attempt % 3 {
            0 => accounts.by_token(&"0".repeat(64), CLIENT),
            1 => accounts.by_token("nonsense", CLIENT),
            _ => accounts.by_device("00:00:00:00:00:00", CLIENT),
        };
        assert_eq!(refusal, Err(Refusal::BadCredentials), "{attempt}");
    }
    let spent = accounts.hashes();
    assert_eq!(accounts.by_credentials("anna", "hunter2", CLIENT).await, Err(Refusal::Throttled));
    assert_eq!(accounts.hashes(), spent);
    assert_eq!(accounts.by_device("001a79123456", CLIENT), Err(Refusal::Throttled));
    assert_eq!(accounts.by_token("nonsense", CLIENT), Err(Refusal::Throttled));
    assert!(accounts.by_token(&line.token.expose(), CLIENT).is_ok());
    let other = IpAddr::from([192, 0, 2, 2]);
    assert!(accounts.by_credentials("anna", "hunter2", other).await.is_ok());
}

#[tokio::test]
async fn what_clashes_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let anna = add(&accounts, with_mac("anna", "001a79123456")).await.unwrap();
    let none = LineTerms { max_connections: Some(0), ..LineTerms::default() };
    let messages = [
        add(&accounts, request("anna")).await,
        add(&accounts, LineRequest { token: Some(anna.token), ..request("ben") }).await,
        add(&accounts, with_mac("ben", "00:1A:79:12:34:56")).await,
        add(&accounts, LineRequest { terms: none, ..request("ben") }).await,
    ];
    let messages: Vec<String> = messages.into_iter().map(|result| result.unwrap_err().to_string()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r#"
    username "anna" is taken
    the token is taken
    device 00:1a:79:12:34:56 is bound to line "anna"
    max_connections is 0: use 1 to 10000
    "#);
    assert_eq!(accounts.count(), 1);
}

#[tokio::test]
async fn many_clients_at_once_share_the_cores() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    add(&accounts, request("anna")).await.unwrap();
    let login = |number: u8| {
        let accounts = accounts.clone();
        async move { accounts.by_credentials("anna", "hunter2", IpAddr::from([192, 0, 2, number])).await }
    };
    let all = futures_util::future::join_all((0..16).map(login)).await;
    assert!(all.into_iter().all(|result| result.is_ok()));
}

#[tokio::test]
async fn guessing_in_parallel_is_no_way_round_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    add(&accounts, request("anna")).await.unwrap();
    let before = accounts.hashes();
    let guess = |number: u32| {
        let accounts = accounts.clone();
        async move { accounts.by_credentials("anna", &format!("guess-{number}"), CLIENT).await.unwrap_err() }
    };
    let refusals = futures_util::future::join_all((0..100).map(guess)).await;
    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    let hashed = accounts.hashes() - before;
    assert!((5..5 + cores).contains(&hashed), "{hashed}");
    assert!(refusals.contains(&Refusal::Throttled));
}

#[tokio::test]
async fn changes_are_whole_and_seen_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let many = ["a", "b", "c"].map(request).to_vec();
    let added = accounts.add(many, test()).await.unwrap();
    let ids: Vec<LineId> = added.iter().map(|added| added.record.id).collect();
    // One clash keeps all of them out.
    assert!(accounts.add(vec![request("d"), request("a")], test()).await.is_err());
    assert!(accounts.add(vec![with_mac("d", "001a79000001"), with_mac("e", "001a79000001")], test()).await.is_err());
    assert_eq!((accounts.count(), accounts.by_username("d")), (3, None));

    let old = accounts.find(ids[0]).unwrap();
    let edit = |edit, expected| accounts.edit(vec![ids[0]], expected, edit, test());
    let rotated = edit(LineEdit::RotateToken, Some(0)).await.unwrap().remove(0);
    assert_eq!((rotated.revision, accounts.by_token(&old.token.expose(), CLIENT)), (1, Err(Refusal::BadCredentials)));
    assert!(accounts.by_token(&rotated.token.expose(), CLIENT).is_ok());
    let late = edit(LineEdit::Active(false), Some(0)).await;
    assert!(matches!(late, Err(AccountsError::Changed { revision: 1, .. })));
    let patch = |text: &str| LineEdit::Patch(Box::new(serde_json::from_str(text).unwrap()));
    edit(patch(r#"{"username":"z","password":"other","macs":["001a79000002"]}"#), Some(1)).await.unwrap();
    assert!(accounts.by_credentials("z", "other", CLIENT).await.is_ok() && accounts.by_username("a").is_none());
    assert!(accounts.by_device("001a79000002", CLIENT).is_ok());
    edit(patch(r#"{"macs":[]}"#), None).await.unwrap();
    assert!(accounts.by_device("001a79000002", CLIENT).is_err());

    let page = async |after| {
        let found = accounts.select(after, 2, |line| line.active).await.unwrap();
        found.iter().map(|line| line.id).collect::<Vec<_>>()
    };
    assert_eq!((page(None).await, page(Some(ids[1])).await), (ids[..2].to_vec(), ids[2..].to_vec()));
    accounts.remove(ids.clone(), None, test()).await.unwrap();
    assert_eq!((accounts.count(), accounts.by_username("b")), (0, None));
    assert_eq!(accounts.by_token(&rotated.token.expose(), CLIENT), Err(Refusal::BadCredentials));
}

#[tokio::test]
async fn hashes_of_another_panel_are_upgraded_at_the_first_login() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let hash = Secret::new(bcrypt::hash("hunter2", 4).unwrap());
    let imported = LineRequest { password: None, password_hash: Some(hash.clone()), ..request("anna") };
    let id = add(&accounts, imported).await.unwrap().id;
    let stored = async || accounts.records(vec![id]).await.unwrap().remove(0).password_hash;
    assert_eq!(accounts.by_credentials("anna", "wrong", CLIENT).await, Err(Refusal::BadCredentials));
    assert_eq!(stored().await, hash);
    assert!(accounts.by_credentials("anna", "hunter2", CLIENT).await.is_ok());
    assert!(stored().await.expose().starts_with("$argon2id$"));
    let hashed = accounts.hashes();
    assert!(accounts.by_credentials("anna", "hunter2", CLIENT).await.is_ok());
    assert_eq!(accounts.hashes(), hashed, "verified under the revision that the upgrade made");
    assert_eq!(accounts.by_credentials("anna", "wrong", CLIENT).await, Err(Refusal::BadCredentials));
}

#[tokio::test]
async fn a_password_that_nobody_gave_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let added = accounts.add(vec![LineRequest { password: None, ..request("anna") }], test()).await.unwrap();
    let password = added[0].password.clone().unwrap();
    assert!(accounts.by_credentials("anna", password.expose(), CLIENT).await.is_ok());
}

/// What a line takes in memory, indexes included; the goal of a million lines stands on it.
#[test]
fn a_line_is_small() {
    assert!(size_of::<Line>() <= 176, "{}", size_of::<Line>());
}

proptest::proptest! {
    /// Whatever was accepted can stand in a path as one segment, and is accepted again.
    #[test]
    fn accepted_requests_fit_in_paths(username: String, password: String, mac: String) {
        let wish = LineRequest { username, password: Some(Secret::new(password.clone())), ..with_mac("x", &mac) };
        if let Ok(mut line) = wish.check() {
            for segment in [line.username.as_str(), &password] {
                let mut url = url::Url::parse("http://tv.example/live/").unwrap();
                url.path_segments_mut().unwrap().push(segment);
                proptest::prop_assert_eq!(url.path_segments().unwrap().count(), 3);
            }
            proptest::prop_assert_eq!(line.macs[0].len(), 17);
            proptest::prop_assert!(request::check_record(&mut line).is_ok());
        }
    }
}

#[tokio::test]
async fn devices_bind_themselves_to_one_line_as_far_as_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let anna = add(&accounts, request("anna")).await.unwrap().id;
    let ben = add(&accounts, with_mac("ben", "00:1a:79:00:00:ff")).await.unwrap().id;
    let bind = |line, mac: &str| accounts.bind_device(line, mac).err().map(|error| error.class());
    use mast_model::ErrorClass::{Conflict, Invalid, Limit, NotFound};
    for (line, mac, refused) in [
        (anna, "00-1A-79-00-00-01", None),
        (anna, "001a79000001", None),
        (ben, "001a79000001", Some(Conflict)),
        (anna, "00:1a:79:00:00:ff", Some(Conflict)),
        (anna, "00:1a:79", Some(Invalid)),
        (anna, "", Some(Invalid)),
        (LineId(99), "00:1a:79:00:00:02", Some(NotFound)),
    ] {
        assert_eq!(bind(line, mac), refused, "{mac}");
    }
    let revision = accounts.find(anna).unwrap().revision;
    assert_eq!(revision, 1, "what is bound already is no change");
    for device in 2..=5 {
        assert_eq!(bind(anna, &format!("00:1a:79:00:00:{device:02}")), None);
    }
    assert_eq!(bind(anna, "00:1a:79:00:00:06"), Some(Limit));
    assert_eq!(bind(anna, "00:1a:79:00:00:05"), None, "it is there");
    let log = accounts.inner.store.audit_log(u64::MAX, 1, &|_| true).unwrap();
    assert_eq!((log[0].action.as_str(), log[0].actor.via.as_str()), ("line.bind_device", "line"));

    drop(accounts);
    let accounts = open(&folder);
    assert_eq!(accounts.by_device("001a79000005", CLIENT).map(|line| line.id), Ok(anna));
    assert!(accounts.by_device("001a79000006", CLIENT).is_err());
}
