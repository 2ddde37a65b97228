//! What was mended or left out, said briefly: a guide with one mistake in every programme gives a handful of remarks and a count.

/// How often a remark is made with its item.
const EACH: u64 = 5;
/// How many unknown entities are named.
const ENTITIES: usize = 16;

/// Remarks since they were last taken, and how often each was made.
#[derive(Default)]
pub(crate) struct Remarks {
    counts: Vec<(&'static str, u64)>,
    entities: Vec<String>,
    fresh: Vec<(String, String)>,
}

impl Remarks {
    /// Notes that something is the matter with an item.
    pub(crate) fn note(&mut self, item: impl FnOnce() -> String, what: &'static str) {
        let count = match self.counts.iter_mut().find(|(known, _)| *known == what) {
            Some((_, count)) => count,
            None => {
                self.counts.push((what, 0));
                &mut self.counts.last_mut().expect("was just pushed").1
            }
        };
        *count += 1;
        if *count <= EACH {
            self.fresh.push((item(), what.to_owned()));
        }
    }

    /// Notes an entity that means nothing here; each is named once.
    pub(crate) fn entity(&mut self, name: &str) {
        if self.entities.len() < ENTITIES && !self.entities.iter().any(|known| known == name) {
            self.entities.push(name.to_owned());
            self.fresh.push((format!("&{name};"), "this entity is not defined; it stays in the text".to_owned()));
        }
    }

    /// What is new, to be handed on.
    pub(crate) fn take(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.fresh)
    }

    /// Nothing is new.
    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_empty()
    }

    /// How many remarks were made, the unsaid ones included.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum::<u64>() + self.entities.len() as u64
    }

    /// The counts of what was left unsaid.
    pub(crate) fn rest(&self) -> impl Iterator<Item = (String, String)> {
        let more = self.counts.iter().filter(|(_, count)| *count > EACH);
        more.map(|(what, count)| (format!("{} more", count - EACH), (*what).to_owned()))
    }
}
