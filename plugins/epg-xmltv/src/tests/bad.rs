//! Guides as they come: everything that can be wrong with one, and what becomes of it.

use std::io::{self, BufRead, Read};

use mast_sdk::Code;
use mast_sdk::epg::{GuideChannel, PackedProgramme};
use mast_sdk::time::Zones;

use super::{count, import, programme, texts, try_import};
use crate::import::{Sink, read};
use crate::scan::{Found, Kind, Scanner};

/// Titles by channel and minute, and how many remarks.
fn titles(guide: impl Into<Vec<u8>>) -> (String, usize) {
    let imported = import(guide);
    let shown = imported
        .programmes
        .iter()
        .map(|found| format!("{} {} {}", found.channel, found.start / 60, found.titles[0].value));
    (shown.collect::<Vec<_>>().join(", "), imported.warnings.len())
}

fn one(channel: &str, minute: u32, content: &str) -> String {
    format!("<programme start=\"1970010100{minute:02}00\" channel=\"{channel}\">{content}</programme>")
}

#[test]
fn what_is_forgiven() {
    let (a, b) = (one("a", 1, "<title>A</title>"), one("b", 2, "<title>B</title>"));
    for (guide, expected, remarks) in [
        (format!("\u{feff}<?xml version=\"1.0\"?>\n<tv>{a}{b}</tv>"), "a 1 A, b 2 B", 0),
        (format!("  \n<tv source-info-name='x>y'>{a}{b}</tv>\n<!-- generated -->"), "a 1 A, b 2 B", 0),
        (format!("<TV>{a}</TV>").replace("TV", "tv "), "a 1 A", 0),
        (format!("<tv>{a}<channel id='a'/>{b}<channel id='a'/></tv>"), "a 1 A, b 2 B", 1),
        (format!("<tv><wrapper>{a}</wrapper><!-- {b} --><![CDATA[{b}]]><?x {b}?></tv>"), "a 1 A", 0),
        (format!("{a}</tv>"), "a 1 A", 0),
        (format!("<tv>{a}</tv><?xml version='1.0'?><tv>{b}</tv>"), "a 1 A, b 2 B", 0),
        // Not closed.
        (format!("<tv>{}{b}</tv>", a.replace("</programme>", "")), "a 1 A, b 2 B", 1),
        (format!("<tv>{}{b}</tv>", a.replace("</title>", "<desc>x</desc>")), "a 1 A, b 2 B", 0),
        (format!("<tv>{}{b}</tv>", a.replace("</title>", "")), "a 1 A, b 2 B", 0),
        (format!("<tv>{b}{}</tv>", a.replace("</programme>", "")), "b 2 B, a 1 A", 1),
        (format!("<tv><channel id='a'><display-name>x</display-name>{a}{b}</tv>"), "a 1 A, b 2 B", 1),
        (format!("<tv>{}<channel id='x'/>{b}</tv>", a.replace("</programme>", "")), "a 1 A, b 2 B", 1),
        // Left out.
        (format!("<tv>{a}{}</tv>", one("", 3, "<title>C</title>")), "a 1 A", 1),
        (format!("<tv>{a}{}</tv>", one("c", 3, "<desc>C</desc>")), "a 1 A", 1),
        (format!("<tv>{a}{}</tv>", one("c", 3, "<title> \n </title>")), "a 1 A", 1),
        (format!("<tv>{a}<programme channel='c'><title>C</title></programme></tv>"), "a 1 A", 1),
        (format!("<tv>{a}<programme start='soon' channel='c'><title>C</title></programme></tv>"), "a 1 A", 1),
        (format!("<tv>{a}<programme start='20240230' channel='c'><title>C</title></programme></tv>"), "a 1 A", 1),
        (format!("<tv>{a}<channel/><channel id=''/></tv>"), "a 1 A", 2),
        (format!("<tv>{a}<programme start='1970' channel='c'/></tv>"), "a 1 A", 1),
        (format!("<tv>{a}<programme start='1970 channel='c'><title>C</title></programme>{b}</tv>"), "a 1 A, b 2 B", 1),
        // Mended.
        (format!("<tv>{}</tv>", one("c", 3, "<sub-title>S</sub-title>")), "c 3 S", 1),
        (format!("<tv>{}</tv>", one("c", 3, "<title>a < b & c &nbsp;&nbsp;</title>")), "c 3 a < b & c &nbsp;&nbsp;", 1),
        (format!("<tv>{}</tv>", one("c", 3, "<title>a\u{1}\u{0}b</title>")), "c 3 ab", 0),
    ] {
        let (found, warnings) = titles(guide.clone());
        assert_eq!(found, expected, "{guide}");
        assert_eq!(warnings, remarks, "{guide}: {:?}", import(guide.clone()).warnings);
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced() {
    let guide = [b"<tv>".as_slice(), one("c", 3, "<title>gr@n</title>").as_bytes(), b"</tv>"].concat();
    let guide: Vec<u8> = guide.into_iter().map(|byte| if byte == b'@' { 0xFC } else { byte }).collect();
    assert_eq!(titles(guide).0, "c 3 gr\u{fffd}n");
}

#[test]
fn stops() {
    for (stop, expected, remarks) in [
        ("", None, 0),
        ("stop=''", None, 0),
        ("stop='19700101001000'", Some(600), 0),
        ("stop='19700101000500'", None, 1),
        ("stop='19700101000100'", None, 1),
        ("stop='later'", None, 1),
        ("stop='99991231235959'", Some(253_402_300_799), 0),
    ] {
        let guide =
            format!("<tv><programme start='19700101000500' {stop} channel='c'><title>T</title></programme></tv>");
        let imported = import(guide);
        assert_eq!((imported.programmes[0].stop, imported.warnings.len()), (expected, remarks), "{stop}");
    }
}

#[test]
fn what_is_an_error() {
    for (guide, part) in [
        ("", "empty"),
        ("\u{feff}", "without </tv>"),
        ("not found", "not XML"),
        ("{\"error\": 1}", "not XML"),
        ("\u{1f}\u{8b}", "not XML"),
        ("<!DOCTYPE html><html><body>Log in</body></html>", "HTML page"),
        ("<!doctype HTML>", "HTML page"),
        ("\n<html lang=\"en\">", "HTML page"),
        ("<br />\n<b>Warning</b>: mysql", "HTML page"),
        ("<?xml version=\"1.0\"?><rss version=\"2.0\"></rss>", "<rss>"),
        ("<tvguide></tvguide>", "<tvguide>"),
        ("<?xml version=\"1.0\"?>", "without </tv>"),
        ("<tv>", "without </tv>"),
        ("<tv><channel id='a'/></tv><tv>", "without </tv>, after 1 channels"),
    ] {
        let error = try_import(guide).unwrap_err();
        assert_eq!(error.code, Code::Malformed, "{guide}");
        assert!(error.message.contains(part), "{guide}: {}", error.message);
    }
}

#[test]
fn an_empty_guide_is_the_hosts_to_judge() {
    for guide in ["<tv/>", "<tv></tv>", "<?xml version=\"1.0\"?>\n<tv generator-info-name=\"x\" />\n"] {
        let imported = import(guide);
        assert_eq!(
            imported.summary.attrs,
            [("channels".to_owned(), "0".to_owned()), ("programmes".to_owned(), "0".to_owned())]
        );
    }
}

#[test]
fn entities_of_a_doctype_are_not_read() {
    let guide = "<?xml version=\"1.0\"?><!DOCTYPE tv [ <!ENTITY a \"ha\"> <!ENTITY b \"&a;&a;]&a;\">\n\
        <!ENTITY c \"&b;&b;&b;\"> <!ENTITY d SYSTEM \"file:///etc/passwd\"> <!-- ' --> ] >\n\
        <tv><programme start=\"1970\" channel=\"c\"><title>&c;&d;</title></programme></tv>";
    let imported = import(guide);
    assert_eq!(imported.programmes[0].titles[0].value, "&c;&d;");
    let named: Vec<_> = imported.warnings.iter().map(|(item, _)| item.as_str()).collect();
    assert_eq!(named, ["&c;", "&d;"]);
}

#[test]
fn one_mistake_many_times_is_said_briefly() {
    let programmes = "<programme start=\"x\" channel=\"c\"><title>T</title></programme>".repeat(1000);
    let imported = import(format!("<tv>{programmes}</tv>"));
    assert_eq!((imported.warnings.len(), count(&imported, "skipped")), (6, 1000));
    assert_eq!(imported.warnings[5], ("995 more".to_owned(), "its start is not a time".to_owned()));
}

#[test]
fn texts_and_lists_are_bounded() {
    let long = "ü".repeat(20_000);
    let (found, remarks) =
        programme(&format!("<title>{long}</title><desc>{long}</desc><url>http://{long}</url><icon src=\"{long}\"/>"));
    assert_eq!((found.titles[0].value.len(), found.descriptions[0].value.len()), (1024, 16_384));
    assert!(found.icons.is_empty() && found.attrs.iter().all(|(_, value)| value.len() <= 2048));
    assert_eq!(remarks.len(), 4, "{remarks:?}");
    let (found, remarks) =
        programme(&format!("<title>T</title>{}", "<category>C</category><keyword>K</keyword>".repeat(500)));
    assert_eq!((found.categories.len(), found.attrs.len(), remarks.len()), (128, 128, 6));
    let deep = format!("<title>T</title>{}", "<a>".repeat(50_000));
    assert_eq!(texts(&programme(&deep).0.titles), "-:T");
}

#[test]
fn programmes_of_unwanted_channels_are_passed_over() {
    let spec = |text: &str| {
        let host = mast_sdk::mock::Host::new().config(serde_json::json!({})).unwanted("b").chunk(5).install();
        host.import::<crate::Xmltv>(text).unwrap()
    };
    let (a, b) = (one("a", 1, "<title>A</title>"), one("b", 2, "<title>programme B</title>"));
    let imported = spec(&format!(
        "<tv><channel id='a'/><channel id='b'/>{a}{b}{b}{a}<programme start='1970' channel='b'/>{a}</tv>"
    ));
    assert_eq!((imported.programmes.len(), count(&imported, "unwanted")), (3, 3));
    assert_eq!(imported.asked, ["a", "b"]);
    // Behind its programmes a channel is not known yet.
    let imported = spec(&format!("<tv>{b}<channel id='b'/>{b}{b}</tv>"));
    assert_eq!((imported.programmes.len(), count(&imported, "unwanted")), (1, 2));
    // One that is not closed ends where the next one begins.
    let imported = spec(&format!(
        "<tv><channel id='b'/>{}{a}{}</tv>",
        b.replace("</programme>", ""),
        b.replace("</programme>", "")
    ));
    assert_eq!((imported.programmes.len(), count(&imported, "unwanted")), (1, 2));
}

/// Repeats pieces without holding them all.
struct Pieces {
    pieces: Vec<(Vec<u8>, u64)>,
    at: usize,
    left: usize,
}

impl Pieces {
    fn of(pieces: &[(&[u8], u64)]) -> Self {
        Self { pieces: pieces.iter().map(|(piece, times)| (piece.to_vec(), *times)).collect(), at: 0, left: 0 }
    }
}

impl Read for Pieces {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        unreachable!("the scanner takes what is buffered")
    }
}

impl BufRead for Pieces {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.pieces.get(self.at).is_some_and(|(_, times)| *times == 0) {
            self.at += 1;
        }
        Ok(self.pieces.get(self.at).map_or(&[], |(piece, _)| &piece[self.left..]))
    }

    fn consume(&mut self, amount: usize) {
        self.left += amount;
        if self.pieces.get(self.at).is_some_and(|(piece, _)| piece.len() == self.left) {
            self.left = 0;
            self.pieces[self.at].1 -= 1;
        }
    }
}

#[derive(Default)]
struct Counted(usize, Vec<String>);

impl Sink for Counted {
    fn channel(&mut self, _: GuideChannel) -> mast_sdk::Result<()> {
        Ok(())
    }

    fn wanted(&mut self, _: &str) -> mast_sdk::Result<bool> {
        Ok(true)
    }

    fn programme(&mut self, _: &PackedProgramme) -> mast_sdk::Result<()> {
        self.0 += 1;
        Ok(())
    }

    fn warn(&mut self, _: &str, message: &str) {
        self.1.push(message.to_owned());
    }
}

#[test]
fn what_has_no_end_does_not_gather() {
    static SPACES: [u8; 65_536] = [b' '; 65_536];
    let after = one("c", 3, "<title>T</title>") + "</tv>";
    // Enough to see that nothing is held: the scanner's window would be the first to grow.
    for (before, behind, remark) in [
        ("<tv>", "", None),
        ("\n", "<tv>", None),
        ("<tv><!-- -->", "", None),
        ("<tv><!-- ", "-->", None),
        ("<tv x='", "'>", None),
        ("<!DOCTYPE tv [", "] >", None),
        ("<tv><programme start='1970' channel='c'><title>", "", Some("1 MiB")),
        ("<tv><programme start='", "", Some("start tag")),
        ("<tv><channel id='a'>", "", Some("1 MiB")),
    ] {
        let input = || {
            Pieces::of(&[
                (before.as_bytes(), 1),
                (&SPACES, 500),
                (behind.as_bytes(), behind.len().min(1) as u64),
                (after.as_bytes(), 1),
            ])
        };
        let mut scanner = Scanner::new(input());
        while !matches!(scanner.next_element().unwrap(), Found::End) {
            let _ = scanner.read_content(Kind::Programme).unwrap();
            assert!(scanner.held() < 3 << 20, "{before}: {}", scanner.held());
        }
        assert!(scanner.held() < 3 << 20, "{before}: {}", scanner.held());
        let mut out = Counted::default();
        read(input(), Zones::default(), &mut out).unwrap();
        assert_eq!(out.0, 1, "{before}: {:?}", out.1);
        let said = out.1.iter().any(|said| remark.is_some_and(|remark| said.contains(remark)));
        assert_eq!(said, remark.is_some(), "{before}: {:?}", out.1);
    }
}
