//! How fast guides go into the store and come out again: `cargo run --release -p mast-store --example guide -- [MB of XMLTV]`. Nothing is
//! asserted; host/BENCHMARKS.md has the figures of whole imports.
#![allow(clippy::print_stdout, reason = "it reports to whoever started it")]
#![allow(clippy::unwrap_used, reason = "it may end at any failure")]

use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use mast_model::{GuideCredit, GuideText, InstanceId, ProgrammeDetails};
use mast_store::guide::{GuideStore, ImportedProgramme, Provenance, Search, SearchIndex, StagingOptions};

const CHANNELS: usize = 4_000;
const FIRST: u64 = 1_767_571_200;
const BATCH: usize = 512;
/// What tags and attributes add to a programme's texts in XMLTV, roughly.
const TAGS: usize = 330;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    /// Small ones are frequent, as words of a language are.
    fn word<'a>(&mut self, words: &'a [String]) -> &'a str {
        let most = self.roll(words.len()) + 1;
        let most = self.roll(most) + 1;
        &words[self.roll(most)]
    }
}

fn text(dice: &mut Dice, words: &[String], count: usize) -> Vec<GuideText> {
    let value = (0..count).map(|_| dice.word(words)).collect::<Vec<_>>().join(" ");
    vec![GuideText { lang: Some("en".to_owned()), value }]
}

fn pool(dice: &mut Dice) -> Vec<ProgrammeDetails> {
    let letters = b"etaoinshrdlucmfwypvbg";
    let words: Vec<String> = (0..40_000)
        .map(|index| (0..3 + index % 8).map(|_| char::from(letters[dice.roll(letters.len())])).collect())
        .collect();
    let details = (0..60_000).map(|_| ProgrammeDetails {
        titles: text(dice, &words, 3),
        sub_titles: text(dice, &words, 4),
        descriptions: text(dice, &words, 32),
        categories: text(dice, &words[..60], 1),
        credits: (0..3)
            .map(|_| GuideCredit {
                role: "actor".to_owned(),
                name: format!("{} {}", dice.word(&words), dice.word(&words)),
                part: None,
            })
            .collect(),
        icons: vec![format!("https://pictures.guide.example/{:08x}.jpg", dice.roll(1 << 31))],
        attrs: vec![("date".to_owned(), (1950 + dice.roll(70)).to_string())],
        ..ProgrammeDetails::default()
    });
    details.collect()
}

fn size(details: &ProgrammeDetails) -> usize {
    let texts = [&details.titles, &details.sub_titles, &details.descriptions, &details.categories];
    TAGS + texts.into_iter().flatten().map(|text| text.value.len()).sum::<usize>()
        + details.credits.iter().map(|credit| credit.name.len()).sum::<usize>()
}

fn peak_rss() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim().to_owned()
}

/// Seconds that the process and this thread have computed.
fn computed() -> (f64, f64) {
    let ticks = |file: &str| {
        let stat = std::fs::read_to_string(file).unwrap_or_default();
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
        fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
    };
    (ticks("/proc/self/stat"), ticks("/proc/thread-self/stat"))
}

fn import(store: &dyn GuideStore, megabytes: usize, search: SearchIndex, file: &Path) {
    let mut dice = Dice(7);
    let pool = pool(&mut dice);
    let (begun, (process, thread)) = (Instant::now(), computed());
    let guide = InstanceId::new("guide").unwrap();
    let mut staging = store.begin(&guide, StagingOptions { search, ..StagingOptions::default() }).unwrap();
    let (mut bytes, mut pushed) = (0, 0_usize);
    let total = megabytes * 1_000_000;
    let each = total / CHANNELS;
    for channel in 0..CHANNELS {
        let (mut start, mut of_channel, mut batch) = (FIRST, 0, Vec::with_capacity(BATCH));
        while of_channel < each {
            let details = pool[dice.roll(pool.len())].clone();
            of_channel += size(&details);
            let stop = start + 300 * (1 + dice.roll(20) as u64);
            batch.push(ImportedProgramme {
                channel: format!("channel-{channel}.example"),
                start,
                stop: Some(stop),
                details,
            });
            start = stop;
            if batch.len() == BATCH {
                pushed += batch.len();
                staging.programmes(std::mem::take(&mut batch)).unwrap();
            }
        }
        pushed += batch.len();
        bytes += of_channel;
        staging.programmes(batch).unwrap();
    }
    staging.finish().unwrap();
    let written = begun.elapsed();
    let record =
        staging.commit(Provenance { at: Timestamp::now(), validators: Vec::new(), attrs: Vec::new() }).unwrap();
    let taken = begun.elapsed().as_secs_f64();
    let (process, thread) = (computed().0 - process, computed().1 - thread);
    println!(
        "{search:?}: {pushed} programmes in {taken:.2} s ({:.2} s until the commit): {:.0} MB/s of XMLTV",
        written.as_secs_f64(),
        bytes as f64 / 1e6 / taken,
    );
    println!(
        "  the store computed {:.2} s ({:.0} MB/s), this thread {thread:.2} s; blocks {} MB, file {} MB, peak RSS {}",
        process - thread,
        bytes as f64 / 1e6 / (process - thread),
        record.counts.bytes / 1_000_000,
        std::fs::metadata(file).unwrap().blocks() * 512 / 1_000_000,
        peak_rss(),
    );
}

fn query(store: &dyn GuideStore) {
    let guide = InstanceId::new("guide").unwrap();
    let at = |second: u64| Timestamp::from_second(second.cast_signed()).unwrap();
    let now = FIRST + 40_000;
    let snapshot = store.snapshot().unwrap();
    let begun = Instant::now();
    let mut found = 0;
    snapshot.around(&guide, at(now), 1, &mut |_, programmes| found += programmes.len()).unwrap();
    println!("now and next of all channels: {found} programmes in {:?}", begun.elapsed());
    let ids: Vec<String> = (0..CHANNELS).map(|channel| format!("channel-{channel}.example")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (begun, mut found) = (Instant::now(), 0);
    let each = &mut |_, programmes: Vec<mast_model::Programme>| {
        found += programmes.len();
        ControlFlow::Continue(())
    };
    snapshot.programmes_of(&guide, &ids, (at(FIRST), at(FIRST + 30 * 86_400)), each).unwrap();
    let taken = begun.elapsed();
    println!("everything: {found} programmes in {taken:?}, {:.0} a second", found as f64 / taken.as_secs_f64());
    for words in ["eta", "e", "sho ta", "zzz"] {
        let search = Search {
            words: words.to_owned(),
            title: None,
            category: None,
            channels: Vec::new(),
            from: at(FIRST),
            until: at(FIRST + 30 * 86_400),
            most: 50,
        };
        let begun = Instant::now();
        let found = snapshot.search(&guide, &search).unwrap().len();
        println!("search \"{words}\": {found} in {:?}", begun.elapsed());
    }
}

fn main() {
    let megabytes = std::env::args().nth(1).map_or(1_000, |megabytes| megabytes.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guide.redb");
    let store = mast_store::open_guide(folder.path()).unwrap();
    for search in [SearchIndex::None, SearchIndex::Titles, SearchIndex::Everything, SearchIndex::Titles] {
        import(&*store, megabytes, search, &file);
        query(&*store);
    }
}
