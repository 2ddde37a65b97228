//! What is in the files. Keys and integers are redb's own encoding (integers little-endian, compared as numbers; texts UTF-8,
//! compared as bytes; tuples element by element). Values marked JSON are serde's form of the named type: a new field is optional, a field
//! that is gone is ignored, so that the previous version's rows can be read without rewriting them.
//!
//! `state.redb`
//!
//! | table | key | value | rule |
//! |---|---|---|---|
//! | `meta` | `schema`, `next-line`, `next-channel`, `next-category`, `next-title`, `next-audit`, `next-entry`, `next-` and a kind of documents | u64 | next ids only grow |
//! | `keys` | name | 32 bytes | made on first use, never changed |
//! | `lines` | line id u64 | JSON [`mast_model::LineRecord`] | |
//! | `line-usernames` | username | line id | exactly one row for each line |
//! | `line-tokens` | token | line id | exactly one row for each line |
//! | `audit` | number u64 | JSON [`crate::AuditEntry`] | rows are only added |
//! | `ledger` | entry id u64 | JSON [`crate::Entry`] | rows are only added; ids without gaps, times never go back |
//! | `ledger-sides` | (account, entry id u64) | i64 | the account's balance behind the entry; two rows for each entry, only added |
//! | `ledger-balances` | account | i64 | the account's last row of `ledger-sides`; the sum of all is 0 |
//! | `ledger-refunds` | entry id u64 of a sale | entry id u64 of its refund | only added |
//! | one for each [`crate::Kind`] | bytes, see [`crate::Document`] | JSON of the document | |
//! | `channel-ids` | (source, key) | channel id u32 | never removed |
//! | `category-ids` | (source, key), with a control character and `movie:` or `series:` before the key of one on demand | category id u32 | never removed |
//! | `sources` | source | JSON [`SourceHead`] | a row for each source that ever delivered |
//! | `source-categories` | (source, batch u32) | JSON list of at most [`BATCH`] `Category` | in the source's order |
//! | `source-channels` | (source, batch u32) | JSON list of at most [`BATCH`] `Channel` | in lineup order |
//! | `title-ids` | (source, `movie:`, `series:` or `episode:` and key) | title id u32 | never removed |
//! | `source-vod-categories` | (source, batch u32) | JSON list of at most [`BATCH`] `VodCategory` | in the source's order |
//! | `source-titles` | (source, batch u32) | JSON list of at most [`BATCH`] `Title` | in the source's order |
//! | `source-episodes` | (source, batch u32) | JSON list of at most [`BATCH`] `Episode` | |
//! | `sequences` | channel id u32 | (media u64, discontinuity u64) | the first numbers never handed out; only grow |
//! | `target-durations` | channel id u32 | seconds u32 | |
//!
//! `plugins.redb`
//!
//! | table | key | value | rule |
//! |---|---|---|---|
//! | `meta` | `schema` | u64 | |
//! | `values` | (instance, key) | bytes | |
//! | `usage` | instance | u64 | bytes of the instance's keys and values in `values` |
//!
//! Every change is one transaction with immediate durability and quick repair: a commit that returned is on disk, and opening
//! after a crash does not walk the file. Channels are kept in batches because a catalogue is only ever replaced and read as a
//! whole: 200 rows are cheaper to remove and to write than 100,000.

use jiff::Timestamp;
use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use crate::record::Validator;

/// Version of both files that this code reads and writes.
///
/// 1: the first. 2: operators, audit log and documents; a line has more fields, all of them optional, so that rows of version 1 are
/// read as they are. Version 1 would drop those fields, therefore it must not open such a file. 3: the ledger, resellers, plans, and a
/// line's plan, which version 2 would drop.
pub(crate) const VERSION: u64 = 3;
/// Records in a row of `source-channels` and `source-categories`.
pub(crate) const BATCH: usize = 512;

pub(crate) const SCHEMA: &str = "schema";
pub(crate) const NEXT_LINE: &str = "next-line";
pub(crate) const NEXT_AUDIT: &str = "next-audit";
pub(crate) const NEXT_ENTRY: &str = "next-entry";
pub(crate) const NEXT_CHANNEL: &str = "next-channel";
pub(crate) const NEXT_CATEGORY: &str = "next-category";
pub(crate) const NEXT_TITLE: &str = "next-title";

/// A table of ids by (source, key).
pub(crate) type IdTable = TableDefinition<'static, (&'static str, &'static str), u32>;
/// A table of batches by (source, batch).
pub(crate) type BatchTable = TableDefinition<'static, (&'static str, u32), &'static [u8]>;

pub(crate) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub(crate) const KEYS: TableDefinition<'_, &str, &[u8; 32]> = TableDefinition::new("keys");
pub(crate) const LINES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("lines");
pub(crate) const LINE_USERNAMES: TableDefinition<'_, &str, u64> = TableDefinition::new("line-usernames");
pub(crate) const LINE_TOKENS: TableDefinition<'_, &str, u64> = TableDefinition::new("line-tokens");
pub(crate) const AUDIT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("audit");
pub(crate) const LEDGER: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("ledger");
pub(crate) const LEDGER_SIDES: TableDefinition<'_, (&str, u64), i64> = TableDefinition::new("ledger-sides");
pub(crate) const LEDGER_BALANCES: TableDefinition<'_, &str, i64> = TableDefinition::new("ledger-balances");
pub(crate) const LEDGER_REFUNDS: TableDefinition<'_, u64, u64> = TableDefinition::new("ledger-refunds");
pub(crate) const CHANNEL_IDS: IdTable = TableDefinition::new("channel-ids");
pub(crate) const CATEGORY_IDS: IdTable = TableDefinition::new("category-ids");
pub(crate) const SOURCES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("sources");
pub(crate) const SOURCE_CATEGORIES: BatchTable = TableDefinition::new("source-categories");
pub(crate) const SOURCE_CHANNELS: BatchTable = TableDefinition::new("source-channels");
pub(crate) const TITLE_IDS: IdTable = TableDefinition::new("title-ids");
pub(crate) const SOURCE_VOD_CATEGORIES: BatchTable = TableDefinition::new("source-vod-categories");
pub(crate) const SOURCE_TITLES: BatchTable = TableDefinition::new("source-titles");
pub(crate) const SOURCE_EPISODES: BatchTable = TableDefinition::new("source-episodes");
pub(crate) const SEQUENCES: TableDefinition<'_, u32, (u64, u64)> = TableDefinition::new("sequences");
pub(crate) const TARGET_DURATIONS: TableDefinition<'_, u32, u32> = TableDefinition::new("target-durations");

pub(crate) const VALUES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("values");
pub(crate) const USAGE: TableDefinition<'_, &str, u64> = TableDefinition::new("usage");

/// What is known of a source besides its records.
#[derive(Serialize, Deserialize)]
pub(crate) struct SourceHead {
    pub(crate) validators: Vec<Validator>,
    pub(crate) refreshed_at: Timestamp,
}
