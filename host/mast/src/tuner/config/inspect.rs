//! `inspect`, `inspect_interval` and `inspect_samples` of `[tuner]`: looking at what channels show.

use std::time::Duration;

use super::HOUR;
use crate::config::reader::Section;

/// What a channel is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// `black`: a black picture.
    Black,
    /// `frozen`: a picture in which nothing moves.
    Frozen,
    /// `silent`: sound that cannot be heard.
    Silent,
    /// `looping`: the same scenes again and again, such as a provider's own slate.
    Looping,
}

impl Check {
    const WORDS: [(&str, Self); 4] =
        [("black", Self::Black), ("frozen", Self::Frozen), ("silent", Self::Silent), ("looping", Self::Looping)];
}

/// Whether and how it is looked at what channels show. It costs a short run of FFmpeg for each look.
#[derive(Debug, Clone)]
pub struct InspectConfig {
    /// `inspect`: what makes a channel go over to its next upstream; default nothing, and then nothing is looked at.
    pub checks: Vec<Check>,
    /// `inspect_interval`: how often each playing channel is looked at, default 30s, from 5s to 1h.
    pub interval: Duration,
    /// `inspect_samples`: looks in a row that have to say the same, default 3, from 2 to 100.
    pub samples: usize,
}

impl InspectConfig {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let mut checks = Vec::new();
        for word in section.list::<String>("inspect") {
            match Check::WORDS.iter().find(|(known, _)| *known == word) {
                Some((_, check)) => checks.push(*check),
                None => {
                    let known = Check::WORDS.map(|(known, _)| format!("\"{known}\"")).join(", ");
                    section.problem("inspect", format!("does not know \"{word}\"; known are {known}"));
                }
            }
        }
        Self {
            checks,
            interval: section.span("inspect_interval", Duration::from_secs(30), Duration::from_secs(5)..=HOUR),
            samples: section.integer("inspect_samples", 3, 2..=100),
        }
    }
}

impl Default for InspectConfig {
    fn default() -> Self {
        Section::defaults(Self::read)
    }
}
