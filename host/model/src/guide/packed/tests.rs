use proptest::prelude::*;

use super::super::bytes::{put_bytes, put_number};
use super::super::{EpisodeNumber, GuideCredit, GuideText, ProgrammeDetails};
use super::*;

fn record(channel: &[u8], start: u64, stop: u64, details: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    put_bytes(&mut record, channel);
    put_number(&mut record, start);
    put_number(&mut record, stop);
    record.extend_from_slice(details);
    record
}

fn batch(records: &[Vec<u8>]) -> Vec<u8> {
    let mut batch = vec![VERSION];
    records.iter().for_each(|record| put_bytes(&mut batch, record));
    batch
}

fn titled(title: &str) -> ProgrammeDetails {
    ProgrammeDetails { titles: vec![GuideText { lang: None, value: title.to_owned() }], ..ProgrammeDetails::default() }
}

fn encoded(details: &ProgrammeDetails) -> Vec<u8> {
    let mut bytes = Vec::new();
    details::put(&mut bytes, details);
    bytes
}

#[test]
fn what_is_broken_is_refused_as_a_whole() {
    let good = record(b"one", 1, 0, &encoded(&titled("News")));
    let mut longer = good.clone();
    longer.extend_from_slice(b"\x07of a later contract");
    let mut later = batch(std::slice::from_ref(&good));
    later[0] = 2;
    let small = record(b"", 0, 0, &[0; 8]);
    for (given, expected) in [
        (batch(&[]), Ok(0)),
        (batch(&[good.clone(), good.clone()]), Ok(2)),
        (batch(&[good.clone(), longer]), Ok(2)),
        (batch(&vec![small.clone(); PROGRAMMES_MAX]), Ok(PROGRAMMES_MAX)),
        (batch(&vec![small; PROGRAMMES_MAX + 1]), Err(PackedError::Programmes)),
        (vec![VERSION; BYTES_MAX + 1], Err(PackedError::Bytes(BYTES_MAX + 1))),
        (Vec::new(), Err(PackedError::Broken(1))),
        (later, Err(PackedError::Version(2))),
        (batch(&[good.clone(), good[..good.len() - 1].to_vec()]), Err(PackedError::Broken(2))),
        (batch(std::slice::from_ref(&good))[..9].to_vec(), Err(PackedError::Broken(1))),
        (batch(&[good.clone(), Vec::new()]), Err(PackedError::Broken(2))),
        (batch(&[record(b"\xFF", 1, 0, &[0; 8])]), Err(PackedError::Broken(1))),
        (batch(&[record(b"c", 1, 0, b"\x01\x00\x02\xC3\x28\0\0\0\0\0\0\0")]), Err(PackedError::Broken(1))),
        // More titles than bytes.
        (batch(&[record(b"c", 1, 0, b"\xFF\xFF\xFF\xFF\x0F")]), Err(PackedError::Broken(1))),
        // A length that is no number of 64 bits.
        (vec![VERSION, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], Err(PackedError::Broken(1))),
    ] {
        assert_eq!(PackedProgrammes::read(given.clone()).map(|batch| batch.len()), expected, "{:?}", given.get(..40));
    }
}

#[test]
fn channels_are_dropped_and_times_moved() {
    let details = encoded(&titled("News"));
    let records: Vec<Vec<u8>> = ["a", "a", "b", "a"]
        .iter()
        .zip([100, 200, 300, 5])
        .map(|(c, at)| record(c.as_bytes(), at, at + 1, &details))
        .collect();
    let mut all = PackedProgrammes::read(batch(&records)).unwrap();
    let mut asked = Vec::new();
    all.retain(|channel| {
        asked.push(channel.to_owned());
        channel == "a"
    });
    all.shift(-50);
    assert_eq!(asked, ["a", "b", "a"]);
    let times: Vec<_> = all.iter().map(|one| (one.channel, one.start, one.stop)).collect();
    assert_eq!(times, [("a", 50, Some(51)), ("a", 150, Some(151)), ("a", 0, Some(0))]);
}

fn details() -> impl Strategy<Value = ProgrammeDetails> {
    let texts = || prop::collection::vec((prop::option::of("[a-z]{2}"), ".{0,6}"), 0..3);
    let pairs = || prop::collection::vec((".{0,4}", ".{0,150}"), 0..3);
    ([texts(), texts(), texts(), texts()], pairs(), pairs(), pairs()).prop_map(|(texts, credits, numbers, attrs)| {
        let [titles, sub_titles, descriptions, categories] =
            texts.map(|texts| texts.into_iter().map(|(lang, value)| GuideText { lang, value }).collect());
        let part = |name: &String| (name.len() > 3).then(|| name.clone());
        ProgrammeDetails {
            titles,
            sub_titles,
            descriptions,
            categories,
            credits: credits
                .iter()
                .map(|(role, name)| GuideCredit { role: role.clone(), name: name.clone(), part: part(name) })
                .collect(),
            episode_numbers: numbers.into_iter().map(|(system, value)| EpisodeNumber { system, value }).collect(),
            icons: credits.into_iter().map(|(_, name)| name).collect(),
            attrs,
        }
    })
}

proptest! {
    #[test]
    fn what_was_packed_is_read(
        programmes in prop::collection::vec(("[a-z]{1,3}", any::<u64>(), prop::option::of(1_u64..), details()), 0..8),
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let records: Vec<Vec<u8>> = programmes
            .iter()
            .map(|(channel, start, stop, details)| record(channel.as_bytes(), *start, stop.unwrap_or(0), &encoded(details)))
            .collect();
        let mut given = batch(&records);
        let read = PackedProgrammes::read(given.clone()).unwrap();
        let again: Vec<_> = read
            .iter()
            .map(|one| {
                let read = details::get(one.details).unwrap();
                prop_assert_eq!(one.titled, read.titles.iter().any(|title| !title.value.is_empty()));
                Ok((one.channel.to_owned(), one.start, one.stop, read))
            })
            .collect::<Result<_, TestCaseError>>()?;
        prop_assert_eq!(again, programmes);
        // Damage is refused, or leaves something that can be read.
        for (at, byte) in bytes {
            let at = at.index(given.len());
            given[at] = byte;
        }
        if let Ok(read) = PackedProgrammes::read(given) {
            for one in read.iter() {
                prop_assert!(details::get(one.details).is_some());
            }
        }
    }

    #[test]
    fn any_bytes_are_a_batch_or_not(mut bytes in prop::collection::vec(prop::sample::select(vec![0, 1, 2, 3, 9, b'a', 0x80, 0xFF]), 0..60)) {
        bytes.insert(0, VERSION);
        if let Ok(read) = PackedProgrammes::read(bytes) {
            for one in read.iter() {
                prop_assert!(details::get(one.details).is_some());
            }
        }
    }
}
