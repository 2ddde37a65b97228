//! What a file that cannot be read properly seems to say, so that a policy with a typing error does not let everybody in, and a
//! source with one keeps its lineup.

use mast_plugin::Kind;

use super::OnError;

/// A guess from the lines above the first section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) kind: Option<Kind>,
    pub(super) disabled: bool,
    pub(super) on_error: OnError,
}

impl Default for Hint {
    fn default() -> Self {
        Self { kind: None, disabled: false, on_error: OnError::Deny }
    }
}

impl Hint {
    pub(super) fn of(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut hint = Self::default();
        for line in text.lines().map(str::trim).take_while(|line| !line.starts_with('[')) {
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
            match (key.trim(), value) {
                ("kind", "source") => hint.kind = Some(Kind::Source),
                ("kind", "epg") => hint.kind = Some(Kind::Epg),
                ("kind", "output") => hint.kind = Some(Kind::Output),
                ("kind", "auth") => hint.kind = Some(Kind::Auth),
                ("enabled", value) => hint.disabled = value == "false",
                ("on_error", "skip") => hint.on_error = OnError::Skip,
                ("on_error", "allow-stale") => hint.on_error = OnError::AllowStale,
                _ => {}
            }
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses() {
        let deny = OnError::Deny;
        for (text, kind, disabled, on_error) in [
            ("", None, false, deny),
            ("kind = \"auth\"\nplugin = ", Some(Kind::Auth), false, deny),
            ("  kind='auth' # who\non_error = \"skip\"\nenabled = false\n", Some(Kind::Auth), true, OnError::Skip),
            ("kind = \"auth", Some(Kind::Auth), false, deny),
            ("kind = \"outputs\"\n", None, false, deny),
            ("[config]\nkind = \"auth\"\n", None, false, deny),
            ("kind = \"source\"\n\u{0}", Some(Kind::Source), false, deny),
        ] {
            assert_eq!(Hint::of(text.as_bytes()), Hint { kind, disabled, on_error }, "{text}");
        }
    }
}
