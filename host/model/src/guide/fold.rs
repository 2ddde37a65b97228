//! Texts folded for comparing: lower case, without diacritics, other scripts in Latin letters. What is stored is never folded.

/// Longer words are cut.
const WORD_MAX: usize = 40;

/// Hands out the folded words of a text, in order. Everything that is neither letter nor digit separates; an apostrophe does not.
/// `word` is scratch space, so that nothing is allocated for a word.
pub fn folded_words(text: &str, word: &mut String, mut each: impl FnMut(&str)) {
    word.clear();
    let mut take = |piece: u8, word: &mut String| {
        if piece.is_ascii_alphanumeric() {
            if word.len() < WORD_MAX {
                word.push(char::from(piece.to_ascii_lowercase()));
            }
        } else if piece != b'\'' && !word.is_empty() {
            each(word);
            word.clear();
        }
    };
    let mut rest = text;
    while let Some(letter) = rest.bytes().next() {
        if letter.is_ascii() {
            // Nearly all letters are.
            let plain = rest.bytes().position(|letter| !letter.is_ascii()).unwrap_or(rest.len());
            let (plain, other) = rest.split_at(plain);
            plain.bytes().for_each(|piece| take(piece, word));
            rest = other;
        } else if let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            if letter != '\u{2019}' {
                deunicode::deunicode_char(letter).unwrap_or(" ").bytes().for_each(|piece| take(piece, word));
            }
        }
    }
    take(b' ', word);
}

/// A text as its folded words, one space between them.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    folded_words(text, &mut String::new(), |word| {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    });
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folds() {
        for (text, folded) in [
            ("", ""),
            (" -- ", ""),
            ("Évasion: l'Été", "evasion lete"),
            ("Tagesschau um 20:00", "tagesschau um 20 00"),
            ("Don\u{2019}t  STOP!", "dont stop"),
            ("Привет мир", "privet mir"),
            ("Größe Øre Łódź", "grosse ore lodz"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    proptest! {
        #[test]
        fn folding_is_stable(text: String) {
            let folded = fold(&text);
            prop_assert!(folded.bytes().all(|byte| byte == b' ' || byte.is_ascii_lowercase() || byte.is_ascii_digit()));
            prop_assert_eq!(fold(&folded), folded);
        }
    }
}
