mod backup;
mod changes;
mod guide;
mod guide_crash;
mod guide_model;
mod kv_model;
mod ledger;
mod ledger_model;
mod model;

use std::path::Path;

use jiff::Timestamp;
use mast_model::{ChannelId, InstanceId, LineId, LineRecord, LineToken, Secret, Upstream, UpstreamKind, UpstreamUrl};
use redb::Database;

use super::*;

fn line(username: &str, token: u8) -> LineRecord {
    let token = LineToken::from_bytes([token; 32]);
    LineRecord {
        max_connections: 2,
        bouquets: vec!["sports".to_owned(), "kids".to_owned(), "sports".to_owned()],
        ..LineRecord::new(username, Secret::new("$argon2id$..."), token)
    }
}

fn add(store: &dyn StateStore, line: LineRecord) -> Result<LineRecord, StoreError> {
    Change::by(Actor::machine("test")).commit(store, "add a line", |transaction| transaction.add_line(line))
}

fn update(
    store: &dyn StateStore,
    id: LineId,
    change: &mut dyn FnMut(&mut LineRecord),
) -> Result<LineRecord, StoreError> {
    Change::by(Actor::machine("test")).commit(store, "change", |transaction| transaction.update_line(id, change))
}

fn lines(store: &dyn StateStore) -> Vec<LineRecord> {
    let mut all = Vec::new();
    store.each_line(&mut |line| all.push(line)).unwrap();
    all
}

fn channel(key: &str, category: Option<&str>) -> ImportedChannel {
    ImportedChannel {
        key: key.to_owned(),
        name: format!("Channel {key}"),
        number: None,
        category: category.map(str::to_owned),
        logo: None,
        epg_id: None,
        upstreams: vec![Upstream {
            url: UpstreamUrl::new(format!("http://tv.example/{key}")),
            kind: UpstreamKind::Auto,
            headers: vec![("authorization".to_owned(), Secret::new("hunter2"))],
        }],
        catch_up: None,
        attrs: Vec::new(),
    }
}

fn catalog(channels: &[&str]) -> ImportedCatalog {
    ImportedCatalog {
        categories: vec![ImportedCategory { key: "c".to_owned(), name: "Category".to_owned() }],
        channels: channels.iter().map(|key| channel(key, Some("c"))).collect(),
        library: ImportedLibrary::default(),
        validators: Vec::new(),
    }
}

fn source(name: &str) -> InstanceId {
    InstanceId::new(name).unwrap()
}

fn ids(record: &SourceRecord) -> Vec<u32> {
    record.channels.iter().map(|channel| channel.id.0).collect()
}

#[test]
fn lines_are_unique_and_change_in_revisions() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_state(folder.path()).unwrap();
    let anna = add(&*store, line("anna", 1)).unwrap();
    assert_eq!((anna.id, anna.revision, anna.active), (LineId(1), 0, true));
    assert_eq!(anna.bouquets, ["kids", "sports"]);
    assert!(matches!(add(&*store, line("anna", 2)), Err(StoreError::UsernameTaken(name)) if name == "anna"));
    assert!(matches!(add(&*store, line("ben", 1)), Err(StoreError::TokenTaken)));
    // Case and normalisation are the subscriber's: names are compared exactly.
    let other = add(&*store, line("Anna", 3)).unwrap();

    let changed = update(&*store, anna.id, &mut |line| {
        line.active = false;
        line.id = LineId(99);
        line.revision = 7;
    });
    let changed = changed.unwrap();
    assert_eq!((changed.id, changed.revision, changed.active), (anna.id, 1, false));
    let clash = update(&*store, other.id, &mut |line| line.username = "anna".to_owned());
    assert!(matches!(clash, Err(StoreError::UsernameTaken(_))));
    update(&*store, anna.id, &mut |line| line.username = "anna2".to_owned()).unwrap();
    update(&*store, other.id, &mut |line| line.username = "anna".to_owned()).unwrap();
    assert!(matches!(update(&*store, LineId(99), &mut |_| {}), Err(StoreError::LineNotFound(LineId(99)))));
    let names: Vec<String> = lines(&*store).into_iter().map(|line| line.username).collect();
    assert_eq!(names, ["anna2", "anna"]);
}

#[test]
fn channel_ids_survive_absence_order_and_restart() {
    let folder = tempfile::tempdir().unwrap();
    let at = Timestamp::UNIX_EPOCH;
    {
        let store = open_state(folder.path()).unwrap();
        assert_eq!(ids(&store.replace_source(&source("one"), catalog(&["a", "b", "a"]), at).unwrap()), [1, 2]);
        assert_eq!(ids(&store.replace_source(&source("two"), catalog(&["a"]), at).unwrap()), [3]);
        assert_eq!(ids(&store.replace_source(&source("one"), catalog(&["c"]), at).unwrap()), [4]);
    }
    let store = open_state(folder.path()).unwrap();
    let back = store.replace_source(&source("one"), catalog(&["b", "d", "a"]), at).unwrap();
    assert_eq!(ids(&back), [2, 5, 1]);
    assert_eq!(back.channels[0].category, Some(back.categories[0].id));
    assert_eq!(back.categories[0].id.0, 1);
    let stored = store.sources().unwrap();
    assert_eq!(stored[0].channels, back.channels);
    assert_eq!(stored[0].channels[0].upstreams[0].headers[0].1.expose(), "hunter2");
}

#[test]
fn a_large_catalogue_comes_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<String> = (0..1_300).rev().map(|number| format!("key-{number}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let store = open_state(folder.path()).unwrap();
    store.replace_source(&source("one"), catalog(&keys), Timestamp::UNIX_EPOCH).unwrap();
    store.replace_source(&source("one-b"), catalog(&["x"]), Timestamp::UNIX_EPOCH).unwrap();
    let found = store.sources().unwrap();
    assert!(found[0].channels.iter().map(|channel| channel.key.as_str()).eq(keys));
    store.replace_source(&source("one"), ImportedCatalog::default(), Timestamp::UNIX_EPOCH).unwrap();
    let found = store.sources().unwrap();
    assert_eq!((found[0].channels.len(), found[1].channels.len()), (0, 1));
}

#[test]
fn sequence_numbers_are_never_handed_out_twice() {
    let folder = tempfile::tempdir().unwrap();
    let one = ChannelId(1);
    {
        let store = open_state(folder.path()).unwrap();
        assert_eq!(store.reserve_sequence(one, 100, 1).unwrap(), (0, 0));
        assert_eq!(store.reserve_sequence(one, 100, 0).unwrap(), (100, 1));
        assert_eq!(store.reserve_sequence(ChannelId(2), 1, 1).unwrap(), (0, 0));
    }
    let store = open_state(folder.path()).unwrap();
    assert_eq!(store.reserve_sequence(one, 1, 1).unwrap(), (200, 1));
    assert!(matches!(store.reserve_sequence(one, u64::MAX, 0), Err(StoreError::OutOfIds(_))));
    assert_eq!(store.reserve_sequence(one, 1, 1).unwrap(), (201, 2));
    assert_eq!(store.target_duration(one).unwrap(), None);
    store.set_target_duration(one, 4).unwrap();
    assert_eq!(store.target_duration(one).unwrap(), Some(4));
}

#[test]
fn installation_keys_are_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = open_state(folder.path()).unwrap().installation_key("session-key").unwrap();
    let store = open_state(folder.path()).unwrap();
    assert_eq!(store.installation_key("session-key").unwrap(), first);
    assert_ne!(store.installation_key("other").unwrap(), first);
}

#[test]
fn a_second_opening_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _held = (open_state(folder.path()).unwrap(), open_plugin_kv(folder.path()).unwrap());
    let error = open_state(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(&error, StoreError::InUse(file) if file.ends_with("state.redb")), "{error}");
    assert!(matches!(open_plugin_kv(folder.path()).map(|_| ()), Err(StoreError::InUse(_))));
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open_state(folder.path()).unwrap());
    let file = folder.path().join("state.redb");
    let write_version = |version: u64| {
        let database = Database::open(&file).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(schema::META).unwrap().insert(schema::SCHEMA, version).unwrap();
        transaction.commit().unwrap();
    };
    write_version(99);
    let error = open_state(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 99, known: schema::VERSION, .. }), "{error}");
    write_version(schema::VERSION);
    assert!(open_state(folder.path()).is_ok());
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("state.redb"), "this is not a database, it is a text of some length").unwrap();
    let error = open_state(folder.path()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("state.redb could not be opened"), "{error}");
    let below_a_file = folder.path().join("state.redb/data");
    assert!(matches!(open_state(&below_a_file).map(|_| ()), Err(StoreError::Open { .. })));
}

#[test]
fn a_row_of_another_form_is_named_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    drop(open_state(folder.path()).unwrap());
    {
        let database = Database::open(folder.path().join("state.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(schema::LINES).unwrap().insert(1, br#"{"id":"hunter2"}"#.as_slice()).unwrap();
        transaction.commit().unwrap();
    }
    let error = open_state(folder.path()).unwrap().each_line(&mut |_| {}).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { record: "line", .. }), "{error}");
    assert!(!error.to_string().contains("hunter2"));
}

/// What was not committed is gone, what was committed is there: as a process that is killed leaves it.
#[test]
fn a_crash_inside_a_transaction_keeps_the_state_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = state::State::open(folder.path()).unwrap();
    add(&store, line("anna", 1)).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let result = store.db.write("crash", |transaction| {
        lines::add(transaction, line("ben", 2))?;
        sequence::reserve(transaction, ChannelId(1), 10, 0)?;
        std::fs::copy(folder.path().join("state.redb"), copy.path().join("state.redb")).unwrap();
        Err::<(), _>(StoreError::TokenTaken.into())
    });
    assert!(result.is_err());
    for survivor in [&store as &dyn StateStore, &*open_state(copy.path()).unwrap()] {
        let names: Vec<String> = lines(survivor).into_iter().map(|line| line.username).collect();
        assert_eq!(names, ["anna"]);
        assert_eq!(survivor.reserve_sequence(ChannelId(1), 1, 0).unwrap(), (0, 0));
        assert_eq!(add(survivor, line("ben", 2)).unwrap().id, LineId(2));
    }
}

#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("made/for/it");
    let _store = open_state(&data).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data.join("state.redb")), 0o600);
    assert_eq!(mode(&data), 0o700);
}

#[test]
fn plugin_values_have_quotas_and_prefixes() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open_plugin_kv(folder.path()).unwrap();
    let (one, two) = (source("one"), source("two"));
    kv.set(&one, "a/1", b"12345", 16).unwrap();
    kv.set(&one, "a/2", b"12345", 16).unwrap();
    assert!(matches!(kv.set(&one, "b", b"", 16), Err(StoreError::QuotaExceeded { quota: 16, .. })));
    assert!(matches!(kv.set(&one, "a/1", b"123456", 16), Err(StoreError::QuotaExceeded { .. })));
    assert_eq!(kv.get(&one, "a/1").unwrap().as_deref(), Some(b"12345".as_slice()));
    kv.set(&two, "a/1", b"other", 8).unwrap();
    // A quota that was lowered still lets values shrink.
    kv.set(&one, "a/1", b"1", 4).unwrap();
    kv.delete(&one, "a/2").unwrap();
    kv.delete(&one, "a/2").unwrap();
    kv.set(&one, "b", b"123456789012", 16).unwrap_err();
    kv.set(&one, "b", b"12345678901", 16).unwrap();
    kv.set(&one, "b", b"12345", 16).unwrap();
    kv.set(&one, "ab", b"", 16).unwrap();
    assert_eq!(kv.list_keys(&one, "", None, 10).unwrap(), ["a/1", "ab", "b"]);
    assert_eq!(kv.list_keys(&one, "a", None, 10).unwrap(), ["a/1", "ab"]);
    assert_eq!(kv.list_keys(&one, "a", Some("a/1"), 10).unwrap(), ["ab"]);
    assert_eq!(kv.list_keys(&one, "a", Some("b"), 10).unwrap(), Vec::<String>::new());
    assert_eq!(kv.list_keys(&one, "", None, 2).unwrap(), ["a/1", "ab"]);
    drop(kv);
    let kv = open_plugin_kv(folder.path()).unwrap();
    assert_eq!(kv.get(&two, "a/1").unwrap().as_deref(), Some(b"other".as_slice()));
    assert_eq!(kv.get(&two, "b").unwrap(), None);
}
