//! What is wrong with playouts beyond their settings: files that are not there or cannot be scheduled, entries that cut others short.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mast_model::Span;

use super::recording::{Recording, Unfit};
use crate::tuner::config::PlayoutConfig;

/// A problem: its key in `mast.toml`, the file that it is about, what is wrong.
pub(crate) type Found = (String, PathBuf, String);

/// Looks at every file. Blocks.
pub(crate) fn check(playouts: &BTreeMap<String, PlayoutConfig>) -> Vec<Found> {
    let mut lengths = BTreeMap::new();
    let mut length = |path: &Path| -> Result<Duration, String> {
        lengths.entry(path.to_owned()).or_insert_with(|| measured(path).map_err(|unfit| unfit.to_string())).clone()
    };
    let mut found = Vec::new();
    for (name, config) in playouts {
        if let Some(filler) = &config.filler
            && let Err(message) = length(filler)
        {
            found.push((format!("playout.{name}.filler"), filler.clone(), message));
        }
        let key = |entry: usize, key: &str| format!("playout.{name}.entries[{entry}].{key}");
        let mut known = Vec::new();
        for (at, entry) in config.entries.iter().enumerate() {
            let measured = length(&entry.file);
            if let Err(message) = &measured {
                found.push((key(at, "file"), entry.file.clone(), message.clone()));
            }
            known.push(measured.ok());
        }
        for (cut, starts, by) in config.schedule().overlaps(&known) {
            let message = format!(
                "starts {} before entries[{cut}] is over, and ends it; start it later, or give that one a duration",
                Span(Duration::from_secs(by.as_secs().max(1)))
            );
            found.push((key(starts, "at"), config.entries[starts].file.clone(), message));
        }
    }
    found
}

fn measured(path: &Path) -> Result<Duration, Unfit> {
    Ok(Recording::of(&mut File::open(path)?)?.length)
}
