//! Guides in XMLTV, of any size, that look like real ones. The same specification always gives the same bytes.
//!
//! It needs nothing but the standard library, so that tests of plugins can include the file. Names are made of syllables; nobody's
//! schedule was copied.

use std::fmt::Write as _;
use std::io::{self, Write};

/// Minutes of the programmes of a channel, round and round: nine hours.
const MINUTES: [u64; 12] = [30, 60, 25, 5, 90, 30, 45, 15, 120, 30, 60, 30];
const SYLLABLES: [&str; 24] = [
    "ka", "lor", "min", "da", "ven", "tis", "ro", "mel", "an", "shu", "per", "lo", "gra", "nim", "sol", "é", "ber",
    "ü", "tor", "vi", "sa", "quen", "ñ", "or",
];
const CATEGORIES: [&str; 10] =
    ["News", "Film", "Series", "Sports", "Documentary", "Children", "Music", "Comedy", "Drama & Crime", "Talk"];
const LANGUAGES: [&str; 4] = ["en", "de", "fr", "es"];

/// In which order channels and programmes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Channels, then the programmes of one channel after the other, as grabbers write them.
    ByChannel,
    /// Channels, then all programmes by their start.
    ByTime,
    /// Programmes by channel, and the channels behind them, which the DTD does not allow.
    ChannelsLast,
}

/// What a guide has.
#[derive(Debug, Clone)]
pub struct GuideSpec {
    /// How many channels: `ch1.guide.example` and so on.
    pub channels: u32,
    /// How many days of programmes.
    pub days: u32,
    /// Languages of titles and descriptions, 1 to 4.
    pub languages: usize,
    /// The order.
    pub order: Order,
    /// Seconds since 1970 at which all channels begin.
    pub start: u64,
    /// The zone that times are written in, in minutes east of Greenwich.
    pub offset: i64,
    /// Another seed gives other texts.
    pub seed: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Channels.
    pub channels: u64,
    /// Programmes.
    pub programmes: u64,
}

/// A programme, before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuideProgramme {
    /// Its channel's id.
    pub channel: String,
    /// Seconds since 1970.
    pub start: u64,
    /// Seconds since 1970.
    pub stop: u64,
    /// Title and language, the first language first.
    pub titles: Vec<(&'static str, String)>,
    /// Episode title.
    pub sub_title: Option<String>,
    /// Description and language.
    pub descriptions: Vec<(&'static str, String)>,
    /// Role, name, part.
    pub credits: Vec<(&'static str, String, Option<String>)>,
    /// Year of production.
    pub date: Option<u32>,
    /// Genres.
    pub categories: Vec<&'static str>,
    /// The address of a picture.
    pub icon: Option<String>,
    /// Season and episode, from 1.
    pub episode: Option<(u32, u32)>,
    /// `HDTV` and stereo are said.
    pub quality: bool,
    /// It was shown before.
    pub repeat: bool,
    /// It is new.
    pub new: bool,
    /// An age.
    pub rating: Option<u32>,
    /// Out of ten.
    pub stars: Option<u32>,
}

impl Default for GuideSpec {
    fn default() -> Self {
        Self { channels: 10, days: 2, languages: 1, order: Order::ByChannel, start: 1_767_225_600, offset: 60, seed: 1 }
    }
}

/// Numbers that only look random (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    }

    /// True in so many of a hundred cases.
    fn percent(&mut self, percent: usize) -> bool {
        self.next(100) < percent
    }

    fn words(&mut self, least: usize, most: usize) -> String {
        let mut text = String::new();
        for word in 0..least + self.next(most - least + 1) {
            if word > 0 {
                text.push_str(if self.percent(3) { " & " } else { " " });
            }
            let first = text.len();
            for _ in 0..1 + self.next(3) {
                text.push_str(SYLLABLES[self.next(SYLLABLES.len())]);
            }
            if word == 0 || self.percent(15) {
                let capital: String = text[first..].chars().take(1).flat_map(char::to_uppercase).collect();
                let rest: String = text[first..].chars().skip(1).collect();
                text.truncate(first);
                text.push_str(&capital);
                text.push_str(&rest);
            }
        }
        text
    }
}

impl GuideSpec {
    /// As many days as it takes for about so many bytes.
    #[must_use]
    pub fn sized(mut self, bytes: u64) -> Self {
        const SAMPLE: u64 = 200;
        let mut text = String::new();
        (0..SAMPLE).for_each(|index| xml(&mut text, &self.programme(index as u32 % self.channels, index), self.offset));
        let programmes = bytes * SAMPLE / text.len() as u64 / u64::from(self.channels);
        let minutes = programmes * MINUTES.iter().sum::<u64>() / MINUTES.len() as u64;
        self.days = u32::try_from(minutes.div_ceil(24 * 60)).unwrap_or(u32::MAX).max(1);
        self
    }

    /// How many programmes each channel has.
    pub fn programmes(&self) -> u64 {
        let minutes = u64::from(self.days) * 24 * 60;
        let round: u64 = MINUTES.iter().sum();
        (minutes / round) * MINUTES.len() as u64
    }

    /// A channel's id, counted from 0.
    pub fn channel(&self, number: u32) -> String {
        format!("ch{}.guide.example", number + 1)
    }

    /// A channel's name.
    pub fn name(&self, number: u32) -> String {
        let mut dice = Dice(self.seed ^ (u64::from(number) << 40) ^ 0xC4A7);
        format!("{} {} HD", dice.words(1, 2), number + 1)
    }

    /// One programme of a channel, by its place.
    pub fn programme(&self, channel: u32, index: u64) -> GuideProgramme {
        let mut dice = Dice(self.seed ^ (u64::from(channel) << 32) ^ index.wrapping_mul(0x1000_0001));
        let count = MINUTES.len() as u64;
        let before: u64 = MINUTES.iter().take((index % count) as usize).sum();
        let minutes = index / count * MINUTES.iter().sum::<u64>() + before;
        let start = self.start + minutes * 60;
        let languages = LANGUAGES.iter().take(self.languages.clamp(1, LANGUAGES.len()));
        let titles = languages.clone().map(|&language| (language, dice.words(1, 5))).collect();
        let described = dice.percent(85);
        let descriptions =
            languages.filter(|_| described).map(|&language| (language, dice.words(12, 60) + ".")).collect();
        let credited = dice.percent(35);
        let mut credits = Vec::new();
        if credited {
            credits.push(("director", dice.words(2, 2), None));
            for _ in 0..2 + dice.next(4) {
                let part = dice.percent(60).then(|| dice.words(1, 2));
                credits.push(("actor", dice.words(2, 3), part));
            }
        }
        GuideProgramme {
            channel: self.channel(channel),
            start,
            stop: start + MINUTES[(index % count) as usize] * 60,
            titles,
            sub_title: dice.percent(50).then(|| dice.words(2, 6)),
            descriptions,
            credits,
            date: dice.percent(50).then(|| 1960 + dice.next(66) as u32),
            categories: (0..1 + dice.next(3)).map(|_| CATEGORIES[dice.next(CATEGORIES.len())]).collect(),
            icon: dice
                .percent(40)
                .then(|| format!("http://pictures.example/{:08x}.jpg?w=640&h=360", dice.next(1 << 32))),
            episode: dice.percent(45).then(|| (1 + dice.next(20) as u32, 1 + dice.next(24) as u32)),
            quality: dice.percent(25),
            repeat: dice.percent(30),
            new: dice.percent(10),
            rating: dice.percent(30).then(|| [0, 6, 12, 16, 18][dice.next(5)]),
            stars: dice.percent(20).then(|| dice.next(11) as u32),
        }
    }

    /// Writes the guide.
    pub fn write(&self, out: &mut impl Write) -> io::Result<Written> {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n");
        text.push_str("<tv generator-info-name=\"mast-upstream\">\n");
        if self.order != Order::ChannelsLast {
            self.channels(&mut text);
        }
        let each = self.programmes();
        match self.order {
            Order::ByTime => {
                for index in 0..each {
                    (0..self.channels).try_for_each(|channel| self.one(channel, index, &mut text, out))?;
                }
            }
            Order::ByChannel | Order::ChannelsLast => {
                for channel in 0..self.channels {
                    (0..each).try_for_each(|index| self.one(channel, index, &mut text, out))?;
                }
            }
        }
        if self.order == Order::ChannelsLast {
            self.channels(&mut text);
        }
        text.push_str("</tv>\n");
        out.write_all(text.as_bytes())?;
        Ok(Written { channels: self.channels.into(), programmes: each * u64::from(self.channels) })
    }

    fn one(&self, channel: u32, index: u64, text: &mut String, out: &mut impl Write) -> io::Result<()> {
        xml(text, &self.programme(channel, index), self.offset);
        if text.len() > 64 * 1024 {
            out.write_all(text.as_bytes())?;
            text.clear();
        }
        Ok(())
    }

    fn channels(&self, text: &mut String) {
        for number in 0..self.channels {
            let (id, name) = (self.channel(number), self.name(number));
            let _ = writeln!(text, "  <channel id=\"{id}\">");
            tag(text, 4, "display-name", " lang=\"en\"", &name);
            tag(text, 4, "display-name", "", &format!("{}", number + 1));
            let _ =
                writeln!(text, "    <icon src=\"http://pictures.example/logos/{}.png\" />\n  </channel>", number + 1);
        }
    }
}

fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '"' => text.push_str("&quot;"),
            _ => text.push(c),
        }
    }
}

fn tag(text: &mut String, indent: usize, name: &str, attributes: &str, value: &str) {
    let _ = write!(text, "{:indent$}<{name}{attributes}>", "");
    escape(text, value);
    let _ = writeln!(text, "</{name}>");
}

/// `YYYYMMDDhhmmss +hhmm`
fn time(text: &mut String, seconds: u64, offset: i64) {
    let local = seconds as i64 + offset * 60;
    let (mut days, of_day) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let mut month = 0;
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let (sign, east) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    let _ = write!(
        text,
        "{year:04}{:02}{:02}{hour:02}{minute:02}{second:02} {sign}{:02}{:02}",
        month + 1,
        days + 1,
        east / 60,
        east % 60
    );
}

fn xml(text: &mut String, programme: &GuideProgramme, offset: i64) {
    text.push_str("  <programme start=\"");
    time(text, programme.start, offset);
    text.push_str("\" stop=\"");
    time(text, programme.stop, offset);
    let _ = writeln!(text, "\" channel=\"{}\">", programme.channel);
    for (language, title) in &programme.titles {
        tag(text, 4, "title", &format!(" lang=\"{language}\""), title);
    }
    if let Some(sub_title) = &programme.sub_title {
        tag(text, 4, "sub-title", " lang=\"en\"", sub_title);
    }
    for (language, description) in &programme.descriptions {
        tag(text, 4, "desc", &format!(" lang=\"{language}\""), description);
    }
    if !programme.credits.is_empty() {
        text.push_str("    <credits>\n");
        for (role, name, part) in &programme.credits {
            let part = part.as_ref().map(|part| {
                let mut attribute = " role=\"".to_owned();
                escape(&mut attribute, part);
                attribute + "\""
            });
            tag(text, 6, role, &part.unwrap_or_default(), name);
        }
        text.push_str("    </credits>\n");
    }
    if let Some(date) = programme.date {
        tag(text, 4, "date", "", &date.to_string());
    }
    programme.categories.iter().for_each(|category| tag(text, 4, "category", " lang=\"en\"", category));
    if let Some(icon) = &programme.icon {
        text.push_str("    <icon src=\"");
        escape(text, icon);
        text.push_str("\" />\n");
    }
    if let Some((season, episode)) = programme.episode {
        tag(text, 4, "episode-num", " system=\"xmltv_ns\"", &format!("{}.{}.", season - 1, episode - 1));
        tag(text, 4, "episode-num", " system=\"onscreen\"", &format!("S{season:02}E{episode:02}"));
    }
    if programme.quality {
        text.push_str("    <video>\n      <aspect>16:9</aspect>\n      <quality>HDTV</quality>\n    </video>\n");
        text.push_str("    <audio>\n      <stereo>stereo</stereo>\n    </audio>\n");
    }
    text.push_str(if programme.repeat { "    <previously-shown />\n" } else { "" });
    text.push_str(if programme.new { "    <new />\n" } else { "" });
    if let Some(rating) = programme.rating {
        let _ = writeln!(text, "    <rating system=\"FSK\">\n      <value>{rating}</value>\n    </rating>");
    }
    if let Some(stars) = programme.stars {
        let _ = writeln!(text, "    <star-rating>\n      <value>{stars}/10</value>\n    </star-rating>");
    }
    text.push_str("  </programme>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(spec: &GuideSpec) -> (Written, String) {
        let mut bytes = Vec::new();
        let written = spec.write(&mut bytes).unwrap();
        (written, String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_counts_are_right_and_the_bytes_always_the_same() {
        for order in [Order::ByChannel, Order::ByTime, Order::ChannelsLast] {
            let spec = GuideSpec { order, languages: 2, ..GuideSpec::default() };
            let (counts, text) = written(&spec);
            assert_eq!(counts.programmes, spec.programmes() * 10);
            assert_eq!(text.matches("<programme ").count() as u64, counts.programmes);
            assert_eq!(text.matches("<channel ").count() as u64, counts.channels);
            assert_eq!(written(&spec).1, text);
            let first = |needle| text.find(needle).unwrap();
            assert_eq!(first("<channel ") < first("<programme "), order != Order::ChannelsLast);
        }
    }

    #[test]
    fn a_size_is_met_roughly() {
        let spec = GuideSpec { channels: 20, ..GuideSpec::default() }.sized(4_000_000);
        let length = written(&spec).1.len();
        assert!((3_000_000..6_000_000).contains(&length), "{length}");
    }

    #[test]
    fn times_are_written_in_their_zone() {
        for (seconds, offset, expected) in [
            (0, 0, "19700101000000 +0000"),
            (1_709_164_800, 0, "20240229000000 +0000"),
            (1_767_225_600, 60, "20260101010000 +0100"),
            (1_767_225_600, -330, "20251231183000 -0530"),
        ] {
            let mut text = String::new();
            time(&mut text, seconds, offset);
            assert_eq!(text, expected);
        }
    }
}
