//! Linking, told by invented names.

use jiff::tz::TimeZone;
use mast_model::GuideText;

use super::*;

fn guide_channel(id: &str, names: &[&str]) -> GuideChannel {
    let names = names.iter().map(|name| GuideText { lang: None, value: (*name).to_owned() }).collect();
    GuideChannel { id: id.to_owned(), names, ..GuideChannel::default() }
}

fn instance(name: &str) -> InstanceId {
    InstanceId::new(name).unwrap()
}

#[test]
fn names_lose_what_is_not_the_name() {
    for (text, key, country, behind) in [
        ("Canal Nova HD", "canalnova", None, 0),
        ("|UK| Nova One FHD", "novaone", Some("gb"), 0),
        ("UK: Nova One", "novaone", Some("gb"), 0),
        ("UK - Nova One 50fps", "novaone", Some("gb"), 0),
        ("DE \u{258e} Nova Eins \u{1d34}\u{1d30}", "novaeins", Some("de"), 0),
        ("[EN] Nova (HEVC)", "nova", None, 0),
        ("Nova Sport 1 DE", "novasport1", Some("de"), 0),
        ("Nova (East)", "novaeast", None, 0),
        ("Caf\u{e9} Zw\u{f6}lf", "cafezwolf", None, 0),
        ("\u{41d}\u{43e}\u{432}\u{430} 4K", "nova", None, 0),
        ("Nova+1", "nova", None, 1),
        ("Nova 4 +2h HD", "nova4", None, 2),
        ("Nova + 1", "nova", None, 1),
        ("Nova+ 1", "novaplus1", None, 0),
        ("Nova+", "novaplus", None, 0),
        ("Nova & Co", "novaandco", None, 0),
        ("Nova Ultra HD", "nova", None, 0),
        ("Nova H.265", "nova", None, 0),
        ("HD", "hd", None, 0),
        ("UK", "uk", None, 0),
        ("Now in IT", "nowinit", None, 0),
        ("Nova de", "novade", None, 0),
        ("Nova Germany", "nova", Some("de"), 0),
        ("N-Nova", "nnova", None, 0),
        ("", "", None, 0),
        ("***", "", None, 0),
    ] {
        let name = Name::of(text);
        assert_eq!((name.key.as_str(), name.country, name.behind), (key, country, behind), "{text}");
    }
}

/// The link of one channel to one guide: the guide channel, why, and hours behind.
fn linked(name: &str, epg_id: Option<&str>) -> Option<(String, Why, u8)> {
    let channels = [
        guide_channel("nova.one.gb", &["Nova One"]),
        guide_channel("nova.one.de", &["Nova One"]),
        guide_channel("sport1", &["Nova Sport 1", "Nova Sports 1"]),
        guide_channel("sport2", &["Nova Sport 2"]),
        guide_channel("later", &["Kanal Drei +1"]),
        guide_channel("drei", &["Kanal Drei"]),
        guide_channel("vier", &["Kanal Vier"]),
        guide_channel("anonymous", &[]),
        guide_channel("wild", &["World Geography Magazine"]),
    ];
    let guides = [(instance("guide"), &channels[..])];
    let wanting = [Wanting { id: ChannelId(1), name, epg_id }];
    let linking = link(&wanting, &guides, &BTreeMap::new(), LinkOptions::default(), &mut Memo::default());
    let links = linking.links.get(&ChannelId(1));
    assert_eq!(linking.unlinked.len(), usize::from(links.is_none()), "{name}");
    links.map(|links| (links[0].channel.clone(), links[0].why, links[0].behind))
}

#[test]
fn channels_find_their_guide() {
    let some = |channel: &str, why, behind| Some((channel.to_owned(), why, behind));
    for (name, epg_id, expected) in [
        ("Whatever", Some("sport1"), some("sport1", Why::Id, 0)),
        ("Whatever", Some(" SPORT1"), some("sport1", Why::FoldedId, 0)),
        ("Kanal Drei HD", Some("unknown"), some("drei", Why::Name, 0)),
        ("DE: Nova One", None, some("nova.one.de", Why::Name, 0)),
        ("UK: Nova One", None, some("nova.one.gb", Why::Name, 0)),
        ("Nova One", None, some("nova.one.gb", Why::Name, 0)),
        ("FR: Nova One", None, None),
        ("Kanal Drei +1", None, some("later", Why::Name, 0)),
        ("Kanal Vier +1", None, some("vier", Why::Name, 1)),
        ("Kanal Vier +1", Some("vier"), some("vier", Why::Id, 1)),
        ("Kanal Drei +1", Some("later"), some("later", Why::Id, 0)),
        ("Anything +1", Some("anonymous"), some("anonymous", Why::Id, 0)),
        ("Nova Sport 3", None, None),
        ("World Geografy Magazine", None, some("wild", Why::Alike(0.0), 0)),
        ("Completely Different", None, None),
    ] {
        let found = linked(name, epg_id);
        let found = found.map(|(channel, why, behind)| {
            (channel, if matches!(why, Why::Alike(_)) { Why::Alike(0.0) } else { why }, behind)
        });
        assert_eq!(found, expected, "{name} {epg_id:?}");
    }
}

#[test]
fn operators_have_the_last_word_and_the_rest_is_reported() {
    let first = [guide_channel("a", &["Alpha"]), guide_channel("b", &["Beta Television"])];
    let second = [guide_channel("a2", &["Alpha"]), guide_channel("c", &["Gamma"])];
    let guides = [(instance("first"), &first[..]), (instance("second"), &second[..])];
    let names = ["Alpha", "Alpha HD", "Alpha SD", "Beta Television Two", "Delta"];
    let wanting: Vec<Wanting<'_>> =
        names.iter().zip(1..).map(|(name, id)| Wanting { id: ChannelId(id), name, epg_id: None }).collect();
    let by_hand =
        |guide: &str, channel: &str| ManualLink::Guide { guide: instance(guide), channel: channel.to_owned() };
    let manual = BTreeMap::from([
        (ChannelId(2), ManualLink::NoGuide),
        (ChannelId(3), by_hand("second", "c")),
        (ChannelId(5), by_hand("second", "gone")),
    ]);
    let mut memo = Memo::default();
    let linking = link(&wanting, &guides, &manual, LinkOptions::default(), &mut memo);
    let links: Vec<(u32, Vec<&str>)> = linking
        .links
        .iter()
        .map(|(channel, links)| (channel.0, links.iter().map(|link| link.channel.as_str()).collect()))
        .collect();
    assert_eq!(links, [(1, vec!["a", "a2"]), (3, vec!["c"])]);
    assert_eq!(linking.unlinked, [ChannelId(4), ChannelId(5)]);
    assert_eq!(linking.unused, [(instance("first"), "b".to_owned())]);
    assert_eq!(linking.review.len(), 1);
    let doubt = &linking.review[0];
    assert_eq!((doubt.channel, doubt.guide_channel.as_str()), (ChannelId(4), "b"));
    assert!(doubt.score > 0.7 && doubt.score < 0.9, "{}", doubt.score);
    let again = link(&wanting, &guides, &manual, LinkOptions::default(), &mut memo);
    assert_eq!(again, linking, "the same again, from what is known");
    memo.keep_for(Vec::new(), LinkOptions::default());
    assert_eq!(link(&wanting, &guides, &manual, LinkOptions::default(), &mut memo), linking, "and anew");

    let wishes = Wishes::new(&wanting, &manual, LinkOptions::default());
    let wanted = |guide: &str, channel: &GuideChannel| wishes.want(&instance(guide), channel);
    assert!(wanted("first", &first[0]) && wanted("second", &second[0]), "by name");
    assert!(wanted("second", &second[1]) && !wanted("first", &second[1]), "by hand");
    assert!(wanted("first", &guide_channel("x", &["Alpha +1"])) && !wanted("first", &guide_channel("x", &["Omega"])));
}

#[test]
fn links_by_hand_are_kept_and_audited() {
    let folder = tempfile::tempdir().unwrap();
    let store = mast_store::open_state(folder.path()).unwrap();
    let change = mast_store::Change::by(mast_store::Actor::machine("test"));
    let link = ManualLink::Guide { guide: instance("guide"), channel: "one".to_owned() };
    let by_hand = |link: &ManualLink| manual::ByHand { link: Some(link.clone()), ..manual::ByHand::default() };
    let moved = manual::ByHand { link: None, shift: -3_600, zone: Some(TimeZone::get("Europe/Berlin").unwrap()) };
    let all = BTreeMap::from([
        (ChannelId(1), by_hand(&link)),
        (ChannelId(2), by_hand(&ManualLink::NoGuide)),
        (ChannelId(4), moved.clone()),
    ]);
    manual::set(&*store, &change, &all).unwrap();
    let nothing = manual::ByHand::default();
    manual::set(&*store, &change, &BTreeMap::from([(ChannelId(2), nothing.clone()), (ChannelId(3), nothing)])).unwrap();
    manual::set(&*store, &change, &BTreeMap::from([(ChannelId(1), by_hand(&link))])).unwrap();
    drop(store);
    let store = mast_store::open_state(folder.path()).unwrap();
    let expected = BTreeMap::from([(ChannelId(1), by_hand(&link)), (ChannelId(4), moved)]);
    assert_eq!(manual::load(&*store).unwrap(), expected);
    let log = store.audit_log(u64::MAX, 10, &|entry| entry.action == "guide.link").unwrap();
    let subjects: Vec<&str> = log.iter().map(|entry| entry.subject.as_str()).collect();
    assert_eq!(subjects, ["channel/2", "channel/4", "channel/2", "channel/1"], "newest first, and only what changed");
}

#[test]
fn misspelt_names_are_found_among_thousands() {
    let syllables =
        ["ka", "no", "vi", "sport", "tele", "mira", "do", "lux", "ra", "world", "zen", "kids", "mo", "film"];
    let mut dice: u64 = 7;
    let mut word = || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = |shift: u32| syllables[(dice >> shift) as usize % syllables.len()];
        format!("{}{}{}", at(33), at(41), at(49))
    };
    let guide: Vec<GuideChannel> = (0..4_000)
        .map(|at| guide_channel(&format!("id{at}"), &[&format!("{} {} {}", word(), word(), at % 7)]))
        .collect();
    // Every other one with a letter too many.
    let names: Vec<String> = guide
        .iter()
        .step_by(5)
        .enumerate()
        .map(|(at, channel)| format!("DE: {}{} HD", if at % 2 == 0 { "" } else { "x" }, channel.names[0].value))
        .collect();
    let wanting: Vec<Wanting<'_>> =
        names.iter().zip(1..).map(|(name, id)| Wanting { id: ChannelId(id), name, epg_id: None }).collect();
    let linking =
        link(&wanting, &[(instance("guide"), &guide)], &BTreeMap::new(), LinkOptions::default(), &mut Memo::default());
    let right = wanting.iter().zip(guide.iter().step_by(5)).filter(|(wanting, channel)| {
        linking.links.get(&wanting.id).is_some_and(|links| links[0].channel == channel.id)
    });
    assert!(right.count() > 780, "of {}", names.len());
}
