//! The store against a model in memory, reopened after every step: cleanly, or as a killed process leaves it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use mast_model::{ChannelId, LineId};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{add, catalog, line, lines, source, update};
use crate::{SourceRecord, StateStore, StoreError, open_state};

#[derive(Debug, Clone)]
enum Step {
    Add { name: u8, token: u8 },
    Rename { id: u64, name: u8 },
    Disable { id: u64 },
    Replace { source: u8, keys: Vec<u8> },
    Touch { source: u8, at: i64 },
    Reserve { channel: u32, count: u64, discontinuities: u64 },
    Learn { channel: u32, seconds: u32 },
}

fn steps() -> impl Strategy<Value = Vec<(Step, bool)>> {
    let step = prop_oneof![
        (0..6_u8, 0..6_u8).prop_map(|(name, token)| Step::Add { name, token }),
        (1..5_u64, 0..6_u8).prop_map(|(id, name)| Step::Rename { id, name }),
        (1..5_u64).prop_map(|id| Step::Disable { id }),
        (0..2_u8, prop::collection::vec(0..8_u8, 0..6)).prop_map(|(source, keys)| Step::Replace { source, keys }),
        (0..2_u8, 0..100_i64).prop_map(|(source, at)| Step::Touch { source, at }),
        (0..2_u32, 0..50_u64, 0..3_u64).prop_map(|(channel, count, discontinuities)| Step::Reserve {
            channel,
            count,
            discontinuities
        }),
        (0..2_u32, 1..10_u32).prop_map(|(channel, seconds)| Step::Learn { channel, seconds }),
    ];
    prop::collection::vec((step, any::<bool>()), 1..12)
}

/// What the store must hold.
#[derive(Default)]
struct Model {
    /// Username, token, active, revision by id.
    lines: BTreeMap<u64, (String, u8, bool, u64)>,
    /// Never shrinks.
    channel_ids: BTreeMap<(u8, u8), u32>,
    /// Keys in order and time of the last refresh.
    sources: BTreeMap<u8, (Vec<u8>, i64)>,
    sequences: BTreeMap<u32, (u64, u64)>,
    durations: BTreeMap<u32, u32>,
}

impl Model {
    fn apply(&mut self, store: &dyn StateStore, step: &Step) {
        match step {
            Step::Add { name, token } => self.add(store, *name, *token),
            Step::Rename { id, name } => {
                let name = format!("name-{name}");
                let taken = self.lines.iter().any(|(other, line)| other != id && line.0 == name);
                let result = update(store, LineId(*id), &mut |line| line.username.clone_from(&name));
                match self.lines.get_mut(id) {
                    None => assert!(matches!(result, Err(StoreError::LineNotFound(_)))),
                    Some(_) if taken => assert!(matches!(result, Err(StoreError::UsernameTaken(_)))),
                    Some(line) => {
                        line.0 = name;
                        line.3 += 1;
                        assert_eq!(result.unwrap().revision, line.3);
                    }
                }
            }
            Step::Disable { id } => {
                let result = update(store, LineId(*id), &mut |line| line.active = false);
                if let Some(line) = self.lines.get_mut(id) {
                    (line.2, line.3) = (false, line.3 + 1);
                }
                assert_eq!(result.is_ok(), self.lines.contains_key(id));
            }
            Step::Replace { source, keys } => self.replace(store, *source, keys),
            Step::Touch { source: name, at } => {
                store.touch_source(&source(&name.to_string()), Timestamp::from_second(*at).unwrap()).unwrap();
                if let Some((_, refreshed)) = self.sources.get_mut(name) {
                    *refreshed = *at;
                }
            }
            Step::Reserve { channel, count, discontinuities } => {
                let next = self.sequences.entry(*channel).or_default();
                let first = store.reserve_sequence(ChannelId(*channel), *count, *discontinuities).unwrap();
                assert_eq!(first, *next);
                *next = (next.0 + count, next.1 + discontinuities);
            }
            Step::Learn { channel, seconds } => {
                store.set_target_duration(ChannelId(*channel), *seconds).unwrap();
                self.durations.insert(*channel, *seconds);
            }
        }
    }

    fn add(&mut self, store: &dyn StateStore, name: u8, token: u8) {
        let name = format!("name-{name}");
        let result = add(store, line(&name, token));
        if self.lines.values().any(|line| line.0 == name) {
            assert!(matches!(result, Err(StoreError::UsernameTaken(_))));
        } else if self.lines.values().any(|line| line.1 == token) {
            assert!(matches!(result, Err(StoreError::TokenTaken)));
        } else {
            let id = self.lines.len() as u64 + 1;
            assert_eq!(result.unwrap().id, LineId(id));
            self.lines.insert(id, (name, token, true, 0));
        }
    }

    fn replace(&mut self, store: &dyn StateStore, name: u8, keys: &[u8]) {
        let mut unique: Vec<u8> = Vec::new();
        for key in keys {
            if !unique.contains(key) {
                unique.push(*key);
            }
        }
        let texts: Vec<String> = keys.iter().map(u8::to_string).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let at = Timestamp::from_second(1_000).unwrap();
        let record = store.replace_source(&source(&name.to_string()), catalog(&texts), at).unwrap();
        for key in &unique {
            let next = self.channel_ids.len() as u32 + 1;
            self.channel_ids.entry((name, *key)).or_insert(next);
        }
        self.sources.insert(name, (unique, 1_000));
        self.check_source(name, &record);
    }

    fn check_source(&self, name: u8, record: &SourceRecord) {
        let (keys, at) = &self.sources[&name];
        assert_eq!(record.refreshed_at.as_second(), *at);
        let expected: Vec<u32> = keys.iter().map(|key| self.channel_ids[&(name, *key)]).collect();
        assert_eq!(record.channels.iter().map(|channel| channel.id.0).collect::<Vec<_>>(), expected);
    }

    fn check(&self, store: &dyn StateStore) {
        let lines = lines(store);
        let found = lines.iter().map(|line| (line.id.0, line.username.as_str(), line.active, line.revision));
        assert!(found.eq(self.lines.iter().map(|(id, (name, _, active, revision))| (
            *id,
            name.as_str(),
            *active,
            *revision
        ))));
        let sources = store.sources().unwrap();
        assert_eq!(sources.len(), self.sources.len());
        for record in &sources {
            self.check_source(record.source.as_str().parse().unwrap(), record);
        }
        for channel in 0..2 {
            assert_eq!(store.target_duration(ChannelId(channel)).unwrap(), self.durations.get(&channel).copied());
        }
    }
}

/// An open store that can be closed, or abandoned as by a kill.
struct Running {
    folder: TempDir,
    store: Box<dyn StateStore>,
}

impl Running {
    fn start(folder: TempDir) -> Self {
        let store = open_state(folder.path()).unwrap();
        Self { folder, store }
    }

    fn restart(self, killed: bool) -> Self {
        if !killed {
            drop(self.store);
            return Self::start(self.folder);
        }
        // The file as it is while the process that holds it goes on and never closes it.
        let next = tempfile::tempdir().unwrap();
        let file = PathBuf::from("state.redb");
        std::fs::copy(self.folder.path().join(&file), next.path().join(&file)).unwrap();
        Self::start(next)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_its_model(steps in steps()) {
        let mut model = Model::default();
        let mut running = Running::start(tempfile::tempdir().unwrap());
        let key = running.store.installation_key("session-key").unwrap();
        for (step, killed) in &steps {
            model.apply(&*running.store, step);
            model.check(&*running.store);
            running = running.restart(*killed);
            model.check(&*running.store);
        }
        prop_assert_eq!(running.store.installation_key("session-key").unwrap(), key);
    }
}
