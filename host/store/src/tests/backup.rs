//! What comes out of a backup is what went in; what is not whole is refused, and nothing is lost by trying.

use std::path::Path;

use mast_model::InstanceId;

use super::*;
use crate::backup::{self, restore};
use crate::{Actor, Change, Kind, PluginKv, open_plugin_kv};

fn change() -> Change {
    Change::by(Actor::machine("test"))
}

/// A store with some of everything, and its plugins' storage.
fn filled(folder: &Path, lines: u32) -> (Box<dyn StateStore>, Box<dyn PluginKv>) {
    let (store, kv) = (open_state(folder).unwrap(), open_plugin_kv(folder).unwrap());
    for number in 0..lines {
        let change = change();
        change
            .commit(&*store, "add", |transaction| {
                let mut token = [0; 32];
                token[..4].copy_from_slice(&number.to_be_bytes());
                let line = LineRecord::new(format!("line-{number}"), Secret::new("hash"), LineToken::from_bytes(token));
                let line = transaction.add_line(line)?;
                transaction.audit(&change.actor, "line.create", format!("line/{}", line.id), (None, Some(&line)))?;
                transaction.put_row(Kind::LoginSessions, b"session", b"{}")?;
                transaction.put_row(Kind::ResellerSessions, b"session", b"{}")?;
                transaction.put_row(Kind::CatalogRules, b"rules", b"{\"rules\":[]}")
            })
            .unwrap();
    }
    store.reserve_sequence(ChannelId(7), 1_000, 1).unwrap();
    store.set_target_duration(ChannelId(7), 4).unwrap();
    store.installation_key("session-key").unwrap();
    kv.set(&InstanceId::new("one").unwrap(), "key", b"value", 1 << 20).unwrap();
    (store, kv)
}

fn lines(store: &dyn StateStore) -> Vec<LineRecord> {
    let mut all = Vec::new();
    store.each_line(&mut |line| all.push(line)).unwrap();
    all
}

#[test]
fn a_backup_is_put_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (store, kv) = filled(&folder.path().join("old"), 120);
    let file = folder.path().join("backup");
    let written = backup::write(&*store, &*kv, &file).unwrap();
    assert_eq!(written.lines(), 120);
    assert_eq!(backup::manifest(&file).unwrap(), written);
    // What comes later is not in it.
    change().commit(&*store, "note", |transaction| transaction.put_row(Kind::CatalogRules, b"later", b"{}")).unwrap();

    let new = folder.path().join("new");
    std::fs::create_dir(&new).unwrap();
    assert_eq!(restore(&file, &new).unwrap(), written);
    let (back, back_kv) = (open_state(&new).unwrap(), open_plugin_kv(&new).unwrap());
    assert_eq!(lines(&*back), lines(&*store));
    assert_eq!(back.audit_log(u64::MAX, 1_000, &|_| true).unwrap().len(), 120);
    assert_eq!(back.installation_key("session-key").unwrap(), store.installation_key("session-key").unwrap());
    assert_eq!(back.target_duration(ChannelId(7)).unwrap(), Some(4));
    assert_eq!((back.rows(Kind::CatalogRules).unwrap().len(), store.rows(Kind::CatalogRules).unwrap().len()), (1, 2));
    for sessions in [Kind::LoginSessions, Kind::ResellerSessions] {
        assert!(back.rows(sessions).unwrap().is_empty(), "nobody is logged in by a backup");
    }
    assert_eq!(back_kv.get(&InstanceId::new("one").unwrap(), "key").unwrap().as_deref(), Some(b"value".as_slice()));
    // The host has used numbers since.
    assert!(back.reserve_sequence(ChannelId(7), 1, 0).unwrap().0 >= 100_000);
    // Ids go on where they were.
    let next = change().commit(&*back, "add", |transaction| {
        transaction.add_line(LineRecord::new("new", Secret::new("hash"), LineToken::from_bytes([9; 32])))
    });
    assert_eq!(next.unwrap().id, LineId(121));
    back.prove_ledger().unwrap();
    assert!(std::fs::read_dir(&new).unwrap().count() == 2, "no draft is left");
}

#[test]
fn nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (store, kv) = filled(&folder.path().join("old"), 1);
    let file = folder.path().join("backup");
    std::fs::write(&file, "mine").unwrap();
    backup::write(&*store, &*kv, &file).map(|_| ()).unwrap_err();
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[test]
fn what_is_not_whole_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, kv) = filled(&folder.path().join("old"), 300);
    let file = folder.path().join("backup");
    let written = backup::write(&*store, &*kv, &file).unwrap();
    let whole = std::fs::read(&file).unwrap();
    let attempt = |name: &str, bytes: &[u8]| {
        let (broken, new) = (folder.path().join(format!("{name}.backup")), folder.path().join(name));
        std::fs::write(&broken, bytes).unwrap();
        std::fs::create_dir(&new).unwrap();
        let done = restore(&broken, &new);
        assert_eq!(std::fs::read(&broken).unwrap(), bytes, "the backup itself is not touched");
        done
    };
    for (name, bytes) in [
        ("empty", &[][..]),
        ("text", b"hello"),
        ("half", &whole[..whole.len() / 2]),
        ("most", &whole[..whole.len() - 4_096]),
    ] {
        attempt(name, bytes).map(|_| ()).unwrap_err();
    }
    // A store is no backup.
    let state = std::fs::read(folder.path().join("old/state.redb")).unwrap();
    attempt("store", &state).map(|_| ()).unwrap_err();
    // One bit, here and there: refused, or in a place that nothing is kept in.
    let mut refused = 0;
    for (round, at) in (0..whole.len()).step_by(whole.len() / 40).enumerate() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        match attempt(&format!("bit-{round}"), &bytes) {
            Err(_) => refused += 1,
            Ok(manifest) => {
                let back = open_state(&folder.path().join(format!("bit-{round}"))).unwrap();
                assert_eq!((manifest, lines(&*back)), (written.clone(), lines(&*store)), "bit {at}");
            }
        }
    }
    assert!(refused > 5, "{refused}");
}

/// Somebody who writes to the file with redb leaves every page with a checksum that fits.
#[test]
fn what_was_changed_with_care_is_refused_too() {
    let folder = tempfile::tempdir().unwrap();
    let (store, kv) = filled(&folder.path().join("old"), 3);
    let file = folder.path().join("backup");
    backup::write(&*store, &*kv, &file).unwrap();
    let check = |name: &str, change: &dyn Fn(&redb::WriteTransaction)| {
        let (copy, new) = (folder.path().join(format!("{name}.backup")), folder.path().join(name));
        std::fs::copy(&file, &copy).unwrap();
        let database = Database::open(&copy).unwrap();
        let transaction = database.begin_write().unwrap();
        change(&transaction);
        transaction.commit().unwrap();
        drop(database);
        std::fs::create_dir(&new).unwrap();
        restore(&copy, &new).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(check("untouched", &|_| ()), Ok(()));
    let same_count = check("changed", &|transaction| {
        let mut rules = transaction.open_table(rows::table(Kind::CatalogRules)).unwrap();
        rules.insert(b"rules".as_slice(), b"{\"rules\":[1]}".as_slice()).unwrap();
    });
    assert!(same_count.unwrap_err().contains("checksum of catalog-rules"));
    let plugins = check("plugins", &|transaction| {
        let values = redb::TableDefinition::<(&str, &str), &[u8]>::new("plugins/values");
        transaction.open_table(values).unwrap().insert(("one", "key"), b"another".as_slice()).unwrap();
    });
    assert!(plugins.unwrap_err().contains("checksum of plugins/values"));
}
