//! The guide store against a model in memory that does everything the slow way.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mast_model::guide::bytes::{put_bytes, put_number};
use mast_model::guide::details;
use mast_model::guide::packed::PackedProgrammes;
use mast_model::{EpisodeNumber, GuideCredit, GuideText, Programme, ProgrammeDetails};
use proptest::prelude::*;

use super::guide::{MIDNIGHT, at, import};
use super::source;
use crate::faults::{FailingDisk, open_guide_on};
use crate::guide::{ImportedProgramme, Search, SearchIndex, StagingOptions};

const CHANNELS: [&str; 3] = ["one", "two", "three"];
/// Every few programmes a run, so that they meet.
const RUN_BYTES: usize = 300;

fn text() -> impl Strategy<Value = GuideText> {
    let lang = proptest::option::of("[a-z]{2}");
    (lang, "(red|green|blue|Gr\u{fc}n)( (fox|dog|[a-z]{1,3})){0,2}").prop_map(|(lang, value)| GuideText { lang, value })
}

fn any_details() -> impl Strategy<Value = ProgrammeDetails> {
    let texts = || proptest::collection::vec(text(), 0..3);
    let pairs = proptest::collection::vec(("[a-z]{0,4}", ".{0,6}"), 0..3);
    (
        proptest::collection::vec(text(), 1..3),
        texts(),
        texts(),
        texts(),
        pairs,
        proptest::collection::vec(".{0,8}", 0..2),
    )
        .prop_map(|(titles, sub_titles, descriptions, categories, attrs, icons)| {
            let credits = attrs.iter().map(|(role, name)| GuideCredit {
                role: role.clone(),
                name: name.clone(),
                part: (!role.is_empty()).then(|| name.clone()),
            });
            let numbers =
                attrs.iter().map(|(system, value)| EpisodeNumber { system: system.clone(), value: value.clone() });
            ProgrammeDetails {
                titles,
                sub_titles,
                descriptions,
                categories,
                credits: credits.collect(),
                episode_numbers: numbers.collect(),
                icons,
                attrs,
            }
        })
}

/// The same programmes as a plugin packs them.
fn packed(programmes: &[ImportedProgramme]) -> PackedProgrammes {
    let mut batch = vec![1];
    for one in programmes {
        let mut record = Vec::new();
        put_bytes(&mut record, one.channel.as_bytes());
        put_number(&mut record, one.start);
        put_number(&mut record, one.stop.unwrap_or(0));
        details::put(&mut record, &one.details);
        put_bytes(&mut batch, &record);
    }
    PackedProgrammes::read(batch).unwrap()
}

/// Times in steps of ten minutes over some days, so that many meet.
fn programmes() -> impl Strategy<Value = Vec<ImportedProgramme>> {
    let time = (0_u64..600).prop_map(|step| MIDNIGHT + step * 600);
    let stop = proptest::option::of(0_u64..60);
    let one =
        (0..CHANNELS.len(), time, stop, any_details()).prop_map(|(channel, start, stop, details)| ImportedProgramme {
            channel: CHANNELS[channel].to_owned(),
            start,
            stop: stop.map(|steps| start + steps * 600),
            details,
        });
    proptest::collection::vec(one, 0..60)
}

/// What a guide channel shows, all of it.
fn model(given: &[ImportedProgramme], channel: &str) -> Vec<Programme> {
    let mut starts: BTreeMap<u64, &ImportedProgramme> = BTreeMap::new();
    for one in given.iter().filter(|one| one.channel == channel) {
        starts.insert(one.start, one);
    }
    let nexts = starts.keys().skip(1).map(|start| Some(*start)).chain([None]);
    let mended = starts.values().zip(nexts).map(|(one, next)| {
        let stated = one.stop.filter(|stop| *stop > one.start);
        let stop = match (stated, next) {
            (Some(stop), next) => stop.min(next.unwrap_or(u64::MAX)),
            (None, Some(next)) if next <= one.start + 86_400 => next,
            (None, _) => one.start + 3_600,
        };
        Programme { start: at(one.start), stop: at(stop), details: one.details.clone() }
    });
    mended.collect()
}

fn between(all: &[Programme], from: Timestamp, until: Timestamp) -> Vec<Programme> {
    all.iter().filter(|one| one.stop > from && one.start < until).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_as_the_model(
        generations in proptest::collection::vec(programmes(), 1..3),
        ranges in proptest::collection::vec((0_u64..700, 0_u64..200), 6),
        words in "(red|gre|grun|f|dog )( (fox|bl|d))?",
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = open_guide_on(folder.path(), FailingDisk::new(), RUN_BYTES).unwrap();
        let guide = source("guide");
        for given in &generations {
            import(&*store, "other", given.clone());
            let mut staging = store.begin(&guide, StagingOptions { search: SearchIndex::Everything, ..StagingOptions::default() }).unwrap();
            for (number, batch) in given.chunks(7).enumerate() {
                match number % 2 {
                    0 => staging.programmes(batch.to_vec()).unwrap(),
                    _ => staging.packed(packed(batch)).unwrap(),
                }
            }
            staging.commit(super::guide::provenance()).unwrap();
        }
        let given = generations.last().unwrap();
        let snapshot = store.snapshot().unwrap();
        for channel in CHANNELS {
            let all = model(given, channel);
            for (from, length) in &ranges {
                let (from, until) = (at(MIDNIGHT + from * 600), at(MIDNIGHT + (from + length) * 600));
                let found = snapshot.programmes(&guide, channel, from, until).unwrap();
                prop_assert_eq!(found, if from < until { between(&all, from, until) } else { Vec::new() });
            }
        }
        let (from, length) = ranges[0];
        let (from, until) = (at(MIDNIGHT + from * 600), at(MIDNIGHT + (from + length + 1) * 600));
        let search = Search { words: words.clone(), title: None, category: None, channels: Vec::new(), from, until, most: 1_000 };
        let mut found: Vec<_> = snapshot.search(&guide, &search).unwrap().into_iter().map(|one| (one.programme.start, one.channel)).collect();
        prop_assert!(found.is_sorted_by_key(|(start, _)| *start));
        found.sort();
        let mut expected = Vec::new();
        for channel in CHANNELS {
            let fitting = between(&model(given, channel), from, until).into_iter().filter(|one| fits(&one.details, &words));
            expected.extend(fitting.map(|one| (one.start, channel.to_owned())));
        }
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn damaged_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        crate::guide::read_anything(&bytes);
    }
}

fn fits(details: &ProgrammeDetails, words: &str) -> bool {
    let texts = [&details.titles, &details.sub_titles, &details.descriptions, &details.categories];
    let texts = texts.into_iter().flatten().map(|text| text.value.as_str());
    let all: Vec<String> =
        texts.chain(details.credits.iter().map(|credit| credit.name.as_str())).map(mast_model::guide::fold).collect();
    let has = |fit: &dyn Fn(&str) -> bool| all.iter().any(|text| text.split(' ').any(fit));
    let wanted: Vec<&str> = words.split_whitespace().collect();
    let (last, others) = wanted.split_last().unwrap();
    let last = if words.ends_with(' ') { has(&|word| word == *last) } else { has(&|word| word.starts_with(last)) };
    last && others.iter().all(|other| has(&|word| word == *other))
}
