//! A store made of a backup: checked first, then written into a folder of its own. What is there already is not touched.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::{FORMAT, Manifest, PLUGINS, not_a_backup, read_manifest, schema_of, tables};
use crate::db::{Fault, builder, from_json};
use crate::document::Kind;
use crate::schema::{LINE_TOKENS, LINE_USERNAMES, LINES, META, SCHEMA, SEQUENCES, VERSION};
use crate::{StateStore, StoreError, open_plugin_kv, open_state, rows};

const CACHE_BYTES: usize = 64 << 20;
/// Sequence numbers to leave out besides one for each second since the backup.
const SKIPPED: u64 = 100_000;

/// Checks a backup and makes `state.redb` and `plugins.redb` of it in a folder that is empty. Sessions of operators and resellers are left behind: whoever was
/// logged out since shall not be in again.
pub fn restore(backup: &Path, folder: &Path) -> Result<Manifest, StoreError> {
    // redb answers damage with an error; its debug builds panic instead, and nobody shall depend on what else it has not thought of.
    let checked = std::panic::catch_unwind(|| checked(backup, folder));
    checked.unwrap_or_else(|_| {
        Err(StoreError::BadBackup { file: backup.to_owned(), cause: "its pages are damaged".to_owned() })
    })
}

fn checked(backup: &Path, folder: &Path) -> Result<Manifest, StoreError> {
    let bad = |cause: String| StoreError::BadBackup { file: backup.to_owned(), cause };
    let copy = folder.join("backup.draft");
    // Checking writes to the file; the backup itself shall stay as it is.
    copy_privately(backup, &copy)
        .map_err(|error| StoreError::Open { file: backup.to_owned(), cause: error.to_string() })?;
    let mut database = builder(&copy, CACHE_BYTES).open(&copy).map_err(|error| match error {
        DatabaseError::Storage(redb::StorageError::Corrupted(cause)) => bad(cause),
        other => bad(other.to_string()),
    })?;
    match database.check_integrity() {
        Ok(true) => {}
        Ok(false) => return Err(bad("its checksums do not fit".to_owned())),
        Err(error) => return Err(bad(error.to_string())),
    }
    let read = database.begin_read().map_err(|error| bad(error.to_string()))?;
    let manifest = check(&read).map_err(|fault| match fault {
        Fault::Store(StoreError::NewerSchema { found, known, .. }) => {
            StoreError::NewerSchema { file: backup.to_owned(), found, known }
        }
        fault => not_a_backup(backup, &fault),
    })?;
    fill(&read, folder, &manifest).map_err(|fault| not_a_backup(backup, &fault))?;
    drop(read);
    drop(database);
    std::fs::remove_file(&copy).map_err(|error| bad(error.to_string()))?;
    // As a host opens it: what it cannot read it shall not get.
    let store = open_state(folder)?;
    prove(&*store)?;
    drop(store);
    drop(open_plugin_kv(folder)?);
    Ok(manifest)
}

fn copy_privately(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut source = std::fs::File::open(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    std::io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// What can be told before anything is written.
fn check(read: &ReadTransaction) -> Result<Manifest, Fault> {
    let manifest = read_manifest(read)?;
    let schema = schema_of(read)?;
    let newest = schema.max(manifest.schema);
    if manifest.format > FORMAT || newest > VERSION {
        return Err(StoreError::NewerSchema { file: "backup".into(), found: newest, known: VERSION }.into());
    }
    let lines = read.open_table(LINES)?.len()?;
    let rows = [read.open_table(LINE_USERNAMES)?.len()?, read.open_table(LINE_TOKENS)?.len()?, manifest.lines()];
    if rows.iter().any(|count| *count != lines) {
        let cause = format!("{lines} lines, {} usernames, {} tokens, {} in the manifest", rows[0], rows[1], rows[2]);
        return Err(Fault::Database(redb::Error::Corrupted(cause)));
    }
    for kind in Kind::ALL {
        let Ok(table) = read.open_table(rows::table(kind)) else { continue };
        for row in table.iter()? {
            let _: serde_json::Value = from_json("document", row?.1.value())?;
        }
    }
    Ok(manifest)
}

fn fill(read: &ReadTransaction, folder: &Path, manifest: &Manifest) -> Result<(), Fault> {
    let create = |name: &str| -> Result<Database, Fault> {
        let path = folder.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        drop(file.map_err(|error| Fault::Database(redb::Error::Io(error)))?);
        builder(&path, CACHE_BYTES).create(&path).map_err(|error| Fault::Database(error.into()))
    };
    let state = create("state.redb")?;
    let copied = tables::state(read, &state, "", "")?;
    let plugins = create("plugins.redb")?;
    let copied = copied.into_iter().chain(tables::plugins(read, &plugins, PLUGINS, "")?);
    for (name, table) in copied {
        if manifest.rows.get(&name).is_some_and(|all| *all != table.rows) {
            return Err(Fault::Database(redb::Error::Corrupted(format!("rows are missing in {name}"))));
        }
        if manifest.digests.get(&name).is_some_and(|digest| *digest != table.digest) {
            return Err(Fault::Database(redb::Error::Corrupted(format!("the checksum of {name} does not fit"))));
        }
    }
    let transaction = state.begin_write()?;
    transaction.open_table(META)?.insert(SCHEMA, VERSION)?;
    for sessions in [Kind::LoginSessions, Kind::ResellerSessions] {
        transaction.delete_table(rows::table(sessions))?;
    }
    // The host has used numbers since; players and caches have seen them.
    let since = Timestamp::now().duration_since(manifest.created).as_secs();
    let ahead = u64::try_from(since).unwrap_or_default().saturating_add(SKIPPED);
    {
        let mut sequences = transaction.open_table(SEQUENCES)?;
        let all: Vec<_> = sequences.iter()?.map(|row| row.map(|(id, first)| (id.value(), first.value()))).collect();
        for row in all {
            let (id, (media, discontinuity)) = row?;
            sequences.insert(id, (media.saturating_add(ahead), discontinuity.saturating_add(ahead)))?;
        }
    }
    transaction.commit()?;
    let transaction = plugins.begin_write()?;
    transaction.open_table(META)?.insert(SCHEMA, VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Every line can be read, and every credit is where it belongs.
fn prove(store: &dyn StateStore) -> Result<(), StoreError> {
    store.each_line(&mut |_| {})?;
    store.prove_ledger().map(|_| ())
}
