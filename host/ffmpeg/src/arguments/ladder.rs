//! Several qualities of one channel, out of one process and one pipe: an MPEG-TS with a program for each. They share the decoded
//! picture, its clock and the audio tracks, so that their segments can be cut at the same times.

use crate::profile::{AudioCodec, Problem, Profile};

/// More would not be told apart, and each costs a core.
const MOST: usize = 8;

/// The qualities of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// The pictures. Of these profiles the audio settings are not used.
    pub variants: Vec<Profile>,
    /// What happens to the sound, which all share.
    pub audio: AudioCodec,
    /// Kilobits per second of each audio track, for encoding it.
    pub audio_bitrate: u32,
    /// Whether there is one more rung with the sound alone.
    pub has_audio_only: bool,
}

/// What one program of the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// A variant, by its place in [`Ladder::variants`], with all audio tracks.
    Variant(usize),
    /// All audio tracks.
    AudioOnly,
}

impl Ladder {
    /// Everything that is wrong with it.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.variants.iter().flat_map(in_variant).collect();
        if self.variants.is_empty() || self.variants.len() > MOST {
            problems.push(Problem::new("variants", format!("a ladder has 1 to {MOST} variants")));
        }
        let names = self.variants.iter().map(|variant| &variant.name).collect::<std::collections::BTreeSet<_>>();
        if names.len() < self.variants.len() {
            problems.push(Problem::new("variants", "a variant is named twice"));
        }
        let differ =
            |of: fn(&Profile) -> Option<u32>| self.variants.windows(2).any(|pair| of(&pair[0]) != of(&pair[1]));
        if differ(|variant| Some(variant.gop)) {
            problems.push(Problem::new("gop", "all variants need the same: players change over at keyframes"));
        }
        if differ(|variant| variant.fps) {
            problems.push(Problem::new("fps", "all variants need the same: otherwise keyframes do not meet"));
        }
        if self.audio == AudioCodec::Aac && !(16..=512).contains(&self.audio_bitrate) {
            problems
                .push(Problem::new("audio_bitrate", format!("{} is not within 16 to 512 kbit/s", self.audio_bitrate)));
        }
        if self.has_audio_only && self.audio == AudioCodec::None {
            problems.push(Problem::new("audio", "an audio-only rung needs sound: choose aac or copy"));
        }
        problems
    }
}

fn in_variant(variant: &Profile) -> Vec<Problem> {
    // Its own sound does not matter.
    let picture = Profile { audio: AudioCodec::Copy, ..variant.clone() };
    let mut problems = picture.validate();
    if !variant.video.is_encoded() {
        problems
            .push(Problem::new("video", "a variant of a ladder is encoded: keyframes of a copy are where they are"));
    }
    for problem in &mut problems {
        problem.message = format!("variant {}: {}", variant.name.escape_default(), problem.message);
    }
    problems
}
