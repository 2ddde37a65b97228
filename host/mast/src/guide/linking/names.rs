//! What a channel's name says once everything is taken off that says something else: quality, country, language, decoration.

use mast_model::guide::fold;

/// Codes and names of countries, and the code they stand for. Languages that are not a country's stand for none: `""`.
const PLACES: &[(&str, &str)] = &[
    ("ar", ""),
    ("at", "at"),
    ("aut", "at"),
    ("au", "au"),
    ("aus", "au"),
    ("be", "be"),
    ("bel", "be"),
    ("bg", "bg"),
    ("br", "br"),
    ("bra", "br"),
    ("ca", "ca"),
    ("can", "ca"),
    ("ch", "ch"),
    ("che", "ch"),
    ("cl", "cl"),
    ("cn", "cn"),
    ("cz", "cz"),
    ("cze", "cz"),
    ("de", "de"),
    ("deu", "de"),
    ("ger", "de"),
    ("dk", "dk"),
    ("en", ""),
    ("eng", ""),
    ("es", "es"),
    ("esp", "es"),
    ("fi", "fi"),
    ("fin", "fi"),
    ("fr", "fr"),
    ("fra", "fr"),
    ("gb", "gb"),
    ("gr", "gr"),
    ("hr", "hr"),
    ("hu", "hu"),
    ("ie", "ie"),
    ("il", "il"),
    ("in", "in"),
    ("ir", "ir"),
    ("is", "is"),
    ("it", "it"),
    ("ita", "it"),
    ("jp", "jp"),
    ("kr", "kr"),
    ("lu", "lu"),
    ("mx", "mx"),
    ("nl", "nl"),
    ("nld", "nl"),
    ("no", "no"),
    ("nor", "no"),
    ("nz", "nz"),
    ("pe", "pe"),
    ("pk", "pk"),
    ("pl", "pl"),
    ("pol", "pl"),
    ("pt", "pt"),
    ("por", "pt"),
    ("ro", "ro"),
    ("rou", "ro"),
    ("rs", "rs"),
    ("ru", "ru"),
    ("rus", "ru"),
    ("se", "se"),
    ("swe", "se"),
    ("si", "si"),
    ("sk", "sk"),
    ("sp", "es"),
    ("tr", "tr"),
    ("tur", "tr"),
    ("ua", "ua"),
    ("uk", "gb"),
    ("us", "us"),
    ("usa", "us"),
    ("za", "za"),
    ("austria", "at"),
    ("australia", "au"),
    ("belgium", "be"),
    ("brazil", "br"),
    ("canada", "ca"),
    ("deutschland", "de"),
    ("english", ""),
    ("espana", "es"),
    ("france", "fr"),
    ("germany", "de"),
    ("greece", "gr"),
    ("ireland", "ie"),
    ("italia", "it"),
    ("italy", "it"),
    ("netherlands", "nl"),
    ("poland", "pl"),
    ("polska", "pl"),
    ("portugal", "pt"),
    ("romania", "ro"),
    ("schweiz", "ch"),
    ("spain", "es"),
    ("switzerland", "ch"),
    ("turkey", "tr"),
];
/// Codes that end real names too often to be taken off there, written without brackets.
const ALSO_WORDS: [&str; 8] = ["ar", "be", "en", "in", "is", "it", "no", "si"];
/// What says how a channel is sent.
const QUALITY: [&str; 30] = [
    "sd", "hq", "lq", "hd", "fhd", "uhd", "qhd", "hdr", "hdr10", "4k", "8k", "hevc", "h264", "h265", "x264", "x265",
    "avc", "raw", "1080p", "1080i", "720p", "576p", "576i", "480p", "2160p", "4320p", "50fps", "60fps", "25fps", "vip",
];
const DIVIDERS: [char; 10] =
    ['|', '\u{2502}', '\u{2503}', '\u{258e}', '\u{2588}', '\u{a6}', '\u{2022}', '\u{25cf}', '\u{2605}', '\u{25ba}'];

/// A channel's name, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// What is left of it, folded, in order.
    pub(super) words: Vec<String>,
    /// The words without spaces between them: what is compared.
    pub(super) key: String,
    /// The country it says it is from.
    pub(super) country: Option<&'static str>,
    /// Hours that it is behind its base: 1 of `+1`.
    pub(super) behind: u8,
}

impl Name {
    pub(super) fn of(text: &str) -> Self {
        let mut name = Self::default();
        let (plain, asides) = take_apart(text);
        for aside in asides {
            name.note(&fold(&aside));
        }
        let plain = name.prefix(&plain);
        let plain = name.plus(plain);
        name.suffix(&plain);
        name.key = name.words.concat();
        name
    }

    /// The same without hours behind.
    pub(super) fn base(&self) -> Self {
        Self { behind: 0, ..self.clone() }
    }

    /// With a country from elsewhere, where the name has none.
    pub(super) fn or_country(self, country: Option<&'static str>) -> Self {
        Self { country: self.country.or(country), ..self }
    }

    /// Whether both say where they are from, and differ.
    pub(super) fn is_elsewhere(&self, other: &Self) -> bool {
        self.country.is_some() && other.country.is_some() && self.country != other.country
    }

    /// The numbers in it, in order: names that differ in one mean different channels.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &str> {
        self.key.split(|letter: char| !letter.is_ascii_digit()).filter(|number| !number.is_empty())
    }

    /// Takes what an aside says.
    fn note(&mut self, folded: &str) {
        for word in folded.split(' ') {
            if let Some(country) = place(word) {
                self.country = self.country.or(country);
            }
        }
    }

    /// Takes a leading `DE:` or `UK - ` off.
    fn prefix<'a>(&mut self, text: &'a str) -> &'a str {
        let Some((before, behind)) = text.split_once([':', '-', '\u{2013}']) else { return text };
        let parts = before.ends_with(char::is_whitespace) || text[before.len()..].starts_with(':');
        let is_code = parts || before.trim().chars().all(char::is_uppercase);
        match place(&fold(before)) {
            Some(country) if is_code && !fold(behind).is_empty() => {
                self.country = self.country.or(country);
                behind
            }
            _ => text,
        }
    }

    /// Takes `+1` out, and writes out other signs that are part of a name.
    fn plus(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['+', '&']) {
            let (before, behind) = (&rest[..at], &rest[at + 1..]);
            out.push_str(before);
            if rest[at..].starts_with('&') {
                out.push_str(" and ");
                rest = behind;
                continue;
            }
            let spaced = before.is_empty() || before.ends_with(char::is_whitespace);
            let number = if spaced { behind.trim_start() } else { behind };
            let digits = number.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(number.len());
            match number[..digits].parse::<u8>() {
                Ok(hours @ 1..=24) => {
                    self.behind = hours;
                    rest = number[digits..].strip_prefix(['h', 'H']).unwrap_or(&number[digits..]);
                    out.push(' ');
                }
                _ => {
                    out.push_str(" plus ");
                    rest = behind;
                }
            }
        }
        out.push_str(rest);
        out
    }

    /// Keeps the words that are the name: not its quality, nor a country at its end.
    fn suffix(&mut self, text: &str) {
        let mut words: Vec<String> = fold(text).split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let last = text.split_whitespace().rfind(|word| !is_quality(&fold(word)));
        if words.iter().any(|word| !is_quality(word)) {
            for (pair, joined) in [
                (["h", "265"], "h265"),
                (["h", "264"], "h264"),
                (["ultra", "hd"], "uhd"),
                (["full", "hd"], "fhd"),
                (["hd", "plus"], "hd"),
            ] {
                while let Some(at) = words.windows(2).position(|two| two == pair) {
                    words.splice(at..at + 2, [joined.to_owned()]);
                }
            }
            words.retain(|word| !is_quality(word));
        }
        let code = words.last().filter(|_| words.len() > 1).and_then(|word| Some((word, place(word)?)));
        if let Some((word, country)) = code {
            let written =
                last.is_some_and(|last| last.chars().any(char::is_uppercase) && !last.chars().any(char::is_lowercase));
            if word.len() > 3 || (written && !ALSO_WORDS.contains(&word.as_str())) {
                self.country = self.country.or(country);
                words.pop();
            }
        }
        self.words = words;
    }
}

/// The country of an id such as `one.de`.
pub(super) fn country_of_id(id: &str) -> Option<&'static str> {
    let (_, code) = id.rsplit_once('.')?;
    (code.len() == 2).then(|| place(&code.to_ascii_lowercase()))??
}

fn is_quality(word: &str) -> bool {
    QUALITY.contains(&word)
}

/// Whether a word names a country or a language, and which country.
fn place(word: &str) -> Option<Option<&'static str>> {
    let (_, country) = PLACES.iter().find(|(name, _)| *name == word)?;
    Some((!country.is_empty()).then_some(country))
}

/// The text without its asides (in brackets, between dividers) that say only quality, country or language; and those asides.
fn take_apart(text: &str) -> (String, Vec<String>) {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let (mut open, mut divided) = (false, false);
    for letter in text.chars() {
        let (begins, ends) = (matches!(letter, '[' | '(' | '{'), matches!(letter, ']' | ')' | '}'));
        if begins || ends || DIVIDERS.contains(&letter) {
            divided |= !begins && !ends;
            pieces.push((std::mem::take(&mut piece), open));
            open = begins;
        } else {
            piece.push(letter);
        }
    }
    pieces.push((piece, open));
    let (mut plain, mut asides) = (String::new(), Vec::new());
    let mut count = pieces.iter().filter(|(piece, _)| !piece.trim().is_empty()).count();
    for (piece, bracketed) in pieces {
        let folded = fold(&piece);
        let aside = !folded.is_empty() && folded.split(' ').all(|word| is_quality(word) || place(word).is_some());
        if aside && count > 1 && (bracketed || divided) {
            asides.push(piece);
            count -= 1;
        } else {
            if !plain.is_empty() {
                plain.push(' ');
            }
            plain.push_str(&piece);
        }
    }
    (plain.trim().to_owned(), asides)
}
