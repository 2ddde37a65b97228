use std::fmt::Write;

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::Playlist;
use super::*;

/// A playlist of four-second segments: names from the sequence number on; `!` in front is a discontinuity, `-` a gap.
fn media(sequence: u64, names: &str) -> Media {
    let mut text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:{sequence}\n");
    for name in names.split_whitespace() {
        match name.split_at(1) {
            ("!", name) => write!(text, "#EXT-X-DISCONTINUITY\n#EXTINF:4,\n{name}\n").unwrap(),
            ("-", name) => write!(text, "#EXT-X-GAP\n#EXTINF:4,\n{name}\n").unwrap(),
            _ if name == "END" => text += "#EXT-X-ENDLIST\n",
            _ => write!(text, "#EXTINF:4,\n{name}\n").unwrap(),
        }
    }
    match Playlist::parse(text.as_bytes()) {
        Ok(Playlist::Media(media)) => media,
        other => panic!("{other:?}"),
    }
}

/// Drives a follower by a clock of its own.
struct Drive {
    follower: Follower,
    start: Instant,
    now: Instant,
    log: Vec<String>,
    /// What the bytes of a segment are, by its name; segments are new without.
    digest: fn(&str) -> Option<u64>,
    digests: u64,
}

impl Drive {
    fn new(config: FollowerConfig) -> Self {
        let now = Instant::now();
        let follower = Follower::new(config, now);
        Self { follower, start: now, now, log: Vec::new(), digest: |_| None, digests: 1000 }
    }

    /// Answers the first load, later each reload, with the next playlist; none is a failure. Runs until the playlists are used up or
    /// there is no more.
    fn run(&mut self, playlists: impl IntoIterator<Item = Option<Media>>) {
        let mut playlists = playlists.into_iter();
        if let Some(Some(first)) = playlists.next() {
            self.follower.reloaded(&first, self.now);
        }
        for _ in 0..1000 {
            match self.follower.next(self.now) {
                Step::Wait(at) => {
                    assert!(at > self.now, "waiting goes forward");
                    self.now = at;
                }
                Step::Fetch(fetch) => self.fetch(&fetch),
                Step::Reload => {
                    let at = (self.now - self.start).as_secs_f64();
                    self.log.push(format!("@{at}"));
                    match playlists.next() {
                        Some(Some(playlist)) => self.follower.reloaded(&playlist, self.now),
                        Some(None) => self.follower.reload_failed(self.now),
                        None => return,
                    }
                }
                Step::Ended => return self.log.push("ended".to_owned()),
                Step::Dead(dead) => return self.log.push(format!("{dead:?}")),
            }
        }
        panic!("no end: {:?}", self.log);
    }

    fn fetch(&mut self, fetch: &Fetch) {
        let name = fetch.entry.uri.expose();
        let seam = fetch.seam.map(|seam| format!("{seam:?} ")).unwrap_or_default();
        self.log.push(format!("{seam}{name}"));
        self.digests += 1;
        let digest = (self.digest)(name).unwrap_or(self.digests);
        self.follower.fetched(fetch, digest, self.now);
    }
}

#[track_caller]
fn check(playlists: &[(u64, &str)], expected: &str) {
    let mut drive = Drive::new(FollowerConfig::default());
    drive.run(playlists.iter().map(|(sequence, names)| (*names != "FAIL").then(|| media(*sequence, names))));
    assert_eq!(drive.log.join(", "), expected, "{playlists:?}");
}

#[test]
fn a_live_playlist_is_joined_three_target_durations_from_its_end() {
    check(&[(0, "a b c d e")], "c, d, e, @4");
    check(&[(0, "a b")], "a, b, @4");
    let mut drive = Drive::new(FollowerConfig { start_behind: 1, ..FollowerConfig::default() });
    drive.run([Some(media(0, "a b c d e"))]);
    assert_eq!(drive.log.join(", "), "e, @4");
}

#[test]
fn reloads_come_after_a_segment_or_half_a_target_duration() {
    check(
        &[(0, "a b c"), (1, "b c d"), (1, "b c d"), (1, "b c d"), (2, "c d e f")],
        "a, b, c, @4, d, @8, @10, @12, e, f, @16",
    );
    check(&[(0, "a b c"), (0, "FAIL"), (1, "b c d")], "a, b, c, @4, @6, d, @10");
    // Short segments under a long target duration.
    let mut short = media(0, "a b c");
    short.entries.iter_mut().for_each(|entry| entry.duration = Duration::from_secs(3));
    let mut drive = Drive::new(FollowerConfig::default());
    drive.run([Some(short)]);
    assert_eq!(drive.log.join(", "), "a, b, c, @3");
}

#[test]
fn seams_are_told() {
    check(&[(0, "!a b !c d")], "b, Discontinuity c, d, @4");
    check(&[(0, "a b -c d"), (1, "b -c d -e -f"), (2, "-c d -e -f g")], "b, Gap d, @4, @8, Gap g, @12");
    check(&[(0, "a b c"), (5, "f g h i")], "a, b, c, @4, Missed(2) g, h, i, @8");
    check(&[(0, "a b c"), (1000, "x !y z")], "a, b, c, @4, Missed(997) x, Discontinuity y, z, @8");
    // The origin was restarted and counts anew; a cache that answers with an older playlist did not.
    check(&[(7, "a b c"), (0, "x"), (0, "x y")], "a, b, c, @4, Restarted x, @8, y, @12");
    check(&[(7, "a b c"), (6, "z a b"), (8, "b c d")], "a, b, c, @4, @6, d, @10");
    check(&[(7, "k/a?t=1 k/b?t=1 k/c?t=1"), (6, "l/z l/a l/b")], "k/a?t=1, k/b?t=1, k/c?t=1, @4, @6");
}

#[test]
fn a_playlist_may_start_empty() {
    check(&[(0, ""), (0, "a"), (0, "a b")], "@2, a, @6, b, @10");
}

#[test]
fn an_ended_playlist_is_played_from_its_start() {
    check(&[(3, "a b c d e END")], "a, b, c, d, e, ended");
    // A live one that ends.
    check(&[(0, "a b c d"), (1, "b c d e END")], "b, c, d, @4, e, ended");
    check(&[(0, "END")], "ended");
}

#[test]
fn a_playlist_that_does_not_grow_is_dead() {
    let same = || Some(media(0, "a b c"));
    let mut drive = Drive::new(FollowerConfig::default());
    drive.run([same(), same(), same(), same(), same(), same(), same(), same()]);
    // Three target durations are longer than ten seconds.
    assert_eq!(drive.log.join(", "), "a, b, c, @4, @6, @8, @10, @12, Frozen");
    let patience = Duration::from_secs(20);
    let mut drive = Drive::new(FollowerConfig { patience, ..FollowerConfig::default() });
    drive.run([same(), None, None, same(), same(), same(), None, None, None, None, None, None, None]);
    assert_eq!(drive.log.last().unwrap(), "Frozen");
    assert!(drive.now - drive.start >= patience && drive.now - drive.start <= patience + Duration::from_secs(2));
}

/// Three names that come round and round.
fn round(seam: &str) -> Vec<Option<Media>> {
    let name = |n: u64| format!("{}{}", if n.is_multiple_of(3) { seam } else { "" }, ["x", "y", "z"][n as usize % 3]);
    (0..40).map(|n| Some(media(n, &format!("{} {} {}", name(n), name(n + 1), name(n + 2))))).collect()
}

#[test]
fn the_same_bytes_again_and_again_are_dead() {
    let run = |seam: &str, config: FollowerConfig, digest: fn(&str) -> Option<u64>| {
        let mut drive = Drive::new(config);
        drive.digest = digest;
        drive.run(round(seam));
        (drive.log.last().unwrap().clone(), (drive.now - drive.start).as_secs())
    };
    let by_name: fn(&str) -> Option<u64> = |name| Some(u64::from(name.as_bytes()[0]));
    assert_eq!(run("", FollowerConfig::default(), by_name), ("Looping".to_owned(), 12));
    // The same names with other bytes: an encoder that reuses its files.
    assert_eq!(run("", FollowerConfig::default(), |_| None).1, 160);
    // A loop that the upstream declares is a programme.
    assert_eq!(run("!", FollowerConfig::default(), by_name).1, 160);
    let strict = FollowerConfig { refuse_declared_loops: true, ..FollowerConfig::default() };
    assert_eq!(run("!", strict, by_name), ("Looping".to_owned(), 12));
}

#[test]
fn a_loop_with_dates_that_go_on_is_declared() {
    let mut drive = Drive::new(FollowerConfig::default());
    drive.digest = |name| Some(u64::from(name.as_bytes()[0]));
    let dated = |mut media: Media| {
        for entry in &mut media.entries {
            entry.date = Timestamp::from_second(entry.sequence as i64 * 4).ok();
        }
        media
    };
    drive.run(round("").into_iter().map(|media| media.map(dated)));
    assert_eq!((drive.now - drive.start).as_secs(), 160);
}

#[test]
fn a_segment_that_is_sent_twice_is_no_loop() {
    let mut drive = Drive::new(FollowerConfig::default());
    drive.digest = |name| (name == "c" || name == "d").then_some(1);
    drive.run(
        [(0, "a b c"), (1, "b c d"), (2, "c d e"), (3, "d e f"), (4, "e f g")].map(|(n, names)| Some(media(n, names))),
    );
    assert_eq!(drive.log.last().unwrap(), "@20");
}

proptest! {
    #[test]
    fn whatever_an_upstream_lists_the_follower_goes_on_or_ends(
        playlists in proptest::collection::vec((0u64..40, "([!-]?[a-f] ){0,12}(END)?", any::<bool>()), 1..30),
        start_behind in 0u32..5,
    ) {
        let mut follower = Follower::new(FollowerConfig { start_behind, ..FollowerConfig::default() }, Instant::now());
        let mut now = Instant::now();
        let mut handed: Option<u64> = None;
        let mut answers = playlists.iter();
        let mut reloads = 0;
        for _ in 0..2000 {
            match follower.next(now) {
                Step::Wait(at) => {
                    prop_assert!(at > now && at <= now + Duration::from_secs(60));
                    now = at;
                }
                Step::Fetch(fetch) => {
                    let restarted = fetch.seam == Some(Seam::Restarted);
                    prop_assert!(!fetch.entry.gap);
                    prop_assert!(restarted || handed.is_none_or(|handed| fetch.entry.sequence > handed));
                    prop_assert!(fetch.seam.is_some() || handed.is_none_or(|handed| fetch.entry.sequence == handed + 1));
                    handed = Some(fetch.entry.sequence);
                    follower.fetched(&fetch, u64::from(fetch.entry.uri.expose().as_bytes()[0]), now);
                }
                Step::Reload => {
                    reloads += 1;
                    match answers.next() {
                        Some((sequence, names, true)) => follower.reloaded(&media(*sequence, names), now),
                        Some((.., false)) => follower.reload_failed(now),
                        None => return Ok(()),
                    }
                }
                Step::Ended | Step::Dead(_) => return Ok(()),
            }
        }
        prop_assert!(false, "no end after {reloads} reloads");
    }
}
