//! Plugins' values against a map in memory.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::source;
use crate::{StoreError, open_plugin_kv};

#[derive(Debug, Clone)]
enum Step {
    Set { instance: u8, key: String, length: usize, quota: u64 },
    Delete { instance: u8, key: String },
    List { instance: u8, prefix: String, after: Option<String>, max: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || "[ab/]{0,3}";
    let step = prop_oneof![
        3 => (0..2_u8, key(), 0..20_usize, 10..60_u64)
            .prop_map(|(instance, key, length, quota)| Step::Set { instance, key, length, quota }),
        1 => (0..2_u8, key()).prop_map(|(instance, key)| Step::Delete { instance, key }),
        1 => (0..2_u8, "[ab]{0,2}", proptest::option::of(key()), 0..4_usize)
            .prop_map(|(instance, prefix, after, max)| Step::List { instance, prefix, after, max }),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn values_are_a_map_with_quotas(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let kv = open_plugin_kv(folder.path()).unwrap();
        let mut model: BTreeMap<(u8, String), Vec<u8>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Set { instance, key, length, quota } => {
                    let used = |model: &BTreeMap<(u8, String), Vec<u8>>| -> u64 {
                        let own = model.iter().filter(|((owner, _), _)| *owner == instance);
                        own.map(|((_, key), value)| (key.len() + value.len()) as u64).sum()
                    };
                    let value = vec![instance; length];
                    let result = kv.set(&source(&instance.to_string()), &key, &value, quota);
                    let mut changed = model.clone();
                    changed.insert((instance, key), value);
                    if used(&changed) > quota && used(&changed) > used(&model) {
                        let refused = matches!(result, Err(StoreError::QuotaExceeded { .. }));
                        prop_assert!(refused);
                    } else {
                        result.unwrap();
                        model = changed;
                    }
                }
                Step::Delete { instance, key } => {
                    kv.delete(&source(&instance.to_string()), &key).unwrap();
                    model.remove(&(instance, key));
                }
                Step::List { instance, prefix, after, max } => {
                    let found = kv.list_keys(&source(&instance.to_string()), &prefix, after.as_deref(), max).unwrap();
                    let own = model.keys().filter(|(owner, key)| *owner == instance && key.starts_with(&prefix));
                    let later = own.filter(|(_, key)| after.as_ref().is_none_or(|after| key > after));
                    prop_assert_eq!(found, later.take(max).map(|(_, key)| key.clone()).collect::<Vec<_>>());
                }
            }
            for ((instance, key), value) in &model {
                let found = kv.get(&source(&instance.to_string()), key).unwrap();
                prop_assert_eq!(found.as_ref(), Some(value));
            }
        }
    }
}
