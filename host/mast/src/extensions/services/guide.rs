//! The guide of a line as an output reads it: channel by channel, one version of every guide for all that a request asks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use mast_model::ChannelId;
use mast_plugin::records::{self, Pairs};
use mast_plugin::services::Cursor;

use crate::guide::{Reading, pick};

/// The contract's largest batch.
const MAX_BATCH: usize = 1024;

/// Programmes being read.
pub(super) struct GuideCursor {
    /// None where the guide cannot be read, which is in the log.
    reading: Option<Arc<Mutex<Reading>>>,
    channels: std::vec::IntoIter<ChannelId>,
    pending: VecDeque<records::Programme>,
    span: Option<(Timestamp, Timestamp)>,
    /// Texts are in the first of these that is there.
    languages: Arc<[String]>,
}

impl GuideCursor {
    /// The channels must be of the line's lineup. Times are Unix seconds.
    pub(super) fn new(
        reading: Option<Arc<Mutex<Reading>>>,
        languages: Arc<[String]>,
        channels: Vec<ChannelId>,
        (start, stop): (u64, u64),
    ) -> Self {
        let at = |seconds: u64| {
            i64::try_from(seconds)
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .unwrap_or(Timestamp::MAX)
        };
        let span = (start < stop).then(|| (at(start), at(stop)));
        Self { reading, channels: channels.into_iter(), pending: VecDeque::new(), span, languages }
    }

    /// The programmes of the next channel that has some; false at the end.
    fn fill(&mut self) -> bool {
        let (Some(reading), Some((from, until))) = (&self.reading, self.span) else { return false };
        let Some(channel) = self.channels.next() else { return false };
        let found = reading.lock().unwrap_or_else(PoisonError::into_inner).programmes(channel, from, until);
        match found {
            Ok(programmes) => {
                self.pending.extend(programmes.into_iter().map(|one| record(channel, one, &self.languages)));
            }
            Err(error) => {
                tracing::error!(%error, "an output gets no more of the guide");
                self.reading = None;
            }
        }
        true
    }
}

impl Cursor<records::Programme> for GuideCursor {
    fn next(&mut self, max: usize) -> Vec<records::Programme> {
        let max = max.min(MAX_BATCH);
        while self.pending.len() < max && self.fill() {}
        self.pending.drain(..max.min(self.pending.len())).collect()
    }
}

fn record(channel: ChannelId, programme: mast_model::Programme, languages: &[String]) -> records::Programme {
    let unix = |at: Timestamp| u64::try_from(at.as_second()).unwrap_or_default();
    let first =
        |texts: &[mast_model::GuideText]| pick(texts, languages).map(|text| text.value.clone()).unwrap_or_default();
    let details = &programme.details;
    let (title, sub_title, description) =
        (first(&details.titles), first(&details.sub_titles), first(&details.descriptions));
    records::Programme {
        channel: channel.0,
        start: unix(programme.start),
        stop: unix(programme.stop),
        title,
        sub_title,
        description,
        attrs: attrs(programme.details, languages),
    }
}

/// The importer's own, and what has no field of its own, each as often as there are some: `lang` (of the title), `category`, `icon`,
/// `episode-number:SYSTEM` and `credit:ROLE`, whose value is a name, or `name|part`.
fn attrs(details: mast_model::ProgrammeDetails, languages: &[String]) -> Pairs {
    let mut attrs = details.attrs;
    let lang = pick(&details.titles, languages).and_then(|title| title.lang.clone());
    attrs.extend(lang.map(|lang| ("lang".to_owned(), lang)));
    attrs.extend(details.categories.into_iter().map(|category| ("category".to_owned(), category.value)));
    attrs.extend(details.icons.into_iter().map(|icon| ("icon".to_owned(), icon)));
    attrs.extend(
        details.episode_numbers.into_iter().map(|number| (format!("episode-number:{}", number.system), number.value)),
    );
    attrs.extend(details.credits.into_iter().map(|credit| {
        let part = credit.part.map(|part| format!("|{part}")).unwrap_or_default();
        (format!("credit:{}", credit.role), credit.name + &part)
    }));
    attrs
}
