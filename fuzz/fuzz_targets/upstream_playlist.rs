//! Any bytes as the playlists of an upstream, one after the other: no panic, sane entries, and a follower that goes on or ends.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use mast_media::upstream_playlist::{Follower, FollowerConfig, Media, Playlist, Seam, Step, VariantPolicy};

/// What separates one load from the next; a playlist as it is is a seed.
const SEPARATOR: u8 = 0;

fuzz_target!(|input: &[u8]| {
    let mut playlists = input.split(|byte| *byte == SEPARATOR).map(media);
    let mut now = Instant::now();
    let mut follower = Follower::new(FollowerConfig::default(), now);
    let mut handed: Option<u64> = None;
    loop {
        match follower.next(now) {
            Step::Wait(at) => {
                assert!(at > now);
                now = at;
            }
            Step::Fetch(fetch) => {
                let restarted = fetch.seam == Some(Seam::Restarted);
                assert!(restarted || handed.is_none_or(|handed| fetch.entry.sequence > handed));
                handed = Some(fetch.entry.sequence);
                follower.fetched(&fetch, fetch.entry.uri.expose().len() as u64, now);
            }
            Step::Reload => match playlists.next() {
                Some(Some(playlist)) => follower.reloaded(&playlist, now),
                Some(None) => follower.reload_failed(now),
                None => return,
            },
            Step::Ended | Step::Dead(_) => return,
        }
    }
});

fn media(text: &[u8]) -> Option<Media> {
    match Playlist::parse(text).ok()? {
        Playlist::Multivariant(multivariant) => {
            let ranked = multivariant.ranked(VariantPolicy::MaxHeight(720));
            assert!(!ranked.is_empty() && ranked.len() == multivariant.variants.len());
            None
        }
        Playlist::Media(media) => {
            assert!(media.entries.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1));
            let sane = |range: u64, length: u64| range.checked_add(length).is_some() && length > 0;
            assert!(media.entries.iter().all(|entry| entry.range.is_none_or(|range| sane(range.offset, range.length))));
            assert!(media.entries.iter().all(|entry| entry.duration <= Duration::from_secs(3600)));
            Some(media)
        }
    }
}
