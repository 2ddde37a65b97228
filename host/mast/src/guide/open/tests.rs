//! Every kind of file that a guide comes as, and those that are none.

use std::io::{Seek, Write};

use encoding_rs::Encoding;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use proptest::prelude::*;

use super::*;

/// `SMALL` by `xz -9`, `zstd`, and `zip` of a file and of a pipe.
const XZ: &str = "fd377a585a000004e6d6b446020021011c00000010cf58cc01001a3c74763e3c6368616e6e656c2069643d2261222f3e3c2f\
    74763e0a0000988fcab96f1def800001331bf719885e1fb6f37d010000000004595a";
const ZSTANDARD: &str = "28b52ffd241bd900003c74763e3c6368616e6e656c2069643d2261222f3e3c2f74763e0ad9b276de";
const ZIP: &str = "504b03040a00000000008e7a775d782eb1781b0000001b00000005000000672e786d6c3c74763e3c6368616e6e656c206964\
    3d2261222f3e3c2f74763e0a504b01021e030a00000000008e7a775d782eb1781b0000001b00000005000000000000000100\
    0000a48100000000672e786d6c504b05060000000001000100330000003e0000000000";
const ZIP_OF_A_PIPE: &str = "504b03042d0008000800e07b775d00000000ffffffffffffffff010014002d01001000000000000000000000000000000000\
    00b32929b3b349ce48cccb4bcd51c84cb1554a54d2b7b3d1078a720100504b0708782eb1781c000000000000001b00000000\
    000000504b01021e032d0008000800e07b775d782eb1781c0000001b0000000100000000000000010000008011000000002d\
    504b050600000000010001002f000000670000000000";
const SMALL: &str = "<tv><channel id=\"a\"/></tv>\n";

const GUIDE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tv><channel id=\"a\"/></tv>\n";

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn opened(bytes: &[u8], charset: Option<&str>, cap: u64) -> Result<Vec<u8>, Unusable> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let hint = Hint { charset: charset.map(str::to_owned), cap: ByteSizeCap(ByteSize(cap)) };
    let failure = Arc::new(OnceLock::new());
    let progress = Arc::new(Progress::default());
    let mut opened = open(file(bytes), hint, Arc::clone(&progress), Arc::clone(&failure));
    let mut text = Vec::new();
    runtime.block_on(async {
        loop {
            match opened.next().await {
                Ok(Some(bytes)) => text.extend_from_slice(&bytes),
                Ok(None) => {
                    assert_eq!(progress.text.load(Ordering::Relaxed), text.len() as u64);
                    return Ok(text);
                }
                Err(error) => {
                    let why = failure.get().expect("a reason").clone();
                    assert_eq!(error.message, format!("the guide {why}"));
                    return Err(why);
                }
            }
        }
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A zip file, deflated, without anything that may be left out.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
        packed.write_all(bytes).unwrap();
        let packed = packed.finish().unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        let lengths = [crc.sum(), packed.len() as u32, bytes.len() as u32, name.len() as u32];
        common.extend(lengths.iter().flat_map(|number| number.to_le_bytes()));
        let offset = file.len() as u32;
        file.extend([b"PK\x03\x04", common.as_slice(), name.as_bytes(), &packed].concat());
        let rest = [&[0; 10][..], &offset.to_le_bytes()].concat();
        directory.extend([b"PK\x01\x02", &[20, 0][..], &common, &rest, name.as_bytes()].concat());
    }
    let (count, at) = (entries.len() as u16, file.len() as u32);
    let end: [&[u8]; 4] =
        [&[0; 4], &count.to_le_bytes(), &count.to_le_bytes(), &(directory.len() as u32).to_le_bytes()];
    let end = [&end.concat()[..], &at.to_le_bytes(), &[0, 0]].concat();
    [file, directory, b"PK\x05\x06".to_vec(), end].concat()
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

/// What it is, the bytes, and what is said of them.
type Case<'a> = (&'a str, Vec<u8>, &'a dyn Fn(&Unusable) -> bool);

#[test]
fn packing_is_told_by_magic_bytes() {
    let (small, guide) = (SMALL.as_bytes(), GUIDE.as_bytes());
    // A skippable frame, a frame, and another one.
    let frames = [unhex("502a4d1803000000616263"), unhex(ZSTANDARD), unhex(ZSTANDARD)].concat();
    let others: &[(&str, &[u8])] =
        &[("readme.txt", &[b'x'; 500]), ("small.xml", small), ("folder/guide.XML", guide), ("logo.png", &[7; 900])];
    for (what, bytes, expected) in [
        ("plain", guide.to_vec(), guide.to_vec()),
        ("gzip", gzip(guide), guide.to_vec()),
        ("two members", [gzip(small), gzip(small)].concat(), small.repeat(2)),
        ("gzip twice", gzip(&gzip(guide)), guide.to_vec()),
        ("xz", unhex(XZ), small.to_vec()),
        ("xz twice", unhex(XZ).repeat(2), small.repeat(2)),
        ("zstandard", unhex(ZSTANDARD), small.to_vec()),
        ("zstandard frames", frames, small.repeat(2)),
        ("xz in gzip", gzip(&unhex(XZ)), small.to_vec()),
        ("zip of a file", unhex(ZIP), small.to_vec()),
        ("zip of a pipe", unhex(ZIP_OF_A_PIPE), small.to_vec()),
        ("zip", zip(&[("guide.xml", guide)]), guide.to_vec()),
        ("gzip in zip", zip(&[("guide.xml.gz", &gzip(guide))]), guide.to_vec()),
        ("zip of several", zip(others), guide.to_vec()),
        ("zip without XML", zip(&[("a", small), ("b", guide)]), guide.to_vec()),
    ] {
        let text = opened(&bytes, None, u64::MAX).unwrap_or_else(|why| panic!("{what}: {why}"));
        assert_eq!(String::from_utf8(text).unwrap(), String::from_utf8(expected).unwrap(), "{what}");
    }
}

#[test]
fn what_is_no_guide_is_named() {
    let spaces = vec![b' '; 96 << 20];
    let html = "<?xml version=\"1.0\"?>\n<!-- x -->\n<!DOCTYPE html PUBLIC \"-//W3C\">";
    let damaged = |why: &Unusable| matches!(why, Unusable::Damaged(_));
    let broken = |mut bytes: Vec<u8>, at: usize| {
        bytes[at] ^= 0x55;
        bytes
    };
    let cases: [Case<'_>; 16] = [
        ("nothing", vec![], &|why| *why == Unusable::Empty),
        ("packed nothing", gzip(b""), &|why| *why == Unusable::Empty),
        ("HTML", b"\n <!doctype HTML><p>".to_vec(), &|why| *why == Unusable::Html),
        ("XHTML", html.into(), &|why| *why == Unusable::Html),
        ("bomb", gzip(&spaces), &|why| matches!(why, Unusable::Bomb(_))),
        ("bomb in gzip", gzip(&gzip(&spaces)), &|why| matches!(why, Unusable::Bomb(_))),
        ("bomb in zip", zip(&[("a.xml", &spaces)]), &|why| matches!(why, Unusable::Bomb(_))),
        ("too large", gzip(&GUIDE.repeat(20_000).into_bytes()), &|why| matches!(why, Unusable::TooLarge(_))),
        ("three times", gzip(&gzip(&gzip(b"<tv/>"))), &|why| *why == Unusable::TooDeep),
        ("zip in gzip", gzip(&zip(&[("a.xml", b"<tv/>")])), &|why| *why == Unusable::InnerZip),
        ("empty zip", zip(&[]), &|why| *why == Unusable::EmptyZip),
        (
            "cut gzip",
            {
                let all = gzip(GUIDE.as_bytes());
                all[..all.len() - 9].to_vec()
            },
            &damaged,
        ),
        (
            "cut xz",
            {
                let all = unhex(XZ);
                all[..all.len() - 9].to_vec()
            },
            &damaged,
        ),
        (
            "cut zstandard",
            {
                let all = unhex(ZSTANDARD);
                all[..all.len() - 3].to_vec()
            },
            &damaged,
        ),
        ("damaged zip", broken(zip(&[("a.xml", b"<tv/>")]), 37), &damaged),
        ("half a zip", zip(&[("a.xml", b"<tv/>")])[..40].to_vec(), &damaged),
    ];
    for (what, bytes, expected) in cases {
        let found = opened(&bytes, None, 1_000_000_000.min(if what == "too large" { 1 << 20 } else { u64::MAX }));
        let why = found.map(|text| text.len()).expect_err(what);
        assert!(expected(&why), "{what}: {why:?}");
    }
}

#[test]
fn charsets_become_utf_8() {
    let text = "<tv>Žluťoučký kůň, Größe</tv>";
    let encoded = |label: &str, text: &str| Encoding::for_label(label.as_bytes()).unwrap().encode(text).0.into_owned();
    let utf16 = |text: &str, big: bool| -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let declared = |label: &str, text: &str| format!("<?xml version='1.0' encoding='{label}'?>{text}");
    let utf8 = declared("UTF-8", text);
    let cyrillic = declared("windows-1251", "<tv>Мій рідний край, новини</tv>");
    let japanese = declared("shift_jis", "<tv>ニュース</tv>");
    for (what, bytes, charset, expected) in [
        ("UTF-8", text.as_bytes().to_vec(), None, text.to_owned()),
        ("with a mark", format!("\u{feff}{text}").into_bytes(), None, text.to_owned()),
        ("declared", encoded("iso-8859-2", &declared("ISO-8859-2", text)), None, utf8.clone()),
        (
            "declared against the response",
            encoded("iso-8859-2", &declared("ISO-8859-2", text)),
            Some("utf-8"),
            utf8.clone(),
        ),
        ("by the response", encoded("windows-1250", text), Some("windows-1250"), text.to_owned()),
        ("mislabelled Latin-1", declared("ISO-8859-1", text).into_bytes(), None, utf8.clone()),
        ("mislabelled UTF-16", declared("UTF-16", text).into_bytes(), None, utf8.clone()),
        ("mislabelled UTF-8", encoded("windows-1252", "<tv>Größe</tv>"), Some("utf-8"), "<tv>Größe</tv>".to_owned()),
        ("UTF-16 with a mark", utf16(&format!("\u{feff}{}", declared("UTF-16", text)), false), None, utf8.clone()),
        ("UTF-16 big-endian", utf16(&format!("\u{feff}{}", declared("UTF-16", text)), true), None, utf8.clone()),
        ("UTF-16 without a mark", utf16(&declared("UTF-16", text), false), None, utf8),
        ("Cyrillic", encoded("windows-1251", &cyrillic), None, cyrillic.replace("windows-1251", "UTF-8")),
        ("Japanese", encoded("shift_jis", &japanese), None, japanese.replace("shift_jis", "UTF-8")),
        ("mixed", [text.as_bytes(), b"\xdc"].concat(), None, format!("{text}Ü")),
        ("unknown", declared("x-nobody", text).into_bytes(), Some("nothing"), declared("UTF-8", text)),
    ] {
        let found = opened(&bytes, charset, u64::MAX).unwrap_or_else(|why| panic!("{what}: {why}"));
        assert_eq!(String::from_utf8_lossy(&found), expected, "{what}");
    }
}

/// The first character that is not ASCII may come late, and be cut by the end of a chunk.
#[test]
fn characters_are_whole_across_chunks() {
    for before in (128 << 10) - 5..(128 << 10) + 2 {
        let text = format!("{}ěščřž – €", "x".repeat(before));
        assert_eq!(opened(text.as_bytes(), None, u64::MAX).unwrap(), text.as_bytes(), "{before}");
        let latin = Encoding::for_label(b"windows-1250").unwrap().encode(&text).0.into_owned();
        assert_eq!(opened(&latin, Some("windows-1250"), u64::MAX).unwrap(), text.as_bytes(), "{before}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_out_is_utf_8(bytes in prop::collection::vec(any::<u8>(), 1..3000), label in prop::option::of("utf-16|latin1|windows-1251|shift_jis|gbk|utf-8")) {
        if let Ok(text) = opened(&bytes, label.as_deref(), 1 << 20) {
            prop_assert!(std::str::from_utf8(&text).is_ok());
        }
    }

    #[test]
    fn utf_8_stays_as_it_is(text in "\\PC{1,400}", label in prop::option::of("latin1|windows-1251")) {
        prop_assume!(text.is_ascii() || !text.contains('\u{1b}'));
        prop_assume!(!is_html(text.as_bytes()));
        prop_assert_eq!(opened(text.as_bytes(), label.as_deref(), u64::MAX).unwrap(), text.as_bytes());
    }
}
