//! Random keys of this installation.

use redb::ReadableTable;

use crate::StoreError;
use crate::db::{Db, Fault};
use crate::schema::KEYS;

/// The key of a name, made on first use.
pub(crate) fn installation_key(db: &Db, name: &str) -> Result<[u8; 32], StoreError> {
    let known =
        db.read("read a key", |transaction| Ok(transaction.open_table(KEYS)?.get(name)?.map(|key| *key.value())))?;
    if let Some(key) = known {
        return Ok(key);
    }
    db.write("make a key", |transaction| {
        let mut keys = transaction.open_table(KEYS)?;
        // Somebody else may have made it since the read.
        if let Some(key) = keys.get(name)?.map(|key| *key.value()) {
            return Ok(key);
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| Fault::Database(redb::Error::Io(std::io::Error::other(error))))?;
        keys.insert(name, &key)?;
        Ok(key)
    })
}
