//! Guides from the generator: they come back as they were made, whole or cut short, in one piece or a thousand.

use mast_sdk::Code;
use mast_sdk::mock::{Host, Imported};
use proptest::prelude::*;
use serde_json::json;

use super::guide::{GuideProgramme, GuideSpec, Order};
use super::{count, try_import};
use crate::Xmltv;

fn written(spec: &GuideSpec) -> Vec<u8> {
    let mut bytes = Vec::new();
    spec.write(&mut bytes).unwrap();
    bytes
}

fn pieces(guide: &[u8], chunk: usize) -> Imported {
    Host::new().config(json!({})).chunk(chunk).install().import::<Xmltv>(guide).unwrap()
}

/// What was read, as the generator made it.
fn again(found: &mast_sdk::epg::Programme) -> GuideProgramme {
    let attr = |key: &str| mast_sdk::pair(&found.attrs, key).map(str::to_owned);
    let language = |text: &mast_sdk::epg::Text| {
        let known = ["en", "de", "fr", "es"].into_iter().find(|known| text.lang.as_deref() == Some(known));
        (known.unwrap(), text.value.clone())
    };
    let number = |system: &str| found.episode_numbers.iter().find(|number| number.system == system).map(|n| &n.value);
    let role = |role: &str| if role == "director" { "director" } else { "actor" };
    GuideProgramme {
        channel: found.channel.clone(),
        start: found.start,
        stop: found.stop.unwrap(),
        titles: found.titles.iter().map(language).collect(),
        sub_title: found.sub_titles.first().map(|text| text.value.clone()),
        descriptions: found.descriptions.iter().map(language).collect(),
        credits: found.credits.iter().map(|c| (role(&c.role), c.name.clone(), c.part.clone())).collect(),
        date: attr("date").map(|date| date.parse().unwrap()),
        categories: Vec::new(),
        icon: found.icons.first().cloned(),
        episode: number("xmltv_ns").map(|number| {
            let mut parts = number.split('.').map(|part| part.parse::<u32>().unwrap_or_default() + 1);
            (parts.next().unwrap(), parts.next().unwrap())
        }),
        quality: attr("video-quality").is_some() && attr("audio").is_some() && attr("aspect").is_some(),
        repeat: attr("previously-shown").is_some(),
        new: attr("new").is_some(),
        rating: attr("rating:FSK").map(|age| age.parse().unwrap()),
        stars: attr("star-rating").map(|stars| stars.trim_end_matches("/10").parse().unwrap()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_made_comes_back(
        channels in 1..6_u32, days in 1..3_u32, languages in 1..4_usize, order in 0..3_usize,
        offset in prop::sample::select(vec![0, 60, -300, 330, 840]), seed: u64, chunk in 1..5_000_usize,
    ) {
        let order = [Order::ByChannel, Order::ByTime, Order::ChannelsLast][order];
        let spec = GuideSpec { channels, days, languages, order, offset, seed, ..GuideSpec::default() };
        let imported = pieces(&written(&spec), chunk);
        prop_assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
        prop_assert_eq!(imported.channels.len(), channels as usize);
        prop_assert_eq!(imported.programmes.len() as u64, spec.programmes() * u64::from(channels));
        let mut places = vec![0; channels as usize];
        for found in &imported.programmes {
            let number = (0..channels).find(|&number| spec.channel(number) == found.channel).unwrap();
            let mut expected = spec.programme(number, places[number as usize]);
            places[number as usize] += 1;
            let categories: Vec<_> = found.categories.iter().map(|text| text.value.as_str()).collect();
            prop_assert_eq!(&categories, &expected.categories);
            expected.categories.clear();
            prop_assert_eq!(again(found), expected);
        }
    }

    #[test]
    fn a_damaged_guide_never_panics(seed: u64, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..20)) {
        let mut guide = written(&GuideSpec { channels: 2, days: 1, seed, ..GuideSpec::default() });
        for (at, byte, how) in damage {
            let at = at.index(guide.len());
            match how {
                0 => guide[at] = byte,
                1 => guide[at] = b"<>&\"'/![]-"[usize::from(byte) % 10],
                2 => drop(guide.drain(at..(at + usize::from(byte)).min(guide.len()))),
                _ => { let copy: Vec<u8> = guide[at..(at + usize::from(byte)).min(guide.len())].to_vec(); guide.splice(at..at, copy); }
            }
        }
        let whole = Host::new().config(json!({})).install().import::<Xmltv>(guide.clone());
        let imported = try_import(guide);
        prop_assert_eq!(format!("{:?}", imported), format!("{:?}", whole), "the pieces do not matter");
        if let Ok(imported) = imported {
            prop_assert!(imported.programmes.iter().all(|found| !found.titles.is_empty() && !found.channel.is_empty()));
            prop_assert!(imported.programmes.iter().all(|found| found.stop.is_none_or(|stop| stop > found.start)));
        }
    }

    #[test]
    fn any_bytes_are_a_guide_or_not(text in "(<tv>|</tv>|<programme start='1970' channel='c'>|</programme>|<channel id='c'>|<title>|<!--|-->|<!DOCTYPE|\\[|\\]|[<>&;'\"/a ü]){0,40}") {
        for text in [text.clone(), format!("<tv>{text}</tv>")] {
            let whole = Host::new().config(json!({})).install().import::<Xmltv>(text.clone());
            prop_assert_eq!(format!("{:?}", try_import(text)), format!("{:?}", whole));
        }
    }
}

#[test]
fn a_guide_cut_at_every_tenth_is_an_error() {
    let spec = GuideSpec { channels: 3, days: 1, ..GuideSpec::default() };
    let guide = written(&spec);
    for tenth in 0..10 {
        let error = try_import(&guide[..guide.len() * tenth / 10]).unwrap_err();
        assert_eq!(error.code, Code::Malformed, "{tenth}0 %");
        let part = if tenth == 0 { "empty" } else { "cut short" };
        assert!(error.message.contains(part), "{tenth}0 %: {}", error.message);
    }
    let whole = try_import(&guide[..guide.len() - 2]);
    assert_eq!(count(&whole.unwrap(), "programmes"), spec.programmes() * 3);
}
