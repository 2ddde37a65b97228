//! `state.redb` behind the trait; each area has its own file.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mast_model::{Account, ChannelId, Credits, EntryId, InstanceId, LineId, LineRecord};
use redb::{StorageBackend, WriteTransaction};

use crate::backup::{Draft, Which};
use crate::db::{Db, Fault};
use crate::document::Kind;
use crate::record::{ImportedCatalog, SourceRecord};
use crate::rows::Working;
use crate::{AuditEntry, Entry, Page, Proof, StateStore, Statement, StoreError, Transaction, ledger, rows, schema};

/// Rows are read once at start and on rare changes; the rooms keep what they need in memory.
const CACHE_BYTES: usize = 16 << 20;

/// `state.redb`.
pub(crate) struct State {
    pub(crate) db: Db,
}

impl State {
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self { db: Db::open(folder, "state.redb", CACHE_BYTES, create_tables)? })
    }

    pub(crate) fn open_on(file: PathBuf, backend: impl StorageBackend) -> Result<Self, StoreError> {
        Ok(Self { db: Db::open_on(file, backend, CACHE_BYTES, create_tables)? })
    }
}

fn create_tables(transaction: &WriteTransaction) -> Result<(), Fault> {
    transaction.open_table(schema::KEYS)?;
    transaction.open_table(schema::LINES)?;
    transaction.open_table(schema::LINE_USERNAMES)?;
    transaction.open_table(schema::LINE_TOKENS)?;
    transaction.open_table(schema::AUDIT)?;
    ledger::create_tables(transaction)?;
    for kind in Kind::ALL {
        transaction.open_table(rows::table(kind))?;
    }
    transaction.open_table(schema::CHANNEL_IDS)?;
    transaction.open_table(schema::CATEGORY_IDS)?;
    transaction.open_table(schema::SOURCES)?;
    transaction.open_table(schema::SOURCE_CATEGORIES)?;
    transaction.open_table(schema::SOURCE_CHANNELS)?;
    transaction.open_table(schema::TITLE_IDS)?;
    transaction.open_table(schema::SOURCE_VOD_CATEGORIES)?;
    transaction.open_table(schema::SOURCE_TITLES)?;
    transaction.open_table(schema::SOURCE_EPISODES)?;
    transaction.open_table(schema::SEQUENCES)?;
    transaction.open_table(schema::TARGET_DURATIONS)?;
    Ok(())
}

impl StateStore for State {
    fn each_line(&self, each: &mut dyn FnMut(LineRecord)) -> Result<(), StoreError> {
        self.db.read("read the lines", |transaction| crate::lines::each(transaction, each))
    }

    fn lines(&self, ids: &[LineId]) -> Result<Vec<LineRecord>, StoreError> {
        self.db.read("read lines", |transaction| crate::lines::these(transaction, ids))
    }

    fn rows(&self, kind: Kind) -> Result<Vec<Vec<u8>>, StoreError> {
        self.db.read("read documents", |transaction| rows::all(transaction, kind))
    }

    fn row(&self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.read("read a document", |transaction| rows::one(transaction, kind, key))
    }

    fn audit_log(
        &self,
        before: u64,
        most: usize,
        wanted: &dyn Fn(&AuditEntry) -> bool,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.db.read("read the audit log", |transaction| crate::audit::newest(transaction, before, most, wanted))
    }

    fn write(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.db.write(doing, |inner| {
            let explain = |fault| self.db.explain(doing, fault);
            work(&mut Working { inner, explain: &explain }).map_err(Fault::from)
        })
    }

    fn balance(&self, account: Account) -> Result<Credits, StoreError> {
        self.db.read("read a balance", |transaction| {
            ledger::balance(&transaction.open_table(schema::LEDGER_BALANCES)?, account)
        })
    }

    fn balances(&self) -> Result<Vec<(Account, Credits)>, StoreError> {
        self.db.read("read the balances", ledger::balances)
    }

    fn entry(&self, id: EntryId) -> Result<Option<Entry>, StoreError> {
        self.db.read("read an entry of the ledger", |transaction| {
            ledger::find(&transaction.open_table(schema::LEDGER)?, id)
        })
    }

    fn statement(&self, account: Account, page: &Page) -> Result<Statement, StoreError> {
        self.db.read("read a statement", |transaction| ledger::statement::read(transaction, account, page))
    }

    fn check_ledger(&self) -> Result<(), StoreError> {
        self.db.read("check the ledger", ledger::proof::check)
    }

    fn prove_ledger(&self) -> Result<Proof, StoreError> {
        self.db.read("prove the ledger", ledger::proof::prove)
    }

    fn sources(&self) -> Result<Vec<SourceRecord>, StoreError> {
        self.db.read("read the catalogue", crate::catalog::all)
    }

    fn replace_source(
        &self,
        source: &InstanceId,
        imported: ImportedCatalog,
        at: Timestamp,
    ) -> Result<SourceRecord, StoreError> {
        self.db.write("replace a catalogue", |transaction| crate::catalog::replace(transaction, source, imported, at))
    }

    fn touch_source(&self, source: &InstanceId, at: Timestamp) -> Result<(), StoreError> {
        self.db.write("note a refresh", |transaction| crate::catalog::touch(transaction, source, at))
    }

    fn reserve_sequence(&self, channel: ChannelId, count: u64, discontinuities: u64) -> Result<(u64, u64), StoreError> {
        self.db.write("reserve sequence numbers", |transaction| {
            crate::sequence::reserve(transaction, channel, count, discontinuities)
        })
    }

    fn target_duration(&self, channel: ChannelId) -> Result<Option<u32>, StoreError> {
        self.db.read("read a target duration", |transaction| crate::sequence::target_duration(transaction, channel))
    }

    fn set_target_duration(&self, channel: ChannelId, seconds: u32) -> Result<(), StoreError> {
        self.db.write("remember a target duration", |transaction| {
            crate::sequence::set_target_duration(transaction, channel, seconds)
        })
    }

    fn installation_key(&self, name: &str) -> Result<[u8; 32], StoreError> {
        crate::keys::installation_key(&self.db, name)
    }

    fn copy_into(&self, backup: &mut Draft) -> Result<(), StoreError> {
        self.db.read("copy itself into a backup", |transaction| backup.take(transaction, Which::State))
    }
}
