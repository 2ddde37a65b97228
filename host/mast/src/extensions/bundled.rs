//! The plugins that the binary carries inside it; `build.rs` makes the table.

/// The table: name and component, by name.
static TABLE: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Names this similar are offered instead of an unknown one.
const SIMILAR: f64 = 0.7;

/// The bundled plugins.
#[derive(Debug, Clone, Copy)]
pub struct Bundled(&'static [(&'static str, &'static [u8])]);

/// A plugin that the binary does not carry.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no bundled plugin \"{name}\"{}", hint(.suggestion, .known))]
pub struct UnknownPlugin {
    name: String,
    suggestion: Option<&'static str>,
    known: Vec<&'static str>,
}

fn hint(suggestion: &Option<&'static str>, known: &[&'static str]) -> String {
    match (suggestion, known) {
        (Some(name), _) => format!(", did you mean \"{name}\"?"),
        (None, []) => "; this binary carries none, use path = \"...\"".to_owned(),
        (None, known) => format!("; there are {}, or use path = \"...\"", known.join(", ")),
    }
}

impl Bundled {
    /// What this binary carries.
    pub fn new() -> Self {
        Self(TABLE)
    }

    #[cfg(test)]
    pub(super) fn of(table: &'static [(&'static str, &'static [u8])]) -> Self {
        Self(table)
    }

    /// A component by name.
    pub fn find(self, name: &str) -> Result<&'static [u8], UnknownPlugin> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, component)| *component).ok_or_else(|| {
            let similar = |known: &str| strsim::jaro_winkler(known, name);
            let suggestion =
                self.names().filter(|known| similar(known) >= SIMILAR).max_by(|a, b| similar(a).total_cmp(&similar(b)));
            UnknownPlugin { name: name.to_owned(), suggestion, known: self.names().collect() }
        })
    }

    /// All names, sorted.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }
}

impl Default for Bundled {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_or_suggests() {
        let bundled = Bundled::of(&[("auth-network", b"a"), ("source-m3u", b"s")]);
        assert_eq!(bundled.find("source-m3u"), Ok(b"s".as_slice()));
        let message = |bundled: Bundled, name| bundled.find(name).unwrap_err().to_string();
        assert_eq!(
            message(bundled, "source-mu3"),
            "there is no bundled plugin \"source-mu3\", did you mean \"source-m3u\"?"
        );
        assert_eq!(
            message(bundled, "zzz"),
            "there is no bundled plugin \"zzz\"; there are auth-network, source-m3u, or use path = \"...\""
        );
        assert_eq!(
            message(Bundled::of(&[]), "zzz"),
            "there is no bundled plugin \"zzz\"; this binary carries none, use path = \"...\""
        );
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(Bundled::new().names().is_sorted());
    }
}
