use super::*;

const GOOD: &str = "#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:10
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-SERVER-CONTROL:HOLD-BACK=6.000
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXTINF:2.000,
10.ts
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02.000Z
#EXTINF:2.400,
11.ts
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:04.400Z
#EXTINF:2.000,
12.ts
";

/// What follows `GOOD`: 10 is gone, 13 is new.
const NEXT: &str = "#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:11
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02.000Z
#EXTINF:2.400,
11.ts
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:04.400Z
#EXTINF:2.000,
12.ts
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:06.400Z
#EXTINF:2.000,
13.ts
";

#[track_caller]
fn check(snapshots: &[&str], expected: &[&str]) {
    let found: Vec<String> =
        lint_live(snapshots).iter().map(|violation| format!("{} {}", violation.line, violation.message)).collect();
    assert_eq!(found, expected, "{snapshots:?}");
}

/// `GOOD` with one thing replaced.
#[track_caller]
fn check_edit(from: &str, to: &str, expected: &[&str]) {
    assert!(GOOD.contains(from), "{from}");
    check(&[&GOOD.replacen(from, to, 1)], expected);
}

#[test]
fn good_playlists_pass() {
    check(&[GOOD, GOOD, NEXT, NEXT], &[]);
    check(&[&GOOD.replace('\n', "\r\n")], &[]);
}

#[test]
fn what_is_wrong_in_one_playlist() {
    check_edit("#EXTM3U\n", "", &["1 a playlist starts with #EXTM3U"]);
    check_edit("12.ts\n", "12.ts", &["16 the last line does not end: the playlist may be cut off"]);
    check_edit("#EXT-X-TARGETDURATION:2\n", "", &["0 a media playlist needs an EXT-X-TARGETDURATION"]);
    check_edit(
        "N:2\n",
        "N:two\n",
        &[
            "3 a decimal integer below 2^64 is expected",
            "8 rounds above the target duration",
            "12 rounds above the target duration",
            "15 rounds above the target duration",
        ],
    );
    check_edit("2.400", "2.500", &["12 rounds above the target duration"]);
    check_edit(
        "2.400,",
        "2.400",
        &["12 EXTINF is a decimal number, a comma and a title", "13 a segment needs an EXTINF"],
    );
    check_edit("2.400", "-1", &["12 EXTINF is a decimal number, a comma and a title", "13 a segment needs an EXTINF"]);
    check_edit(
        "VERSION:3",
        "VERSION:2",
        &[
            "8 a decimal EXTINF needs EXT-X-VERSION 3",
            "12 a decimal EXTINF needs EXT-X-VERSION 3",
            "15 a decimal EXTINF needs EXT-X-VERSION 3",
        ],
    );
    check_edit("#EXTINF:2.000,\n12.ts\n", "#EXTINF:2.000,\n", &["15 this tag has no URI behind it"]);
    check_edit("12.ts\n", "12.ts\n13.ts\n", &["17 a segment needs an EXTINF"]);
    check_edit("12.ts", "11.ts", &["16 this URI is listed twice", "16 this URI was segment 11 and is 12 now"]);
    check_edit("12.ts\n", "12.ts\n#EXT-X-ENDLIST\n", &["17 a live playlist does not end"]);
    check_edit("#EXT-X-VERSION:3", "#EXT-X-VERSION:3\n#EXT-X-PLAYLIST-TYPE:EVENT", &["3 a live playlist has no type"]);
    check_edit("#EXT-X-VERSION:3", "#EXT-X-VERSION:3\n#EXT-X-VERSION:3", &["3 this tag may stand once"]);
    check_edit(
        "#EXT-X-DISCONTINUITY\n",
        "#EXT-X-DISCONTINUITY-SEQUENCE:1\n",
        &[
            "10 this tag may stand once",
            "10 this tag must stand before the first segment and before any EXT-X-DISCONTINUITY",
        ],
    );
    check_edit(
        "#EXT-X-DISCONTINUITY\n",
        "#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY\n",
        &["11 this discontinuity has no segment behind it"],
    );
    check_edit("00:00:04.400Z", "00:00:04.400", &["14 a date with time zone as in ISO 8601 is expected"]);
    check_edit("00:00:04.400Z", "00:00:03.000Z", &["16 its date lies before the end of the segment before it"]);
    check_edit("HOLD-BACK=6.000", "HOLD-BACK=5.000", &["3 HOLD-BACK is at least three target durations"]);
    check_edit("10.ts", "10.ts ", &["9 white space around a line belongs to it"]);
    check(&["#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n"], &["0 this is a multivariant playlist"]);
}

#[test]
fn what_is_wrong_over_time() {
    let next = |from: &str, to: &str| {
        assert!(NEXT.contains(from), "{from}");
        NEXT.replacen(from, to, 1)
    };
    check(
        &[GOOD, &next("N:2\n", "N:3\n")],
        &[
            "3 the target duration was 2 and must never change",
            "4 segments were removed although only 6.4s are left, less than 9 s",
        ],
    );
    check(
        &[NEXT, GOOD],
        &["4 the media sequence was 11 and must never go back", "4 segments 13 to 13 left at the end"],
    );
    check(&[GOOD, &next("#EXTINF:2.400", "#EXTINF:2.300")], &["9 segment 11 had duration 2.4s before"]);
    check(&[GOOD, &next("02.000Z", "01.990Z")], &["9 segment 11 had date Some(2026-01-01T00:00:02Z) before"]);
    check(&[GOOD, &next("12.ts", "12b.ts")], &["12 segment 12 had URI 12.ts before"]);
    check(
        &[GOOD, &next("SEQUENCE:1\n#EXT-X-DISCONTINUITY\n", "SEQUENCE:1\n")],
        &["8 segment 11 had discontinuity sequence 2 before", "11 segment 12 had discontinuity sequence 2 before"],
    );
    let inserted = next("13.ts", "10.ts");
    check(&[GOOD, &inserted], &["15 this URI was segment 10 and is 13 now"]);
}

#[test]
fn removing_too_much_is_wrong_except_behind_a_gap() {
    let short = "#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:12
#EXT-X-DISCONTINUITY-SEQUENCE:2
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:04.400Z
#EXTINF:2.000,
12.ts
";
    check(&[GOOD, short], &["4 segments were removed although only 2s are left, less than 6 s"]);
    let new_run = short
        .replace("MEDIA-SEQUENCE:12", "MEDIA-SEQUENCE:500")
        .replace("12.ts", "500.ts")
        .replace("#EXT-X-PROGRAM", "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM");
    check(&[GOOD, &new_run], &[]);
}

#[test]
fn attribute_lists_are_read_strictly() {
    for (attributes, expected) in [
        ("BANDWIDTH=1,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1x2,FRAME-RATE=25.000", vec![]),
        ("BANDWIDTH=1,CODECS=\"a,BANDWIDTH=\"", vec![]),
        ("BANDWIDTH=1,CODECS=avc1", vec!["CODECS is quoted wrongly"]),
        ("BANDWIDTH=\"1\"", vec!["BANDWIDTH is quoted wrongly"]),
        ("AVERAGE-BANDWIDTH=1", vec!["a variant needs a BANDWIDTH"]),
        ("BANDWIDTH=1,BANDWIDTH=1", vec!["the attribute name `BANDWIDTH` is wrong or comes twice"]),
        ("BANDWIDTH=1,RESOLUTION=wide", vec!["RESOLUTION is wrong"]),
        ("BANDWIDTH=1,CODECS=\"a", vec!["attributes are separated by commas and quotes are closed"]),
        ("BANDWIDTH=1,", vec!["an attribute is a name, an equals sign and a value"]),
    ] {
        let (parsed, violations) = parse(&format!("#EXTM3U\n#EXT-X-STREAM-INF:{attributes}\na.m3u8\n"));
        let messages: Vec<&str> = violations.iter().map(|violation| violation.message.as_str()).collect();
        assert_eq!(messages, expected, "{attributes}");
        assert_eq!(parsed.variants.len(), 1);
    }
}
