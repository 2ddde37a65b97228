//! One schedule out of several: guides of different priority for one channel, moved in time, and texts in the language that is asked for.
//! Pure. Which guides a channel has is `linking.rs`'s to say.
//!
//! Programmes given are in order and do not overlap, and so are those that come out.

use jiff::{SignedDuration, Timestamp};
use mast_model::{GuideText, Programme};

/// Moves programmes in time; those that would leave the calendar are dropped.
pub fn shifted(mut programmes: Vec<Programme>, by: SignedDuration) -> Vec<Programme> {
    if by.is_zero() {
        return programmes;
    }
    programmes.retain_mut(|programme| {
        let moved = programme.start.checked_add(by).ok().zip(programme.stop.checked_add(by).ok());
        if let Some((start, stop)) = moved {
            (programme.start, programme.stop) = (start, stop);
        }
        moved.is_some()
    });
    programmes
}

/// Merges schedules, the one that counts most first: its programmes stay as they are, and what the next ones have is put into the gaps. A
/// programme is cut to its gap, and left out where less than half of it would be left.
pub fn merged(schedules: Vec<Vec<Programme>>) -> Vec<Programme> {
    schedules.into_iter().reduce(filled).unwrap_or_default()
}

fn filled(schedule: Vec<Programme>, other: Vec<Programme>) -> Vec<Programme> {
    if schedule.is_empty() {
        return other;
    }
    let mut fitting: Vec<Programme> = other.into_iter().filter_map(|programme| cut(programme, &schedule)).collect();
    if fitting.is_empty() {
        return schedule;
    }
    fitting.extend(schedule);
    fitting.sort_by_key(|programme| programme.start);
    fitting
}

/// A programme cut to the largest of the gaps that it reaches into, the first of several.
fn cut(mut programme: Programme, schedule: &[Programme]) -> Option<Programme> {
    let first = schedule.partition_point(|taken| taken.stop <= programme.start);
    let over = schedule[first..].iter().take_while(|taken| taken.start < programme.stop);
    let (mut best, mut free): ((Timestamp, Timestamp), Timestamp) =
        ((programme.start, programme.start), programme.start);
    let length = |(start, stop): (Timestamp, Timestamp)| stop.duration_since(start);
    let behind = Some((programme.stop, programme.stop));
    for (start, stop) in over.map(|taken| (taken.start, taken.stop)).chain(behind) {
        if length((free, start)) > length(best) {
            best = (free, start);
        }
        free = stop;
    }
    let enough = length(best) * 2 >= length((programme.start, programme.stop)) && best.0 < best.1;
    (programme.start, programme.stop) = best;
    enough.then_some(programme)
}

/// The text in the language asked for: of the first of `languages` (BCP 47) that is there, exactly or as the same language of another
/// place; else the guide's preferred one.
pub fn pick<'a>(texts: &'a [GuideText], languages: &[impl AsRef<str>]) -> Option<&'a GuideText> {
    let lang = |text: &'a GuideText| text.lang.as_deref().unwrap_or_default();
    let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let found = languages.iter().map(AsRef::as_ref).find_map(|wanted: &str| {
        let exact = texts.iter().find(|text| lang(text).eq_ignore_ascii_case(wanted));
        exact.or_else(|| texts.iter().find(|text| !lang(text).is_empty() && primary(lang(text)) == primary(wanted)))
    });
    found.or(texts.first())
}

#[cfg(test)]
mod tests {
    use mast_model::ProgrammeDetails;
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_767_571_200 + minute * 60).unwrap()
    }

    fn programme((start, stop, title): (i64, i64, &str)) -> Programme {
        let titles = vec![GuideText { lang: None, value: title.to_owned() }];
        Programme {
            start: at(start),
            stop: at(stop),
            details: ProgrammeDetails { titles, ..ProgrammeDetails::default() },
        }
    }

    #[test]
    fn gaps_are_filled() {
        type Schedule = &'static [(i64, i64, &'static str)];
        let cases: [(&str, &[Schedule], Schedule); 9] = [
            ("nothing", &[], &[]),
            ("one", &[&[(0, 10, "a")]], &[(0, 10, "a")]),
            ("the first counts", &[&[(0, 10, "a")], &[(0, 10, "b")]], &[(0, 10, "a")]),
            ("an empty one is filled", &[&[], &[(0, 10, "b")]], &[(0, 10, "b")]),
            (
                "a gap",
                &[&[(0, 10, "a"), (20, 30, "c")], &[(10, 20, "b")]],
                &[(0, 10, "a"), (10, 20, "b"), (20, 30, "c")],
            ),
            (
                "cut at both ends",
                &[&[(0, 10, "a"), (20, 30, "c")], &[(8, 22, "b")]],
                &[(0, 10, "a"), (10, 20, "b"), (20, 30, "c")],
            ),
            ("too little left", &[&[(0, 10, "a")], &[(2, 15, "b"), (15, 20, "c")]], &[(0, 10, "a"), (15, 20, "c")]),
            ("the larger piece", &[&[(4, 6, "a")], &[(0, 14, "b")]], &[(4, 6, "a"), (6, 14, "b")]),
            (
                "a third",
                &[&[(0, 5, "a")], &[(5, 9, "b")], &[(0, 9, "x"), (9, 12, "c")]],
                &[(0, 5, "a"), (5, 9, "b"), (9, 12, "c")],
            ),
        ];
        for (name, given, expected) in cases {
            let given = given.iter().map(|one| one.iter().copied().map(programme).collect()).collect();
            let expected: Vec<Programme> = expected.iter().copied().map(programme).collect();
            assert_eq!(merged(given), expected, "{name}");
        }
    }

    #[test]
    fn languages_are_picked() {
        let text = |lang: &str| GuideText { lang: (!lang.is_empty()).then(|| lang.to_owned()), value: lang.to_owned() };
        let texts = [text("fr"), text("de-AT"), text("de"), text("")];
        for (wanted, found) in [
            (&["de"][..], "de"),
            (&["DE-at"], "de-AT"),
            (&["de-CH"], "de-AT"),
            (&["it", "de"], "de"),
            (&["it"], "fr"),
            (&[], "fr"),
            (&[""], ""),
        ] {
            assert_eq!(pick(&texts, wanted).unwrap().value, found, "{wanted:?}");
        }
        assert_eq!(pick(&[], &["de"]), None);
    }

    fn schedule() -> impl Strategy<Value = Vec<Programme>> {
        proptest::collection::vec((0_i64..20, 1_i64..20), 0..12).prop_map(|steps| {
            let mut now = 0;
            let each = steps.into_iter().map(|(gap, length)| {
                let start = now + gap;
                now = start + length;
                programme((start, now, "x"))
            });
            each.collect()
        })
    }

    proptest! {
        #[test]
        fn merging_keeps_order(schedules in proptest::collection::vec(schedule(), 1..4)) {
            let all = merged(schedules.clone());
            prop_assert!(all.iter().all(|one| one.start < one.stop));
            prop_assert!(all.windows(2).all(|two| two[0].stop <= two[1].start));
            prop_assert!(schedules[0].iter().all(|one| all.contains(one)));
        }

        #[test]
        fn shifting_there_and_back(schedule in schedule(), minutes in -2_000_i64..2_000) {
            let by = SignedDuration::from_mins(minutes);
            prop_assert_eq!(shifted(shifted(schedule.clone(), by), -by), schedule);
        }
    }
}
