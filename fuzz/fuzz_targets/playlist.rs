//! Whatever stands in the fields, what is written is a playlist that a strict reader accepts; and the reader takes any text.
#![no_main]

use std::time::Duration;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use mast_media::lint;
use mast_media::playlist::Entry;
use mast_media::{Codecs, MediaPlaylist, MultivariantPlaylist, Variant};

type Fields = (u32, u32, u64, Vec<(String, u16, i32, bool)>, Vec<String>, Option<(u32, u32)>, Option<f64>);

fuzz_target!(|fields: Fields| {
    let (target, media, discontinuity, segments, names, resolution, frame_rate) = fields;
    let text = segments.iter().map(|(uri, ..)| uri.as_str()).collect::<Vec<_>>().join("\n");
    lint::lint_live([text]);

    let codecs = Codecs { names, resolution, frame_rate };
    let variant = |uri: &String| Variant {
        uri: uri.clone(),
        bandwidth: discontinuity,
        average_bandwidth: Some(1),
        codecs: codecs.clone(),
    };
    let multivariant = MultivariantPlaylist {
        independent_segments: true,
        variants: segments.iter().map(|(uri, ..)| variant(uri)).collect(),
    };
    let (parsed, violations) = lint::parse(&multivariant.to_string());
    assert_eq!(parsed.variants.len(), segments.len());
    assert!(violations.iter().all(|violation| violation.line == 0), "{violations:?}");

    let entry = |(uri, millis, date, discontinuity): &(String, u16, i32, bool)| Entry {
        uri: uri.clone(),
        duration: Duration::from_millis(u64::from(*millis)),
        started_at: Timestamp::from_second(i64::from(*date)).expect("any i32 is a time"),
        discontinuity: *discontinuity,
    };
    let playlist = MediaPlaylist {
        target_duration: target,
        media_sequence: u64::from(media),
        discontinuity_sequence: discontinuity >> 1,
        independent_segments: false,
        entries: segments.iter().map(entry).collect(),
    };
    let (parsed, _) = lint::parse(&playlist.to_string());
    assert_eq!(parsed.target_duration.map(|(_, target)| target), Some(u64::from(playlist.target_duration)));
    assert_eq!(parsed.segments.len(), playlist.entries.len());
    for (read, written) in parsed.segments.iter().zip(&playlist.entries) {
        assert_eq!(
            (read.duration, read.date, read.discontinuity),
            (written.duration, Some(written.started_at), written.discontinuity)
        );
    }
});
