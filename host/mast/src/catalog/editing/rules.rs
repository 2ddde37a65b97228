//! Rules over the catalogue, compiled: regular expressions that take linear time and bounded memory.

use std::collections::HashMap;

use mast_model::{Channel, ChannelId, InstanceId};
use regex::{Regex, RegexBuilder};

use super::change::EditError;
use super::records::{DedupeBy, Rule, Rules};

const MOST_RULES: usize = 100;
/// Characters of a pattern or a name.
const LONGEST: usize = 256;
/// Compiled size of one expression.
const REGEX_BYTES: usize = 1 << 20;

/// Rules that are ready to be applied.
#[derive(Default)]
pub(in crate::catalog) struct CompiledRules {
    renames: Vec<Rename>,
    categories: HashMap<String, String>,
    dedupes: Vec<(DedupeBy, Vec<InstanceId>)>,
}

struct Rename {
    pattern: Regex,
    replacement: String,
    sources: Vec<InstanceId>,
}

/// What rules would change about one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Which.
    pub channel: ChannelId,
    /// Name and category's name now; none where it is hidden.
    pub before: Option<(String, Option<String>)>,
    /// The same with the rules.
    pub after: Option<(String, Option<String>)>,
}

impl CompiledRules {
    pub(in crate::catalog) fn new(rules: &Rules) -> Result<Self, EditError> {
        if rules.rules.len() > MOST_RULES {
            return Err(EditError::Invalid(format!("there are at most {MOST_RULES} rules")));
        }
        let mut compiled = Self::default();
        for (number, rule) in (1..).zip(&rules.rules) {
            let wrong = |what: String| EditError::Invalid(format!("rule {number}: {what}"));
            match rule {
                Rule::Rename { pattern, replacement, sources } => {
                    if pattern.chars().count() > LONGEST || replacement.chars().count() > LONGEST {
                        return Err(wrong(format!("pattern and replacement have at most {LONGEST} characters")));
                    }
                    let regex = RegexBuilder::new(pattern).size_limit(REGEX_BYTES).build();
                    let pattern = regex.map_err(|error| wrong(error.to_string()))?;
                    let (replacement, sources) = (replacement.clone(), sources.clone());
                    compiled.renames.push(Rename { pattern, replacement, sources });
                }
                Rule::Category { from, to } => {
                    if to.is_empty() || to.chars().count() > LONGEST || to.chars().any(char::is_control) {
                        return Err(wrong(format!("a category's name has 1 to {LONGEST} characters")));
                    }
                    compiled.categories.insert(from.clone(), to.clone());
                }
                Rule::Dedupe { by, prefer } => compiled.dedupes.push((*by, prefer.clone())),
            }
        }
        Ok(compiled)
    }

    /// A channel's name after all renames; none where it stays.
    pub(super) fn name(&self, channel: &Channel) -> Option<String> {
        let mut name = std::borrow::Cow::Borrowed(channel.name.as_str());
        for rename in &self.renames {
            if rename.sources.is_empty() || rename.sources.contains(&channel.source) {
                let replaced = rename.pattern.replace_all(&name, rename.replacement.as_str());
                if let std::borrow::Cow::Owned(replaced) = replaced {
                    name = replaced.chars().take(LONGEST).collect::<String>().trim().to_owned().into();
                }
            }
        }
        // A channel without a name cannot be told from others.
        (*name != channel.name && !name.is_empty()).then(|| name.into_owned())
    }

    /// A category's name; none where it stays.
    pub(super) fn category(&self, name: &str) -> Option<&String> {
        self.categories.get(name)
    }

    /// Groups of channels that are the same, the one that stays first. `channels` are in lineup order.
    pub(super) fn duplicates(&self, channels: &[&Channel]) -> Vec<Vec<ChannelId>> {
        let mut groups = Vec::new();
        for (by, prefer) in &self.dedupes {
            let mut same: HashMap<String, Vec<&Channel>> = HashMap::new();
            for channel in channels {
                let key = match by {
                    DedupeBy::Name => Some(key_of(&channel.name)),
                    DedupeBy::EpgId => channel.epg_id.as_ref().map(|id| id.to_lowercase()),
                };
                if let Some(key) = key.filter(|key| !key.is_empty()) {
                    same.entry(key).or_default().push(channel);
                }
            }
            let place = |source: &InstanceId| prefer.iter().position(|one| one == source).unwrap_or(usize::MAX);
            let several = same.into_values().filter(|group| group.len() > 1);
            groups.extend(several.map(|mut group| {
                // Stable: otherwise the order of the lineup.
                group.sort_by_key(|channel| place(&channel.source));
                group.iter().map(|channel| channel.id).collect()
            }));
        }
        groups
    }
}

fn key_of(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
