use proptest::prelude::*;

use super::*;

/// A playlist in one line: entries with what is unusual about them.
fn brief(text: &str) -> String {
    match Playlist::parse(text.as_bytes()) {
        Err(error) => format!("{error:?}"),
        Ok(Playlist::Multivariant(multivariant)) => {
            let variants = multivariant.variants.iter().map(|variant| {
                let height = variant.resolution.map(|(_, height)| format!("@{height}")).unwrap_or_default();
                let audio = if variant.separate_audio.is_some() { " separate" } else { "" };
                let only = if variant.audio_only() { " only" } else { "" };
                format!("{}={}{height}{audio}{only}", variant.uri.expose(), variant.bandwidth)
            });
            variants.collect::<Vec<_>>().join(", ")
        }
        Ok(Playlist::Media(media)) => {
            let entries = media.entries.iter().map(brief_entry).collect::<Vec<_>>().join(", ");
            let end = if media.ended { " end" } else { "" };
            format!("{}s: {entries}{end}", media.target.as_secs_f64())
        }
    }
}

fn brief_entry(entry: &Entry) -> String {
    let mut text = format!("{}={}/{}", entry.sequence, entry.uri.expose(), entry.duration.as_secs_f64());
    if let Some(range) = entry.range {
        text += &format!(" {}+{}", range.offset, range.length);
    }
    if entry.discontinuity || entry.discontinuity_sequence > 0 {
        text += &format!(" {}{}", if entry.discontinuity { "D" } else { "d" }, entry.discontinuity_sequence);
    }
    if entry.gap {
        text += " gap";
    }
    if let Some(date) = entry.date {
        text += &format!(" {date}");
    }
    if let Some(map) = &entry.map {
        text += &format!(" map={}", map.uri.expose());
    }
    match &entry.protection {
        Protection::None => {}
        Protection::Aes128(key) => text += &format!(" key={}:{}", key.uri.expose(), entry.iv(key)[15]),
        Protection::Refused(refused) => text += &format!(" {refused}"),
    }
    text
}

#[track_caller]
fn check(lines: &str, expected: &str) {
    let text = format!("#EXTM3U\n{}\n", lines.replace('|', "\n"));
    assert_eq!(brief(&text), expected, "{lines}");
}

#[test]
fn usual_playlists() {
    check(
        "#EXT-X-VERSION:3|#EXT-X-TARGETDURATION:10|#EXT-X-MEDIA-SEQUENCE:7|#EXTINF:9.5,|a.ts|#EXTINF:10,Title|http://b.example/b.ts?x=1,2",
        "10s: 7=a.ts/9.5, 8=http://b.example/b.ts?x=1,2/10",
    );
    check("#EXT-X-TARGETDURATION:4|#EXTINF:4,|a|#EXT-X-ENDLIST", "4s: 0=a/4 end");
    check("#EXT-X-TARGETDURATION:4", "4s: ");
    check(
        "#EXT-X-TARGETDURATION:4|#EXT-X-DISCONTINUITY-SEQUENCE:5|#EXTINF:4,|a|#EXT-X-DISCONTINUITY|#EXTINF:4,|b|#EXTINF:4,|c",
        "4s: 0=a/4 d5, 1=b/4 D6, 2=c/4 d6",
    );
    check("#EXT-X-TARGETDURATION:4|#EXTINF:4,|a|#EXT-X-GAP|#EXTINF:4,|b", "4s: 0=a/4, 1=b/4 gap");
    check(
        "#EXT-X-TARGETDURATION:4|#EXT-X-KEY:METHOD=AES-128,URI=\"k1\"|#EXT-X-MEDIA-SEQUENCE:9|#EXTINF:4,|a\
         |#EXT-X-KEY:METHOD=AES-128,URI=\"k2\",IV=0x07|#EXTINF:4,|b|#EXT-X-KEY:METHOD=NONE|#EXTINF:4,|c",
        "4s: 9=a/4 key=k1:9, 10=b/4 key=k2:7, 11=c/4",
    );
    check(
        "#EXT-X-TARGETDURATION:4|#EXT-X-MAP:URI=\"i1\"|#EXTINF:4,|a|#EXT-X-MAP:BYTERANGE=\"5@6\",URI=\"i2\"|#EXTINF:4,|b",
        "4s: 0=a/4 map=i1, 1=b/4 map=i2",
    );
}

#[test]
fn what_providers_get_wrong() {
    // Carriage returns, blank lines, blanks around lines, comments, unknown tags, no line break at the end.
    check(
        "\r| #EXT-X-TARGETDURATION: 10.5 \r|# comment|#EXT-X-CUE-OUT:30|\t#EXTINF: 9,96,x |  a.ts |#EXTINF:bad,|b.ts\r",
        "10.5s: 0=a.ts/9, 1=b.ts/10.5",
    );
    assert_eq!(brief("\u{feff}\r\n#EXTM3U x=1\r#EXTINF:5,\ra"), "5s: 0=a/5");
    // No target duration, or an absurd one.
    check("#EXTINF:5,|a|#EXTINF:7.2,|b", "7.2s: 0=a/5, 1=b/7.2");
    check("#EXT-X-TARGETDURATION:0|#EXTINF:5,|a", "5s: 0=a/5");
    check("#EXT-X-TARGETDURATION:99999999999|#EXTINF:5,|a", "60s: 0=a/5");
    check("#EXT-X-TARGETDURATION:-3|#EXT-X-MEDIA-SEQUENCE:-3|#EXTINF:-1,|a", "6s: 0=a/6");
    check("#EXT-X-TARGETDURATION:5|#EXTINF:999999,|a", "5s: 0=a/3600");
    // A URI without EXTINF, an EXTINF without a URI, tags that come too late.
    check("#EXT-X-TARGETDURATION:5|a|#EXTINF:4,|#EXTINF:3,|b|#EXT-X-MEDIA-SEQUENCE:5|#EXTINF:3,", "5s: 5=a/5, 6=b/3");
    check(
        &format!("#EXT-X-MEDIA-SEQUENCE:{}|#EXTINF:3,|a|#EXTINF:3,|b", u64::MAX),
        "3s: 18446744073709551612=a/3, 18446744073709551613=b/3",
    );
    check("#EXT-X-MEDIA-SEQUENCE:99999999999999999999|#EXTINF:3,|a", "3s: 0=a/3");
}

#[test]
fn byte_ranges_follow_one_another() {
    check(
        "#EXTINF:4,|#EXT-X-BYTERANGE:100@50|a|#EXT-X-BYTERANGE:10|#EXTINF:4,|a|#EXTINF:4,|#EXT-X-BYTERANGE:7|b|#EXTINF:4,|b\
         |#EXTINF:4,|#EXT-X-BYTERANGE:7|b",
        "4s: 0=a/4 50+100, 1=a/4 150+10, 2=b/4 0+7, 3=b/4, 4=b/4 0+7",
    );
    check("#EXTINF:4,|#EXT-X-BYTERANGE:9@18446744073709551615|a|#EXTINF:4,|#EXT-X-BYTERANGE:x|a", "4s: 0=a/4, 1=a/4");
}

#[test]
fn dates_count_on_until_a_discontinuity() {
    check(
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:00.000+0000|#EXTINF:4,|a|#EXTINF:4,|b|#EXT-X-DISCONTINUITY|#EXTINF:4,|c\
         |#EXT-X-PROGRAM-DATE-TIME:2026-01-01T14:00:00+02:00|#EXTINF:4,|d|#EXT-X-PROGRAM-DATE-TIME:2026-01-01 13:00:00|#EXTINF:4,|e\
         |#EXT-X-PROGRAM-DATE-TIME:yesterday|#EXTINF:4,|f",
        "4s: 0=a/4 2026-01-01T12:00:00Z, 1=b/4 2026-01-01T12:00:04Z, 2=c/4 D1, 3=d/4 d1 2026-01-01T12:00:00Z, \
         4=e/4 d1 2026-01-01T13:00:00Z, 5=f/4 d1 2026-01-01T13:00:04Z",
    );
}

#[test]
fn multivariant_playlists() {
    check(
        "#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH=1280000|low.m3u8|#EXT-X-STREAM-INF:RESOLUTION=1920x1080 , bandwidth = 5000000,CODECS=\"avc1.4d401f, mp4a.40.2\"||# x|high.m3u8\
         |#EXT-X-STREAM-INF:AVERAGE-BANDWIDTH=64000,CODECS=\"mp4a.40.5\"|radio.m3u8|stray.m3u8\
         |#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"i.m3u8\"",
        "low.m3u8=1280000, high.m3u8=5000000@1080, radio.m3u8=64000 only",
    );
    check("#EXT-X-STREAM-INF:|a", "a=0");
    check("#EXT-X-STREAM-INF:BANDWIDTH=1", "NoVariants");
}

#[test]
fn sound_in_a_playlist_of_its_own_is_noticed() {
    let variant = "#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"g\"|v";
    for (media, separate) in [
        ("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"g\",NAME=\"en\",URI=\"en\"", true),
        ("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"g\",NAME=\"en\"", false),
        ("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"g\",NAME=\"en\"|#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"g\",URI=\"de\"", false),
        ("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"other\",URI=\"en\"", false),
        ("#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"g\",URI=\"en\"", false),
        ("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"g\",URI=\"v\"", false),
    ] {
        let expected = if separate { "v=1 separate" } else { "v=1" };
        check(&format!("{media}|{variant}"), expected);
        check(&format!("{variant}|{media}"), expected);
    }
}

#[test]
fn what_is_no_playlist() {
    for (text, expected) in [
        ("", "NotAPlaylist"),
        ("<html></html>", "NotAPlaylist"),
        ("#EXTINF:4,\na.ts", "NotAPlaylist"),
        ("#EXTM3U", "Links"),
        ("#EXTM3U\nhttp://tv.example/1.ts", "Links"),
        ("#EXTM3U\n#EXTINF:-1 tvg-id=\"x\",News\nhttp://tv.example/1.ts\n", "Links"),
    ] {
        assert_eq!(brief(text), expected, "{text}");
    }
    assert_eq!(Playlist::parse(&vec![b'#'; MAX_BYTES + 1]), Err(PlaylistError::TooLarge));
}

#[test]
fn of_too_many_entries_the_newest_are_kept() {
    let text = "#EXTINF:4,|a|".repeat(MAX_ENTRIES + 5);
    let Ok(Playlist::Media(media)) = Playlist::parse(format!("#EXTM3U|{text}").replace('|', "\n").as_bytes()) else {
        panic!("a media playlist");
    };
    assert_eq!((media.entries.len(), media.entries[0].sequence), (MAX_ENTRIES, 5));
}

#[test]
fn nothing_prints_a_uri() {
    let text =
        "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k?secret\"\n#EXT-X-MAP:URI=\"i?secret\"\n#EXTINF:4,\na?secret\n";
    let printed = format!("{:?}", Playlist::parse(text.as_bytes()));
    assert!(printed.contains("Uri(…)") && !printed.contains("secret"), "{printed}");
}

/// What we write ourselves is read as the strict reader reads it.
#[test]
fn the_linter_agrees() {
    let entry = |n: u32| crate::playlist::Entry {
        uri: format!("{n}.ts"),
        duration: Duration::from_millis(2000 + u64::from(n)),
        started_at: Timestamp::from_second(i64::from(n)).unwrap(),
        discontinuity: n % 3 == 1,
    };
    let written = crate::MediaPlaylist {
        target_duration: 3,
        media_sequence: 40,
        discontinuity_sequence: 7,
        independent_segments: true,
        entries: (0..8).map(entry).collect(),
    };
    let text = written.to_string();
    let (strict, violations) = crate::lint::parse(&text);
    assert!(violations.is_empty(), "{violations:?}");
    let Ok(Playlist::Media(media)) = Playlist::parse(text.as_bytes()) else { panic!("a media playlist") };
    assert_eq!(media.entries.len(), strict.segments.len());
    for (entry, strict) in media.entries.iter().zip(&strict.segments) {
        assert_eq!(
            (
                entry.uri.expose(),
                entry.sequence,
                entry.duration,
                entry.date,
                entry.discontinuity,
                entry.discontinuity_sequence
            ),
            (
                &*strict.uri,
                strict.sequence,
                strict.duration,
                strict.date,
                strict.discontinuity,
                strict.discontinuity_sequence
            ),
        );
    }
}

/// Lines that come up in playlists, whole or broken.
fn any_line() -> impl Strategy<Value = String> {
    let tags = prop_oneof![
        Just("#EXTINF:"),
        Just("#EXT-X-TARGETDURATION:"),
        Just("#EXT-X-MEDIA-SEQUENCE:"),
        Just("#EXT-X-DISCONTINUITY-SEQUENCE:"),
        Just("#EXT-X-DISCONTINUITY"),
        Just("#EXT-X-KEY:METHOD=AES-128,URI="),
        Just("#EXT-X-KEY:"),
        Just("#EXT-X-MAP:URI="),
        Just("#EXT-X-BYTERANGE:"),
        Just("#EXT-X-GAP"),
        Just("#EXT-X-PROGRAM-DATE-TIME:"),
        Just("#EXT-X-ENDLIST"),
        Just("#EXT-X-STREAM-INF:"),
        Just("#EXT-X-MEDIA:TYPE=AUDIO,"),
        Just(""),
    ];
    let number = any::<u64>().prop_map(|number| number.to_string());
    let values =
        prop_oneof!["[0-9]{1,3}(\\.[0-9]{1,3})?,?", number, "([A-Z-]{1,8}=\"?[a-z0-9]{0,5}\"?,?){0,4}", "\\PC{0,20}"];
    (tags, values).prop_map(|(tag, value)| format!("{tag}{value}"))
}

proptest! {
    #[test]
    fn whatever_stands_there_numbers_are_consecutive_and_times_sane(
        lines in proptest::collection::vec(any_line(), 0..40),
        junk in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let text = [b"#EXTM3U\n".to_vec(), lines.join("\n").into_bytes(), junk].concat();
        match Playlist::parse(&text) {
            Ok(Playlist::Media(media)) => {
                prop_assert!(media.target >= Duration::from_secs(1) && media.target <= Duration::from_secs(60));
                for pair in media.entries.windows(2) {
                    prop_assert_eq!(pair[1].sequence, pair[0].sequence + 1);
                }
                for entry in &media.entries {
                    prop_assert!(!entry.uri.expose().is_empty() && entry.duration <= Duration::from_secs(3600));
                    prop_assert!(entry.range.is_none_or(|range| range.offset.checked_add(range.length).is_some()));
                }
            }
            Ok(Playlist::Multivariant(multivariant)) => {
                for policy in [VariantPolicy::Best, VariantPolicy::Worst, VariantPolicy::MaxHeight(720), VariantPolicy::MaxBandwidth(1)] {
                    prop_assert_eq!(multivariant.ranked(policy).len(), multivariant.variants.len());
                }
                prop_assert!(!multivariant.variants.is_empty());
            }
            Err(_) => {}
        }
    }
}
