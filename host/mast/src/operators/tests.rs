use jiff::SignedDuration;
use jiff::Timestamp;
use mast_model::Secret;
use mast_store::{Actor, AuditEntry, Change};
use tempfile::TempDir;

use super::*;

const CLIENT: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn open(folder: &TempDir) -> (Operators, Arc<dyn StateStore>) {
    let store: Arc<dyn StateStore> = mast_store::open_state(folder.path()).unwrap().into();
    (Operators::open(Arc::clone(&store), 5).unwrap(), store)
}

fn test() -> Change {
    Change::by(Actor::machine("test"))
}

async fn add(operators: &Operators, username: &str, role: Role) -> Operator {
    let new =
        NewOperator { username: username.to_owned(), password: Secret::new("correct horse"), role, oidc_id: None };
    operators.add(new, test()).await.unwrap()
}

fn credentials(username: &str, password: &str, code: Option<String>) -> Credentials {
    let (username, password) = (username.to_owned(), Secret::new(password));
    Credentials { username, password, code, client: CLIENT, user_agent: "browser".to_owned() }
}

async fn login(operators: &Operators, username: &str, password: &str) -> Result<Started, LoginRefusal> {
    operators.login(credentials(username, password, None)).await
}

#[tokio::test]
async fn sessions_begin_end_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (operators, store) = open(&folder);
    let owner = add(&operators, "olga", Role::Owner).await;
    let started = login(&operators, "olga", "correct horse").await.unwrap();
    let cookie = started.cookie.expose().to_owned();
    drop((operators, store));

    let (operators, store) = open(&folder);
    let identity = operators.by_cookie(&cookie, CLIENT).unwrap();
    assert_eq!((identity.operator, identity.role), (Some(owner.id), Some(Role::Owner)));
    let Via::Session { hash, csrf } = identity.via.clone() else { panic!("{identity:?}") };
    assert_eq!(csrf, started.csrf);
    assert!(operators.by_cookie("nonsense", CLIENT).is_none() && operators.by_key(&cookie, CLIENT).is_none());
    operators.logout(hash, identity.actor()).await.unwrap();
    assert!(operators.by_cookie(&cookie, CLIENT).is_none());

    let text = format!("{:?}", store.audit_log(u64::MAX, 100, &|_: &AuditEntry| true).unwrap());
    for action in ["operator.create", "session.begin", "session.end"] {
        assert!(text.contains(action), "{text}");
    }
    assert!(!text.contains(&cookie) && !text.contains("argon2"), "{text}");
}

#[tokio::test]
async fn a_changed_operator_is_logged_out() {
    let folder = tempfile::tempdir().unwrap();
    let (operators, _store) = open(&folder);
    add(&operators, "olga", Role::Owner).await;
    let ben = add(&operators, "ben", Role::Support).await;
    let patches = [
        OperatorPatch { password: Some(Secret::new("another horse")), ..OperatorPatch::default() },
        OperatorPatch { role: Some(Role::Admin), ..OperatorPatch::default() },
        OperatorPatch { active: Some(false), ..OperatorPatch::default() },
    ];
    for (patch, password) in patches.into_iter().zip(["correct horse", "another horse", "another horse"]) {
        let started = login(&operators, "ben", password).await.unwrap();
        assert!(operators.by_cookie(started.cookie.expose(), CLIENT).is_some());
        operators.change(ben.id, None, patch, test()).await.unwrap();
        assert!(operators.by_cookie(started.cookie.expose(), CLIENT).is_none());
    }
    let off = login(&operators, "ben", "another horse").await;
    assert!(matches!(off, Err(LoginRefusal::BadCredentials)), "as if there were none");
}

#[tokio::test]
async fn failures_look_alike_and_are_throttled() {
    let folder = tempfile::tempdir().unwrap();
    let (operators, _store) = open(&folder);
    add(&operators, "olga", Role::Owner).await;
    for username in ["olga", "nobody", "olga", "nobody", "olga"] {
        let hashed = operators.hashes();
        let refused = login(&operators, username, "wrong").await.unwrap_err();
        assert!(matches!(refused, LoginRefusal::BadCredentials), "{username}: {refused}");
        assert_eq!(operators.hashes(), hashed + 1, "{username}");
    }
    let blocked = login(&operators, "olga", "correct horse").await.unwrap_err();
    assert!(matches!(blocked, LoginRefusal::Throttled));
    let elsewhere = Credentials { client: [192, 0, 2, 9].into(), ..credentials("olga", "correct horse", None) };
    assert!(operators.login(elsewhere).await.is_ok());
}

#[tokio::test]
async fn a_username_is_throttled_wherever_the_attempts_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let (operators, _store) = open(&folder);
    add(&operators, "olga", Role::Owner).await;
    for number in 0..20_u8 {
        let attempt = Credentials { client: [198, 51, 100, number].into(), ..credentials("olga", "wrong", None) };
        assert!(matches!(operators.login(attempt).await, Err(LoginRefusal::BadCredentials)), "{number}");
    }
    let attempt = Credentials { client: [203, 0, 113, 1].into(), ..credentials("olga", "correct horse", None) };
    assert!(matches!(operators.login(attempt).await, Err(LoginRefusal::Throttled)));
}

#[tokio::test]
async fn a_code_is_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let (operators, store) = open(&folder);
    let olga = add(&operators, "olga", Role::Owner).await;
    let enrolment = operators.begin_totp(olga.id, test()).await.unwrap();
    assert!(enrolment.url.expose().starts_with("otpauth://totp/") && enrolment.url.expose().contains("Mast"));
    let wrong = operators.confirm_totp(olga.id, "000000x".to_owned(), test()).await;
    assert!(matches!(wrong, Err(OperatorsError::BadCode)));
    assert!(login(&operators, "olga", "correct horse").await.is_ok(), "not before it is confirmed");
    let code = |steps| totp::code_now(&enrolment.secret, steps);
    operators.confirm_totp(olga.id, code(-1), test()).await.unwrap();

    assert!(matches!(login(&operators, "olga", "correct horse").await, Err(LoginRefusal::CodeNeeded)));
    assert!(matches!(login(&operators, "olga", "wrong").await, Err(LoginRefusal::BadCredentials)));
    let with = |code| operators.login(credentials("olga", "correct horse", Some(code)));
    let used = code(0);
    assert!(with(used.clone()).await.is_ok());
    assert!(matches!(with(used).await, Err(LoginRefusal::BadCredentials)), "replayed");
    assert!(matches!(with(code(-1)).await, Err(LoginRefusal::BadCredentials)), "older than the last");
    drop((operators, store));
    let (operators, _store) = open(&folder);
    assert!(operators.find(olga.id).unwrap().totp.totp_last_step > 0, "also after a restart");
    operators.remove_totp(olga.id, None, test()).await.unwrap();
    assert!(login(&operators, "olga", "correct horse").await.is_ok());
}

#[tokio::test]
async fn keys_can_at_most_what_their_operator_can() {
    let folder = tempfile::tempdir().unwrap();
    let (operators, _store) = open(&folder);
    add(&operators, "olga", Role::Owner).await;
    let ben = add(&operators, "ben", Role::Support).await;
    let new = |scopes: &[&str], expires| NewKey {
        operator: ben.id,
        name: "script".to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        expires,
    };
    let make = |new| operators.make_key(new, Scopes::all(), test());
    let all = make(new(&[], None)).await.unwrap();
    let some = make(new(&["lines:read", "status:read"], None)).await.unwrap();
    let scopes = |secret: &Secret| Some(operators.by_key(secret.expose(), CLIENT)?.scopes);
    assert_eq!(scopes(&all.secret), Some(scopes_of(Role::Support)));
    assert_eq!(scopes(&some.secret), Some(Scopes::of([Scope::LinesRead, Scope::StatusRead])));
    assert!(matches!(make(new(&["audit:read"], None)).await, Err(OperatorsError::NotYours("audit:read"))));
    assert!(matches!(make(new(&["lines:all"], None)).await, Err(OperatorsError::Invalid(_))));
    let narrow = operators.make_key(new(&["lines:write"], None), Scopes::of([Scope::LinesRead]), test()).await;
    assert!(matches!(narrow, Err(OperatorsError::NotYours("lines:write"))));
    let past = Timestamp::now() - SignedDuration::from_secs(1);
    assert!(matches!(make(new(&[], Some(past))).await, Err(OperatorsError::Invalid(_))));

    let demoted = OperatorPatch { role: Some(Role::ReadOnly), ..OperatorPatch::default() };
    operators.change(ben.id, None, demoted, test()).await.unwrap();
    assert_eq!(scopes(&all.secret), Some(scopes_of(Role::ReadOnly)));
    assert!(matches!(
        operators.revoke_key(some.key.id, Some(OperatorId(1)), test()).await,
        Err(OperatorsError::NoSuchKey(_))
    ));
    operators.revoke_key(some.key.id, Some(ben.id), test()).await.unwrap();
    assert_eq!(scopes(&some.secret), None);
    let off = OperatorPatch { active: Some(false), ..OperatorPatch::default() };
    operators.change(ben.id, None, off, test()).await.unwrap();
    assert_eq!(scopes(&all.secret), None);
}

#[tokio::test]
async fn a_key_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (operators, store) = open(&folder);
    let olga = add(&operators, "olga", Role::Owner).await;
    let expires = Some(Timestamp::now() + SignedDuration::from_hours(1));
    let new = NewKey { operator: olga.id, name: "k".to_owned(), scopes: Vec::new(), expires };
    let made = operators.make_key(new, Scopes::all(), test()).await.unwrap();
    assert!(operators.by_key(made.secret.expose(), CLIENT).is_some());
    operators.inner.notes.close();
    operators.inner.notes.wait().await;
    let stored: ApiKey = store.get(&made.key.id.0.to_be_bytes()).unwrap().unwrap();
    assert!(stored.last_used.is_some(), "its use is noted");
    let ended = ApiKey { expires: Some(Timestamp::now() - SignedDuration::from_secs(1)), ..stored };
    operators.inner.change_state(|state| state.keys.insert(ended.hash.clone(), ended));
    assert!(operators.by_key(made.secret.expose(), CLIENT).is_none());
}

#[tokio::test]
async fn there_is_always_an_owner() {
    let folder = tempfile::tempdir().unwrap();
    let (operators, _store) = open(&folder);
    let olga = add(&operators, "olga", Role::Owner).await;
    add(&operators, "ben", Role::Admin).await;
    for patch in [
        OperatorPatch { active: Some(false), ..OperatorPatch::default() },
        OperatorPatch { role: Some(Role::Admin), ..OperatorPatch::default() },
    ] {
        let refused = operators.change(olga.id, None, patch, test()).await;
        assert!(matches!(refused, Err(OperatorsError::LastOwner)));
    }
    let late = operators.change(olga.id, Some(7), OperatorPatch::default(), test()).await;
    assert!(matches!(late, Err(OperatorsError::Changed { revision: 0, .. })));
    let new = |username: &str, password: &str| NewOperator {
        username: username.to_owned(),
        password: Secret::new(password),
        role: Role::Owner,
        oidc_id: None,
    };
    let twice = new("ben", "12345678");
    assert!(matches!(operators.add(twice, test()).await, Err(OperatorsError::UsernameTaken(_))));
    for (username, password) in [("", "12345678"), ("a b", "12345678"), ("cora", "1234567")] {
        assert!(
            matches!(operators.add(new(username, password), test()).await, Err(OperatorsError::Invalid(_))),
            "{username}"
        );
    }
}
