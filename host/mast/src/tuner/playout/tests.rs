//! Playouts with real files, and a channel that plays one.

use futures_util::StreamExt;
use jiff::Timestamp;
use mast_media::ts::packet::PACKET;
use mast_upstream::Clip;

use super::*;
use crate::config::reader::Reader;
use crate::tuner::upstream::Piece;

const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with the standard clip under these names.
fn folder(names: &[&str]) -> tempfile::TempDir {
    let clip = Clip::standard().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        std::fs::write(folder.path().join(name), clip.bytes()).unwrap();
    }
    folder
}

fn configs(folder: &Path, text: &str) -> BTreeMap<String, PlayoutConfig> {
    let file = folder.join("mast.toml");
    std::fs::write(&file, text).unwrap();
    crate::config::Config::load(&file).unwrap_or_else(|problems| panic!("{problems}")).playouts
}

fn length(folder: &Path) -> f64 {
    Recording::of(&mut File::open(folder.join("a.ts")).unwrap()).unwrap().length.as_secs_f64()
}

/// The first pieces up to so many bytes: dates and lengths.
async fn first(playouts: &Playouts, bytes: usize) -> Vec<Piece> {
    let mut run = playouts.open("own").await.unwrap();
    let (mut pieces, mut length) = (Vec::new(), 0);
    while length < bytes {
        let piece = tokio::time::timeout(PATIENCE, run.next()).await.unwrap().unwrap().unwrap();
        if let Piece::Bytes(bytes) = &piece {
            length += bytes.len();
        }
        pieces.push(piece);
    }
    pieces
}

fn dates(pieces: &[Piece]) -> Vec<Timestamp> {
    pieces.iter().filter_map(|piece| if let Piece::Date(date) = piece { Some(*date) } else { None }).collect()
}

#[tokio::test]
async fn a_rotation_is_joined_where_it_is() {
    let folder = folder(&["a.ts", "b.ts"]);
    let text = "[[playout.own.entries]]\nfile = \"a.ts\"\n[[playout.own.entries]]\nfile = \"b.ts\"\n";
    let playouts = Playouts::new(&configs(folder.path(), text));
    let now = Timestamp::now();
    let pieces = first(&playouts, 100 * PACKET).await;
    let dates = dates(&pieces);
    assert!(dates.is_sorted(), "{dates:?}");
    // What was shown a few seconds ago comes first, from the picture on that a decoder can start with.
    let ago = now.duration_since(dates[0]).as_secs_f64();
    assert!((4.0..12.0).contains(&ago), "{ago}");
    // Where in the file that is, the clock says.
    let round = 2.0 * length(folder.path());
    let into = (dates[0].as_microsecond() as f64 / 1e6).rem_euclid(round).rem_euclid(round / 2.0);
    let pcr = pieces.iter().skip(1).find_map(|piece| {
        let Piece::Bytes(bytes) = piece else { return None };
        bytes.chunks_exact(PACKET).find_map(|packet| mast_media::ts::packet::Packet(packet.try_into().unwrap()).pcr())
    });
    let recording = Recording::of(&mut File::open(folder.path().join("a.ts")).unwrap()).unwrap();
    let place = recording.place(pcr.unwrap()) as f64 / 90_000.0;
    assert!((place - into).abs() < 0.2, "{place} in the file, {into} on the clock");
}

#[test]
fn the_end_of_a_file_joins_the_next_one() {
    let folder = folder(&["a.ts", "b.ts"]);
    let text = "[[playout.own.entries]]\nfile = \"a.ts\"\n[[playout.own.entries]]\nfile = \"b.ts\"\n";
    let playouts = Playouts::new(&configs(folder.path(), text));
    let playout = &playouts.by_name["own"];
    let on = playout.slot(Timestamp::now());
    for left in [1, 50, 99] {
        let (slot, _) = playout.join(on.until - Duration::from_millis(left)).unwrap();
        assert_eq!(slot.since, on.until, "{left} ms are left");
    }
    assert_eq!(playout.join(on.until - Duration::from_millis(300)).unwrap().0.since, on.since);
}

#[tokio::test]
async fn the_filler_fills_and_without_one_it_is_told() {
    let folder = folder(&["a.ts", "filler.ts"]);
    // A file that is missing is a gap for the time it was given.
    let gap = "[[playout.own.entries]]\nfile = \"missing.ts\"\nduration = \"1d\"\n";
    let playouts = Playouts::new(&configs(folder.path(), gap));
    let failure = playouts.open("own").await.err().unwrap();
    assert_eq!(failure.fault, UpstreamFault::NothingScheduled);
    let playouts = Playouts::new(&configs(folder.path(), &format!("[playout.own]\nfiller = \"filler.ts\"\n{gap}")));
    assert!(dates(&first(&playouts, 1000 * PACKET).await).len() > 10);
    assert_eq!(playouts.open("other").await.err().unwrap().fault, UpstreamFault::NoUpstream);
}

#[test]
fn what_is_wrong_is_found_beforehand() {
    let folder = folder(&["a.ts"]);
    std::fs::write(folder.path().join("noise.ts"), [7; 4096]).unwrap();
    let text = r#"
        [playout.own]
        filler = "none.ts"
        entries = [
            { file = "a.ts", at = "10:00:00" },
            { file = "noise.ts" },
            { file = "a.ts", at = "10:00:03", days = ["sat"] },
            { file = "a.ts", at = "11:00", duration = "1s" },
        ]
    "#;
    let found = check::check(&configs(folder.path(), text));
    let keys: Vec<&str> = found.iter().map(|(key, ..)| key.as_str()).collect();
    assert_eq!(keys, ["playout.own.filler", "playout.own.entries[1].file", "playout.own.entries[2].at"], "{found:?}");
    assert!(found[2].2.contains("before entries[0] is over"), "{found:?}");
}

#[test]
fn settings_that_are_wrong_are_told_at_once() {
    let problems = |text: &str| {
        let table = crate::config::parse_text(text, Path::new("mast.toml")).unwrap();
        let read = Reader::new(Path::new("mast.toml"), BTreeMap::new())
            .read(&table, |root| PlayoutConfig::read_all(&root.section("playout")));
        read.map(|_| String::new()).unwrap_or_else(|problems| problems.to_string())
    };
    let first = "[playout.own]\nentries = [{ file = \"a.ts\", at = \"10:00\" }]\n";
    assert_eq!(problems(first), "");
    for (text, expected) in [
        ("[playout.own]", "entries: is missing; list at least one file"),
        ("[playout.Own]\nentries = [{ file = \"a.ts\" }]", "expected a name of 1 to 64 lower-case letters"),
        ("[playout.own]\nentries = [\"a.ts\"]", "entries[0] = \"a.ts\": expected a list of sections"),
        ("[playout.own]\nentries = [{ at = \"10:00\" }]", "entries[0].file: is missing"),
        ("[playout.own]\nentries = [{ file = \"a.ts\", at = \"25:00\" }]", "expected a time of day"),
        ("[playout.own]\nentries = [{ file = \"a.ts\", at = \"10\" }]", "expected a time of day"),
        (
            "[playout.own]\nentries = [{ file = \"a.ts\" }, { file = \"b.ts\", at = \"10:00\" }]",
            "entries[0].at: is missing",
        ),
        ("[playout.own]\nentries = [{ file = \"a.ts\", days = [\"mon\"] }]", "belongs to at"),
        (
            "[playout.own]\nentries = [{ file = \"a.ts\", at = \"10:00\", days = [\"monday\"] }]",
            "does not know \"monday\"",
        ),
        ("[playout.own]\nentries = [{ file = \"a.ts\", at = \"10:00\", days = [] }]", "names no day"),
        ("[playout.own]\nentries = [{ file = \"a.ts\", duration = \"8d\" }]", "from 1s to 7d"),
        ("[playout.own]\nentries = [{ file = \"a.ts\", loop = true }]", "entries[0].loop: is not a known key"),
        ("[playout.own]\ntimezone = \"Mars/Base\"\nentries = [{ file = \"a.ts\" }]", "is not a time zone"),
    ] {
        let told = problems(text);
        assert!(told.contains(expected), "{text}: {told}");
    }
}
