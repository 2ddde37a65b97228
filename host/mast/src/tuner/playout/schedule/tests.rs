use super::*;

/// As Vienna has it since 1996, written out: no test depends on a time zone database.
const CENTRAL: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

const EVERY: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// `at` and days, or following; minutes given, if any.
fn entry(start: Option<(&str, &[&str])>, given: Option<u64>) -> Entry {
    let start = start.map(|(at, days)| Start {
        at: at.parse().unwrap(),
        days: days.iter().map(|day| DAYS.iter().find(|(name, _)| name == day).unwrap().1).collect(),
    });
    Entry { start, duration: given.map(minutes) }
}

fn central(entries: Vec<Entry>) -> Schedule {
    Schedule { zone: TimeZone::posix(CENTRAL).unwrap(), entries }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Slots as `entry since until`, times in UTC; `-` for a gap.
fn check(schedule: &Schedule, lengths: &[Option<Duration>], cases: &[(&str, &str)]) {
    for (now, expected) in cases {
        let slot = schedule.slot(lengths, time(now));
        let show = match slot.show {
            Show::Entry(entry) => entry.to_string(),
            Show::Gap => "-".to_owned(),
        };
        assert_eq!(format!("{show} {} {}", slot.since, slot.until), *expected, "at {now}");
    }
}

#[test]
fn a_rotation_goes_round_for_ever() {
    let schedule = central(vec![entry(None, None), entry(None, Some(30)), entry(None, Some(10))]);
    // A file that is longer than its time is cut, one that is shorter leaves a gap.
    let lengths = [Some(minutes(20)), Some(minutes(45)), Some(minutes(4))];
    check(
        &schedule,
        &lengths,
        &[
            ("1970-01-01T00:00:00Z", "0 1970-01-01T00:00:00Z 1970-01-01T00:20:00Z"),
            ("1970-01-01T00:19:59Z", "0 1970-01-01T00:00:00Z 1970-01-01T00:20:00Z"),
            ("1970-01-01T00:20:00Z", "1 1970-01-01T00:20:00Z 1970-01-01T00:50:00Z"),
            ("1970-01-01T00:53:00Z", "2 1970-01-01T00:50:00Z 1970-01-01T00:54:00Z"),
            ("1970-01-01T00:54:00Z", "- 1970-01-01T00:54:00Z 1970-01-01T01:00:00Z"),
            ("2026-07-01T11:00:00Z", "0 2026-07-01T11:00:00Z 2026-07-01T11:20:00Z"),
            ("2026-07-01T11:59:59Z", "- 2026-07-01T11:54:00Z 2026-07-01T12:00:00Z"),
        ],
    );
    // Without any usable file there is nothing, for as long as one can see.
    let nothing = schedule.slot(&[None, None, None], time("2026-07-01T11:00:00Z"));
    assert_eq!(nothing.show, Show::Gap);
    let nothing = central(vec![entry(None, None)]).slot(&[None], time("2026-07-01T11:00:00Z"));
    assert_eq!((nothing.show, nothing.since), (Show::Gap, time("2026-07-01T11:00:00Z")));
}

#[test]
fn a_day_has_starts_and_what_follows_them() {
    let schedule = central(vec![
        entry(Some(("18:00", EVERY)), None),
        entry(None, None),
        entry(Some(("20:15", &["sat", "sun"])), Some(120)),
        entry(Some(("23:50", EVERY)), None),
    ]);
    let lengths = [Some(minutes(30)), Some(minutes(60)), Some(minutes(100)), Some(minutes(40))];
    // 2026-01-09 is a Friday; noon is 11:00Z.
    check(
        &schedule,
        &lengths,
        &[
            ("2026-01-09T16:59:59Z", "- 2026-01-08T23:30:00Z 2026-01-09T17:00:00Z"),
            ("2026-01-09T17:00:00Z", "0 2026-01-09T17:00:00Z 2026-01-09T17:30:00Z"),
            ("2026-01-09T18:29:00Z", "1 2026-01-09T17:30:00Z 2026-01-09T18:30:00Z"),
            // Friday has no film.
            ("2026-01-09T19:20:00Z", "- 2026-01-09T18:30:00Z 2026-01-09T22:50:00Z"),
            ("2026-01-10T19:20:00Z", "2 2026-01-10T19:15:00Z 2026-01-10T20:55:00Z"),
            // Shorter than its time.
            ("2026-01-10T21:00:00Z", "- 2026-01-10T20:55:00Z 2026-01-10T22:50:00Z"),
            // Past midnight.
            ("2026-01-10T23:10:00Z", "3 2026-01-10T22:50:00Z 2026-01-10T23:30:00Z"),
        ],
    );
}

#[test]
fn one_day_a_week_is_seen_from_far() {
    let schedule = central(vec![entry(Some(("12:00", &["mon"])), None)]);
    check(
        &schedule,
        &[Some(minutes(60))],
        &[
            ("2026-01-12T11:30:00Z", "0 2026-01-12T11:00:00Z 2026-01-12T12:00:00Z"),
            ("2026-01-12T10:59:00Z", "- 2026-01-05T12:00:00Z 2026-01-12T11:00:00Z"),
            ("2026-01-12T12:00:00Z", "- 2026-01-12T12:00:00Z 2026-01-19T11:00:00Z"),
        ],
    );
}

#[test]
fn what_starts_later_ends_what_still_plays() {
    let schedule =
        central(vec![entry(Some(("12:00", EVERY)), None), entry(None, None), entry(Some(("12:30", EVERY)), None)]);
    let lengths = [Some(minutes(40)), Some(minutes(60)), Some(minutes(5))];
    check(
        &schedule,
        &lengths,
        &[
            ("2026-01-09T11:29:00Z", "0 2026-01-09T11:00:00Z 2026-01-09T11:30:00Z"),
            ("2026-01-09T11:34:00Z", "2 2026-01-09T11:30:00Z 2026-01-09T11:35:00Z"),
            // The second one of the first block would start at 12:40; its block is over.
            ("2026-01-09T11:50:00Z", "- 2026-01-09T11:35:00Z 2026-01-10T11:00:00Z"),
        ],
    );
    assert_eq!(schedule.overlaps(&lengths), [(0, 2, minutes(10))]);
}

/// The missing file's time has come all the same.
#[test]
fn a_start_without_a_usable_file_ends_what_still_plays() {
    let schedule =
        central(vec![entry(Some(("12:00", EVERY)), None), entry(Some(("12:30", EVERY)), None), entry(None, None)]);
    check(
        &schedule,
        &[Some(minutes(31)), None, Some(minutes(2))],
        &[
            ("2026-01-09T11:29:00Z", "0 2026-01-09T11:00:00Z 2026-01-09T11:30:00Z"),
            ("2026-01-09T11:30:30Z", "2 2026-01-09T11:30:00Z 2026-01-09T11:32:00Z"),
        ],
    );
}

#[test]
fn overlaps_go_over_midnight_and_the_end_of_the_week() {
    let at = |at, days: &'static [&str]| entry(Some((at, days)), None);
    for (entries, lengths, expected) in [
        (vec![at("10:00", EVERY), at("11:00", EVERY)], [60, 60], vec![]),
        (vec![at("10:00", EVERY), at("11:00", EVERY)], [61, 60], vec![(0, 1, minutes(1))]),
        (vec![at("23:00", &["sun"]), at("00:30", &["mon"])], [120, 10], vec![(0, 1, minutes(30))]),
        (vec![at("23:00", &["sun"]), at("00:30", &["tue"])], [120, 10], vec![]),
        (vec![at("10:00", EVERY), at("10:00", &["fri"])], [5, 5], vec![(0, 1, minutes(5))]),
        (vec![at("10:00", &["thu"]), at("10:00", &["fri"])], [5, 5], vec![]),
        (vec![at("10:00", EVERY)], [25 * 60, 0], vec![(0, 0, minutes(60))]),
        (vec![entry(None, None), entry(None, None)], [60, 60], vec![]),
    ] {
        let lengths = lengths.map(|length| Some(minutes(length)).filter(|length| *length > Duration::ZERO));
        assert_eq!(central(entries.clone()).overlaps(&lengths), expected, "{entries:?}");
    }
}

/// 2026-03-29: 02:00 CET is 03:00 CEST. 2026-10-25: 03:00 CEST is 02:00 CET.
#[test]
fn the_clock_is_put_forward_and_back() {
    let night = central(vec![entry(Some(("02:30", EVERY)), None)]);
    check(
        &night,
        &[Some(minutes(20))],
        &[
            // The time does not exist: it is as much later as the gap is long.
            ("2026-03-29T01:35:00Z", "0 2026-03-29T01:30:00Z 2026-03-29T01:50:00Z"),
            ("2026-03-29T00:35:00Z", "- 2026-03-28T01:50:00Z 2026-03-29T01:30:00Z"),
            ("2026-03-30T00:35:00Z", "0 2026-03-30T00:30:00Z 2026-03-30T00:50:00Z"),
            // It exists twice: once is enough.
            ("2026-10-25T00:35:00Z", "0 2026-10-25T00:30:00Z 2026-10-25T00:50:00Z"),
            ("2026-10-25T01:35:00Z", "- 2026-10-25T00:50:00Z 2026-10-26T01:30:00Z"),
        ],
    );
    // What is on when the clock changes takes its real time.
    let late = central(vec![entry(Some(("01:00", EVERY)), None), entry(Some(("03:00", EVERY)), None)]);
    check(
        &late,
        &[Some(minutes(120)), Some(minutes(30))],
        &[
            // Only an hour lies between the two: the later start ends the first.
            ("2026-03-29T00:59:00Z", "0 2026-03-29T00:00:00Z 2026-03-29T01:00:00Z"),
            ("2026-03-29T01:00:00Z", "1 2026-03-29T01:00:00Z 2026-03-29T01:30:00Z"),
            // Three hours lie between the two.
            ("2026-10-25T00:30:00Z", "0 2026-10-24T23:00:00Z 2026-10-25T01:00:00Z"),
            ("2026-10-25T01:30:00Z", "- 2026-10-25T01:00:00Z 2026-10-25T02:00:00Z"),
            ("2026-10-25T02:00:00Z", "1 2026-10-25T02:00:00Z 2026-10-25T02:30:00Z"),
        ],
    );
}

proptest::proptest! {
    /// Asking inside a slot gives the same slot, and at its end another one: the schedule can be followed from slot to slot.
    #[test]
    fn slots_follow_each_other(
        at in 0i64..86_400 * 365,
        into in 0.0f64..1.0,
        lengths in proptest::collection::vec(proptest::option::of(1u64..200), 4),
        given in proptest::collection::vec(proptest::option::of(1u64..200), 4),
        starts in proptest::collection::vec(proptest::option::of((0i8..24, 0i8..60)), 4),
    ) {
        let mut entries: Vec<Entry> = given.iter().zip(&starts).map(|(given, start)| Entry {
            start: start.map(|(hour, minute)| Start {
                at: civil::time(hour, minute, 0, 0),
                days: DAYS.iter().map(|(_, day)| *day).collect(),
            }),
            duration: given.map(minutes),
        }).collect();
        if starts.iter().any(Option::is_some) && entries[0].start.is_none() {
            entries[0].start = Some(Start { at: civil::time(0, 0, 0, 0), days: vec![Weekday::Monday] });
        }
        let schedule = central(entries);
        let lengths: Vec<Option<Duration>> = lengths.into_iter().map(|length| length.map(minutes)).collect();
        let now = Timestamp::from_second(1_767_225_600 + at).unwrap();
        let slot = schedule.slot(&lengths, now);
        proptest::prop_assert!(slot.since <= now && now < slot.until, "{slot:?} at {now}");
        if slot.since < now {
            let rest = (slot.until.as_second() - now.as_second()) as f64;
            let within = Timestamp::from_second(now.as_second() + (rest * into) as i64).unwrap();
            proptest::prop_assume!(within < slot.until);
            let again = schedule.slot(&lengths, within);
            proptest::prop_assert_eq!((again.show, again.until), (slot.show, slot.until));
        }
        let next = schedule.slot(&lengths, slot.until);
        let follows = next.since == slot.until || next.show == Show::Gap;
        proptest::prop_assert!(follows, "{slot:?} {next:?}");
    }
}
