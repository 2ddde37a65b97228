use std::net::IpAddr;

use mast_model::Secret;
use tempfile::TempDir;

use super::*;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn open(folder: &TempDir) -> Accounts {
    let store: Arc<dyn StateStore> = mast_store::open_state(folder.path()).unwrap().into();
    let limits = LimitsConfig { failed_logins_per_minute: 5, ..LimitsConfig::default() };
    Accounts::open(store, &limits).unwrap()
}

fn request(username: &str) -> LineRequest {
    LineRequest {
        username: username.to_owned(),
        password: Secret::new("hunter2"),
        max_connections: 2,
        expires: None,
        bouquets: Vec::new(),
        macs: Vec::new(),
        token: None,
    }
}

#[tokio::test]
async fn a_line_is_found_by_credentials_token_and_device() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let mut changes = accounts.changes();
    let line =
        accounts.add(LineRequest { macs: vec!["00-1A-79-12-34-56".to_owned()], ..request("anna") }).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(line.macs, ["00:1a:79:12:34:56"]);
    assert!(!line.password_hash.expose().contains("hunter2"));

    let id = Ok(line.id);
    assert_eq!(accounts.by_credentials("anna", "hunter2", CLIENT).await.map(|line| line.id), id);
    assert_eq!(accounts.by_token(line.token.expose(), CLIENT).map(|line| line.id), id);
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
    accounts.add(request("anna")).await.unwrap();
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
    accounts.set_active("anna", false).await.unwrap();
    assert_eq!(accounts.by_credentials("anna", "hunter2", CLIENT).await, Err(Refusal::Disabled));
    spends(1);
    // A disabled line does not confirm a wrong password.
    assert_eq!(accounts.by_credentials("anna", "wrong", CLIENT).await, Err(Refusal::BadCredentials));
}

#[tokio::test]
async fn lines_end_and_are_switched_off_and_on() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let past = Some(Timestamp::from_second(1_000_000).unwrap());
    let future = Some(Timestamp::now() + jiff::SignedDuration::from_hours(24));
    let ended = accounts.add(LineRequest { expires: past, ..request("ended") }).await.unwrap();
    let goes_on = accounts.add(LineRequest { expires: future, ..request("goes-on") }).await.unwrap();
    assert_eq!(accounts.by_token(ended.token.expose(), CLIENT), Err(Refusal::Expired));
    assert_eq!(accounts.by_credentials("ended", "hunter2", CLIENT).await, Err(Refusal::Expired));
    assert!(accounts.by_token(goes_on.token.expose(), CLIENT).is_ok());

    accounts.set_active("goes-on", false).await.unwrap();
    assert_eq!(accounts.by_token(goes_on.token.expose(), CLIENT), Err(Refusal::Disabled));
    assert!(!accounts.find(goes_on.id).unwrap().active);
    accounts.set_active("goes-on", true).await.unwrap();
    assert!(accounts.by_token(goes_on.token.expose(), CLIENT).is_ok());
    assert!(matches!(accounts.set_active("nobody", true).await, Err(AccountsError::NoSuchLine(_))));
}

#[tokio::test]
async fn failures_throttle_an_address_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let line = accounts.add(LineRequest { macs: vec!["001a79123456".to_owned()], ..request("anna") }).await.unwrap();
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
    assert!(accounts.by_token(line.token.expose(), CLIENT).is_ok());
    let other = IpAddr::from([192, 0, 2, 2]);
    assert!(accounts.by_credentials("anna", "hunter2", other).await.is_ok());
}

#[tokio::test]
async fn what_clashes_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    let anna = accounts.add(LineRequest { macs: vec!["001a79123456".to_owned()], ..request("anna") }).await.unwrap();
    let messages = [
        accounts.add(request("anna")).await,
        accounts.add(LineRequest { token: Some(anna.token.clone()), ..request("ben") }).await,
        accounts.add(LineRequest { macs: vec!["00:1A:79:12:34:56".to_owned()], ..request("ben") }).await,
        accounts.add(LineRequest { max_connections: 0, ..request("ben") }).await,
    ];
    let messages: Vec<String> = messages.into_iter().map(|result| result.unwrap_err().to_string()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r#"
    username "anna" is taken
    the token is taken
    device 00:1a:79:12:34:56 is bound to line "anna"
    max_connections is 0: use 1 to 10000
    "#);
    assert_eq!(accounts.list().len(), 1);
}

#[tokio::test]
async fn many_clients_at_once_share_the_cores() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(&folder);
    accounts.add(request("anna")).await.unwrap();
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
    accounts.add(request("anna")).await.unwrap();
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

proptest::proptest! {
    /// Whatever was accepted can stand in a path as one segment, and is accepted again.
    #[test]
    fn accepted_requests_fit_in_paths(username: String, password: String, mac: String) {
        let wish = LineRequest { username, password: Secret::new(password), macs: vec![mac], ..request("x") };
        if let Ok(line) = wish.validated() {
            for segment in [line.username.as_str(), line.password.expose()] {
                let mut url = url::Url::parse("http://tv.example/live/").unwrap();
                url.path_segments_mut().unwrap().push(segment);
                proptest::prop_assert_eq!(url.path_segments().unwrap().count(), 3);
            }
            proptest::prop_assert_eq!(line.macs[0].len(), 17);
            proptest::prop_assert!(line.validated().is_ok());
        }
    }
}
