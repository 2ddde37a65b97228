//! Rows: segments of the same time, one of each rung.

use jiff::SignedDuration;
use mast_media::ts::clock;

use super::*;

/// Starts this far apart, in ticks of 90 kHz, belong together: encoders of different rungs and sound have slightly different delays.
const APART: i64 = 45_000;

impl Origin {
    /// The next complete row. What has no counterpart in another rung is given up.
    pub(super) fn next_row(&mut self) -> Option<Vec<Cut>> {
        loop {
            let leader = self.rungs.first()?.cuts.front()?.start;
            let mut complete = true;
            let mut alone = false;
            for rung in &mut self.rungs[1..self.shape] {
                while rung.cuts.front().is_some_and(|cut| clock::distance(cut.start, leader) > APART) {
                    rung.cuts.pop_front();
                }
                match rung.cuts.front() {
                    Some(cut) => alone |= clock::distance(leader, cut.start) > APART,
                    None => complete = false,
                }
            }
            if alone {
                self.give_up_leader();
                continue;
            }
            if !complete {
                return None;
            }
            return Some(self.rungs[..self.shape].iter_mut().filter_map(|rung| rung.cuts.pop_front()).collect());
        }
    }

    /// The leading rung's oldest segment has no counterpart: it is left out, and what follows is a discontinuity.
    fn give_up_leader(&mut self) {
        self.rungs[0].cuts.pop_front();
        self.switched = true;
        self.channel.trail.abandon();
        self.resume_trail();
    }

    /// Adds a row to the windows and publishes them.
    pub(super) fn publish(&mut self, mut row: Vec<Cut>) -> Result<(), Failure> {
        let discontinuity = row.iter().any(|cut| cut.discontinuity) | std::mem::take(&mut self.switched);
        let first = row[0].clone();
        // Rungs that the intake does not have show what the leading one shows.
        row.resize(self.rungs.len(), first.clone());
        let base = self.row_base();
        let now = Timestamp::now();
        let mut segment = None;
        let codecs = self.rungs[0].codecs.clone();
        let leading = self.names.first().cloned();
        for (at, cut) in row.into_iter().enumerate() {
            let target = self.leader().map(Window::target_duration);
            let config = self.window_config(at);
            let rung = &mut self.rungs[at];
            if at >= self.shape {
                rung.codecs = codecs.clone();
            }
            let base = SequenceBase { target_duration: target.or(base.target_duration), ..base };
            let window = rung.window.get_or_insert_with(|| Window::new(config, base));
            let started_at = later(first.started_at, clock::distance(first.start, cut.start));
            let pushed = window.push(Cut { discontinuity, started_at, ..cut }, now);
            // A rung that the intake does not have is allowed to whoever may watch what it shows.
            let name = self.names.get(at).or(leading.as_ref()).cloned();
            rung.shown.push(pushed.sequence, name, oldest(window));
            segment.get_or_insert(pushed);
        }
        let level = *self.level.borrow();
        if self.window_bytes() > level {
            self.shrink_to(level);
        }
        self.channel.counts.segments.fetch_add(1, Ordering::Relaxed);
        self.store();
        let (Some(segment), Some(window)) = (segment, self.leader()) else { return Ok(()) };
        let (next, proposal, oldest) = (window.next(), window.proposal(), oldest(window));
        self.channel.trail.finish(segment, oldest);
        self.resume_trail();
        self.numbers.used(next, proposal)
    }

    /// What came after the segment that was just finished, or given up.
    fn resume_trail(&mut self) {
        if self.rungs[0].cuts.is_empty() {
            for event in self.waiting.drain(..) {
                match event {
                    Event::Chunk(bytes) => self.channel.trail.append(bytes),
                    Event::Kept(pages) => self.channel.trail.keep(pages),
                    Event::Codecs(_) | Event::Cut(_) => {}
                }
            }
        }
    }

    /// Where a window that joins with the next row starts.
    fn row_base(&self) -> SequenceBase {
        match self.leader() {
            None => self.numbers.base(whole_seconds(self.config.segment_duration)),
            Some(leader) => {
                let next = leader.next();
                // Its first segment counts as a discontinuity of its own.
                SequenceBase { discontinuity: next.discontinuity.saturating_sub(1), ..next }
            }
        }
    }

    fn window_config(&self, rung: usize) -> WindowConfig {
        WindowConfig {
            listed_segments: self.config.playlist_segments,
            listed_duration: self.config.rewind,
            target_duration: whole_seconds(self.config.segment_duration),
            uri_prefix: if rung == 0 { String::new() } else { format!("{rung}-") },
        }
    }
}

/// A time this many ticks of 90 kHz later.
fn later(time: Timestamp, ticks: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_micros(ticks * 100 / 9)).unwrap_or(time)
}

/// Rounded to the nearest second, as EXTINF is.
fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from((duration.as_millis() + 500) / 1000).unwrap_or(u32::MAX).max(1)
}
