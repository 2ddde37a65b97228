//! One upstream on its way into a channel: the connection, the segmenters that cut its bytes, and its watchdogs. A channel has at most
//! two: the one that fills the window, and one that is being tried beside it. What an intake on trial produced since its last cut is
//! held, so that it can take over at a random access point without losing anything.
//!
//! A ladder is one multiplex with a program for each rung: each has a segmenter of its own over the same bytes. The first one leads;
//! one without pictures, which could be cut anywhere, follows it.
//!
//! It knows nothing of windows, numbers or viewers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf as _;
use jiff::Timestamp;
use mast_media::{Codecs, Counters, End, Event, Pages, Segmenter, SegmenterConfig};
use tokio::time::Instant;

use super::fault::{Failure, UpstreamFault};
use super::link::{Link, LinkEvent, Opened};
use super::numbers::Loaded;
use super::transcoder::Rung;
use super::watchdog::Watchdog;

/// How an intake cuts and when it has had enough.
#[derive(Debug, Clone)]
pub(crate) struct IntakeConfig {
    pub(crate) segmenter: SegmenterConfig,
    /// No bytes, no access units or (beyond a longest segment) no segments for this long is a fault.
    pub(crate) stall_timeout: Duration,
}

/// What a rung produced; rungs count from 0, the leading one.
pub(crate) type Produced = (usize, Event);

/// One upstream on its way in.
pub(crate) struct Intake {
    link: Link,
    /// One for each rung.
    segmenters: Vec<Segmenter>,
    /// What the rungs are called; empty where they are for everybody.
    names: Vec<Arc<str>>,
    config: IntakeConfig,
    watchdog: Option<Watchdog>,
    /// When what comes is shown, where the upstream says it.
    date: Option<Timestamp>,
    events: Vec<Produced>,
    /// The leading segmenter's counters at the last look.
    counted: Counters,
    /// What was produced since the last cut, while on trial.
    held: Held,
}

#[derive(Default)]
struct Held {
    /// By rung.
    codecs: Vec<Option<Codecs>>,
    chunks: Vec<Event>,
    /// When the first random access point came.
    since: Option<Instant>,
}

impl Held {
    /// The oldest bytes that were not kept before lie in these pages.
    fn keep(&mut self, pages: Pages) {
        let mut rest = pages.len();
        let first = self.chunks.iter().position(|event| matches!(event, Event::Chunk(_)));
        let first = first.unwrap_or(self.chunks.len());
        let mut chunks = self.chunks.split_off(first);
        self.chunks.push(Event::Kept(pages));
        chunks.retain_mut(|event| {
            let Event::Chunk(bytes) = event else { return true };
            let taken = rest.min(bytes.len());
            rest -= taken;
            bytes.advance(taken);
            !bytes.is_empty()
        });
        self.chunks.append(&mut chunks);
    }
}

/// What happened on an intake.
pub(crate) enum IntakeEvent {
    /// The upstream answered. The numbers were read beside it where they were not known yet.
    Opened(Option<Loaded>),
    /// Bytes came; see [`Intake::take`].
    Media(Media),
    /// Another channel needs the connection, and this one may give it up.
    Wanted,
    /// It failed or ended.
    Failed(Failure),
}

/// What came in with some bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Media {
    pub(crate) bytes: usize,
    pub(crate) continuity_errors: u64,
}

impl Intake {
    /// An intake whose upstream is being opened.
    pub(crate) fn new(link: Link, config: IntakeConfig) -> Self {
        Self {
            link,
            segmenters: vec![Segmenter::new(config.segmenter.clone())],
            names: Vec::new(),
            config,
            watchdog: None,
            date: None,
            events: Vec::new(),
            counted: Counters::default(),
            held: Held::default(),
        }
    }

    /// The next thing that happens; with `yields` also that another channel needs the connection. Safe to cancel.
    pub(crate) async fn next(&mut self, yields: bool) -> IntakeEvent {
        match self.link.next(yields).await {
            LinkEvent::Opened(Opened { mut upstream, numbers }) => {
                self.shape(&upstream.rungs);
                self.names = std::mem::take(&mut upstream.names);
                self.link = Link::Open(upstream);
                let (stall, longest) = (self.config.stall_timeout, self.config.segmenter.max_duration);
                self.watchdog = Some(Watchdog::new(Instant::now(), stall, longest, 0));
                IntakeEvent::Opened(numbers)
            }
            LinkEvent::Bytes(bytes) => {
                let date = self.date.unwrap_or_else(Timestamp::now);
                self.cut(|segmenter, events| segmenter.push(&bytes, date, events));
                IntakeEvent::Media(self.media())
            }
            LinkEvent::Date(date) => {
                self.date = Some(date);
                IntakeEvent::Media(Media::default())
            }
            LinkEvent::Break => {
                // A schedule ends a file anywhere.
                let end = if self.date.take().is_some() { End::Severed } else { End::Whole };
                self.cut(|segmenter, events| segmenter.end_of_input(end, events));
                IntakeEvent::Media(self.media())
            }
            LinkEvent::Calm => {
                if let Some(watchdog) = &mut self.watchdog {
                    watchdog.calm(Instant::now());
                }
                IntakeEvent::Media(Media::default())
            }
            LinkEvent::Wanted => IntakeEvent::Wanted,
            LinkEvent::Failed(failure) => IntakeEvent::Failed(failure),
        }
    }

    /// How many rungs there are.
    pub(crate) fn rungs(&self) -> usize {
        self.segmenters.len()
    }

    /// What the rungs are called; empty where they are for everybody.
    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// What the segmenters made of the bytes.
    pub(crate) fn take(&mut self) -> std::vec::Drain<'_, Produced> {
        self.events.drain(..)
    }

    /// Keeps what the segmenters made of the bytes until the intake takes over. True at a cut.
    pub(crate) fn hold(&mut self, now: Instant) -> bool {
        let mut cut = false;
        for (rung, event) in self.events.drain(..) {
            match event {
                Event::Codecs(codecs) => {
                    if self.held.codecs.len() <= rung {
                        self.held.codecs.resize(rung + 1, None);
                    }
                    self.held.codecs[rung] = Some(codecs);
                }
                Event::Cut(_) if rung == 0 => {
                    cut = true;
                    self.held.chunks.clear();
                }
                Event::Chunk(_) if rung == 0 => {
                    self.held.since.get_or_insert(now);
                    self.held.chunks.push(event);
                }
                Event::Kept(pages) if rung == 0 => {
                    self.held.keep(pages);
                }
                // Of the other rungs only whole segments count, and these were before the channel's time.
                Event::Cut(_) | Event::Chunk(_) | Event::Kept(_) => {}
            }
        }
        cut
    }

    /// Since when there has been something to play; none before the first random access point.
    pub(crate) fn playing_since(&self) -> Option<Instant> {
        self.held.since
    }

    /// Hands out what was held: the open segment from its start on.
    pub(crate) fn release(&mut self) -> Vec<Produced> {
        let held = std::mem::take(&mut self.held);
        let codecs = held.codecs.into_iter().enumerate();
        let codecs = codecs.filter_map(|(rung, codecs)| Some((rung, Event::Codecs(codecs?))));
        codecs.chain(held.chunks.into_iter().map(|chunk| (0, chunk))).collect()
    }

    /// The upstream is given up: what is open becomes a last segment.
    pub(crate) fn end(mut self) -> Vec<Produced> {
        self.cut(|segmenter, events| segmenter.end_of_input(End::Severed, events));
        self.events
    }

    /// Longer GOPs are cut from now on.
    pub(crate) fn set_longest(&mut self, longest: Duration) {
        self.segmenters.iter_mut().for_each(|segmenter| segmenter.set_max_duration(longest));
    }

    /// When its watchdogs have to be asked again.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(Watchdog::due)
    }

    /// What its watchdogs say.
    pub(crate) fn check(&self, now: Instant) -> Option<UpstreamFault> {
        self.watchdog.as_ref().and_then(|watchdog| watchdog.check(now))
    }

    fn shape(&mut self, rungs: &[(u16, Rung)]) {
        let segmenter = |(number, rung): &(u16, Rung)| {
            let follows = matches!(rung, Rung::AudioOnly);
            Segmenter::new(SegmenterConfig { program: Some(*number), follows, ..self.config.segmenter.clone() })
        };
        if !rungs.is_empty() {
            self.segmenters = rungs.iter().map(segmenter).collect();
        }
    }

    /// Lets every segmenter work, the leading one first: the others are told where it cut.
    fn cut(&mut self, mut work: impl FnMut(&mut Segmenter, &mut Vec<Event>)) {
        let (mut events, mut marks) = (Vec::new(), Vec::new());
        for (rung, segmenter) in self.segmenters.iter_mut().enumerate() {
            marks.iter().for_each(|mark| segmenter.mark(*mark));
            work(segmenter, &mut events);
            if rung == 0 {
                let next = |event: &Event| if let Event::Cut(cut) = event { cut.next } else { None };
                marks = events.iter().filter_map(next).collect();
            }
            self.events.extend(events.drain(..).map(|event| (rung, event)));
        }
    }

    fn media(&mut self) -> Media {
        let counters = self.segmenters.first().map_or_else(Counters::default, Segmenter::counters);
        let before = std::mem::replace(&mut self.counted, counters);
        let now = Instant::now();
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.fed(now, counters.access_units);
            if self.events.iter().any(|(rung, event)| *rung == 0 && matches!(event, Event::Cut(_))) {
                watchdog.cut(now);
            }
        }
        Media {
            bytes: usize::try_from(counters.bytes - before.bytes).unwrap_or(usize::MAX),
            continuity_errors: counters.continuity_errors - before.continuity_errors,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_is_held_is_the_same_whether_it_is_kept_or_not() {
        let mut held = Held::default();
        let chunk =
            |held: &mut Held, text: &'static str| held.chunks.push(Event::Chunk(Bytes::from_static(text.as_bytes())));
        ["abc", "de"].into_iter().for_each(|text| chunk(&mut held, text));
        held.keep(b"abcd"[..].into());
        ["f", "gh"].into_iter().for_each(|text| chunk(&mut held, text));
        held.keep(b"ef"[..].into());
        let text = |event: &Event| match event {
            Event::Chunk(bytes) => bytes.to_vec(),
            Event::Kept(pages) => pages.to_vec(),
            Event::Codecs(_) | Event::Cut(_) => Vec::new(),
        };
        let pieces: Vec<Vec<u8>> = held.chunks.iter().map(text).collect();
        assert_eq!(pieces, [&b"abcd"[..], b"ef", b"gh"]);
    }
}
