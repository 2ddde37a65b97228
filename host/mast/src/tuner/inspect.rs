//! Judges what a channel shows: black, frozen, silent or a loop. Pure: it is given a sample of one finished segment now and then, and
//! remembers what it needs of the earlier ones. It knows nothing of FFmpeg, time or channels.
//!
//! A verdict takes several samples in a row that all say the same, so that a fade, a still shot or a quiet scene is none. What proves
//! the contrary in a single sample starts the row anew.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use mast_ffmpeg::{Look, Picture, Sample};

use super::config::{Check, InspectConfig};
use super::fault::UpstreamFault;

/// A picture whose every cell is at most this bright, of 255, is black. A logo on black is brighter, and so are titles.
const BLACK: u8 = 18;
/// Two pictures whose cells differ by at most this, of 255, are the same: encoders disturb a still picture by less. A cell is a
/// sixteenth of the picture in each direction, so that a face that speaks before a still background changes some by more.
const NOISE: u8 = 2;
/// Within a sample that can be recognised some cell changes by at least this: what hardly moves looks the same again by chance.
const MOTION: u8 = 12;
/// A peak below this, of 32768, is silence: -60 dB.
const SILENCE: u16 = 33;
/// Samples in a row that were all seen before make a loop, at least.
const RETURNS: usize = 3;
/// Samples that are remembered to recognise a loop.
const HISTORY: usize = 64;
/// The samples that a verdict takes double with each one before, but not more often than this.
const MOST_PATIENCE: u32 = 5;

/// The memory of one upstream's samples, from when it started to play.
#[derive(Debug)]
pub(crate) struct Inspector {
    config: InspectConfig,
    /// Samples in a row that a verdict takes.
    needed: usize,
    black: usize,
    silent: usize,
    frozen: usize,
    /// Samples in a row that were seen before.
    returns: usize,
    /// Samples in a row that raised no suspicion.
    clean: usize,
    /// What a frozen picture looks like.
    reference: Option<Picture>,
    /// Samples with motion, oldest first.
    seen: VecDeque<Vec<Picture>>,
}

impl Inspector {
    /// An inspector that has seen nothing. It takes its time where there were `verdicts` already: who cannot be helped is not to be
    /// disturbed again and again.
    pub(crate) fn new(config: &InspectConfig, verdicts: u32) -> Self {
        let needed = config.samples << verdicts.min(MOST_PATIENCE);
        Self {
            config: config.clone(),
            needed,
            black: 0,
            silent: 0,
            frozen: 0,
            returns: 0,
            clean: 0,
            reference: None,
            seen: VecDeque::new(),
        }
    }

    /// What has to be looked at.
    pub(crate) fn look(&self) -> Look {
        let checks = |check| self.config.checks.contains(&check);
        Look {
            pictures: checks(Check::Black) || checks(Check::Frozen) || checks(Check::Looping),
            sound: checks(Check::Silent),
        }
    }

    /// Takes the next sample, of a segment that was not looked at before; the verdict, once there is one.
    pub(crate) fn judge(&mut self, sample: &Sample) -> Option<UpstreamFault> {
        let pictures = sample.pictures.as_deref().unwrap_or_default();
        let row = |before: usize, again: bool| if again { before + 1 } else { 0 };
        self.black = row(self.black, !pictures.is_empty() && pictures.iter().all(is_black));
        // Without a track of sound there is nothing to be missed.
        self.silent = row(self.silent, sample.peak.is_some_and(|peak| peak < SILENCE));
        self.frozen = self.still(pictures);
        let returns = self.recognise(pictures);
        self.returns = row(self.returns, returns);
        let verdicts = [
            (Check::Black, self.black, self.needed, UpstreamFault::Black),
            (Check::Frozen, self.frozen, self.needed, UpstreamFault::FrozenPicture),
            (Check::Silent, self.silent, self.needed, UpstreamFault::Silent),
            (Check::Looping, self.returns, self.needed.max(RETURNS), UpstreamFault::Looping),
        ];
        let mut looked_for = verdicts.into_iter().filter(|(check, ..)| self.config.checks.contains(check));
        let tells = sample.pictures.is_some() || sample.peak.is_some();
        self.clean = row(self.clean, tells && looked_for.clone().all(|(_, row, ..)| row == 0));
        looked_for.find(|(_, row, needed, _)| row >= needed).map(|(.., fault)| fault)
    }

    /// Whether the upstream has been fine for longer than any verdict takes.
    pub(crate) fn is_cleared(&self) -> bool {
        self.clean > 2 * self.needed.max(RETURNS)
    }

    /// Samples in a row that show one and the same picture.
    fn still(&mut self, pictures: &[Picture]) -> usize {
        let Some(first) = pictures.first() else {
            self.reference = None;
            return 0;
        };
        let is_still = |reference: &Picture| pictures.iter().all(|picture| difference(reference, picture) <= NOISE);
        if self.reference.as_ref().is_some_and(is_still) {
            return self.frozen + 1;
        }
        let alone = is_still(first);
        self.reference = alone.then_some(*first);
        usize::from(alone)
    }

    /// Whether the sample was seen before. Remembers it if not.
    fn recognise(&mut self, pictures: &[Picture]) -> bool {
        if motion(pictures) < MOTION {
            return false;
        }
        let same = |earlier: &Vec<Picture>| {
            earlier.len() == pictures.len()
                && earlier.iter().zip(pictures).all(|(one, other)| difference(one, other) <= NOISE)
        };
        let is_known = self.seen.iter().any(same);
        if !is_known {
            if self.seen.len() == HISTORY {
                self.seen.pop_front();
            }
            self.seen.push_back(pictures.to_vec());
        }
        is_known
    }
}

fn is_black(picture: &Picture) -> bool {
    picture.iter().all(|cell| *cell <= BLACK)
}

/// The largest difference between cells of the same place.
fn difference(one: &Picture, other: &Picture) -> u8 {
    one.iter().zip(other).map(|(one, other)| one.abs_diff(*other)).max().unwrap_or(0)
}

/// The largest difference from one picture to the next.
fn motion(pictures: &[Picture]) -> u8 {
    pictures.windows(2).map(|pair| difference(&pair[0], &pair[1])).max().unwrap_or(0)
}
