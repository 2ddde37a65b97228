//! Guides: mending, retention, generations, search, and space.

use std::ops::ControlFlow;

use jiff::Timestamp;
use mast_model::{GuideChannel, GuideText, ProgrammeDetails};

use super::source;
use crate::guide::{
    GuideCounts, GuideSnapshot, GuideStore, ImportedProgramme, Keep, Provenance, Search, SearchIndex, StagingOptions,
};
use crate::open_guide;

/// 2026-01-05 00:00 UTC.
pub(super) const MIDNIGHT: u64 = 1_767_571_200;

pub(super) fn at(second: u64) -> Timestamp {
    Timestamp::from_second(i64::try_from(second).unwrap()).unwrap()
}

pub(super) fn provenance() -> Provenance {
    Provenance { at: at(MIDNIGHT), validators: Vec::new(), attrs: Vec::new() }
}

pub(super) fn programme(channel: &str, start: u64, stop: Option<u64>, title: &str) -> ImportedProgramme {
    let titles = vec![GuideText { lang: Some("en".to_owned()), value: title.to_owned() }];
    let details = ProgrammeDetails { titles, ..ProgrammeDetails::default() };
    ImportedProgramme { channel: channel.to_owned(), start, stop, details }
}

pub(super) fn import(store: &dyn GuideStore, guide: &str, programmes: Vec<ImportedProgramme>) -> GuideCounts {
    import_with(store, guide, programmes, StagingOptions::default())
}

fn import_with(
    store: &dyn GuideStore,
    guide: &str,
    programmes: Vec<ImportedProgramme>,
    options: StagingOptions,
) -> GuideCounts {
    let mut staging = store.begin(&source(guide), options).unwrap();
    staging.programmes(programmes).unwrap();
    staging.commit(provenance()).unwrap().counts
}

/// Title and times of what is on, minutes from midnight.
fn shown(snapshot: &dyn GuideSnapshot, channel: &str, from: u64, until: u64) -> Vec<(String, i64, i64)> {
    let (from, until) = (at(MIDNIGHT + from * 60), at(MIDNIGHT + until * 60));
    let found = snapshot.programmes(&source("guide"), channel, from, until).unwrap();
    let minutes = |time: Timestamp| (time.as_second() - MIDNIGHT.cast_signed()) / 60;
    let shown = found
        .into_iter()
        .map(|one| (one.details.titles.first().unwrap().value.clone(), minutes(one.start), minutes(one.stop)));
    shown.collect()
}

#[test]
fn times_are_mended() {
    type Given = &'static [(u64, Option<u64>, &'static str)];
    type Shown = &'static [(&'static str, i64, i64)];
    let cases: [(&str, Given, Shown); 8] = [
        ("in any order", &[(120, Some(180), "b"), (60, Some(120), "a")], &[("a", 60, 120), ("b", 120, 180)]),
        ("no stop", &[(60, None, "a"), (90, Some(100), "b")], &[("a", 60, 90), ("b", 90, 100)]),
        (
            "no stop over midnight",
            &[(1430, None, "a"), (1450, Some(1460), "b")],
            &[("a", 1430, 1450), ("b", 1450, 1460)],
        ),
        ("no stop and nothing behind", &[(60, None, "a")], &[("a", 60, 120)]),
        ("overlapping", &[(60, Some(300), "a"), (90, Some(100), "b")], &[("a", 60, 90), ("b", 90, 100)]),
        (
            "zero length",
            &[(60, Some(60), "a"), (90, Some(80), "b"), (95, None, "c")],
            &[("a", 60, 90), ("b", 90, 95), ("c", 95, 155)],
        ),
        ("twice, the last stays", &[(60, Some(70), "a"), (60, Some(80), "b")], &[("b", 60, 80)]),
        ("longer than anything", &[(60, Some(99_999_999), "a")], &[("a", 60, 60 + 7 * 1440)]),
    ];
    for (name, given, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let store = open_guide(folder.path()).unwrap();
        let minute = |minute: u64| MIDNIGHT + minute * 60;
        let given = given.iter().map(|(start, stop, title)| programme("one", minute(*start), stop.map(minute), title));
        import(&*store, "guide", given.collect());
        let expected: Vec<_> =
            expected.iter().map(|(title, start, stop)| ((*title).to_owned(), *start, *stop)).collect();
        assert_eq!(shown(&*store.snapshot().unwrap(), "one", 0, 3000), expected, "{name}");
    }
}

#[test]
fn ranges_find_what_began_days_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_guide(folder.path()).unwrap();
    let long = programme("one", MIDNIGHT, Some(MIDNIGHT + 3 * 86_400), "long");
    let next = programme("one", MIDNIGHT + 3 * 86_400, Some(MIDNIGHT + 3 * 86_400 + 60), "next");
    import(&*store, "guide", vec![next, long]);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(shown(&*snapshot, "one", 2880, 2881), [("long".to_owned(), 0, 4320)]);
    assert_eq!(shown(&*snapshot, "one", 4320, 4321), [("next".to_owned(), 4320, 4321)]);
    assert_eq!(shown(&*snapshot, "one", 4321, 9999), []);
    assert_eq!(shown(&*snapshot, "two", 0, 9999), []);
    let mut around = Vec::new();
    let each = &mut |channel: &str, found: Vec<mast_model::Programme>| around.push((channel.to_owned(), found.len()));
    snapshot.around(&source("guide"), at(MIDNIGHT + 60), 1, each).unwrap();
    snapshot.around(&source("guide"), at(MIDNIGHT - 60), 1, each).unwrap();
    assert_eq!(around, [("one".to_owned(), 2), ("one".to_owned(), 1)], "now and next; only next");
}

#[test]
fn nonsense_is_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_guide(folder.path()).unwrap();
    let keep = Keep { from: Some(at(MIDNIGHT)), until: Some(at(MIDNIGHT + 86_400)) };
    let given = vec![
        programme("one", 0, None, "1970"),
        programme("one", 253_402_214_400, None, "9999"),
        programme("one", u64::MAX, None, "never"),
        programme("one", MIDNIGHT - 120, Some(MIDNIGHT - 60), "over"),
        programme("one", MIDNIGHT - 60, Some(MIDNIGHT + 60), "still on"),
        programme("one", MIDNIGHT + 86_400, None, "too far"),
        programme("one", MIDNIGHT + 100, None, ""),
        programme("one", MIDNIGHT + 200, None, &"x".repeat(1 << 20)),
        programme("", MIDNIGHT + 200, None, "nowhere"),
    ];
    let counts = import_with(&*store, "guide", given, StagingOptions { keep, ..StagingOptions::default() });
    let counts = GuideCounts { bytes: 0, ..counts };
    let expected = GuideCounts {
        channels: 1,
        programmes: 1,
        absurd_times: 3,
        not_kept: 2,
        untitled: 1,
        oversized: 2,
        ..GuideCounts::default()
    };
    assert_eq!(counts, expected);
}

#[test]
fn snapshots_see_one_generation() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_guide(folder.path()).unwrap();
    let named = |id: &str| GuideChannel {
        id: id.to_owned(),
        icons: vec![format!("http://icons.example/{id}")],
        ..GuideChannel::default()
    };
    let guide = source("guide");
    let mut staging = store.begin(&guide, StagingOptions::default()).unwrap();
    staging.programmes(vec![programme("met", MIDNIGHT, None, "old")]).unwrap();
    staging.channels(vec![named("named"), GuideChannel { id: "named".to_owned(), ..GuideChannel::default() }]).unwrap();
    assert_eq!(staging.finish().unwrap().channels, 2);
    assert!(store.snapshot().unwrap().guides().unwrap().is_empty(), "nobody sees it before");
    let first = staging.commit(provenance()).unwrap();

    let old = store.snapshot().unwrap();
    drop(store.begin(&guide, StagingOptions::default()).unwrap());
    import(&*store, "guide", vec![programme("met", MIDNIGHT, None, "new")]);
    assert_eq!(shown(&*old, "met", 0, 10), [("old".to_owned(), 0, 60)]);
    let met = GuideChannel { id: "met".to_owned(), ..GuideChannel::default() };
    assert_eq!(old.channels(&guide).unwrap(), [met, named("named")]);
    let new = store.snapshot().unwrap();
    assert_eq!(shown(&*new, "met", 0, 10), [("new".to_owned(), 0, 60)]);
    assert!(new.guides().unwrap()[0].generation > first.generation);
    drop((old, new));

    store.touch(&guide, at(MIDNIGHT + 5)).unwrap();
    drop(store);
    let store = open_guide(folder.path()).unwrap();
    let record = store.snapshot().unwrap().guides().unwrap().remove(0);
    assert_eq!((record.imported_at, record.checked_at), (at(MIDNIGHT), at(MIDNIGHT + 5)));
    assert_eq!(record.span, Some((at(MIDNIGHT), at(MIDNIGHT))));
    assert!(store.remove(&guide).unwrap());
    assert!(!store.remove(&guide).unwrap());
    assert!(store.snapshot().unwrap().guides().unwrap().is_empty());
}

#[test]
fn an_import_that_failed_stays_failed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_guide(folder.path()).unwrap();
    let mut staging = store.begin(&source("guide"), StagingOptions::default()).unwrap();
    staging.finish().unwrap();
    assert!(staging.programmes(Vec::new()).is_err(), "nothing can be added to a finished import");
    staging.commit(provenance()).unwrap();
    assert_eq!(store.snapshot().unwrap().guides().unwrap().len(), 1, "an empty guide is one");
}

#[test]
fn search_finds() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_guide(folder.path()).unwrap();
    let text = |value: &str| vec![GuideText { lang: None, value: value.to_owned() }];
    let mut given = Vec::new();
    for (index, (title, description, category)) in [
        ("L'\u{c9}t\u{e9} des f\u{ea}tes", "A summer in Provence", "Drama"),
        ("Evening News", "What happened", "News"),
        ("News of the World", "Summer fairs", "News"),
        ("\u{41d}\u{43e}\u{432}\u{43e}\u{441}\u{442}\u{438}", "Nothing", "Talk"),
        ("Newsreel", "", "Talk"),
    ]
    .into_iter()
    .enumerate()
    {
        let start = MIDNIGHT + 3_600 * index as u64;
        let mut one = programme(if index % 2 == 0 { "even" } else { "odd" }, start, Some(start + 3_600), title);
        one.details.descriptions = text(description);
        one.details.categories = text(category);
        given.push(one);
    }
    let options = |search| StagingOptions { search, ..StagingOptions::default() };
    import_with(&*store, "all", given.clone(), options(SearchIndex::Everything));
    import_with(&*store, "titles", given.clone(), options(SearchIndex::Titles));
    import_with(&*store, "none", given, options(SearchIndex::None));
    let snapshot = store.snapshot().unwrap();
    let any = Search {
        words: String::new(),
        title: None,
        category: None,
        channels: Vec::new(),
        from: at(MIDNIGHT),
        until: at(MIDNIGHT + 86_400),
        most: 10,
    };
    let check = |guide: &str, search: Search, expected: &[u64]| {
        let found = snapshot.search(&source(guide), &search).unwrap();
        let hours = found.iter().map(|found| (found.programme.start.as_second().unsigned_abs() - MIDNIGHT) / 3_600);
        assert_eq!(hours.collect::<Vec<_>>(), expected, "{guide}: {search:?}");
    };
    let words = |words: &str| Search { words: words.to_owned(), ..any.clone() };
    check("all", words("news"), &[1, 2, 4]);
    check("all", words("news "), &[1, 2]);
    check("all", words("NEWS eve"), &[1]);
    check("all", words("lete"), &[0]);
    check("all", words("novosti"), &[3]);
    check("all", words("\u{43d}\u{43e}\u{432}"), &[3]);
    check("all", words("summer"), &[0, 2]);
    check("all", words("summer missing"), &[]);
    check("all", words(""), &[0, 1, 2, 3, 4]);
    check("titles", words("summer"), &[]);
    check("titles", words("talk"), &[3, 4]);
    check("none", words("news"), &[]);
    check("all", Search { title: Some("evening news!".to_owned()), ..any.clone() }, &[1]);
    check("all", Search { title: Some("news".to_owned()), ..any.clone() }, &[]);
    check("titles", Search { category: Some("news".to_owned()), ..any.clone() }, &[1, 2]);
    check("all", Search { channels: vec!["odd".to_owned(), "?".to_owned()], ..any.clone() }, &[1, 3]);
    check("all", Search { from: at(MIDNIGHT + 3_600), until: at(MIDNIGHT + 7_200), ..any.clone() }, &[1]);
    check("all", Search { most: 2, ..any.clone() }, &[0, 1]);
    let found = snapshot.search(&source("all"), &words("evening")).unwrap();
    assert_eq!(found[0].channel, "odd");
}

#[test]
fn imports_in_turn_use_space_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_guide(folder.path()).unwrap();
    let size = || std::fs::metadata(folder.path().join("guide.redb")).unwrap().len();
    // Texts that do not compress: the blocks are most of the file.
    let mut random: u64 = 7;
    let mut letters = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{random:016x}")
    };
    let mut generation = |turn: u64| {
        let given = (0..4_000).map(|index| {
            let mut one = programme(&format!("c{}", index % 50), MIDNIGHT + turn + index / 50 * 1_800, None, "title");
            let value = (0..12).map(|_| letters()).collect();
            one.details.descriptions = vec![GuideText { lang: None, value }];
            one
        });
        import(&*store, "guide", given.collect())
    };
    generation(0);
    let one = size();
    let mut largest = 0;
    for turn in 1..=20 {
        generation(turn);
        largest = largest.max(size());
    }
    assert!(largest <= one * 5 / 2, "{largest} bytes, one generation alone takes {one}");
}

#[test]
fn many_channels_until_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_guide(folder.path()).unwrap();
    import(&*store, "guide", (0..9).map(|one| programme(&format!("c{one}"), MIDNIGHT, None, "x")).collect());
    let mut seen = Vec::new();
    let snapshot = store.snapshot().unwrap();
    let between = (at(MIDNIGHT), at(MIDNIGHT + 60));
    let asked = snapshot.programmes_of(&source("guide"), &["c3", "none", "c1", "c2"], between, &mut |place, found| {
        seen.push((place, found.len()));
        if place == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    asked.unwrap();
    assert_eq!(seen, [(0, 1), (1, 0), (2, 1)]);
}
