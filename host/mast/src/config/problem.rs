//! What is wrong with a configuration, one line each.

use std::fmt;
use std::path::{Path, PathBuf};

use mast_model::UpstreamUrl;
use serde::Serialize;

/// One problem. Its text never holds a secret: the reader leaves out values of keys that look like one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file it is about.
    pub file: PathBuf,
    /// Line in the file, from 1, where it is known.
    pub line: Option<usize>,
    /// The environment variable that the value came from instead of the file.
    pub variable: Option<String>,
    /// Where in the file, for example `http.listen`; empty for the file as a whole.
    pub key: String,
    /// The offending value as written, where it may be shown.
    pub value: Option<String>,
    /// What is wrong and what is expected.
    pub message: String,
}

impl Problem {
    /// A problem of a file as a whole.
    pub fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            variable: None,
            key: String::new(),
            value: None,
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.variable, self.line) {
            (Some(variable), _) => write!(f, "environment variable {variable}: ")?,
            (None, Some(line)) => write!(f, "{}:{line}: ", self.file.display())?,
            (None, None) => write!(f, "{}: ", self.file.display())?,
        }
        match (self.key.as_str(), &self.value) {
            ("", _) => {}
            (key, Some(value)) => write!(f, "{key} = {value}: ")?,
            (key, None) => write!(f, "{key}: ")?,
        }
        f.write_str(&self.message)
    }
}

/// All problems of a configuration; displays one a line. Never empty where it is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// A value as it may be printed; none where the key looks like a secret's.
pub(super) fn showable(path: &str, written: &str) -> Option<String> {
    let path = path.to_ascii_lowercase();
    if ["password", "passwd", "secret", "token", "credential", "key", "header", "cookie"]
        .iter()
        .any(|word| path.contains(word))
    {
        return None;
    }
    // A URL among the settings is often a provider's, with credentials in user info, path or query.
    let bare = written.trim_matches(['"', '\'', '…']);
    match bare.split_once("://") {
        // The path of a tuner ends in a line's token.
        None if path.starts_with("discovery.") && bare.contains('/') => None,
        Some(_) if bare.starts_with('[') => None,
        Some((_, rest)) if rest.contains(['@', '/', '?']) => Some(format!("\"{}\"", UpstreamUrl::new(bare))),
        _ => Some(written.to_owned()),
    }
}
