use super::*;
use crate::pages::Pages;

const CONFIG: WindowConfig =
    WindowConfig { listed_segments: 3, listed_duration: Duration::ZERO, target_duration: 2, uri_prefix: String::new() };
const FRESH: SequenceBase = SequenceBase { media: 0, discontinuity: 0, target_duration: None };

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_millisecond(1_767_225_600_000 + (seconds * 1000.0) as i64).unwrap()
}

fn cut(arrived: f64, seconds: f64) -> Cut {
    Cut {
        payload: Pages::from(&[0; 188][..]),
        duration: Duration::from_secs_f64(seconds),
        start: 0,
        next: None,
        started_at: at(arrived),
        independent: true,
        discontinuity: false,
    }
}

fn filled(config: WindowConfig, durations: &[f64]) -> Window {
    let mut window = Window::new(config, FRESH);
    let mut now = 0.0;
    for seconds in durations {
        now += seconds;
        window.push(cut(now - seconds, *seconds), at(now));
    }
    window
}

fn sequences(segments: &[Arc<Segment>]) -> Vec<u64> {
    segments.iter().map(|segment| segment.sequence).collect()
}

#[test]
fn the_first_segment_fixes_the_target_duration() {
    for (learned, first, expected) in
        [(None, 1.0, 2), (None, 2.002, 2), (None, 3.2, 4), (Some(6), 2.0, 6), (Some(2), 9.0, 2), (Some(0), 3.0, 3)]
    {
        let mut window = Window::new(CONFIG, SequenceBase { target_duration: learned, ..FRESH });
        for seconds in [first, 8.0, 1.0] {
            window.push(cut(0.0, seconds), at(0.0));
            assert_eq!(window.playlist().target_duration, expected, "{learned:?} {first}");
        }
        let longest = window.listed().iter().map(|segment| segment.duration).max().unwrap();
        assert!(longest.as_secs_f64().round() <= f64::from(expected), "{longest:?} rounds above {expected}");
    }
}

#[test]
fn three_target_durations_are_listed_however_short_the_segments() {
    let window = filled(WindowConfig { target_duration: 4, ..CONFIG }, &[1.0; 30]);
    assert_eq!(sequences(window.listed()), (18..30).collect::<Vec<u64>>());
    let window = filled(WindowConfig { listed_segments: 6, ..CONFIG }, &[2.0; 30]);
    assert_eq!(sequences(window.listed()), (24..30).collect::<Vec<u64>>());
    let window = filled(WindowConfig { listed_duration: Duration::from_secs(20), ..CONFIG }, &[2.0; 30]);
    assert_eq!(window.listed().len(), 10);
    assert_eq!(filled(CONFIG, &[2.0]).listed().len(), 1);
}

#[test]
fn a_removed_segment_stays_for_its_duration_and_the_longest_playlist() {
    // Removed when the next one of 2 s comes at 8 s; listed by playlists of 6 s: it stays until 16 s.
    let mut window = filled(CONFIG, &[2.0; 4]);
    assert_eq!((sequences(window.listed()), window.downloadable().len()), (vec![1, 2, 3], 4));
    for (now, oldest) in [(10.0, 0), (12.0, 0), (14.0, 0), (15.9, 0), (16.0, 1), (17.9, 1), (40.0, 7)] {
        window.push(cut(now - 2.0, 2.0), at(now));
        assert_eq!(window.downloadable()[0].sequence, oldest, "at {now} s");
        assert_eq!(window.bytes(), 188 * window.downloadable().len());
    }
}

#[test]
fn numbers_go_on_after_a_restart() {
    let mut window = Window::new(CONFIG, SequenceBase { media: 70, discontinuity: 4, target_duration: Some(2) });
    assert!(!window.playable());
    let segment = window.push(cut(0.0, 2.0), at(2.0));
    assert!(window.playable() && segment.discontinuity);
    let playlist = window.playlist();
    assert_eq!((playlist.media_sequence, playlist.discontinuity_sequence), (70, 4), "the tag makes it 5");
    assert_eq!(window.next(), SequenceBase { media: 71, discontinuity: 5, target_duration: Some(2) });

    let mut window = Window::new(CONFIG, FRESH);
    assert!(!window.push(Cut { discontinuity: true, ..cut(0.0, 2.0) }, at(2.0)).discontinuity, "nothing before it");
}

#[test]
fn discontinuities_are_counted_when_they_leave_the_playlist() {
    let mut window = Window::new(CONFIG, FRESH);
    let mut headers = Vec::new();
    for n in 0..8 {
        window.push(
            Cut { discontinuity: n == 2 || n == 3, ..cut(2.0 * f64::from(n), 2.0) },
            at(2.0 * f64::from(n) + 2.0),
        );
        headers.push(window.playlist().discontinuity_sequence);
    }
    // Three are listed: the tagged 2 is first with the fifth push and gone with the sixth.
    assert_eq!(headers, [0, 0, 0, 0, 0, 1, 2, 2]);
}

#[test]
fn dates_advance_like_the_media_and_never_back() {
    let mut window = Window::new(CONFIG, FRESH);
    let mut dates = Vec::new();
    // A burst of three, then a discontinuity before the burst has played out, then one long after.
    for (arrived, discontinuity) in [(0.0, false), (0.1, false), (0.2, false), (3.0, true), (60.0, true), (70.0, false)]
    {
        let segment = window.push(Cut { discontinuity, ..cut(arrived, 2.0005) }, at(arrived));
        dates.push(segment.started_at.as_millisecond() - at(0.0).as_millisecond());
    }
    assert_eq!(dates, [0, 2000, 4001, 6001, 60000, 62000]);
}

#[test]
fn independence_is_claimed_only_while_all_listed_are() {
    let mut window = filled(CONFIG, &[2.0; 3]);
    assert!(window.playlist().independent_segments);
    window.push(Cut { independent: false, ..cut(6.0, 2.0) }, at(8.0));
    assert!(!window.playlist().independent_segments);
    for n in 0..3 {
        window.push(cut(8.0, 2.0), at(8.0 + f64::from(n)));
    }
    assert!(window.playlist().independent_segments);
}

#[test]
fn gops_that_keep_overrunning_propose_a_longer_target_duration() {
    let mut window = filled(CONFIG, &[2.0]);
    let mut proposals = Vec::new();
    for _ in 0..4 {
        for independent in [true, false, false] {
            window.push(Cut { independent, ..cut(0.0, if independent { 2.4 } else { 1.3 }) }, at(0.0));
        }
        proposals.push(window.proposal());
    }
    assert_eq!(proposals, [None, None, None, Some(5)]);
    assert_eq!(window.next().target_duration, Some(2));
    assert_eq!(window.playlist().target_duration, 2, "not in this window");
}

#[test]
fn the_byte_budget_takes_unlisted_then_listed_segments() {
    let mut window = filled(WindowConfig { listed_segments: 5, ..CONFIG }, &[2.0; 9]);
    assert_eq!((window.listed().len(), window.downloadable().len()), (5, 9));
    assert!(window.shrink_to(188 * 6));
    assert_eq!((window.listed().len(), window.downloadable().len()), (5, 6));
    assert!(window.shrink_to(188 * 4));
    assert_eq!((window.listed().len(), window.downloadable().len(), window.bytes()), (4, 4, 188 * 4));
    assert!(!window.shrink_to(188));
    assert_eq!(sequences(window.listed()), [6, 7, 8]);
    window.push(cut(18.0, 2.0), at(20.0));
    assert_eq!(sequences(window.listed()), [6, 7, 8, 9]);
}
