//! Imports that the disk fails, and readers that do not wait for them.

use std::sync::atomic::{AtomicBool, Ordering};

use redb::{Database, ReadableDatabase, TableHandle};

use super::guide::{MIDNIGHT, at, import, programme, provenance};
use super::source;
use crate::faults::{FailingDisk, open_guide_on};
use crate::guide::{GuideStore, ImportedProgramme, StagingOptions};
use crate::{StoreError, open_guide};

const RUN_BYTES: usize = 2_000;
const COUNT: u64 = 120;

fn content(title: &str) -> Vec<ImportedProgramme> {
    (0..COUNT).map(|index| programme(&format!("c{}", index % 4), MIDNIGHT + index * 600, None, title)).collect()
}

/// The one title that everything has, and how much there is.
fn whole(store: &dyn GuideStore) -> Option<(String, u64)> {
    let snapshot = store.snapshot().unwrap();
    let record = snapshot.guides().unwrap().pop()?;
    let (mut titles, mut count) = (Vec::new(), 0);
    for channel in snapshot.channels(&source("guide")).unwrap() {
        let (from, until) = (at(MIDNIGHT), at(MIDNIGHT + 10 * 86_400));
        for one in snapshot.programmes(&source("guide"), &channel.id, from, until).unwrap() {
            titles.push(one.details.titles[0].value.clone());
            count += 1;
        }
    }
    titles.dedup();
    assert_eq!(titles.len(), 1, "a mix: {titles:?}");
    assert_eq!(record.counts.programmes, count);
    titles.pop().map(|title| (title, count))
}

fn try_import(store: &dyn GuideStore, title: &str) -> Result<(), StoreError> {
    let mut staging = store.begin(&source("guide"), StagingOptions::default())?;
    for batch in content(title).chunks(16) {
        staging.programmes(batch.to_vec())?;
    }
    staging.commit(provenance()).map(|_| ())
}

#[test]
fn a_crash_at_any_write_leaves_one_generation_whole() {
    let (mut failed, mut done) = (0, 0);
    for operations in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let disk = FailingDisk::new();
        let store = open_guide_on(folder.path(), disk.clone(), RUN_BYTES).unwrap();
        import(&*store, "guide", content("old"));
        disk.fail_after(operations);
        let outcome = try_import(&*store, "new");
        let finished = !disk.has_failed();
        drop(store);

        let store = open_guide(folder.path()).unwrap();
        let (title, count) = whole(&*store).unwrap();
        assert_eq!(count, COUNT, "after {operations} operations");
        match outcome {
            Ok(()) => {
                assert_eq!(title, "new", "after {operations} operations");
                done += 1;
            }
            Err(_) => failed += 1,
        }
        drop(store);
        assert_eq!(generations(&folder.path().join("guide.redb")), 1, "after {operations} operations");
        if finished {
            break;
        }
    }
    assert!(failed > 3 && done > 3, "{failed} failed, {done} done: crashes before the flip, and behind it");
}

fn generations(file: &std::path::Path) -> usize {
    let database = Database::create(file).unwrap();
    let transaction = database.begin_read().unwrap();
    transaction.list_tables().unwrap().filter(|table| table.name().ends_with("-blocks")).count()
}

#[test]
fn a_failing_disk_loses_the_import_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FailingDisk::new();
    let store = open_guide_on(folder.path(), disk.clone(), RUN_BYTES).unwrap();
    import(&*store, "guide", content("old"));
    let mut staging = store.begin(&source("guide"), StagingOptions::default()).unwrap();
    staging.programmes(content("new")).unwrap();
    disk.fail_after(0);
    assert!(staging.commit(provenance()).is_err());
    drop(store);
    assert_eq!(whole(&*open_guide(folder.path()).unwrap()), Some(("old".to_owned(), COUNT)));
}

#[test]
fn two_imports_at_once_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_guide_on(folder.path(), FailingDisk::new(), RUN_BYTES).unwrap();
    let mut stagings = ["a", "b"].map(|_| store.begin(&source("guide"), StagingOptions::default()).unwrap());
    for (a, b) in content("a").chunks(10).zip(content("b").chunks(10)) {
        stagings[0].programmes(a.to_vec()).unwrap();
        stagings[1].programmes(b.to_vec()).unwrap();
    }
    for staging in stagings {
        staging.commit(provenance()).unwrap();
    }
    assert_eq!(whole(&*store), Some(("b".to_owned(), COUNT)));
}

#[test]
fn readers_see_whole_generations_while_imports_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_guide_on(folder.path(), FailingDisk::new(), RUN_BYTES).unwrap();
    import(&*store, "guide", content("0"));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut seen = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let (title, count) = whole(&*store).unwrap();
                    assert_eq!(count, COUNT);
                    seen.push(title.parse::<u32>().unwrap());
                }
                assert!(seen.is_sorted());
                seen.len()
            })
        });
        for turn in 1..=10 {
            try_import(&*store, &turn.to_string()).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
    assert_eq!(whole(&*store), Some(("10".to_owned(), COUNT)));
}
