//! `key="value"` lists of `#EXTM3U` and `#EXTINF`, as written by careless people.

/// Attributes in order, names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// The first value that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The first value of the first of these names that has one.
    pub fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// Appends those of a further line.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    #[cfg(test)]
    /// Adds an attribute, as written.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    #[cfg(test)]
    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    /// A list without anything behind it.
    pub fn parse(text: &str) -> Self {
        let mut rest = text;
        let mut attributes = Self::default();
        while !rest.is_empty() {
            rest = attributes.take(rest);
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        attributes
    }

    /// `DURATION key="value" ...,NAME`: the attributes and the name. The name begins behind the first comma outside of quotes.
    pub fn parse_extinf(text: &str) -> (Self, String) {
        let mut attributes = Self::default();
        // The duration says nothing about a channel.
        let end = text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len());
        // Some writers leave the blank after the duration out, or the duration itself.
        let mut rest = if text[..end].contains('=') { text } else { &text[end..] };
        while !rest.is_empty() {
            if let Some(name) = rest.strip_prefix(',') {
                return (attributes, name.trim().to_owned());
            }
            rest = attributes.take(rest);
        }
        (attributes, String::new())
    }

    /// Takes one token and what separates it from the next; answers the rest. The rest is shorter than `text`
    /// unless `text` begins with a comma.
    fn take<'a>(&mut self, text: &'a str) -> &'a str {
        let text = text.trim_start();
        let end = text.find(|c: char| c == '=' || c == ',' || c.is_whitespace()).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let Some(value) = rest.strip_prefix('=') else {
            return rest.trim_start();
        };
        let (value, rest) = take_value(value);
        if !name.is_empty() {
            self.0.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        rest.trim_start()
    }
}

/// A quoted or bare value and the rest. A quote inside a value ends it only where a blank, a comma, the next attribute or the end
/// follows, so `tvg-name="The "Best"One"` is read whole.
fn take_value(text: &str) -> (&str, &str) {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return text.split_at(text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len()));
    };
    let inner = &text[1..];
    let ends = |at: usize| {
        let behind = inner[at + 1..].trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '-');
        let next_attribute =
            behind.len() < inner.len() - at - 1 && (behind.starts_with("=\"") || behind.starts_with("='"));
        next_attribute || inner[at + 1..].chars().next().is_none_or(|next| next == ',' || next.is_whitespace())
    };
    let mut quotes = inner.match_indices(quote).map(|(at, _)| at);
    let close = quotes.clone().find(|&at| ends(at)).or_else(|| quotes.next());
    close.map_or((inner, ""), |at| (&inner[..at], &inner[at + 1..]))
}
