use proptest::prelude::*;

use super::*;
use crate::lint;
use crate::segment::Codecs;

fn entry(sequence: u64, millis: u64, discontinuity: bool) -> Entry {
    Entry {
        uri: format!("{sequence}.ts"),
        duration: Duration::from_millis(millis),
        started_at: Timestamp::from_millisecond(1_767_225_600_000 + sequence as i64 * 2000).unwrap(),
        discontinuity,
    }
}

#[test]
fn a_live_playlist() {
    let playlist = MediaPlaylist {
        target_duration: 2,
        media_sequence: 41,
        discontinuity_sequence: 3,
        independent_segments: true,
        entries: vec![entry(41, 2000, false), entry(42, 2040, true), entry(43, 1, false)],
    };
    insta::assert_snapshot!(playlist, @r"
    #EXTM3U
    #EXT-X-VERSION:3
    #EXT-X-TARGETDURATION:2
    #EXT-X-MEDIA-SEQUENCE:41
    #EXT-X-DISCONTINUITY-SEQUENCE:3
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-SERVER-CONTROL:HOLD-BACK=6.000
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:01:22.000Z
    #EXTINF:2.000,
    41.ts
    #EXT-X-DISCONTINUITY
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:01:24.000Z
    #EXTINF:2.040,
    42.ts
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:01:26.000Z
    #EXTINF:0.001,
    43.ts
    ");
}

#[test]
fn a_multivariant_playlist() {
    let variant =
        |uri: &str, bandwidth, codecs| Variant { uri: uri.into(), bandwidth, average_bandwidth: None, codecs };
    let video = Codecs {
        names: vec!["avc1.64001f".into(), "mp4a.40.2".into()],
        resolution: Some((1280, 720)),
        frame_rate: Some(30_000.0 / 1001.0),
    };
    let playlist = MultivariantPlaylist {
        independent_segments: true,
        variants: vec![
            Variant { average_bandwidth: Some(4_000_000), ..variant("720/index.m3u8?session=a.b", 5_000_000, video) },
            variant("audio.m3u8", 128_000, Codecs { names: vec!["mp4a.40.2".into()], ..Codecs::default() }),
            variant("unknown.m3u8", 1, Codecs::default()),
        ],
    };
    insta::assert_snapshot!(playlist, @r#"
    #EXTM3U
    #EXT-X-VERSION:3
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-STREAM-INF:BANDWIDTH=5000000,AVERAGE-BANDWIDTH=4000000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970
    720/index.m3u8?session=a.b
    #EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS="mp4a.40.2"
    audio.m3u8
    #EXT-X-STREAM-INF:BANDWIDTH=1
    unknown.m3u8
    "#);
}

#[test]
fn hostile_fields_stay_in_their_place() {
    let playlist = MultivariantPlaylist {
        independent_segments: false,
        variants: vec![Variant {
            uri: "#EXT-X-ENDLIST\r\nhttp://other.example/ x".into(),
            bandwidth: 1,
            average_bandwidth: None,
            codecs: Codecs { names: vec!["a\",URI=\"b\n".into()], resolution: None, frame_rate: Some(f64::NAN) },
        }],
    };
    insta::assert_snapshot!(playlist, @r#"
    #EXTM3U
    #EXT-X-VERSION:3
    #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="a,URI=b"
    %23EXT-X-ENDLIST%0D%0Ahttp://other.example/%20x
    "#);
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,20}", "[#\"=,:\r\n \u{feff}a-z]{0,12}", Just("#EXT-X-ENDLIST\n".to_owned())]
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        (target, media, discontinuities) in (1u32..20, 0u64..1 << 62, 0u64..1 << 40),
        independent in any::<bool>(),
        entries in proptest::collection::vec((1u64..20_000, any::<bool>(), 0i64..4_000_000_000_000), 0..12),
    ) {
        let entries = entries.into_iter().enumerate().map(|(n, (millis, discontinuity, date))| Entry {
            uri: format!("{}.ts", media + n as u64),
            duration: Duration::from_millis(millis),
            started_at: Timestamp::from_millisecond(date).unwrap(),
            discontinuity,
        });
        let playlist = MediaPlaylist {
            target_duration: target,
            media_sequence: media,
            discontinuity_sequence: discontinuities,
            independent_segments: independent,
            entries: entries.collect(),
        };
        let (parsed, violations) = lint::parse(&playlist.to_string());
        let too_long = playlist.entries.iter().filter(|entry| entry.duration.as_secs_f64().round() > f64::from(target)).count();
        prop_assert_eq!(violations.len(), too_long, "{:?}", violations);
        let entries = parsed.segments.iter().map(|segment| Entry {
            uri: segment.uri.clone(),
            duration: segment.duration,
            started_at: segment.date.unwrap(),
            discontinuity: segment.discontinuity,
        });
        prop_assert_eq!(playlist, MediaPlaylist {
            target_duration: u32::try_from(parsed.target_duration.unwrap().1).unwrap(),
            media_sequence: parsed.media_sequence,
            discontinuity_sequence: parsed.discontinuity_sequence,
            independent_segments: parsed.independent_segments,
            entries: entries.collect(),
        });
    }

    #[test]
    fn no_field_breaks_a_playlist(
        uri in any_text(),
        names in proptest::collection::vec(any_text(), 0..3),
        (bandwidth, average) in (any::<u64>(), any::<Option<u64>>()),
        (resolution, frame_rate) in (any::<Option<(u32, u32)>>(), any::<Option<f64>>()),
    ) {
        let variant = Variant {
            uri: uri.clone(),
            bandwidth,
            average_bandwidth: average,
            codecs: Codecs { names, resolution, frame_rate },
        };
        let playlist = MultivariantPlaylist { independent_segments: true, variants: vec![variant.clone(), variant] };
        let (parsed, violations) = lint::parse(&playlist.to_string());
        prop_assert!(violations.is_empty(), "{violations:?}");
        prop_assert_eq!(parsed.variants.len(), 2);

        let entry = Entry { uri, duration: Duration::from_secs(2), started_at: Timestamp::UNIX_EPOCH, discontinuity: false };
        let playlist = MediaPlaylist {
            target_duration: 2,
            media_sequence: 0,
            discontinuity_sequence: 0,
            independent_segments: false,
            entries: vec![entry],
        };
        prop_assert_eq!(lint::lint_live([playlist.to_string()]), vec![]);
    }

    #[test]
    fn reading_anything_never_panics(text in "(#EXT(M3U|INF:|-X-[A-Z-]{0,24}:?)?[0-9A-Z=\",.:-]{0,20}\r?\n|.{0,30}\n){0,20}") {
        lint::lint_live([&text, "#EXTM3U\n", &text]);
    }
}
