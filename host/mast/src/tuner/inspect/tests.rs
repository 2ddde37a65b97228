use mast_ffmpeg::PICTURE;
use proptest::prelude::*;

use super::*;
use UpstreamFault::{Black, FrozenPicture, Looping, Silent};

const ALL: [Check; 4] = [Check::Black, Check::Frozen, Check::Silent, Check::Looping];

fn inspector(checks: &[Check]) -> Inspector {
    let config = InspectConfig { checks: checks.to_vec(), samples: 3, ..InspectConfig::default() };
    Inspector::new(&config, 0)
}

fn sample(pictures: impl IntoIterator<Item = Picture>) -> Sample {
    Sample { pictures: Some(pictures.into_iter().collect()), peak: Some(9000) }
}

fn flat(luma: u8) -> Sample {
    sample([[luma; PICTURE]; 4])
}

/// A picture with structure.
fn shot(seed: usize) -> Picture {
    std::array::from_fn(|cell| u8::try_from((cell + 1) * (2 * seed + 3) % 211).unwrap() / 2 + 40)
}

/// Four pictures of a scene with motion; different numbers are different scenes.
fn scene(number: usize) -> Sample {
    sample((0..4).map(|picture| shot(4 * number + picture)))
}

/// A still background before which something of a few cells moves a little.
fn talk(number: usize) -> Sample {
    sample((0..4).map(|picture| {
        let mut shown = shot(1);
        shown[120] = 90 + u8::try_from((7 * number + 3 * picture) % 11).unwrap();
        shown
    }))
}

fn sound(peak: Option<u16>, number: usize) -> Sample {
    Sample { peak, ..scene(number) }
}

/// The verdict, and the number of samples that it took.
fn verdict(checks: &[Check], samples: impl IntoIterator<Item = Sample>) -> Option<(UpstreamFault, usize)> {
    let mut inspector = inspector(checks);
    let mut judged = samples.into_iter().enumerate();
    judged.find_map(|(at, sample)| inspector.judge(&sample).map(|fault| (fault, at + 1)))
}

#[test]
fn what_is_a_fault_and_after_how_long() {
    let check = |what: &str, samples: Vec<Sample>, expected| assert_eq!(verdict(&ALL, samples), expected, "{what}");
    let noisy = |luma: u8| sample((0..4).map(|picture| [luma + picture % 2; PICTURE]));
    check("black", vec![flat(0); 5], Some((Black, 3)));
    check("noisy black", (0..5).map(|_| noisy(14)).collect(), Some((Black, 3)));
    check("a colour", vec![flat(76); 5], Some((FrozenPicture, 3)));
    check("a frozen picture with noise", (0..5).map(|_| noisy(76)).collect(), Some((FrozenPicture, 3)));
    check("freezing", vec![scene(1), scene(2), flat(76), flat(76), flat(76)], Some((FrozenPicture, 5)));
    check("silence", (0..5).map(|number| sound(Some(32), number)).collect(), Some((Silent, 3)));
    check("the same scene at each look", vec![scene(1); 9], Some((Looping, 4)));
    let slate: Vec<_> = (0..12).map(|number| scene(number % 5)).collect();
    check("a slate of five scenes", slate, Some((Looping, 8)));
}

#[test]
fn what_is_no_fault() {
    let check = |what: &str, samples: Vec<Sample>| assert_eq!(verdict(&ALL, samples), None, "{what}");
    check("a film", (0..60).map(scene).collect());
    check("talk before a still background", (0..60).map(talk).collect());
    let fade = sample([[60; PICTURE], [30; PICTURE], [0; PICTURE], [0; PICTURE]]);
    check("fades through black", vec![flat(0), flat(0), fade.clone(), flat(0), flat(0), fade]);
    check("still shots", (0..30).map(|at| flat(60 + 40 * (at / 2 % 4))).collect());
    let mut titles = [0; PICTURE];
    titles[77] = 40;
    check("titles on black", vec![flat(0), flat(0), sample([titles; 4]), scene(1)]);
    let scenes = [40, 0, 0, 9000, 3, 0, 33].into_iter().enumerate();
    check("quiet scenes", scenes.map(|(number, peak)| sound(Some(peak), number)).collect());
    check("no sound at all", (0..9).map(|number| sound(None, number)).collect());
    check("nothing that can be decoded", vec![Sample::default(); 9]);
    check("a trailer that is shown again", (0..40).map(|at| scene(if at % 3 == 0 { 0 } else { at })).collect());
    // What drifts is not frozen, however slowly: it is compared with where it began.
    check("dusk", (0..9).map(|at| flat(200 - 3 * at)).collect());
}

#[test]
fn only_what_is_asked_for_is_judged() {
    let check = |checks: &[Check], samples: Vec<Sample>, expected, look: (bool, bool)| {
        assert_eq!(verdict(checks, samples).map(|(fault, _)| fault), expected, "{checks:?}");
        assert_eq!(inspector(checks).look(), Look { pictures: look.0, sound: look.1 }, "{checks:?}");
    };
    let dead = || vec![Sample { peak: Some(0), ..flat(0) }; 9];
    check(&[Check::Black], dead(), Some(Black), (true, false));
    check(&[Check::Frozen], dead(), Some(FrozenPicture), (true, false));
    check(&[Check::Silent], dead(), Some(Silent), (false, true));
    check(&[Check::Looping], dead(), None, (true, false));
    check(&[], dead(), None, (false, false));
}

#[test]
fn who_cannot_be_helped_is_left_alone_longer_and_longer() {
    let config = InspectConfig { checks: ALL.to_vec(), samples: 3, ..InspectConfig::default() };
    let took = |verdicts| {
        let mut inspector = Inspector::new(&config, verdicts);
        (1..1000).find(|_| inspector.judge(&flat(0)).is_some())
    };
    assert_eq!([0, 1, 2, 5, 9, u32::MAX].map(took), [3, 6, 12, 96, 96, 96].map(Some));
}

#[test]
fn cleared_after_more_samples_than_a_verdict_takes() {
    let mut inspector = inspector(&ALL);
    for number in 0..7 {
        assert!(!inspector.is_cleared(), "{number}");
        inspector.judge(&scene(number));
    }
    assert!(inspector.is_cleared());
    inspector.judge(&flat(0));
    assert!(!inspector.is_cleared());
}

proptest! {
    /// Never sooner than configured, never without a bound on what is remembered.
    #[test]
    fn no_verdict_before_its_time(lumas in proptest::collection::vec((0u8..4, 0u8..4, proptest::option::of(0u16..60)), 0..200)) {
        let mut inspector = inspector(&ALL);
        let mut fault_at = None;
        for (at, (one, other, peak)) in lumas.iter().enumerate() {
            let pictures = Some(vec![[one * 40; PICTURE], [other * 40; PICTURE]]);
            if inspector.judge(&Sample { pictures, peak: *peak }).is_some() {
                fault_at.get_or_insert(at + 1);
            }
            prop_assert!(inspector.seen.len() <= HISTORY);
        }
        prop_assert!(fault_at.is_none_or(|at| at >= 3));
    }
}
