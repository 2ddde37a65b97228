//! Season and episode in an entry's name: `Show S01E02 - Title`, `Show s1 e2`, `Show 1x02`.

/// What a name says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Episode<'a> {
    /// The series; empty where nothing stands before the number.
    pub(crate) series: &'a str,
    pub(crate) season: u32,
    pub(crate) number: u32,
    /// What stands behind the number; may be empty.
    pub(crate) title: &'a str,
}

const SEPARATORS: [char; 12] = [' ', '-', '–', '.', '_', ':', '|', ',', '(', ')', '[', ']'];

impl<'a> Episode<'a> {
    /// The first season and episode in the name.
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        let mut before = None;
        for (at, c) in name.char_indices() {
            let is_start = !before.replace(c).is_some_and(char::is_alphanumeric);
            if !is_start {
                continue;
            }
            if let Some((season, number, rest)) = marked(&name[at..]).or_else(|| crossed(&name[at..])) {
                let (series, title) = (name[..at].trim_matches(SEPARATORS), rest.trim_matches(SEPARATORS));
                return Some(Self { series, season, number, title });
            }
        }
        None
    }
}

/// `S01E02`, `s1 e2`, `S01.EP02`: season, episode and the rest.
fn marked(text: &str) -> Option<(u32, u32, &str)> {
    let (season, rest) = digits(text.strip_prefix(['S', 's'])?, 4)?;
    let rest = rest.trim_start_matches([' ', '.', '_', '-']).strip_prefix(['E', 'e'])?;
    let (number, rest) = digits(rest.strip_prefix(['P', 'p']).unwrap_or(rest), 5)?;
    Some((season, number, rest))
}

/// `1x02`.
fn crossed(text: &str) -> Option<(u32, u32, &str)> {
    let (season, rest) = digits(text, 2)?;
    let (number, rest) = digits(rest.strip_prefix(['x', 'X'])?, 3)?;
    Some((season, number, rest))
}

/// A number of at most `most` digits, after which there is no letter.
fn digits(text: &str, most: usize) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    if end > most || rest.starts_with(|c: char| c.is_alphanumeric() && !"EeXx".contains(c)) {
        return None;
    }
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Episode;

    #[test]
    fn names_say_season_and_episode() {
        for (name, expected) in [
            ("Show S01E02", Some(("Show", 1, 2, ""))),
            ("Show S01 E02", Some(("Show", 1, 2, ""))),
            ("The Show (2019) - S10E115 - The End", Some(("The Show (2019", 10, 115, "The End"))),
            ("show.s1.ep2.title", Some(("show", 1, 2, "title"))),
            ("Show 1x02 Title", Some(("Show", 1, 2, "Title"))),
            ("Séries 4 – S0E1", Some(("Séries 4", 0, 1, ""))),
            ("S02E03", Some(("", 2, 3, ""))),
            ("Show S01E02E03", Some(("Show", 1, 2, "E03"))),
            ("Show [S01E02] 1080p", Some(("Show", 1, 2, "1080p"))),
            ("Heroes1E2", None),
            ("A Film 1920x1080", None),
            ("Season 1", None),
            ("S1E99999999999", None),
            ("4x4", Some(("", 4, 4, ""))),
            ("", None),
        ] {
            let found = Episode::parse(name).map(|found| (found.series, found.season, found.number, found.title));
            assert_eq!(found, expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(series in "[A-Za-z][a-z ]{0,8}[a-z]", season in 0..10_000_u32, number in 0..100_000_u32, title in "[A-Z][a-z]{0,8}") {
            let name = format!("{series} S{season:02}E{number:02} {title}");
            let expected = Episode { series: &series, season, number, title: &title };
            prop_assert_eq!(Episode::parse(&name), Some(expected));
        }

        #[test]
        fn no_name_is_too_strange(name in "\\PC{0,20}|[sSeExXpP0-9 .-]{0,20}") {
            Episode::parse(&name);
        }
    }
}
