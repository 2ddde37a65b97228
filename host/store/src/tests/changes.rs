//! Changes with their audit entries and marks: whole or not at all, also on a disk that fails; and files of earlier versions.

use std::io::Read;

use mast_model::{AboveLimit, Operator, OperatorId, Role, SecondFactor};

use super::*;
use crate::faults::{FailingDisk, open_state_on};

const BIG: usize = 1000;

fn all_audit(store: &dyn StateStore) -> Vec<AuditEntry> {
    store.audit_log(u64::MAX, BIG, &|_| true).unwrap()
}

fn change(once: Option<&str>) -> Change {
    let once = once.map(|key| Once { principal: "operator/1".into(), key: key.into(), fingerprint: "f".into() });
    Change { actor: Actor::machine("test"), once }
}

/// Two lines, an operator, an entry in the log and a mark, in one change.
fn work(store: &dyn StateStore, round: u8) -> Result<(), StoreError> {
    change(Some(&round.to_string())).commit(store, "do much", |transaction| {
        for name in ["a", "b"] {
            let line = transaction.add_line(line(&format!("{name}{round}"), round * 2 + u8::from(name == "b")))?;
            transaction.audit(
                &Actor::machine("test"),
                "line.create",
                format!("line/{}", line.id),
                (None, Some(&line)),
            )?;
        }
        let id = OperatorId(transaction.next_id(Kind::Operators)?);
        transaction.put(&Operator {
            id,
            username: format!("operator-{round}"),
            password_hash: Secret::new("$argon2id$..."),
            role: Role::Owner,
            active: true,
            totp: SecondFactor::default(),
            oidc_id: None,
            created: Timestamp::UNIX_EPOCH,
            revision: 0,
        })
    })
}

/// How many whole rounds are in the store; fails where a part of one is.
fn rounds(store: &dyn StateStore) -> usize {
    let operators: Vec<Operator> = store.all().unwrap();
    let (lines, entries) = (lines(store), all_audit(store));
    assert_eq!((lines.len(), entries.len()), (operators.len() * 2, operators.len() * 2));
    assert_eq!(store.all::<Done>().unwrap().len(), operators.len());
    assert!(entries.iter().rev().map(|entry| entry.id).eq(1..=entries.len() as u64));
    operators.len()
}

#[test]
fn a_change_is_whole_whenever_the_disk_fails() {
    let mut kept = Vec::new();
    for operations in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let disk = FailingDisk::new();
        let store = open_state_on(folder.path(), disk.clone()).unwrap();
        work(&*store, 0).unwrap();
        disk.fail_after(operations);
        let result = work(&*store, 1);
        if result.is_ok() && !disk.has_failed() {
            break;
        }
        drop(store);
        let store = open_state(folder.path()).unwrap();
        let found = rounds(&*store);
        assert!(found == 2 || (found == 1 && result.is_err()), "after {operations}: {found} rounds, {result:?}");
        kept.push(found);
        work(&*store, 2).unwrap();
    }
    assert!(kept.len() > 3 && kept.contains(&1), "{kept:?}");
}

#[test]
fn what_fails_leaves_nothing_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_state(folder.path()).unwrap();
    work(&*store, 0).unwrap();
    #[derive(Debug, thiserror::Error)]
    #[error("no")]
    enum Own {
        No,
        Store(#[from] StoreError),
    }
    let result: Result<(), Own> = change(Some("x")).commit(&*store, "try", |transaction| {
        transaction.add_line(line("c", 9))?;
        Err(Own::No)
    });
    assert!(matches!(result, Err(Own::No)));
    let clash: Result<(), Own> = change(Some("x")).commit(&*store, "try", |transaction| {
        transaction.add_line(line("c", 9))?;
        transaction.add_line(line("c", 10))?;
        Ok(())
    });
    assert!(matches!(clash, Err(Own::Store(StoreError::UsernameTaken(_)))));
    assert_eq!(rounds(&*store), 1);
}

#[test]
fn a_request_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_state(folder.path()).unwrap();
    let once = change(Some("0")).once.unwrap();
    assert_eq!(once.find(&*store).unwrap(), None);
    work(&*store, 0).unwrap();
    assert_eq!(once.find(&*store).unwrap().unwrap().answer, None, "done, and not answered yet");
    assert!(matches!(work(&*store, 0), Err(StoreError::AlreadyDone)));
    let answer = Answer { status: 201, headers: Vec::new(), body: "{}".into() };
    once.answered(&*store, &answer).unwrap();
    drop(store);
    let store = open_state(folder.path()).unwrap();
    assert_eq!(once.find(&*store).unwrap().unwrap().answer, Some(answer));
    let other = Once { principal: "operator/2".into(), ..once.clone() };
    assert_eq!(other.find(&*store).unwrap(), None);

    assert_eq!(forget_done(&*store).unwrap(), 0);
    let long_ago = Timestamp::now() - jiff::SignedDuration::from_hours(25);
    let mut done: Done = once.find(&*store).unwrap().unwrap();
    done.at = long_ago;
    store.write("age it", &mut |transaction| transaction.put(&done)).unwrap();
    assert_eq!(once.find(&*store).unwrap(), None);
    assert_eq!(forget_done(&*store).unwrap(), 1);
    assert_eq!(store.all::<Done>().unwrap(), []);
}

#[test]
fn the_log_is_read_from_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_state(folder.path()).unwrap();
    for round in 0..3 {
        work(&*store, round).unwrap();
    }
    let numbers = |before, most, odd: bool| {
        let found = store.audit_log(before, most, &|entry| !odd || entry.id % 2 == 1).unwrap();
        found.iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    assert_eq!(numbers(u64::MAX, 2, false), [6, 5]);
    assert_eq!(numbers(5, 10, false), [4, 3, 2, 1]);
    assert_eq!(numbers(u64::MAX, 2, true), [5, 3]);
    let text = format!("{:?}", all_audit(&*store));
    assert!(!text.contains("argon2") && !text.contains(&"02".repeat(32)), "{text}");
}

#[test]
fn lines_can_be_removed_and_their_names_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_state(folder.path()).unwrap();
    let anna = add(&*store, line("anna", 1)).unwrap();
    let remove = |id| change(None).commit(&*store, "remove", |transaction| transaction.remove_line(id));
    assert_eq!(remove(anna.id).unwrap(), anna);
    assert!(matches!(remove(anna.id), Err(StoreError::LineNotFound(_))));
    let again = add(&*store, line("anna", 1)).unwrap();
    assert_eq!(again.id, LineId(2), "ids are never used again");
    assert_eq!(store.lines(&[LineId(1), again.id]).unwrap(), [again]);
}

/// Written by version 0.1.0 before there were operators: `mast line add` twice and `mast line disable`.
#[test]
fn a_file_of_schema_1_opens() {
    let folder = tempfile::tempdir().unwrap();
    let packed = include_bytes!("../../old/state-1.redb.gz");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    std::fs::write(folder.path().join("state.redb"), bytes).unwrap();

    let store = open_state(folder.path()).unwrap();
    let found = lines(&*store);
    let (anna, ben) = (&found[0], &found[1]);
    assert_eq!((anna.username.as_str(), anna.max_connections, anna.active), ("anna", 3, true));
    assert_eq!(
        (&anna.bouquets[..], &anna.macs[..]),
        (&["sports".to_owned()][..], &["00:1a:79:00:00:01".to_owned()][..])
    );
    assert_eq!(anna.token, LineToken::from_bytes([0xab; 32]));
    assert!(anna.password_hash.expose().starts_with("$argon2id$"));
    assert_eq!((anna.above_limit, anna.trial, anna.notes.as_str()), (AboveLimit::DenyNew, false, ""));
    assert_eq!((ben.username.as_str(), ben.active, ben.revision), ("ben", false, 1));
    assert_eq!(ben.expires.unwrap().to_string(), "2030-01-01T00:00:00Z");
    work(&*store, 0).unwrap();
    let later = lines(&*store).last().map(|line| line.id);
    assert_eq!(later, Some(LineId(4)), "ids go on");
}

#[test]
fn the_log_is_trimmed_from_its_old_end_and_rewritten_where_it_must_be() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_state(folder.path()).unwrap();
    let hour = |hour: i64| Timestamp::from_second(hour * 3_600).unwrap();
    let entry = |at| AuditEntry {
        id: 0,
        at,
        actor: Actor::machine("test"),
        action: "line.update".into(),
        subject: "line/1".into(),
        before: None,
        after: Some(serde_json::json!({ "notes": "hers" })),
    };
    store
        .write("fill", &mut |transaction| {
            (0..2_500).try_for_each(|number| transaction.append_audit(entry(hour(number))).map(|_| ()))
        })
        .unwrap();
    assert_eq!(trim_audit(&*store, hour(2_100)).unwrap(), 2_100);
    assert_eq!(trim_audit(&*store, hour(2_100)).unwrap(), 0);
    let left = all_audit(&*store);
    assert_eq!((left.len(), left.last().map(|entry| entry.id)), (400, Some(2_101)));
    store
        .write("rewrite", &mut |transaction| {
            transaction.rewrite_audit(&[2_101, 5, 2_103], &mut |entry| {
                (entry.after, entry.subject, entry.at) = (None, "changed".into(), Timestamp::UNIX_EPOCH);
            })
        })
        .unwrap();
    let rewritten: Vec<_> = all_audit(&*store).into_iter().filter(|entry| entry.after.is_none()).collect();
    assert_eq!(rewritten.iter().map(|entry| entry.id).collect::<Vec<_>>(), [2_103, 2_101]);
    assert!(rewritten.iter().all(|entry| entry.subject == "line/1" && entry.at > hour(2_000)), "only what it says");
    // Numbers go on.
    store.write("add", &mut |transaction| transaction.append_audit(entry(hour(3_000))).map(|_| ())).unwrap();
    assert_eq!(all_audit(&*store)[0].id, 2_501);
}
