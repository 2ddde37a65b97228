//! Names by what they share: the same key, or nearly the same. Only names that share groups of three letters are compared, so that
//! thousands of channels and tens of thousands of names take a fraction of a second.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::names::Name;

/// Names that are compared letter by letter with one.
const CANDIDATES: usize = 48;
/// A group of three letters in more names than this says little.
const COMMON: usize = 1_000;
/// Names that are met in all groups of one.
const MET: usize = 4_000;
/// Most that is told.
const TOLD: usize = 3;

/// Names of channels.
#[derive(Default)]
pub(super) struct NameIndex {
    names: Vec<(usize, Name)>,
    /// Places in `names`, by key.
    keys: HashMap<String, Vec<u32>>,
    /// Places in `names`, by three letters.
    groups: HashMap<[u8; 3], Vec<u32>>,
}

impl NameIndex {
    /// Adds a name of the channel at `place`. A name with nothing left is none.
    pub(super) fn add(&mut self, place: usize, name: Name) {
        let Ok(at) = u32::try_from(self.names.len()) else { return };
        if name.key.is_empty() {
            return;
        }
        for group in groups(&name.key) {
            self.groups.entry(group).or_default().push(at);
        }
        self.keys.entry(name.key.clone()).or_default().push(at);
        self.names.push((place, name));
    }

    /// The channel that has this very name: of several the one from the same country, then the first.
    pub(super) fn same(&self, name: &Name) -> Option<usize> {
        let same = self.keys.get(&name.key)?.iter().filter_map(|at| self.names.get(*at as usize));
        let fitting = same.filter(|(_, other)| other.behind == name.behind && !other.is_elsewhere(name));
        fitting.min_by_key(|(_, other)| other.country != name.country).map(|(place, _)| *place)
    }

    /// Channels whose names are at least so alike, the likeliest first, at most three.
    pub(super) fn alike(&self, name: &Name, least: f64) -> Vec<(usize, f64)> {
        let mut found: Vec<(usize, f64)> = Vec::new();
        for at in self.candidates(name, least) {
            let (place, other) = &self.names[at as usize];
            let Some(score) = score(name, other, least) else { continue };
            match found.iter_mut().find(|(known, _)| known == place) {
                Some((_, best)) => *best = best.max(score),
                None => found.push((*place, score)),
            }
        }
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(TOLD);
        found
    }

    /// The names that share most with one, among those that can be so alike.
    fn candidates(&self, name: &Name, least: f64) -> Vec<u32> {
        let groups = groups(&name.key);
        // Rare groups tell most and cost least.
        let mut lists: Vec<&[u32]> =
            groups.iter().map(|group| self.groups.get(group).map_or(&[][..], Vec::as_slice)).collect();
        lists.sort_by_key(|places| places.len());
        let mut met: Vec<u32> = Vec::new();
        let mut used = 0_usize;
        for places in lists.into_iter().take_while(|places| places.len() <= COMMON) {
            if met.len() + places.len() > MET {
                break;
            }
            met.extend_from_slice(places);
            used += 1;
        }
        met.sort_unstable();
        // A letter that differs spoils four groups at most, and a word at another place three.
        let differing = ((1.0 - least) * name.key.len() as f64 / least.max(0.1)).floor() as usize;
        let shared = used.saturating_sub(4 * differing + 3 * name.words.len()).max(1);
        let mut counted: Vec<(usize, u32)> = met
            .chunk_by(|a, b| a == b)
            .filter_map(|same| Some((same.len(), *same.first()?)))
            .filter(|(count, _)| *count >= shared)
            .collect();
        counted.sort_unstable_by_key(|(count, at)| (Reverse(*count), *at));
        counted.into_iter().take(CANDIDATES).map(|(_, at)| at).collect()
    }
}

/// Three letters in a row, each once, with a mark at the beginning, so that short names have some.
fn groups(key: &str) -> Vec<[u8; 3]> {
    let marked: Vec<u8> = std::iter::once(b'^').chain(key.bytes()).chain([b'$']).collect();
    let mut groups: Vec<[u8; 3]> = marked.windows(3).filter_map(|three| three.try_into().ok()).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// How alike two names are, 0 to 1; none below `least`. The order of words does not count; numbers, countries and hours behind must not
/// differ.
fn score(name: &Name, other: &Name, least: f64) -> Option<f64> {
    if name.behind != other.behind || name.is_elsewhere(other) || !name.numbers().eq(other.numbers()) {
        return None;
    }
    let longest = name.key.len().max(other.key.len()) as f64;
    if 1.0 - name.key.len().abs_diff(other.key.len()) as f64 / longest < least {
        return None;
    }
    let likeness = |one: &str, other: &str| 1.0 - strsim::osa_distance(one, other) as f64 / longest;
    let mut score = likeness(&name.key, &other.key);
    if score < 1.0 && name.words.len() > 1 && other.words.len() > 1 {
        score = score.max(likeness(&sorted(name), &sorted(other)));
    }
    Some(score).filter(|score| *score >= least)
}

fn sorted(name: &Name) -> String {
    let mut words = name.words.clone();
    words.sort_unstable();
    words.concat()
}
